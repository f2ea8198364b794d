"""The guide's pages: what they show is what the files, the services and the commands say."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise

from flask import Flask

from app.core.folders import PROJECT
from app.home.pages.guide import FILES, heading_id, render
from app.tickets.rules.tickets import MOVES
from soap_service.fields import SERVICES
from soap_service.qualification import parse_qualification
from tests.cast import Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

DOCS = PROJECT / "docs"
PAGES = [file.path for file in FILES]


def guide() -> str:
    return (DOCS / "partners-guide.md").read_text()


def part(heading: str) -> str:
    """The guide's text between this heading and the next of any level."""
    return re.split(r"^##.*\n", guide().partition(f" {heading}\n")[2], flags=re.MULTILINE)[0]


def test_everybody_reads_it_without_a_login_too(app: Flask, cast: Cast, visit: Enter) -> None:
    stranger = Visitor(app)
    shown: dict[str, set[str]] = {path: set() for path in PAGES}
    for visitor in (stranger, *map(visit, (cast.admin, cast.operator, cast.kit, cast.reader))):
        if visitor is not stranger:
            assert ("/guide", "Partner's guide") in visitor.read("/tickets").links
        for path in PAGES:
            answer = visitor.get(path)
            assert answer.status_code == 200
            shown[path].add(answer.text.partition("<article")[2].partition("</article>")[0])
        assert visitor.get("/guide/..%2Fadr").status_code == 404
    assert [len(texts) for texts in shown.values()] == [1, 1, 1, 1, 1]  # nothing of an account
    for path in PAGES:
        page = stranger.read(path)
        assert ("/login", "Log in") in page.links
        others = {target for target, _words in page.links if target.startswith("/")} - {"/login"}
        assert {target.partition("#")[0] for target in others} <= set(PAGES)
        assert stranger.client.get_cookie("session") is None


def test_every_link_leads_somewhere(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for path in PAGES:
        read = visitor.read(path)
        for target, words in read.links:
            page, _, anchor = target.partition("#")
            if page and not page.startswith("/guide"):
                assert page.startswith("/"), target
                continue
            there = visitor.read(page) if page else read
            found = {value for _tag, name, value in there.attributes if name == "id"}
            assert not anchor or anchor in found, (path, target, words)
        assert ".md" not in " ".join(target for target, _words in read.links)


def test_every_part_is_in_the_contents_once(cast: Cast, visit: Enter) -> None:
    read = visit(cast.reader).read("/guide")
    wanted = re.findall(r"^## (.*)$", guide(), re.MULTILINE)
    contents = [words for target, words in read.links if target == f"#{heading_id(words)}"]
    assert contents[: len(wanted)] == wanted  # they stand before the text and its own links


def test_every_heading_has_an_id_of_its_own(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for path in PAGES:
        ids = [value for _tag, name, value in visitor.read(path).attributes if name == "id"]
        assert len(ids) == len(set(ids))


def test_nothing_inline_and_no_html_of_its_own() -> None:
    document = render(
        "# T\n\n## A *b* & c\n\n<script>alert(1)</script> <b onclick=x>\n\n"
        "| a | b |\n| --: | --- |\n| 1 | <i> |\n\n```html\n<script>\n```\n\n"
        "<!-- for editors -->\n\n"
        "[x](javascript:alert(1)) [faults](fault-numbers.md#http-status-500)\n"
    )
    assert document.title == "T"
    assert document.parts == [("a-b--c", "A b & c")]
    for mark in ("for editors", "<script", "<b ", "<i>", 'href="javascript'):
        assert mark not in document.body
    assert "/guide/faults#http-status-500" in document.body


def test_tables_and_code_scroll_in_boxes_and_nothing_is_styled_inline(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    for path in PAGES:
        page = visitor.get(path).text
        assert not [name for _tag, name, _value in PageReader(page).attributes if name == "style"]
        assert page.count("<table>") == page.count('<div class="scroll" tabindex="0"') > 0
        assert page.count("<pre") == page.count('<pre tabindex="0"')


def test_the_field_table_is_that_of_the_services() -> None:
    """``make docs`` writes it."""
    written = subprocess.run(
        [sys.executable, str(PROJECT / "tools" / "field_table.py")],
        capture_output=True,
        check=True,
    )
    assert written.stdout.decode() == (DOCS / "fields.md").read_text()
    for service in SERVICES.values():
        for operation in service.operations:
            assert operation.name in written.stdout.decode()


def test_the_queries_of_the_guide_can_be_read() -> None:
    queries = re.findall(r"^\(?'GHD_.*$", part("Query"), re.MULTILINE)
    assert len(queries) >= 5
    for query in queries:
        assert parse_qualification(query) is not None


def test_the_states_of_the_guide_are_those_of_the_table_of_moves() -> None:
    """Words of a row before its first remark are states, and every move of the rules is told."""
    rows = re.findall(r"^\| ([a-z].*) \| (.*) \|$", part("States"), re.MULTILINE)[1:]
    told = {}
    for states, moves in rows:
        for state in states.partition(" (")[0].split(", "):
            told[state] = {to for to in map(str, MOVES) if re.search(rf"\b{to}\b", moves)}
    assert told.keys() == {str(state) for state in MOVES}
    for state, moves in MOVES.items():
        # to name the state itself among the targets of an open one is no move
        assert told[state] - {state} == {str(to) for to in moves}


def test_the_faults_of_the_guide_are_documented() -> None:
    numbers = set(re.findall(r"^\| (\d{3}) \|", (DOCS / "fault-numbers.md").read_text(), re.M))
    named: set[str] = set()
    for first, last in re.findall(r"\b([3-9]\d\d)(?: to ([3-9]\d\d))?\b", part("Faults")):
        named |= {str(number) for number in range(int(first), int(last or first) + 1)}
    assert len(named) > 10
    assert named - {"500"} <= numbers


def test_headings_do_not_skip_a_level() -> None:
    for file in FILES:
        levels = [len(mark) for mark in re.findall(r"^(#+) ", _prose(file.name), re.MULTILINE)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def _prose(file: str) -> str:
    return re.sub(r"^```.*?^```", "", (DOCS / file).read_text(), flags=re.MULTILINE | re.DOTALL)
