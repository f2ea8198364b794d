"""When a report is reminded of; and the mails' words, whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.rules.quarters import Quarter
from app.reports.rules.notifications import News, news_notification, news_of, reminder_notification
from app.reports.rules.reminders import (
    next_step,
    quarters_reminded_of,
    step_due,
    step_in_words,
    steps_of,
)
from app.reports.rules.reports import ReportState

Q1 = Quarter(2013, 1)
"""It ends with March; thirty days are April: the due day is the 30th."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2013-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "due", "ahead"),
    [
        ("03-31T23:59", None, "7 days before it"),
        ("04-22T23:59", None, "7 days before it"),
        ("04-23T00:00", "7 days before it", "on the due day"),
        ("04-29T23:59", "7 days before it", "on the due day"),
        ("04-30T00:00", "on the due day", "7 days after it"),
        ("05-07T00:00", "7 days after it", "21 days after it"),
        ("05-21T00:00", "21 days after it", "35 days after it"),
        ("06-04T00:00", "35 days after it", "49 days after it"),
        ("06-18T00:00", "49 days after it", None),
        ("07-01T23:59", "49 days after it", None),
        ("07-02T00:00", None, None),
    ],
)
def test_each_step_holds_until_the_next(moment: str, due: str | None, ahead: str | None) -> None:
    step, later = step_due(Q1, 30, at(moment)), next_step(Q1, 30, at(moment))
    assert (step.name if step else None, later.name if later else None) == (due, ahead)


def test_nothing_is_reminded_of_before_the_quarter_has_ended() -> None:
    assert [one.days for one in steps_of(Q1, 5)] == [0, 7, 21, 35, 49], "due on the fifth day"
    assert step_due(Q1, 5, at("03-31T12:00")) is None
    assert [one.days for one in steps_of(Q1, 8)] == [-7, 0, 7, 21, 35, 49]


def test_quarters_that_are_reminded_of() -> None:
    def named(moment: datetime, days: int = 30) -> list[str]:
        return [str(one) for one in quarters_reminded_of(days, moment)]

    assert named(at("04-01T00:00")) == ["2012-Q4", "2013-Q1"], "before its first reminder, too"
    assert named(at("04-03T00:00")) == ["2013-Q1"], "the last step of 2012-Q4 was on 20 March"
    assert named(at("07-01T00:00")) == ["2013-Q1", "2013-Q2"]
    assert named(at("07-02T00:00")) == ["2013-Q2"]
    assert named(at("03-31T00:00"), 120) == ["2012-Q3", "2012-Q4"]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("7 days before it", "7 days before the due date"),
        ("on the due day", "on the due date"),
        ("49 days after it", "49 days after the due date"),
        ("by hand 2013-05-02", "sent by hand"),
    ],
)
def test_a_stored_reminder_is_shown_in_words(stored: str, words: str) -> None:
    assert step_in_words(stored) == words


def test_the_words_of_reminders() -> None:
    first = reminder_notification("DE-KIT", Q1, 30, at("04-23T07:00"), state=None)
    assert first.subject == "DE-KIT 2013-Q1: report is due on 2013-04-30"
    assert first.text == (
        "The quarterly report of DE-KIT for 2013-Q1 is due on 2013-04-30 (UTC) and is not"
        " submitted.\n\n"
        "Nobody has started it yet. The portal\u2019s numbers are already filled in."
    )
    on_the_day = reminder_notification("DE-KIT", Q1, 30, at("04-30T23:59"), state=None)
    assert on_the_day.subject == "DE-KIT 2013-Q1: report is due on 2013-04-30"
    late = reminder_notification(
        "DE-KIT",
        Q1,
        30,
        at("05-07T07:00"),
        state=ReportState.DRAFT,
        changed_by="kit",
        changed_at=at("04-29T10:00"),
        asked_by="operator",
    )
    assert late.subject == "DE-KIT 2013-Q1: report was due on 2013-04-30"
    assert late.text == (
        "The quarterly report of DE-KIT for 2013-Q1 was due on 2013-04-30 (UTC) and is not"
        " submitted.\n\n"
        "It has been started; last edited by kit on 2013-04-29.\n\n"
        "operator sent this reminder."
    )


def test_what_a_change_tells() -> None:
    assert news_of({"state": "submitted", "signed": "1"}) is News.SUBMITTED
    assert news_of({"state": "reopened", "why": "x"}) is News.REOPENED
    assert news_of({"state": "accepted"}) is News.ACCEPTED
    assert news_of({"comment": "Seen."}) is News.COMMENTED
    assert news_of({"answer.issues": "none"}) is None
    assert news_of({"state": "draft"}) is None


def test_the_words_of_news() -> None:
    said = {
        news: news_notification(
            news, "DE-KIT", Q1, "kit", {"comment": "Why 3?\n|=x", "why": "A slip."}
        )
        for news in News
    }
    assert {news: notification.subject for news, notification in said.items()} == {
        News.SUBMITTED: "DE-KIT 2013-Q1: report submitted",
        News.REOPENED: "DE-KIT 2013-Q1: report reopened",
        News.ACCEPTED: "DE-KIT 2013-Q1: report accepted",
        News.COMMENTED: "DE-KIT 2013-Q1: comment on the report",
    }
    assert {news: notification.text for news, notification in said.items()} == {
        News.SUBMITTED: "kit submitted the report of DE-KIT for 2013-Q1. Its numbers are frozen.",
        News.REOPENED: "kit reopened the report of DE-KIT for 2013-Q1. It has to be submitted"
        " again.\n\nReason: A slip.",
        News.ACCEPTED: "kit accepted the report of DE-KIT for 2013-Q1.",
        News.COMMENTED: "kit commented on the report of DE-KIT for 2013-Q1:\n\nWhy 3?\n|=x",
    }
