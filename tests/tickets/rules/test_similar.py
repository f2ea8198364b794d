"""Which words of a title tell what it is about, and the first line of a solution."""

from __future__ import annotations

import pytest

from app.tickets.rules.similar import MAX_WORDS, first_line, telling_words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("CERN-PIC-LHCOPN-001 flapping after the upgrade", ["flapping", "upgrade"]),
        ("Link to ES-PIC is down, down again", ["down", "again"]),
        ("LACP: 100 % packet loss on ge-1/2/0", ["lacp", "packet", "loss"]),
        ("Störung der Leitung", ["storung", "der", "leitung"]),
        ("", []),
        ("001 2 #12", []),
        ("\0 \ud800", []),
        (" ".join(f"word{letter}" for letter in "abcdefghijkl"), None),
    ],
)
def test_words(title: str, words: list[str] | None) -> None:
    found = telling_words(title, ("CERN-PIC-LHCOPN-001", "ES-PIC"))
    assert all(term.begun and len(term.words) == 1 for term in found)
    if words is None:
        assert len(found) == MAX_WORDS
    else:
        assert [term.words[0] for term in found] == words


@pytest.mark.parametrize(
    ("text", "line"),
    [("", ""), ("one", "one"), ("\n \n  Replaced it \nThen", "Replaced it"), (" \n", "")],
)
def test_first_line(text: str, line: str) -> None:
    assert first_line(text) == line
