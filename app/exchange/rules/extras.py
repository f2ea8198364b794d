"""Fields that a partner added to its tickets, and which of our values fill them.

A profile lists them: a text, or one of the words of ``FILLED``. They are set when a ticket is
created there, and only if the connection test read the field back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.tickets.rules.tickets import Category

SITES, VO, CATEGORY = "{sites}", "{vo}", "{category}"
FILLED: Final = (SITES, VO, CATEGORY)
"""GOCDB names of the sites, the affected VO, and whether it is an incident or a request."""
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
"""The name of a field in Zammad ("Objects", the name of an attribute)."""
OWN: Final = frozenset(
    {
        *("article", "id", "number", "pending_time", "title"),
        *("customer", "group", "owner", "priority", "state"),
        *("customer_id", "group_id", "owner_id", "priority_id", "state_id"),
    }
)
"""Fields that every ticket has: not allowed as extras."""
MOST: Final = 20
"""Most extras of one profile."""


@dataclass(frozen=True)
class Facts:
    """The values of a ticket that can be filled in. ``sites``: GOCDB names."""

    sites: Sequence[str] = ()
    vo: str = ""
    category: str = ""


def filled(extras: Mapping[str, str], facts: Facts) -> Mapping[str, str]:
    """The fields with their values; fields without a value are omitted."""
    words = {
        SITES: ", ".join(facts.sites),
        VO: facts.vo.strip().lower(),
        # two words that public clients of GGUS read
        CATEGORY: "Incident" if facts.category == Category.INCIDENT else "Service request",
    }
    found = {name: words.get(what, what) for name, what in extras.items()}
    return {name: value for name, value in found.items() if value}
