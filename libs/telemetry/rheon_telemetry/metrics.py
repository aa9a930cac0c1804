"""Metrics of one service: an OpenTelemetry meter that Prometheus can scrape.

Every `Telemetry` has its own provider and registry, so that several services can live in one process (as in
`rheon dev`) and a test can make as many as it likes.
"""

from __future__ import annotations

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, exposition


class Telemetry:
    """The meter of a service and its Prometheus exposition."""

    def __init__(self, service: str, instance: str) -> None:
        """`service` is the OpenTelemetry service.name, `instance` its service.instance.id (the node or gateway id)."""
        self._closed = False
        self._registry = CollectorRegistry()
        self._provider = MeterProvider(
            metric_readers=[PrometheusMetricReader(scope_info_enabled=False, registry=self._registry)],
            resource=Resource({"service.name": service, "service.instance.id": instance}),
            shutdown_on_exit=False,
        )
        self.meter: Meter = self._provider.get_meter(service)

    def prometheus(self) -> tuple[bytes, str]:
        """The current metrics in Prometheus' text format, and their content type."""
        return exposition.generate_latest(self._registry), exposition.CONTENT_TYPE_LATEST

    def close(self) -> None:
        """Release the provider; the object is of no use afterwards. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._provider.shutdown()
