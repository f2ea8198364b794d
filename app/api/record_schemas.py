"""The wire types of sites and links that are written, made from the one declaration of their
fields; and of names that the registry does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from app.api.wire import (
    a_list,
    a_number,
    a_text,
    about,
    an_object,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_reason,
    sent_text,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.names.services.unresolved import MAX_NAME_LENGTH, MAX_UNIT_LENGTH, Decision, NameKind
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
    why = sent_reason()


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

    kind = sent_choice(
        "What the names refer to.", NameKind, name="kind", load_default=str(NameKind.SITE)
    )
    page = sent_number(
        "Page number, from 1; take it from `next`.",
        1,
        10_000,
        error="page takes 1 to {max}",
        load_default=1,
    )
    limit = page_limit()


class NearName(Schema):
    """A known name that is near."""

    name = a_text("The name.")
    key = a_text("Key of the object with this name.")


class NameWriter(Schema):
    """Who writes a name."""

    author = a_text("The account, or partner.")
    count = a_number("Number of tickets.")


class UnresolvedRow(Schema):
    """A name that the registry does not know."""

    kind = a_text("site, link or unit.")
    name = a_text("The name, as it was sent.")
    tickets = a_number("Number of tickets with this name.")
    newest_ticket = a_number("The newest of them, or null.", null=True)
    events = a_number("Number of events with this name.")
    newest_event = a_number("The newest of them, or null.", null=True)
    writers = a_list(NameWriter, "Accounts that use the name most.")
    near = a_list(NearName, "The nearest names.")
    means = a_text(
        "The object that has this name now, so that tickets have to follow; empty = none."
    )


class UnresolvedPage(Schema):
    """One page of names, those of most tickets and events first."""

    items = a_list(UnresolvedRow)
    total = a_number("Number of unresolved names.")
    next = page_next()


class DecidedName(Schema):
    """A name that was decided about."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    decision = a_text("alias or dismissed.")
    means = a_text("What an alias refers to now, or empty.")


class DecidedNames(Schema):
    """All names that were decided about."""

    items = a_list(DecidedName)


class _OneName(Schema):
    kind = sent_choice("What the name refers to.", NameKind, required=True)
    name = sent_text("The name.", MAX_NAME_LENGTH, required=True)


TAKE_BACK: Final = "taken back"
FOLLOW: Final = "follow"


class NameDecisionBody(_OneName):
    """What is made of a name."""

    decision = sent_choice(
        "alias: the name means `target` (for a site, the scope `registry` is also required); "
        "dismissed: the name stays unresolved; taken back: the decision is undone; follow: "
        "no new decision, but more tickets and events are updated to it.",
        [*Decision, TAKE_BACK, FOLLOW],
        required=True,
    )
    target = sent_text(
        "For an alias: any name of the site, the link's id, or a known unit.",
        MAX_NAME_LENGTH,
        least=0,
        load_default="",
    )
    system = sent_choice(
        "For an alias of a site: the system that uses this name.",
        NameSystem,
        load_default=str(NameSystem.GOCDB),
    )
    why = sent_reason()


class FollowedRows(Schema):
    """How many followed."""

    done = a_number("Updated by this call.")
    left = a_number("Not updated yet: send `follow` again.")


class NameOutcome(Schema):
    """What happened to a name, and of what has it."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    tickets = an_object(FollowedRows)
    events = an_object(FollowedRows)


class UnitBody(Schema):
    """A unit to be known by its name."""

    name = sent_text("The unit's name.", MAX_UNIT_LENGTH, required=True)
    why = sent_reason()


class KnownUnit(Schema):
    """A known unit."""

    name = a_text("The name.")
