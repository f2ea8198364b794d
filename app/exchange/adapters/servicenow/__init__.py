"""ServiceNow's incidents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from app.core.rules.language import _
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile, Row
from app.tickets.rules.tickets import Impact, Priority, State

_PROFILE: Final = Profile(
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
