"""The wire types of sites and links that are written, made from the one declaration of their
fields; and of names that the registry does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from app.api.schemas import a_text, about, page_limit
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.names.services.unresolved import MAX_NAME_LENGTH, Decision, NameKind
from app.registry.rules.records import LINK, SITE, RecordKind
from app.registry.rules.registry import NameSystem
from app.registry.rules.values import (
    ASNS,
    CIRCUITS,
    CONTACTS,
    DAY,
    GBPS,
    NAMES,
    PREFIXES,
    TIER,
    WORDS,
    RecordField,
    ValueKind,
)


def _objects(*needed: str, **more: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = {**{name: {"type": "string"} for name in needed}, **more}
    item = {
        "type": "object",
        "properties": properties,
        "required": list(needed),
        "additionalProperties": False,
    }
    return {"type": "array", "items": item}


_DAY: Final = {"type": ["string", "null"], "format": "date"}
_TEXT: Final = {"type": "string"}
_SCHEMAS: Final[Mapping[ValueKind, Mapping[str, Any]]] = {
    TIER: {"enum": [0, 1, None]},
    DAY: _DAY,
    GBPS: {"type": ["number", "null"]},
    WORDS: {"type": "array", "items": _TEXT},
    ASNS: {"type": "array", "items": {"type": "integer"}},
    PREFIXES: _objects("network", "prefix"),
    NAMES: _objects("system", "name", valid_from=_DAY, valid_until=_DAY),
    CONTACTS: _objects("role", "name", mail=_TEXT, phone=_TEXT),
    CIRCUITS: _objects("provider", circuit_id=_TEXT),
}
"""What JSON holds where that is no text."""
_TAKES: Final[Mapping[ValueKind, str]] = {
    TIER: "0, 1 or null",
    DAY: "a day, YYYY-MM-DD from 1900 to 2999, or null",
    GBPS: "Gb/s as a number, or null",
    WORDS: "a list of texts",
    ASNS: "a list of whole numbers",
    PREFIXES: "a list of objects with network and prefix",
    NAMES: "a list of objects with system, name, valid_from and valid_until",
    CONTACTS: "a list of objects with role, name, mail and phone",
    CIRCUITS: "a list of objects with provider and circuit_id",
}


class _Value(fields.Field[Any]):
    """A value of a record's field, as the registry reads it from JSON."""

    def __init__(self, field: RecordField, **more: Any) -> None:
        self._kind = field.value
        is_text = field.value not in _SCHEMAS
        self._may_be_null = field.value in (TIER, DAY, GBPS) or (
            is_text and not field.is_needed and field.value.choices is None
        )
        text = ". ".join(filter(None, (field.label, field.help.removesuffix("."))))
        if is_text:
            kind = ["string", "null"] if self._may_be_null else "string"
            schema: Mapping[str, Any] = {"type": kind, "maxLength": field.limit}
        else:
            schema = _SCHEMAS[field.value]
        super().__init__(metadata={**about(f"{text}."), **schema}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        try:
            return self._kind.from_json(value)
        except (ValueError, TypeError):
            raise ValidationError(f"takes {_TAKES.get(self._kind, 'a text')}") from None

    def deserialize(self, value: Any, *place: Any, **more: Any) -> Any:
        """Null = none of it, where that may be."""
        if value is None and self._may_be_null:
            return self._deserialize(value, None, None)
        return super().deserialize(value, *place, **more)


class _Reasons(Schema):
    why = fields.String(
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        load_default="",
        metadata=about("The reason; stored with the change."),
    )


def _sources(kind: RecordKind) -> fields.Dict:
    allowed = ["*", *kind.by_name]
    return fields.Dict(
        fields.String(validate=validate.OneOf(allowed, error="takes * or a field's name")),
        fields.String(validate=validate.Length(1, SHORT_TEXT_LIMIT)),
        load_default=dict,
        metadata=about(
            "The source of each field; `*` is the source of all other fields that are sent. A "
            "field with a source is no longer sample data."
        ),
    )


def _body(kind: RecordKind, name: str, text: str, *, needed: tuple[str, ...] = ()) -> type[Schema]:
    found = {field.name: _Value(field, required=field.name in needed) for field in kind.fields}
    return type(name, (_Reasons,), {"__doc__": text, "sources": _sources(kind), **found})


_CHANGED = "What changes: a field that is absent stays; valid_until ends it."
NewSite: Final = _body(SITE, "NewSite", "A site to be created.", needed=SITE.needed)
SiteChange: Final = _body(SITE, "SiteChange", f"{_CHANGED} Lists are sent whole.")
NewLink: Final = _body(
    LINK,
    "NewLink",
    "A link to be created; without a name it gets the next one of its ends.",
    needed=tuple(name for name in LINK.needed if name != LINK.key),
)
LinkChange: Final = _body(LINK, "LinkChange", f"{_CHANGED} Lists are sent whole.")


class UnresolvedQuery(Schema):
    """Which names that the registry does not know."""

    kind = fields.String(
        load_default=str(NameKind.SITE),
        validate=validate.OneOf([*NameKind], error="kind takes {choices}"),
        metadata=about("What the names refer to."),
    )
    page = fields.Integer(
        load_default=1,
        validate=validate.Range(1, 10_000, error="page takes 1 to {max}"),
        error_messages={"invalid": "page takes 1 to 10000"},
        metadata=about("Page number, from 1; take it from `next`."),
    )
    limit = page_limit()


class NearName(Schema):
    """A known name that is near."""

    name = a_text("The name.")
    key = a_text("Key of the object with this name.")


class NameWriter(Schema):
    """Who writes a name."""

    author = a_text("The account, or partner.")
    count = fields.Integer(required=True, metadata=about("Number of tickets."))


class UnresolvedRow(Schema):
    """A name that the registry does not know."""

    kind = a_text("site, link or unit.")
    name = a_text("The name, as it was sent.")
    tickets = fields.Integer(required=True, metadata=about("Number of tickets with this name."))
    newest_ticket = fields.Integer(
        required=True, allow_none=True, metadata=about("The newest of them, or null.")
    )
    events = fields.Integer(required=True, metadata=about("Number of events with this name."))
    newest_event = fields.Integer(
        required=True, allow_none=True, metadata=about("The newest of them, or null.")
    )
    writers = fields.List(
        fields.Nested(NameWriter), required=True, metadata=about("Accounts that use the name most.")
    )
    near = fields.List(fields.Nested(NearName), required=True, metadata=about("The nearest names."))
    means = a_text(
        "The object that has this name now, so that tickets have to follow; empty = none."
    )


class UnresolvedPage(Schema):
    """One page of names, those of most tickets and events first."""

    items = fields.List(fields.Nested(UnresolvedRow), required=True)
    total = fields.Integer(required=True, metadata=about("Number of unresolved names."))
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("URL of the next page; null on the last page."),
    )


class DecidedName(Schema):
    """A name that was decided about."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    decision = a_text("alias or dismissed.")
    means = a_text("What an alias refers to now, or empty.")


class DecidedNames(Schema):
    """All names that were decided about."""

    items = fields.List(fields.Nested(DecidedName), required=True)


class _OneName(Schema):
    kind = fields.String(
        required=True,
        validate=validate.OneOf([*NameKind], error="takes {choices}"),
        metadata=about("What the name refers to."),
    )
    name = fields.String(
        required=True, validate=validate.Length(1, MAX_NAME_LENGTH), metadata=about("The name.")
    )


TAKE_BACK: Final = "taken back"
FOLLOW: Final = "follow"


class NameDecisionBody(_OneName):
    """What is made of a name."""

    decision = fields.String(
        required=True,
        validate=validate.OneOf([*Decision, TAKE_BACK, FOLLOW], error="takes {choices}"),
        metadata=about(
            "alias: the name means `target` (for a site, the scope `registry` is also required); "
            "dismissed: the name stays unresolved; taken back: the decision is undone; follow: "
            "no new decision, but more tickets and events are updated to it."
        ),
    )
    target = fields.String(
        load_default="",
        validate=validate.Length(0, MAX_NAME_LENGTH),
        metadata=about("For an alias: any name of the site, the link's id, or a known unit."),
    )
    system = fields.String(
        load_default=str(NameSystem.GOCDB),
        validate=validate.OneOf([*NameSystem], error="takes {choices}"),
        metadata=about("For an alias of a site: the system that uses this name."),
    )
    why = fields.String(
        load_default="",
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("The reason; stored with the change."),
    )


class FollowedRows(Schema):
    """How many followed."""

    done = fields.Integer(required=True, metadata=about("Updated by this call."))
    left = fields.Integer(required=True, metadata=about("Not updated yet: send `follow` again."))


class NameOutcome(Schema):
    """What happened to a name, and of what has it."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    tickets = fields.Nested(FollowedRows, required=True)
    events = fields.Nested(FollowedRows, required=True)


class UnitBody(Schema):
    """A unit to be known by its name."""

    name = fields.String(
        required=True, validate=validate.Length(1, 50), metadata=about("The unit's name.")
    )
    why = fields.String(
        load_default="",
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("The reason; stored with the change."),
    )


class KnownUnit(Schema):
    """A known unit."""

    name = a_text("The name.")
