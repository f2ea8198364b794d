"""The fields of wire types: what an answer always has (``a_...``), and what a query or body may
have (``sent_...``). Lengths, choices and ranges are the rule's own, passed by the schema.

It must not know any resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from app.core.rules.errors import Invalid
from app.core.rules.texts import SHORT_TEXT_LIMIT, read_time
from app.events.rules.events import as_text

MAX_KEY_LENGTH: Final = 100
MAX_NUMBER: Final = 999_999_999
"""Of a thing in the portal."""
MAX_CURSOR_LENGTH: Final = 200
MAX_SEVERAL: Final = 50
"""Values of one parameter."""
MAX_SITES: Final = 100
"""Of a person or an account."""
PAGE: Final = 100
MAX_PAGE: Final = 1000


def about(text: str) -> dict[str, str]:
    """What the document says of a field; "" = nothing."""
    return {"description": text} if text else {}


def a_text(
    text: str = "", *, choices: Iterable[str] | None = None, null: bool = False, **more: Any
) -> fields.String:
    """A text."""
    allowed = None if choices is None else validate.OneOf([*choices])
    return fields.String(
        required=True, allow_none=null, validate=allowed, metadata=about(text), **more
    )


def a_number(text: str = "", *, null: bool = False, **more: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True, allow_none=null, metadata=about(text), **more)


def a_decimal(text: str = "", *, null: bool = False, **more: Any) -> fields.Float:
    """A number with decimals."""
    return fields.Float(required=True, allow_none=null, metadata=about(text), **more)


def a_flag(text: str = "", **more: Any) -> fields.Boolean:
    """True or false."""
    return fields.Boolean(required=True, metadata=about(text), **more)


def a_day(text: str, **more: Any) -> fields.Date:
    """A day, or null."""
    return fields.Date(required=True, allow_none=True, metadata=about(text), **more)


def a_list(
    of: type[Schema] | type[str] | type[int] | fields.Field[Any], text: str = "", **more: Any
) -> fields.List[Any]:
    """A list of objects, texts or whole numbers; a field says more of its values."""
    inner: fields.Field[Any]
    if isinstance(of, fields.Field):
        inner = of
    elif issubclass(of, Schema):
        inner = fields.Nested(of)
    else:
        inner = fields.Integer() if of is int else fields.String()
    return fields.List(inner, required=True, metadata=about(text), **more)


def an_object(
    of: type[Schema], text: str = "", *, null: bool = False, **more: Any
) -> fields.Nested:
    """An object of a schema."""
    return fields.Nested(of, required=True, allow_none=null, metadata=about(text), **more)


class Words(fields.List[str]):
    """A list of words that the row keeps in one text, with ``; `` between."""

    def __init__(self, **more: Any) -> None:
        super().__init__(fields.String(), required=True, **more)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> list[str]:
        return value.split("; ") if value else []


class Moment(fields.String):
    """A time of a row: UTC, ISO 8601 with Z."""

    def __init__(self, text: str, **more: Any) -> None:
        metadata = {**about(text), "format": "date-time"}
        super().__init__(required=True, metadata=metadata, **more)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return as_text(value) or None


def sent_text(
    text: str, most: int, *, least: int | None = 1, name: str = "", **more: Any
) -> fields.String:
    """A text of ``least`` to ``most`` characters; ``name``: of a parameter, for the error."""
    error = f"{name} takes {least} to {{max}} characters" if name else None
    length = validate.Length(least, most, error=error)
    return fields.String(validate=length, metadata=about(text), **more)


def sent_choice(text: str, choices: Iterable[str], *, name: str = "", **more: Any) -> fields.String:
    """One of the choices; ``name``: of a parameter, for the error."""
    allowed = validate.OneOf([*choices], error=f"{name} takes {{choices}}".lstrip())
    return fields.String(validate=allowed, metadata=about(text), **more)


def sent_number(
    text: str, least: int, most: int | None = MAX_NUMBER, *, error: str = "", **more: Any
) -> fields.Integer:
    """A whole number in a range: of a body strictly, of a query, with its ``error``, as text."""
    between = validate.Range(least, most, error=error or None)
    if not error:
        return fields.Integer(strict=True, validate=between, metadata=about(text), **more)
    messages: Any = {"invalid": error.replace("{max}", str(most))}
    return fields.Integer(validate=between, error_messages=messages, metadata=about(text), **more)


def sent_flag(text: str, **more: Any) -> fields.Boolean:
    """True or false, and nothing that looks like it."""
    return fields.Boolean(truthy={True}, falsy={False}, metadata=about(text), **more)


def sent_yes_no(text: str, *, name: str = "", **more: Any) -> fields.String:
    """A switch of a query; ``name``: of the parameter, for the error."""
    allowed = validate.OneOf(["yes", "no"], error=f"{name} takes yes or no".lstrip())
    return fields.String(validate=allowed, metadata=about(text), **more)


def sent_names(text: str, most: int) -> fields.List[str]:
    """A list of at most so many names."""
    return fields.List(
        fields.String(validate=validate.Length(1, SHORT_TEXT_LIMIT)),
        validate=validate.Length(max=most),
        metadata=about(text),
    )


def sent_day(name: str, text: str, **more: Any) -> fields.Date:
    """A day of a query."""
    messages: Any = {"invalid": f"{name} takes a day as YYYY-MM-DD"}
    return fields.Date(error_messages=messages, metadata=about(text), **more)


def sent_reason(text: str = "The reason; stored with the change.") -> fields.String:
    """Why somebody changes something; it may be left out."""
    return sent_text(text, SHORT_TEXT_LIMIT, least=0, load_default="")


class Time(fields.String):
    """A moment that is sent: ISO 8601, without zone UTC; null and "" = none."""

    def __init__(self, **more: Any) -> None:
        super().__init__(allow_none=True, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **more)
        if not text.strip():
            return None
        try:
            return read_time(attr or "", text).astimezone(UTC)
        except Invalid as error:
            raise ValidationError(error.message) from None


class Several(fields.List[str]):
    """A parameter that may be sent more than once: several values are alternatives."""

    several = True

    def __init__(self, text: str, *choices: str) -> None:
        checks: list[Any] = [validate.Length(1, SHORT_TEXT_LIMIT)]
        if choices:
            checks = [validate.OneOf(choices, error="takes {choices}")]
        super().__init__(
            fields.String(validate=checks),
            validate=validate.Length(max=MAX_SEVERAL),
            metadata=about(text),
        )


def behind_key() -> fields.String:
    """Where a page of a list begins, of lists that are ordered by key."""
    return sent_text(
        "Start after this key: the last one of the previous page.", MAX_KEY_LENGTH, name="after"
    )


def behind_cursor() -> fields.String:
    """Where a page of a list begins, of lists with other orders."""
    return sent_text(
        "Where the page starts: take it from `next` of the previous page.",
        MAX_CURSOR_LENGTH,
        name="after",
    )


def page_limit() -> fields.Integer:
    """How long a page of a list is."""
    return sent_number(
        "Maximum number of entries per page.",
        1,
        MAX_PAGE,
        error="limit takes 1 to {max}",
        load_default=PAGE,
    )


def page_next() -> fields.String:
    """Where the next page of a list is."""
    return a_text("URL of the next page; null on the last page.", null=True)
