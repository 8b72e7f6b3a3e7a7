"""Figures for Prometheus. Labels are routes, statuses, codes and acts: nothing that stands for a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_CARD_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "permit_request_seconds",
            "Time to answer",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.problems = Counter("permit_problems", "Refusals by code", ("code",), registry=self.registry)
        self.acts = Counter("permit_acts", "Acts done", ("act",), registry=self.registry)
        self.sign_in_failures = Counter("permit_sign_in_failures", "Failed attempts to sign in", registry=self.registry)
        self.runs = Histogram(
            "permit_card_run_seconds",
            "Time to write a card",
            ("kind", "outcome"),
            registry=self.registry,
            buckets=_CARD_SECONDS,
        )
        self.running = Gauge("permit_card_runs", "Cards being written now", registry=self.registry)

    def render(self) -> bytes:
        """The text of `/metrics`."""
        return generate_latest(self.registry)
