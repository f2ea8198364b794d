"""Reads duties: which tickets are due, the responsible site, whether they exist, and sums.

Everything is read from stored results, which ``app.duties.services.results`` computes. Times are
UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.rules.quarters import Quarter
from app.duties.figures.duties import judge
from app.duties.models.duties import Duty, DutyRuleVersion, DutySum
from app.duties.rules.duties import DutyStatus, Rule, duty_status
from app.duties.services.results import beginnings_of, facts_of, judgement_at
from app.duties.services.rules import content_of, judged_versions, label_of
from app.duties.services.service_losses import stored_losses
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent, EventTicket
from app.matching.rules.matching import How, evidence_words
from app.registry.models.registry import Link, Site
from app.registry.services.registry import all_sites
from app.tickets.models.tickets import Ticket

OPEN: Final = "open"
"""Not written yet: due or missing."""
THERE: Final = "there"
"""Written, in time or late."""
ALL: Final = "all"
STATES: Final = (OPEN, *DutyStatus, THERE, ALL)
WHOLE: Final = 0
"""The key of the whole network among the sums."""
RECENT_QUARTERS: Final = 4
"""In so many quarters, including the current one, tickets are still worth writing: the default of
lists."""
_PAGE: Final = 100


def recent_from(now: datetime) -> Quarter:
    """The first of the recent quarters."""
    return Quarter.of(now).after(1 - RECENT_QUARTERS)


@dataclass(frozen=True)
class JudgedRule:
    """A version of a rule whose duties are stored."""

    version_id: int
    label: str
    """``R2009``, or ``R2009 v2``: as in addresses."""
    rule: Rule
    about: str
    in_force_now: bool


def judged_rules(session: Session, now: datetime) -> Sequence[JudgedRule]:
    """All of them, oldest first."""
    return [
        JudgedRule(
            one.id,
            label_of(one),
            content_of(one),
            one.rule.about,
            any(
                force.withdrawn_at is None
                and force.begins_at <= now
                and (force.ends_at is None or now < force.ends_at)
                for force in one.forces
            ),
        )
        for one in judged_versions(session)
    ]


@dataclass(frozen=True)
class DutyFilter:
    """Which duties to read; all conditions apply together."""

    version_id: int | None = None
    """Those of this version, in force or not; None = those that are in force."""
    site_ids: Collection[int] = ()
    """The responsible sites."""
    end_id: int | None = None
    """The T1 at an end of the link, as figures count it; the T0 for links without one."""
    link_id: int | None = None
    first: Quarter | None = None
    last: Quarter | None = None
    """Quarters of the event's start, the last one included."""
    state: str = OPEN
    losses_only: bool = False
    """Only those because a T1 was cut off."""


@dataclass(frozen=True)
class DutyRow:
    """A duty with what a page shows about it."""

    event_id: int
    rule: str
    kind: str
    """What the clause is about: a loss of service, flaps, or the event's length."""
    clause: str
    """In words."""
    link: str
    responsible: str
    start: datetime
    end: datetime | None
    state: str
    is_maintenance: bool
    amount: int
    is_unsure: bool
    lost_site: str
    due_at: datetime
    ticket: int | None
    """The ticket that fulfils it."""
    why: str
    """Why that ticket documents the event, with the overlap; "" = no ticket."""
    ticket_words: str
    """The remark for that ticket while the event is ongoing, such as "solved"."""
    site_ticket: int | None
    """While the event is ongoing and no ticket fulfils it: a ticket of the site."""
    there_at: datetime | None
    standing: DutyStatus
    is_due: bool


@dataclass(frozen=True)
class DutyPage:
    """Some rows, newest event first; ``more`` = where the next rows start, if there are more."""

    rows: Sequence[DutyRow]
    more: tuple[datetime, int] | None


def list_duties(
    session: Session,
    wanted: DutyFilter,
    now: datetime,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int | None = _PAGE,
) -> DutyPage:
    """List the duties, newest event first; ``limit`` None = all."""
    query = _rows().where(*conditions_of(session, wanted, now))
    if after is not None:
        start, event = after
        query = query.where(
            or_(Duty.start < start, and_(Duty.start == start, Duty.event_id < event))
        )
    query = query.order_by(Duty.start.desc(), Duty.event_id.desc())
    found = session.execute(query if limit is None else query.limit(limit + 1)).all()
    more = None
    if limit is not None and len(found) > limit:
        found = found[:limit]
        more = found[-1].start, found[-1].event_id
    return DutyPage(_shown(session, found, now), more)


def count_duties(
    session: Session, wanted: DutyFilter, now: datetime, *, most: int | None = None
) -> int:
    """Count the duties; with ``most``, counting stops above it."""
    rows = select(Duty.event_id).where(*conditions_of(session, wanted, now))
    if replace(wanted, first=None, last=None) == DutyFilter():
        # to count all missing ones, SQLite would read each row
        rows = rows.with_hint(Duty, "INDEXED BY ix_duties_missing", "sqlite")
    if most is not None:
        rows = rows.limit(most + 1)
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def duties_of_event(session: Session, event_id: int, now: datetime) -> Sequence[DutyRow]:
    """The duties of a detected event under every rule; it is identified by its first raw event."""
    found = session.execute(
        _rows().where(Duty.event_id == event_id).order_by(Duty.rule_version_id)
    ).all()
    return _shown(session, found, now)


def conditions_of(
    session: Session, wanted: DutyFilter, now: datetime
) -> Sequence[ColumnElement[bool]]:
    """The same as conditions on ``Duty``."""
    parts: list[ColumnElement[bool]] = []
    if wanted.version_id is None:
        parts.append(and_(Duty.is_due))
    else:
        parts.append(Duty.rule_version_id == wanted.version_id)
    if wanted.site_ids:
        parts.append(Duty.site_id.in_(wanted.site_ids))
    if wanted.link_id is not None:
        parts.append(Duty.link_id == wanted.link_id)
    if wanted.first is not None:
        parts.append(Duty.start >= wanted.first.begin)
    if wanted.last is not None:
        parts.append(Duty.start < wanted.last.end)
    if wanted.losses_only:
        parts.append(Duty.lost_site_id.is_not(None))
    if wanted.end_id is not None:
        parts += _at_end(session, wanted.end_id)
    parts += _of_state(wanted.state, now)
    return parts


def _of_state(state: str, now: datetime) -> Sequence[ColumnElement[bool]]:
    missing, there = Duty.ticket_number.is_(None), Duty.ticket_number.is_not(None)
    conditions: Mapping[str, Sequence[ColumnElement[bool]]] = {
        OPEN: [missing],
        DutyStatus.MISSING: [missing, Duty.due_at < now],
        DutyStatus.DUE: [missing, Duty.due_at >= now],
        DutyStatus.LATE: [there, Duty.there_at > Duty.due_at],
        DutyStatus.MET: [there, Duty.there_at <= Duty.due_at],
        THERE: [there],
        ALL: [],
    }
    return conditions[state]


def _at_end(session: Session, site_id: int) -> Sequence[ColumnElement[bool]]:
    """With this T1 at an end when the event started, or the T0 on a link without a T1."""
    of_site = or_(Link.end_a_id == site_id, Link.end_b_id == site_id)
    links = select(Link.id).where(of_site)
    is_t0 = session.scalar(select(Site.tier).where(Site.id == site_id)) == 0
    here = (
        DetectedEvent.t1_id.is_(None)
        if is_t0
        else or_(DetectedEvent.t1_id == site_id, DetectedEvent.other_t1_id == site_id)
    )
    events = select(DetectedEvent.id).where(DetectedEvent.link_id.in_(links), here)
    return [Duty.link_id.in_(links), Duty.event_id.in_(events)]


@cache
def _rows() -> Select[*tuple[Any, ...]]:
    responsible, lost, fulfils = aliased(Site), aliased(Site), aliased(EventTicket)
    return (
        select(
            *(Duty.event_id, Duty.rule_version_id, Duty.clause, Duty.start, Duty.due_at),
            *(Duty.amount, Duty.is_unsure, Duty.ticket_number, Duty.there_at, Duty.is_due),
            *(DetectedEvent.end, DetectedEvent.state, DetectedEvent.is_maintenance),
            *(DetectedEvent.is_open, fulfils.why, fulfils.how, Ticket.state.label("ticket_state")),
            case((DetectedEvent.is_open, _documents_by_site())).label("site_ticket"),
            Link.name.label("link"),
            responsible.key.label("responsible"),
            lost.key.label("lost"),
        )
        .join(DetectedEvent, DetectedEvent.id == Duty.event_id)
        .join(Link, Link.id == Duty.link_id)
        .outerjoin(responsible, responsible.id == Duty.site_id)
        .outerjoin(lost, lost.id == Duty.lost_site_id)
        .outerjoin(Ticket, Ticket.number == Duty.ticket_number)
        .outerjoin(
            fulfils,
            and_(fulfils.detected_id == Duty.event_id, fulfils.ticket_number == Duty.ticket_number),
        )
    )


def _documents_by_site() -> ScalarSelect[int]:
    """The newest ticket that documents the event by its site, an open one first."""
    of_site = aliased(Ticket)
    return (
        select(EventTicket.ticket_number)
        .join(of_site, of_site.number == EventTicket.ticket_number)
        .where(
            EventTicket.detected_id == DetectedEvent.id,
            EventTicket.documents,
            EventTicket.how == How.SITE,
        )
        .order_by(of_site.ended_at.is_not(None), EventTicket.ticket_number.desc())
        .limit(1)
        .correlate(DetectedEvent)
        .scalar_subquery()
    )


def _shown(session: Session, rows: Sequence[Any], now: datetime) -> Sequence[DutyRow]:
    versions = {
        one.id: (label_of(one), content_of(one))
        for one in session.scalars(
            select(DutyRuleVersion).where(
                DutyRuleVersion.id.in_({row.rule_version_id for row in rows})
            )
        )
    }
    found = []
    for row in rows:
        label, rule = versions[row.rule_version_id]
        clause = rule.clauses[row.clause]
        found.append(
            DutyRow(
                event_id=row.event_id,
                rule=label,
                kind=clause.kind,
                clause=clause.words(),
                link=row.link,
                responsible=row.responsible or "",
                start=row.start,
                end=row.end,
                state=row.state,
                is_maintenance=row.is_maintenance,
                amount=row.amount,
                is_unsure=row.is_unsure,
                lost_site=row.lost or "",
                due_at=row.due_at,
                ticket=row.ticket_number,
                why=row.why or "",
                ticket_words=evidence_words(row.how, row.ticket_state) if row.is_open else "",
                site_ticket=row.site_ticket if row.ticket_number is None else None,
                there_at=row.there_at,
                standing=duty_status(row.due_at, row.there_at, now),
                is_due=row.is_due,
            )
        )
    return found


# ---------- what rules would have required


@dataclass(frozen=True)
class DutyCounts:
    """How many tickets a rule required and how many exist."""

    asked: int = 0
    there: int = 0
    late: int = 0
    unsure: int = 0
    losses: int = 0

    @property
    def missing(self) -> int:
        """Those that were not written."""
        return self.asked - self.there

    def __add__(self, other: DutyCounts) -> DutyCounts:
        return DutyCounts(
            self.asked + other.asked,
            self.there + other.there,
            self.late + other.late,
            self.unsure + other.unsure,
            self.losses + other.losses,
        )


@dataclass(frozen=True)
class WhatIf:
    """Sums by version, site and quarter; site ``WHOLE`` counts each duty once."""

    sums: Mapping[tuple[int, int, Quarter], DutyCounts]
    of_site: Mapping[tuple[int, int], DutyCounts] = field(default_factory=dict)
    """The same for all quarters together."""

    def at(self, version: int, site: int, quarter: Quarter) -> DutyCounts:
        """The sums for this version, site and quarter; zeros if nothing was required."""
        return self.sums.get((version, site, quarter), DutyCounts())

    def whole(self, version: int, site: int) -> DutyCounts:
        """For all quarters."""
        return self.of_site.get((version, site), DutyCounts())


def what_if(session: Session, versions: Collection[int], first: Quarter, last: Quarter) -> WhatIf:
    """What these versions would have required from the first quarter to the last."""
    sums: dict[tuple[int, int, Quarter], DutyCounts] = {}
    whole: dict[tuple[int, int], DutyCounts] = defaultdict(DutyCounts)
    for row in session.execute(
        select(
            DutySum.rule_version_id,
            DutySum.site_id,
            DutySum.quarter,
            *(
                func.sum(column)
                for column in (
                    DutySum.asked,
                    DutySum.there,
                    DutySum.late,
                    DutySum.unsure,
                    DutySum.losses,
                )
            ),
        )
        .where(
            DutySum.rule_version_id.in_(versions),
            DutySum.quarter >= str(first),
            DutySum.quarter <= str(last),
        )
        .group_by(DutySum.rule_version_id, DutySum.site_id, DutySum.quarter)
    ):
        counts = DutyCounts(*map(int, row[3:]))
        sums[row[0], row[1], Quarter.parse(row[2])] = counts
        whole[row[0], row[1]] += counts
    return WhatIf(sums, whole)


def sites_of_quarters(session: Session, first: Quarter, last: Quarter) -> Sequence[Site]:
    """The T0 and every site that was a T1 at some time in these quarters; the T0 first."""
    begin, end = first.begin.date(), last.end.date()
    there = [
        site
        for site in all_sites(session)
        if site.tier is not None
        and (site.tier_since is None or site.tier_since < end)
        and (site.tier_until is None or begin < site.tier_until)
    ]
    return sorted(there, key=lambda site: (site.tier or 0, site.key))


def would_ask(session: Session, rule: Rule, now: datetime, first: Quarter) -> int:
    """How many tickets a rule that is not stored would have required from that quarter on."""
    judgement = judgement_at(session, now)
    facts = facts_of(session, judgement, DetectedEvent.start >= first.begin)
    beginnings = beginnings_of(session, Event.start >= first.begin)
    losses = stored_losses(session, facts.events.ids.tolist(), judgement.moment)
    return len(judge(rule, facts.events, beginnings, losses, judgement.running).events)
