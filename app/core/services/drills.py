"""The record of drills, in the change log: time, account and result of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Writer, require_admin
from app.core.rules.drills import Drill, Practised, Result
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change, take_number

DRILL: Final = "drill"
"""The kind of a drill in the change log; its key counts them."""
_WHICH: Final = "drill"
_RESULT: Final = "result"


def note_drill(
    session: Session,
    by: Writer,
    drill: Drill,
    result: Result,
    details: Sequence[tuple[str, str]],
) -> None:
    """Record a drill that ended now: administrators, and commands."""
    require_admin(by.actor, _("record drills"))
    seen = [(_WHICH, str(drill)), (_RESULT, str(result)), *details]
    record_change(
        session,
        by,
        kind=DRILL,
        thing_id=take_number(session, DRILL),
        fields=[FieldChange(name, None, value) for name, value in seen],
        version=1,
    )


def drills(session: Session) -> Sequence[Practised]:
    """Every drill that was recorded, the newest first."""
    changes = select(Change).where(Change.kind == DRILL).order_by(Change.id.desc())
    found = []
    for change in session.scalars(changes):
        pairs = [(one.field, one.new or "") for one in change.fields]
        named = dict(pairs)
        details = [pair for pair in pairs if pair[0] not in (_WHICH, _RESULT)]
        found.append(Practised(named[_WHICH], change.at, change.author, named[_RESULT], details))
    return found
