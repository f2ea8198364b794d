"""When a link ends elsewhere than before, what rooms above have written of its ends follows."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.hooks import Hook

LINK_ENDS_MOVED: Final[Hook[[Session, int], None]] = Hook("LINK_ENDS_MOVED")
"""Bring up to date, in the same transaction, what depends on the ends of the link with this key."""
_ENDS: Final = frozenset({"end_a", "end_b"})
"""Fields of a link, as the change log names them."""


def let_ends_follow(session: Session, link_id: int, changed: frozenset[str]) -> None:
    """Call the rooms above if the ends are among these fields of a link that changed."""
    if not _ENDS.isdisjoint(changed):
        LINK_ENDS_MOVED.all(session, link_id)
