"""Link states on the pages of other rooms: a record's page, and the list of links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.registry.models.registry import Link, Site
from app.registry.rules.registry import covers
from app.registry.services.record_lists import RecordOnDay
from app.topology.rules.link_states import LinkState, can_carry
from app.topology.services.link_states import link_states_on


def states_of_record(_actor: Actor, about: RecordOnDay) -> dict[str, Any]:
    """The state of each of the record's links that is in use on that day, by the link's key."""
    ids = [link.id for link in about.links_in_use]
    found = link_states_on(db.session(), ids, about.day, now())
    counted = Counter(one.state for one in found.values())
    return {
        "link_states": found,
        "carrying": {key for key, one in found.items() if can_carry(one, now())},
        "state_counts": [(state, counted[state]) for state in LinkState if counted[state]],
    }


def states_of_rows(found: Sequence[Site] | Sequence[Link], day: date) -> dict[str, Any]:
    """The states of the listed links that are in use on that day; sites have none."""
    links = [
        one.id
        for one in found
        if isinstance(one, Link) and covers((one.valid_from, one.valid_until), day)
    ]
    return {"link_states": link_states_on(db.session(), links, day, now())}
