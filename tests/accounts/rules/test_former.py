"""Where the name and the addresses of a person who is forgotten are found, and what replaces
them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.accounts.rules.former import Former

FORMER = Former(
    12,
    "leaver",
    frozenset({"leaver@people.example", "old@people.example"}),
    frozenset({"Lee Aver"}),
)


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("leaver", "former person 12"),
        ("Leaver", "Leaver"),
        ("leaver2", "leaver2"),
        ("Leaver@People.Example", ""),
        ("noc@x.example; leaver@people.example", "noc@x.example"),
        ("leaver@people.example; noc@x.example", "noc@x.example"),
        ("a@x.example;old@people.example, b@x.example", "a@x.example, b@x.example"),
        ("kit, leaver, pic", "kit, former person 12, pic"),
        ("", ""),
        ("a;;b", "a;;b"),
    ],
)
def test_items_are_replaced_whole(text: str, new: str) -> None:
    assert FORMER.items(text) == new


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("leaver commented.", "former person 12 commented."),
        ('{"author":"leaver"}', '{"author":"former person 12"}'),
        ('{"leaver": 1, "role": "leaver"}', '{"leaver": 1, "role": "leaver"}'),
        ("Ask leaver.", "Ask former person 12."),
        ("DE-leaver, leaver-2, a.leaver, leaver.two", "DE-leaver, leaver-2, a.leaver, leaver.two"),
        ("to <Old@people.example>", "to <(removed)>"),
        ("See old@people.example.", "See (removed)."),
        ("old@people.example.org", "old@people.example.org"),
    ],
)
def test_words_are_replaced_in_texts_of_the_portal(text: str, new: str) -> None:
    assert FORMER.words(text) == new
    assert FORMER.occurs_in(text) == (text != new)


def test_a_full_name_is_found_in_any_case_and_not_replaced() -> None:
    text = "Regards, LEE AVER"
    assert FORMER.occurs_in(text)
    assert FORMER.words(text) == text
    assert not FORMER.occurs_in("Lee Avers")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Added by leaver", "Added by former person 12"),
        ("added: Added by leaver", "added: Added by former person 12"),
        ("Ticket 253 created by leaver", "Ticket 253 created by former person 12"),
        ("edited by leaver", "edited by former person 12"),
        ("Entered by leaver", "Entered by former person 12"),
        ("leaver: not for us", "former person 12: not for us"),
        ("dismissed: leaver: leaver wrote it", "dismissed: former person 12: leaver wrote it"),
        ("leaver chose theirs", "former person 12 chose theirs"),
        ("leaver said that it is 17 there", "former person 12 said that it is 17 there"),
        ("leaver set it back to review", "former person 12 set it back to review"),
        ("Added by leaver.two", "Added by leaver.two"),
        ("the fibre was cut by leaver", "the fibre was cut by leaver"),
        ("ask leaver: they know", "ask leaver: they know"),
        ("solved", "solved"),
    ],
)
def test_sentences_of_the_portal_and_no_others_are_changed(text: str, new: str) -> None:
    assert FORMER.sentence(text) == new


def test_a_dot_in_a_name_is_a_dot() -> None:
    dotted = replace(FORMER, name="lea.ver")
    assert dotted.sentence("Added by leaxver") == "Added by leaxver"
    assert dotted.words("leaxver, lea.ver") == "leaxver, former person 12"
