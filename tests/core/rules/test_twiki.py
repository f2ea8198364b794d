"""Whatever people write stays text in TWiki markup: tried against the wiki's own patterns."""

from __future__ import annotations

import html
import re

import pytest

from app.core.rules.documents.twiki import BREAK, heading, link, page, table, text

# What TWiki's renderer looks for, as its documentation and its source tell (Render.pm, TWiki.pm).
MEANINGS = {
    "variable": re.compile(r"%[A-Za-z0-9_:]*[%{]"),
    "macro token": re.compile(r"\$(percnt|quot|dollar|n|nop|lt|gt|amp)"),
    "tag": re.compile(r"</?[a-zA-Z!]"),
    "bracket link": re.compile(r"\[\["),
    "bold, italic, fixed": re.compile(r"(?<![^\s(])(\*|__|_|==|=)\S"),
    "escape": re.compile(r"!\S"),
    "address": re.compile(r"\b(https?|ftp|file|news|mailto):|\S@\S"),
    "other wiki": re.compile(r"\b[A-Z][A-Za-z0-9]+:\S"),
    "smiley": re.compile(r"(?<!\S)([:;8]-?[()DPO]|:\w+:)(?!\S)"),
    "cell": re.compile(r"\|"),
    "heading": re.compile(r"^-{3,}\+*", re.MULTILINE),
    "rule": re.compile(r"-{3,}"),
    "span of rows": re.compile(r"^\s*\^\s*$"),
    "anchor": re.compile(r"^#[A-Z]", re.MULTILINE),
}
HOSTILE = (
    "a | b || c",
    '%INCLUDE{"http://evil.example/"}% %T% %BR% %Y% and 99.9 % of 100%',
    "$percntTOPIC$percnt $quot $n",
    "=fixed= ==bold fixed== *bold* _italic_ __both__",
    "<script>alert(1)</script><verbatim><!-- x --></literal><noautolink>",
    "---+ Heading\n---++!! another\n---\n-- x",
    "!NotALink and LinkName and Main.WebHome, (InBrackets) LHCOPN CERN's UTCs ÉtatMajor",
    "[[http://evil.example][here]] http://evil.example mailto:me@evil.example someone@evil.example",
    "Google:search :-) :mad: 8-) a:b 10:30 ;-) ;) :)",
    "   * list\n   1. numbered\n\t* tab\n#Anchor",
    "^",
    "</noautolink> </NOAUTOLINK > &lt;/noautolink&gt; </noautolink",
    "50%of %%T%% %\u00a0Y% $\u00e9 !! _a_b_ =a=b= a_b_ (*x*)",
    "line one\r\nline two\rthree\u2028four\n\n\nseven",
    "&lt;b&gt; &#37;X&#37; &amp;amp; &",
    "链路中断，已切换到备份线路。Größe ÄÖÜ",
    "=1+1 -2 +3 @SUM(A1) 'quoted\" `x` \\ ~ {a} ^b^ #c",
    "\\\nnext",
    "x" * 5000,
)


def read(cell: str) -> str:
    """A cell as a reader sees it."""
    return html.unescape(cell.replace(BREAK, "\n"))


def as_lines(given: str) -> str:
    """The text without what a browser does not show: blanks beside each other and at ends."""
    return "\n".join(" ".join(line.split()) for line in given.strip().splitlines())


@pytest.mark.parametrize("given", HOSTILE)
def test_any_text_is_read_as_it_was_written_and_means_nothing(given: str) -> None:
    cell = text(given)
    assert "\n" not in cell
    assert "\r" not in cell
    assert read(cell) == as_lines(given)
    bare = cell.replace(BREAK, " ")
    found = {name: hit[0] for name, mark in MEANINGS.items() if (hit := mark.search(bare))}
    assert not found, bare


@pytest.mark.parametrize("given", HOSTILE)
def test_a_row_is_one_line_with_as_many_cells(given: str) -> None:
    made = table(["Question", given], [[given, "x"], ["", given]])
    lines = made.split("\n")
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("| ")
        assert line.endswith(" |")
        assert line.count("|") == 3, line
    cells = [cell.strip() for cell in lines[1].strip("|").split("|")]
    assert [read(cell) for cell in cells] == [as_lines(given), "x"]


def test_headings_and_links() -> None:
    assert heading(2, "Report of PIC | x") == "---++ Report of PIC &#124; x"
    made = link("https://portal.example/reports/A]B/2013-Q1", "a]b")
    assert made == "[[https://portal.example/reports/A%5DB/2013-Q1][a&#93;b]]"


@pytest.mark.parametrize(
    "given",
    [
        "2013-03-05 10:00 UTC, 1 of 2",
        "Spliced; traffic-free since 3 h.",
        'CA-TRIUMF, DE-KIT: Detected events (>= 1 h), CERN\'s "ring" - 99.9 % up!',
        "CERN-GRIDKA-LHCOPN-001 and LinkName, origin_id, a=b, #7, ~5 min, R&D {x}",
    ],
)
def test_words_that_mean_nothing_are_readable_raw(given: str) -> None:
    assert text(given).replace("&gt;", ">").replace("R&amp;D", "R&D") == given


def test_a_page_links_no_word_and_nothing_in_it_ends_that() -> None:
    lines = page([heading(1, given) for given in HOSTILE]).splitlines()
    assert lines[0] == "<noautolink>"
    assert lines[-1] == "</noautolink>"
    assert not [line for line in lines[1:-1] if re.search(r"noautolink\s*>|<\s*/?\s*noauto", line)]


def test_signs_that_turn_the_order_are_named() -> None:
    markup = table(["Head"], [["a\u202eb\u2067c", "next"]])
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", html.unescape(markup))
    assert "a<U+202E>b<U+2067>c" in html.unescape(markup)
