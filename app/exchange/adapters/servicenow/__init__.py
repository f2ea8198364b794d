"""ServiceNow's incidents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from app.core.rules.language import _
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.tickets import Impact, Priority, State

_PROFILE: Final = Profile(
    maps={
        "state": (
            ValueRow(State.NEW, "1"),
            ValueRow(State.ASSIGNED, "1", "out"),
            ValueRow(State.IN_PROGRESS, "2"),
            ValueRow(State.REOPENED, "2", "out"),
            ValueRow(State.WAITING, "3", "out"),
            ValueRow(State.ON_HOLD, "3"),
            ValueRow(State.SOLVED, "6:Solution provided"),
            ValueRow(State.UNSOLVED, "6:No resolution provided"),
            ValueRow(State.SOLVED, "6", "in"),
            ValueRow(State.VERIFIED, "7:Solution provided", "out"),
            ValueRow(State.CLOSED, "7:Solution provided", "out"),
            ValueRow(State.CLOSED, "7", "in"),
            ValueRow(State.UNSOLVED, "8", "in"),
        ),
        "priority": (
            ValueRow(Priority.TOP, "1"),
            ValueRow(Priority.VERY_URGENT, "1", "out"),
            ValueRow(Priority.URGENT, "2"),
            ValueRow(Priority.NORMAL, "3", "out"),
            ValueRow(Priority.LESS_URGENT, "3"),
        ),
        "impact": (
            ValueRow(Impact.OUTAGE, "1"),
            ValueRow(Impact.DEGRADED, "2"),
            ValueRow(Impact.REDUCED, "3"),
            ValueRow(Impact.NONE, "3", "out"),
        ),
    }
)
"""Default states of ServiceNow's incidents ("Incident Management state model": 1 New, 2 In
Progress, 3 On Hold, 6 Resolved, 7 Closed, 8 Canceled), with the default resolution codes; our
priority is mapped to its urgency, from 1 High to 3 Low, and likewise the impact."""


class _ServiceNow(PartnerKind):
    def headers(self, login: str, secret: str) -> Mapping[str, str]:
        """See ``PartnerKind.headers``: a login and a password."""
        basic = b64encode(f"{login}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}


KIND: Final = _ServiceNow(
    name="servicenow",
    label=_("ServiceNow"),
    group=_("ServiceNow: the assignment group."),
    profile=_PROFILE,
    texts=("title", "solution"),
    mapped=("state", "priority", "impact"),
)
