"""What one operation of the API is: its address, scope, query and answer. From the same entry the
route is made and the OpenAPI document is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import RAISE, Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.api.caller import caller
from app.core.rules.access import Actor
from app.core.rules.errors import InvalidMany, NotFound
from app.core.rules.scopes import Scope

JSON = "application/json"
_ONCE = "This parameter is taken once only"
Query = Mapping[str, Any]
View = Callable[[Actor, Query, str], Mapping[str, Any]]
"""Caller, query and key (empty for a list) to what the answer's schema writes."""


@dataclass(frozen=True)
class Operation:
    """One operation on a resource: it reads, unless ``takes`` says what it is sent."""

    name: str
    """The operation's id in the document."""
    path: str
    """Below /api; ``{key}`` stands for the rest of the address."""
    summary: str
    scopes: tuple[Scope, ...]
    """Any of these will do."""
    query: type[Schema]
    answer: type[Schema]
    view: View
    takes: Callable[[], Mapping[str, Any]] | None = None
    """The JSON schema of the body of a POST; None = this is a GET. The view reads the body."""
    media: tuple[str, ...] = (JSON,)
    """Media types of the body, of which one must be said."""

    @property
    def method(self) -> str:
        """GET or POST."""
        return "GET" if self.takes is None else "POST"

    @property
    def rule(self) -> str:
        """The path as Flask writes it: a key may hold slashes."""
        return self.path.replace("{key}", "<path:key>")

    def respond(self, key: str = "") -> Response:
        """Check the caller and the query, call the view, and answer with a strong ETag."""
        actor = caller(*self.scopes)
        if self.takes is not None and not self._takes_media():
            raise UnsupportedMediaType(
                "A body is JSON: send the header Content-Type: application/json."
                if self.media == (JSON,)
                else f"A body is {' or '.join(self.media)}: send that as Content-Type."
            )
        if "\0" in key:  # which no name has, and PostgreSQL takes in no text
            raise NotFound
        content = self.view(actor, self._read_query(), key)
        body = json.dumps(self.answer().dump(content), ensure_ascii=False).encode()
        answer = Response(body, content_type="application/json")
        if self.takes is not None:
            return answer
        answer.set_etag(hashlib.sha256(body).hexdigest()[:32])
        answer.make_conditional(request)
        return answer

    def _takes_media(self) -> bool:
        return request.mimetype in self.media or (JSON in self.media and request.is_json)

    def _read_query(self) -> Query:
        """The parameters; ``InvalidMany`` names each that is unknown, repeated or not allowed."""
        given = request.args.to_dict(flat=False)
        known = {field.data_key or name for name, field in self.query().fields.items()}
        problems = {
            name: _ONCE if name in known else f"Known parameters are {', '.join(sorted(known))}"
            for name, values in given.items()
            if name not in known or len(values) > 1
        }
        single = {name: values[0] for name, values in given.items() if name not in problems}
        problems |= {
            name: "The text holds a character that no name has"
            for name, value in single.items()
            if "\0" in value
        }
        try:
            read = self.query(unknown=RAISE).load(
                {name: value for name, value in single.items() if name not in problems}
            )
        except ValidationError as error:
            problems |= {name: "; ".join(texts) for name, texts in error.messages_dict.items()}
        if problems:
            raise InvalidMany(problems)
        return dict(read)


def next_page(last: str | None) -> str | None:
    """The address of the page behind ``last``, with the filters of this one."""
    if last is None:
        return None
    filters = {name: value for name, value in request.args.items() if name != "after"}
    return f"{request.script_root}{request.path}?{urlencode({**filters, 'after': last})}"
