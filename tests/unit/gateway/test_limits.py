"""Rates."""

from rheon_gateway.limits import Refusals, TokenBucket


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(0.0) == 0.5
    assert bucket.take(0.5) == 0.0
    assert bucket.take(0.5) == 0.5


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=2.0, burst=3, now=0.0)
    assert [bucket.take(1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_refusals_persist_without_a_pause() -> None:
    refusals = Refusals()
    assert not any(refusals.add(number * 0.5) for number in range(199))
    assert refusals.add(99.9)


def test_a_quiet_second_forgives() -> None:
    refusals = Refusals()
    assert not any(refusals.add(float(number)) for number in range(1000))
