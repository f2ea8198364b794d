"""What keeps a site or link from ending: links in use, and what rooms above know to depend on
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.hooks import Hook
from app.core.rules.language import _, joined, said_word
from app.registry.models.registry import Link, Site
from app.registry.services.registry import MAX_NAMED, listed

DEPENDENTS: Final[Hook[[Session, Site | Link, int], tuple[str, Sequence[str]]]] = Hook("DEPENDENTS")
"""What depends on a record, in words, and the names of the first so many."""


def refuse_while_used(session: Session, row: Site | Link, links: Sequence[str]) -> None:
    """Raise ``Invalid`` on the last day, naming the links and all else that depends on a record."""
    used = {"links in use": links} | dict(DEPENDENTS.all(session, row, MAX_NAMED + 1))
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
