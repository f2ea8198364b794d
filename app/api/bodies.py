"""Bodies that are sent: a JSON object of a schema, and the digest by which a repeat is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from flask import request
from marshmallow import RAISE, Schema, ValidationError

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.json_records import KeyTwice, object_of
from app.core.rules.texts import checked_text, storable_text

JSON: Final = "application/json"
BODY: Final = "body"
"""The field of what is wrong with a body as a whole."""
_FEW: Final = 100
"""Most wrong fields that an answer names."""


@cache
def schema_of(kind: type[Schema]) -> Schema:
    """The one schema of a kind, which refuses unknown fields: a new one copies all of its fields
    and those within them, which takes longer than to write an answer with it. To read or to write
    does not change a schema, so requests share one."""
    return kind(unknown=RAISE)


def read_object(schema: type[Schema]) -> Mapping[str, Any]:
    """The object of the body by this schema; ``InvalidMany`` names each field that is unknown or
    not allowed, ``Invalid`` on ``body`` says what is wrong with the whole."""
    content = _json(request.get_data())
    if not isinstance(content, dict):
        raise Invalid(BODY, "A JSON object is needed")
    if unstorable := dict(_unstorable("", content)):
        raise InvalidMany(unstorable)
    one = schema_of(schema)
    known = {field.data_key or name for name, field in one.fields.items()}
    try:
        return dict(one.load(content))
    except ValidationError as error:
        problems = dict(_problems("", error.messages_dict))
        for name in content:
            if name not in known:
                problems[name[:100]] = f"Unknown; known fields are {', '.join(sorted(known))}"
        raise InvalidMany(dict(list(problems.items())[:_FEW])) from None


def _unstorable(place: str, content: Any) -> Iterator[tuple[str, str]]:
    """The texts that hold what no text may hold, by their places."""
    if isinstance(content, str):
        try:
            checked_text(place or BODY, content, len(content))
        except Invalid as error:
            yield storable_text(place or BODY, 100), error.message
    elif isinstance(content, Mapping):
        for name, inner in content.items():
            yield from _unstorable(f"{place}.{name}" if place else str(name), inner)
    elif isinstance(content, list):
        for index, inner in enumerate(content):
            yield from _unstorable(f"{place}.{index}", inner)


def _problems(place: str, messages: Any) -> list[tuple[str, str]]:
    """What marshmallow says, by the place of each field: ``references.0.provider``."""
    if isinstance(messages, Mapping):
        found = []
        for name, inner in messages.items():
            short = str(name)[:100]
            found += _problems(f"{place}.{short}" if place else short, inner)
        return found
    return [(place, "; ".join(dict.fromkeys(map(str, messages))))]


def _json(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=object_of
        )
    except UnicodeDecodeError as error:
        raise Invalid(BODY, f"The body is not valid UTF-8 from byte {error.start} on") from None
    except KeyTwice:
        raise Invalid(BODY, "A key appears twice in one object") from None
    except RecursionError:
        raise Invalid(BODY, "The body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Invalid(
            BODY,
            f"The body is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}",
        ) from None
    except ValueError:
        raise Invalid(
            BODY, "The body is not valid JSON: it contains a number that JSON does not allow"
        ) from None


def _no_number(_word: str) -> Any:
    raise ValueError


def digest_of_request() -> str:
    """SHA-256 (hex) of what makes two requests the same: method, address, type and body."""
    found = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.full_path.encode(),
        request.headers.get("If-Match", "").encode(),
        request.mimetype.encode(),
        request.get_data(),
    ):
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()
