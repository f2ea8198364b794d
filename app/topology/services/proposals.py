"""The proposed impact and priority of a new ticket about some links, at this moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.registry.models.registry import Link
from app.registry.services.record_lists import in_use_on
from app.tickets.rules.proposals import ProposedUrgency
from app.topology.rules.link_states import LinkStatus
from app.topology.rules.proposals import most_urgent, proposed_urgency
from app.topology.services.link_states import link_states


def propose_urgency(
    session: Session, links: Sequence[str], now: datetime
) -> ProposedUrgency | None:
    """Propose impact and priority for a ticket about these links (by id) at ``now`` (UTC): the most
    urgent proposal of their ongoing events. Two statements; none without links."""
    links = [name for name in links if name.isprintable()]  # PostgreSQL refuses the others
    if not links:
        return None
    named = select(Link.id).where(Link.name.in_(links)).correlate(None)
    rows = session.execute(
        select(Link.id, Link.name, Link.role, Link.backs_up_id)
        .where(
            in_use_on(Link, now.astimezone(UTC).date()),
            or_(Link.name.in_(links), Link.backs_up_id.in_(named)),
        )
        .order_by(Link.name)
    ).all()
    states = link_states(session, [row.id for row in rows], now)
    backups: dict[int, list[tuple[str, LinkStatus]]] = defaultdict(list)
    for row in rows:
        if row.backs_up_id is not None:
            backups[row.backs_up_id].append((row.name, states[row.id]))
    found = [
        proposed_urgency(row.name, row.role, states[row.id].state, backups[row.id], now)
        for row in rows
        if row.name in links and states[row.id].event is not None
    ]
    return most_urgent([one for one in found if one is not None])
