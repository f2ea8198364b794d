"""The wire types of the API: what is read from a query, and what an answer holds.

The OpenAPI document is made of them. A field that is added is no break of the contract, a field
that changes its meaning or goes is one.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.tickets import Network

LONGEST_KEY = 100
PAGE = 100
LARGEST_PAGE = 1000
_NETWORKS = validate.OneOf([network.value for network in Network])


def _about(text: str) -> dict[str, str]:
    return {"description": text}


def _text(text: str, **more: Any) -> fields.String:
    return fields.String(required=True, metadata=_about(text), **more)


def _day(text: str, **more: Any) -> fields.Date:
    return fields.Date(required=True, allow_none=True, metadata=_about(text), **more)


class Words(fields.List[str]):
    """A list of words that the row keeps in one text, with ``; `` between."""

    def __init__(self, **more: Any) -> None:
        super().__init__(fields.String(), required=True, **more)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> list[str]:
        return value.split("; ") if value else []


class PageQuery(Schema):
    """What every list takes."""

    q = fields.String(
        validate=validate.Length(1, LONGEST_KEY, error="q takes 1 to {max} characters"),
        metadata=_about("Part of a name, in capital or small letters."),
    )
    on = fields.Date(
        error_messages={"invalid": "on takes a day as YYYY-MM-DD"},
        metadata=_about("Only what was valid on this day, as it was then. Absent: everything."),
    )
    network = fields.String(
        validate=validate.OneOf(_NETWORKS.choices, error="network takes LHCOPN or LHCONE"),
        metadata=_about("Only this network."),
    )
    after = fields.String(
        validate=validate.Length(1, LONGEST_KEY, error="after takes 1 to {max} characters"),
        metadata=_about("Begin behind this key: the last one of the page before."),
    )
    limit = fields.Integer(
        load_default=PAGE,
        validate=validate.Range(1, LARGEST_PAGE, error="limit takes 1 to {max}"),
        error_messages={"invalid": f"limit takes 1 to {LARGEST_PAGE}"},
        metadata=_about("How many of them one page holds at most."),
    )


class SitesQuery(PageQuery):
    """Filters of the list of sites. With ``network``: sites with a link of it."""

    tier = fields.Integer(
        validate=validate.OneOf([0, 1], error="tier takes 0 or 1"),
        error_messages={"invalid": "tier takes 0 or 1"},
        metadata=_about("Only T0 (0) or T1 (1): on the day of `on`, else ever."),
    )


class LinksQuery(PageQuery):
    """Filters of the list of links."""

    site = fields.String(
        validate=validate.Length(1, LONGEST_KEY, error="site takes 1 to {max} characters"),
        metadata=_about("Only links that end at this site; any of its names will do."),
    )


class OneQuery(Schema):
    """What a single record takes."""

    on = fields.Date(
        error_messages={"invalid": "on takes a day as YYYY-MM-DD"},
        metadata=_about("The record as it was on this day; 404 if it was not valid then."),
    )


class SiteName(Schema):
    """A name of a site in one system."""

    system = _text("LHCOPN, GOCDB, CRIC, NetSite or short (the form used in link ids).")
    name = _text("The name, exact.")
    valid_from = _day("First day of the name; null = since ever.")
    valid_until = _day("First day on which it no longer was the name; null = still.")


class Prefix(Schema):
    """An address range that a site announces."""

    network = _text("LHCOPN or LHCONE.", validate=_NETWORKS)
    prefix = _text("IPv4 or IPv6, canonical, with length.")


class Contact(Schema):
    """Who answers for a site."""

    role = _text("network, security, reports or management.")
    name = _text("A function or a person.")
    mail = _text("Mail address, or empty.")
    phone = _text("Phone number, or empty.")


class Fact(Schema):
    """Where one field of a record comes from."""

    field = _text("The field's name.")
    source = _text("The source, or empty.")
    sample = fields.Boolean(
        required=True, metadata=_about("A guess that nobody confirmed: sample data.")
    )


class _Record(Schema):
    """What sites and links have alike."""

    source = _text("Where the fields come from that stand not in `facts`.", attribute="row.source")
    sample = fields.Boolean(
        required=True,
        attribute="row.sample",
        metadata=_about("Sample data that no source confirms: of a site its T0/T1 dates."),
    )
    facts = fields.List(
        fields.Nested(Fact), required=True, metadata=_about("Fields with a source of their own.")
    )
    version = fields.Integer(
        required=True, attribute="row.version", metadata=_about("Raised with each change.")
    )
    bandwidth_gbps = fields.Float(
        required=True, allow_none=True, attribute="row.bandwidth_gbps", metadata=_about("Gb/s.")
    )
    valid_from = _day("First day of the record; null = since ever.", attribute="row.valid_from")
    valid_until = _day(
        "First day on which it no longer was; null = still.", attribute="row.valid_until"
    )


class Site(_Record):
    """A site of the LHCOPN/MoU: the unit of "per T1"."""

    key = _text("Its LHCOPN name.", attribute="row.key")
    country = _text("ISO 3166-1 alpha-2.", attribute="row.country")
    time_zone = _text("IANA name.", attribute="row.time_zone")
    tier = fields.Integer(
        required=True,
        allow_none=True,
        validate=validate.OneOf([0, 1, None]),
        metadata=_about("0 or 1 in this registry's own sense, or null; with `on`: on that day."),
    )
    tier_since = _day("First day as T0/T1.", attribute="row.tier_since")
    tier_until = _day("First day on which it no longer was.", attribute="row.tier_until")
    nrens = Words(attribute="row.nrens", metadata=_about("Research networks that connect it."))
    vos = Words(attribute="row.vos", metadata=_about("Experiments for which it is T0 or T1."))
    names = fields.List(
        fields.Nested(SiteName),
        required=True,
        metadata=_about("All its names; with `on`: those of that day."),
    )
    asns = fields.List(
        fields.Integer(), required=True, metadata=_about("Autonomous system numbers.")
    )
    prefixes = fields.List(fields.Nested(Prefix), required=True, attribute="row.prefixes")
    contacts = fields.List(
        fields.Nested(Contact),
        metadata=_about("Absent for a system's token without the scope registry."),
    )


class Circuit(Schema):
    """A provider's part of a link."""

    provider = _text("The provider.")
    circuit_id = _text("The provider's own id, or empty.")


class Link(_Record):
    """A circuit of LHCOPN or LHCONE between two sites."""

    name = _text("Its link id.", attribute="row.name")
    network = _text("LHCOPN or LHCONE.", attribute="row.network", validate=_NETWORKS)
    end_a = _text("Key of the site at one end.", attribute="row.end_a.key")
    end_b = _text("Key of the site at the other end.", attribute="row.end_b.key")
    role = _text("primary or backup.", attribute="row.role")
    backs_up = fields.String(
        required=True,
        allow_none=True,
        attribute="backs_up",
        metadata=_about("The link that it backs up, or null."),
    )
    responsible_site = _text("Key of the site that is responsible.", attribute="responsible.key")
    responsible_recorded = fields.Boolean(
        required=True,
        metadata=_about("Whether that is recorded; false = the rule says so: the T1 end."),
    )
    circuits = fields.List(fields.Nested(Circuit), required=True, attribute="row.circuits")


_NEXT = "Address of the next page; null = this is the last."


class SitePage(Schema):
    """One page of sites, by key."""

    items = fields.List(fields.Nested(Site), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about(_NEXT))


class LinkPage(Schema):
    """One page of links, by name."""

    items = fields.List(fields.Nested(Link), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about(_NEXT))


class FieldProblem(Schema):
    """One parameter that is not allowed."""

    field = _text("The parameter's name.")
    detail = _text("What is allowed.")


class Problem(Schema):
    """Problem details (RFC 9457)."""

    type = _text("about:blank: the status says what it is.")
    title = _text("The status in words.")
    status = fields.Integer(required=True, metadata=_about("The HTTP status."))
    detail = _text("What is wrong, and what is allowed.")
    number = fields.Integer(metadata=_about("The portal's number of the error."))
    errors = fields.List(fields.Nested(FieldProblem), metadata=_about("Parameters at fault."))
