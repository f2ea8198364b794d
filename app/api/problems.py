"""What the API answers when something is wrong: problem details (RFC 9457), and every header.

The one translator of the vocabulary of errors into problems. ``number`` is the portal's number of
the error, as in the partners' faults; ``errors`` names each field with what is allowed there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.api.caller import ScopeMissing, note_refusal
from app.api.limits import BODY_LIMIT, PROBLEM
from app.domain.errors import (
    AuthenticationFailed,
    Forbidden,
    Invalid,
    InvalidMany,
    NotFound,
    PortalError,
)

REALM = "LHCOPN portal"
_STATUS = {NotFound: 404, Forbidden: 403, Invalid: 400}
_WORDS = {
    404: "Nothing is known under this address.",
    405: "This address does not take that method.",
    413: f"A request takes at most {BODY_LIMIT // 1024} kB.",
    500: "The portal made an error. It was recorded.",
}


def problem(
    status: int,
    detail: str | None = None,
    *,
    number: int | None = None,
    errors: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem. ``errors`` maps a parameter to what is wrong with it."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or _WORDS.get(status, HTTPStatus(status).description),
    }
    if number is not None:
        content["number"] = number
    if errors:
        content["errors"] = [{"field": name, "detail": text} for name, text in errors.items()]
    answer = Response(json.dumps(content, ensure_ascii=False), status, content_type=PROBLEM)
    answer.headers.update(headers or {})
    return answer


def _on_portal_error(error: PortalError) -> Response:
    if isinstance(error, AuthenticationFailed):
        sent = "Authorization" in request.headers
        challenge = f'Bearer realm="{REALM}"' + (', error="invalid_token"' if sent else "")
        detail = (
            "The Authorization header holds no token that is live."
            if sent
            else "A token is needed: send the header Authorization: Bearer TOKEN."
        )
        return problem(401, detail, number=error.number, headers={"WWW-Authenticate": challenge})
    if isinstance(error, Forbidden):
        note_refusal(error)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    headers = {}
    if isinstance(error, ScopeMissing):
        headers["WWW-Authenticate"] = (
            f'Bearer realm="{REALM}", error="insufficient_scope", scope="{error.scope}"'
        )
    errors = None
    if isinstance(error, InvalidMany):
        errors = error.problems
    elif isinstance(error, Invalid):
        errors = {error.field: error.message}
    return problem(status, f"{error.message}.", number=error.number, errors=errors, headers=headers)


def _on_http_error(error: HTTPException) -> Response:
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return problem(error.code or 500, headers=allow)


def _on_crash(_error: Exception) -> Response:
    return problem(500)  # Flask has logged it


def _secure(answer: Response) -> Response:
    headers = answer.headers
    headers["Content-Security-Policy"] = (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "private, no-cache")
    answer.vary.add("Authorization")
    return answer


def register(api: Flask) -> None:
    """Bind the translator and the headers."""
    api.register_error_handler(PortalError, _on_portal_error)
    api.register_error_handler(HTTPException, _on_http_error)
    api.register_error_handler(500, _on_crash)
    api.after_request(_secure)
