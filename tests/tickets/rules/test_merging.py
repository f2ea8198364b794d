"""Which ticket may be merged into which."""

from __future__ import annotations

import pytest

from app.core.rules.errors import Invalid
from app.tickets.rules.merging import check_merge


@pytest.mark.parametrize(
    ("category", "of_master", "state"),
    [
        ("incident", "incident", "new"),
        ("incident", "informational", "waiting for reply"),
        ("informational", "incident", "reopened"),
        ("maintenance", "maintenance", "on hold"),
        ("change", "change", "assigned"),
        ("test", "test", "in progress"),
    ],
)
def test_what_may_be_merged(category: str, of_master: str, state: str) -> None:
    check_merge(2, category, 1, of_master, state)


@pytest.mark.parametrize(
    ("category", "of_master", "state", "words"),
    [
        ("maintenance", "incident", "new", "they cannot be merged"),
        ("incident", "maintenance", "new", "they cannot be merged"),
        ("change", "maintenance", "new", "they cannot be merged"),
        ("incident", "test", "new", "they cannot be merged"),
        ("test", "incident", "new", "they cannot be merged"),
        ("incident", "incident", "solved", "Ticket 1 is solved; reopen it first"),
        ("incident", "incident", "unsolved", "Ticket 1 is unsolved"),
        ("incident", "incident", "verified", "Ticket 1 is verified"),
        ("incident", "incident", "closed", "Ticket 1 is closed"),
    ],
)
def test_what_may_not(category: str, of_master: str, state: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check_merge(2, category, 1, of_master, state)


def test_none_is_merged_into_itself() -> None:
    with pytest.raises(Invalid, match="cannot be merged into itself"):
        check_merge(1, "incident", 1, "incident", "new")
