"""Zammad, including GGUS, which has been one since 2025."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from app.core.rules.language import _
from app.exchange.adapters.zammad.ggus import GGUS_HOSTS, GGUS_PROFILE
from app.exchange.adapters.zammad.hints import ZammadHint
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile, Row
from app.tickets.rules.tickets import Priority, State

_PROFILE: Final = Profile(
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
