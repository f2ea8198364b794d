"""``/healthz`` and ``/readyz``, for load balancers and monitors: no login, no secret, any Host."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app, json
from sqlalchemy.exc import SQLAlchemyError

from app.core.database.schema import misfit, revision_of
from app.core.database.transactions import begin_read
from app.core.database.write_probe import WriteProbe
from app.core.services.sealing import key_fits
from app.core.web.extensions import db
from app.core.web.person import public, secret_key
from app.core.web.times import iso
from app.home.services.readiness import readiness

blueprint = Blueprint("health", __name__)
RETRY_AFTER: Final = "10"
"""Seconds after which it is worth asking again."""
STARTED: Final = "portal_started"
"""Where the application keeps when it was made."""
PROBE: Final = "portal_write_probe"
"""Where the application keeps what it knows of whether it can write."""
_WRONG_KEY: Final = (
    "SECRET_KEY is not the one with which stored secrets were encrypted: partners and webhooks that"
    " need them are not served"
)
_READS: Final[Any] = {"methods": ["GET"], "provide_automatic_options": False}


@blueprint.route("/healthz", **_READS)
@public
def alive() -> Response:
    """This process answers. It touches no database."""
    return _answer({"alive": True})


@blueprint.route("/readyz", **_READS)
@public
def ready() -> Response:
    """Whether the portal can do its work; 503 says in ``reasons`` why not. What does not work while
    it serves is in ``degraded``: another process would serve no better."""
    session = db.session()
    try:
        begin_read(session)
        revision = revision_of(session.connection())
        if (reason := misfit(revision)) is not None:
            return _answer({"ready": False, "reasons": [reason], "schema": revision})
        found = readiness(session, datetime.now(UTC), current_app.extensions[STARTED])
        fits = key_fits(session, secret_key())
        session.rollback()
        if (problem := current_app.extensions[PROBE].problem(session)) is not None:
            found = replace(found, reasons=[problem, *found.reasons])
    except SQLAlchemyError:  # also where the pool has no connection left
        # what the driver says may name the server and the account
        return _answer({"ready": False, "reasons": ["the database does not answer"]})
    return _answer(
        {
            "ready": not found.reasons,
            "reasons": found.reasons,
            "degraded": [*found.degraded, *([_WRONG_KEY] if fits is False else [])],
            "key_fits": fits,
            "schema": revision,
            "worker_seen_seconds": found.worker_seen,
            "oldest_job_seconds": found.oldest_job,
            "oldest_mail_seconds": found.oldest_mail,
            "silent_sources": found.silent_sources,
            "failing_followers": {
                name: iso(since) for name, since in found.failing_followers.items()
            },
        }
    )


def _answer(content: dict[str, Any]) -> Response:
    good = content.get("ready", True)
    answer = current_app.response_class(json.dumps(content) + "\n", mimetype="application/json")
    if not good:
        answer.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def register(flask_app: Flask) -> None:
    """Bind both addresses; the process has started now."""
    flask_app.extensions[STARTED] = datetime.now(UTC)
    flask_app.extensions[PROBE] = WriteProbe()
    flask_app.register_blueprint(blueprint)
