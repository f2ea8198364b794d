"""Conflicts of planned work where it is planned: in the form, on the ticket; and free windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.calendar.pages.calendar import blueprint
from app.calendar.rules.calendar import Conflict
from app.calendar.services.calendar import MAX_LINKS
from app.calendar.services.conflicts import (
    MAX_LENGTH,
    Span,
    WindowConflicts,
    conflicts_of_plan,
    conflicts_of_ticket,
    free_windows,
)
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import UtcTimeField
from app.core.web.htmx import wants_fragment
from app.core.web.person import acting
from app.core.web.times import now
from app.registry.services.choices import choices
from app.registry.services.registry import require_links
from app.tickets.models.tickets import Ticket
from app.tickets.rules.fields import BY_NAME

_MAX_HOURS: Final = int(MAX_LENGTH.total_seconds()) // 3600
_DAYS: Final = (14, 30, 60, 90)
_SHOWN: Final = 30


class PlanForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The times of a form that is being filled in."""

    class Meta:
        """It only reads."""

        csrf = False

    window_start = UtcTimeField(BY_NAME["window_start"].label, BY_NAME["window_start"].tense)
    window_end = UtcTimeField(BY_NAME["window_end"].label, BY_NAME["window_end"].tense)


def conflicts_for_form(
    session: Session,
    actor: Actor,
    links: Sequence[str],
    window: tuple[datetime | None, datetime | None],
    ticket: int = 0,
) -> WindowConflicts | None:
    """What a form shows of its window; None while one of its times is missing or not readable.
    ``ticket``: the one that is edited."""
    start, end = window
    if start is None or end is None:
        return None
    return conflicts_of_plan(session, actor, links, start, end, now(), ticket)


def conflicts_panel(actor: Actor, ticket: Ticket) -> Mapping[str, Any]:
    """What the page of a ticket shows of its window's conflicts."""
    return {"window_conflicts": conflicts_of_ticket(db.session(), actor, ticket)}


@blueprint.get("/conflicts")
def conflicts() -> AnyResponse | str:
    """The part of a form that shows the conflicts of what is typed there so far."""
    links = [name for name in request.args.getlist("links") if name]
    if not wants_fragment():
        return redirect(url_for("calendar.free", link=links[:MAX_LINKS]))
    form = PlanForm(request.args)
    number = request.args.get("ticket", "")
    ticket = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    form.validate()
    unread = [str(field.label.text) for field in form if field.errors]
    window = (form.window_start.data, form.window_end.data)
    return render_template(
        "calendar/_form_conflicts.html",
        unread=unread,
        window_conflicts=conflicts_for_form(db.session(), acting(), links, window, ticket),
    )


# ---------- free windows


@dataclass(frozen=True)
class FreeQuery:
    """What an address asks of free windows; what cannot be used is named and left out."""

    links: Sequence[str]
    hours: float
    first: datetime
    days: int
    typed: Mapping[str, str]
    problems: Sequence[str]

    @property
    def length(self) -> timedelta:
        """How long the work takes."""
        return timedelta(hours=self.hours)


def _read_free_query() -> FreeQuery:
    problems: list[str] = []
    links = list(dict.fromkeys(name for name in request.args.getlist("link") if name))[:MAX_LINKS]
    try:
        links = [link.name for link in require_links(db.session(), links)] if links else []
    except Invalid as error:
        problems.append(error.message)
        links = []
    hours, text = 4.0, request.args.get("hours", "").strip()
    if text:
        try:
            hours = float(text) if len(text) < 10 else -1.0
        except ValueError:
            hours = -1.0
        if not 0.25 <= hours <= _MAX_HOURS:
            problems.append(
                _(
                    "Length must be from 0.25 to %(max_hours)s hours. The results are for 4 hours",
                    max_hours=_MAX_HOURS,
                )
            )
            hours = 4.0
    begin, today = now(), request.args.get("from", "").strip()
    if today:
        try:
            begin = max(begin, datetime.strptime(today[:20], "%Y-%m-%d").replace(tzinfo=UTC))
            if begin.year > 2098:
                raise ValueError
        except ValueError:
            problems.append(_("From must be a date such as 2026-11-29. The results start now"))
            begin = now()
    wanted = request.args.get("days", "")
    days = next((one for one in _DAYS if str(one) == wanted), 30)
    typed = {"hours": text or "4", "from": today}
    return FreeQuery(links, hours, begin, days, typed, problems)


@blueprint.get("/free")
def free() -> tuple[str, int]:
    """The windows in which work on all of the chosen links would be in conflict with nothing."""
    query = _read_free_query()
    clashes: Sequence[Conflict] = ()
    spans: Sequence[Span] = ()
    if query.links:
        clashes, spans = free_windows(
            db.session(),
            acting(),
            query.links,
            query.length,
            query.first,
            query.first + timedelta(days=query.days),
        )
    page = render_template(
        "calendar/free.html",
        query=query,
        clashes=clashes,
        spans=spans[:_SHOWN],
        left=len(spans) - _SHOWN,
        choices_of_days=_DAYS,
        link_options=choices(db.session())["link_options"],
    )
    return page, 422 if query.problems else 200
