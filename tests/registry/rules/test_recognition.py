"""Which links and sites a text names."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.registry.rules.recognition import (
    bare_title,
    first_word,
    link_words,
    recognised_links,
    recognised_sites,
    words_in,
)

LINKS = ("CERN-RAL-LHCOPN-001", "CERN-RAL-LHCOPN-002")
SITES = {"CERN": "CH-CERN", "DE-KIT": "DE-KIT", "FZK-LCG2": "DE-KIT", "pic": "ES-PIC",
         "PIC": "ES-PIC", "ES-PIC": "ES-PIC", "NDGF": "NDGF", "NDGF-T1": "NDGF", "NL-T1": "NL-T1",
         "A-B": "HYPHEN", "T1X": "DIGIT", "abc": "SHORT", "a b.": "FOUR"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CERN-RAL-LHCOPN-001 down", (LINKS[0],)),
        ("(CERN-RAL-LHCOPN-002), CERN-RAL-LHCOPN-001.", (LINKS[1], LINKS[0])),
        ("CERN-RAL-LHCOPN-0012 and XCERN-RAL-LHCOPN-001", ()),
        ("CERN-RAL-LHCOPN-001-old", ()),
        ("CERN-RAL-LHCOPN-003", ()),
    ],
)
def test_link_ids_are_whole_words(text: str, found: tuple[str, ...]) -> None:
    assert recognised_links([text], LINKS) == found
    assert recognised_links(["", text], LINKS) == found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("DE-KIT: router down", ("DE-KIT",)),
        ("FZK-LCG2 and DE-KIT", ("DE-KIT",)),
        ("NDGF-T1 then CERN", ("NDGF", "CH-CERN")),
        ("de-kit router down", ()),
        ("a pic of PIC", ()),
        ("CERN-RAL-LHCOPN-001 down", ()),
        ("see https://example.org/DE-KIT/CERN", ()),
        ("DE-KIT-2 down", ()),
        ("NL-T1: router down", ("NL-T1",)),
        ("nl-t1 and NL-T10", ()),
        ("A-B, T1X and abc", ("HYPHEN", "DIGIT")),
        ("(a b.) is four characters long", ("FOUR",)),
    ],
)
def test_site_names_are_whole_words_of_four_characters_or_with_hyphen_or_digit_in_exact_case(
    title: str, found: tuple[str, ...]
) -> None:
    assert recognised_sites(title, SITES, LINKS) == found


def test_a_letter_that_only_looks_like_an_i_is_no_link() -> None:
    assert recognised_links(["CERN-\u0131N2P3-LHCOPN-001"], ["CERN-IN2P3-LHCOPN-001"]) == ()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("CERN-RAL-LHCOPN-001 down",), ("CERN-RAL-LHCOPN-001",)),
        (("cern-ral-lhcopn-1, again", "CERN-RAL-LHCOPN-1"), ("CERN-RAL-LHCOPN-1",)),
        (("b then a: B-X-LHCONE-002 A-X-LHCOPN-003",), ("B-X-LHCONE-002", "A-X-LHCOPN-003")),
        (("(CERN-NDGF-T1-LHCOPN-002)",), ("CERN-NDGF-T1-LHCOPN-002",)),
        (("see https://x.example/CERN-RAL-LHCOPN-001",), ()),
        (("CERN-RAL-LHCOPN-001-bis", "x-LHCOPN", "LHCOPN-001", "-A-LHCOPN-001"), ()),
        (("CERN-RAL-LHCOPN-12345",), ()),
        (("A" * 31 + "-LHCOPN-001",), ()),
        (("A-" * 20_000 + "LHCOPN-001",), ()),
        (("", "no link at all"), ()),
    ],
)
def test_words_that_have_the_form_of_a_link_id(
    texts: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert link_words(texts) == words


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("CERN-RAL-LHCOPN-001", "CERN-RAL-LHCOPN-001"),
        ("cern_Ral 1", "CERN_RAL"),
        ("(x) y", "X"),
        ("Z\u00fcrich-1", ""),
        ("***", ""),
        ("", ""),
    ],
)
def test_the_word_by_which_a_name_is_found(name: str, word: str) -> None:
    assert first_word(name) == word


def test_a_long_word_that_could_be_the_scheme_of_a_url_is_read_at_once() -> None:
    """Squared, these letters would take minutes: the limit of a test ends it."""
    assert bare_title("x" * 300_000, LINKS) == "x" * 300_000
    assert link_words(["x" * 300_000 + " -LHC"]) == ()


def test_words_of_texts_ignore_case_and_letters_that_look_alike() -> None:
    assert words_in(["a-b, C\u0131T", "\u212a\u017f", "\u00fc", "x" * 101]) == {
        *("", "A-B", "CIT", "KS"),
    }


def test_every_letter_that_matches_an_ascii_letter_is_its_look_alike() -> None:
    """The words of a text would miss a name if a letter matched one that they do not know."""
    every = "".join(map(chr, range(0x80, sys.maxunicode + 1)))
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-":
        for found in re.findall(re.escape(letter), every, re.IGNORECASE):
            assert words_in([found]) == {"", letter}, (letter, found)


_LETTERS = "aAiIkKsS-_ .(0\u0131\u0130\u212a\u017f\u00fc\u00dc\u00df\u03b9\u0345/:w"
_some_names = st.lists(st.text(_LETTERS, min_size=1, max_size=7), max_size=6)


@st.composite
def _names_and_text(draw: st.DrawFn) -> tuple[list[str], str]:
    names = draw(_some_names)
    parts = st.text(_LETTERS, max_size=6)
    if names:
        parts |= st.sampled_from(names) | st.sampled_from(names).map(str.swapcase)
    glue = st.sampled_from(["", " ", "-", ", ", " https://a/", "www.", "."])
    return names, "".join(
        word + between for word, between in draw(st.lists(st.tuples(parts, glue), max_size=6))
    )


def _that_may_stand_in(names: Sequence[str], text: str) -> list[str]:
    words = words_in([text])
    return [name for name in names if first_word(name) in words]


@given(_names_and_text())
@example((["i"], "\u0130"))
@example((["A B", "B"], "a b"))
@example((["0\u0345"], "0\u0399"))  # a mark that matches a letter where case is ignored
def test_names_whose_first_word_is_there_find_the_same_links_as_all_names(
    given_names: tuple[list[str], str],
) -> None:
    names, text = given_names
    assert recognised_links([text], _that_may_stand_in(names, text)) == recognised_links(
        [text], names
    )


@given(_names_and_text(), _some_names)
@example((["aaaa"], "aaaawww.x"), [])
def test_names_whose_first_word_is_there_find_the_same_sites_as_all_names(
    given_names: tuple[list[str], str], links: list[str]
) -> None:
    names, title = given_names
    keys = {name: f"site {number}" for number, name in enumerate(names)}
    few_links = _that_may_stand_in(links, title)
    few = _that_may_stand_in(names, bare_title(title, few_links))
    assert recognised_sites(title, {name: keys[name] for name in few}, few_links) == (
        recognised_sites(title, keys, links)
    )
