"""Zammad, including GGUS, which has been one since 2025."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from app.core.rules.language import _
from app.exchange.adapters.zammad.ggus import GGUS_HOSTS, GGUS_PROFILE
from app.exchange.adapters.zammad.hints import ZammadHint
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.tickets import Priority, State

_PROFILE: Final = Profile(
    maps={
        "state": (
            ValueRow(State.NEW, "new"),
            ValueRow(State.ASSIGNED, "open", "out"),
            ValueRow(State.IN_PROGRESS, "open"),
            ValueRow(State.REOPENED, "open", "out"),
            ValueRow(State.WAITING, "open", "out"),
            ValueRow(State.WAITING, "pending reminder", "in"),
            ValueRow(State.ON_HOLD, "open", "out"),
            ValueRow(State.ON_HOLD, "pending close", "in"),
            ValueRow(State.SOLVED, "closed"),
            ValueRow(State.UNSOLVED, "closed", "out"),
            ValueRow(State.VERIFIED, "closed", "out"),
            ValueRow(State.CLOSED, "closed", "out"),
        ),
        "priority": (
            ValueRow(Priority.LESS_URGENT, "1 low"),
            ValueRow(Priority.NORMAL, "2 normal"),
            ValueRow(Priority.URGENT, "3 high"),
            ValueRow(Priority.VERY_URGENT, "3 high", "out"),
            ValueRow(Priority.TOP, "3 high", "out"),
        ),
    }
)
"""Default states and priorities of Zammad (docs.zammad.org, "Ticket States" and "Ticket
Priorities"). Its pending states need a time, which we do not have: they are only read."""


class _Zammad(PartnerKind):
    def headers(self, login: str, secret: str) -> Mapping[str, str]:
        """See ``PartnerKind.headers``: a token."""
        return {"Authorization": f"Token token={secret}"}

    def profile_for(self, url: str) -> Profile:
        """See ``PartnerKind.profile_for``: at an address of GGUS, its states and priorities."""
        try:
            host = (urlsplit(url).hostname or "").casefold()
        except ValueError:  # the address is rejected elsewhere
            host = ""
        is_ggus = any(host == one or host.endswith(f".{one}") for one in GGUS_HOSTS)
        return GGUS_PROFILE if is_ggus else self.profile


KIND: Final = _Zammad(
    name="zammad",
    label=_("Zammad"),
    remark=_("GGUS has been a Zammad since 2025."),
    group=_("Zammad: the group."),
    profile=_PROFILE,
    texts=("title",),
    mapped=("state", "priority"),
    has_extras=True,
    hint=ZammadHint,
)
