"""Which impact and priority a ticket about a link gets, from its event, its role and its backups
(decisions, section 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.core.rules.language import _
from app.registry.rules.registry import LinkRole
from app.tickets.rules.proposals import ProposedUrgency
from app.tickets.rules.tickets import Impact, Priority
from app.topology.rules.link_states import DOWN_NOW, LinkState, can_carry

_DEGRADED: Final = frozenset({LinkState.DEGRADED, LinkState.MAINTENANCE_DEGRADED})
_PRIORITIES: Final = list(Priority)


def proposed_urgency(
    name: str, role: str, state: LinkState, backups: Sequence[tuple[str, LinkState]]
) -> ProposedUrgency | None:
    """For a link of which an event is ongoing; ``backups`` are the links that back it up, with
    their states. None where the event asks for nothing."""
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
    working = next((one for one, its_state in backups if can_carry(its_state)), "")
    if working:
        why = _("%(name)s is down and its backup %(working)s works", name=name, working=working)
        return ProposedUrgency(Impact.REDUCED, Priority.URGENT, why)
    why = _("none of its backups works") if backups else _("it has no recorded backup")
    return ProposedUrgency(
        Impact.OUTAGE, Priority.TOP, _("%(name)s is down and %(why)s", name=name, why=why)
    )


def most_urgent(found: Sequence[ProposedUrgency]) -> ProposedUrgency | None:
    """Of several links the one with the highest priority, of equal ones the first."""
    return max(found, key=lambda one: _PRIORITIES.index(one.priority), default=None)
