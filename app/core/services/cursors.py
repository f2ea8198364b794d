"""How far each follower of the change log has come: one row of ``portal_facts`` for each, by name.

Who follows reads on behind its cursor (``changes.read_on``), and moves it in the transaction in
which it writes what follows: however many do so at once and whenever one of them dies, nothing is
left out or done twice.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, ScalarSelect, select, update
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.models.changes import PortalFact


def cursor(name: str) -> ScalarSelect[str]:
    """Its place, the id of a change as a text, as part of another statement; NULL = none yet."""
    return select(PortalFact.value).where(PortalFact.name == name).scalar_subquery()


def place_of(session: Session, name: str) -> int | None:
    """The newest change that was dealt with; None = it has not started."""
    found = session.scalar(select(PortalFact.value).where(PortalFact.name == name))
    return None if found is None else int(found)


def hold_cursor(session: Session, name: str) -> int | None:
    """The same, and nobody else moves it until the transaction ends."""
    found = session.scalar(
        select(PortalFact.value).where(PortalFact.name == name).with_for_update()
    )
    return None if found is None else int(found)


def begin_cursor(session: Session, name: str, at: int) -> None:
    """Begin behind the change ``at``, unless it has started."""
    new = upsert(PortalFact).values(name=name, value=str(at))
    session.execute(new.on_conflict_do_nothing())


def move_cursor(session: Session, name: str, begins: int, ends: int) -> bool:
    """Move it on; False, and nothing, where another one did so meanwhile."""
    moved = session.execute(
        update(PortalFact)
        .where(PortalFact.name == name, PortalFact.value == str(begins))
        .values(value=str(ends))
    )
    return cast(CursorResult[Any], moved).rowcount == 1


def put_cursor(session: Session, name: str, at: int) -> None:
    """Set it, wherever it was."""
    new = upsert(PortalFact).values(name=name, value=str(at))
    session.execute(
        new.on_conflict_do_update(index_elements=["name"], set_={"value": new.excluded.value})
    )
