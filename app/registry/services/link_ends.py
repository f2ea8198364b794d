"""When a link ends elsewhere than before, what rooms above have written of its ends follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy.orm import Session

Follower = Callable[[Session, int], None]
"""Brings up to date, in the same transaction, what is written of the ends of the link with this
key."""
_FOLLOWERS: Final[dict[str, Follower]] = {}
_ENDS: Final = frozenset({"end_a", "end_b"})
"""Fields of a link, as the change log names them."""


def follows_link_ends(what: str, follower: Follower) -> None:
    """Let what a room above has written follow; ``app/tables.py`` names all of it."""
    _FOLLOWERS[what] = follower


def let_ends_follow(session: Session, link_id: int, changed: frozenset[str]) -> None:
    """Call whoever follows, if the ends are among these fields of a link that changed."""
    if _ENDS.isdisjoint(changed):
        return
    if not _FOLLOWERS:
        raise RuntimeError("Nobody said what follows the ends of links: import app.tables")
    for follower in _FOLLOWERS.values():
        follower(session, link_id)
