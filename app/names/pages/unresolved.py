"""Names in tickets and events that the registry does not know: the list, and what an admin makes of
each."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.database.transactions import transaction
from app.core.rules.access import require_admin
from app.core.rules.errors import NotFound
from app.core.rules.language import _, counted, joined
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.names.pages.unresolved_forms import AS_REPORTED, AS_WRITTEN, AliasForm, NameForm, UnitForm
from app.names.services import event_name_decisions, name_decisions, unresolved
from app.names.services.name_decisions import Followed
from app.names.services.unresolved import Decision, NameKind

blueprint = Blueprint("unresolved", __name__, url_prefix="/admin/unresolved")
STEP: Final = 200
"""Tickets that follow in one transaction, so that other writers never wait long."""
SECONDS: Final = 3.0
"""How long one request lets tickets follow; what is left is one click more."""
DECIDED: Final = "decided"
WORDS: Final = {NameKind.SITE: _("Sites"), NameKind.LINK: _("Links"), NameKind.UNIT: _("Units")}
_LAST_PAGE: Final = 10_000


@blueprint.before_request
def _admins_only() -> None:
    require_admin(acting(), _("decide what unresolved names mean"))


@blueprint.get("")
def listing() -> Response:
    """The names of one kind, the most frequent first, or what was decided."""
    return _list_page(request.args.get("kind", "") or NameKind.SITE, request.args.get("page", "1"))


@blueprint.get("/name")
def name() -> Response:
    """One name, with all possible decisions."""
    kind = _kind(request.args.get("kind", ""))
    return _name_page(kind, request.args.get("name", ""))


@blueprint.post("/alias")
def alias() -> Response:
    """Say what a name means, and let its tickets and events follow."""
    form = AliasForm()
    kind, given = _kind(form.kind.data or ""), form.name.data or ""
    if not form.validate():
        return _name_page(kind, given, form)
    session, by = db.session(), writer()
    with errors_in(form), writing_once(session):
        name_decisions.make_alias(
            session,
            by,
            kind,
            given,
            form.target.data or "",
            system=form.system.data,
            why=form.why.data or "",
        )
    if form.errors:
        return _name_page(kind, given, form)
    followed = _follow(kind, given)
    return go_to(
        url_for("unresolved.listing", kind=kind),
        _(
            "%(given)s now means %(data)s.%(in_words)s",
            given=given,
            data=form.target.data,
            in_words=_in_words(*followed),
        ),
    )


@blueprint.post("/follow")
def follow() -> Response:
    """Let more tickets and events follow what a name means by now."""
    kind, given, _why = _named()
    followed = _follow(kind, given)
    return go_to(
        url_for("unresolved.listing", kind=kind),
        _(
            "%(given)s:%(followed)s",
            given=given,
            followed=_in_words(*followed) or _(" nothing had to be updated."),
        ),
    )


@blueprint.post("/dismiss")
def dismiss() -> Response:
    """Leave a name unresolved for good."""
    kind, given, why = _named()
    session = db.session()
    with writing_once(session):
        name_decisions.dismiss_name(session, writer(), kind, given, why)
    return go_to(
        url_for("unresolved.listing", kind=kind),
        _("%(given)s is dismissed and no longer listed.", given=given),
    )


@blueprint.post("/take-back")
def take_back() -> Response:
    """Undo a decision; the tickets and events of an alias go back."""
    kind, given, why = _named()
    session = db.session()
    with writing_once(session):
        name_decisions.take_back(session, writer(), kind, given, why)
    followed = (
        _step(name_decisions.release_tickets, kind, given, STEP),
        _step(event_name_decisions.release_events, kind, given, event_name_decisions.AT_ONCE),
    )
    return go_to(
        url_for("unresolved.listing", kind=kind),
        _(
            "The decision about %(given)s is undone.%(in_words)s",
            given=given,
            in_words=_in_words(*followed),
        ),
    )


@blueprint.post("/unit")
def unit() -> Response:
    """Make a unit known by its name."""
    form = UnitForm()
    session = db.session()
    given = form.unit.data or ""
    if form.validate():
        with errors_in(form, {"name": "unit"}), writing_once(session):
            name_decisions.add_unit(session, writer(), given, why=form.why.data or "")
    if form.errors:
        return _list_page(NameKind.UNIT, "1", unit_form=form)
    return go_to(
        url_for("unresolved.listing", kind=NameKind.UNIT),
        _("%(given)s is now a known unit.", given=given),
    )


def _kind(word: str) -> NameKind:
    try:
        return NameKind(word)
    except ValueError:
        raise NotFound from None


def _named() -> tuple[NameKind, str, str]:
    form = NameForm()
    return _kind(form.kind.data or ""), form.name.data or "", form.why.data or ""


def _follow(kind: NameKind, given: str) -> tuple[Followed, Followed]:
    """Tickets first, then events."""
    return (
        _step(name_decisions.follow_tickets, kind, given, STEP),
        _step(event_name_decisions.follow_events, kind, given, event_name_decisions.AT_ONCE),
    )


def _step(verb: Callable[..., Followed], kind: NameKind, given: str, some: int) -> Followed:
    """Step by step, each its own transaction, until all followed or the time is over."""
    session, done, ends = db.session(), 0, monotonic() + SECONDS
    while True:
        with transaction(session):
            step = verb(session, writer(), kind, given, some)
        done += step.done
        if not step.left or not step.done or monotonic() > ends:
            return Followed(done, step.left)


def _in_words(tickets: Followed, events: Followed) -> str:
    parts = []
    if tickets.done or tickets.left:
        done = tickets.done
        parts.append(counted("%(done)s ticket", "%(done)s tickets", done, done=format(done, ",")))
    if events.done or events.left:
        done = events.done
        parts.append(counted("%(done)s event", "%(done)s events", done, done=format(done, ",")))
    if not parts:
        return ""
    words, left = (
        _(" %(listed)s updated", listed=joined(_(" and "), parts)),
        tickets.left + events.left,
    )
    return (
        _(
            "%(words)s, %(left)s still to update: continue below.",
            words=words,
            left=format(left, ","),
        )
        if left
        else words + "."
    )


def _list_page(kind_word: str, page_word: str, unit_form: UnitForm | None = None) -> Response:
    session, actor = db.session(), acting()
    decided = kind_word == DECIDED
    kind = NameKind.SITE if decided else _kind(kind_word)
    if not (page_word.isascii() and page_word.isdigit() and 0 < int(page_word[:6]) <= _LAST_PAGE):
        raise NotFound
    number = int(page_word[:6])
    found = unresolved.unresolved_names(session, actor, kind, page=number)
    shown: dict[str, Any] = {
        "kind": DECIDED if decided else kind,
        "words": WORDS,
        "counts": unresolved.counts_by_kind(session, actor),
        "found": None if decided else found,
        "decided": unresolved.decided_names(session, actor),
        "page": number,
        "more": not decided and number * unresolved.PAGE < found.total,
        "alias_form": AliasForm(formdata=None, why=AS_WRITTEN),
        "as_reported": AS_REPORTED,
        "unit_form": unit_form or UnitForm(formdata=None),
    }
    status = 422 if unit_form is not None else 200
    return make_response(render_template("names/list.html", **shown), status)


def _name_page(kind: NameKind, given: str, form: AliasForm | None = None) -> Response:
    session, actor = db.session(), acting()
    found = unresolved.unresolved_name(session, actor, kind, given)
    if form is None:
        why = AS_WRITTEN if found.count else AS_REPORTED
        form = AliasForm(formdata=None, kind=kind, name=given, why=why)
    page = render_template(
        "names/name.html",
        item=found,
        kind=kind,
        words=WORDS,
        form=form,
        known=sorted({key for _name, key in unresolved.known_names(session, kind)}),
        dismissed=any(
            (row.kind, row.name, row.decision) == (kind, given, Decision.DISMISSED)
            for row in unresolved.decided_names(session, actor)
        ),
    )
    return make_response(page, 422 if form.errors or form.form_errors else 200)
