"""The quiet list: sites and people that are not reminded of quarterly reports; the chair's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange, record_change
from app.registry.models.registry import Site
from app.reports.models.reminders import ReportQuiet
from app.reports.services.reminders import require_chair

QUIET: Final = "report quiet"
"""The kind of an entry of the list in the change log."""


def quiet_list(session: Session, actor: Actor) -> Sequence[ReportQuiet]:
    """Who is not reminded, oldest first; only for the chair."""
    require_chair(actor, _("see who is muted"))
    return session.scalars(select(ReportQuiet).order_by(ReportQuiet.id)).all()


def mute_reminders(
    session: Session,
    by: Writer,
    *,
    site: Site | None = None,
    user: User | None = None,
    reason: str,
) -> ReportQuiet:
    """Mute a site, or a person. A reason is required.

    Raises ``Forbidden``, and ``Invalid`` on ``reason``, or on ``who`` where it is on the list or
    not exactly one is given.
    """
    require_chair(by.actor, _("mute reminders"))
    reason = checked_text("reason", reason.strip(), SHORT_TEXT_LIMIT, label=_("Reason"))
    if not reason:
        raise Invalid("reason", _("Reason is required"))
    if (site is None) == (user is None):
        raise Invalid("who", _("Choose a site or a person"))
    name = site.key if site is not None else user.name if user is not None else ""
    same = (
        ReportQuiet.site_id == site.id
        if site is not None
        else ReportQuiet.user_id == (user.id if user is not None else None)
    )
    if session.scalar(select(ReportQuiet.id).where(same)) is not None:
        raise Invalid("who", _("%(name)s is already muted", name=name))
    entry = ReportQuiet(site=site, user=user, reason=reason, since=by.now, author=by.shown_author)
    session.add(entry)
    session.flush()
    fields = [
        FieldChange("site" if site is not None else "person", None, name),
        FieldChange("why", None, reason),
    ]
    record_change(session, by, kind=QUIET, thing_id=entry.id, fields=fields)
    return entry


def end_quiet(session: Session, by: Writer, entry_id: int) -> str:
    """Unmute; the name of the site or person. Raises ``Forbidden`` and ``NotFound``."""
    require_chair(by.actor, _("mute reminders"))
    entry = session.get(ReportQuiet, entry_id, with_for_update={"of": ReportQuiet})
    if entry is None:
        raise NotFound
    name = entry.site.key if entry.site is not None else entry.user.name if entry.user else ""
    kind = "site" if entry.site is not None else "person"
    record_change(
        session,
        by,
        kind=QUIET,
        thing_id=entry.id,
        fields=[FieldChange(kind, name, None), FieldChange("why", entry.reason, None)],
    )
    session.delete(entry)
    session.flush()
    return name
