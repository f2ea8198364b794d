"""The map of a network on a day, and the small map on a ticket's page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.rules.access import Actor, refusal_to_create
from app.core.rules.language import _, joined, said_word
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.registry.models.registry import Site
from app.registry.rules.networks import Network
from app.registry.rules.registry import covers
from app.registry.services.registry import find_site
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import day_of
from app.topology.rules.link_states import LinkState
from app.topology.rules.topology import (
    NARROW,
    PAGE,
    SMALL,
    Edge,
    Frame,
    Layout,
    Line,
    Spot,
    lay_out,
)
from app.topology.services.link_states import link_states, still_reported, still_reported_of
from app.topology.services.registry_on import (
    MAX_LINKS,
    LinkOn,
    Outline,
    SiteOn,
    Snapshot,
    outline_on,
    registry_on,
    site_keys,
)

blueprint = Blueprint("topology", __name__)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MAX_LENGTH = 100
_WIDEST = 1100
_EARLIEST, _LATEST = date(1990, 1, 1), date(2099, 12, 31)


@dataclass(frozen=True)
class Tab:
    """One of the two networks."""

    word: str
    url: str
    current: bool


@dataclass(frozen=True)
class DrawnSite:
    """A drawn site: its position, its label and its texts."""

    spot: Spot
    site: SiteOn
    url: str
    words: str


@dataclass(frozen=True)
class DrawnLink:
    """A drawn link: its path, its label and its texts."""

    line: Line
    link: LinkOn
    url: str
    words: str


@dataclass(frozen=True)
class Picture:
    """Everything to draw, links first."""

    layout: Layout
    links: Sequence[DrawnLink]
    sites: Sequence[DrawnSite]
    font: float
    kind: str
    """page, narrow for a phone, or wide if it scrolls horizontally."""


class TopologyQuery:
    """The query of an address; invalid parts are named and ignored."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.today = now().astimezone(UTC).date()
        self.network = self._network(arguments.get("network", ""))
        self.typed_day = arguments.get("on", "").strip()
        self.day = self._day(self.typed_day)
        self.typed_site = arguments.get("site", "").strip()
        self.site = self._site(self.typed_site)
        self.after = arguments.get("after", "")[:_MAX_LENGTH].replace("\0", "")

    @property
    def is_today(self) -> bool:
        """Whether the query is only about the present."""
        return self.day == self.today

    @property
    def on(self) -> str | None:
        """The day as written in addresses; None for today."""
        return None if self.is_today else self.day.isoformat()

    @property
    def past(self) -> str | None:
        """The same for pages without future days: they show today instead."""
        return self.on if self.day < self.today else None

    def _network(self, text: str) -> str:
        if text in ("", *Network):
            return text or Network.LHCOPN
        self.problems.append(_("Network: choose %(listed)s", listed=" or ".join(Network)))
        return Network.LHCOPN

    def _day(self, text: str) -> date:
        if not text:
            return self.today
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is not None and _EARLIEST <= day <= _LATEST:
            return day
        self.problems.append(
            _(
                "As of: use YYYY-MM-DD, from %(earliest)s to %(latest)s; today is shown",
                earliest=_EARLIEST,
                latest=_LATEST,
            )
        )
        return self.today

    def _site(self, text: str) -> Site | None:
        if not text:
            return None
        found = None
        if len(text) <= _MAX_LENGTH and "\0" not in text:
            session = db.session()
            found = find_site(session, text, self.day) or find_site(session, text)
        if found is None:
            self.problems.append(_("Site: unknown name; use any name of a known site"))
        return found

    def url(self, **changed: str) -> str:
        """The address of this map with some values changed; "" removes a value."""
        values = {
            "network": self.network,
            "on": self.on or "",
            "site": self.site.key if self.site is not None else "",
        } | changed
        return _address(values)


def _address(values: Mapping[str, str]) -> str:
    given = urlencode({key: value for key, value in values.items() if value})
    return f"{url_for('topology.picture')}?{given}"


def _site_url(key: str, query: TopologyQuery) -> str:
    """The page of a site on that day, if it is past."""
    return url_for("sites.site", key=key, on=query.past)


def _link_url(name: str, query: TopologyQuery) -> str:
    """The page of a link on that day, if it is past."""
    return url_for("links.link", name=name, on=query.past)


@blueprint.get("/topology")
def picture() -> Response:
    """Show a network on a day: map, links and sites."""
    query = TopologyQuery(request.args)
    session = db.session()
    snapshot = registry_on(
        session, query.day, query.network, now(), site=query.site, after=query.after
    )
    more = query.url(after=snapshot.links[-1].name) if snapshot.more else ""
    page = render_template(
        "topology/page.html",
        query=query,
        tabs=[
            Tab(word, query.url(network=word), current=word == query.network) for word in Network
        ],
        snapshot=snapshot,
        pictures=_pictures(snapshot, query),
        most=MAX_LINKS,
        counts=Counter(link.status.state for link in snapshot.links),
        tiers=Counter(site.tier for site in snapshot.sites),
        link_counts=Counter(end for link in snapshot.links for end in (link.end_a, link.end_b)),
        site_keys=site_keys(session, query.day),
        states=LinkState,
        more=more,
        site_url=partial(_site_url, query=query),
        link_url=partial(_link_url, query=query),
        may_create=refusal_to_create(acting()) is None,
    )
    return make_response(page, 422 if query.problems else 200)


def _pictures(snapshot: Snapshot, query: TopologyQuery) -> list[Picture]:
    """One for a screen and one for a phone; a large network only has one that scrolls."""
    lonely = query.site is not None and not snapshot.links
    if not snapshot.complete or not snapshot.sites or lonely:
        return []
    whole = _picture(snapshot, query, PAGE, "page")
    if whole.layout.width > _WIDEST:
        return [replace(whole, kind="wide")]
    return [whole, _picture(snapshot, query, NARROW, "narrow")]


def _picture(snapshot: Snapshot, query: TopologyQuery, frame: Frame, kind: str) -> Picture:
    keys = [site.key for site in snapshot.sites]
    centre = snapshot.centre or (query.site.key if query.site is not None else None)
    edges = [Edge(link.name, link.end_a, link.end_b) for link in snapshot.links]
    layout = lay_out(keys, edges, centre, frame, {one.key: one.place for one in snapshot.sites})
    sites = {site.key: site for site in snapshot.sites}
    links = {link.name: link for link in snapshot.links}
    return Picture(
        layout,
        [
            DrawnLink(
                line, links[line.name], _link_url(line.name, query), link_words(links[line.name])
            )
            for line in layout.lines
        ],
        [
            DrawnSite(
                spot, sites[spot.key], _site_url(spot.key, query), site_words(sites[spot.key])
            )
            for spot in layout.spots
        ],
        frame.font,
        kind,
    )


def site_words(site: SiteOn) -> str:
    """The texts of a site, for readers of the map."""
    tier = _("neither T0 nor T1") if site.tier is None else f"T{site.tier}"
    return f"{site.key}, " + tier


def link_words(link: LinkOn) -> str:
    """The texts of a link, for readers of the map."""
    words = [link.name, _("%(end_a)s to %(end_b)s", end_a=link.end_a, end_b=link.end_b)]
    words.append(
        _("%(role)s of %(backs_up)s", role=said_word(link.role), backs_up=link.backs_up)
        if link.backs_up
        else said_word(link.role)
    )
    if link.bandwidth_gbps is not None:
        words.append(f"{link.bandwidth_gbps:g} Gb/s")
    words.append(link.status.words)
    if link.status.tickets:
        more = link.status.ticket_count - 1
        number = link.status.tickets[-1]
        words.append(
            _("ticket %(tickets)s", tickets=number)
            + (_(" and %(more)s more", more=more) if more else "")
        )
        if number in link.status.ticket_words:
            words.append(link.status.ticket_words[number])
    if link.status.beside:
        words.append(link.status.beside)
    return joined(", ", words)


# ---------- on a ticket's page


@dataclass(frozen=True)
class SmallLine:
    """A link of the small map."""

    line: Line
    backup: bool
    affected: bool


@dataclass(frozen=True)
class SmallSpot:
    """A site of the small map; only the sites concerned are labelled."""

    spot: Spot
    named: bool


@dataclass(frozen=True)
class Small:
    """The affected links within their network at the ticket's time."""

    layout: Layout
    lines: Sequence[SmallLine]
    spots: Sequence[SmallSpot]
    font: float
    words: str


@dataclass(frozen=True)
class TicketTopology:
    """The link to the network at the ticket's time, and a small map."""

    day: date
    url: str
    small: Small | None


def topology_panel(_actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """The ticket page's part of the map, and the current state of each affected link."""
    moment = now()
    today = moment.astimezone(UTC).date()
    links = [item.link for item in ticket.affected_links]
    in_use = {one.id: one.name for one in links if covers((one.valid_from, one.valid_until), today)}
    states = link_states(db.session(), in_use.keys(), moment)
    return {
        "topology": topology_of(ticket),
        "link_states": states,
        "still_reported": still_reported(db.session(), in_use, states),
    }


def solve_panel(tickets: Collection[int]) -> dict[str, Any]:
    """What monitoring still reports on the links of tickets that are about to be solved
    together."""
    return {"still_reported": still_reported_of(db.session(), tickets, now())}


def topology_of(ticket: Ticket) -> TicketTopology:
    """The network at the start of the ticket's interval; no map if nothing known is affected."""
    day = day_of(ticket)
    sites = [item.site.key for item in ticket.affected_sites if item.site is not None]
    links = [item.link for item in ticket.affected_links]
    about = ticket.responsible_site.key if ticket.responsible_site is not None else ""
    about = about or next(iter(sites), "")
    values = {"network": ticket.network, "on": day.isoformat(), "site": about}
    url = _address(values)
    if not links and not sites:
        return TicketTopology(day, url, None)
    outline = outline_on(db.session(), day, ticket.network)
    tiers, places, others = outline or Outline({}, {}, [])
    affected = {link.name: (link.name, link.end_a.key, link.end_b.key, link.role) for link in links}
    rows = [row for row in others if row[0] not in affected] + list(affected.values())
    ends = {end for row in affected.values() for end in row[1:3]}
    named = ends | set(sites)
    keys = set(tiers) | named
    centre = next((key for key, tier in sorted(tiers.items()) if tier == 0), None)
    stated = [item.site for item in ticket.affected_sites if item.site is not None]
    stated += [end for link in links for end in (link.end_a, link.end_b)]
    places = {**{one.key: one.map_place for one in stated}, **places}
    layout = lay_out(keys, [Edge(*row[:3]) for row in rows], centre, SMALL, places)
    roles = {row[0]: row[3] for row in rows}
    described: list[str] = [
        _("%(name)s, %(a)s to %(b)s", name=name, a=a, b=b)
        for name, a, b, _role in affected.values()
    ]
    words = joined("; ", [*described, *(key for key in sites if key not in ends)])
    return TicketTopology(
        day,
        url,
        Small(
            layout,
            sorted(
                (
                    SmallLine(line, roles[line.name] == "backup", line.name in affected)
                    for line in layout.lines
                ),
                key=lambda drawn: drawn.affected,
            ),
            [SmallSpot(spot, spot.key in named or spot.central) for spot in layout.spots],
            SMALL.font,
            _(
                "%(network)s on %(day)s, %(count)s sites and %(count2)s links. Affected: %(words)s",
                network=ticket.network,
                day=day,
                count=len(keys),
                count2=len(rows),
                words=words,
            ),
        ),
    )
