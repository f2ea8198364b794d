"""The list of events, detected or as reported, and the same as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy import Engine, Select
from werkzeug.wrappers import Response as AnyResponse

from app.core.rules.access import Role, refusal_to_create
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.htmx import fragment_target, page_or_fragment, wants_fragment
from app.core.web.list_filters import Tab
from app.core.web.person import acting
from app.core.web.requests.streaming import mark_streamed
from app.core.web.times import now
from app.duties.pages.event_query import ALLOWED, DETECTED, REPORTED, EventQuery
from app.duties.pages.query import STATE_WORDS
from app.duties.services.listed_events import (
    MAX_COUNTED,
    Detected,
    DetectedRow,
    EventFilter,
    EventList,
    Reported,
    ReportedRow,
    anything_reported,
    cells_of_report,
    chunks_of,
    count_events,
    list_events,
)
from app.events.rules.events import COLUMNS, as_text
from app.events.rules.files import csv_head, csv_lines
from app.events.services.sources import source_names
from app.matching.web.freshness import FILE, fresh_figures
from app.registry.services.choices import choices

blueprint = Blueprint("events", __name__)
DETECTED_COLUMNS: Final = (
    *("event", "link", "site", "state", "start", "end", "seconds", "beginnings", "quarter"),
    *("counted", "documented", "how", "maintenance", "tickets"),
)
"""Of the file of detected events; that of reports has the columns of the import."""
_DUE: Final = _("Ticket required")
_LISTS: Final[dict[str, EventList]] = {DETECTED: Detected(), REPORTED: Reported()}


@blueprint.get("/events")
def listing() -> AnyResponse:
    """Show the list: detected events, newest first, unless the address says otherwise."""
    query = EventQuery(request.args)
    if query.had_empty and not wants_fragment() and not query.problems:
        return redirect(query.url())
    figures = fresh_figures()
    session, wanted, kind = db.session(), query.filter(), _LISTS[query.view]
    page = list_events(session, kind, wanted, now(), after=query.after, before=query.before)
    common = {
        "query": query,
        "rows": page.rows,
        "detected": query.view == DETECTED,
        "may_choose": query.view == DETECTED and refusal_to_create(acting()) is None,
        "more": query.at("after", page.after),
        "earlier": query.at("before", page.before) if fragment_target() != "more" else "",
    }
    if fragment_target() == "more":
        return make_response(render_template("events/_rows.html", **common))
    total = count_events(session, kind, wanted, now())
    older = count_events(session, kind, query.older(now()), now()) if query.is_recent(now()) else 0
    answer = page_or_fragment(
        "events/list.html",
        "events/_list.html",
        422 if query.problems else 200,
        total=in_words(total),
        is_one=total == 1,
        tabs=event_tabs(query, in_words(total)),
        older=in_words(older) if older else "",
        older_url=query.older_url(now()),
        due_words=STATE_WORDS,
        figures=figures,
        allowed=ALLOWED,
        sources=source_names(session),
        nothing_at_all=not total and not query.chips and not anything_reported(session),
        is_operator=acting().is_operator,
        is_admin=acting().role is Role.ADMIN,
        **common,
        **choices(db.session()),
    )
    if wants_fragment() and query.had_empty:
        answer.headers["HX-Push-Url"] = query.url()
    return answer


def in_words(total: int) -> str:
    """A count; above the counting limit, only that there are more."""
    return (
        _("more than %(max_counted)s", max_counted=format(MAX_COUNTED, ","))
        if total > MAX_COUNTED
        else f"{total:,}"
    )


def event_tabs(query: EventQuery, count: str = "", *, timeline: bool = False) -> Sequence[Tab]:
    """The tabs: timeline, the two views, then the most frequent filters; exactly one is current.

    The tab of due tickets starts with the recent quarters, as their own list does. Each tab leaves
    out the filters of the others, and preserves the rest.
    """
    wishes: Mapping[str, tuple[str, Mapping[str, str]]] = {
        _("Without a ticket"): (DETECTED, {"counted": "yes", "documented": "no"}),
        _DUE: (DETECTED, {"due": "open"}),
        _("Ongoing"): (DETECTED, {"ongoing": "yes"}),
    }
    if acting().is_operator:
        wishes = {**wishes, _("Unresolved names"): (REPORTED, {"unresolved": "yes"})}
    names = {name for _view, wish in wishes.values() for name in wish}
    given = {name: query.first(name) for name in names if query.given(name)}
    of_wish = next((word for word, wish in wishes.items() if wish == (query.view, given)), "")
    # a filter that matches no tab is a person's own: another view preserves it
    left_out: Mapping[str, Sequence[str]] = dict.fromkeys(names, ()) if of_wish else {}
    # its quarters belong to the tab
    recent = {"from": ()} if of_wish == _DUE and query.is_recent(now()) else {}
    views = [Tab(_("Timeline"), url_for("events.lanes"), timeline)]
    for view, word in ((DETECTED, _("Detected")), (REPORTED, _("Raw reports"))):
        current = query.view == view and not of_wish and not timeline
        url = query.url({**left_out, **recent, "view": (view,)})
        views.append(Tab(word, url, current, count if current else ""))
    for place, (word, (view, wish)) in enumerate(wishes.items()):
        current, own = word == of_wish, {name: (value,) for name, value in wish.items()}
        period = query.recent(now()) if word == _DUE else recent
        url = query.url({**dict.fromkeys(names, ()), **period, **own, "view": (view,)})
        views.append(Tab(word, url, current, count if current else "", gap=place == 0))
    return views


@blueprint.get("/events.csv")
def download() -> Response:
    """Download all events of the filter, without a limit. Reports have the format of the import.

    Raises ``Invalid`` if a part of the address is invalid: a file cannot show that it was ignored.
    """
    query = EventQuery(request.args)
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    wanted = query.filter()
    kind = _LISTS[DETECTED] if query.view == DETECTED else Reported(whole=True)
    if query.view == DETECTED:
        fresh_figures(FILE)
    session = db.session()
    statement = kind.query(session, wanted, now())
    session.rollback()  # a long read needs no second connection
    answer = Response(_lines(db.engine, kind, statement, wanted), mimetype="text/csv")
    name = "detected-events.csv" if query.view == DETECTED else "events.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    mark_streamed(request.environ)
    return answer


def _lines(
    engine: Engine, kind: EventList, statement: Select[*tuple[Any, ...]], wanted: EventFilter
) -> Iterator[str]:
    columns = DETECTED_COLUMNS if isinstance(kind, Detected) else COLUMNS
    yield csv_head(columns)
    for rows in chunks_of(engine, kind, statement, wanted):
        yield csv_lines(map(_cells, rows), columns)


def _cells(row: DetectedRow | ReportedRow) -> Sequence[str]:
    if isinstance(row, ReportedRow):
        return cells_of_report(row)
    flags = [
        "yes" if flag else "no" for flag in (row.is_counted, row.is_documented, row.is_maintenance)
    ]
    return (
        *(str(row.id), row.link, row.site, row.state),
        *(as_text(row.start), as_text(row.end)),
        *(str(row.seconds), str(row.beginnings), row.quarter),
        *(flags[0], flags[1], row.how, flags[2], ";".join(map(str, row.tickets))),
    )
