"""The repository itself: who may import whom, generated code up to date, nothing committed that should not be."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def test_imports_follow_the_architecture() -> None:
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_generated_code_matches_the_contracts(tmp_path: Path) -> None:
    contracts = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    protoc = [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", "-I", "proto"]
    output = [f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"]
    subprocess.run([*protoc, *output, *contracts], cwd=ROOT, check=True)
    generated = list(tmp_path.rglob("*.py"))
    assert len(generated) == 2 * len(contracts)
    for path in generated:
        assert (ROOT / "libs" / "protos" / path.relative_to(tmp_path)).read_text() == path.read_text(), (
            f"{path.name} is stale: run make proto"
        )


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pins = re.findall(r"^[a-zA-Z0-9_.\-\[\]]+==", text, re.MULTILINE)
    assert len(pins) > 20
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
    assert "index-url" not in text


def test_no_tracked_file_names_a_package_index() -> None:
    hosts = re.compile(rb"pypi\.(?:org|python)|pythonhosted|registry\.npmjs|static\.crates\.io|index\.crates\.io")
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path != Path(__file__) and hosts.search(path.read_bytes())
    ]
    assert offenders == []


def test_no_tracked_source_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked_files()
        if path.suffix in {".py", ".rs", ".js"}
        and "libs/protos" not in str(path)
        and (lines := path.read_bytes().count(b"\n")) > 800
    }
    assert long == {}
