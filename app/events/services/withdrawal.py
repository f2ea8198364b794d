"""Withdrawal of events that did not happen, by a person with a reason: one, or all of an import.

A withdrawn event stays visible with its history, and is excluded from everything that counts,
matches or requires a ticket. It can be restored. Later reports from its source are stored, and do
not restore it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Table, func, select, update
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_operator
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import LONG_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange, record_changes
from app.events.models.events import Event
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.events import as_text
from app.events.services import file_import as states
from app.events.services.events import EVENT
from app.jobs.services.queue import enqueue

AT_ONCE: Final = 2_000
"""Events withdrawn in one transaction, so that other writers never wait long."""
JOB: Final = "event_withdrawal"
_events = cast(Table, Event.__table__)


def withdraw_event(session: Session, by: Writer, event_id: int, reason: str) -> None:
    """Withdraw one event. Raises ``Forbidden``, ``NotFound``, and ``Invalid`` without a reason or
    if it is already withdrawn."""
    require_operator(by.actor, _("withdraw events"), Scope.EVENTS)
    checked_reason(reason)
    event = _locked(session, event_id)
    if event.withdrawn_at is not None:
        raise Invalid("reason", _("This event is already withdrawn"))
    _withdraw(session, by, [event_id], reason)


def restore_event(session: Session, by: Writer, event_id: int, reason: str) -> None:
    """Restore a withdrawn event. Raises the same errors as ``withdraw_event``."""
    require_operator(by.actor, _("restore events"), Scope.EVENTS)
    checked_reason(reason)
    event = _locked(session, event_id)
    if event.withdrawn_at is None:
        raise Invalid("reason", _("This event is not withdrawn"))
    was = as_text(event.withdrawn_at)
    event.withdrawn_at, event.changed_at = None, by.now
    event.version += 1
    session.flush()
    said = [FieldChange("withdrawn", was, None), FieldChange("reason", None, reason)]
    record_changes(session, by, EVENT, [(event_id, event.version, said)])


@dataclass(frozen=True)
class Withdrawn:
    """How many events were withdrawn, and how many of the import are left."""

    done: int
    left: int


def withdraw_import(
    session: Session, by: Writer, import_id: int, reason: str, limit: int = AT_ONCE
) -> Withdrawn:
    """Withdraw up to ``limit`` of the events of an import; its corrections of others stay.

    Raises ``Forbidden``, ``NotFound``, and ``Invalid`` without a reason or while it is being
    written.
    """
    require_operator(by.actor, _("withdraw events"), Scope.EVENTS)
    checked_reason(reason)
    row = session.get(EventImport, import_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    if row.state not in (states.DONE, states.STOPPED, states.WITHDRAWN):
        raise Invalid(
            "state",
            _("This import is %(state)s; its events cannot be withdrawn yet", state=row.state),
        )
    of_it = (
        select(Event.id)
        .join(
            EventsOfImport,
            (Event.id >= EventsOfImport.first_id) & (Event.id <= EventsOfImport.last_id),
        )
        .where(EventsOfImport.import_id == import_id, Event.withdrawn_at.is_(None))
    )
    locked = of_it.order_by(Event.id).limit(limit).with_for_update(of=Event, key_share=True)
    ids = session.scalars(locked).all()
    _withdraw(session, by, ids, reason)
    row.state = states.WITHDRAWN
    row.withdrawn_at = row.withdrawn_at or by.now
    session.flush()
    left = session.scalar(select(func.count()).select_from(of_it.subquery())) or 0
    return Withdrawn(len(ids), left)


def checked_reason(reason: str) -> None:
    """Raise ``Invalid`` unless it is a text that can be stored."""
    if not reason.strip():
        raise Invalid("reason", _("Reason is required"))
    checked_text("reason", reason, LONG_TEXT_LIMIT, label=_("Reason"))


def _locked(session: Session, event_id: int) -> Event:
    event = session.get(
        Event, event_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if event is None:
        raise NotFound
    return event


def _withdraw(session: Session, by: Writer, ids: Sequence[int], reason: str) -> None:
    if not ids:
        return
    versions = session.execute(
        update(_events)
        .where(_events.c.id.in_(ids))
        .values(withdrawn_at=by.now, changed_at=by.now, version=_events.c.version + 1)
        .returning(_events.c.id, _events.c.version)
    ).all()
    said = [FieldChange("withdrawn", None, as_text(by.now)), FieldChange("reason", None, reason)]
    record_changes(session, by, EVENT, [(row.id, row.version, said) for row in sorted(versions)])
    session.expire_all()


def leave_withdrawal(session: Session, by: Writer, import_id: int, reason: str) -> None:
    """Let the worker withdraw the rest of an import."""
    enqueue(
        session,
        JOB,
        {"id": import_id, "reason": reason, "author": by.shown_author},
        key=f"{JOB} {import_id}",
    )
