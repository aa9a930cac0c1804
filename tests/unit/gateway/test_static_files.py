"""Which files the demo page consists of."""

from pathlib import Path

import pytest

from rheon_gateway.static_files import StaticFiles


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    web, modules = tmp_path / "web", tmp_path / "modules"
    web.mkdir()
    modules.mkdir()
    (tmp_path / "secret.js").write_text("secret")
    (web / "index.html").write_text("page")
    (web / "demo.js").write_text("demo")
    (web / "notes.txt").write_text("notes")
    (web / ".hidden.js").write_text("hidden")
    (web / "outside.js").symlink_to(tmp_path / "secret.js")
    (modules / "index.js").write_text("client")
    (web / "client").symlink_to(modules)
    return StaticFiles(web)


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/", "page", "text/html; charset=utf-8"),
        ("/index.html", "page", "text/html; charset=utf-8"),
        ("/demo.js", "demo", "text/javascript; charset=utf-8"),
        ("/client/index.js", "client", "text/javascript; charset=utf-8"),
    ],
)
def test_files_of_the_page_and_of_the_client(files: StaticFiles, path: str, content: str, kind: str) -> None:
    found = files.find(path)
    assert found is not None
    assert (found[0].read_text(), found[1]) == (content, kind)


@pytest.mark.parametrize(
    "path",
    [
        "/missing.js",
        "/notes.txt",
        "/.hidden.js",
        "/outside.js",
        "/../secret.js",
        "/client/../../secret.js",
        "/client",
        "//etc/passwd",
        "/client//index.js",
        "/demo.js/",
        "/demo.js\x00.html",
        "/..\\secret.js",
        "/" + "a" * 300 + ".js",
        "/" + "a/" * 600,
        "/\udce9.js",
    ],
)
def test_nothing_else(files: StaticFiles, path: str) -> None:
    assert files.find(path) is None
