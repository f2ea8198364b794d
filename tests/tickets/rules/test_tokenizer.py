"""Words of texts, searches as people type them, and hits in their context."""

from __future__ import annotations

import pytest

from app.tickets.rules.tokenizer import (
    MAX_CHARACTERS,
    MAX_WORDS,
    Piece,
    Term,
    context_of,
    hits_in,
    joined,
    pieces_of,
    read_search,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CERN-GRIDKA-LHCOPN-001 is down!", ["cern", "gridka", "lhcopn", "001", "is", "down"]),
        ("a.b_c/d", ["a", "b", "c", "d"]),
        ("Größe STRASSE Straße", ["grosse", "strasse", "strasse"]),
        ("caf\u00e9 cafe\u0301 \u0130stanbul", ["cafe", "cafe", "istanbul"]),
        ("光纤中断 fibre", ["光", "纤", "中", "断", "fibre"]),
        ("\u200f\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd\u200f", ["\u05e9\u05dc\u05d5\u05dd"]),
        ("한국 soft\u00adhyphen", ["한국", "softhyphen"]),
        ("x" * 100, ["x" * 64]),
        ("%'\"*()\\ \u0000", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert words_of(" ".join(words)) == words  # what is kept is found by itself


def term(*words: str, begun: bool = False, part: bool = False) -> Term:
    return Term(words, begun=begun, part=part)


def part(word: str, *, begun: bool = False) -> Term:
    return term(word, begun=begun, part=True)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("down fi", [part("down"), term("fi")]),  # two letters stand for themselves
        ("down fib", [part("down"), part("fib", begun=True)]),
        ('"down fib"', [term("down", "fib")]),
        ('fib "not closed', [part("fib"), term("not", "closed")]),
        ("fi* down*", [term("fi", begun=True), part("down", begun=True)]),
        ("#1042 1042", [Term((), number=1042), term("1042")]),
        ("#x #", [term("x")]),
        ("CERN-GRIDKA-LHCOPN-001", [term("cern", "gridka", "lhcopn", "001")]),
        ("same same", [part("same"), part("same", begun=True)]),
        ("光纤", [term("光", "纤")]),
        ("  ", []),
        ('"', []),
        ('* AND ( % " OR', [part("and"), term("or")]),
    ],
)
def test_searches(text: str, terms: list[Term]) -> None:
    assert list(read_search(text).terms) == terms


def test_what_is_not_searched_for_is_told() -> None:
    assert read_search("x" * 10_000).notes == (
        f"Only the first {MAX_CHARACTERS} characters were searched for",
    )
    many = read_search(" ".join(f"w{number}" for number in range(40)))
    assert len(many.terms) == MAX_WORDS
    assert many.notes == (f"Only the first {MAX_WORDS} words were searched for",)
    assert read_search("%").notes == ("Enter letters or digits to search",)
    assert read_search("").notes == ()


def test_a_term_is_found_as_whole_words() -> None:
    kept = joined(words_of("The link CERN-PIC-LHCOPN-001 flaps"))
    for search, found in {
        "link": True,
        "lin ": True,  # still being typed
        '"lin"': False,
        "pic-lhcopn": True,
        "lhcopn-pic": False,
        "cern pic fla": True,
    }.items():
        assert all(one.needle in kept for one in read_search(search).terms) is found, search


def test_hits_are_marked_where_they_stand() -> None:
    terms = read_search('größe "pic lhcopn" fl*').terms
    text = "<b>GRÖSSE</b> of CERN-PIC-LHCOPN-001: it flaps and flaps"
    marked = "".join(f"[{one.text}]" if one.hit else one.text for one in show(text, terms))
    assert marked == "<b>[GRÖSSE]</b> of CERN-[PIC-LHCOPN]-001: it [flaps] and [flaps]"
    assert show("nothing here", terms) == [Piece("nothing here")]


def show(text: str, terms: tuple[Term, ...]) -> list[Piece]:
    return pieces_of(text, hits_in(text, terms))


def test_a_context_is_short_and_begins_with_a_whole_word() -> None:
    text = "word " * 100 + "needle" + " other" * 100
    pieces = context_of(text, hits_in(text, read_search("needle").terms), 60)
    assert [piece.text for piece in pieces if piece.hit] == ["needle"]
    whole = "".join(piece.text for piece in pieces)
    assert whole.startswith("… word ")
    assert whole.endswith("other …")
    assert len(whole) < 80
