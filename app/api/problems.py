"""What the API answers when something is wrong: problem details (RFC 9457), and every header.

The one translator of the vocabulary of errors into problems. ``number`` is the portal's number of
the error, as in the partners' faults; ``errors`` names each field with what is allowed there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from app.api.caller import ScopeMissing, note_failed_login, note_refusal, session
from app.api.limits import PREFIX, PROBLEM, too_large
from app.api.operations import Changed
from app.api.rate_limit import TooManyRequests
from app.core.database.transactions import has_committed, is_unavailable
from app.core.rules.errors import (
    RETRY_AFTER,
    AuthenticationFailed,
    EditConflict,
    Forbidden,
    Invalid,
    InvalidMany,
    KeyReused,
    MoveNotAllowed,
    NotFound,
    OriginConflict,
    OutcomeUnknown,
    PortalError,
    StaleVersion,
    TooMuch,
    Unavailable,
)
from app.core.rules.file_problems import MAX_PROBLEMS
from app.core.rules.texts import storable_text
from app.core.web.requests.security_headers import security_headers
from app.events.services.events import EventResult, EventsLeft, Reported

REALM = "LHCOPN portal"
OUTCOME_UNKNOWN = "outcome-unknown"
"""The type of the problem that says that something may or may not be stored."""
_STATUS = {
    NotFound: 404,
    Forbidden: 403,
    TooMuch: 413,
    TooManyRequests: 429,
    Changed: 412,
    StaleVersion: 412,
    EditConflict: 409,
    KeyReused: 409,
    MoveNotAllowed: 409,
    OriginConflict: 409,
    EventsLeft: 422,
    Invalid: 400,
    OutcomeUnknown: 500,
    Unavailable: 503,
}
_log = logging.getLogger(__name__)
_OF_HEADERS = ("Idempotency-Key",)
_WORDS = {
    404: "Nothing found at this address. Check its path and keys.",
    405: "This address does not support that method.",
    500: "Internal error. It was logged; try again later.",
}


def problem(
    status: int,
    detail: str | None = None,
    *,
    number: int | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    kind: str = "about:blank",
    current: Mapping[str, Any] | None = None,
) -> Response:
    """One problem. ``errors`` are those of parameters, or of a report's events; ``kind`` is its
    type, ``current`` what is there now where that is not what the caller saw."""
    content: dict[str, Any] = {
        "type": kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or _WORDS.get(status, HTTPStatus(status).description),
    }
    if number is not None:
        content["number"] = number
    if errors:
        content["errors"] = list(errors)
    if current is not None:
        content["current"] = current
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")  # names as sent
    answer = Response(body, status, content_type=PROBLEM)
    answer.headers.update(headers or {})
    return answer


def _on_portal_error(error: PortalError) -> Response:
    if isinstance(error, AuthenticationFailed):
        sent = "Authorization" in request.headers
        if sent:
            note_failed_login()
        challenge = f'Bearer realm="{REALM}"' + (', error="invalid_token"' if sent else "")
        detail = (
            "The Authorization header contains no valid token."
            if sent
            else "A token is needed: send the header Authorization: Bearer TOKEN."
        )
        return problem(401, detail, number=error.number, headers={"WWW-Authenticate": challenge})
    if isinstance(error, Forbidden):
        note_refusal(error)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    headers, kind = {}, "about:blank"
    if isinstance(error, OutcomeUnknown):
        _log.error("outcome unknown", exc_info=error)
        kind = OUTCOME_UNKNOWN
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER)
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.seconds)
    elif isinstance(error, Changed):
        headers["ETag"] = f'"{error.tag}"'
    elif isinstance(error, Invalid) and status == 400 and error.field not in _OF_HEADERS:
        if g.get("has_fields"):
            status = 422
        elif g.get("has_no_body"):  # it is what is there that does not allow it
            status = 409
    if isinstance(error, ScopeMissing):
        headers["WWW-Authenticate"] = (
            f'Bearer realm="{REALM}", error="insufficient_scope", scope="{error.scope}"'
        )
    return problem(
        status,
        f"{_detail(error)}.",
        number=error.number,
        errors=[*_errors(error)],
        headers=headers,
        kind=kind,
        current=error.content if isinstance(error, Changed) else None,
    )


def _detail(error: PortalError) -> str:
    if isinstance(error, EventsLeft):
        count = error.reported.counts[EventResult.WRONG]
        return (
            f"{count} of {len(error.reported.outcomes)} events cannot be taken in, and nothing was"
            f" stored; errors names at most {MAX_PROBLEMS} of what is wrong"
        )
    return error.message


def _errors(error: PortalError) -> Iterable[Mapping[str, Any]]:
    if isinstance(error, EventsLeft):
        yield from event_errors(error.reported)
    elif isinstance(error, InvalidMany):
        for name, text in error.problems.items():
            yield {"field": name, "detail": text}
    elif isinstance(error, Invalid):
        yield {"field": error.field, "detail": error.message}


def event_errors(reported: Reported) -> list[Mapping[str, Any]]:
    """What is wrong with events: the first hundred, each with its place in the list, from 0."""
    found = (
        {
            "index": outcome.message.place,
            "field": storable_text(problem.column, 100),
            "value": storable_text(problem.value, 255),
            "detail": problem.allowed,
        }
        for outcome in reported.outcomes
        for problem in outcome.problems
    )
    return list(islice(found, MAX_PROBLEMS))


def _on_http_error(error: HTTPException) -> Response:
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    detail = too_large(f"{PREFIX}{request.path}") if error.code == 413 else None
    if error.code == 415:
        detail = error.description  # it names the types
    return problem(error.code or 500, detail, headers=allow)


def _on_crash(error: Exception) -> Response:
    cause = getattr(error, "original_exception", None)  # Flask has logged it
    if has_committed(session()):
        return _on_portal_error(OutcomeUnknown())
    return _on_portal_error(Unavailable()) if is_unavailable(cause) else problem(500)


def register(api: Flask, public_url: str) -> None:
    """Bind the translator and the headers."""
    secure = security_headers(public_url)

    def add_headers(answer: Response) -> Response:
        answer.headers.update(secure)
        answer.headers.update(g.get("rate_headers", {}))
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        answer.vary.add("Authorization")
        return answer

    api.register_error_handler(PortalError, _on_portal_error)
    api.register_error_handler(HTTPException, _on_http_error)
    api.register_error_handler(500, _on_crash)
    api.after_request(add_headers)
