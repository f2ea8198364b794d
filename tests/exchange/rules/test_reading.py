"""What is new in a partner's ticket, read as often and in whatever order it may be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.rules.reading import (
    Known,
    TheirFile,
    TheirText,
    TheirTicket,
    news_of,
    trace_of,
    why_lost,
)
from app.tickets.rules.marks import Mark, marked, without_marks

OURS = {1: "The link is down.", 2: "Any news?", 3: "Any news?", 4: "It is up again."}
SENT = {key: marked(text, Mark(12, key, "anna")) for key, text in OURS.items()}
KNOWN = Known(12, SENT, frozenset())
WORDS = st.sampled_from(["Any news?", "A splice failed", "We look at it", "The link is down."])


def ours(key: str, sequence: int, **more: object) -> TheirText:
    """A text of ours as it stands there."""
    return TheirText(key, SENT[sequence], by_us=True, **more)  # type: ignore[arg-type]


def ticket(*texts: TheirText, **more: object) -> TheirTicket:
    """Their ticket with these texts."""
    return TheirTicket("81", texts, is_whole=True, **more)  # type: ignore[arg-type]


@given(st.lists(WORDS, max_size=8), st.lists(st.integers(1, 4), unique=True), st.randoms())
def test_every_text_of_theirs_comes_once_however_it_is_read(
    said: list[str], arrived: list[int], chance: object
) -> None:
    texts = [TheirText(f"t{place}", text) for place, text in enumerate(said)]
    texts += [ours(f"o{sequence}", sequence) for sequence in arrived]
    chance.shuffle(texts)  # type: ignore[attr-defined]
    known, taken = KNOWN, list[str]()
    confirmed: dict[int, str] = {}
    for end in [*range(len(texts)), len(texts), len(texts)]:  # read again while it grows
        news = news_of(ticket(*texts[:end]), known)
        taken += [text.text for text in news.texts]
        confirmed |= dict(news.confirmed)
        keys = {*known.arrived, *news.confirmed.values(), *news.copies}
        known = replace(known, arrived=frozenset(keys | {text.key for text in news.texts}))
    assert sorted(taken) == sorted(said)
    assert confirmed == {sequence: f"o{sequence}" for sequence in arrived}


def test_a_text_of_ours_that_lost_its_mark_is_ours() -> None:
    changed = TheirText("1", "  the LINK is down.", by_us=True)
    assert news_of(ticket(changed), KNOWN).confirmed == {1: "1"}


def test_a_text_of_ours_that_came_round_is_a_copy() -> None:
    round_ = TheirText("9", marked(SENT[4], Mark(700, 1, "NREN")))
    news = news_of(ticket(ours("1", 1), round_), KNOWN)
    assert (news.copies, news.texts) == (["9"], [])


def test_the_same_entry_twice_there_is_one_and_a_copy() -> None:
    news = news_of(ticket(ours("1", 2), ours("2", 2)), KNOWN)
    assert (news.confirmed, news.copies) == ({2: "1"}, ["2"])


def test_marks_of_others_stay_for_they_are_counted() -> None:
    passed = TheirText("5", marked("A splice failed", Mark(700, 1, "NREN")))
    (text,) = news_of(ticket(passed), KNOWN).texts
    assert text.text == passed.text
    assert without_marks(text.text) == "A splice failed"


def test_what_came_with_a_merge_from_another_ticket_of_ours_is_not_news() -> None:
    known = replace(KNOWN, elsewhere=frozenset({"7", "7/1"}))
    file = TheirFile("7/1", "plot.png")
    news = news_of(ticket(ours("1", 1), TheirText("7", "Known", files=(file,))), known)
    assert (news.texts, news.copies, list(news.files)) == ([], ["7"], [])


def test_files_are_news_once_and_only_theirs() -> None:
    files = (TheirFile("5/1", "a.txt"), TheirFile("5/2", "b.txt"))
    text = TheirText("5", "See", "jo", files=files)
    mine = replace(ours("6", 4), files=(TheirFile("6/1", "c.txt"),))
    known = replace(KNOWN, arrived=frozenset({"5", "5/1"}))
    news = news_of(ticket(text, mine), known)
    assert [(author, file.key) for author, file in news.files] == [("jo", "5/2")]


@pytest.mark.parametrize(
    ("texts", "number", "lost"),
    [
        ((ours("1", 1),), "10081", False),
        ((TheirText("7", "known"), TheirText("8", "new")), "10081", False),
        ((TheirText("8", "new"),), "10081", True),
        ((), "10081", True),
        ((TheirText("7", "another one, with an id that was given again"),), "10081", True),
        ((ours("1", 1),), "10099", True),
        ((ours("1", 1),), "", False),
    ],
)
def test_an_id_that_was_given_a_second_time_is_seen(
    texts: tuple[TheirText, ...], number: str, lost: bool
) -> None:
    known = replace(KNOWN, arrived=frozenset({"7"}), digests={"7": trace_of("known")})
    read = ticket(*texts, number=number)
    assert bool(why_lost(read, known, their_number="10081", moved=False)) is lost
    assert not why_lost(replace(read, is_whole=False), known, their_number="10081", moved=False)


def test_a_text_of_html_that_is_written_otherwise_since_is_the_same() -> None:
    """What was read before links, pictures and cells were kept is known again."""
    known = replace(KNOWN, sent={}, digests={"7": trace_of("CERNdown since noon, see map")})
    text = "CERN | down since noon, see map (https://a.example) [picture: a.png]"
    assert not why_lost(ticket(TheirText("7", text)), known, their_number="", moved=False)
    other = ticket(TheirText("7", "CERN | up since noon, see map"))
    assert why_lost(other, known, their_number="", moved=False)


def test_a_ticket_that_was_merged_away_is_not_lost() -> None:
    assert not why_lost(ticket(merged_into="82"), KNOWN, their_number="", moved=False)
    assert not why_lost(ticket(TheirText("8", "new")), KNOWN, their_number="", moved=True)
