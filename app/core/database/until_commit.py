"""What a transaction notes for its end, in memory.

The hooks of a session fire for savepoints as for the whole transaction. What is noted here belongs
to the savepoint that is open: rolled back, it takes its notes with it and no others; released, it
leaves them to the transaction around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

_NOTES: Final = "portal_until_commit"
_Note = TypeVar("_Note")


class UntilCommit(Generic[_Note]):
    """Notes of one kind."""

    def add(self, session: Session, note: _Note) -> None:
        """Note this in the session's transaction, as it is now."""
        holder = session.get_nested_transaction() or session.get_transaction()
        _notes(session).append((self, holder, note))

    def take(self, session: Session) -> Sequence[_Note]:
        """The notes, oldest first, once: in a hook of the commit. None while only a savepoint
        ends."""
        if session.get_nested_transaction() is not None:
            return ()
        notes = _notes(session)
        mine = [cast("_Note", note) for kind, _holder, note in notes if kind is self]
        notes[:] = [noted for noted in notes if noted[0] is not self]
        return mine


def _notes(session: Session) -> list[tuple[object, SessionTransaction | None, Any]]:
    found: list[Any] = session.info.setdefault(_NOTES, [])
    return found


@event.listens_for(Session, "before_commit")
def _release(session: Session) -> None:
    savepoint = session.get_nested_transaction()
    if savepoint is not None and (notes := _notes(session)):
        notes[:] = [
            (kind, savepoint.parent if holder is savepoint else holder, note)
            for kind, holder, note in notes
        ]


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    savepoint = session.get_nested_transaction()
    notes = _notes(session)
    notes[:] = [noted for noted in notes if savepoint is not None and noted[1] is not savepoint]
