"""Metrics: one registry per service, whatever else lives in the process."""

from rheon_telemetry import Telemetry


def test_what_is_counted_is_exposed() -> None:
    telemetry = Telemetry("rheon.gateway", "gateway-1")
    telemetry.meter.create_counter("rheon_test_errors").add(3, {"code": 400})
    text, content_type = telemetry.prometheus()
    telemetry.close()
    assert b'rheon_test_errors_total{code="400"} 3.0' in text
    assert content_type.startswith("text/plain")


def test_two_services_of_one_process_do_not_mix() -> None:
    first, second = Telemetry("rheon.gateway", "a"), Telemetry("rheon.gateway", "b")
    first.meter.create_counter("rheon_test_joins").add(1)
    assert b"rheon_test_joins_total" not in second.prometheus()[0]
    first.close()
    second.close()
    second.close()
