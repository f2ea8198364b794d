"""What one operation of the API is: a function, whose decorator says its address, scopes, query,
body and answer. From the same place the route is made and the OpenAPI document is written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, current_app, g, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.accounts.services import api_requests
from app.api.bodies import JSON, digest_of_request, read_object, schema_of
from app.api.caller import caller, give_call_back, note_list, session
from app.api.limits import PREFIX, body_limit
from app.api.schemas import NoQuery
from app.core.database.transactions import transaction
from app.core.rules.access import USUAL_COPIES_PER_DAY, Actor, Door, Writer
from app.core.rules.addresses import kept_address
from app.core.rules.errors import Invalid, InvalidMany, NotFound, PortalError, StaleVersion
from app.core.rules.scopes import Scope

_ONCE = "This parameter is taken once only"
Query = Mapping[str, Any]
COPIES_PER_DAY: Final = "copies_per_day"
"""Where the application keeps that setting."""
REPLAYED: Final = "Idempotency-Replayed"
"""The header of an answer to a write that stored nothing new."""
_KEY: Final = re.compile(r"\{(\w+)\}")


class Changed(PortalError):
    """If-Match names another state than the present one, which is ``content``."""

    number = 342

    def __init__(self, content: Mapping[str, Any], tag: str) -> None:
        super().__init__("This was changed since it was read; current is what is there now")
        self.content = content
        self.tag = tag


@dataclass(frozen=True)
class Call:
    """One request to an operation. ``now`` is UTC."""

    actor: Actor
    query: Query
    keys: Mapping[str, str]
    """What is in the address, by its name there."""
    now: datetime
    body: Any = None
    """What the operation read from it: by its schema, or by ``Operation.reads``."""
    version: int | None = None
    """The version that the caller's If-Match stands for, of things that have versions."""

    @property
    def key(self) -> str:
        """The only key of the address; "" of a list."""
        return next(iter(self.keys.values()), "")

    def number(self, name: str = "number") -> int:
        """A number of the address; ``NotFound`` if it is not a number."""
        text = self.keys[name]
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise NotFound
        return int(text)

    @property
    def writer(self) -> Writer:
        """The caller, as the change log has it."""
        return Writer(
            self.actor,
            Door.API,
            self.now,
            remote=kept_address(request.remote_addr),
            copies_per_day=current_app.extensions.get(COPIES_PER_DAY, USUAL_COPIES_PER_DAY),
            has_key=True,
        )


View = Callable[[Call], Mapping[str, Any] | Response | PortalError]
"""A call to what the answer's schema writes; a file is a response of its own. An error that is
returned is raised once what was written with it is committed."""


@dataclass(frozen=True)
class Operation:
    """One operation on a resource. One that writes is carried out in one transaction, which the
    operation itself begins and ends."""

    name: str
    """The operation's id in the document."""
    path: str
    """Below /api; ``{key}`` stands for the rest of the address, other names for one of its
    parts."""
    summary: str
    scopes: tuple[Scope, ...]
    """Any of these will do."""
    query: type[Schema]
    answer: type[Schema] | None
    """None = it is always answered without content, or with a file."""
    view: View
    method: str
    body: type[Schema] | None = None
    """Of a JSON object that is sent."""
    takes: Callable[[], Mapping[str, Any]] | None = None
    """The JSON schema of a body that ``reads`` reads, where that is no object of a schema."""
    reads: Callable[[], Any] | None = None
    """Reads such a body, before the transaction."""
    media: tuple[str, ...] = (JSON,)
    """Media types of the body, of which one must be said."""
    of: Operation | None = None
    """The GET of what this changes: it takes If-Match with the ETag of that."""
    location: Callable[[Mapping[str, Any]], str] | None = None
    """The address below /api of what this created, of the answer's content."""
    gives: tuple[str, ...] = ()
    """Media types of an answer that is a file."""
    once: tuple[str, ...] = ()
    """Fields of the answer that are secrets: they are returned once and stored nowhere, so that a
    repeat under the same Idempotency-Key is answered null in their places."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        """The content of an answer that is no file."""
        return _plain(self.view(call))

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"

    @property
    def rule(self) -> str:
        """The path as Flask writes it: a key may hold slashes."""
        return _KEY.sub(r"<\1>", self.path.replace("{key}", "<path:key>"))

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of what is in the address."""
        return tuple(_KEY.findall(self.path))

    def respond(self, **keys: str) -> Response:
        """Check the caller and what was sent, call the view, and answer."""
        actor = caller(*self.scopes)
        request.max_content_length = body_limit(f"{PREFIX}{request.path}")
        has_body = self.body is not None or self.takes is not None
        if has_body and not self._takes_media():
            raise UnsupportedMediaType(
                "A body is JSON: send the header Content-Type: application/json."
                if self.media == (JSON,)
                else f"A body is {' or '.join(self.media)}: send that as Content-Type."
            )
        if any("\0" in key for key in keys.values()):  # which no name has, nor PostgreSQL takes
            raise NotFound
        call = Call(actor, self._read_query(), keys, datetime.now(UTC))
        if not self.writes:
            content = self.view(call)
            if not keys:
                note_list(self.name)
            return content if isinstance(content, Response) else self._read(_plain(content))
        if self.reads is not None:
            call = replace(call, body=self.reads())
        elif self.body is not None:
            g.has_fields = True
            call = replace(call, body=read_object(self.body))
        return self._write(call)

    def _read(self, content: Mapping[str, Any]) -> Response:
        """The answer to a GET, with a strong ETag, and the next page's address in a header."""
        body, tag = self.written(content)
        answer = Response(body, content_type=JSON)
        if following := content.get("next"):
            answer.headers["Link"] = f'<{following}>; rel="next"'
        answer.set_etag(tag)
        answer.make_conditional(request)
        if answer.status_code == 304:
            give_call_back()
        return answer

    def written(self, content: Mapping[str, Any]) -> tuple[bytes, str]:
        """The bytes of an answer, and their ETag."""
        body = json.dumps(self.wire(content), ensure_ascii=False).encode()
        return body, hashlib.sha256(body).hexdigest()[:32]

    def wire(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent of an answer."""
        assert self.answer is not None
        return dict(schema_of(self.answer).dump(content))

    def _write(self, call: Call) -> Response:
        """Carry a write out once for each Idempotency-Key, and answer a repeat as the first."""
        key = api_requests.checked_key(request.headers.get("Idempotency-Key"))
        with transaction(session()):
            token = g.token_id
            if key is None:
                first = None
            else:
                digest = digest_of_request()
                first = api_requests.claim(session(), token, key, digest, call.now)
            if first is None:
                refused, status, body, headers = self._carried_out(call)
                if key is not None and refused is None:
                    kept = b"" if self._answers_state() else self._kept(body)
                    api_requests.keep_answer(session(), token, key, status, kept, headers)
                elif key is not None:
                    api_requests.release(session(), token, key)
        if first is None and refused is not None:
            raise refused
        if first is not None:
            status, body = first.status, first.body.encode()
            headers = {**json.loads(first.headers), REPLAYED: "true"}
            if self.of is not None and self._answers_state():
                # as it is now, and as this account may read it now
                now = replace(call, query=self.of.usual_query())
                body, tag = self.of.written(self.of(now))
                headers["ETag"] = f'"{tag}"'
        answer = Response(body, status, headers, content_type=JSON)
        if self.once:  # the only copy of a secret is answered, whatever is preferred
            answer.headers["Cache-Control"] = "no-store"
        elif request.headers.get("Prefer", "").replace(" ", "").lower() == "return=minimal":
            answer.headers["Preference-Applied"] = "return=minimal"
            answer.set_data(b"")
        if not answer.get_data():
            answer.status_code = 204 if answer.status_code == 200 else answer.status_code
            answer.headers.pop("Content-Type", None)
        return answer

    def _answers_state(self) -> bool:
        """Whether it answers the thing that it changed, as the GET of that does."""
        return self.of is not None and self.answer is self.of.answer

    def _kept(self, body: bytes) -> bytes:
        """An answer as it is kept for repeats: without secrets."""
        if not self.once:
            return body
        content = json.loads(body) | dict.fromkeys(self.once)
        return json.dumps(content, ensure_ascii=False).encode()

    def _carried_out(self, call: Call) -> tuple[PortalError | None, int, bytes, Mapping[str, str]]:
        """What is to be raised in the end, or status, body and headers of the answer."""
        call = self._as_seen(call)
        g.has_no_body = self.body is None and self.takes is None
        try:
            content = self.view(call)
        except StaleVersion as error:
            if self.of is None:
                raise
            raise self._changed(call) from error
        if isinstance(content, PortalError):
            return content, 0, b"", {}
        content = _plain(content)
        if not content:
            return None, 200, b"", {}
        body, tag = self.written(content)
        is_read_so = (self.of is not None or self.location is not None) and not self.once
        headers = {"ETag": f'"{tag}"'} if is_read_so else {}
        if g.get("stored_nothing"):
            headers[REPLAYED] = "true"
        if self.location is not None:
            headers["Location"] = f"{request.script_root}{self.location(content)}"
            return None, 201, body, headers
        return None, 200, body, headers

    def _as_seen(self, call: Call) -> Call:
        """The call with the version that its If-Match stands for; ``Changed`` if that is gone."""
        if "If-Match" not in request.headers:
            return call
        if self.of is None:
            raise Invalid("If-Match", "This operation takes no If-Match")
        content = self.of(replace(call, query=self.of.usual_query()))
        _body, tag = self.of.written(content)
        if request.if_match.star_tag or request.if_match.is_strong(tag):
            version = self.of.wire(content).get("version")
            return replace(call, version=None if request.if_match.star_tag else version)
        raise Changed(self.of.wire(content), tag)

    def _changed(self, call: Call) -> Changed:
        """What is there by now, for a writer that somebody else overtook."""
        assert self.of is not None
        session().rollback()
        content = self.of(replace(call, query=self.of.usual_query()))
        return Changed(self.of.wire(content), self.of.written(content)[1])

    def usual_query(self) -> Query:
        """The parameters where none is sent."""
        return dict(schema_of(self.query).load({}))

    def _takes_media(self) -> bool:
        return request.mimetype in self.media or (JSON in self.media and request.is_json)

    def _read_query(self) -> Query:
        """The parameters; ``InvalidMany`` names each that is unknown, repeated or not allowed."""
        given = request.args.to_dict(flat=False)
        schema = schema_of(self.query)
        fields = {field.data_key or name: field for name, field in schema.fields.items()}
        problems = {
            name: _ONCE if name in fields else f"Known parameters are {', '.join(sorted(fields))}"
            for name, values in given.items()
            if name not in fields or (len(values) > 1 and not _is_several(fields[name]))
        }
        kept = {name: values for name, values in given.items() if name not in problems}
        problems |= {
            name: "The text holds a character that no name has"
            for name, values in kept.items()
            if any("\0" in value for value in values)
        }
        try:
            read = schema.load(
                {
                    name: values if _is_several(fields[name]) else values[0]
                    for name, values in kept.items()
                    if name not in problems
                }
            )
        except ValidationError as error:
            problems |= {name: _joined(texts) for name, texts in error.messages_dict.items()}
        if problems:
            raise InvalidMany(problems)
        return dict(read)


def operation(
    method: str,
    path: str,
    *,
    scopes: tuple[Scope, ...],
    query: type[Schema] = NoQuery,
    answer: type[Schema] | None = None,
    **more: Any,
) -> Callable[[View], Operation]:
    """Make a view an operation; ``more`` are fields of ``Operation``. The function's name is its id
    in the document (``get_ticket`` is ``getTicket``), the first line of its docstring the
    summary."""

    def declared(view: View) -> Operation:
        first, *others = view.__name__.split("_")
        name = first + "".join(word.capitalize() for word in others)
        summary = (view.__doc__ or "").partition("\n")[0].removesuffix(".")
        return Operation(name, path, summary, scopes, query, answer, view, method, **more)

    return declared


def operations_of(module: ModuleType) -> tuple[Operation, ...]:
    """The operations that a module declares, alone or in a tuple, in their order there."""
    return tuple(
        one
        for value in vars(module).values()
        for one in (value if isinstance(value, tuple) else (value,))
        if isinstance(one, Operation) and one.view.__module__ == module.__name__
    )


def a_file() -> Mapping[str, Any]:
    """The JSON schema of a body that is a file."""
    text = "The file, unchanged."
    return {"type": "string", "format": "binary", "minLength": 1, "description": text}


def _plain(content: Mapping[str, Any] | Response | PortalError) -> Mapping[str, Any]:
    """The content of a view that answers no file and no error."""
    assert not isinstance(content, Response | PortalError)
    return content


def _is_several(field: Any) -> bool:
    """Whether a parameter may be sent more than once, as the pages send it."""
    return bool(getattr(field, "several", False))


def _joined(texts: Any) -> str:
    """What marshmallow says of one parameter, of a list of each wrong one."""
    if isinstance(texts, Mapping):
        return "; ".join(dict.fromkeys(_joined(one) for one in texts.values()))
    return "; ".join(texts)


def next_page(last: str | None, parameter: str = "after") -> str | None:
    """The address of the page behind ``last``, with the filters of this one."""
    if last is None:
        return None
    filters = [(name, value) for name, value in request.args.items(multi=True) if name != parameter]
    return f"{request.script_root}{request.path}?{urlencode([*filters, (parameter, last)])}"
