"""The OpenAPI 3.1 document, written by apispec from the operations and the wire types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from app.api.limits import PREFIX, PROBLEM
from app.api.operations import JSON, Operation
from app.api.schemas import MAX_KEY_LENGTH, Problem
from app.core.rules.scopes import MEANINGS

VERSION = "1.4.0"
"""Of the contract. A field or parameter that is added raises the second number."""
_ABOUT = """\
Sites and links of the registry, network events, maintenance notices and quarterly reports, for
programs. Send the header `Authorization: Bearer TOKEN`; an administrator makes tokens of systems,
and everybody their own, on the pages of the portal. Errors are problem details (RFC 9457). Each
answer to a GET has a strong ETag: ask again with `If-None-Match`. Days are UTC. Fields may be
added to answers at any time; leave out what you do not know.

Scopes of tokens:
"""
_PROBLEMS = {
    "400": "A parameter is not allowed; `errors` names it.",
    "401": "No token, or none that is live.",
    "403": "The token lacks the scope.",
    "404": "There is no such record, or it was not valid on that day.",
    "503": "The database cannot be used at the moment, and nothing was stored; the header"
    " `Retry-After` says in how many seconds to send the request again.",
}
_BAD_BODY = "The body cannot be read as a whole, or a parameter is not allowed."
_OUTCOME_UNKNOWN = (
    "An error of the portal. Where `type` is `outcome-unknown` the database did not confirm that"
    " what was sent is stored: look, or send the same again, which changes nothing where it is."
)
_OF_BODIES = {
    "500": _OUTCOME_UNKNOWN,
    "413": "The body is larger than 8 MiB, or holds more events than one call takes.",
    "415": "The body is not said to be JSON.",
    "422": "Some events cannot be taken in; `errors` names them, and nothing was stored.",
}
_OF_FILES = {
    "413": "The body is larger than 4 MiB.",
    "415": "The body is of another type than those named here.",
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    scopes = "".join(f"\n- `{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
    spec = APISpec(
        title="LHCOPN portal",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": _ABOUT + scopes},
        servers=[{"url": PREFIX}],
        plugins=[MarshmallowPlugin()],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for operation in operations:
        method = operation.method.lower()
        spec.path(path=operation.path, operations={method: _described(operation)})
    return spec.to_dict()


def _problems_of(operation: Operation) -> dict[str, str]:
    """What may be answered instead."""
    left_out = set() if "{key}" in operation.path else {"404"}
    if operation.takes is not None:
        known = {**_PROBLEMS, **_OF_BODIES, "400": _BAD_BODY}
        if JSON not in operation.media:
            known |= _OF_FILES
            del known["422"]
        return {status: text for status, text in known.items() if status != "404"}
    return {status: text for status, text in _PROBLEMS.items() if status not in left_out}


def _described(operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [{"in": "query", "schema": operation.query}]
    has_key = "{key}" in operation.path
    if has_key:
        parameters.insert(
            0,
            {
                "in": "path",
                "name": "key",
                "required": True,
                "description": "Its key, percent-encoded.",
                "schema": {"type": "string", "maxLength": MAX_KEY_LENGTH},
            },
        )
    etag = {
        "description": "Strong; send it back in If-None-Match.",
        "schema": {"type": "string"},
    }
    problems = {
        status: {
            "description": text,
            "content": {PROBLEM: {"schema": Problem}},
        }
        for status, text in _problems_of(operation).items()
    }
    if operation.takes is not None:
        return {
            "operationId": operation.name,
            "summary": operation.summary,
            "description": f"Scope: {' or '.join(operation.scopes)}.",
            "security": [{"token": []}],
            "parameters": parameters,
            "requestBody": {
                "required": True,
                "content": {
                    media: {"schema": dict(operation.takes())} for media in operation.media
                },
            },
            "responses": {
                "200": {
                    "description": "All of it is stored.",
                    "content": {"application/json": {"schema": operation.answer}},
                },
                **problems,
            },
        }
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Scope: {' or '.join(operation.scopes)}.",
        "security": [{"token": []}],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": operation.summary,
                "headers": {"ETag": etag},
                "content": {"application/json": {"schema": operation.answer}},
            },
            "304": {"description": "Nothing changed since the answer with this ETag."},
            **problems,
        },
    }
