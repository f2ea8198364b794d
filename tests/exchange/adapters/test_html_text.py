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
    Written,
    plain_of,
    read_html,
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
        ("<table><tr><td>CERN</td><td>down</td></tr>\n <tr><td>KIT<td>up</table>a", "CERN | down"),
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


def of(*rows: str) -> str:
    """A table with a cell at each comma."""
    cells = ("".join(f"<td>{cell}</td>" for cell in row.split(",")) for row in rows)
    return "<table>" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"a{of('Site,State', 'CERN,down', ',')}b", "a\nSite | State\nCERN | down\n\nb"),
        ("<tr><th>a<th>b<tr><td>c<td>d", "a | b\nc | d"),
        (of("<p>CERN</p>,<p>is\n down<br></p>"), "CERN | is down"),
        (of("Ticket Number:,479", "Status:,Open"), "Ticket Number: 479\nStatus: Open"),
        (of("CERN,,down"), "CERN |  | down"),
        (of(" ,<p>Dear all</p><p>We dig</p>, "), "Dear all\n\nWe dig"),
        (of("<p>We</p><p>dig</p>,KIT"), "We\n\ndig\nKIT"),
        (of("<pre>one\ntwo</pre>,KIT"), "one\ntwo\nKIT"),
        (f"<table><tr><td>{of('a,b')}</td><td>c</td></tr></table>", "a | b\n\nc"),
        ("a<td>b", "a\nb"),
    ],
)
def test_cells_of_a_table_keep_their_edges(html: str, text: str) -> None:
    assert plain_of(html).strip() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<a href='https://a.example/?x=1&amp;y'>map</a>.", "map (https://a.example/?x=1&y)."),
        ("<A title=x HREF = https://a.example>map</A>", "map (https://a.example)"),
        ("<a href='https://a.example/'>a.example</a>", "a.example"),
        ("<a href='mailto:noc@a.example'>noc@a.example</a>", "noc@a.example"),
        ("<a href='https://b.example'>https://a.example</a>", "https://a.example (https://b.ex"),
        ("<a href='https://a.example\n(anna via LHCOPN#1/2)'>x</a>", "x (https://a.example (anna"),
        ("<a href='/ticket/1'>1</a>", "1 (/ticket/1)"),
        ("<a href='javascript:go()'>x</a><a href='#x'>y</a><a>z</a>", "xyz"),
        ("<a href='https://a.example'></a>b", "b"),
        ("<a href='https://a.example'>a<a href='https://b.example'>b", "a (https://a.example)b (h"),
        (of("<a href='https://a.example'>a,b"), "a (https://a.example) | b"),
    ],
)
def test_links_keep_their_addresses(html: str, text: str) -> None:
    assert plain_of(html).startswith(text)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<img src='https://a.example/x/map.png?y' alt='The \n cut'>", "[picture: The cut]"),
        ("<img alt='' src='https://a.example/x/map.png?y'/>", "[picture: map.png]"),
        ("<img src=cid:image001.png@01D>", "[picture: image001.png]"),
        ("<img src='data:image/png;base64,A.B'>", "[picture]"),
        ("<img src='/attachment/3'></img>", "[picture]"),
        ("<img alt='" + "x" * 200 + "'>", "[picture: " + "x" * 100 + "]"),
        ("<a href=https://a.example><img alt=map></a>", "[picture: map] (https://a.example)"),
    ],
)
def test_pictures_leave_their_names(html: str, text: str) -> None:
    assert plain_of(html) == text


PIECES = ["<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<a href=/x>", "</a>", "<pre>"]


@given(st.lists(st.sampled_from([*PIECES, "<p>", "<img src=a.b>", "w", " ", "\n"])))
def test_no_word_is_lost_or_doubled_whatever_is_in_which_table(parts: list[str]) -> None:
    assert plain_of("".join(parts)).replace("[picture: a.b]", "").count("w") == parts.count("w")


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>a" * (MOST_TAGS // 3),
        "<td>a" * MOST_TAGS,
        "<a href=/x>a" * MOST_TAGS,
        "<td><a href=/x>" * (MOST_TAGS // 2),
        "<tr><td>a<td>" + "<p>a" * (MOST_TAGS - 3),
    ],
    ids=["tables", "cells", "links", "links in cells", "lines of a cell"],
)
def test_what_is_never_closed_is_looked_at_a_fixed_number_of_times(html: str) -> None:
    class Counted(list[str]):
        looked_at = 0

        def __getitem__(self, key: object) -> object:  # type: ignore[override]
            found = super().__getitem__(key)  # type: ignore[call-overload]
            Counted.looked_at += len(found) if isinstance(key, slice) else 0
            return found

    written = Written(Counted())
    read_html(html, written)
    written.text()
    assert Counted.looked_at <= 4 * MOST_TAGS


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
