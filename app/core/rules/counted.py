"""What figures count of tickets, where no other filter of the list says it.

The list of tickets takes these words, so that each number of a figure leads to exactly its rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from app.core.rules.language import _
from app.core.rules.quarters import Quarter


class Counted(StrEnum):
    """The tickets that a figure counts."""

    NO_TEST = "no test"
    """Every category but test: what figures count at all."""
    NO_LINK = "no link"
    """It names no link."""
    NO_SITE = "no site"
    """It concerns no site: none is affected or responsible, and it names no link."""
    NO_AFFECTED = "no affected site"
    NO_RESPONSIBLE = "no responsible site"
    FINAL = "closed for good"
    """In the state closed itself; the list's own word means all closed ones."""
    ANSWERED = "response known"
    """It has a response time."""
    ENDED = "solution known"
    """It has a solution time and a lifetime: solved or unsolved, and not reopened since."""
    WAITED = "waited"
    """It ever waited for a reply."""
    LONG_STANDING = "long-standing"
    """Open, no test, and created more than ``DAYS_STANDING`` days ago."""
    LESS_URGENT = "submitted less urgent"
    """The priority at submission, whatever it is now."""
    NORMAL = "submitted normal"
    URGENT = "submitted urgent"
    VERY_URGENT = "submitted very urgent"
    TOP = "submitted top priority"


SUBMITTED: Final = "submitted "
"""How the words of priorities at submission begin."""
SLIDES: Final = ((Quarter(2012, 1), Quarter(2012, 2)), (Quarter(2013, 1), Quarter(2013, 2)))
"""The quarters of the two tables "Events matching per T1" of the group's slides of 2013."""
SLIDES_RANGE: Final = (SLIDES[0][0], SLIDES[-1][-1])
"""The first and the last of them."""
DECK_NUMBERS: Final = (_("111 in 2012"), _("14 in the first half of 2013"))
"""The numbers of tickets in the group's report of 2013: quoted, never counted here."""
DECK_SOURCE: Final = _("from the LHCOPN group’s 2013 report")
DAYS_STANDING: Final = 30
"""Days (of 24 h) after which an open ticket is long-standing (decisions, section 9)."""
