"""Due tickets: the event, the rule, the responsible site, the deadline, and the ticket if any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from flask import (
    Blueprint,
    Flask,
    Response,
    make_response,
    render_template,
    request,
    stream_with_context,
    url_for,
)

from app.core.figures.tables import FigureTable
from app.core.rules.access import refusal_to_create
from app.core.rules.documents.slides import Column, Slide, SlideRow, Table
from app.core.rules.documents.spreadsheets import csv_lines
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.figure_files import as_file
from app.core.web.person import acting
from app.core.web.times import iso, length, now
from app.duties.pages.query import STATE_WORDS, DutyQuery
from app.duties.rules.duties import ClauseKind, DutyStatus
from app.duties.services.duties import ALL, OPEN, DutyRow, count_duties, judged_rules, list_duties
from app.matching.web.freshness import FILE, fresh_figures
from app.registry.services.registry import all_sites

blueprint = Blueprint("duty", __name__)
TONES = {
    DutyStatus.MISSING: ("trouble", "alert"),
    DutyStatus.DUE: ("waiting", "new"),
    DutyStatus.LATE: ("waiting", "ok"),
    DutyStatus.MET: ("ok", "ok"),
}
"""Signal colour and icon of each status."""
_TABS = (OPEN, DutyStatus.MISSING, DutyStatus.DUE, DutyStatus.LATE, DutyStatus.MET, ALL)
_ROWS_AT_A_TIME = 1000
MAX_SLIDE_ROWS = 54
"""Rows of the list on slides: three slides."""
COLUMNS = (
    *("event", "rule", "clause", "link", "responsible_site", "start", "end", "state"),
    *("maintenance", "measured", "unsure", "cut_off_site", "due_at", "standing"),
    *("ticket", "ticket_written"),
)


@blueprint.get("/duty")
def listing() -> Response:
    """Show the list: tickets still to be written, unless the address has another filter."""
    fresh = fresh_figures()
    session, actor = db.session(), acting()
    rules = judged_rules(session, now())
    query = DutyQuery(session, request.args, rules, now())
    page = list_duties(session, query.filter, now(), after=query.after)
    own = {site.key for site in all_sites(session) if site.id in actor.site_ids}
    return make_response(
        render_template(
            "duties/list.html",
            query=query,
            rows=page.rows,
            next_url=query.next_url(page.more) if page.more is not None else "",
            total=count_duties(session, query.filter, now()),
            older=count_duties(session, query.older, now()) if query.is_recent else 0,
            tabs=[(STATE_WORDS[one], query.url(state=one), one == query.state) for one in _TABS],
            rules=rules,
            sites=[site.key for site in all_sites(session) if site.tier is not None],
            mine=query.url(site=sorted(own)) if own and not query.first("site") else "",
            fresh=fresh,
            may_create=refusal_to_create(actor) is None,
        ),
        422 if query.problems else 200,
    )


@blueprint.get("/duty.csv")
def download() -> Response:
    """Download the list as CSV, without a limit."""
    fresh_figures(FILE)
    session = db.session()
    query = DutyQuery(session, request.args, judged_rules(session, now()), now())
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    answer = Response(stream_with_context(_lines(query)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="duty.csv"'
    return answer


@blueprint.get("/duty.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/duty.pptx", defaults={"kind": "pptx"})
def download_whole(kind: str) -> Response:
    """Download the list as a workbook; the newest rows as slides."""
    fresh_figures(FILE)
    session = db.session()
    query = DutyQuery(session, request.args, judged_rules(session, now()), now())
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    lines = [[*_cells(row)] for part in _parts(query) for row in part] if kind == "xlsx" else []
    notes = [_("As of %(iso)s.", iso=iso(now()))]
    return as_file(FigureTable("duty", COLUMNS, lines), kind, notes, lambda: [_slide(query)])


def _slide(query: DutyQuery) -> Slide:
    """The newest rows of the list, under their number."""
    count = count_duties(db.session(), query.filter, now())
    page = list_duties(db.session(), query.filter, now(), limit=MAX_SLIDE_ROWS)
    columns = [
        *(Column(_("Event"), 1.3), Column(_("Link"), 2.6), Column(_("Why"), 3.4)),
        *(Column(_("Responsible"), 1.3), Column(_("Due by"), 1.4), Column(_("Ticket"), 1.1)),
    ]
    rows = [
        SlideRow(
            [
                f"{row.start:%Y-%m-%d}",
                row.link,
                row.clause,
                row.responsible or "none",
                f"{row.due_at:%Y-%m-%d %H:%M}",
                f"#{row.ticket}" if row.ticket else str(row.standing),
            ]
        )
        for row in page.rows
    ]
    left = count - len(rows)
    return Slide(
        f"{count:,} required ticket{'' if count == 1 else 's'}: {STATE_WORDS[query.state].lower()}",
        f"{query.rule or 'Rules in force'}, newest first, {now():%Y-%m-%d} UTC",
        "",
        table=Table(columns, rows) if rows else None,
        words=[_("%(left)s more on the page.", left=format(left, ","))] if left > 0 else [],
    )


def _parts(query: DutyQuery) -> Iterator[Sequence[DutyRow]]:
    after = None
    while True:
        page = list_duties(db.session(), query.filter, now(), after=after, limit=_ROWS_AT_A_TIME)
        yield page.rows
        after = page.more
        if after is None:
            return


def _lines(query: DutyQuery) -> Iterator[str]:
    yield csv_lines([COLUMNS])
    for part in _parts(query):
        yield csv_lines([*_cells(row)] for row in part)


def _cells(row: DutyRow) -> Iterator[str]:
    yield from (str(row.event_id), row.rule, row.clause, row.link, row.responsible)
    yield from (iso(row.start), iso(row.end) if row.end else "", row.state)
    yield "yes" if row.is_maintenance else "no"
    yield measured(row)
    yield "yes" if row.is_unsure else "no"
    yield from (row.lost_site, iso(row.due_at), str(row.standing))
    yield str(row.ticket or "")
    yield iso(row.there_at) if row.there_at else ""


def measured(row: DutyRow) -> str:
    """The value measured by the clause, in words."""
    if row.kind == ClauseKind.FLAPS:
        return _("%(amount)s flaps", amount=row.amount)
    if row.end is None:
        return _("ongoing")
    return length(row.start, row.start + timedelta(seconds=row.amount))


def new_ticket_url(event_id: int) -> str:
    """The address of the ticket form with the known facts of an event filled in."""
    return url_for("tickets.new", event=event_id)


def register(flask_app: Flask) -> None:
    """Register the addresses, and the parts of other pages that show duties."""
    flask_app.register_blueprint(blueprint)
    flask_app.add_template_global(new_ticket_url)
    flask_app.add_template_filter(measured)
    flask_app.jinja_env.globals["duty_tones"] = TONES
