"""MAINTNOTE's words for the impacts of tickets."""

from __future__ import annotations

from app.calendar.adapters.maintnote import IMPACT_WORDS, IMPACTS
from app.tickets.rules.tickets import Impact


def test_every_impact_has_its_word() -> None:
    assert IMPACT_WORDS == {
        "none": "NO-IMPACT",
        "reduced redundancy": "REDUCED-REDUNDANCY",
        "degraded": "DEGRADED",
        "outage": "OUTAGE",
        "unknown": "OUTAGE",
    }
    # what is read back is what was meant; what nobody stated is the standard's default
    assert {IMPACTS[IMPACT_WORDS[impact]] for impact in Impact} == {*Impact} - {Impact.UNKNOWN}
