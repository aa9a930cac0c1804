"""The demo page: files of two folders, served as they are and nothing else."""

import re
from pathlib import Path
from typing import Final

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}

# No empty or hidden component, hence no "..", and none longer than a file name can be.
_PATH: Final = re.compile(r"[\w-][\w.-]{0,100}(?:/[\w-][\w.-]{0,100}){0,8}", re.ASCII)

WEB_ROOT: Final = Path(__file__).parent / "web"
"""The page; `client` in it is a link to the browser client's modules."""


class StaticFiles:
    """Finds files by URL path."""

    def __init__(self, root: Path = WEB_ROOT) -> None:
        self._root = root
        self._allowed = tuple(folder.resolve() for folder in (root, root / "client"))

    def find(self, url_path: str) -> tuple[Path, str] | None:
        """Return a file and its content type, or None when there is no such file to be shown.

        Only files of the known types below the two folders are found, whatever links or dots a path has.
        """
        relative = url_path.removeprefix("/") or "index.html"
        if not _PATH.fullmatch(relative):
            return None
        path = (self._root / relative).resolve()
        kind = _TYPES.get(path.suffix)
        if kind is None or not any(path.is_relative_to(folder) for folder in self._allowed) or not path.is_file():
            return None
        return path, kind
