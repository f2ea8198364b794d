"""Saved filters: the page that lists them, and saving, renaming, replacing, deleting, undoing."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.tickets.models.desk import SavedFilter
from app.tickets.pages.listing.columns import COLUMNS, shown_columns
from app.tickets.pages.listing.filter_forms import (
    PRIVATE,
    SHARED,
    FilterForm,
    ReplaceFilterForm,
    SaveFilterForm,
    read_query,
)
from app.tickets.pages.listing.list import LABELS, ListQuery
from app.tickets.services.lists import saved_filters as verbs

blueprint = Blueprint("filters", __name__, url_prefix="/filters")
_KEY = "<int(max=2147483647):number>"


@blueprint.get("")
def listing() -> Response:
    """One's own saved filters and the shared ones."""
    return _page()


@blueprint.get(f"/{_KEY}")
def show(number: int) -> AnyResponse:
    """The list of tickets with this filter."""
    row = verbs.find_filter(db.session(), acting(), number)
    return redirect(address_of(row))


@blueprint.post("")
def save() -> Response:
    """Keep the filter of a list under a name."""
    session, by, form = db.session(), writer(), SaveFilterForm()
    with errors_in(form):
        query = read_query(form.query.data or "")
        if not form.validate():
            return _save_page(form)
        if request.form.get("columns") == "keep":
            shown = shown_columns(query.given("columns"), current_user.list_columns)
            query.values["columns"] = list(shown)
        shared = form.use.data == SHARED
        with writing_once(session):
            row = verbs.save_filter(
                session, by, form.name.data or "", query.own_query(), shared=shared
            )
            session.flush()
            leads_to(address_of(row))
    if form.errors:
        return _save_page(form)
    return go_to(
        address_of(row),
        _("Filter “%(name)s” saved and shared.", name=row.name)
        if shared
        else _("Filter “%(name)s” saved.", name=row.name),
    )


@blueprint.post(f"/{_KEY}/change")
def change(number: int) -> Response:
    """Rename a filter, share it or not."""
    session, by, form = db.session(), writer(), FilterForm()
    verbs.find_filter(session, by.actor, number)
    if form.validate():
        with errors_in(form), transaction(session):
            verbs.change_filter(
                session, by, number, form.name.data or "", shared=form.use.data == SHARED
            )
    if form.errors:
        return _page(wrong=number, form=form, status=422)
    return go_to(url_for("filters.listing"), _("Filter “%(data)s” saved.", data=form.name.data))


@blueprint.post(f"/{_KEY}/replace")
def replace(number: int) -> Response:
    """Let a filter show what the list shows now."""
    session, by, form = db.session(), writer(), ReplaceFilterForm()
    verbs.find_filter(session, by.actor, number)
    query = read_query(form.query.data or "")
    with transaction(session):
        row = verbs.replace_filter(session, by, number, query.own_query())
    return go_to(address_of(row), _("Filter “%(name)s” updated.", name=row.name))


@blueprint.post(f"/{_KEY}/delete")
def delete(number: int) -> Response:
    """Delete a filter; the next page offers to put it back."""
    session, by = db.session(), writer()
    with writing_once(session):
        verbs.delete_filter(session, by, number)
    return go_to(url_for("filters.listing", deleted=number))


@blueprint.post(f"/{_KEY}/restore")
def restore(number: int) -> Response:
    """Put back a filter that was deleted."""
    session, by = db.session(), writer()
    with writing_once(session):
        row = verbs.restore_filter(session, by, number)
    return go_to(url_for("filters.listing"), _("Filter “%(name)s” restored.", name=row.name))


def address_of(row: SavedFilter) -> str:
    """The list with this filter on."""
    query = f"{row.query}&" if row.query else ""
    return f"{url_for('tickets.listing')}?{query}filter={row.id}"


def in_words(text: str) -> str:
    """What a saved query finds."""
    try:
        query = read_query(text)
    except Invalid as error:
        return error.message
    parts = [] if query.given("state") else [_("State: open")]
    for name, label in LABELS.items():
        values = query.given(name)
        if not values:
            continue
        if name == "columns":
            values = [COLUMNS[key].word for key in values if key in COLUMNS]
        if name == "sort":
            parts.append(_sort_words(query))
            continue
        parts.append(_("%(label)s: %(listed)s", label=label, listed=joined(", ", values)))
    return joined(" · ", parts)


def _sort_words(query: ListQuery) -> str:
    name = query.sort.removeprefix("-")
    if query.sort.startswith("-"):
        return _("sorted by: %(name)s, descending", name=name)
    return _("sorted by: %(name)s, ascending", name=name)


def _save_page(form: SaveFilterForm) -> Response:
    page = render_template(
        "tickets/filters/save.html",
        form=form,
        keeps_columns=request.form.get("columns") == "keep",
        may_share=acting().is_operator,
    )
    return make_response(page, 422)


def _page(*, wrong: int = 0, form: FilterForm | None = None, status: int = 200) -> Response:
    session, actor = db.session(), acting()
    found = verbs.visible_filters(session, actor)
    page = render_template(
        "tickets/filters/list.html",
        rows=[
            {
                "row": row,
                "mine": row.owner_id == actor.account_id,
                "words": in_words(row.query),
                "url": address_of(row),
                "form": _form_of(row, form if row.id == wrong else None)
                if verbs.may_change(actor, row)
                else None,
                "wrong": row.id == wrong,
            }
            for row in found
        ],
        deleted=_deleted(),
        may_share=actor.is_operator,
    )
    return make_response(page, status)


def _form_of(row: SavedFilter, refused: FilterForm | None) -> FilterForm:
    data: dict[str, Any] = {"name": row.name, "use": SHARED if row.shared else PRIVATE}
    form = refused or FilterForm(formdata=None, **data)
    for field in form:
        field.id = f"{field.name}-{row.id}"
        field.label.field_id = field.id
    return form


def _deleted() -> SavedFilter | None:
    """The filter that was just deleted, if it can be put back."""
    text = request.args.get("deleted", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    try:
        return verbs.find_filter(db.session(), acting(), int(text), deleted=True)
    except NotFound:
        return None
