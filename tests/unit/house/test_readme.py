"""The README tells the truth about settings, make targets and files."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from rheon_cli.settings_options import environment_name
from rheon_gateway.settings import GatewaySettings
from rheon_media_node.settings import MediaNodeSettings

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("model", [GatewaySettings, MediaNodeSettings])
def test_every_setting_is_described(model: type[BaseSettings]) -> None:
    described = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", README))
    assert {environment_name(name, field) for name, field in model.model_fields.items()} <= described


def test_every_described_setting_exists() -> None:
    table = README.split("## Configuration")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    known = {
        environment_name(name, field)
        for model in (GatewaySettings, MediaNodeSettings)
        for name, field in model.model_fields.items()
    }
    assert len(named) > 10
    assert named - {"RUST_LOG"} == known


def test_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"run", "test"} <= named <= targets


@pytest.mark.parametrize("page", ["README.md", "docs"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for source in sorted(path.glob("*.md")) if path.is_dir() else [path]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", source.read_text()):
            assert (source.parent / target).exists(), f"{source.name} links to {target}"
