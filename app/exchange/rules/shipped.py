"""The default profile of a new connection of each kind; administrators edit it from there.

Unmapped values are neither sent nor accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from app.exchange.rules.ggus_profile import GGUS_PROFILE
from app.exchange.rules.profiles import Kind, Profile, Row
from app.tickets.rules.tickets import Impact, Priority, State

_RT: Final = Profile(
    maps={
        "state": (
            Row(State.NEW, "new"),
            Row(State.ASSIGNED, "open", "out"),
            Row(State.IN_PROGRESS, "open"),
            Row(State.REOPENED, "open", "out"),
            Row(State.WAITING, "stalled"),
            Row(State.ON_HOLD, "stalled", "out"),
            Row(State.SOLVED, "resolved"),
            Row(State.UNSOLVED, "rejected"),
            Row(State.VERIFIED, "resolved", "out"),
            Row(State.CLOSED, "resolved", "out"),
        )
    }
)
"""States as NGI_CZ published them for GGUS and its RT (wiki.egi.eu, "NGI CZ:RT GGUS Integration"):
new is new; assigned, in progress and reopened are open; waiting for reply and on hold are
stalled. Ended tickets are resolved, or rejected if unsolved."""

_SERVICENOW: Final = Profile(
    maps={
        "state": (
            Row(State.NEW, "1"),
            Row(State.ASSIGNED, "1", "out"),
            Row(State.IN_PROGRESS, "2"),
            Row(State.REOPENED, "2", "out"),
            Row(State.WAITING, "3", "out"),
            Row(State.ON_HOLD, "3"),
            Row(State.SOLVED, "6:Solution provided"),
            Row(State.UNSOLVED, "6:No resolution provided"),
            Row(State.SOLVED, "6", "in"),
            Row(State.VERIFIED, "7:Solution provided", "out"),
            Row(State.CLOSED, "7:Solution provided", "out"),
            Row(State.CLOSED, "7", "in"),
            Row(State.UNSOLVED, "8", "in"),
        ),
        "priority": (
            Row(Priority.TOP, "1"),
            Row(Priority.VERY_URGENT, "1", "out"),
            Row(Priority.URGENT, "2"),
            Row(Priority.NORMAL, "3", "out"),
            Row(Priority.LESS_URGENT, "3"),
        ),
        "impact": (
            Row(Impact.OUTAGE, "1"),
            Row(Impact.DEGRADED, "2"),
            Row(Impact.REDUCED, "3"),
            Row(Impact.NONE, "3", "out"),
        ),
    }
)
"""Default states of ServiceNow's incidents ("Incident Management state model": 1 New, 2 In
Progress, 3 On Hold, 6 Resolved, 7 Closed, 8 Canceled), with the default resolution codes; our
priority is mapped to its urgency, from 1 High to 3 Low, and likewise the impact."""

_ZAMMAD: Final = Profile(
    maps={
        "state": (
            Row(State.NEW, "new"),
            Row(State.ASSIGNED, "open", "out"),
            Row(State.IN_PROGRESS, "open"),
            Row(State.REOPENED, "open", "out"),
            Row(State.WAITING, "open", "out"),
            Row(State.WAITING, "pending reminder", "in"),
            Row(State.ON_HOLD, "open", "out"),
            Row(State.ON_HOLD, "pending close", "in"),
            Row(State.SOLVED, "closed"),
            Row(State.UNSOLVED, "closed", "out"),
            Row(State.VERIFIED, "closed", "out"),
            Row(State.CLOSED, "closed", "out"),
        ),
        "priority": (
            Row(Priority.LESS_URGENT, "1 low"),
            Row(Priority.NORMAL, "2 normal"),
            Row(Priority.URGENT, "3 high"),
            Row(Priority.VERY_URGENT, "3 high", "out"),
            Row(Priority.TOP, "3 high", "out"),
        ),
    }
)
"""Default states and priorities of Zammad (docs.zammad.org, "Ticket States" and "Ticket
Priorities"). Its pending states need a time, which we do not have: they are only read."""

_GGUS: Final = Profile(
    maps={
        "state": tuple(Row(state, state) for state in State),
        "priority": (
            Row(Priority.LESS_URGENT, "less urgent"),
            Row(Priority.NORMAL, "less urgent", "out"),
            Row(Priority.URGENT, "urgent"),
            Row(Priority.VERY_URGENT, "very urgent"),
            Row(Priority.TOP, "top priority"),
        ),
    },
    owners=GGUS_PROFILE.owners,
    guards=GGUS_PROFILE.guards,
)
"""GGUS's contract, whose states are ours, with its rules: tickets are never created as in progress
there, never downgraded, and never solved over a final state."""

SHIPPED: Final[Mapping[str, Profile]] = {
    Kind.GGUS: _GGUS,
    Kind.ZAMMAD: _ZAMMAD,
    Kind.RT: _RT,
    Kind.SERVICENOW: _SERVICENOW,
}


GGUS_HOSTS: Final = ("ggus.eu", "helpdesk.egi.eu")


def profile_for(kind: str, url: str) -> Profile:
    """The default profile of a kind: empty if its words are ours. A Zammad at an address of GGUS
    has the states and priorities of GGUS."""
    try:
        host = (urlsplit(url).hostname or "").casefold()
    except ValueError:  # the address is rejected elsewhere
        host = ""
    if kind == Kind.ZAMMAD and any(host == one or host.endswith(f".{one}") for one in GGUS_HOSTS):
        return GGUS_PROFILE
    return SHIPPED.get(kind, Profile())
