"""A person's settings of pages: the columns of the list, and single-key shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor


def remember_columns(session: Session, actor: Actor, columns: Sequence[str]) -> None:
    """Show the list with these columns from now on, in this order; none = those of the portal."""
    session.execute(
        update(User).where(User.id == actor.account_id).values(list_columns=" ".join(columns))
    )


def set_shortcuts(session: Session, actor: Actor, *, on: bool) -> None:
    """Whether single-key shortcuts are on."""
    session.execute(update(User).where(User.id == actor.account_id).values(shortcuts=on))
