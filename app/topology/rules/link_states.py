"""The state of a link at one moment, from events and tickets, as one word.

The first that applies (decisions, section 13): down, degraded, maintenance, planned, unmonitored,
ok. During a window, an ongoing event reads "maintenance, down". A link is monitored while one of
the sources that ever reported it is heard. This rule uses neither rows nor pages;
``app.topology.services.link_states`` applies it to all links, and every interface shows the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.rules.durations import length_in_words
from app.core.rules.language import _, counted, joined, said_word
from app.matching.rules.matching import Evidence, How, evidence_of, evidence_words
from app.tickets.rules.tickets import ENDED_STATES, Category, Impact, Layer

AHEAD: Final = timedelta(days=7)
"""A window is planned work if it starts within this time."""
SOON: Final = timedelta(hours=1)
"""A link whose window starts within this time does not count as a working backup."""


class LinkState(StrEnum):
    """The states of a link, most urgent first."""

    DOWN = "down"
    MAINTENANCE_DOWN = "maintenance, down"
    DEGRADED = "degraded"
    MAINTENANCE_DEGRADED = "maintenance, degraded"
    MAINTENANCE = "maintenance"
    PLANNED = "planned"
    UNMONITORED = "unmonitored"
    OK = "ok"

    @property
    def key(self) -> str:
        """The same as one word, for classes and drawings: ``maintenance-down``."""
        return self.value.replace(", ", "-")


DOWN_NOW: Final = frozenset({LinkState.DOWN, LinkState.MAINTENANCE_DOWN})
"""States in which a link carries no traffic."""
_NOT_CARRYING: Final = DOWN_NOW | {LinkState.MAINTENANCE}
_IN_WINDOW: Final = {
    LinkState.DOWN: LinkState.MAINTENANCE_DOWN,
    LinkState.DEGRADED: LinkState.MAINTENANCE_DEGRADED,
}
FLAPS: Final = 5
"""A link flaps if its detected event started more often than this, the number of the flap
clause."""
_OF_EVENT: Final = _("An event is ongoing")
_OF_INCIDENT: Final = _("An open incident has the impact {impact}")
_OF_BOTH: Final = _("An event is ongoing during planned work")
_OF_WINDOW: Final = _("A window for planned work is in progress")
_OF_PLAN: Final = _("A window for planned work starts within %(days)s days", days=AHEAD.days)
_NEVER_SEEN: Final = _("No monitoring source has ever reported on this link")
_NOT_WATCHED: Final = _("Its source does not monitor it now")
_OF_NOTHING: Final = _(
    "No ongoing event, no open incident with the impact “outage” or “degraded”, no window within"
    " %(days)s days",
    days=AHEAD.days,
)


class WindowPhase(StrEnum):
    """The phase of a ticket's window at the moment in question."""

    NONE = ""
    """No window, or it is over, or it starts later than ``AHEAD``."""
    RUNNING = "running"
    PLANNED = "planned"


@dataclass(frozen=True)
class OngoingEvent:
    """An event that is ongoing at the moment in question."""

    id: int
    state: str
    """down, degraded or unmonitored."""
    start: datetime
    """UTC."""
    ticket: int | None
    """A ticket that documents it, the most conclusive one (``Evidence``); None = no ticket."""
    ticket_state: str = ""
    """The state of that ticket; "" = not used."""
    how: str = ""
    """Why that ticket documents it: link, site or hand (``app.matching.rules.matching.How``)."""
    silence: str = ""
    """In words, that the source which reported it is silent; "" = it is heard."""
    flapping: str = ""
    """In words, how often its detected event started; "" = too rarely to flap."""
    flapping_since: datetime | None = None
    """When that detected event started, UTC; None = it does not flap."""

    @property
    def evidence(self) -> Evidence:
        """What kind of ticket documents it."""
        if self.ticket is None:
            return Evidence.NONE
        return evidence_of(self.how, self.ticket_state)

    @property
    def ticket_words(self) -> str:
        """A remark for the number of its ticket; "" = none needed, the event is attended to."""
        return evidence_words(self.how, self.ticket_state)

    @property
    def reopenable(self) -> int | None:
        """Its ticket, if that ended and can be reopened; not a ticket of the site."""
        is_own = self.how != How.SITE and self.ticket_state in ENDED_STATES
        return self.ticket if is_own else None


@dataclass(frozen=True)
class Monitoring:
    """Whether a link is watched at the moment in question."""

    is_reported: bool
    """Whether any source ever reported an event on the link."""
    silence: str = ""
    """In words, that every source that watches it is silent; "" = one is heard."""
    since: datetime | None = None
    """Since when none of them was heard, UTC; None = none ever was."""


HEARD: Final = Monitoring(is_reported=True)
NEVER: Final = Monitoring(is_reported=False)


@dataclass(frozen=True)
class OpenTickets:
    """Tickets of a link that are open at that moment and give it the same state."""

    category: str
    layer: str
    impact: str
    window: WindowPhase
    count: int
    first: int
    """The lowest and the highest of their numbers."""
    newest: int
    since: datetime
    """The earliest start of what they report, and the earliest start of their windows."""
    window_start: datetime | None = None
    window_end: datetime | None = None
    """The last end; None if there is no window, or no end is stated."""


@dataclass(frozen=True)
class LinkStatus:
    """The state of a link with its reason. Times are UTC."""

    state: LinkState
    reason: str
    """The reason, in words."""
    since: datetime | None = None
    """The start of the event, else of the incident, else of the window; the future start of planned
    work. None if unknown."""
    until: datetime | None = None
    """The end of the window that the state is based on, if known."""
    event: int | None = None
    """The event that causes the state; of several, the first that started."""
    tickets: tuple[int, ...] = ()
    """The tickets that cause the state or document its event: the only one, or the first and the
    newest."""
    ticket_count: int = 0
    evidence: Evidence = Evidence.ATTENDED
    """What kind of ticket documents the event that causes the state; of several events, the
    least."""
    ticket_words: Mapping[int, str] = field(default_factory=dict)
    """Remarks for tickets, such as "ticket of the site" or "solved", by number; a ticket without
    one is open and of the link."""
    unattended: int | None = None
    """The event for which somebody has to write or reopen a ticket; of several, the first that
    started among those with the least evidence. None = the link has an open ticket, or no event
    causes the state."""
    reopenable: int | None = None
    """The newest ticket of the event that ended and can be reopened."""
    performance: int = 0
    """Open incidents about performance, which do not change the state."""
    no_impact: int = 0
    """Open incidents with impact none or reduced redundancy; they do not change it either."""
    unknown_impact: int = 0
    """Open incidents with unknown impact; they do not change it either."""
    is_watched: bool = True
    """Whether a source that watches it is heard, and reports nothing to the contrary. Also for a
    state that comes from a ticket, or from an event reported before the silence."""
    silence: str = ""
    """In words, which sources are silent: those that watch the link, or the one that reported the
    event that causes the state. "" = none, or no source ever reported it."""
    flapping: str = ""
    """In words, how often the event that causes the state started; "" = it does not flap."""
    is_last_report: bool = False
    """Whether the source of the event that causes the state is silent: the state is only the last
    report."""

    @property
    def minor(self) -> int:
        """Open incidents whose impact is unknown or below degraded."""
        return self.no_impact + self.unknown_impact

    @property
    def no_ticket(self) -> bool:
        """Whether the state comes from an event that no ticket documents."""
        return self.evidence is Evidence.NONE

    @property
    def words(self) -> str:
        """The state as every interface words it: ``down, as last reported, no ticket``."""
        said = said_word(self.state)
        if self.flapping:
            said = _("%(state)s, %(flapping)s", state=said, flapping=self.flapping)
        if self.is_last_report:
            said = _("%(state)s, as last reported", state=said)
        if self.evidence is Evidence.NONE:
            return _("%(state)s, no ticket", state=said)
        if self.evidence is Evidence.SITE:
            return _("%(state)s, no ticket of the link", state=said)
        if self.evidence is Evidence.SOLVED:
            return _("%(state)s, no open ticket", state=said)
        return said

    @property
    def beside(self) -> str:
        """What does not change the state: missing monitoring, and other tickets: ``not monitored, 1
        performance ticket, 2 tickets with an impact below “degraded”``; "" = nothing."""
        parts = []
        if not self.is_watched and self.state in (LinkState.MAINTENANCE, LinkState.PLANNED):
            parts.append(_("not monitored"))
        if self.performance:
            one, many = "%(num)s performance ticket", "%(num)s performance tickets"
            parts.append(counted(one, many, self.performance))
        if self.no_impact:
            one = "%(num)s ticket with impact below “degraded”"
            many = "%(num)s tickets with impact below “degraded”"
            parts.append(counted(one, many, self.no_impact))
        if self.unknown_impact:
            one = "%(num)s ticket with unknown impact"
            many = "%(num)s tickets with unknown impact"
            parts.append(counted(one, many, self.unknown_impact))
        return joined(", ", parts) if parts else ""


NOT_YET: Final = LinkStatus(
    LinkState.UNMONITORED,
    _("A future day: no window is planned, and nothing else is known"),
    is_watched=False,
)
"""For a link on a future day with no planned window."""
UNKNOWN_TO_ALL: Final = LinkStatus(LinkState.UNMONITORED, _NEVER_SEEN, is_watched=False)
"""For a link without any report or ticket."""


def flapping_in_words(beginnings: int, length: timedelta) -> str:
    """``flapping: 40 times in 3 h 15 min``, for an ongoing detected event; "" = too rarely to
    flap."""
    if beginnings <= FLAPS:
        return ""
    return _(
        "flapping: %(count)s times in %(length)s",
        count=beginnings,
        length=length_in_words(length),
    )


def can_carry(status: LinkStatus, now: datetime) -> bool:
    """Whether a link is known to be able to replace another one at ``now`` (UTC): a source watches
    it, it is not down, and no work is under way or starts within the hour."""
    if status.state is LinkState.PLANNED and (status.since is None or status.since <= now + SOON):
        return False
    return status.is_watched and status.state not in _NOT_CARRYING


def state_of_link(
    events: Sequence[OngoingEvent], tickets: Sequence[OpenTickets], monitoring: Monitoring
) -> LinkStatus:
    """Return the state of one link.

    Test tickets are ignored. Incidents change the state only if their impact is degraded or outage
    and they are not about performance; every other open ticket may have a window.
    """
    incidents = [one for one in tickets if one.category == Category.INCIDENT]
    performance = [one for one in incidents if one.layer == Layer.PERFORMANCE]
    others = [one for one in incidents if one.layer != Layer.PERFORMANCE]
    windowed = [one for one in tickets if one.category != Category.TEST and one not in performance]
    found = (
        _trouble(LinkState.DOWN, Impact.OUTAGE, events, others, windowed)
        or _trouble(LinkState.DEGRADED, Impact.DEGRADED, events, others, windowed)
        or _work(LinkState.MAINTENANCE, WindowPhase.RUNNING, _OF_WINDOW, windowed)
        or _work(LinkState.PLANNED, WindowPhase.PLANNED, _OF_PLAN, windowed)
        or _nothing(events, monitoring)
    )
    unwatched = [one for one in events if one.state == LinkState.UNMONITORED]
    harmless = [one for one in others if one.impact not in (Impact.OUTAGE, Impact.DEGRADED)]
    return replace(
        found,
        performance=sum(one.count for one in performance),
        no_impact=sum(one.count for one in harmless if one.impact != Impact.UNKNOWN),
        unknown_impact=sum(one.count for one in harmless if one.impact == Impact.UNKNOWN),
        is_watched=monitoring.is_reported and not monitoring.silence and not unwatched,
        silence=found.silence or monitoring.silence,
    )


def _trouble(
    state: LinkState,
    impact: Impact,
    events: Sequence[OngoingEvent],
    incidents: Sequence[OpenTickets],
    windowed: Sequence[OpenTickets],
) -> LinkStatus | None:
    """Down or degraded, because of events (the earliest first), incidents, or both."""
    ongoing = sorted((one for one in events if one.state == state), key=lambda one: one.start)
    stated = [one for one in incidents if one.impact == impact]
    if not ongoing:
        since = min((one.since for one in stated), default=None)
        why = _OF_INCIDENT.format(impact=impact)
        return LinkStatus(state, why, since, None, None, *_named(stated)) if stated else None
    event, since = ongoing[0].id, ongoing[0].start
    if stated:
        return _as_reported(
            LinkStatus(state, _OF_EVENT, since, None, event, *_named(stated)), ongoing
        )
    found = {one.evidence for one in ongoing}
    least = next(one for one in Evidence if one in found)
    of_least = [one.id for one in ongoing if one.evidence is least]
    unattended = None if least is Evidence.ATTENDED else of_least[0]
    reopenable = max((one.reopenable or 0 for one in ongoing), default=0) or None
    running = [one for one in windowed if one.window is WindowPhase.RUNNING]
    if running:
        until = _window(running)[1]
        in_window = LinkStatus(
            *(_IN_WINDOW[state], _OF_BOTH, since, until, event, *_named(running)),
            evidence=least,
            unattended=unattended,
            reopenable=reopenable,
        )
        return _as_reported(in_window, ongoing)
    numbers = sorted({one.ticket for one in ongoing if one.ticket is not None})
    ends = tuple(dict.fromkeys((*numbers[:1], *numbers[-1:])))
    # a ticket that a person linked to one event may be of the site for another
    attending = {one.ticket for one in ongoing if not one.ticket_words}
    status = LinkStatus(
        *(state, _OF_EVENT, since, None, event, ends, len(numbers), least),
        {
            one.ticket: one.ticket_words
            for one in sorted(ongoing, key=lambda one: one.how == How.SITE, reverse=True)
            if one.ticket is not None and one.ticket not in attending
        },
        unattended,
        reopenable,
    )
    return _as_reported(status, ongoing)


def _as_reported(status: LinkStatus, ongoing: Sequence[OngoingEvent]) -> LinkStatus:
    """Add whether the first of these events flaps, and whether every source is silent."""
    first = ongoing[0]
    if first.flapping:
        status = replace(status, flapping=first.flapping, since=first.flapping_since)
    said = tuple(dict.fromkeys(one.silence for one in ongoing))
    if not all(said):
        return status
    silence = joined("; ", said)
    why = _("%(reason)s, as last reported: %(silence)s", reason=status.reason, silence=silence)
    return replace(status, reason=why, silence=silence, is_last_report=True)


def _work(
    state: LinkState, phase: WindowPhase, why: str, windowed: Sequence[OpenTickets]
) -> LinkStatus | None:
    found = [one for one in windowed if one.window is phase]
    return LinkStatus(state, why, *_window(found), None, *_named(found)) if found else None


def _nothing(events: Sequence[OngoingEvent], monitoring: Monitoring) -> LinkStatus:
    """Unmonitored or ok."""
    unwatched = [one for one in events if one.state == LinkState.UNMONITORED]
    if unwatched:
        first = min(unwatched, key=lambda one: one.start)
        return LinkStatus(LinkState.UNMONITORED, _NOT_WATCHED, first.start, None, first.id)
    if not monitoring.is_reported:
        return UNKNOWN_TO_ALL
    if monitoring.silence:
        return LinkStatus(LinkState.UNMONITORED, monitoring.silence, monitoring.since)
    return LinkStatus(LinkState.OK, _OF_NOTHING)


def _named(found: Sequence[OpenTickets]) -> tuple[tuple[int, ...], int]:
    """The lowest and the highest number of these tickets, and their count."""
    ends = min(one.first for one in found), max(one.newest for one in found)
    return tuple(dict.fromkeys(ends)), sum(one.count for one in found)


def _window(found: Sequence[OpenTickets]) -> tuple[datetime | None, datetime | None]:
    """The earliest start of these windows, and the last end if all state one."""
    starts = [one.window_start for one in found if one.window_start is not None]
    ends = [one.window_end for one in found if one.window_end is not None]
    return min(starts, default=None), max(ends) if len(ends) == len(found) else None
