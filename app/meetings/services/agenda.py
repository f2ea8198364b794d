"""The agenda of a teleconference: fills itself from quarter and tickets; the chair's points.

It is computed when it is read, and stored as it was once the TC was held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.counted import DAYS_STANDING
from app.core.rules.language import _, joined, said_word
from app.core.rules.quarters import Quarter
from app.matching.services.tables import TableRow, matching_table
from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.teleconferences import AgendaPoint, PointKind, agenda_from_text
from app.registry.rules.networks import Network
from app.reports.models.reports import Report
from app.reports.rules.reports import ReportState, ShownState, last_day_of
from app.reports.services.first_quarter import reports_from
from app.statistics.services.figures import TicketFigures
from app.tickets.models.tickets import Ticket
from app.tickets.services.lists.lists import TicketFilter

OLDEST_SHOWN: Final = 5
"""Long-standing tickets that the agenda names one by one."""
_HANDED_IN: Final = (ReportState.SUBMITTED, ReportState.ACCEPTED)


def agenda_of(session: Session, row: Teleconference, now: datetime) -> Sequence[AgendaPoint]:
    """What is to be talked about, or was once it was held."""
    if row.agenda:
        return agenda_from_text(row.agenda)
    points: list[AgendaPoint] = []
    if row.quarter:
        points += _of_quarter(session, Quarter.parse(row.quarter), now)
    points += _of_tickets(session, [item.ticket_number for item in row.tickets])
    points += [
        AgendaPoint(PointKind.OWN, one.text, address=one.address, key=one.id) for one in row.points
    ]
    return points


def _of_quarter(session: Session, quarter: Quarter, now: datetime) -> Sequence[AgendaPoint]:
    table = matching_table(session, [quarter], Network.LHCOPN, now)
    t1s = [one for one in table.rows if one.tier == 1]
    points = [_undocumented(quarter, t1s), _standing(session, now)]
    if quarter >= reports_from(session):
        owed = _missing(session, quarter, t1s) if quarter.end <= now else _not_owed(quarter)
        points.insert(0, owed)
    return points


def _missing(session: Session, quarter: Quarter, t1s: Sequence[TableRow]) -> AgendaPoint:
    """All people read the agenda, so a draft is missing like what nobody began; one that was
    signed before is known to be reopened."""
    stored = select(Report).where(Report.quarter == str(quarter))
    states = {one.site_id: one.state for one in session.scalars(stored)}
    parts = tuple(
        AgendaPoint(
            PointKind.MISSING,
            f"{one.site}: " + said_word(_word(states.get(one.site_id))),
            quarter=str(quarter),
            site=one.site,
        )
        for one in t1s
        if states.get(one.site_id) not in _HANDED_IN
    )
    text = _(
        "%(count)s of %(count2)s reports of %(quarter)s not submitted",
        count=len(parts),
        count2=len(t1s),
        quarter=quarter,
    )
    if not t1s:
        text = _("No report of %(quarter)s is due: no site was a T1", quarter=quarter)
    elif not parts:
        text = _(
            "All %(count)s reports of %(quarter)s are submitted", count=len(t1s), quarter=quarter
        )
    return AgendaPoint(PointKind.MISSING, text, quarter=str(quarter), parts=parts)


def _not_owed(quarter: Quarter) -> AgendaPoint:
    text = _(
        "%(quarter)s is ongoing until %(end)s: none of its reports is due yet",
        quarter=quarter,
        end=last_day_of(quarter.end),
    )
    return AgendaPoint(PointKind.MISSING, text, quarter=str(quarter))


def _word(state: str | None) -> ShownState:
    return ShownState.REOPENED if state == ReportState.REOPENED else ShownState.MISSING


def _undocumented(quarter: Quarter, t1s: Sequence[TableRow]) -> AgendaPoint:
    """Of each site apart: an event between two T1s is under both."""
    parts = []
    for one in t1s:
        (cell,) = one.cells
        if cell is not None and cell.detected > cell.documented:
            count = cell.detected - cell.documented
            text = _(
                "%(site)s: %(count)s of %(detected)s",
                site=one.site,
                count=count,
                detected=cell.detected,
            )
            parts.append(
                AgendaPoint(PointKind.UNDOCUMENTED, text, quarter=str(quarter), site=one.site)
            )
    text = _("Events of %(quarter)s without a ticket, by site", quarter=quarter)
    if not parts:
        text = _all_documented(quarter, t1s)
    return AgendaPoint(PointKind.UNDOCUMENTED, text, quarter=str(quarter), parts=tuple(parts))


def _all_documented(quarter: Quarter, t1s: Sequence[TableRow]) -> str:
    """What is said where no event lacks a ticket: of sites without data nothing is known."""
    known = [one.cells[0] for one in t1s if one.cells[0] is not None]
    unknown = ", ".join(one.site for one in t1s if one.cells[0] is None)
    if not known:
        return _("No monitoring data for %(quarter)s", quarter=quarter)
    if not any(cell.detected for cell in known):
        text = _("No events were reported for %(quarter)s", quarter=quarter)
    else:
        text = _("Every event of %(quarter)s has a ticket", quarter=quarter)
    if not unknown:
        return text
    return joined("; ", (text, _("no monitoring data for %(sites)s", sites=unknown)))


def _standing(session: Session, now: datetime) -> AgendaPoint:
    found = TicketFigures(session, TicketFilter(), now).standing(OLDEST_SHOWN)
    text = _(
        "%(count)s tickets have been open for more than %(days_standing)s days",
        count=found.count,
        days_standing=DAYS_STANDING,
    )
    if found.count == 1:
        text = _(
            "1 ticket has been open for more than %(days_standing)s days",
            days_standing=DAYS_STANDING,
        )
    parts = tuple(
        AgendaPoint(PointKind.TICKET, _title(ticket), ticket=ticket.number)
        for ticket in found.tickets
    )
    return AgendaPoint(PointKind.STANDING, text, parts=parts)


def _of_tickets(session: Session, numbers: Sequence[int]) -> Sequence[AgendaPoint]:
    tickets = session.scalars(
        select(Ticket).where(Ticket.number.in_(numbers)).order_by(Ticket.number)
    ).unique()
    return [
        AgendaPoint(
            PointKind.TICKET,
            _("%(title)s (%(state)s)", title=_title(one), state=said_word(one.state)),
            ticket=one.number,
        )
        for one in tickets
    ]


def _title(ticket: Ticket) -> str:
    return f"#{ticket.number} {ticket.title}"
