"""Counts the requests of one server process and times them, by door, operation and outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.process_collector import ProcessCollector

from app.core.web.requests.operations import OPERATION, OUTCOME

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX: Final = "lhcopn"
METER: Final = "portal_meter"
"""Where the application keeps the meter of its process."""
_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Meter:
    """The requests of this process since it started."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self._requests = Histogram(
            "request_duration_seconds",
            "Requests: how many, and how long until their answers began.",
            ("process", "door", "operation", "outcome"),
            namespace=PREFIX,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_OfProcess())

    def counted(self, doors: WSGIApplication, door_of: Callable[[str], str]) -> WSGIApplication:
        """``doors``, each of whose requests is counted. ``door_of`` names the door of a path."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            began = perf_counter()
            door = door_of(environ.get("PATH_INFO", ""))
            status = "none"

            def start(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                nonlocal status
                status = line[:3]
                return start_response(line, headers, *more)

            try:
                return doors(environ, start)
            finally:
                self._requests.labels(
                    str(os.getpid()),
                    door,
                    environ.get(OPERATION, "none"),
                    environ.get(OUTCOME, status),
                ).observe(perf_counter() - began)

        return application


class _OfProcess:
    """Memory, processor time and open files of this process, with the label ``process``."""

    def __init__(self) -> None:
        self._collector = ProcessCollector(namespace=PREFIX, registry=None)

    def collect(self) -> Iterable[Metric]:
        """The metrics of the library, each with one more label."""
        process = str(os.getpid())
        for metric in self._collector.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, "process": process})
                for sample in metric.samples
            ]
            yield metric


def name_operations(flask_app: Flask) -> None:
    """Name each request of this application after the view that answers it."""

    @flask_app.before_request
    def name_operation() -> None:
        if request.endpoint is not None:
            request.environ[OPERATION] = request.endpoint
