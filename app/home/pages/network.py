"""The networks now, as home shows them: what is down, and a small picture of the LHCOPN.

It is a part of home that can be asked for alone, so that it can follow what happens.
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
from app.topology.rules.topology import BESIDE, Edge, Layout, Line, lay_out
from app.topology.services.network_now import LinkNow, NetworkNow, network_now

blueprint = Blueprint("network_now", __name__)
_ROWS: Final = 10
"""Links in trouble that home lists; the map has all."""


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
    """How many links are in each state, the most urgent first; none where there are none."""

    @property
    def words(self) -> str:
        """What is to be seen."""
        said = joined(", ", (f"{count} " + said_word(state) for state, count in self.counts))
        return _("LHCOPN now, %(count)s links: %(said)s", count=len(self.links), said=said)


@blueprint.get("/network-now")
def part() -> Response:
    """The part alone; as a page it is home."""
    if not wants_fragment():
        return redirect(url_for("home.page"))
    return make_response(render_template("home/_network.html", **network_part(acting())))


def network_part(actor: Actor) -> dict[str, Any]:
    """What the part shows to this person."""
    network = network_now(db.session(), now())
    trouble = network.trouble[:_ROWS]
    return {
        "trouble": trouble,
        "more_trouble": len(network.trouble) - len(trouble) + network.more,
        "trouble_counts": _counted([one.link for one in network.trouble]),
        "live_map": _live_map(network),
        "may_create": refusal_to_create(actor) is None,
    }


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
