"""Pages of links: the list, one link on any day, and what admins do with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, render_template, request, url_for

from app.core.database.transactions import writing
from app.core.rules.access import Role, require_admin
from app.core.rules.errors import EditConflict, Invalid
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach
from app.core.web.htmx import fragment_target, go_to
from app.core.web.person import acting, writer
from app.core.web.rows_field import pressed
from app.registry.models.registry import Link
from app.registry.pages.forms import ConfirmForm, LinkEditForm, LinkForm, RetireForm, link_form_data
from app.registry.pages.panels import RECORD_PANELS
from app.registry.pages.records import (
    SHOWN,
    ListAddress,
    RecordView,
    asked_day,
    clashes_of,
    page,
    seen_version,
    steps,
    today,
)
from app.registry.rules.networks import Network
from app.registry.rules.registry import LinkRole, covers
from app.registry.services import links as verbs
from app.registry.services.record_history import history_of
from app.registry.services.record_lists import (
    IN_USE,
    LinkFilter,
    backups_of_link,
    count_links,
    list_links,
)
from app.registry.services.registry import responsible_site_of_link

blueprint = Blueprint("links", __name__, url_prefix="/links")
_MANAGE = "change sites and links"


@blueprint.get("")
def listing() -> str:
    """The links, searched and filtered."""
    address = ListAddress(
        url_for("links.listing"),
        {"network": tuple(Network), "role": tuple(LinkRole), "show": SHOWN, "sample": ("yes",)},
    )
    rows = db.session()
    wanted = LinkFilter(
        today(),
        address.given("q"),
        address.given("network"),
        address.given("role"),
        address.given("show", IN_USE),
        bool(address.given("sample")),
    )
    found, more = list_links(rows, wanted, after=address.after)
    context = {
        "address": address,
        "links": [(link, responsible_site_of_link(link)) for link in found],
        "more": address.more(found[-1].name) if more else "",
        "today": today(),
    }
    if fragment_target() == "more":
        return render_template("registry/_link_rows.html", **context)
    return render_template(
        "registry/links.html",
        **context,
        total=count_links(rows, wanted),
        networks=tuple(Network),
        roles=tuple(LinkRole),
        shown=SHOWN,
        admin=_is_admin(),
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Make a link."""
    require_admin(acting(), _MANAGE)
    form = LinkForm()
    if request.method == "GET":
        form.name.data = request.args.get("name", "")  # as the list of unresolved names asks
        return _form_page(form, None)
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, None)
    if form.validate():
        rows = db.session()
        try:
            with writing_once(rows):
                made = verbs.create_link(
                    rows, writer(), form.stated(), sources=form.sources(), why=form.why.data or ""
                )
                name = made.name
                leads_to(_at(name))
            flash(f"Link {name} is made.", "ok")
            return go_to(_at(name))
        except Invalid as error:
            attach(form, error)
    return _form_page(form, None, 422)


@blueprint.get("/<name>")
def link(name: str) -> Response:
    """One link, today or as of a day."""
    return _link_page(name)


@blueprint.route("/<name>/edit", methods=["GET", "POST"])
def edit(name: str) -> Response:
    """Change a link; when somebody else did so meanwhile, both values are shown."""
    require_admin(acting(), _MANAGE)
    rows = db.session()
    found = verbs.link_of_name(rows, name)
    if request.method == "GET":
        form = LinkEditForm(formdata=None, **link_form_data(verbs.link_values(found)))
        form.version.data = str(found.version)
        return _form_page(form, found)
    form = LinkEditForm()
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, found)
    if not form.validate():
        return _form_page(form, found, 422)
    try:
        seen = seen_version(form.version.data)
        with writing(rows):
            before = found.version
            changed = verbs.change_link(
                rows,
                writer(),
                name,
                form.stated(),
                base_version=seen,
                sources=form.sources(),
                why=form.why.data or "",
            )
            now_called, same = changed.name, changed.version == before
    except EditConflict as error:
        rows.rollback()
        found = verbs.link_of_name(rows, name)
        stored = verbs.link_values(found)
        clashes = clashes_of(
            form, error, stored, link_form_data(stored), seen, history_of(rows, found)
        )
        return _form_page(form, found, 409, clashes=clashes)
    except Invalid as error:
        rows.rollback()
        attach(form, error)
        return _form_page(form, verbs.link_of_name(rows, name), 422)
    flash(f"Link {now_called} is {'as it was' if same else 'saved'}.", "ok")
    return go_to(_at(now_called))


@blueprint.post("/<name>/retire")
def retire(name: str) -> Response:
    """End a link on a day."""
    form = RetireForm()
    require_admin(acting(), _MANAGE)
    if not form.validate() or form.on.data is None:
        return _link_page(name, retire_form=form, status=422)
    rows = db.session()
    try:
        with writing_once(rows):
            verbs.retire_link(rows, writer(), name, form.on.data, why=form.why.data or "")
    except Invalid as error:
        rows.rollback()
        attach(form, error, {"valid_until": "on"})
        return _link_page(name, retire_form=form, status=422)
    flash(f"Link {name} is retired: {form.on.data} is the first day without it.", "ok")
    return go_to(_at(name))


@blueprint.post("/<name>/confirm")
def confirm(name: str) -> Response:
    """Say what confirms a sample."""
    form = ConfirmForm()
    require_admin(acting(), _MANAGE)
    if not form.validate():
        return _link_page(name, confirm_form=form, status=422)
    rows = db.session()
    try:
        with writing_once(rows):
            verbs.LINKS.confirm(rows, writer(), name, form.field.data or "", form.source.data or "")
    except Invalid as error:
        rows.rollback()
        attach(form, error)
        return _link_page(name, confirm_form=form, status=422)
    flash(f"Confirmed for {name}.", "ok")
    return go_to(_at(name))


def _at(name: str) -> str:
    return url_for("links.link", name=name)


def _is_admin() -> bool:
    return acting().role is Role.ADMIN


def _form_page(form: LinkForm, found: Link | None, status: int = 200, **more: Any) -> Response:
    return page("registry/link_form.html", status, form=form, link=found, **more)


def _link_page(
    name: str,
    *,
    retire_form: RetireForm | None = None,
    confirm_form: ConfirmForm | None = None,
    status: int = 200,
) -> Response:
    rows = db.session()
    found = verbs.link_of_name(rows, name)
    day, problem = asked_day()
    view = RecordView(rows, found, day)
    shown_day = day or today()
    return page(
        "registry/link.html",
        422 if problem and status == 200 else status,
        link=found,
        view=view,
        day=day,
        shown_day=shown_day,
        problem=problem,
        in_use=covers((found.valid_from, found.valid_until), shown_day),
        responsible=responsible_site_of_link(found),
        backups=[
            (other, covers((other.valid_from, other.valid_until), shown_day))
            for other in backups_of_link(rows, found)
        ],
        **RECORD_PANELS.values(acting(), found),
        steps=steps(history_of(rows, found)),
        admin=_is_admin(),
        retire_form=retire_form or RetireForm(formdata=None, on=today()),
        confirm_form=confirm_form or ConfirmForm(formdata=None),
    )
