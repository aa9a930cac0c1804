"""Offers captured from real clients."""

from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sdp"
NAMES = tuple(sorted(path.name.removesuffix("_offer.sdp") for path in FIXTURES.glob("*_offer.sdp")))


def captured_offer(name: str) -> str:
    """The offer as the client sent it, line ends included."""
    return (FIXTURES / f"{name}_offer.sdp").read_bytes().decode()
