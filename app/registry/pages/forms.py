"""The forms of sites and links: what is allowed is checked by the domain, at the field it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import TextInput

from app.core.rules.errors import Invalid
from app.core.web.forms import Choice, Radio, one_line, options, required
from app.core.web.rows_field import Column, RowsField
from app.registry.rules.networks import Network
from app.registry.rules.records import LABELS
from app.registry.rules.registry import (
    CircuitValue,
    ContactRole,
    ContactValue,
    LinkRole,
    NameSystem,
    SiteNameValue,
    bandwidth_text,
    read_asn,
    read_day,
)

_NO_TIER = "neither"
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
                    f"{self.label.text} takes a number of Gb/s, such as 100 or 2.5"
                ) from None


def _day(name: str, description: str = "") -> DayField:
    return DayField(LABELS[name], description=description, render_kw={"placeholder": _DAY_FORM})


def _text(name: str, description: str = "", *, needed: bool = False) -> StringField:
    return StringField(
        LABELS[name],
        required(LABELS[name]) if needed else [],
        filters=[one_line],
        description=description,
        render_kw={"autocomplete": "off"},
    )


class ChangeFields:
    """What forms of sites and links share: the source, and why."""

    source = StringField(
        "Source",
        filters=[one_line],
        description="Where you know from what you enter or change here. Without one, the page says"
        " that you edited it.",
        render_kw={"autocomplete": "off"},
    )
    why = StringField(
        "Reason",
        filters=[one_line],
        description="Stands in the record's history.",
        render_kw={"autocomplete": "off"},
    )

    def sources(self) -> dict[str, str]:
        """The source of all that changes."""
        return {"*": self.source.data or ""}


class SiteForm(ChangeFields, FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """All fields of a site."""

    key = _text(
        "key", "Its name in the LHCOPN, such as DE-KIT. At most 50 characters.", needed=True
    )
    country = _text("country", "Two capitals (ISO 3166), such as CH.", needed=True)
    time_zone = Choice(
        LABELS["time_zone"], choices=lambda: options(*sorted(available_timezones())), default="UTC"
    )
    tier = Radio(
        LABELS["tier"],
        choices=options("T0", "T1", _NO_TIER),
        default=_NO_TIER,
        description="In the sense of the LHCOPN; CRIC's tier does not say it.",
    )
    tier_since = _day(
        "tier_since",
        "First day on which it was T0 or T1: before it, it owes nothing and counts for nothing."
        " Left empty for a new T0 or T1: today.",
    )
    tier_until = _day("tier_until", "First day on which it no longer was.")
    valid_from = _day("valid_from", "First day of the site; empty where nobody asked.")
    valid_until = _day("valid_until", "First day on which it no longer is: this retires it.")
    bandwidth_gbps = GbpsField(
        LABELS["bandwidth_gbps"], description="To the LHCOPN in Gb/s, as the site declares it."
    )
    nrens = _text("nrens", "National research networks, separated by semicolons.")
    vos = _text("vos", "Experiments for which it is T0 or T1, separated by semicolons.")
    names = RowsField(
        LABELS["names"],
        (
            Column("system", "System", tuple(NameSystem)),
            Column("name", "Name"),
            Column("from", "From", placeholder=_DAY_FORM, optional=True),
            Column("until", "Until", placeholder=_DAY_FORM, optional=True),
        ),
        row="name",
        description="All names under which other systems know it; short is the form in link ids."
        " GGUS partners get the first GOCDB name. A name means one site at a time.",
    )
    asns = RowsField(LABELS["asns"], (Column("asn", "ASN", placeholder="64512"),), row="ASN")
    prefixes = RowsField(
        LABELS["prefixes"],
        (
            Column("network", "Network", tuple(Network)),
            Column("prefix", "Prefix", placeholder="192.0.2.0/24"),
        ),
        row="prefix",
    )
    contacts = RowsField(
        LABELS["contacts"],
        (
            Column("role", "Role", tuple(ContactRole)),
            Column("name", "Name"),
            Column("mail", "Mail", optional=True),
            Column("phone", "Phone", optional=True),
        ),
        row="contact",
        description="Better a function, such as a NOC, than a person. Seen by all who log in.",
    )

    def stated(self) -> dict[str, Any]:
        """The fields as the verbs take them; raises ``Invalid`` for a row that cannot be read."""
        return {
            "key": self.key.data or "",
            "country": self.country.data or "",
            "time_zone": self.time_zone.data,
            "tier": {"T0": 0, "T1": 1}.get(self.tier.data),
            **{name: self[name].data for name in _SITE_PLAIN},
            "nrens": _words(self.nrens.data),
            "vos": _words(self.vos.data),
            "names": tuple(
                SiteNameValue(
                    row["system"],
                    row["name"],
                    read_day("names", row["from"], label=f"From of {row['name']}"),
                    read_day("names", row["until"], label=f"Until of {row['name']}"),
                )
                for row in self.names.rows()
            ),
            "asns": tuple(read_asn("asns", row["asn"]) for row in self.asns.rows()),
            "prefixes": tuple((row["network"], row["prefix"]) for row in self.prefixes.rows()),
            "contacts": tuple(
                ContactValue(row["role"], row["name"], row["mail"], row["phone"])
                for row in self.contacts.rows()
            ),
        }


class SiteEditForm(SiteForm):
    """The same for a site that exists, with the version that the writer saw."""

    version = HiddenField("Version")


_SITE_PLAIN = ("tier_since", "tier_until", "valid_from", "valid_until", "bandwidth_gbps")


def site_form_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """A site's values (of its verbs) as its form holds them."""
    return {
        **{name: values[name] for name in ("key", "country", "time_zone", *_SITE_PLAIN)},
        "tier": _NO_TIER if values["tier"] is None else f"T{values['tier']}",
        "nrens": "; ".join(values["nrens"]),
        "vos": "; ".join(values["vos"]),
        "names": [
            {
                "system": name.system,
                "name": name.name,
                "from": str(name.valid_from or ""),
                "until": str(name.valid_until or ""),
            }
            for name in values["names"]
        ],
        "asns": [{"asn": str(asn)} for asn in values["asns"]],
        "prefixes": [
            {"network": network, "prefix": prefix} for network, prefix in values["prefixes"]
        ],
        "contacts": [
            {"role": item.role, "name": item.name, "mail": item.mail, "phone": item.phone}
            for item in values["contacts"]
        ],
    }


class LinkForm(ChangeFields, FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """All fields of a link."""

    name = _text("name", "As all know it, such as CERN-RAL-LHCOPN-001.", needed=True)
    network = Radio(LABELS["network"], choices=options(*Network), default=Network.LHCOPN)
    end_a = _text("end_a", "Any name of a site; between T0 and T1, the T0.", needed=True)
    end_b = _text("end_b", "Any name of another site.", needed=True)
    role = Radio(LABELS["role"], choices=options(*LinkRole), default=LinkRole.PRIMARY)
    backs_up = _text("backs_up", "The id of the link that it stands in for; it may be on LHCONE.")
    responsible_site = _text(
        "responsible_site", "Any name of a site. Empty: the T1 end, or the first of two T1s."
    )
    bandwidth_gbps = GbpsField(LABELS["bandwidth_gbps"], description="In Gb/s.")
    valid_from = _day("valid_from", "First day on which it is in use; empty where nobody asked.")
    valid_until = _day("valid_until", "First day on which it no longer is: this retires it.")
    circuits = RowsField(
        LABELS["circuits"],
        (Column("provider", "Provider"), Column("circuit_id", "Circuit id", optional=True)),
        row="circuit",
        description="The providers' parts of the link, each with the provider's own id.",
    )

    def stated(self) -> dict[str, Any]:
        """The fields as the verbs take them."""
        return {
            **{name: self[name].data or "" for name in _LINK_TEXTS},
            **{name: self[name].data for name in ("valid_from", "valid_until", "bandwidth_gbps")},
            "circuits": tuple(
                CircuitValue(row["provider"], row["circuit_id"]) for row in self.circuits.rows()
            ),
        }


class LinkEditForm(LinkForm):
    """The same for a link that exists, with the version that the writer saw."""

    version = HiddenField("Version")


_LINK_TEXTS = ("name", "network", "end_a", "end_b", "role", "backs_up", "responsible_site")


def link_form_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """A link's values (of its verbs) as its form holds them."""
    return {
        **values,
        "circuits": [
            {"provider": item.provider, "circuit_id": item.circuit_id}
            for item in values["circuits"]
        ],
    }


class RetireForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """When a site or link ends, and why."""

    on = DayField(
        "First day without it",
        [InputRequired("First day without it is required")],
        description="From this day on it is no longer in use, such as 2026-01-31.",
        render_kw={"placeholder": _DAY_FORM},
    )
    why = StringField("Reason", required("Reason"), filters=[one_line])


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which sample is confirmed, and by what."""

    field = HiddenField("Fact")
    source = StringField(
        "Source",
        required("Source"),
        filters=[one_line],
        description="Who or what confirms it.",
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
