"""Planned work as iCalendar, whatever people and partners write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from app.calendar.adapters.planned_work import Publisher, notice_of
from app.calendar.rules.calendar import Planned
from app.notices.adapters.files import read
from app.notices.rules.notices import Notice

NOON = datetime(2013, 3, 6, 12, 0, tzinfo=UTC)
HERE = Publisher("https://portal.example", "tickets@portal.example")
HOSTILE = (
    "two\nX-MAINTNOTE-STATUS:CANCELLED",
    "two\r\nEND:VEVENT\r\nEND:VCALENDAR",
    "a;b,c\\n\\",
    'quotes "and" colons: x',
    "é\U0001f6a7" * 40,
)


def work(title: str, site: str) -> Planned:
    return Planned(
        ticket=7,
        version=3,
        title=title,
        state="new",
        category="maintenance",
        network="LHCOPN",
        impact="none",
        changed_at=NOON,
        start=NOON,
        end=NOON + timedelta(hours=1),
        open_end=False,
        cancelled=False,
        sites=(site, "DE-KIT"),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_makes_a_line_of_its_own(text: str) -> None:
    content = notice_of(work(text, text), HERE)
    assert max(len(line) for line in content.encode().split(b"\r\n")) <= 75
    calendar: Any = Calendar.from_ical(content)
    (event,) = calendar.walk("VEVENT")
    assert len(event["X-MAINTNOTE-OBJECT-ID"]) == 2
    assert str(event["X-MAINTNOTE-STATUS"]) == "CONFIRMED"
    plain = text.replace("\r\n", "\n")
    assert str(event["SUMMARY"]) == f"Maintenance: {plain}"
    (notice,) = read(content.encode()).found
    assert isinstance(notice, Notice)
    assert notice.status == "CONFIRMED"
    assert len(notice.circuits) == 2
