"""What keeps a site or link from ending: links in use, and what rooms above know to depend on
it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined, said_word
from app.registry.models.registry import Link, Site
from app.registry.services.registry import MAX_NAMED, listed

Blocker = Callable[[Session, Site | Link, int], Sequence[str]]
"""The names of what depends on a record, no more than so many."""
_BLOCKERS: Final[dict[str, Blocker]] = {}


def blocks_retirement(what: str, named: Blocker) -> None:
    """Let what a room above knows keep records from ending; ``app/tables.py`` names all of it."""
    _BLOCKERS[what] = named


def refuse_while_used(session: Session, row: Site | Link, links: Sequence[str]) -> None:
    """Raise ``Invalid`` on the last day, naming the links and all else that depends on a record."""
    if not _BLOCKERS:
        raise RuntimeError("Nobody said what keeps a site or link from ending: import app.tables")
    used = {"links in use": links} | {
        what: named(session, row, MAX_NAMED + 1) for what, named in _BLOCKERS.items()
    }
    reasons = [
        _("%(what)s (%(names)s)", what=said_word(what), names=listed(names))
        for what, names in used.items()
        if names
    ]
    if reasons:
        raise Invalid(
            "valid_until",
            _(
                "The %(what)s cannot end while there are %(listed)s: end or change these first",
                what=_("site") if isinstance(row, Site) else _("link"),
                listed=joined(_(" and "), reasons),
            ),
        )
