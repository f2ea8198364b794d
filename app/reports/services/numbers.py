"""Counts the numbers of a site's quarterly report: tickets, events, availability, times, duties.

Everything comes from cached facts and stored results, each number by the rule of the page that
shows it too, so that it leads to exactly its rows. Sites, links and rules are those of the quarter:
an event counts for who was a T1 when it began, availability is of the links that existed, a duty is
by the rule that was in force.

Before numbers are frozen, the stored results are brought up to date
(``app.matching.services.recompute``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.duties.models.duties import Duty
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import ALL, DutyFilter, conditions_of
from app.matching.models.matching import DetectedEvent
from app.matching.services.recompute import MAX_PENDING
from app.matching.services.stale_links import freshness
from app.matching.services.tables import first_seen, has_no_data
from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network
from app.reports.rules.numbers import UNITS, ReportFigure, ReportNumbers, UndocumentedEvent
from app.reports.services.first_quarter import reports_from
from app.reports.services.grid import was_t1
from app.statistics.figures.site_tickets import SiteTickets, created_between, tickets_of_site
from app.statistics.services.availability import AvailabilityRow, availability_of
from app.statistics.services.cache import current_facts
from app.statistics.services.figures import site_keys
from app.statistics.services.tickets import TICKET_FACTS
from app.tickets.figures.facts import microseconds
from app.tickets.rules.tickets import Category

NETWORK: Final = str(Network.LHCOPN)
"""Events, availability and duties of a report are those of this network (decisions, section 9)."""
CATEGORIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "incidents": (
        Category.INCIDENT,
        _("Incidents affecting the site"),
        _("Incidents the site is responsible for"),
    ),
    "maintenances": (
        Category.MAINTENANCE,
        _("Maintenance tickets affecting the site"),
        _("Maintenance tickets the site is responsible for"),
    ),
    "changes": (
        Category.CHANGE,
        _("Changes affecting the site"),
        _("Changes the site is responsible for"),
    ),
    "informational": (
        Category.INFORMATIONAL,
        _("Informational tickets affecting the site"),
        _("Informational tickets the site is responsible for"),
    ),
}
"""The keys of what is counted of tickets, with their category, and what they are called of those
that affect the site and of those that it is responsible for."""
RESPONSIBLE: Final = "responsible_"
"""How the keys begin of what is counted by the responsible site."""
MEASURES: Final = {"median_response": "response", "median_solution": "solution"}
FIGURE_KEYS: Final = frozenset(
    {
        *CATEGORIES,
        *(RESPONSIBLE + one for one in CATEGORIES),
        *MEASURES,
        *("events", "documented", "undocumented"),
        *("availability", "duties_missed", "duties_late"),
    }
)
"""Those of all figures that a report has."""
_AFFECTED, _RESPONSIBLE = (
    _("Tickets affecting the site"),
    _("Tickets the site is responsible for"),
)
_EVENTS, _AVAILABILITY = _("Detected events of at least one hour"), _("Availability")
_DUTIES: Final = _("Required tickets")


@dataclass(frozen=True)
class _Events:
    """Of one site: how many count, and which of them no ticket documents."""

    detected: int
    undocumented: Sequence[UndocumentedEvent]


@dataclass(frozen=True)
class _Due:
    """Of one site: how many tickets the rules in force asked for."""

    asked: int = 0
    missed: int = 0
    late: int = 0


def numbers_of(session: Session, site: Site, quarter: Quarter, now: datetime) -> ReportNumbers:
    """The numbers of one site as they are now. Only reads."""
    return numbers_of_sites(session, [site], quarter, now)[site.id]


def numbers_of_quarter(
    session: Session, quarter: Quarter, now: datetime
) -> Mapping[int, ReportNumbers]:
    """Those of all sites that are requested a report, by their keys. Only reads."""
    return numbers_of_sites(session, asked_sites(session, quarter), quarter, now)


def asked_sites(session: Session, quarter: Quarter) -> Sequence[Site]:
    """The sites that owe a report about the quarter, by name: its T1s, if reports are required
    at all."""
    return t1s_of(session, quarter) if quarter >= reports_from(session) else ()


def t1s_of(session: Session, quarter: Quarter) -> Sequence[Site]:
    """The sites that were T1 on a day of the quarter, by name."""
    sites = session.scalars(select(Site).where(Site.tier == 1).order_by(Site.key))
    return [site for site in sites if was_t1(site, quarter)]


def numbers_of_sites(
    session: Session, sites: Sequence[Site], quarter: Quarter, now: datetime
) -> Mapping[int, ReportNumbers]:
    """Those of these sites, by their keys. Only reads."""
    begin, end = microseconds(quarter.begin), microseconds(quarter.end)
    facts = created_between(current_facts(session, TICKET_FACTS), begin, end)
    named, moment = site_keys(session), microseconds(now.astimezone(UTC))
    events = _events(session, sites, quarter)
    due = _due(session, sites, quarter, now)
    seen = first_seen(session, NETWORK)
    only = sites[0].key if len(sites) == 1 else ""
    available = availability_of(session, [quarter], now, network=NETWORK, site=only)
    by_name = {row.name: row for row in available.sites}
    is_behind = not _is_matched(session)
    found = {}
    for site in sites:
        tickets = tickets_of_site(
            facts, site.key, named.get(site.key, ()), tuple(MEASURES.values()), moment
        )
        mine = None if has_no_data(quarter, seen.get(site.id), now) else events[site.id]
        found[site.id] = ReportNumbers(
            site.key,
            str(quarter),
            now,
            [
                *_of_tickets(tickets),
                *_of_events(mine),
                _of_availability(by_name.get(site.key)),
                *_of_duties(due.get(site.id, _Due())),
            ],
            () if mine is None else mine.undocumented,
            is_behind,
        )
    return found


def _is_matched(session: Session) -> bool:
    """Whether events, documented or not, and duties are included, but for a few changes of the log
    that hardly concern them: a page looks through so many itself."""
    stand = freshness(session)
    return not stand.stale and stand.pending <= MAX_PENDING


def _of_tickets(tickets: SiteTickets) -> Sequence[ReportFigure]:
    words = {
        "median_response": _("Median response time"),
        "median_solution": _("Median solution time"),
    }
    return [
        *(
            ReportFigure(key, affecting, tickets.affected[category], group=_AFFECTED)
            for key, (category, affecting, _owned) in CATEGORIES.items()
        ),
        *(
            ReportFigure(
                f"{RESPONSIBLE}{key}", owned, tickets.responsible[category], group=_RESPONSIBLE
            )
            for key, (category, _affecting, owned) in CATEGORIES.items()
        ),
        *(
            ReportFigure(
                key,
                words[key],
                tickets.times[measure].days,
                unit=UNITS[key],
                told_by=tickets.times[measure].count,
                group=_RESPONSIBLE,
            )
            for key, measure in MEASURES.items()
        ),
    ]


def _of_events(events: _Events | None) -> Sequence[ReportFigure]:
    detected = None if events is None else events.detected
    missing = None if events is None else len(events.undocumented)
    documented = None if events is None else events.detected - len(events.undocumented)
    return [
        ReportFigure("events", _("Events of at least one hour"), detected, group=_EVENTS),
        ReportFigure(
            "documented", _("Events documented by a ticket"), documented, detected, group=_EVENTS
        ),
        ReportFigure(
            "undocumented", _("Events without a ticket"), missing, detected, group=_EVENTS
        ),
    ]


def _of_availability(row: AvailabilityRow | None) -> ReportFigure:
    share = None if row is None else row.whole.share
    return ReportFigure(
        "availability",
        _("Availability of the site's links"),
        None if share is None else 100 * share,
        unit=UNITS["availability"],
        told_by=0 if row is None else row.links,
        group=_AVAILABILITY,
        unmonitored=None
        if row is None or not row.whole.has_data
        else 100 * row.whole.unmonitored / row.whole.length,
    )


def _of_duties(due: _Due) -> Sequence[ReportFigure]:
    return [
        ReportFigure(
            "duties_missed",
            _("Required tickets missing"),
            due.missed,
            due.asked,
            group=_DUTIES,
        ),
        ReportFigure(
            "duties_late",
            _("Required tickets created late"),
            due.late,
            due.asked,
            group=_DUTIES,
        ),
    ]


def _events(session: Session, sites: Collection[Site], quarter: Quarter) -> Mapping[int, _Events]:
    """Those that count in the quarter, as the table per T1 counts them: for each T1 end when they
    began; what has none, for the T0."""
    ids = {site.id for site in sites}
    t0 = {site.id for site in sites if site.tier == 0}
    ends = DetectedEvent.t1_id, DetectedEvent.other_t1_id
    wanted = or_(*(end.in_(ids) for end in ends), *([ends[0].is_(None)] if t0 else []))
    rows = session.execute(
        select(
            *ends,
            *(DetectedEvent.id, DetectedEvent.is_documented, DetectedEvent.start),
            *(DetectedEvent.end, DetectedEvent.state, Link.name),
        )
        .join(Link, Link.id == DetectedEvent.link_id)
        .where(
            DetectedEvent.quarter == str(quarter),
            DetectedEvent.is_counted.is_(True),
            Link.network == NETWORK,
            wanted,
        )
        .order_by(DetectedEvent.start, DetectedEvent.id)
    )
    detected: dict[int, int] = defaultdict(int)
    missing: dict[int, list[UndocumentedEvent]] = defaultdict(list)
    for row in rows:
        for site in t0 if row.t1_id is None else ids & {row.t1_id, row.other_t1_id}:
            detected[site] += 1
            if not row.is_documented:
                missing[site].append(
                    UndocumentedEvent(row.id, row.name, row.start, row.end, row.state)
                )
    return {site: _Events(detected[site], missing[site]) for site in ids}


def _due(
    session: Session, sites: Collection[Site], quarter: Quarter, now: datetime
) -> Mapping[int, _Due]:
    """Tickets that were due from these sites by the rules in force, of events of the quarter."""
    counts: dict[str, dict[int, int]] = {}
    for state in (ALL, DutyStatus.MISSING, DutyStatus.LATE):
        wanted = DutyFilter(
            site_ids=[site.id for site in sites], first=quarter, last=quarter, state=state
        )
        counts[state] = {
            site: count
            for site, count in session.execute(
                select(Duty.site_id, func.count())
                .where(*conditions_of(session, wanted, now))
                .group_by(Duty.site_id)
            )
            if site is not None
        }
    return {
        site: _Due(
            asked, counts[DutyStatus.MISSING].get(site, 0), counts[DutyStatus.LATE].get(site, 0)
        )
        for site, asked in counts[ALL].items()
    }
