"""The history on the page of an event."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.harness.visits import Enter
from tests.matching.matching_world import report


def test_it_shows_times_in_words_and_not_as_programs_send_them(
    session: Session, cast: Cast, visit: Enter
) -> None:
    for start, end in (
        ("2013-03-01 08:00", None),
        ("2013-03-01 08:05", None),
        ("2013-03-01 08:05", "2013-03-01 09:00"),
    ):
        event = report(session, cast, start, end, source_id="one")
    page = visit(cast.operator).read(f"/events/{event}").text
    history = page.partition("History")[2]
    assert "Start: 2013-03-01 08:00:00 UTC → becomes 2013-03-01 08:05:00 UTC" in history
    assert "closed it" in history
    assert "End: 2013-03-01 09:00:00 UTC" in history
    assert "T08:0" not in history
