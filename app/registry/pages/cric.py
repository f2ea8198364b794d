"""CRIC's proposals, for admins: reading a source, and deciding on each proposal by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid, MoveNotAllowed
from app.core.rules.language import _
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import errors_in, one_line
from app.core.web.htmx import fragment_target, go_to
from app.core.web.person import acting, writer
from app.core.web.requests.limits import UPLOAD_LIMIT
from app.registry.adapters.cric.reading import parse, parse_address
from app.registry.adapters.cric.records import CricContent
from app.registry.rules.records import LABELS
from app.registry.services import cric as verbs

blueprint = Blueprint("cric", __name__, url_prefix="/admin/cric")
PROPOSAL: Final = "/<int(max=2147483647):number>"
_DECIDED: Final = 50
"""Decisions that the page shows."""


class SourceForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Where CRIC's JSON is: an address, else an uploaded file."""

    url = StringField(
        _("Address"),
        filters=[one_line],
        description=_(
            "http:// or https://. The portal reads it within 20 s."
            " Hosts in a private network must be listed in OUTBOUND_PRIVATE_HOSTS."
        ),
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    smaller = BooleanField(_("Use the data even if it has far fewer records than the last time"))


class AcceptForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The value that was shown with the proposal."""

    seen = HiddenField("Value that was shown")


@blueprint.before_request
def _admins_only() -> None:
    verbs.require_cric(acting())


@blueprint.get("")
def listing() -> Response:
    """What is proposed, what is doubtful, what was decided."""
    return _page(SourceForm())


@blueprint.post("")
def read() -> Response:
    """Read a source: proposals are brought up to date, the registry stays as it is."""
    form = SourceForm()
    session = db.session()
    with errors_in(form):
        content = _content(form)
        with transaction(session):
            reading = verbs.read_source(
                session, writer(), content, smaller_is_right=bool(form.smaller.data)
            )
            alarm, new, gone = reading.run.alarm, reading.new, reading.gone
    if form.errors:
        return _page(form, status=422)
    if alarm:
        return _page(form, status=422)
    return go_to(
        url_for("cric.listing"),
        _(
            "CRIC read: %(count)s records, %(new)s new proposals, %(gone)s no longer proposed.",
            count=content.count,
            new=new,
            gone=gone,
        ),
    )


def _content(form: SourceForm) -> CricContent:
    file = request.files.get("file")
    if file is not None and file.filename:
        return parse(file.read(UPLOAD_LIMIT))
    if form.url.data:
        settings: Settings = current_app.config["PORTAL"]
        return parse_address(form.url.data, settings.outbound_private_hosts)
    raise Invalid("url", _("Choose a file or enter an address"))


@blueprint.post(f"{PROPOSAL}/accept")
def accept(number: int) -> Response:
    """Change the site as proposed."""
    seen = AcceptForm().seen.data or ""
    return _decide(number, lambda: verbs.accept_proposal(db.session(), writer(), number, seen))


@blueprint.post(f"{PROPOSAL}/refuse")
def refuse(number: int) -> Response:
    """Leave the registry as it is, and remember that."""
    return _decide(number, lambda: verbs.refuse_proposal(db.session(), writer(), number))


@blueprint.post(f"{PROPOSAL}/reopen")
def reopen(number: int) -> Response:
    """Take a refusal back."""
    return _decide(number, lambda: verbs.reopen_proposal(db.session(), writer(), number))


def _decide(number: int, verb: Callable[[], Any]) -> Response:
    problem, status = "", 200
    try:
        with writing_once(db.session()):
            verb()
    except (Invalid, MoveNotAllowed) as error:
        problem, status = error.message, 409
    if fragment_target() == f"proposal-{number}":
        return _row(number, problem, status)
    if problem:
        return _page(SourceForm(formdata=None), problems={number: problem}, status=status)
    return go_to(f"{url_for('cric.listing')}#proposal-{number}")


def _row(number: int, problem: str, status: int) -> Response:
    shown = verbs.shown_proposal(db.session(), number)
    page = render_template(
        "registry/cric/_proposal.html",
        shown=shown,
        problems={number: problem},
        labels=LABELS,
        fresh=True,
    )
    return make_response(page, status)


def _page(
    form: SourceForm, *, problems: dict[int, str] | None = None, status: int = 200
) -> Response:
    session = db.session()
    proposals = sorted(verbs.open_proposals(session), key=lambda shown: shown.site.key)
    run, good = verbs.last_run(session), verbs.last_good_run(session)
    page = render_template(
        "registry/cric/list.html",
        form=form,
        run=run,
        good=good,
        findings=good.findings.splitlines() if good is not None else [],
        groups=[
            (site, list(group))
            for site, group in groupby(proposals, key=lambda shown: shown.site.key)
        ],
        count=len(proposals),
        decided=verbs.decided_proposals(session, _DECIDED),
        problems=problems or {},
        labels=LABELS,
        limit=UPLOAD_LIMIT,
    )
    return make_response(page, status)
