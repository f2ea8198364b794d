"""How reported periods become detected events, and which ticket documents one: rules and words.

The definitions are those of decisions, section 9. ``app.matching.figures`` computes with many rows
at once; this module defines them for one ticket, one rule and one pair.
"""

from __future__ import annotations

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
"""Time differences caused by a wrong time zone, in addition to the responsible site's UTC
offset."""
SHIFT_SLACK: Final = timedelta(minutes=10)
"""How far start and end may differ from such a shift."""
MAX_GAP: Final = timedelta(days=1)
MAX_MINIMAL: Final = timedelta(days=7)
MAX_TOLERANCE: Final = timedelta(days=7)
MAX_KEPT: Final = 10
"""Tickets of each kind (by link or by site; a maintenance or not) stored for an event: those that
start last. One event has one to three in practice; if tickets stay open for years, thousands
match each event, more than anybody could read or a database should store. An assumption."""
REASON_LIMIT: Final = 1000
"""Longest reason of a decision by hand, in characters."""


class How(StrEnum):
    """Why a ticket matches an event, strongest first."""

    LINK = "link"
    """It names the link."""
    SITE = "site"
    """It names no link but a T1 end of the link as affected site, and is an incident or a
    maintenance of the link's network."""
    HAND = "hand"
    """A person linked it."""
    NONE = "none"
    """No ticket documents the event."""


class Evidence(StrEnum):
    """What is missing for an ongoing event, from most to least."""

    NONE = "no ticket"
    SITE = "no ticket of the link"
    """Only a ticket that names a site of the link and no link, and may be about something else."""
    SOLVED = "no open ticket"
    """Only a ticket that ended while the event is ongoing."""
    ATTENDED = ""
    """Nothing: an open ticket names the link, or a person linked it."""


class Decision(StrEnum):
    """A person's decision about an event and a ticket."""

    LINKED = "linked"
    UNLINKED = "unlinked"


@dataclass(frozen=True)
class MatchingRule:
    """A version of the matching rule; it applies to events that start from ``valid_from`` on (UTC),
    until the next version."""

    version: int
    valid_from: datetime
    gap: timedelta = timedelta(minutes=10)
    """Two periods with at most this gap are one event: an assumption."""
    minimal: timedelta = timedelta(minutes=60)
    """An event of this length counts (seed deck: "detected Events >= 1h")."""
    tolerance: timedelta = timedelta(hours=1)
    """A ticket's interval is widened by it on both sides: an assumption."""


FIRST_RULE: Final = MatchingRule(1, datetime(1970, 1, 1, tzinfo=UTC))
"""The rule if no administrator created another."""


def check_rule(rule: MatchingRule, newest: MatchingRule) -> None:
    """Raise ``Invalid`` unless ``rule`` may follow the newest version."""
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
                    "Enter %(least)s to %(most)s minutes",
                    least=minutes_of(least),
                    most=minutes_of(most),
                ),
            )
    if rule.valid_from <= newest.valid_from:
        raise Invalid(
            "valid_from",
            _(
                "Version %(version)s applies from %(valid_from)s UTC; choose a later start",
                version=newest.version,
                valid_from=format(newest.valid_from, "%Y-%m-%d %H:%M"),
            ),
        )


def minutes_of(length: timedelta) -> int:
    """Whole minutes."""
    return int(length.total_seconds()) // 60


@dataclass(frozen=True)
class TicketTimes:
    """The times of a ticket that determine its interval; aware, None = not stated."""

    state: str
    created_at: datetime
    event_start: datetime | None = None
    event_end: datetime | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    ended_at: datetime | None = None
    """Newest move to solved or unsolved."""


def ticket_interval(times: TicketTimes) -> tuple[datetime, datetime | None]:
    """The interval that a ticket reports; None as the end = ongoing.

    Event start, else window start, else creation; to event end, else window end, else the newest
    move to solved or unsolved if it was not reopened since. If the end is before the start (an
    event entered in addition to the window of earlier work), the interval is only the start.
    """
    start = times.event_start or times.window_start or times.created_at
    end = times.event_end or times.window_end
    if end is None and times.state in CLOSED_STATES:
        end = times.ended_at
    return start, None if end is None else max(start, end)


@cache
def is_evidence(category: str, *, ended_unsolved: bool, is_duplicate: bool) -> bool:
    """Whether a ticket can document anything: not a test, and not a cancelled maintenance.

    A maintenance that ended unsolved was cancelled or did not take place. A duplicate also ends
    unsolved, for another reason: its content counts for its master.
    """
    if category == Category.TEST:
        return False
    return not (category == Category.MAINTENANCE and ended_unsolved and not is_duplicate)


def documents_by_site(category: str, network: str, of_link: str) -> bool:
    """Whether a ticket without a link can document events by its sites.

    Only an incident or a maintenance, and only of the link's own network (decisions, section 9);
    ``of_link`` is empty for events that name only a site and so no network.
    """
    return category in (Category.INCIDENT, Category.MAINTENANCE) and of_link in ("", network)


def fulfils_obligation(how: str, *, is_ongoing: bool) -> bool:
    """Whether a ticket that documents an event fulfils its obligations: while the event is ongoing,
    one that only names a site of the link does not (decisions, section 9)."""
    return not is_ongoing or how != How.SITE


def evidence_of(how: str, ticket_state: str) -> Evidence:
    """What is still missing for an ongoing event with this documenting ticket."""
    if not fulfils_obligation(how, is_ongoing=True):
        return Evidence.SITE
    return Evidence.SOLVED if ticket_state in CLOSED_STATES else Evidence.ATTENDED


def evidence_words(how: str, ticket_state: str) -> str:
    """The remark for a ticket that documents an ongoing event, such as ``ticket of the site`` or
    ``solved``; "" = none needed, the event is attended to."""
    parts = []
    if how == How.SITE:
        parts.append(_("ticket of the site"))
    if ticket_state in CLOSED_STATES:
        parts.append(said_word(ticket_state))
    return joined(", ", parts) if parts else ""


def detected_in_words(rule: MatchingRule) -> str:
    """``detected events >= 1 h``: the term of the group's slides of 2013."""
    return _("detected events >= %(minimal)s", minimal=length_in_words(rule.minimal))


RELATED_WORDS: Final = _("related events in tickets")
"""The term of those slides for the detected events that a ticket documents."""


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
    """Why a ticket matches an event, such as ``same link, overlap 43 min``.

    ``overlap`` is ``None`` if both are ongoing; ``apart`` is the time between them if they do not
    overlap, ``within`` whether that is within the tolerance.
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
