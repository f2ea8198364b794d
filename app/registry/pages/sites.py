"""Pages of sites: the list, one site on any day, and what admins do with it."""

from __future__ import annotations

from datetime import date
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
from app.registry.models.registry import Link, Site
from app.registry.pages.forms import ConfirmForm, RetireForm, SiteEditForm, SiteForm, site_form_data
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
from app.registry.rules.registry import common, covers, names_from_text
from app.registry.services import sites as verbs
from app.registry.services.record_history import history_of
from app.registry.services.record_lists import (
    IN_USE,
    NO_TIER,
    PAST_T1,
    T0,
    T1,
    SiteFilter,
    count_sites,
    links_of_site,
    links_per_site,
    list_sites,
)

blueprint = Blueprint("sites", __name__, url_prefix="/sites")
TIERS = (T0, T1, PAST_T1, NO_TIER)
_MANAGE = "change sites and links"


@blueprint.get("")
def listing() -> str:
    """The sites, searched and filtered."""
    address = ListAddress(
        url_for("sites.listing"), {"tier": TIERS, "show": SHOWN, "sample": ("yes",)}
    )
    rows = db.session()
    wanted = SiteFilter(
        today(),
        address.given("q"),
        address.given("tier"),
        address.given("show", IN_USE),
        bool(address.given("sample")),
    )
    found, more = list_sites(rows, wanted, after=address.after)
    context = {
        "address": address,
        "sites": found,
        "more": address.more(found[-1].key) if more else "",
        "links": links_per_site(rows, found, today()),
        "today": today(),
    }
    if fragment_target() == "more":
        return render_template("registry/_site_rows.html", **context)
    total = count_sites(rows, wanted)
    return render_template(
        "registry/sites.html", **context, total=total, tiers=TIERS, shown=SHOWN, admin=_is_admin()
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Make a site."""
    require_admin(acting(), _MANAGE)
    form = SiteForm()
    if request.method == "GET":
        form.key.data = request.args.get("key", "")  # as the list of unresolved names asks
        return _form_page(form, None)
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, None)
    if form.validate():
        rows = db.session()
        try:
            with writing_once(rows):
                site = verbs.create_site(
                    rows, writer(), form.stated(), sources=form.sources(), why=form.why.data or ""
                )
                key = site.key
                leads_to(_at(key))
            flash(f"Site {key} is made.", "ok")
            return go_to(_at(key))
        except Invalid as error:
            attach(form, error)
    return _form_page(form, None, 422)


@blueprint.get("/<key>")
def site(key: str) -> Response:
    """One site, today or as of a day."""
    return _site_page(key)


@blueprint.route("/<key>/edit", methods=["GET", "POST"])
def edit(key: str) -> Response:
    """Change a site; when somebody else did so meanwhile, both values are shown."""
    require_admin(acting(), _MANAGE)
    rows = db.session()
    found = verbs.site_of_key(rows, key)
    if request.method == "GET":
        form = SiteEditForm(formdata=None, **site_form_data(verbs.site_values(found)))
        form.version.data = str(found.version)
        return _form_page(form, found)
    form = SiteEditForm()
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, found)
    if not form.validate():
        return _form_page(form, found, 422)
    try:
        seen = seen_version(form.version.data)
        with writing(rows):
            before = found.version
            changed = verbs.change_site(
                rows,
                writer(),
                key,
                form.stated(),
                base_version=seen,
                sources=form.sources(),
                why=form.why.data or "",
            )
            now_called, same = changed.key, changed.version == before
    except EditConflict as error:
        rows.rollback()
        found = verbs.site_of_key(rows, key)
        stored = verbs.site_values(found)
        clashes = clashes_of(
            form, error, stored, site_form_data(stored), seen, history_of(rows, found)
        )
        return _form_page(form, found, 409, clashes=clashes)
    except Invalid as error:
        rows.rollback()
        attach(form, error)
        return _form_page(form, verbs.site_of_key(rows, key), 422)
    flash(f"Site {now_called} is {'as it was' if same else 'saved'}.", "ok")
    return go_to(_at(now_called))


@blueprint.post("/<key>/retire")
def retire(key: str) -> Response:
    """End a site on a day."""
    form = RetireForm()
    require_admin(acting(), _MANAGE)
    if not form.validate() or form.on.data is None:
        return _site_page(key, retire_form=form, status=422)
    rows = db.session()
    try:
        with writing_once(rows):
            verbs.retire_site(rows, writer(), key, form.on.data, why=form.why.data or "")
    except Invalid as error:
        rows.rollback()
        attach(form, error, {"valid_until": "on"})
        return _site_page(key, retire_form=form, status=422)
    flash(f"Site {key} is retired: {form.on.data} is the first day without it.", "ok")
    return go_to(_at(key))


@blueprint.post("/<key>/confirm")
def confirm(key: str) -> Response:
    """Say what confirms a sample."""
    form = ConfirmForm()
    require_admin(acting(), _MANAGE)
    if not form.validate():
        return _site_page(key, confirm_form=form, status=422)
    rows = db.session()
    try:
        with writing_once(rows):
            verbs.SITES.confirm(rows, writer(), key, form.field.data or "", form.source.data or "")
    except Invalid as error:
        rows.rollback()
        attach(form, error)
        return _site_page(key, confirm_form=form, status=422)
    flash(f"Confirmed for {key}.", "ok")
    return go_to(_at(key))


def _at(key: str) -> str:
    return url_for("sites.site", key=key)


def _is_admin() -> bool:
    return acting().role is Role.ADMIN


def _form_page(form: SiteForm, found: Site | None, status: int = 200, **more: Any) -> Response:
    return page("registry/site_form.html", status, form=form, site=found, **more)


def _ends_on(link: Link, day: date) -> bool:
    return covers((link.valid_from, link.valid_until), day)


def _site_page(
    key: str,
    *,
    retire_form: RetireForm | None = None,
    confirm_form: ConfirmForm | None = None,
    status: int = 200,
) -> Response:
    rows = db.session()
    found = verbs.site_of_key(rows, key)
    day, problem = asked_day()
    view = RecordView(rows, found, day)
    shown_day = day or today()
    whole = (found.valid_from, found.valid_until)
    names = names_from_text(view.texts["names"] or "")
    links = links_of_site(rows, found)
    return page(
        "registry/site.html",
        422 if problem and status == 200 else status,
        site=found,
        view=view,
        day=day,
        shown_day=shown_day,
        problem=problem,
        in_use=covers(whole, shown_day),
        tier_then=found.tier is not None
        and covers(common((found.tier_since, found.tier_until), whole), shown_day),
        names=[(name, covers((name.valid_from, name.valid_until), shown_day)) for name in names],
        links=[link for link in links if _ends_on(link, shown_day)],
        other_links=[link for link in links if not _ends_on(link, shown_day)],
        **RECORD_PANELS.values(acting(), found),
        steps=steps(history_of(rows, found)),
        admin=_is_admin(),
        retire_form=retire_form or RetireForm(formdata=None, on=today()),
        confirm_form=confirm_form or ConfirmForm(formdata=None),
    )
