"""The OpenAPI 3.1 document, written by apispec from the operations and the wire types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from app.accounts.services.api_requests import MAX_LENGTH
from app.api.bodies import JSON
from app.api.limits import PREFIX, PROBLEM
from app.api.operations import Operation
from app.api.schemas import Problem
from app.api.wire import MAX_KEY_LENGTH, MAX_NUMBER
from app.core.rules.scopes import MEANINGS

VERSION = "1.6.0"
"""Of the contract. A field or parameter that is added raises the second number."""
_ABOUT = """\
The portal's REST API. Within its scopes, a token can do what its account can do in the web
interface. Send the header `Authorization: Bearer TOKEN`. Users create their own tokens in their
profile; administrators create tokens for systems and partners on the portal's pages. Errors are
problem details (RFC 9457). Times and days are in UTC. Responses may get new fields at any time;
ignore fields that you do not know.

Each response to a GET has a strong ETag. Send it as `If-None-Match` with the next GET, or as
`If-Match` with a change: if somebody else changed the data in the meantime, the response is 412
with the current version. Each write accepts an `Idempotency-Key` that you choose (stored for 7
days): a repeated request is carried out once and gets the same response; another request with the
same key is refused with 409. Identical requests are not recognised without the key: two of them
without a key, or with different keys, create two comments or two files.
`Idempotency-Replayed: true` means that this request stored nothing new, because it was carried out
before or the ticket already has these values. With `Prefer: return=minimal`, the response to a
write has no content. A response with a
list has `next`, the URL of the next page, which is also sent as `Link` with `rel="next"`. The
headers `RateLimit-Policy` and `RateLimit` show how many calls a token has left; after 429,
`Retry-After` says when to retry.

Scopes of tokens:
"""
_PROBLEMS = {
    "400": "A parameter is not allowed; `errors` names it.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The token lacks the scope, or its account lacks the right.",
    "404": "Not found, or not visible to this account.",
    "429": "Too many calls with this token; `Retry-After` says when to retry.",
    "503": "The database is unavailable and nothing was stored; `Retry-After` says after how many "
    "seconds to retry.",
}
_OUTCOME_UNKNOWN = (
    "An error in the portal. If `type` is `outcome-unknown`, the database did not confirm the "
    "write: check, or repeat the request with the same Idempotency-Key."
)
_OF_WRITES = {
    "400": "A parameter or header is not allowed; `errors` names it. Also, for lists of events, "
    "notifications of monitoring systems and NTTDM documents: the body cannot be read.",
    "409": "The current state does not allow this, or the Idempotency-Key was used for another "
    "request.",
    "500": _OUTCOME_UNKNOWN,
    "413": "The body is too large, or has too many entries for one call.",
}
_TYPE = "The media type of the body is not one of those listed."
_FIELDS = (
    "The body is not JSON, or some fields are unknown or not allowed; `errors` names them, and"
    " nothing was stored."
)
_CHANGED = "If-Match names an outdated version; `current` is the current one."
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "A key that you choose, one per request.",
        {"type": "string", "pattern": f"^[!-~]{{1,{MAX_LENGTH}}}$"},
    ),
    "Prefer": ("`return=minimal` for an answer without content.", {"type": "string"}),
}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER}
_NAME: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$"}
_KEYS: dict[str, dict[str, Any]] = {
    "key": {
        "description": "The key, percent-encoded.",
        "schema": {"type": "string", "maxLength": MAX_KEY_LENGTH},
    },
    "number": {
        "description": "The number.",
        "schema": _NUMBER,
    },
    "site": {
        "description": "Any name of the site, percent-encoded.",
        "schema": {"type": "string", "maxLength": MAX_KEY_LENGTH},
    },
    "quarter": {
        "description": "As 2013-Q1.",
        "schema": {"type": "string", "pattern": "^[0-9]{4}-Q[1-4]$"},
    },
    "event": {"description": "The reported event's id.", "schema": _NUMBER},
    "ticket": {"description": "The ticket's number.", "schema": _NUMBER},
    "file": {"description": "The file's number within the report.", "schema": _NUMBER},
    "message": {"description": "The message's number.", "schema": _NUMBER},
    "period": {"description": "The period's id.", "schema": _NUMBER},
    "secret": {"description": "The secret's id.", "schema": _NUMBER},
    "kind": {
        "description": "pptx or pdf.",
        "schema": {"type": "string", "enum": ["pptx", "pdf"]},
    },
    "pair": {"description": "The pair's number, from listFailures.", "schema": _NUMBER},
    "entry": {"description": "The entry's number, from listFailures.", "schema": _NUMBER},
    "person": {"description": "The login name.", "schema": _NAME},
    "login": {"description": "The account's login.", "schema": _NAME},
    "code": {"description": "The partner's code.", "schema": _NAME},
    "id": {
        "description": "The id.",
        "schema": _NUMBER,
    },
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
    return _opened(spec.to_dict())


def _opened(whole: dict[str, Any]) -> dict[str, Any]:
    """The document, whose answers may have fields that it does not name yet, and whose bodies may
    not; a schema of both is written twice, that of bodies as ``...Body``. Open is said, not left
    out: generators of clients take silence for closed."""
    schemas = whole["components"]["schemas"]
    operations = [one for methods in whole["paths"].values() for one in methods.values()]
    answered = _named(schemas, [one["responses"] for one in operations])
    sent = _named(schemas, [one.get("requestBody") for one in operations])
    bodies = {name: f"{name}Body" for name in sorted(answered & sent)}
    assert not schemas.keys() & set(bodies.values())
    renamed = {name: _renamed(schemas[name], bodies) for name in sorted(sent)}
    for name in answered:
        schemas[name] = {**schemas[name], "additionalProperties": True}
    for name, schema in renamed.items():
        schemas[bodies.get(name, name)] = schema
    for one in operations:
        if "requestBody" in one:
            one["requestBody"] = _renamed(one["requestBody"], bodies)
    return whole


def _named(schemas: dict[str, Any], part: Any) -> set[str]:
    """The schemas that a part of the document names, and those that these name."""
    found: set[str] = set()
    left = [part]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                left.append(schemas[name])
    return found


def _renamed(part: Any, names: dict[str, str]) -> Any:
    """A part of the document that names other schemas in the places of these."""
    if isinstance(part, list):
        return [_renamed(one, names) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _renamed(value, names) for key, value in part.items()}
    if isinstance(found.get("$ref"), str):
        head, slash, name = found["$ref"].rpartition("/")
        found["$ref"] = f"{head}{slash}{names.get(name, name)}"
    return found


def _problems_of(operation: Operation) -> dict[str, str]:
    """What may be answered instead."""
    found = dict(_PROBLEMS)
    if not operation.keys and not operation.writes:
        del found["404"]
    if operation.writes:
        found |= _OF_WRITES
    if operation.body is not None or operation.takes is not None:
        found["415"] = _TYPE
        if JSON in operation.media:
            found["422"] = _FIELDS
    if operation.of is not None:
        found["412"] = _CHANGED
    return dict(sorted(found.items()))


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Scope: {' or '.join(operation.scopes)}.",
        "security": [{"token": []}],
        "parameters": _parameters(operation),
        "responses": {
            **_answers(operation),
            **{
                status: {"description": text, "content": {PROBLEM: {"schema": Problem}}}
                for status, text in _problems_of(operation).items()
            },
        },
    }
    if operation.body is not None or operation.takes is not None:
        schema = operation.body if operation.takes is None else dict(operation.takes())
        described["requestBody"] = {
            "required": True,
            "content": {media: {"schema": schema} for media in operation.media},
        }
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, **_KEYS.get(name, _KEYS["key"])}
        for name in operation.keys
    ]
    found.append({"in": "query", "schema": operation.query})
    if operation.writes:
        found += [
            {"in": "header", "name": name, "description": text, "schema": schema}
            for name, (text, schema) in _HEADERS.items()
        ]
    if operation.of is not None:
        text = f"ETag from {operation.of.name}; 412 if there is a newer version."
        tag = {"type": "string"}
        found.append({"in": "header", "name": "If-Match", "description": text, "schema": tag})
    return found


def _answers(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any]
    etag = {
        "description": "Strong ETag; send it back in If-None-Match.",
        "schema": {"type": "string"},
    }
    if operation.gives:
        content = {media: {"schema": {"type": "string"}} for media in operation.gives}
        return {"200": {"description": operation.summary, "content": content}}
    content = {JSON: {"schema": operation.answer}}
    replayed = {
        "Idempotency-Replayed": {
            "description": "true = this request stored nothing new.",
            "schema": {"type": "string"},
        }
    }
    if not operation.writes:
        return {
            "200": {
                "description": operation.summary,
                "headers": {"ETag": etag},
                "content": content,
            },
            "304": {"description": "Nothing changed since the answer with this ETag."},
        }
    nothing = {
        "204": {
            "description": "Everything is stored; the answer has no content.",
            "headers": replayed,
        }
    }
    if operation.answer is None:
        return nothing
    done: dict[str, Any] = {
        "200": {"description": "Everything is stored.", "headers": replayed, "content": content},
        **nothing,
    }
    if operation.location is not None:
        at = {"description": "Path of the new resource.", "schema": {"type": "string"}}
        headers = {"Location": at, **replayed}
        made = {"description": "Created.", "headers": headers, "content": content}
        return {"201": made}
    return done
