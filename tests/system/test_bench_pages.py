"""What ``bench http`` compares its pages with: the table in ``docs/bench.md``, and growth."""

from __future__ import annotations

import pytest

from bench.http import FLOOR, PUBLISHED, growth, pages, published_times
from bench.places import KINDS, Place


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_table_has_each_page(kind: str) -> None:
    published = published_times(kind, PUBLISHED.read_text())
    rows = {*pages(Place(kind, "", 1, 100)), "TicketGet"} - {"an answer without a page"}
    assert rows <= set(published)
    assert 0 < published[FLOOR] < min(published["list"], published["home"])


_DOCUMENT = """
## Pages and calls over HTTP

| | SQLite now: p50, p95 | PostgreSQL now: p50, p95 |
| --- | ---: | ---: |
| list | 25, 29 | **37.5**, 47 |

## Live pages

| | SQLite now: p50, p95 |
| --- | ---: |
| list | 1, 2 |
"""


def test_published_times_are_those_of_the_database_and_of_that_table_alone() -> None:
    assert published_times("sqlite", _DOCUMENT) == {"list": 25.0}
    assert published_times("postgresql", _DOCUMENT) == {"list": 37.5}
    assert published_times("postgresql", _DOCUMENT.partition("## Live")[2]) == {}


def test_growth_is_the_exponent() -> None:
    assert growth(4.0, 4.0, 10) == "0.00"
    assert growth(4.0, 40.0, 10) == "1.00"
    assert growth(10.0, 31.6, 10) == "0.50"
