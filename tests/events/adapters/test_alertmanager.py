"""Alerts of Alertmanager that lack something, or whose times cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.events.adapters.alertmanager import read_webhook
from app.events.rules.formats import Labels

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_alert_without_fingerprint_or_status_of_its_own() -> None:
    alert = {"labels": {"link": "X"}, "startsAt": "2026-03-02T08:00:00Z"}
    body = {"version": "4", "status": "resolved", "alerts": [alert, alert]}
    hook = read_webhook(body, "am", Labels(), NOW)
    (message,) = hook.messages  # the same alert twice is one
    assert message.end == NOW
    assert message.source_id.endswith(" 2026-03-02T08:00:00Z")
    other = {**alert, "labels": {"link": "Y"}}
    assert len(read_webhook({**body, "alerts": [alert, other]}, "am", Labels(), NOW).messages) == 2


def test_ends_ahead_and_before_the_start_are_brought_in_line() -> None:
    begin = "2026-03-02T08:00:00Z"
    ends = {"2026-03-02T13:00:00Z": NOW, "2026-03-02T07:00:00Z": NOW - timedelta(hours=4)}
    for text, end in ends.items():
        alert = {"status": "resolved", "labels": {}, "startsAt": begin, "endsAt": text}
        hook = read_webhook({"version": "4", "alerts": [alert]}, "am", Labels(), NOW)
        assert hook.messages[0].end == end
