"""MAINTNOTE's words for the impact of planned work, in both directions.

MAINTNOTE (draft NANOG BCOP 0.1, github.com/jda/maintnote-std/blob/master/standard.md) is an
iCalendar event with fields of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.tickets.rules.tickets import Impact

IMPACTS: Final[Mapping[str, Impact]] = {
    "NO-IMPACT": Impact.NONE,
    "REDUCED-REDUNDANCY": Impact.REDUCED,
    "DEGRADED": Impact.DEGRADED,
    "OUTAGE": Impact.OUTAGE,
}
"""X-MAINTNOTE-IMPACT; any other value is an outage, as the standard says."""
IMPACT_WORDS: Final[Mapping[str, str]] = {
    **{impact: word for word, impact in IMPACTS.items()},
    Impact.UNKNOWN: "OUTAGE",
}
"""A ticket's impact in MAINTNOTE's words; what nobody stated is the standard's default."""
