"""A field for a period that is left empty shows the period that is in force, not an example."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from app.core.rules.quarters import Quarter
from tests.cast import Cast
from tests.harness.visits import Enter


@pytest.mark.parametrize(
    "place",
    ["/statistics/times", "/statistics/availability", "/statistics/matching"],
)
def test_an_empty_field_shows_what_is_shown(cast: Cast, visit: Enter, place: str) -> None:
    page = visit(cast.reader).get(place).text
    fields = re.findall(r'<input[^>]*name="(?:from|to)"[^>]*>', page)
    shown = [re.findall(r'placeholder="([^"]*)"', one) for one in fields[:2]]
    running = Quarter.of(datetime.now(UTC))
    assert shown == [[str(running.after(-4))], [str(running)]], fields
