"""The forms of sites and links, from their declarations; the rules check what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import TextInput

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.forms import Choice, Radio, one_line, options, required
from app.core.web.rows_field import Column, RowsField
from app.registry.rules.networks import Network
from app.registry.rules.records import LINK, SITE, RecordKind
from app.registry.rules.registry import (
    CircuitValue,
    ContactRole,
    ContactValue,
    NameSystem,
    SiteNameValue,
    bandwidth_text,
    read_asn,
    read_day,
)
from app.registry.rules.values import (
    ASNS,
    CIRCUITS,
    CONTACTS,
    DAY,
    GBPS,
    NAMES,
    PREFIXES,
    TIER,
    TIME_ZONE,
    WORDS,
    RecordField,
    ValueKind,
)

_NO_TIER = _("neither")
_DAY_FORM = "2026-01-31"


class DayField(Field):
    """A day typed as text, or nothing."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed; says what is allowed when it cannot."""
        self.data: date | None = None
        if valuelist:
            try:
                self.data = read_day(self.name, valuelist[0], label=self.label.text)
            except Invalid as error:
                raise ValueError(error.message) from None


class GbpsField(Field):
    """Gigabits a second, or nothing."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return bandwidth_text(self.data) or ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a number with a point."""
        self.data: float | None = None
        if valuelist and (text := valuelist[0].strip()):
            try:
                if len(text) > 20 or not text.isascii() or "_" in text:
                    raise ValueError
                self.data = float(text)
            except ValueError:
                raise ValueError(
                    _("%(text)s: enter a number of Gb/s, such as 100 or 2.5", text=self.label.text)
                ) from None


class ChangeFields:
    """What forms of sites and links share: the source, and why."""

    source = StringField(
        _("Source"),
        filters=[one_line],
        description=_(
            "Source of this information. Without one, the page shows that you edited it."
        ),
        render_kw={"autocomplete": "off"},
    )
    why = StringField(
        _("Reason"),
        filters=[one_line],
        description=_("Shown in the record's history."),
        render_kw={"autocomplete": "off"},
    )

    def sources(self) -> dict[str, str]:
        """The source of all that changes."""
        return {"*": self.source.data or ""}


@dataclass(frozen=True)
class _Input:
    """How a kind of value is typed: its field, what it says, and what it shows of a value."""

    field: Callable[[RecordField], Any]
    read: Callable[[Any], Any] = lambda typed: typed.data
    shown: Callable[[Any], Any] = lambda value: value


def _text(field: RecordField) -> StringField:
    return StringField(
        field.label,
        required(field.label) if field.is_needed else [],
        filters=[one_line],
        description=field.help,
        render_kw={"autocomplete": "off"},
    )


def _day(field: RecordField) -> DayField:
    return DayField(field.label, description=field.help, render_kw={"placeholder": _DAY_FORM})


def _gbps(field: RecordField) -> GbpsField:
    return GbpsField(field.label, description=field.help)


def _time_zone(field: RecordField) -> Choice:
    return Choice(
        field.label, choices=lambda: options(*sorted(available_timezones())), default="UTC"
    )


def _tier(field: RecordField) -> Radio:
    return Radio(
        field.label, choices=options("T0", "T1", _NO_TIER), default=_NO_TIER, description=field.help
    )


def _rows(
    row: str,
    columns: Sequence[Column],
    read: Callable[[dict[str, str]], Any],
    shown: Callable[[Any], Mapping[str, str]],
) -> _Input:
    return _Input(
        lambda field: RowsField(field.label, columns, row=row, description=field.help),
        lambda typed: tuple(map(read, typed.rows())),
        lambda value: [dict(shown(item)) for item in value],
    )


def _read_name(row: Mapping[str, str]) -> SiteNameValue:
    return SiteNameValue(
        row["system"],
        row["name"],
        read_day("names", row["from"], label=_("From of %(row)s", row=row["name"])),
        read_day("names", row["until"], label=_("Until of %(row)s", row=row["name"])),
    )


def _show_name(name: SiteNameValue) -> Mapping[str, str]:
    return {
        "system": name.system,
        "name": name.name,
        "from": str(name.valid_from or ""),
        "until": str(name.valid_until or ""),
    }


_TEXT: Final = _Input(_text, lambda typed: typed.data or "")
_INPUTS: Final[Mapping[ValueKind, _Input]] = {
    TIME_ZONE: _Input(_time_zone),
    TIER: _Input(
        _tier,
        lambda typed: {"T0": 0, "T1": 1}.get(typed.data),
        lambda tier: _NO_TIER if tier is None else f"T{tier}",
    ),
    DAY: _Input(_day),
    GBPS: _Input(_gbps),
    WORDS: _Input(_text, lambda typed: _words(typed.data), "; ".join),
    NAMES: _rows(
        "name",
        (
            Column("system", _("System"), tuple(NameSystem)),
            Column("name", _("Name")),
            Column("from", _("From"), placeholder=_DAY_FORM, optional=True),
            Column("until", _("Until"), placeholder=_DAY_FORM, optional=True),
        ),
        _read_name,
        _show_name,
    ),
    ASNS: _rows(
        "ASN",
        (Column("asn", "ASN", placeholder="64512"),),
        lambda row: read_asn("asns", row["asn"]),
        lambda asn: {"asn": str(asn)},
    ),
    PREFIXES: _rows(
        "prefix",
        (
            Column("network", _("Network"), tuple(Network)),
            Column("prefix", _("Prefix"), placeholder="192.0.2.0/24"),
        ),
        lambda row: (row["network"], row["prefix"]),
        lambda item: {"network": item[0], "prefix": item[1]},
    ),
    CONTACTS: _rows(
        "contact",
        (
            Column("role", _("Role"), tuple(ContactRole)),
            Column("name", _("Name")),
            Column("mail", _("Mail"), optional=True),
            Column("phone", _("Phone"), optional=True),
        ),
        lambda row: ContactValue(**row),
        vars,
    ),
    CIRCUITS: _rows(
        "circuit",
        (Column("provider", _("Provider")), Column("circuit_id", _("Circuit id"), optional=True)),
        lambda row: CircuitValue(**row),
        vars,
    ),
}
"""All other kinds are typed as a text, or chosen where there are ``choices``."""


def _input_of(kind: ValueKind) -> _Input:
    if kind.choices is None:
        return _INPUTS.get(kind, _TEXT)
    choices = tuple(kind.choices)
    return replace(
        _TEXT,
        field=lambda field: Radio(
            field.label, choices=options(*choices), default=choices[0], description=field.help
        ),
    )


class RecordForm(ChangeFields, FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """All fields of a record of one kind."""

    kind: RecordKind

    def stated(self) -> dict[str, Any]:
        """The fields as the verbs take them; raises ``Invalid`` for a row that cannot be read."""
        return {
            field.name: _input_of(field.value).read(self[field.name]) for field in self.kind.fields
        }

    @classmethod
    def shown(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """A record's values (of its verbs) as its form holds them."""
        return {
            field.name: _input_of(field.value).shown(values[field.name])
            for field in cls.kind.fields
        }


def _form_of(kind: RecordKind) -> type[RecordForm]:
    fields = {field.name: _input_of(field.value).field(field) for field in kind.fields}
    return type(f"{kind.name.capitalize()}Form", (RecordForm,), {"kind": kind, **fields})


def _with(form: type[RecordForm], **fields: Field) -> type[RecordForm]:
    """The form with these fields besides, or in place of those of their names."""
    return type(form.__name__, (form,), fields)


SiteForm: Final = _form_of(SITE)
LinkForm: Final = _with(
    _form_of(LINK),
    name=StringField(
        LINK.by_name["name"].label,
        filters=[one_line],
        description=_(
            "Leave empty to use the next free id for these ends, such as CERN-RAL-LHCOPN-001."
        ),
        render_kw={"autocomplete": "off"},
    ),
)
"""Of a new link the id may be left to the portal."""
SiteEditForm: Final = _with(SiteForm, version=HiddenField("Version"))
LinkEditForm: Final = _with(_form_of(LINK), version=HiddenField("Version"))
"""Who edits a record says which version was seen."""


class RetireForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """When a site or link ends, and why."""

    on = DayField(
        _("First day out of use"),
        [InputRequired(_("First day out of use is required"))],
        description=_("For example 2026-01-31."),
        render_kw={"placeholder": _DAY_FORM},
    )
    why = StringField(_("Reason"), required(_("Reason")), filters=[one_line])


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which sample is confirmed, and by what."""

    field = HiddenField("Fact")
    source = StringField(
        _("Source"),
        required(_("Source")),
        filters=[one_line],
        description=_("Who or what confirms it."),
        render_kw={"autocomplete": "off"},
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for part in (text or "").split(";") if (word := part.strip()))


def take_over(form: FlaskForm, values: Mapping[str, Any], names: Sequence[str]) -> None:
    """Put the record's present values into these fields of the form."""
    for name in names:
        field = form[name]
        if isinstance(field, RowsField):
            field.data = [dict(row) for row in values[name]]
        else:
            field.process_data(values[name])
            field.raw_data = None
