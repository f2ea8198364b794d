"""Pages of network tickets: the list, its columns, and one ticket to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.database.transactions import transaction
from app.core.rules import access
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import moved
from app.core.web.htmx import fragment_target, go_to, page_or_fragment, wants_fragment
from app.core.web.person import acting, by_itself
from app.core.web.times import now
from app.registry.services.choices import choices
from app.tickets.pages.listing.columns import COLUMNS, USUAL
from app.tickets.pages.listing.filter_forms import read_query
from app.tickets.pages.listing.list import BACK_COOKIE, Listing, ListQuery, address_of_list
from app.tickets.pages.listing.saved_menu import saved_menu
from app.tickets.pages.page import NUMBER, page_of
from app.tickets.pages.visits import begin_reading, note_opened
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.lists.lists import TicketFilter, references_of, with_known_sites
from app.tickets.services.lists.settings import remember_columns
from app.tickets.services.lists.visits import marks_of
from app.tickets.services.pages import (
    MAX_COUNTED,
    all_tickets,
    count_by_state,
    found_among,
    is_costly_to_count,
    list_tickets,
)
from app.tickets.services.search.snippets import contexts_of
from app.tickets.services.whole_ticket import read_whole_ticket

blueprint = Blueprint("tickets", __name__)
_MAX_BACK = 1500
_MAX_CHANGED = 100
"""Tickets about which a page may ask at once."""


@blueprint.get("/tickets")
def listing() -> AnyResponse:
    """The list: open tickets unless the address says otherwise."""
    actor = acting()
    sees_internal = access.may_read_internal(actor)
    query = ListQuery(request.args, sees_internal=sees_internal)
    base = url_for("tickets.listing")
    canonical = query.query_string()
    if query.had_empty and not wants_fragment() and not query.problems:
        return redirect(f"{base}?{canonical}" if canonical else base)
    since = begin_reading()
    saved = saved_menu(query)
    session = db.session()
    wanted = with_known_sites(session, query.filter())
    if fragment_target() == "tabs":
        return make_response(
            render_template(
                "tickets/_tabs.html", listing=_counted(query, wanted), counted_later=True
            )
        )
    page = list_tickets(
        session, actor, wanted, after=query.after(), before=query.before(), last=query.last
    )
    shown = _counted(query, wanted, later=request.args.get("counts") != "yes")
    fragment = fragment_target() == "more"
    shown.set_pages(page.after, None if fragment else page.before)
    common = {
        "found": contexts_of(session, page, read_search(wanted.text), internal=sees_internal),
        "listed": page,
        "listing": shown,
        "may_bulk": access.refusal_to_create(actor) is None,
        "sees_internal": sees_internal,
        "marks": marks_of(session, actor, page.tickets, since),
        "references": references_of(session, page.tickets) if shown.shows("references") else {},
    }
    if fragment:
        return make_response(render_template("tickets/_rows.html", **common))
    answer = page_or_fragment(
        "tickets/list.html",
        "tickets/_list.html",
        422 if query.problems else 200,
        saved=saved,
        since=since,
        read_at=now(),
        may_create=access.refusal_to_create(actor) is None,
        **common,
    )
    if wants_fragment() and query.had_empty:
        answer.headers["HX-Push-Url"] = shown.url
    if len(canonical) <= _MAX_BACK:
        answer.set_cookie(
            BACK_COOKIE,
            canonical,
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
    return answer


@blueprint.get("/tickets/changed")
@by_itself
def changed() -> Response:
    """Which of some tickets the list would show, as a list of numbers in JSON: a page that is open
    asks, which heard that they changed (static/live.js)."""
    query = ListQuery(request.args, sees_internal=access.may_read_internal(acting()))
    numbers = [
        int(text)
        for text in request.args.getlist("n")[:_MAX_CHANGED]
        if text.isascii() and text.isdigit() and len(text) < 10
    ]
    found = found_among(db.session(), acting(), query.filter(), numbers) if numbers else []
    return make_response(found)


def _counted(query: ListQuery, wanted: TicketFilter, *, later: bool = False) -> Listing:
    """The surroundings of the list of ``wanted``, the filter of the query; ``later``: without
    counts that cost more than the page itself."""
    session, actor = db.session(), acting()
    sees_internal = access.may_read_internal(actor)
    counts = found = None
    of_all = all_tickets(session, actor)
    if not (later and is_costly_to_count(of_all, wanted)):
        everything = replace(wanted, to_check=False)
        counts = found = count_by_state(session, actor, everything, most=MAX_COUNTED)
        if wanted.to_check:
            found = count_by_state(session, actor, wanted, most=MAX_COUNTED)
    return _surroundings(
        query,
        counts,
        found=found,
        to_check=of_all.to_check if sees_internal else 0,
        anything=of_all.any_readable,
    )


def _surroundings(
    query: ListQuery,
    counts: Mapping[str, int] | None = None,
    *,
    found: Mapping[str, int] | None = None,
    to_check: int = 0,
    anything: bool = True,
) -> Listing:
    return Listing(
        query,
        url_for("tickets.listing"),
        url_for("tickets_csv.download"),
        url_for("tickets_csv.download_workbook"),
        url_for("tickets_csv.download_nttdm"),
        counts,
        found=found,
        to_check=to_check,
        anything=anything,
        remembered=current_user.list_columns,
    )


@blueprint.get(f"/tickets/{NUMBER}")
def detail(number: int) -> Response:
    """One ticket: facts, story, and what may be done with it."""
    whole = read_whole_ticket(db.session(), acting(), number)
    page = page_of(whole)
    note_opened(whole.ticket)
    return page


@blueprint.get("/tickets/filter")
def filter_panel() -> Response:
    """The fields of the list's filter, filled with the filter of the address: what the list shows
    when its menu is opened, and a page without a script."""
    return _panel("filter", **choices(db.session()))


@blueprint.get("/tickets/columns")
def columns_panel() -> Response:
    """The columns of the list and their order, likewise."""
    return _panel("columns")


def _panel(name: str, **context: Any) -> Response:
    query = ListQuery(request.args, sees_internal=access.may_read_internal(acting()))
    return page_or_fragment(
        f"tickets/{name}.html",
        f"tickets/_{name}_panel.html",
        listing=_surroundings(query),
        in_list=wants_fragment(),
        back=address_of_list(query.query_string()),
        **context,
    )


@blueprint.post("/tickets/columns")
def columns() -> Response:
    """Show these columns from now on, wherever the address names none."""
    query = read_query(request.form.get("query", ""))
    chosen = request.form.getlist("columns")
    if any(key not in COLUMNS for key in chosen):
        raise Invalid(
            "columns", _("Columns: choose some of: %(listed)s", listed=", ".join(COLUMNS))
        )
    way, _colon, key = request.form.get("do", "").partition(":")
    keys = tuple(dict.fromkeys(chosen))
    if way in ("up", "down"):
        keys = moved(keys, key, way)
    if way == "usual" or keys == USUAL:
        keys = ()
    session = db.session()
    with transaction(session):
        remember_columns(session, acting(), keys)
    text = query.query_string({"columns": ()})
    if key:  # without a script: the next one is moved on the same page
        return go_to(f"{url_for('tickets.columns_panel')}{'?' if text else ''}{text}")
    return go_to(address_of_list(text))
