"""The wire types of the API: what is read from a query, and what an answer holds.

The OpenAPI document is made of them. A field that is added is no break of the contract, a field
that changes its meaning or goes is one.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.events import LONGEST_KEY as LONGEST_EVENT_KEY
from app.domain.events import LONGEST_SOURCE, EventState, as_text
from app.domain.notices import Outcome
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


class Moment(fields.String):
    """A time of a row: UTC, ISO 8601 with Z."""

    def __init__(self, text: str, **more: Any) -> None:
        about = {**_about(text), "format": "date-time"}
        super().__init__(required=True, metadata=about, **more)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return as_text(value) or None


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


class EventsQuery(Schema):
    """Filters of the list of events."""

    source = fields.String(
        validate=validate.Length(1, LONGEST_SOURCE, error="source takes 1 to {max} characters"),
        metadata=_about("Only events of this source."),
    )
    source_id = fields.String(
        validate=validate.Length(1, LONGEST_EVENT_KEY, error="source_id takes 1 to {max}"),
        metadata=_about("Only the event with this id of its source."),
    )
    link = fields.String(
        validate=validate.Length(1, LONGEST_KEY, error="link takes 1 to {max} characters"),
        metadata=_about("Only events of this link."),
    )
    site = fields.String(
        validate=validate.Length(1, LONGEST_KEY, error="site takes 1 to {max} characters"),
        metadata=_about("Only events of this site, or of links that end there; any of its names."),
    )
    state = fields.String(
        validate=validate.OneOf(
            [state.value for state in EventState], error="state takes {choices}"
        ),
        metadata=_about("Only this state."),
    )
    from_ = fields.String(
        data_key="from",
        metadata=_about("Only events that touch the time from here on: a day or time, UTC."),
    )
    to = fields.String(metadata=_about("... and before here: a day or time, UTC."))
    open = fields.String(
        validate=validate.OneOf(["yes", "no"], error="open takes yes or no"),
        metadata=_about("yes: only events that go on; no: only those that have ended."),
    )
    changed_from = fields.String(
        metadata=_about("Only what was reported or corrected at this time or later, UTC."),
    )
    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, error="after takes the id of an event"),
        error_messages={"invalid": "after takes the id of an event"},
        metadata=_about(
            "Begin behind this id. A lower id never becomes visible after a higher one: reading on"
            " behind the last one misses no event."
        ),
    )
    limit = fields.Integer(
        load_default=PAGE,
        validate=validate.Range(1, LARGEST_PAGE, error="limit takes 1 to {max}"),
        error_messages={"invalid": f"limit takes 1 to {LARGEST_PAGE}"},
        metadata=_about("How many of them one page holds at most."),
    )


class ReportQuery(Schema):
    """How a report is taken in."""

    only_good = fields.String(
        load_default="no",
        validate=validate.OneOf(["yes", "no"], error="only_good takes yes or no"),
        metadata=_about("yes: what is wrong is left out and told; no: all or nothing."),
    )
    keep_unresolved = fields.String(
        load_default="no",
        validate=validate.OneOf(["yes", "no"], error="keep_unresolved takes yes or no"),
        metadata=_about(
            "yes: unknown links and sites are kept as they were sent, for an administrator to"
            " settle; no: they are wrong."
        ),
    )


class NoQuery(Schema):
    """No parameters."""


class EventRow(Schema):
    """An event as it is known now. Times are UTC, ISO 8601 with Z."""

    id = fields.Integer(required=True, attribute="row.id", metadata=_about("The portal's own id."))
    source = _text("The source that reported it.")
    source_id = _text("The source's own id.", attribute="row.source_key")
    link = _text("The link's id, or empty; as it was sent where it is not known.")
    site = _text("The site's LHCOPN name, or empty; as it was sent where it is not known.")
    unresolved = fields.Boolean(
        required=True, attribute="is_unresolved", metadata=_about("One of the two is not known.")
    )
    state = _text("down, degraded or unmonitored.", attribute="row.state")
    start = Moment("When it began.", attribute="row.start")
    end = Moment("When it ended; null = it goes on.", attribute="row.end", allow_none=True)
    layer = _text("L1/L2, L3, performance, other or unknown.", attribute="row.layer")
    detail = _text("What the source says of it.", attribute="row.detail")
    withdrawn = Moment(
        "When a person said that it never was; null = it stands.",
        attribute="row.withdrawn_at",
        allow_none=True,
    )
    version = fields.Integer(
        required=True, attribute="row.version", metadata=_about("Raised with each correction.")
    )
    created = Moment("First report.", attribute="row.created_at")
    changed = Moment("Newest change.", attribute="row.changed_at")


class EventField(Schema):
    """One field of a change."""

    field = _text("The key.")
    old = fields.String(required=True, allow_none=True, metadata=_about("Before; null = none."))
    new = fields.String(required=True, allow_none=True, metadata=_about("After; null = none."))


class EventChange(Schema):
    """One change of an event: its first report, or a correction."""

    version = fields.Integer(required=True, metadata=_about("1 is the first report."))
    at = Moment("UTC.")
    by = _text("The account.", attribute="actor_account")
    fields_ = fields.List(
        fields.Nested(EventField), required=True, attribute="fields", data_key="fields"
    )


class OneEvent(EventRow):
    """An event with its history."""

    history = fields.List(
        fields.Nested(EventChange), required=True, metadata=_about("Oldest first.")
    )


class FieldProblem(Schema):
    """One parameter, or one key of an event, that is not allowed."""

    field = _text("The name of the parameter or key; empty = the event as a whole.")
    detail = _text("What is allowed.")
    index = fields.Integer(metadata=_about("Of an event: its place in the list, from 0."))
    value = fields.String(metadata=_about("Of an event: what was sent there, its beginning."))


class ReportAnswer(Schema):
    """What became of a report."""

    received = fields.Integer(required=True, metadata=_about("Events in it."))
    new = fields.Integer(required=True, metadata=_about("Seen for the first time."))
    changed = fields.Integer(required=True, metadata=_about("Closed or corrected."))
    same = fields.Integer(required=True, metadata=_about("Known as they were sent."))
    left_out = fields.Integer(required=True, metadata=_about("Wrong, and not stored."))
    unresolved = fields.Integer(
        required=True, metadata=_about("Stored with a name that is not known here.")
    )
    truncated = fields.Integer(
        metadata=_about("Alerts that Alertmanager left out: its max_alerts is too low.")
    )
    errors = fields.List(
        fields.Nested(FieldProblem),
        required=True,
        metadata=_about("What is wrong with those that were left out: the first hundred."),
    )


class NoticeResult(Schema):
    """What became of one notice."""

    outcome = _text(
        "made, updated, cancelled, completed (its ticket); same (it is here already); ignored"
        " (older than what is known); to read (kept for a person).",
        validate=validate.OneOf([one.value for one in Outcome if one is not Outcome.DISMISSED]),
    )
    why = _text("The same in words.")
    title = _text("What it announces.")
    provider = _text("Who announces it; empty where that could not be read.")
    notice = fields.Integer(
        required=True, allow_none=True, metadata=_about("Its number in the portal.")
    )
    ticket = fields.Integer(
        required=True, allow_none=True, metadata=_about("Number of its ticket.")
    )
    unresolved = fields.List(
        fields.String(),
        required=True,
        metadata=_about("Circuits that are not known here; a person settles them."),
    )


class NoticesAnswer(Schema):
    """What became of a file: one entry for each of its notices."""

    items = fields.List(fields.Nested(NoticeResult), required=True)


_NEXT = "Address of the next page; null = this is the last."


class SitePage(Schema):
    """One page of sites, by key."""

    items = fields.List(fields.Nested(Site), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about(_NEXT))


class LinkPage(Schema):
    """One page of links, by name."""

    items = fields.List(fields.Nested(Link), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about(_NEXT))


class EventPage(Schema):
    """One page of events, by id."""

    items = fields.List(fields.Nested(EventRow), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about(_NEXT))


class Problem(Schema):
    """Problem details (RFC 9457)."""

    type = _text("about:blank: the status says what it is.")
    title = _text("The status in words.")
    status = fields.Integer(required=True, metadata=_about("The HTTP status."))
    detail = _text("What is wrong, and what is allowed.")
    number = fields.Integer(metadata=_about("The portal's number of the error."))
    errors = fields.List(
        fields.Nested(FieldProblem), metadata=_about("Parameters, or events, at fault.")
    )
