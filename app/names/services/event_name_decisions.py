"""Reported events follow what an administrator decided about their names, and go back.

In bounded steps, each event with one row in the change log; what is matched with them follows that.
Whatever has not followed yet is listed by ``unresolved``. Only admins may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_changes
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from app.events.services.names import names_of_links, names_of_sites
from app.names.services.name_decisions import Followed
from app.names.services.unresolved import MANAGE, NameKind, check_bearable, meanings_of
from app.names.services.unresolved_events import borne_name, is_unsettled
from app.registry.services.links import link_of_name
from app.registry.services.registry import site_meant

AT_ONCE: Final = 2_000
"""Events that follow in one transaction, so that other writers never wait long."""
_events = cast(Table, Event.__table__)


def follow_events(
    session: Session, by: Writer, kind: NameKind, name: str, limit: int = AT_ONCE
) -> Followed:
    """Let up to ``limit`` events that have a name be about what it means by now.

    Where a name meant several sites one after another, it is the one that had it when the event
    began.
    """
    require_admin(by.actor, MANAGE)
    check_bearable(name)
    if borne_name(kind) is None:
        return Followed(0, 0)
    means = meanings_of(session, kind, [name]).get(name, "")
    if not means:
        return Followed(0, 0)
    if kind is NameKind.LINK:
        link = link_of_name(session, means)

        def meant(event: Event) -> int:
            return link.id
    else:

        def meant(event: Event) -> int:
            site = site_meant(session, name, event.start.date())
            assert site is not None, "a site has the name"
            return site.id

    bearing = is_unsettled(kind) & (_name_column(kind) == name)
    return _step_through(session, by, kind, name, bearing, meant, limit)


def release_events(
    session: Session, by: Writer, kind: NameKind, name: str, limit: int = AT_ONCE
) -> Followed:
    """The reverse after an alias was taken back: they have the name unresolved again. While the
    name means something, nothing is released."""
    require_admin(by.actor, MANAGE)
    check_bearable(name)
    if borne_name(kind) is None or name in meanings_of(session, kind, [name]):
        return Followed(0, 0)
    known = Event.link_id if kind is NameKind.LINK else Event.site_id
    bearing = (_name_column(kind) == name) & (_name_column(kind) != "") & known.is_not(None)
    return _step_through(session, by, kind, name, bearing, lambda _event: None, limit)


def _name_column(kind: NameKind) -> Any:
    return Event.link_text if kind is NameKind.LINK else Event.site_text


def _step_through(
    session: Session,
    by: Writer,
    kind: NameKind,
    name: str,
    bearing: ColumnElement[bool],
    meant: Callable[[Event], int | None],
    limit: int,
) -> Followed:
    """Change the first events of ``bearing``, each as one change; and count what is left."""
    # their sources first, by name, as those who report lock them
    sources = select(Event.source_id).where(bearing)
    session.execute(
        select(EventSource.id)
        .where(EventSource.id.in_(sources))
        .order_by(EventSource.name)
        .with_for_update()
    )
    events = session.scalars(
        select(Event)
        .where(bearing)
        .order_by(Event.id)
        .limit(limit)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    column = "link_id" if kind is NameKind.LINK else "site_id"
    _write(
        session, by, kind, name, [(event, getattr(event, column), meant(event)) for event in events]
    )
    left = session.scalar(select(func.count()).select_from(Event).where(bearing)) or 0
    return Followed(len(events), left)


def _write(
    session: Session,
    by: Writer,
    kind: NameKind,
    name: str,
    moves: Sequence[tuple[Event, int | None, int | None]],
) -> None:
    if not moves:
        return
    column = "link_id" if kind is NameKind.LINK else "site_id"
    session.execute(
        update(_events)
        .where(_events.c.id == bindparam("event_id"))
        .values(
            {
                column: bindparam("meant"),
                "version": bindparam("new_version"),
                "changed_at": bindparam("now"),
            }
        ),
        [
            {
                "event_id": event.id,
                "meant": after,
                "new_version": event.version + 1,
                "now": by.now,
            }
            for event, _, after in moves
        ],
    )
    ids = {number for _, *both in moves for number in both if number is not None}
    names = (names_of_links if kind is NameKind.LINK else names_of_sites)(session, ids)

    def word(number: int | None) -> str:
        return _("%(name)s (not known)", name=name) if number is None else names[number]

    record_changes(
        session,
        by,
        EVENT,
        [
            (event.id, event.version + 1, [FieldChange(kind.value, word(before), word(after))])
            for event, before, after in moves
        ],
    )
    session.expire_all()
