"""Log lines: structured, bounded, and free of secrets and addresses."""

import json
import logging
from collections.abc import Iterator

import pytest

from rheon_telemetry import configure_logging, get_logger
from rheon_telemetry.logs import MAX_VALUE


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_lines_carry_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    get_logger("rheon.test").info("joined", room="a", user=7)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["room"], line["user"], line["level"]) == ("joined", "a", 7, "info")


@pytest.mark.parametrize("field", ["token", "Authorization", "jwt_secret", "ice_pwd", "remote_address", "peername"])
def test_secrets_and_addresses_never_reach_the_log(capsys: pytest.CaptureFixture[str], field: str) -> None:
    configure_logging("debug", json=True)
    get_logger("rheon.test").warning("refused", **{field: "hunter2"})
    text = capsys.readouterr().err
    assert "refused" in text
    assert "hunter2" not in text


def test_long_values_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    get_logger("rheon.test").info("odd", room="x" * 100_000)
    assert len(json.loads(capsys.readouterr().err)["room"]) == MAX_VALUE + 1


def test_messages_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warn")
    get_logger("rheon.test").info("quiet")
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="loud"):
        configure_logging("loud")
