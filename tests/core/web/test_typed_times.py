"""What a time that is being typed means, as the page shows it below the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.transactions import transaction
from tests.cast import Cast
from tests.harness.visits import Enter


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("event_start=2026-01-31+09:05", "= Sat 2026-01-31 09:05 UTC (10:05 CET)"),
        ("event_start=2026-01-31+09:05%2B02:00", "= Sat 2026-01-31 07:05 UTC (08:05 CET)"),
        ("start=", ""),
        ("", ""),
        ("start=soon", "This is not a readable time. Use for example: now, 40 min ago"),
        ("start=<script>", "This is not a readable time"),
    ],
)
def test_the_echo_is_in_utc_and_in_the_persons_zone(
    session: Session, cast: Cast, visit: Enter, query: str, shown: str
) -> None:
    with transaction(session):
        session.get_one(User, cast.operator.account_id).time_zone = "Europe/Zurich"
    answer = visit(cast.operator).get(f"/typed-time?{query}")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    text = re.sub(r"<[^>]*>", "", answer.text).strip()
    assert text.startswith(shown)
    assert bool(text) == bool(shown)


def test_a_clock_time_is_of_the_persons_zone_and_a_plan_is_ahead(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        session.get_one(User, cast.operator.account_id).time_zone = "Asia/Tokyo"  # no summer time
    visitor = visit(cast.operator)
    before = datetime.now(UTC)
    found = re.search(r'datetime="([^"]+)"', visitor.get("/typed-time?x=yesterday+09:30").text)
    assert found is not None
    moment = datetime.fromisoformat(found[1])
    assert (moment.hour, moment.minute) == (0, 30)
    day = (before + timedelta(hours=9)).weekday()
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day]
    ahead = visitor.get(f"/typed-time?tense=coming&x={name}+00:00").text
    found = re.search(r'datetime="([^"]+)"', ahead)
    assert found is not None
    assert datetime.fromisoformat(found[1]) > before


def test_a_day_alone_is_read_where_it_will_do_and_the_echo_names_the_day(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    echo = visitor.read("/typed-time?tense=coming&days=yes&due_at=2099-12-01").text
    assert echo.strip() == "= Tue 2099-12-01 09:00 UTC", "the day is not said twice"
    refused = visitor.read("/typed-time?tense=coming&x=tomorrow").text
    assert refused.startswith("This is not a readable time. Use for example: 22:00, in 2 h")
