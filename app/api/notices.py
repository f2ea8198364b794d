"""Maintenance notices of providers, as a mail server or a program hands them over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import request

from app.api.caller import session
from app.api.limits import NOTICES_LIMIT
from app.api.operations import Operation, Query
from app.api.schemas import NoQuery, NoticesAnswer
from app.core.database.transactions import transaction
from app.core.rules.access import Actor, Door, Writer
from app.core.rules.scopes import Scope
from app.notices.adapters.maintnote import read
from app.notices.services.notices import require_take, take_in


def bring_in(actor: Actor, _query: Query, _key: str) -> Mapping[str, Any]:
    """Take in a mail or calendar; what cannot be read is kept for a person, and is no error."""
    require_take(actor)
    request.max_content_length = NOTICES_LIMIT
    reading = read(request.get_data())
    by = Writer(actor, Door.API, datetime.now(UTC), remote=request.remote_addr or "")
    with transaction(session()):
        results = take_in(session(), by, reading)
    return {"items": results}


def _schema() -> Mapping[str, Any]:
    return {"type": "string", "format": "binary", "description": "The file as it is."}


OPERATIONS = (
    Operation(
        "reportNotices",
        "/v1/notices",
        "Bring in a provider's maintenance notice: a mail, or a MAINTNOTE calendar",
        (Scope.TICKETS,),
        NoQuery,
        NoticesAnswer,
        bring_in,
        _schema,
        ("message/rfc822", "text/calendar"),
    ),
)
