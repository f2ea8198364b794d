"""The wire types of sites and links that are read."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.wire import (
    MAX_KEY_LENGTH,
    Moment,
    Words,
    a_day,
    a_decimal,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    an_object,
    behind_key,
    page_limit,
    page_next,
    sent_day,
    sent_text,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.matching.rules.matching import Evidence
from app.registry.rules.networks import Network
from app.registry.services.pick_lists import MOST
from app.topology.rules.link_states import LinkState


class PageQuery(Schema):
    """What every list takes."""

    q = sent_text("Part of a name; upper and lower case are the same.", MAX_KEY_LENGTH, name="q")
    on = sent_day("on", "Only records valid on this day, as they were then. Default: all.")
    network = fields.String(
        validate=validate.OneOf([*Network], error="network takes LHCOPN or LHCONE"),
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

    site = sent_text(
        "Only links that end at this site; any of its names will do.", MAX_KEY_LENGTH, name="site"
    )


class OneQuery(Schema):
    """What a single record takes."""

    on = sent_day("on", "The record as it was on this day; 404 if it was not valid then.")


class PickQuery(Schema):
    """What somebody typed."""

    search = sent_text(
        "Words that are all part of an id or a name, in any order; upper and lower case are the"
        " same. Empty: the first ones.",
        SHORT_TEXT_LIMIT,
        least=0,
        name="search",
        load_default="",
    )


class Pick(Schema):
    """A site or link to pick."""

    id = a_text("The link id, or the site's key: the value to store.")
    label = a_text("What people read: the id with the sites, or the key with the other names.")


class PickList(Schema):
    """The best matches, best first."""

    items = a_list(Pick, f"At most {MOST}.")


class SiteName(Schema):
    """A name of a site in one system."""

    system = a_text("LHCOPN, GOCDB, CRIC, NetSite or short (the form used in link ids).")
    name = a_text("The name, exact.")
    valid_from = a_day("First day of the name; null = unknown.")
    valid_until = a_day("First day on which the name was no longer valid; null = still valid.")


class Prefix(Schema):
    """An address range that a site announces."""

    network = a_text("LHCOPN or LHCONE.", choices=Network)
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
    sample = a_flag("Sample data that nobody confirmed.")


class _Record(Schema):
    """What sites and links have alike."""

    source = a_text("Source of the fields that are not in `facts`.", attribute="row.source")
    sample = a_flag(
        "Sample data without a source; for a site, its T0/T1 dates.", attribute="row.sample"
    )
    facts = a_list(Fact, "Fields with a source of their own.")
    version = a_number("Increases with each change.", attribute="row.version")
    bandwidth_gbps = a_decimal("Gb/s.", null=True, attribute="row.bandwidth_gbps")
    valid_from = a_day("First day of the record; null = unknown.", attribute="row.valid_from")
    valid_until = a_day(
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
    tier_since = a_day("First day as T0/T1.", attribute="row.tier_since")
    tier_until = a_day("First day on which it no longer was.", attribute="row.tier_until")
    nrens = Words(attribute="row.nrens", metadata=about("Research networks that connect it."))
    vos = Words(attribute="row.vos", metadata=about("Experiments for which it is T0 or T1."))
    names = a_list(SiteName, "All its names; with `on`: those of that day.")
    asns = a_list(int, "Autonomous system numbers.")
    prefixes = a_list(Prefix, attribute="row.prefixes")
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
        choices=LinkState,
    )
    no_ticket = a_flag("Whether the state comes from an event that no ticket documents.")
    evidence = a_text(
        'What the event behind the state lacks (the worst of several events): "no ticket"; '
        '"no ticket of the link", only one that names a site at its end; "no open ticket", '
        "only one that ended while the event is ongoing; or empty: an open ticket of the link "
        "exists, or the state does not come from an event.",
        choices=Evidence,
    )
    reason = a_text("The reason, in words.")
    monitored = a_flag(
        "Whether a source that ever reported the link calls now, so that it would report a "
        "failure. Also for a state that comes from a ticket.",
        attribute="is_watched",
    )
    silence = a_text(
        "Which sources are silent and since when, in words: all that watch the link, or the one "
        "that reported the event. Empty = no silent source, or no source ever reported the link."
    )
    last_report = a_flag(
        "Whether the source of the event behind the state is silent now: the state is as "
        "last reported.",
        attribute="is_last_report",
    )
    since = Moment(
        "Start of the event, incident or window, or of the planned work; else null.",
        allow_none=True,
    )
    until = Moment("End of the window behind the state; else null.", allow_none=True)
    event = a_number("Id of the event behind the state; else null.", null=True)
    tickets = a_list(
        int,
        "Tickets behind the state, or that document its event: the only one, or the first "
        "and the newest.",
    )
    ticket_count = a_number("The total.")
    performance_tickets = a_number(
        "Open incidents about performance, which do not change the state.", attribute="performance"
    )
    no_impact_tickets = a_number(
        "Open incidents with impact none, reduced redundancy or unknown, which do not change "
        "the state.",
        attribute="minor",
    )
    unknown_impact_tickets = a_number(
        "How many of the tickets without effect on the state have an unknown impact.",
        attribute="unknown_impact",
    )


class Link(_Record):
    """A circuit of LHCOPN or LHCONE between two sites."""

    name = a_text("The link id.", attribute="row.name")
    network = a_text("LHCOPN or LHCONE.", attribute="row.network", choices=Network)
    end_a = a_text("Key of the site at one end.", attribute="row.end_a.key")
    end_b = a_text("Key of the site at the other end.", attribute="row.end_b.key")
    role = a_text("primary or backup.", attribute="row.role")
    backs_up = a_text(
        "The link for which this is the backup, or null.", null=True, attribute="backs_up"
    )
    responsible_site = a_text("Key of the responsible site.", attribute="responsible.key")
    responsible_recorded = a_flag("Whether that is recorded; false = the default rule: the T1 end.")
    circuits = a_list(Circuit, attribute="row.circuits")
    state = an_object(
        LinkStatus,
        "The current state, for any `on`; null = the link is not in use today, or this "
        "account reads only its own tickets.",
        null=True,
    )


class SitePage(Schema):
    """One page of sites, by key."""

    items = a_list(Site)
    next = page_next()


class LinkPage(Schema):
    """One page of links, by name."""

    items = a_list(Link)
    next = page_next()
