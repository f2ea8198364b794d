"""Each number of a pack's slides, read back from the PPTX, is that of the page that is its source.

A slide names its page; the page's own file (CSV) is read beside it. The same holds for the TWiki
text of a quarter.
"""

from __future__ import annotations

import csv
import html
import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.documents.slides import SlideKind
from app.jobs.tasks.context import Context
from app.meetings.tasks.packs import make_pack
from app.reports.rules.documents import QUARTER_COLUMNS
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.visitor import Visitor
from tests.matching.matching_world import LINK, report, ticket
from tests.meetings.tasks.test_packs import (
    PIC,
    chart_of,
    logged_in,
    made,
    order,
    sources_of,
    table_of,
    title_of,
    titled,
)

FIRST, LAST = "2012-Q4", "2013-Q1"
AFTER = datetime(2013, 4, 10, tzinfo=UTC)
CATEGORIES = {
    "Incidents": "incident",
    "Maintenance": "maintenance",
    "Changes": "change",
    "Informational": "informational",
    "All": "TOTAL",
}
STANDINGS = {"In time": "met", "Late": "late", "Missing": "missing", "Before the deadline": "due"}


@pytest.fixture
def cast(session: Session) -> Cast:
    """Duties in time, late and missing of two sites; tickets of all categories and quarters."""
    found = enter(session)
    for day in ("5", "8", "12", "20"):
        report(session, found, f"{day} 10:00", f"{day} 15:00", now=AFTER)
    report(session, found, "2012-11-03 08:00", "2012-11-03 12:00", link=PIC, now=AFTER)
    report(session, found, "2013-02-01 10:00", "2013-02-01 12:00", link=PIC, now=AFTER)
    for day, written in (("5", 5), ("8", 8), ("12", 19)):
        begun, end = f"{day} 10:10", f"{day} 14:50"
        at = NOON.replace(month=3, day=written, hour=12)
        ticket(session, found, links=(LINK,), event_start=begun, event_end=end, now=at)
    for month, category in ((10, "maintenance"), (12, "change")):
        at = NOON.replace(year=2012, month=month)
        ticket(session, found, category=category, sites=("ES-PIC",), now=at)
    done = ticket(session, found, category="informational", now=NOON.replace(month=2))
    with transaction(session):
        change_ticket(session, writer(found.operator), done, {"state": "solved", "solution": "x"})
    return found


def file_of(reader: Visitor, source: str) -> list[dict[str, str]]:
    """The rows of the file of the page that a slide names."""
    path, _, query = source.partition("?")
    answer = reader.get(f"{path}.csv?{query}")
    assert answer.status_code == 200, path
    return list(csv.DictReader(io.StringIO(answer.text)))


def source_of(file: Any, context: Context, slide: Any) -> str:
    place = [one.slide_id for one in file.slides].index(slide.slide_id)
    return sources_of(file)[place - 1].removeprefix(context.settings.public_url)


def test_numbers_of_every_slide_are_those_of_its_page(
    app: Flask, session: Session, cast: Cast, context: Context
) -> None:
    number = order(session, cast, [str(kind) for kind in SlideKind])
    make_pack(context, {"id": number})
    file, texts = made(session, cast, number)
    reader = logged_in(app, session, cast)

    def rows_behind(slide: Any) -> list[dict[str, str]]:
        return file_of(reader, source_of(file, context, slide))

    # tickets due, by site and standing
    slide = titled(file, "Required tickets")
    counted = Counter((row["responsible_site"], row["standing"]) for row in rows_behind(slide))
    head, *lines, total = table_of(slide)
    words = head[1:-1]
    assert {site for site, _standing in counted} == {"DE-KIT", "ES-PIC"}
    assert {STANDINGS[word] for word in words} >= {standing for _site, standing in counted}
    for name, *cells in lines:
        assert cells[:-1] == [str(counted[name, STANDINGS[word]]) for word in words], name
        assert int(cells[-1]) == sum(map(int, cells[:-1]))
        for word, cell in zip(words, cells, strict=False):
            assert chart_of(slide)[word][name] == int(cell)
    sums = [sum(int(line[at]) for line in lines) for at in range(1, len(head))]
    assert total == ["TOTAL", *map(str, sums)]
    assert sums[-1] == sum(counted.values()) >= 4
    assert len([one for one in sums[:-1] if one]) == 3, "in time, late and missing"

    # the two headline numbers, of the year and the half-year as in the slides of 2013
    slide = titled(file, "Tickets in a year and in a half-year")
    halves = {row["period"]: int(row["tickets"]) for row in rows_behind(slide)}
    year, half = halves["2012-H1"] + halves["2012-H2"], halves["2013-H1"]
    assert table_of(slide)[1:] == [["2012", str(year)], ["the first half of 2013", str(half)]]
    assert chart_of(slide) == {"Tickets": {"2012": year, "2013-H1": half}}
    said = " ".join(one.text_frame.text for one in slide.shapes if one.has_text_frame)
    assert f"Tickets: {year} in 2012, {half} in the first half of 2013" in said
    quoted = "from the LHCOPN group’s 2013 report: 111 in 2012 and 14 in the first half of 2013"
    assert quoted in said, "quoted as the deck's, whatever is counted here"

    # tickets by quarter and by month, by category
    for title in ("Tickets per quarter", "Tickets per month"):
        slide = titled(file, title)
        of_page = {(row["period"], row["category"]): row["tickets"] for row in rows_behind(slide)}
        head, *lines = table_of(slide)
        for name, *cells in lines[:-1]:
            for word, cell in zip(head[1:], cells, strict=True):
                assert cell == of_page.get((name, CATEGORIES[word]), "0"), (name, word)
            assert chart_of(slide)["Tickets"][name] == int(cells[-1])
        assert sum(map(int, of_page.values())) == 2 * 6, "no number of the page is left out"
        assert lines[-1][-1] == str(sum(int(line[-1]) for line in lines[:-1])) == "6"

    # long-standing tickets
    slide = titled(file, "Long-standing tickets")
    _, *lines = table_of(slide)
    assert [tuple(line) for line in lines] == [
        (
            *(row["number"], row["title"], row["state"], row["responsible_site"] or "none"),
            *(row["created"][:10], f"{int(float(row['age_days'])):,}"),
        )
        for row in rows_behind(slide)
    ]
    assert len(lines) == 5, "the solved one stands no more"

    # events without a ticket
    slide = titled(file, "Events without a ticket")
    events = [row[0] for row in table_of(slide)[1:]]
    page = reader.read(source_of(file, context, slide))
    behind = [to for to, _word in page.links if to.startswith("/events/") and to[8:].isdigit()]
    assert sorted(f"/events/{one}" for one in events) == sorted(set(behind))

    # how each report stands, and which are missing
    grid, missing = table_of(titled(file, "Quarterly reports")), table_of(titled(file, "Missing"))
    for at, quarter in enumerate((FIRST, LAST), 1):
        found = file_of(reader, f"/reports/quarters/{quarter}?")
        standing = {
            row["site"]: row["report"] + (", late" if row["late"] == "yes" else "") for row in found
        }
        assert {row[0]: row[at] for row in grid[1:-1]} == standing
        names = [row["site"] for row in found if row["report"] == "missing"]
        assert missing[at] == [quarter, str(len(names)), ", ".join(names)]

    # what the PPTX says in tables, the PDF says too
    told = "".join(" ".join(texts).split())
    for slide in file.slides:
        for shape in slide.shapes:
            if shape.has_table:
                for cell in (cell for row in shape.table.rows for cell in row.cells):
                    assert "".join(cell.text.split()) in told, title_of(slide)


def test_numbers_of_the_twiki_text_are_those_of_the_quarter(
    app: Flask, session: Session, cast: Cast, context: Context
) -> None:
    reader = logged_in(app, session, cast)
    for quarter in (FIRST, LAST):
        found = file_of(reader, f"/reports/quarters/{quarter}?")
        lines = [
            [html.unescape(cell.strip()) for cell in line[1:-1].split("|")]
            for line in reader.get(f"/reports/quarters/{quarter}.twiki").text.splitlines()
            if line.startswith("|")
        ]
        head, *rows = lines[: 1 + len(found)]
        assert head[3:] == [f"*{word}*" for word in QUARTER_COLUMNS.values()]
        for row, line in zip(rows, found, strict=True):
            assert row[0] == line["site"]
            for key, cell in zip(QUARTER_COLUMNS, row[3:], strict=True):
                value = line[key]
                if value == "":
                    assert cell == "no data", key
                else:
                    shown = float(cell.split(" ")[0])
                    assert shown == pytest.approx(float(value), abs=0.006), key
        names = [[line["site"], "missing, late"] for line in found if line["report"] == "missing"]
        assert lines[1 + len(found) :] == [["*Site*", "*Report*"], *names]
        assert len(names) == 2
