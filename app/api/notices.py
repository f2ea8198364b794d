"""Maintenance notices of providers, as a mail server or a program hands them over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from app.api.caller import session
from app.api.operations import Call, Operation
from app.api.schemas import NoQuery, NoticesAnswer
from app.core.rules.scopes import Scope
from app.notices.adapters.maintnote import read
from app.notices.rules.notices import Reading
from app.notices.services.notices import require_take, take_in


def bring_in(call: Call) -> Mapping[str, Any]:
    """Take in a mail or calendar; what cannot be read is kept for a person, and is no error."""
    require_take(call.actor)
    return {"items": take_in(session(), call.writer, call.body)}


def _reading() -> Reading:
    return read(request.get_data())


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
        method="POST",
        takes=_schema,
        reads=_reading,
        media=("message/rfc822", "text/calendar"),
    ),
)
