"""Request Tracker 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.rules.language import _
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.tickets import State

_PROFILE: Final = Profile(
    maps={
        "state": (
            ValueRow(State.NEW, "new"),
            ValueRow(State.ASSIGNED, "open", "out"),
            ValueRow(State.IN_PROGRESS, "open"),
            ValueRow(State.REOPENED, "open", "out"),
            ValueRow(State.WAITING, "stalled"),
            ValueRow(State.ON_HOLD, "stalled", "out"),
            ValueRow(State.SOLVED, "resolved"),
            ValueRow(State.UNSOLVED, "rejected"),
            ValueRow(State.VERIFIED, "resolved", "out"),
            ValueRow(State.CLOSED, "resolved", "out"),
        )
    }
)
"""States as NGI_CZ published them for GGUS and its RT (wiki.egi.eu, "NGI CZ:RT GGUS Integration"):
new is new; assigned, in progress and reopened are open; waiting for reply and on hold are
stalled. Ended tickets are resolved, or rejected if unsolved."""


class _RequestTracker(PartnerKind):
    def headers(self, login: str, secret: str) -> Mapping[str, str]:
        """See ``PartnerKind.headers``: a token."""
        return {"Authorization": f"token {secret}"}


KIND: Final = _RequestTracker(
    name="rt",
    label=_("Request Tracker"),
    group=_("Request Tracker: the queue, which is required."),
    group_missing=_("Enter the queue of the Request Tracker"),
    profile=_PROFILE,
    texts=("title",),
    mapped=("state",),
)
"""Without a queue it is neither written nor read."""
