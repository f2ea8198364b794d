"""The wire types of the API: what is read from a query, and what an answer holds.

The OpenAPI document is made of them. A field that is added is no break of the contract, a field
that changes its meaning or goes is one.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.events.rules.events import MAX_KEY_LENGTH as MAX_EVENT_KEY_LENGTH
from app.events.rules.events import MAX_SOURCE_LENGTH, EventState, as_text
from app.matching.rules.matching import Evidence
from app.notices.rules.notices import Outcome
from app.registry.rules.networks import Network
from app.topology.rules.link_states import LinkState

MAX_KEY_LENGTH = 100
PAGE = 100
MAX_PAGE = 1000
_NEXT = "URL of the next page; null on the last page."
_NETWORKS = validate.OneOf([network.value for network in Network])


def about(text: str) -> dict[str, str]:
    """What the document says of a field."""
    return {"description": text}


def a_text(text: str, **more: Any) -> fields.String:
    """A field that always holds a text."""
    return fields.String(required=True, metadata=about(text), **more)


def _day(text: str, **more: Any) -> fields.Date:
    return fields.Date(required=True, allow_none=True, metadata=about(text), **more)


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


def behind_key() -> fields.String:
    """Where a page of a list begins, of lists that are ordered by key."""
    return fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="after takes 1 to {max} characters"),
        metadata=about("Start after this key: the last one of the previous page."),
    )


def page_limit() -> fields.Integer:
    """How long a page of a list is."""
    return fields.Integer(
        load_default=PAGE,
        validate=validate.Range(1, MAX_PAGE, error="limit takes 1 to {max}"),
        error_messages={"invalid": f"limit takes 1 to {MAX_PAGE}"},
        metadata=about("Maximum number of entries per page."),
    )


def page_next() -> fields.String:
    """Where the next page of a list is."""
    return fields.String(required=True, allow_none=True, metadata=about(_NEXT))


class PageQuery(Schema):
    """What every list takes."""

    q = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="q takes 1 to {max} characters"),
        metadata=about("Part of a name; upper and lower case are the same."),
    )
    on = fields.Date(
        error_messages={"invalid": "on takes a day as YYYY-MM-DD"},
        metadata=about("Only records valid on this day, as they were then. Default: all."),
    )
    network = fields.String(
        validate=validate.OneOf(_NETWORKS.choices, error="network takes LHCOPN or LHCONE"),
        metadata=about("Only this network."),
    )
    after = behind_key()
    limit = page_limit()


class SitesQuery(PageQuery):
    """Filters of the list of sites. With ``network``: sites with a link of it."""

    tier = fields.Integer(
        validate=validate.OneOf([0, 1], error="tier takes 0 or 1"),
        error_messages={"invalid": "tier takes 0 or 1"},
        metadata=about(
            "Only the T0 (0) or T1s (1): on the day `on`, or ever if that is not given."
        ),
    )


class LinksQuery(PageQuery):
    """Filters of the list of links."""

    site = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="site takes 1 to {max} characters"),
        metadata=about("Only links that end at this site; any of its names will do."),
    )


class OneQuery(Schema):
    """What a single record takes."""

    on = fields.Date(
        error_messages={"invalid": "on takes a day as YYYY-MM-DD"},
        metadata=about("The record as it was on this day; 404 if it was not valid then."),
    )


class SiteName(Schema):
    """A name of a site in one system."""

    system = a_text("LHCOPN, GOCDB, CRIC, NetSite or short (the form used in link ids).")
    name = a_text("The name, exact.")
    valid_from = _day("First day of the name; null = unknown.")
    valid_until = _day("First day on which the name was no longer valid; null = still valid.")


class Prefix(Schema):
    """An address range that a site announces."""

    network = a_text("LHCOPN or LHCONE.", validate=_NETWORKS)
    prefix = a_text("IPv4 or IPv6 prefix in canonical form, with length.")


class Contact(Schema):
    """Who answers for a site."""

    role = a_text("network, security, reports or management.")
    name = a_text("A function or a person.")
    mail = a_text("Mail address, or empty.")
    phone = a_text("Phone number, or empty.")


class Fact(Schema):
    """Where one field of a record comes from."""

    field = a_text("The field's name.")
    source = a_text("The source, or empty.")
    sample = fields.Boolean(required=True, metadata=about("Sample data that nobody confirmed."))


class _Record(Schema):
    """What sites and links have alike."""

    source = a_text("Source of the fields that are not in `facts`.", attribute="row.source")
    sample = fields.Boolean(
        required=True,
        attribute="row.sample",
        metadata=about("Sample data without a source; for a site, its T0/T1 dates."),
    )
    facts = fields.List(
        fields.Nested(Fact), required=True, metadata=about("Fields with a source of their own.")
    )
    version = fields.Integer(
        required=True, attribute="row.version", metadata=about("Increases with each change.")
    )
    bandwidth_gbps = fields.Float(
        required=True, allow_none=True, attribute="row.bandwidth_gbps", metadata=about("Gb/s.")
    )
    valid_from = _day("First day of the record; null = unknown.", attribute="row.valid_from")
    valid_until = _day(
        "First day on which it was no longer valid; null = still valid.",
        attribute="row.valid_until",
    )


class Site(_Record):
    """A site of the LHCOPN/MoU: the unit of "per T1"."""

    key = a_text("Its LHCOPN name.", attribute="row.key")
    country = a_text("ISO 3166-1 alpha-2.", attribute="row.country")
    time_zone = a_text("IANA name.", attribute="row.time_zone")
    tier = fields.Integer(
        required=True,
        allow_none=True,
        validate=validate.OneOf([0, 1, None]),
        metadata=about("0 or 1 in this registry's own sense, or null; with `on`: on that day."),
    )
    tier_since = _day("First day as T0/T1.", attribute="row.tier_since")
    tier_until = _day("First day on which it no longer was.", attribute="row.tier_until")
    nrens = Words(attribute="row.nrens", metadata=about("Research networks that connect it."))
    vos = Words(attribute="row.vos", metadata=about("Experiments for which it is T0 or T1."))
    names = fields.List(
        fields.Nested(SiteName),
        required=True,
        metadata=about("All its names; with `on`: those of that day."),
    )
    asns = fields.List(
        fields.Integer(), required=True, metadata=about("Autonomous system numbers.")
    )
    prefixes = fields.List(fields.Nested(Prefix), required=True, attribute="row.prefixes")
    contacts = fields.List(
        fields.Nested(Contact),
        metadata=about("Absent for a system's token without the scope registry."),
    )


class Circuit(Schema):
    """A provider's part of a link."""

    provider = a_text("The provider.")
    circuit_id = a_text("The provider's own id, or empty.")


class LinkStatus(Schema):
    """The state of a link now, with its reason."""

    state = a_text(
        "The first that holds: " + ", ".join(f'"{one}"' for one in LinkState) + ".",
        validate=validate.OneOf([one.value for one in LinkState]),
    )
    no_ticket = fields.Boolean(
        required=True,
        metadata=about("Whether the state comes from an event that no ticket documents."),
    )
    evidence = a_text(
        'What the event behind the state lacks (the worst of several events): "no ticket"; '
        '"no ticket of the link", only one that names a site at its end; "no open ticket", '
        "only one that ended while the event is ongoing; or empty: an open ticket of the link "
        "exists, or the state does not come from an event.",
        validate=validate.OneOf([one.value for one in Evidence]),
    )
    reason = a_text("The reason, in words.")
    monitored = fields.Boolean(
        required=True,
        attribute="is_watched",
        metadata=about(
            "Whether a source that ever reported the link calls now, so that it would report a "
            "failure. Also for a state that comes from a ticket."
        ),
    )
    silence = a_text(
        "Which sources are silent and since when, in words: all that watch the link, or the one "
        "that reported the event. Empty = no silent source, or no source ever reported the link."
    )
    last_report = fields.Boolean(
        required=True,
        attribute="is_last_report",
        metadata=about(
            "Whether the source of the event behind the state is silent now: the state is as "
            "last reported."
        ),
    )
    since = Moment(
        "Start of the event, incident or window, or of the planned work; else null.",
        allow_none=True,
    )
    until = Moment("End of the window behind the state; else null.", allow_none=True)
    event = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("Id of the event behind the state; else null."),
    )
    tickets = fields.List(
        fields.Integer(),
        required=True,
        metadata=about(
            "Tickets behind the state, or that document its event: the only one, or the first "
            "and the newest."
        ),
    )
    ticket_count = fields.Integer(required=True, metadata=about("The total."))
    performance_tickets = fields.Integer(
        required=True,
        attribute="performance",
        metadata=about("Open incidents about performance, which do not change the state."),
    )
    no_impact_tickets = fields.Integer(
        required=True,
        attribute="minor",
        metadata=about(
            "Open incidents with impact none, reduced redundancy or unknown, which do not change "
            "the state."
        ),
    )
    unknown_impact_tickets = fields.Integer(
        required=True,
        attribute="unknown_impact",
        metadata=about(
            "How many of the tickets without effect on the state have an unknown impact."
        ),
    )


class Link(_Record):
    """A circuit of LHCOPN or LHCONE between two sites."""

    name = a_text("The link id.", attribute="row.name")
    network = a_text("LHCOPN or LHCONE.", attribute="row.network", validate=_NETWORKS)
    end_a = a_text("Key of the site at one end.", attribute="row.end_a.key")
    end_b = a_text("Key of the site at the other end.", attribute="row.end_b.key")
    role = a_text("primary or backup.", attribute="row.role")
    backs_up = fields.String(
        required=True,
        allow_none=True,
        attribute="backs_up",
        metadata=about("The link for which this is the backup, or null."),
    )
    responsible_site = a_text("Key of the responsible site.", attribute="responsible.key")
    responsible_recorded = fields.Boolean(
        required=True,
        metadata=about("Whether that is recorded; false = the default rule: the T1 end."),
    )
    circuits = fields.List(fields.Nested(Circuit), required=True, attribute="row.circuits")
    state = fields.Nested(
        LinkStatus,
        required=True,
        allow_none=True,
        metadata=about(
            "The current state, for any `on`; null = the link is not in use today, or this "
            "account reads only its own tickets."
        ),
    )


class EventsQuery(Schema):
    """Filters of the list of events."""

    source = fields.String(
        validate=validate.Length(1, MAX_SOURCE_LENGTH, error="source takes 1 to {max} characters"),
        metadata=about("Only events of this source."),
    )
    source_id = fields.String(
        validate=validate.Length(1, MAX_EVENT_KEY_LENGTH, error="source_id takes 1 to {max}"),
        metadata=about("Only the event with this id of its source."),
    )
    link = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="link takes 1 to {max} characters"),
        metadata=about("Only events of this link."),
    )
    site = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="site takes 1 to {max} characters"),
        metadata=about("Only events of this site, or of links that end there; any of its names."),
    )
    state = fields.String(
        validate=validate.OneOf(
            [state.value for state in EventState], error="state takes {choices}"
        ),
        metadata=about("Only this state."),
    )
    from_ = fields.String(
        data_key="from",
        metadata=about("Only events that overlap the time from this day or time on, UTC."),
    )
    to = fields.String(metadata=about("… and before this day or time, UTC."))
    open = fields.String(
        validate=validate.OneOf(["yes", "no"], error="open takes yes or no"),
        metadata=about("yes: only ongoing events; no: only events that ended."),
    )
    changed_from = fields.String(
        metadata=about("Only events reported or corrected at this time or later, UTC."),
    )
    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, error="after takes the id of an event"),
        error_messages={"invalid": "after takes the id of an event"},
        metadata=about(
            "Start after this id. A lower id never becomes visible after a higher one, so "
            "reading from the last id misses no event."
        ),
    )
    limit = page_limit()


class ReportQuery(Schema):
    """How a report is taken in."""

    only_good = fields.String(
        load_default="no",
        validate=validate.OneOf(["yes", "no"], error="only_good takes yes or no"),
        metadata=about(
            "yes: wrong events are left out and listed in the answer; no: all or nothing."
        ),
    )
    keep_unresolved = fields.String(
        load_default="no",
        validate=validate.OneOf(["yes", "no"], error="keep_unresolved takes yes or no"),
        metadata=about(
            "yes: events of unknown links and sites are stored with the names as sent, for an "
            "administrator to resolve; no: they are errors."
        ),
    )
    source = fields.String(
        load_default="",
        validate=validate.Length(max=50),
        metadata=about(
            "The source that calls. Required with an empty list, which means that monitoring "
            "works and has nothing to report."
        ),
    )


class NoQuery(Schema):
    """No parameters."""


class EventRow(Schema):
    """An event as it is known now. Times are UTC, ISO 8601 with Z."""

    id = fields.Integer(required=True, attribute="row.id", metadata=about("The portal's own id."))
    source = a_text("The source that reported it.")
    source_id = a_text("The source's own id of the event.", attribute="row.source_key")
    link = a_text("The link's id, or empty; as sent if unknown.")
    site = a_text("The site's LHCOPN name, or empty; as sent if unknown.")
    unresolved = fields.Boolean(
        required=True,
        attribute="is_unresolved",
        metadata=about("Whether the link or the site is unknown."),
    )
    state = a_text("down, degraded or unmonitored.", attribute="row.state")
    start = Moment("Start time.", attribute="row.start")
    end = Moment("End time; null = ongoing.", attribute="row.end", allow_none=True)
    layer = a_text("L1/L2, L3, performance, other or unknown.", attribute="row.layer")
    detail = a_text("The source's own text.", attribute="row.detail")
    withdrawn = Moment(
        "When a person withdrew the event; null = not withdrawn.",
        attribute="row.withdrawn_at",
        allow_none=True,
    )
    version = fields.Integer(
        required=True, attribute="row.version", metadata=about("Increases with each correction.")
    )
    created = Moment("First report.", attribute="row.created_at")
    changed = Moment("Newest change.", attribute="row.changed_at")


class EventField(Schema):
    """One field of a change."""

    field = a_text("The key.")
    old = fields.String(required=True, allow_none=True, metadata=about("Before; null = none."))
    new = fields.String(required=True, allow_none=True, metadata=about("After; null = none."))


class EventChange(Schema):
    """One change of an event: its first report, or a correction."""

    version = fields.Integer(required=True, metadata=about("1 is the first report."))
    at = Moment("UTC.")
    by = a_text("The account.", attribute="actor_account")
    fields_ = fields.List(
        fields.Nested(EventField), required=True, attribute="fields", data_key="fields"
    )


class OneEvent(EventRow):
    """An event with its history."""

    history = fields.List(
        fields.Nested(EventChange), required=True, metadata=about("Oldest first.")
    )


class FieldProblem(Schema):
    """One parameter, or one key of an event, that is not allowed."""

    field = a_text("The name of the parameter or key; empty = the event as a whole.")
    detail = a_text("What is allowed.")
    index = fields.Integer(metadata=about("For an event: its position in the list, from 0."))
    value = fields.String(metadata=about("For an event: the start of the value that was sent."))


class ReportAnswer(Schema):
    """What happened to a report."""

    received = fields.Integer(required=True, metadata=about("Events in it."))
    new = fields.Integer(required=True, metadata=about("Events reported for the first time."))
    changed = fields.Integer(required=True, metadata=about("Events closed or corrected."))
    same = fields.Integer(
        required=True,
        metadata=about(
            "Events already stored like this, or reported late as ongoing although they have ended."
        ),
    )
    left_out = fields.Integer(
        required=True, metadata=about("Events that are wrong and were not stored.")
    )
    unresolved = fields.Integer(
        required=True, metadata=about("Events stored with an unknown name.")
    )
    truncated = fields.Integer(
        metadata=about("Alerts that Alertmanager left out: its max_alerts is too low.")
    )
    errors = fields.List(
        fields.Nested(FieldProblem),
        required=True,
        metadata=about("Problems of the events that were left out: the first hundred."),
    )


class NoticeResult(Schema):
    """What happened to one notice."""

    outcome = a_text(
        "made, updated, cancelled or completed: what happened to the ticket; same: a repeat; "
        "ignored: older than what is known; to read: a person has to read it.",
        validate=validate.OneOf([one.value for one in Outcome if one is not Outcome.DISMISSED]),
    )
    why = a_text("The result in words.")
    title = a_text("The announced work.")
    provider = a_text("The provider; empty if it could not be read.")
    notice = fields.Integer(
        required=True, allow_none=True, metadata=about("Number of the notice in the portal.")
    )
    ticket = fields.Integer(required=True, allow_none=True, metadata=about("Number of the ticket."))
    unresolved = fields.List(
        fields.String(),
        required=True,
        metadata=about("Circuits unknown to the portal; a person resolves them."),
    )


class NoticesAnswer(Schema):
    """What happened to a file: one entry for each of its notices."""

    items = fields.List(fields.Nested(NoticeResult), required=True)


class SitePage(Schema):
    """One page of sites, by key."""

    items = fields.List(fields.Nested(Site), required=True)
    next = page_next()


class LinkPage(Schema):
    """One page of links, by name."""

    items = fields.List(fields.Nested(Link), required=True)
    next = page_next()


class EventPage(Schema):
    """One page of events, by id."""

    items = fields.List(fields.Nested(EventRow), required=True)
    next = page_next()


class Problem(Schema):
    """Problem details (RFC 9457)."""

    type = a_text("about:blank: see the status.")
    title = a_text("The status in words.")
    status = fields.Integer(required=True, metadata=about("The HTTP status."))
    detail = a_text("What is wrong, and what is allowed.")
    number = fields.Integer(metadata=about("The portal's number of the error."))
    errors = fields.List(
        fields.Nested(FieldProblem), metadata=about("Parameters, or events, at fault.")
    )
    current = fields.Dict(metadata=about("With 412: the current version, as its GET answers it."))
