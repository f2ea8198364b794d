"""Nothing that people or partners can do is missing over REST, or the table says why."""

from __future__ import annotations

from pathlib import Path

from app.api import OPERATIONS
from app.api.events.events import RECEIVERS
from tests.api.coverage import LINES, document, known, line_of


def test_every_page_and_operation_is_in_the_table() -> None:
    assert [how for how in known() if line_of(how) is None] == []


def test_every_line_is_of_something() -> None:
    used = {id(line_of(how)) for how in known()}
    assert [line.hows for line in LINES if id(line) not in used] == []


def test_what_it_names_is_there() -> None:
    named = {name for line in LINES for name in line.rest}
    own = {operation.name for operation in OPERATIONS}
    assert named - own == set()
    more = {"getPairs", *(one.name for one in RECEIVERS)}  # for other portals and for monitoring
    assert own - named - more == set()


def test_the_page_is_the_printed_one() -> None:
    assert Path("docs/rest-coverage.md").read_text("utf-8") == document()
