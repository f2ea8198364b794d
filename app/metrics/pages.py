"""``/metrics``, for Prometheus: no login, but a token or a known address."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy.exc import SQLAlchemyError

from app.core.database.transactions import begin_read
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.person import public, remote
from app.jobs.rules.jobs import reason_of
from app.metrics.rules import Gauge
from app.metrics.services import gauges
from app.metrics.web import METER, PREFIX, Meter, name_operations

blueprint = Blueprint("metrics", __name__)
_log = logging.getLogger(__name__)
CACHED_SECONDS: Final = 10.0
"""For so long a process answers with what it read of the database before."""
LATEST_GAUGES: Final = "portal_metrics"
"""Where the application keeps what it read last."""


class LatestGauges:
    """What this process read of the database last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: float | None = None
        self._gauges: list[Gauge] = []

    def latest(self, settings: Settings) -> list[Gauge]:
        """The gauges, at most ``CACHED_SECONDS`` old. If the database does not answer, the only one
        says so: old values must not look like present ones."""
        with self._lock:
            if self._at is None or monotonic() - self._at >= CACHED_SECONDS:
                self._gauges = _read(settings)
                self._at = monotonic()
            return self._gauges


def _read(settings: Settings) -> list[Gauge]:
    meaning = "1 if the database answered, 0 if not: then nothing is known of the rest."
    session = db.session()
    try:
        begin_read(session)
        found = gauges(session, datetime.now(UTC), settings.report_due_days)
    except SQLAlchemyError as error:
        _log.warning("metrics not read", extra={"error": reason_of(error)})
        return [Gauge("database_up", meaning, (), [((), 0)])]
    finally:
        session.rollback()
    return [Gauge("database_up", meaning, (), [((), 1)]), *found]


class _Gauges:
    """Gauges in the form that the library writes."""

    def __init__(self, found: list[Gauge]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """One metric for each gauge."""
        for gauge in self._found:
            family = GaugeMetricFamily(f"{PREFIX}_{gauge.name}", gauge.meaning, labels=gauge.labels)
            for labels, value in gauge.values:
                family.add_metric([*labels], value)
            yield family


@blueprint.route("/metrics", methods=["GET"], provide_automatic_options=False)
@public
def metrics() -> Response:
    """Figures of the database, then those of this process. 404 unless a setting allows someone to
    read them, 401 for others."""
    settings: Settings = current_app.config["PORTAL"]
    if settings.metrics.is_off:
        abort(HTTPStatus.NOT_FOUND)
    if not settings.metrics.allows(request.headers.get("Authorization", ""), remote()):
        return current_app.response_class(
            "Send METRICS_TOKEN as a bearer token, or ask from an address of METRICS_FROM.\n",
            HTTPStatus.UNAUTHORIZED,
            {"WWW-Authenticate": "Bearer"},
            mimetype="text/plain",
        )
    cached: LatestGauges = current_app.extensions[LATEST_GAUGES]
    meter: Meter = current_app.extensions[METER]
    registry: Any = CollectorRegistry()
    registry.register(_Gauges(cached.latest(settings)))
    text = generate_latest(registry) + generate_latest(meter.registry)
    return current_app.response_class(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def register(flask_app: Flask) -> None:
    """Bind the address, and give the process its meter."""
    flask_app.extensions[LATEST_GAUGES] = LatestGauges()
    flask_app.extensions[METER] = Meter()
    name_operations(flask_app)
    flask_app.register_blueprint(blueprint)
