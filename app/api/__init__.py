"""The programs' door: find the token, parse, call one service, answer JSON.

A Flask application of its own, mounted at /api: it has no session, no cookie and no page, so that
nothing a browser sends by itself is ever taken for a right (``docs/adr/0015-api.md``). It must not
hold business rules and must not know the other doors.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Final

from flask import Flask, Response, request
from sqlalchemy import Engine

from app.api import audit, exchange, meetings, notices, partners, people, problems, webhooks
from app.api.calendar import calendar
from app.api.caller import ENGINE, end_session
from app.api.document import document
from app.api.events import detected, events
from app.api.limits import BODY_LIMIT
from app.api.operations import COPIES_PER_DAY, operations_of
from app.api.rate_limit import RATE_LIMIT, RateLimit
from app.api.registry import names, pick_lists, records
from app.api.reports import forms, reports
from app.api.statistics import statistics
from app.api.tickets import actions, changes, filters, tickets
from app.core.services.refusals import Refusals
from app.core.settings import Settings

MODULES: Final = (
    tickets,
    actions,
    changes,
    records,
    names,
    pick_lists,
    events,
    detected,
    notices,
    exchange,
    webhooks,
    calendar,
    reports,
    forms,
    statistics,
    people,
    partners,
    audit,
    meetings,
    filters,
)
"""All that declare operations, in the order of the document."""
OPERATIONS: Final = tuple(one for module in MODULES for one in operations_of(module))


def build(engine: Engine, refusals: Refusals, settings: Settings) -> Flask:
    """The application on this database; its addresses are those below /api."""
    api = Flask("app.api", static_folder=None)
    api.extensions[ENGINE] = engine
    api.extensions["refusals"] = refusals
    api.extensions[reports.DUE_DAYS] = settings.report_due_days
    api.extensions[people.PUBLIC_URL] = settings.public_url
    api.extensions[COPIES_PER_DAY] = settings.copies_per_day
    api.extensions[RATE_LIMIT] = RateLimit(settings.api_calls_per_minute)
    api.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    api.url_map.merge_slashes = False
    api.teardown_appcontext(end_session)
    problems.register(api, settings.public_url)
    for operation in OPERATIONS:
        api.add_url_rule(
            operation.rule, operation.name, operation.respond, methods=[operation.method]
        )
    api.add_url_rule("/v1/openapi.json", "openapi", _openapi, methods=["GET"])
    return api


def _openapi() -> Response:
    """The document; open to everybody: it holds no data."""
    answer = Response(_document(), content_type="application/json")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@cache
def _document() -> str:
    """The document as text: made when it is first asked for, since that takes half of the time
    in which an application is made."""
    return json.dumps(document(OPERATIONS), ensure_ascii=False, indent=1)
