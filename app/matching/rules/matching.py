"""How reported periods become detected events, and which ticket documents one: rules and words.

The definitions are those of decisions, section 9. Computing with many rows at once is the work of
``app.matching.figures``; here is what one ticket, one rule and one pair mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from app.core.rules.durations import length_in_words
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined, said_word
from app.tickets.rules.tickets import CLOSED_STATES, Category

SHIFTS: Final = tuple(timedelta(hours=hours) for hours in (1, -1, 2, -2))
"""By how much a time is off where a time zone was taken for another; the responsible site's UTC
offset comes beside them."""
SHIFT_SLACK: Final = timedelta(minutes=10)
"""How far from such a shift start and end may be."""
MAX_GAP: Final = timedelta(days=1)
MAX_MINIMAL: Final = timedelta(days=7)
MAX_TOLERANCE: Final = timedelta(days=7)
MAX_KEPT: Final = 10
"""Tickets of each kind (by link or by site; a maintenance or not) that are kept beside an event:
those that begin last. One event has one to three in practice; where tickets stay open for years,
thousands meet each event, which nobody could read and no database should hold. An assumption."""
REASON_LIMIT: Final = 1000
"""Characters of the reason of a decision by hand."""


class How(StrEnum):
    """Why a ticket stands beside an event, the strongest first."""

    LINK = "link"
    """It names the link."""
    SITE = "site"
    """It names no link, and names a T1 end of it as affected site, and is an incident or a
    maintenance of the link's network."""
    HAND = "hand"
    """A person said so."""
    NONE = "none"
    """No ticket documents the event."""


class Evidence(StrEnum):
    """What is missing of an ongoing event for whoever acts, the most first."""

    NONE = "no ticket"
    SITE = "no ticket of the link"
    """Only one that names a site of it and no link, which may be about something else."""
    SOLVED = "no open ticket"
    """Only one that ended while the event is ongoing."""
    ATTENDED = ""
    """Nothing: an open ticket names the link, or a person linked it."""


class Decision(StrEnum):
    """What a person said of an event and a ticket."""

    LINKED = "linked"
    UNLINKED = "unlinked"


@dataclass(frozen=True)
class MatchingRule:
    """One version of the rule of matching; it holds for events that begin from ``valid_from`` on
    (UTC), until the next version does."""

    version: int
    valid_from: datetime
    gap: timedelta = timedelta(minutes=10)
    """Two periods with at most this between them are one event: an assumption."""
    minimal: timedelta = timedelta(minutes=60)
    """An event of this length counts (seed deck: "detected Events >= 1h")."""
    tolerance: timedelta = timedelta(hours=1)
    """A ticket's interval is widened by it on both sides: an assumption."""


FIRST_RULE: Final = MatchingRule(1, datetime(1970, 1, 1, tzinfo=UTC))
"""The rule where no administrator made another."""


def rule_at(rules: Sequence[MatchingRule], moment: datetime) -> MatchingRule:
    """The rule for an event that begins at ``moment``; before the first one, the first."""
    in_order = sorted(rules, key=lambda one: one.valid_from)
    held = [one for one in in_order if one.valid_from <= moment]
    return held[-1] if held else in_order[0]


def check_rule(rule: MatchingRule, newest: MatchingRule) -> None:
    """Raise ``Invalid`` unless ``rule`` may follow the newest version so far."""
    limits = (
        ("gap", rule.gap, timedelta(), MAX_GAP),
        ("minimal", rule.minimal, timedelta(minutes=1), MAX_MINIMAL),
        ("tolerance", rule.tolerance, timedelta(), MAX_TOLERANCE),
    )
    for field, value, least, most in limits:
        if not least <= value <= most:
            raise Invalid(
                field,
                _(
                    "Write minutes from %(least)s to %(most)s",
                    least=minutes_of(least),
                    most=minutes_of(most),
                ),
            )
    if rule.valid_from <= newest.valid_from:
        raise Invalid(
            "valid_from",
            _(
                "Version %(version)s holds from %(valid_from)s UTC on; a new one begins later",
                version=newest.version,
                valid_from=format(newest.valid_from, "%Y-%m-%d %H:%M"),
            ),
        )


def minutes_of(length: timedelta) -> int:
    """Whole minutes."""
    return int(length.total_seconds()) // 60


@dataclass(frozen=True)
class TicketTimes:
    """The times of a ticket of which its interval is made; aware, None = not said."""

    state: str
    created_at: datetime
    event_start: datetime | None = None
    event_end: datetime | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    ended_at: datetime | None = None
    """Newest move to solved or unsolved."""


def ticket_interval(times: TicketTimes) -> tuple[datetime, datetime | None]:
    """From when to when a ticket says that something was the matter; None = ongoing.

    Event start, else window start, else creation; to event end, else window end, else the newest
    move to solved or unsolved if it was not reopened since. An end that lies before the start (an
    event that was entered beside the window of an earlier work) leaves the start alone.
    """
    start = times.event_start or times.window_start or times.created_at
    end = times.event_end or times.window_end
    if end is None and times.state in CLOSED_STATES:
        end = times.ended_at
    return start, None if end is None else max(start, end)


@cache
def is_evidence(category: str, *, ended_unsolved: bool, is_duplicate: bool) -> bool:
    """Whether a ticket can document anything: no test, and no maintenance that was cancelled.

    A maintenance that ended unsolved was cancelled or did not take place. A duplicate ends so too,
    for another reason: what it says counts at its master.
    """
    if category == Category.TEST:
        return False
    return not (category == Category.MAINTENANCE and ended_unsolved and not is_duplicate)


def documents_by_site(category: str, network: str, of_link: str) -> bool:
    """Whether a ticket that names no link can document events by the sites that it names.

    Only an incident or a maintenance, and only of the link's own network (decisions, section 9);
    ``of_link`` is empty for events that name a site alone and so no network.
    """
    return category in (Category.INCIDENT, Category.MAINTENANCE) and of_link in ("", network)


def fulfils_obligation(how: str, *, is_ongoing: bool) -> bool:
    """Whether a ticket that documents an event fulfils the obligations of it: while the event is
    ongoing, one that only names a site of the link does not (decisions, section 9)."""
    return not is_ongoing or how != How.SITE


def evidence_of(how: str, ticket_state: str) -> Evidence:
    """What a ticket that documents an ongoing event leaves missing."""
    if not fulfils_obligation(how, is_ongoing=True):
        return Evidence.SITE
    return Evidence.SOLVED if ticket_state in CLOSED_STATES else Evidence.ATTENDED


def evidence_words(how: str, ticket_state: str) -> str:
    """What is said beside the number of a ticket that documents an ongoing event, such as
    ``ticket of the site`` or ``solved``; "" = nothing, somebody attends to the event by it."""
    parts = []
    if how == How.SITE:
        parts.append(_("ticket of the site"))
    if ticket_state in CLOSED_STATES:
        parts.append(said_word(ticket_state))
    return joined(", ", parts) if parts else ""


def detected_in_words(rule: MatchingRule) -> str:
    """``detected events >= 1 h``: as the group's slides of 2013 call what counts."""
    return _("detected events >= %(minimal)s", minimal=length_in_words(rule.minimal))


RELATED_WORDS: Final = _("related events in tickets")
"""What those slides call the detected events that a ticket documents."""


def shift_in_words(shift: timedelta) -> str:
    """``+1 h``, ``-5 h 30 min``."""
    sign = "-" if shift < timedelta() else "+"
    return f"{sign}{length_in_words(abs(shift))}"


def why_in_words(
    how: How,
    *,
    overlap: timedelta | None,
    apart: timedelta,
    within: bool,
    shift: timedelta | None,
    site: str = "",
) -> str:
    """Why a ticket stands beside an event, such as ``same link, overlap 43 min``.

    ``overlap`` is None where both are ongoing; ``apart`` is the time between the two where they do
    not meet, ``within`` whether that is within the tolerance.
    """
    parts = [_("same link") if how is How.LINK else _("by site %(site)s", site=site).rstrip()]
    if overlap is None:
        parts.append(_("both ongoing"))
    elif apart > timedelta():
        beyond = "within" if within else "outside"
        parts.append(
            _(
                "%(apart)s apart, %(beyond)s the tolerance",
                apart=length_in_words(apart),
                beyond=beyond,
            )
        )
    elif overlap >= timedelta(seconds=1):
        parts.append(_("overlap %(overlap)s", overlap=length_in_words(overlap)))
    else:
        parts.append(_("they meet at one moment"))
    if shift is not None:
        parts.append(
            _("both ends off by %(shift)s: suspected time zone", shift=shift_in_words(shift))
        )
    return joined(", ", parts)
