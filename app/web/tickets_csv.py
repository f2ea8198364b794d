"""The list as CSV, of exactly the filter of its address, streamed row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Response, request, stream_with_context

from app.domain.access import may_read_internal
from app.domain.cells import safe_cell
from app.domain.errors import Invalid
from app.extensions import db
from app.models import Ticket
from app.services.ticket_lists import TicketFilter, list_tickets
from app.web.login import acting
from app.web.ticket_list import ListQuery
from app.web.times import iso, site_word

blueprint = Blueprint("tickets_csv", __name__)
COLUMNS = (
    "number",
    "title",
    "state",
    "network",
    "category",
    "layer",
    "priority",
    "impact",
    "links",
    "sites",
    "responsible_site",
    "unit",
    "event_start",
    "event_detected",
    "event_end",
    "window_start",
    "window_end",
    "created",
    "changed",
    "solved",
    "submitter",
    "origin_system",
    "origin_id",
    "description",
    "solution",
)
_ROWS_AT_A_TIME = 200


def cells_of(ticket: Ticket) -> list[str]:
    """A ticket's cells, in the order of ``COLUMNS``."""

    def time(moment: datetime | None) -> str:
        return iso(moment) if moment is not None else ""

    partner = ticket.created_by_partner
    return [
        str(ticket.number),
        ticket.title,
        ticket.state,
        ticket.network,
        ticket.category,
        ticket.layer,
        ticket.priority,
        ticket.impact,
        ";".join(item.link.name for item in ticket.affected_links),
        ";".join(site_word(item) for item in ticket.affected_sites),
        ticket.responsible_site.key if ticket.responsible_site else "",
        ticket.unit,
        time(ticket.event_start),
        time(ticket.event_detected),
        time(ticket.event_end),
        time(ticket.window_start),
        time(ticket.window_end),
        time(ticket.created_at),
        time(ticket.changed_at),
        time(ticket.ended_at),
        ticket.submitter_name,
        (partner.code if partner else "") if ticket.origin_system else "",
        ticket.origin_id,
        ticket.description,
        ticket.solution,
    ]


@blueprint.get("/tickets.csv")
def download() -> Response:
    """All tickets of the filter, without any cap."""
    query = ListQuery(request.args, sees_internal=may_read_internal(acting()))
    if query.problems:
        raise Invalid("filter", "; ".join(query.problems))
    answer = Response(stream_with_context(_lines(query.filter())), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="tickets.csv"'
    return answer


def _lines(wanted: TicketFilter) -> Iterator[str]:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    after = None
    session, actor = db.session(), acting()
    while True:
        page = list_tickets(session, actor, replace(wanted), after=after, limit=_ROWS_AT_A_TIME)
        for ticket in page.tickets:
            rows.writerow([safe_cell(cell) for cell in cells_of(ticket)])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
        session.expunge_all()
        after = page.after
        if after is None:
            return
