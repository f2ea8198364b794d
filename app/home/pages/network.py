"""The networks now, as home shows them: what is down, and a small picture of the LHCOPN.

It is a part of home that can be requested alone, so that it can be updated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.core.rules.access import Actor, refusal_to_create
from app.core.rules.language import _, joined, said_word
from app.core.web.extensions import db
from app.core.web.htmx import wants_fragment
from app.core.web.person import acting
from app.core.web.times import now
from app.topology.rules.link_states import LinkState
from app.topology.rules.paths import Path
from app.topology.rules.topology import BESIDE, Edge, Layout, Line, lay_out
from app.topology.services.network_now import LinkNow, NetworkNow, TroubledLink, network_now

blueprint = Blueprint("network_now", __name__)
_BY_SITE: Final = 3
"""If more links than these are down, they are grouped by site."""


@dataclass(frozen=True)
class LiveLink:
    """A link of the picture: how it runs, and what it is."""

    line: Line
    link: LinkNow


@dataclass(frozen=True)
class LiveMap:
    """The picture; it is an image, whose words say the same."""

    layout: Layout
    links: Sequence[LiveLink]
    tiers: Mapping[str, int | None]
    font: float
    counts: Sequence[tuple[LinkState, int]]
    """How many links are in each state, the most urgent first; none if none exist."""

    @property
    def words(self) -> str:
        """What is to be seen."""
        said = joined("; ", (f"{count} " + said_word(state) for state, count in self.counts))
        return _("LHCOPN now, %(count)s links: %(said)s", count=len(self.links), said=said)


@dataclass(frozen=True)
class TroubledSite:
    """Links in trouble that are grouped."""

    site: str
    """Its key; "" if links are not grouped by site."""
    rows: Sequence[TroubledLink]
    is_cut_off: bool = False

    @property
    def counts(self) -> Sequence[tuple[LinkState, int]]:
        """How many are in each state."""
        return _counted([one.link for one in self.rows])


@blueprint.get("/network-now")
def part() -> Response:
    """The part alone; as a page it is home."""
    if not wants_fragment():
        return redirect(url_for("home.page"))
    return make_response(render_template("home/_network.html", **network_part(acting())))


def network_part(actor: Actor) -> dict[str, Any]:
    """What the part shows to this person."""
    network = network_now(db.session(), now())
    return {
        "trouble": network.trouble,
        "trouble_groups": _by_site(network),
        "cut_off": network.cut_off,
        "trouble_counts": _counted([one.link for one in network.trouble]),
        "watched": network.watched,
        "live_map": _live_map(network),
        "may_create": refusal_to_create(actor) is None,
    }


def _by_site(network: NetworkNow) -> Sequence[TroubledSite]:
    """The links in trouble, the worst first, by site where many are down: a site is where its
    worst link does."""
    if sum(one.is_down for one in network.trouble) <= _BY_SITE:
        return [TroubledSite("", network.trouble)]
    cut_off = {one.site for one in network.cut_off if one.path is Path.NONE}
    found: dict[str, list[TroubledLink]] = {}
    for one in network.trouble:
        found.setdefault(one.site, []).append(one)
    return [TroubledSite(site, rows, site in cut_off) for site, rows in found.items()]


def _live_map(network: NetworkNow) -> LiveMap | None:
    if not network.links:
        return None
    centre = next((key for key, tier in sorted(network.tiers.items()) if tier == 0), None)
    edges = [Edge(one.name, one.end_a, one.end_b) for one in network.links]
    layout = lay_out(network.tiers, edges, centre, BESIDE, network.places)
    links = {one.name: one for one in network.links}
    return LiveMap(
        layout,
        [LiveLink(line, links[line.name]) for line in layout.lines],
        network.tiers,
        BESIDE.font,
        _counted(network.links),
    )


def _counted(links: Sequence[LinkNow]) -> Sequence[tuple[LinkState, int]]:
    counts = Counter(one.status.state for one in links)
    return [(state, counts[state]) for state in LinkState if counts[state]]
