"""HTML as text: what people write, and what is written to keep a machine busy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.adapters.html_text import (
    LONGEST,
    MOST_ATTRIBUTES,
    MOST_TAGS,
    TooComplex,
    plain_of,
)

MANY = " ".join(f"a{count}=1" for count in range(200_000))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>We <b>dig</b>.</p><p>Since noon<br>today", "We dig.\n\nSince noon\ntoday"),
        ("<html><head><title>x</title><style>p > a {}</style></head><body>a", "a"),
        ("<SCRIPT>if (a<b) x('<p>')</SCRIPT >b", "b"),
        ("a<!-- <p title=' -->b<!--[if mso]><td><![endif]-->c<!---->d", "abcd"),
        ("<?xml version='1'?><!DOCTYPE html><o:p></o:p>a", "a"),
        ('<a href=\'x?a=1&amp;b=">"\' title=">">link</a>', "link"),
        ("1 < 2 &lt;3 a<b c&amp;d &eacute; &#8364; &#x20ac; &nope; &", "1 < 2 <3 a"),
        ("<p title=it's>it's</p>", "it's"),
        ("&#99999999999999;&#0;" + "&#" + "1" * 5000 + ";", "\ufffd\ufffd\ufffd"),
        ("a\0b", "a\ufffdb"),
        ("", ""),
        (" \n ", ""),
        ("no marks at all", "no marks at all"),
    ],
)
def test_what_people_write(html: str, text: str) -> None:
    assert plain_of(html).startswith(text)


@pytest.mark.parametrize(
    "html",
    [
        "kept <!-- never closed <p>a",
        "kept <a href='never closed",
        "kept <p never closed",
        "kept <script>never closed",
        "kept <? never closed",
        "kept </p never closed",
    ],
)
def test_nothing_is_lost_behind_what_is_not_closed(html: str) -> None:
    assert plain_of(html).startswith("kept")
    assert "never closed" in plain_of(html)


@pytest.mark.parametrize(
    "html",
    [
        f"<a {MANY}>x",
        "<a " + "x " * (MOST_ATTRIBUTES + 1) + ">x",
        "<p>" * (MOST_TAGS + 1),
        "x" * (LONGEST + 1),
        "<a " + "b='>' " * (MOST_ATTRIBUTES + 1) + ">",
        "<!-- ' --><a " + "b='>'" * (MOST_ATTRIBUTES + 1) + ">",
    ],
    ids=["attributes", "names", "tags", "characters", "quoted", "behind a comment"],
)
def test_what_nobody_writes_is_refused(html: str) -> None:
    with pytest.raises(TooComplex):
        plain_of(html)


def test_what_is_just_allowed_is_read() -> None:
    assert plain_of("<a " + "x=1 " * MOST_ATTRIBUTES + ">x") == "x"
    assert plain_of("<b>" * MOST_TAGS + "x") == "x"
    assert plain_of("x" * LONGEST) == "x" * LONGEST


@given(st.lists(st.sampled_from([*"<>/!?-='\" &#;a1", "<!--", "-->", "<script>", "</script"])))
def test_any_text_is_read_or_refused(parts: list[str]) -> None:
    plain_of("".join(parts))


@given(st.lists(st.sampled_from(["We dig", "café", "1 & 2", "x"]), min_size=1))
def test_every_text_between_tags_comes_back(words: list[str]) -> None:
    html = "".join(f"<p class='a>b'>{word.replace('&', '&amp;')}</p>" for word in words)
    assert plain_of(html).split("\n\n") == words
