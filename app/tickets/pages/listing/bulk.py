"""Changing several tickets at once: what to change, what would change, doing it, taking it back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined, said_word
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to
from app.core.web.panels import panel_values
from app.core.web.person import acting, writer
from app.tickets.models.desk import BulkChange
from app.tickets.pages.listing.bulk_forms import FOLLOWS, BulkForm, UndoBulkForm
from app.tickets.pages.listing.filter_forms import read_query
from app.tickets.pages.listing.list import back_to_list
from app.tickets.pages.panels import SOLVE_PANELS
from app.tickets.rules.content import LABELS
from app.tickets.rules.tickets import State
from app.tickets.services import bulk_changes as verbs
from app.tickets.services.bulk_changes import MAX_SELECTED, Planned
from app.tickets.services.pages import list_tickets

blueprint = Blueprint("bulk", __name__, url_prefix="/tickets/bulk")
_KEY = "<int(max=2147483647):number>"
_MAX_SIZE = 2**31 - 1
_EARLIER = 10
"""One's earlier changes that the page lists."""


@blueprint.before_request
def _writers_only() -> None:
    verbs.require_bulk(acting())


@dataclass(frozen=True)
class Chosen:
    """The tickets to change; ``more`` than can be changed at once match the filter."""

    numbers: Sequence[int]
    more: bool = False


@blueprint.get("")
def choose() -> Response:
    """What to change of the tickets that were ticked, or of all that a filter finds."""
    chosen = _chosen()
    form = BulkForm(formdata=None)
    form.offer(acting())
    return _page(form, chosen)


def _chosen() -> Chosen:
    if request.args.get("all"):
        query = read_query(request.args.get("query", ""))
        page = list_tickets(db.session(), acting(), query.filter(), limit=MAX_SELECTED)
        numbers = [ticket.number for ticket in page.tickets]
        return Chosen(numbers, more=page.after is not None)
    return Chosen(list(_numbers(request.args.getlist("n"))))


def _numbers(texts: Sequence[str]) -> Mapping[int, int]:
    """Numbers, with the version that was seen (0 where none is named): ``245`` or ``245:3``."""
    found: dict[int, int] = {}
    for text in texts:
        parts = text.split(":")
        digits = all(part.isascii() and part.isdigit() and len(part) < 11 for part in parts)
        if not digits or len(parts) > 2 or int(parts[0]) > _MAX_SIZE:
            raise Invalid("n", _("Invalid ticket number; select the tickets in the list"))
        found[int(parts[0])] = min(int(parts[1]), _MAX_SIZE) if len(parts) == 2 else 0
    if len(found) > MAX_SELECTED:
        raise Invalid(
            "n",
            _(
                "%(count)s tickets are too many; at most %(max_selected)s can be changed at once",
                count=len(found),
                max_selected=MAX_SELECTED,
            ),
        )
    return found


@blueprint.post("/preview")
def preview() -> Response:
    """What would change, ticket by ticket."""
    form, chosen = BulkForm(), Chosen(list(_numbers(request.form.getlist("n"))))
    form.offer(acting())
    plan = _plan(form, chosen)
    if plan is None:
        return _page(form, chosen, status=422)
    return _page(form, chosen, plan=plan)


def _plan(form: BulkForm, chosen: Chosen) -> Sequence[Planned] | None:
    """The plan, or None where the form has errors."""
    if not form.validate():
        return None
    wishes = form.wishes()
    if not wishes:
        form.form_errors = [_("Fill in at least one field")]
        return None
    try:
        return verbs.plan_bulk_change(db.session(), writer(), chosen.numbers, wishes)
    except Invalid as error:
        attach(form, error)
        return None


@blueprint.post("")
def do() -> Response:
    """Change the tickets as the preview said."""
    session, by, form = db.session(), writer(), BulkForm()
    versions = _numbers(request.form.getlist("n"))
    chosen = Chosen(list(versions))
    form.offer(by.actor)
    key = request.form.get("key", "")
    if not (16 <= len(key) <= 64 and key.isascii() and key.isprintable()):
        raise Invalid("key", _("The form is invalid; start again from the list"))
    plan = _plan(form, chosen) if versions else None
    if plan is None:
        return _page(form, chosen, status=422)
    fresh = [item for item in plan if item.version == versions[item.number]]
    if any(item.refusal for item in fresh) and request.form.get("agree") != "yes":
        return _page(form, chosen, plan=plan, disagreed=True, status=422)
    with writing_once(session):
        key_of_done = verbs.do_bulk_change(session, by, key, versions, form.wishes()).id
        leads_to(url_for("bulk.result", number=key_of_done))
    return go_to(url_for("bulk.result", number=key_of_done))


@blueprint.get(f"/{_KEY}")
def result(number: int) -> Response:
    """What a change of several tickets did, and the way back."""
    return _result_page(number, UndoBulkForm(formdata=None))


@blueprint.post(f"/{_KEY}/undo")
def undo(number: int) -> Response:
    """Take a change of several tickets back."""
    session, by, form = db.session(), writer(), UndoBulkForm()
    verbs.find_bulk_change(session, by.actor, number)
    if form.validate():
        with errors_in(form, {"public_comment": "reason"}), writing_once(session):
            undone = verbs.undo_bulk_change(session, by, number, form.reason.data or "").id
            leads_to(url_for("bulk.result", number=undone))
    if form.errors:
        return _result_page(number, form, 422)
    return go_to(url_for("bulk.result", number=undone))


def _page(
    form: BulkForm,
    chosen: Chosen,
    *,
    plan: Sequence[Planned] | None = None,
    disagreed: bool = False,
    status: int = 200,
) -> Response:
    page = render_template(
        "tickets/bulk/page.html",
        form=form,
        chosen=chosen,
        most=MAX_SELECTED,
        plan=plan,
        counts=_counts(plan or ()),
        disagreed=disagreed,
        key=secrets.token_hex(16),
        labels=LABELS,
        earlier=_earlier() if not chosen.numbers else (),
        back=back_to_list(),
        **panel_values(SOLVE_PANELS, _solved_by(plan or ())),
    )
    return make_response(page, status)


def _solved_by(plan: Sequence[Planned]) -> Sequence[int]:
    """The tickets that this would solve."""
    return [
        item.number
        for item in plan
        if any((change.field, change.new) == ("state", State.SOLVED) for change in item.changes)
    ]


def _earlier() -> Sequence[dict[str, Any]]:
    """One's newest changes of several tickets, in words."""
    rows = verbs.newest_bulk_changes(db.session(), acting(), _EARLIER)
    return [
        {
            "bulk": bulk,
            "count": count,
            "words": joined(
                ", ",
                (
                    LABELS[name].lower()
                    if name in ("solution", "public_comment")
                    else LABELS[name].lower() + " " + (said_word(value) if value else FOLLOWS)
                    for name, value in json.loads(bulk.wanted).items()
                ),
            ),
        }
        for bulk, count in rows
    ]


def _counts(plan: Sequence[Planned]) -> dict[str, int]:
    refused = sum(1 for item in plan if item.refusal)
    changed = sum(1 for item in plan if item.changes)
    return {"changed": changed, "refused": refused, "same": len(plan) - refused - changed}


def _result_page(number: int, form: UndoBulkForm, status: int = 200) -> Response:
    session, actor = db.session(), acting()
    bulk = verbs.find_bulk_change(session, actor, number)
    page = render_template(
        "tickets/bulk/result.html",
        bulk=bulk,
        undoes=session.get(BulkChange, bulk.undoes_id) if bulk.undoes_id else None,
        undone=verbs.undone_by(session, bulk),
        changes=verbs.changes_in(session, bulk),
        titles=verbs.titles_of(session, bulk),
        changed=[item for item in bulk.tickets if item.version is not None],
        left=[item for item in bulk.tickets if item.version is None],
        form=form,
        labels=LABELS,
        back=back_to_list(),
    )
    return make_response(page, status)
