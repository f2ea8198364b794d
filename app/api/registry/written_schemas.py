"""The wire types of sites and links that are written, made from the one declaration of their
fields; and of names that the registry does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from app.api.wire import (
    about,
    sent_reason,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.registry.rules.records import LINK, SITE, RecordKind
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
