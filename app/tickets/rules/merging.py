"""Which ticket may be merged into which: what is closed as a duplicate of a master."""

from __future__ import annotations

from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _, said_word
from app.tickets.rules.tickets import Category, is_open

MERGED_COMMENT: Final = "Closed as a duplicate of another ticket, in which the work continues."
"""The comment on the duplicate: its partner may not read the master, so that names no number."""
_OF_ITS_OWN: Final = (Category.MAINTENANCE, Category.CHANGE, Category.TEST)
"""What is no duplicate of another category: planned work has windows and answers of its own, and a
test counts nowhere."""


def check_merge(number: int, category: str, master: int, of_master: str, state: str) -> None:
    """Raise ``Invalid`` (field ``other``) unless a ticket of ``category`` may be merged into one of
    the category ``of_master``, which is in ``state``."""
    if number == master:
        raise Invalid("other", _("A ticket cannot be merged into itself; name another ticket"))
    if category != of_master and not {category, of_master}.isdisjoint(_OF_ITS_OWN):
        raise Invalid(
            "other",
            _(
                "Ticket %(number)s is of category %(other)s and this one of category %(category)s:"
                " they cannot be merged; link them instead",
                number=master,
                other=said_word(of_master),
                category=said_word(category),
            ),
        )
    if not is_open(state):
        raise Invalid(
            "other",
            _(
                "Ticket %(number)s is %(state)s; reopen it first, or link the two tickets instead",
                number=master,
                state=said_word(state),
            ),
        )
