"""The impact and priority proposed for a ticket about a link, from its event, role and backups
(decisions, section 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.core.rules.language import _
from app.registry.rules.registry import LinkRole
from app.tickets.rules.proposals import ProposedUrgency
from app.tickets.rules.tickets import Impact, Priority
from app.topology.rules.link_states import DOWN_NOW, LinkState, LinkStatus, can_carry

_DEGRADED: Final = frozenset({LinkState.DEGRADED, LinkState.MAINTENANCE_DEGRADED})
_PRIORITIES: Final = list(Priority)


def proposed_urgency(
    name: str,
    role: str,
    state: LinkState,
    backups: Sequence[tuple[str, LinkStatus]],
    now: datetime,
) -> ProposedUrgency | None:
    """Propose impact and priority for a link with an ongoing event; ``backups`` are the links that
    back it up, with their states at ``now`` (UTC). None if the event needs no ticket."""
    if state in _DEGRADED:
        return ProposedUrgency(
            Impact.DEGRADED, Priority.URGENT, _("%(name)s is degraded", name=name)
        )
    if state not in DOWN_NOW:
        return None
    if role == LinkRole.BACKUP:
        return ProposedUrgency(
            Impact.REDUCED, Priority.LESS_URGENT, _("the backup %(name)s is down", name=name)
        )
    working = next((one for one, status in backups if can_carry(status, now)), "")
    if working:
        why = _("%(name)s is down and its backup %(working)s works", name=name, working=working)
        return ProposedUrgency(Impact.REDUCED, Priority.URGENT, why)
    why = _why_none_works(backups, now)
    return ProposedUrgency(
        Impact.OUTAGE, Priority.TOP, _("%(name)s is down and %(why)s", name=name, why=why)
    )


def _why_none_works(backups: Sequence[tuple[str, LinkStatus]], now: datetime) -> str:
    if not backups:
        return _("it has no recorded backup")
    for name, status in backups:
        if not status.is_watched and can_carry(replace(status, is_watched=True), now):
            return _("its backup %(name)s is not monitored", name=name)
    for name, status in backups:
        if status.state is LinkState.PLANNED:
            return _("work on its backup %(name)s starts within the hour", name=name)
    return _("none of its backups works")


def most_urgent(found: Sequence[ProposedUrgency]) -> ProposedUrgency | None:
    """The one with the highest priority; of equal ones, the first."""
    return max(found, key=lambda one: _PRIORITIES.index(one.priority), default=None)
