"""Partners with the SOAP contract of GGUS, such as another portal of this kind."""

from __future__ import annotations

from typing import Final

from app.core.rules.language import _
from app.exchange.rules.fields import Owner
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Guard, Profile, ValueRow
from app.tickets.rules.tickets import Priority, State

_PROFILE: Final = Profile(
    maps={
        "state": tuple(ValueRow(state, state) for state in State),
        "priority": (
            ValueRow(Priority.LESS_URGENT, "less urgent"),
            ValueRow(Priority.NORMAL, "less urgent", "out"),
            ValueRow(Priority.URGENT, "urgent"),
            ValueRow(Priority.VERY_URGENT, "very urgent"),
            ValueRow(Priority.TOP, "top priority"),
        ),
    },
    owners={"state": Owner.NEWEST, "priority": Owner.NEWEST},
    guards=tuple(Guard),
)
"""GGUS's contract, whose states are ours, with its rules: tickets are never created as in progress
there, never downgraded, and never solved over a final state."""

KIND: Final = PartnerKind(
    name="ggus",
    label=_("SOAP (GGUS contract)"),
    profile=_PROFILE,
    texts=("title", "solution"),
    mapped=("state", "priority"),
    has_our_words=True,
    answers_here=True,
    opens_here=True,
)
