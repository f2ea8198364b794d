"""What other rooms' pages show of the state of links: a record's page, and the list of links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.registry.models.registry import Link, Site
from app.registry.rules.registry import covers
from app.registry.services.record_lists import in_use_on
from app.topology.services.link_states import link_states_on


def states_of_record(_actor: Actor, row: Site | Link, day: date) -> dict[str, Any]:
    """The state of a link, or of each link of a site, that is in use on that day, by its key."""
    rows = db.session()
    if isinstance(row, Link):
        ids: Sequence[int] = [row.id] if covers((row.valid_from, row.valid_until), day) else ()
    else:
        ends = or_(Link.end_a_id == row.id, Link.end_b_id == row.id)
        ids = rows.scalars(select(Link.id).where(ends, in_use_on(Link, day))).all()
    return {"link_states": link_states_on(rows, ids, day, now())}


def states_of_rows(found: Sequence[Site] | Sequence[Link], day: date) -> dict[str, Any]:
    """The states of those links of a list that are in use on that day; sites have none."""
    links = [
        one.id
        for one in found
        if isinstance(one, Link) and covers((one.valid_from, one.valid_until), day)
    ]
    return {"link_states": link_states_on(db.session(), links, day, now())}
