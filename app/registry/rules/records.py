"""What a site and a link are: each field is declared here, once.

Files, forms, pages, the change log and the verbs read these declarations. The order of the fields
is that of the columns of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _
from app.registry.rules.registry import LinkRole, check_order
from app.registry.rules.values import (
    ASNS,
    CIRCUITS,
    CONTACTS,
    COUNTRY,
    DAY,
    GBPS,
    KEY,
    NAMES,
    NETWORK,
    PREFIXES,
    ROLE,
    TEXT,
    TIER,
    TIME_ZONE,
    WORDS,
    RecordField,
)


@dataclass(frozen=True)
class RecordKind:
    """A kind of record: sites, or links."""

    name: str
    """As the change log calls it."""
    fields: tuple[RecordField, ...]

    @cached_property
    def by_name(self) -> Mapping[str, RecordField]:
        """The fields, in their order."""
        return {field.name: field for field in self.fields}

    @property
    def key(self) -> str:
        """The field that says which record it is: the first one."""
        return self.fields[0].name

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The fields that are never empty."""
        return tuple(field.name for field in self.fields if field.is_needed)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """What has a source of its own."""
        return tuple(dict.fromkeys(map(fact_of, self.by_name)))

    def checked(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """The stated fields in their stored form; ``InvalidMany`` names all that are wrong.

        That other records exist is for the service to see. Raises ``KeyError`` for a field that no
        record of this kind has.
        """
        problems: dict[str, str] = {}
        found: dict[str, Any] = {}
        for name, value in stated.items():
            field = self.by_name[name]
            try:
                found[name] = field.value.check(field, value)
            except Invalid as error:
                problems[error.field] = error.message
        if problems:
            raise InvalidMany(problems)
        return found


SITE: Final = RecordKind(
    "site",
    (
        RecordField(
            "key",
            _("LHCOPN name"),
            KEY,
            help=_("Its name in the LHCOPN, such as DE-KIT. At most 50 characters."),
            allowed=_("the site's LHCOPN name"),
            limit=50,
            is_needed=True,
            is_searched=True,
        ),
        RecordField(
            "country",
            _("Country"),
            COUNTRY,
            help=_("ISO 3166 code, such as CH."),
            is_needed=True,
        ),
        RecordField("time_zone", _("Time zone"), TIME_ZONE, is_needed=True),
        RecordField(
            "tier",
            _("Tier"),
            TIER,
            help=_("LHCOPN role; independent of CRIC's tier."),
        ),
        RecordField(
            "tier_since",
            _("Tier since"),
            DAY,
            help=_(
                "First day as T0 or T1. Before it, no report or ticket is due,"
                " and the site is not counted. Leave empty for today."
            ),
            fact="tier",
        ),
        RecordField(
            "tier_until",
            _("Tier until"),
            DAY,
            help=_("First day on which the site was no longer T0 or T1."),
            fact="tier",
        ),
        RecordField(
            "valid_from",
            _("Valid from"),
            DAY,
            help=_("First day of the site. Leave empty if unknown."),
            fact="validity",
        ),
        RecordField(
            "valid_until",
            _("Valid until"),
            DAY,
            help=_("Retired on: the first day out of use."),
            fact="validity",
        ),
        RecordField(
            "bandwidth_gbps",
            _("Bandwidth"),
            GBPS,
            help=_("To the LHCOPN in Gb/s, as the site declares it."),
        ),
        RecordField(
            "nrens",
            _("NRENs"),
            WORDS,
            help=_("National research networks, separated by semicolons."),
        ),
        RecordField(
            "vos",
            _("VOs"),
            WORDS,
            help=_("Experiments for which it is T0 or T1, separated by semicolons."),
        ),
        RecordField("asns", _("ASNs"), ASNS),
        RecordField("prefixes", _("Prefixes"), PREFIXES),
        RecordField(
            "names",
            _("Names"),
            NAMES,
            help=_(
                "All names in other systems; short is the form in link ids."
                " GGUS partners get the first GOCDB name."
                " Two sites cannot have the same name at the same time."
            ),
        ),
        RecordField(
            "contacts",
            _("Contacts"),
            CONTACTS,
            help=_("Prefer a function, such as a NOC, to a person. Visible to all users."),
        ),
    ),
)
LINK: Final = RecordKind(
    "link",
    (
        RecordField(
            "name",
            _("Link id"),
            KEY,
            help=_("In the usual form, such as CERN-RAL-LHCOPN-001."),
            allowed=_("the link's id"),
            limit=100,
            is_needed=True,
            is_searched=True,
        ),
        RecordField("network", _("Network"), NETWORK, is_needed=True),
        RecordField(
            "end_a",
            _("First end"),
            TEXT,
            help=_("Site name or alias. For a link between T0 and T1, enter the T0 here."),
            allowed=_("a site name or alias"),
            fact="ends",
            is_needed=True,
        ),
        RecordField(
            "end_b",
            _("Second end"),
            TEXT,
            help=_("Name or alias of another site."),
            allowed=_("a site name or alias"),
            fact="ends",
            is_needed=True,
        ),
        RecordField("role", _("Role"), ROLE, default=LinkRole.PRIMARY.value),
        RecordField(
            "backs_up",
            _("Backs up"),
            TEXT,
            help=_("The id of the link that it backs up; it may be on LHCONE."),
            allowed=_("the id of the link that it backs up, or nothing"),
        ),
        RecordField(
            "responsible_site",
            _("Responsible site"),
            TEXT,
            help=_("Site name or alias. If empty: the T1 end, or the first of two T1s."),
            allowed=_("a site name or alias, or nothing"),
        ),
        RecordField("bandwidth_gbps", _("Bandwidth"), GBPS, help=_("In Gb/s.")),
        RecordField(
            "valid_from",
            _("Valid from"),
            DAY,
            help=_("In use from. Leave empty if unknown."),
            fact="validity",
        ),
        RecordField(
            "valid_until",
            _("Valid until"),
            DAY,
            help=_("Retired on: the first day out of use."),
            fact="validity",
        ),
        RecordField(
            "circuits",
            _("Circuits"),
            CIRCUITS,
            help=_("The link's circuits, each with the provider's circuit id."),
        ),
    ),
)


class Records(StrEnum):
    """What a file or a list of addresses holds."""

    SITES = "sites"
    LINKS = "links"

    @property
    def kind(self) -> RecordKind:
        """What each of them is."""
        return SITE if self is Records.SITES else LINK


_ANY: Final = {**SITE.by_name, **LINK.by_name}
"""Fields by name; what is called the same holds and is called the same in both kinds."""
LABELS: Final[Mapping[str, str]] = {name: field.label for name, field in _ANY.items()}


def fact_of(name: str) -> str:
    """The fact to which a field belongs: its parts share one source (tier, validity, ends)."""
    return _ANY[name].fact or name if name in _ANY else name


def logged(name: str, value: Any) -> str | None:
    """A stored value of a field as the change log keeps it; None where nothing is set.

    Lists are separated by ``; ``. Days are ISO 8601, bandwidth is in Gb/s.
    """
    text = _ANY[name].value.text
    if isinstance(value, tuple):
        return "; ".join(str(text(entry)) for entry in value) or None
    return None if value in (None, "") else text(value)


def cell_of(name: str, value: Any) -> str:
    """A value as its cell in a file says it; "" where nothing is set."""
    return _ANY[name].value.to_cell(value) if value is not None else ""


def value_of(name: str, cell: str) -> Any:
    """The value that ``cell_of`` wrote. Raises ``ValueError`` or ``Invalid``."""
    return _ANY[name].value.from_cell(cell)


def check_site_days(values: Mapping[str, Any]) -> None:
    """Raise ``InvalidMany`` unless a site's days fit each other; ``values`` holds all of them."""
    problems: dict[str, str] = {}

    def note(field: str, text: str) -> None:
        problems.setdefault(field, text)

    for start, end, what in (
        ("valid_from", "valid_until", _("The site")),
        ("tier_since", "tier_until", _("The tier")),
    ):
        try:
            check_order(end, values[start], values[end], what)
        except Invalid as error:
            note(error.field, error.message)
    if values["tier"] is not None and values["tier_since"] is None:
        note(
            "tier_since",
            _(
                "Enter the first day as T%(values)s",
                values=values["tier"],
            ),
        )
    for field in ("tier_since", "tier_until"):
        if values["tier"] is None and values[field] is not None:
            note(field, _("A day needs a tier; choose T0 or T1, or leave the day empty"))
    for field in ("tier_since", "tier_until"):
        day, first = values[field], values["valid_from"]
        if day is not None and first is not None and day < first:
            note(
                field,
                _(
                    "%(labels)s %(day)s is before the site's first day, %(first)s",
                    labels=LABELS[field],
                    day=day,
                    first=first,
                ),
            )
    last: date | None = values["valid_until"]
    if last is not None and values["tier_since"] is not None and values["tier_since"] >= last:
        note(
            "tier_since",
            _(
                "Tier since %(values)s: the site ends on %(last)s",
                values=values["tier_since"],
                last=last,
            ),
        )
    if problems:
        raise InvalidMany(problems)
