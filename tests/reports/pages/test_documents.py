"""Reports as pages, prints, files and TWiki markup: all say the same, and text stays text."""

from __future__ import annotations

import csv
import html
import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import PortalFact
from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter
from app.events.models.events import Event
from app.registry.models.registry import Site
from app.reports.models.reports import Report
from app.reports.rules.documents import QUARTER_COLUMNS
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import accept_report, reopen_report, save_fields, submit_report
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK, recompute_all, report

Q1 = Quarter(2013, 1)
AFTER = datetime(2013, 4, 10, 9, tzinfo=UTC)
LATER = datetime(2013, 6, 1, tzinfo=UTC)
PIC = "CERN-PIC-LHCOPN-001"
QUARTER = "/reports/quarters/2013-Q1"
REPORT = "/reports/DE-KIT/2013-Q1"
WORDS = (
    '=HYPERLINK("http://evil.example") | %INCLUDE{x}% <script>alert(1)</script>'
    "\n---+ LinkName 链路 [[x]]"
)
ANSWERS = {
    "answer.backup_test": "Tested",
    "answer.contacts_reviewed": "yes",
    "answer.routing_reviewed": "no",
    "answer.issues": WORDS,
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def site_of(session: Session, key: str) -> Site:
    return session.scalars(select(Site).where(Site.key == key)).one()


def save(
    session: Session, who: Actor, key: str, fields: Mapping[str, str], when: datetime = AFTER
) -> None:
    session.rollback()
    with transaction(session):
        values = {name: (value, 0) for name, value in fields.items()}
        done = save_fields(session, writer(who, when), site_of(session, key), Q1, values)
        assert not done.problems, done.problems
        assert not done.conflicts


def submit(session: Session, who: Actor, key: str, when: datetime = AFTER) -> None:
    session.rollback()
    with transaction(session):
        site = site_of(session, key)
        row = report_of(session, key)
        numbers = numbers_of(session, site, Q1, when)
        submit_report(session, writer(who, when), site, Q1, numbers, row.version)


def report_of(session: Session, key: str) -> Report:
    return session.scalars(
        select(Report).join(Site, Site.id == Report.site_id).where(Site.key == key)
    ).one()


@pytest.fixture
def event(session: Session, cast: Cast, opened: Open) -> int:
    """Of DE-KIT an incident and an event without a ticket; of ES-PIC nothing but a test of its
    link."""
    opened(
        now=at("2013-02-04"),
        sites=("DE-KIT",),
        event_start=at("2013-01-10T08:00"),
        event_end=at("2013-01-10T09:00"),
    )
    found = report(session, cast, "5 10:00", "5 12:00", now=AFTER)
    report(session, cast, "6 10:00", "6 10:05", link=PIC, now=AFTER)
    recompute_all(session, AFTER)
    return found


@pytest.fixture
def signed(session: Session, cast: Cast, event: int) -> int:
    """DE-KIT has submitted, with words that nobody should write."""
    own = {"number.incidents": "2", "reason.incidents": f"One came by phone. {WORDS}"}
    save(session, cast.kit, "DE-KIT", {**ANSWERS, f"event.{event}": WORDS, **own})
    submit(session, cast.kit, "DE-KIT")
    return event


def cells_of_twiki(markup: str) -> list[list[str]]:
    """The rows of all tables of a topic, each cell as a reader sees it."""
    return [
        [html.unescape(cell.strip().replace("<br />", "\n")) for cell in line[1:-1].split("|")]
        for line in markup.splitlines()
        if line.startswith("|")
    ]


def figures_of_page(page: PageReader) -> list[str]:
    return [
        words for href, words in page.links if href.startswith(("/tickets?", "/events?", "/duty?"))
    ]


def column_of(reference: str) -> int:
    """The place of a cell's column, from 0: ``B7`` is 1."""
    place = 0
    for letter in reference.rstrip("0123456789"):
        place = 26 * place + ord(letter) - 64
    return place - 1


def sheets_of(content: bytes) -> dict[str, list[list[str | float | None]]]:
    """The cells of a workbook by sheet: texts as texts, numbers as numbers, formulas refused."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
        shared = [
            "".join(part.text or "" for part in item.iter(f"{space}t"))
            for item in ElementTree.fromstring(packed.read("xl/sharedStrings.xml"))
        ]
        book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
        names = [sheet.attrib["name"] for sheet in book.iter(f"{space}sheet")]
        found: dict[str, list[list[str | float | None]]] = {}
        for place, name in enumerate(names, 1):
            sheet = ElementTree.fromstring(packed.read(f"xl/worksheets/sheet{place}.xml"))
            assert not list(sheet.iter(f"{space}f")), "a formula"
            assert not list(sheet.iter(f"{space}hyperlink"))
            found[name] = []
            for row in sheet.iter(f"{space}row"):
                cells: list[str | float | None] = [None] * len(
                    found[name][0] if found[name] else row
                )
                for cell in row:
                    value = cell.find(f"{space}v")
                    if value is None or value.text is None:
                        continue
                    at_column = column_of(cell.attrib["r"])
                    is_text = cell.attrib.get("t") == "s"
                    cells[at_column] = shared[int(value.text)] if is_text else float(value.text)
                found[name].append(cells)
        return found


def test_the_quarter_tells_who_is_missing(
    session: Session, cast: Cast, visit: Enter, signed: int
) -> None:
    page = visit(cast.reader).read(QUARTER)
    assert "1 of 2 reports submitted; due 2013-04-30. Missing: ES-PIC." in page.text
    assert ("/reports/ES-PIC/2013-Q1", "ES-PIC") in page.links
    assert "signed 2013-04-10 09:00 by kit" in page.text
    save(session, cast.pic, "ES-PIC", {"answer.issues": "Nothing much"})
    assert "ES-PIC : missing, late" in visit(cast.reader).read(QUARTER).text, (
        "a draft is its site's"
    )
    assert "ES-PIC : draft, late" in visit(cast.pic).read(QUARTER).text
    assert "ES-PIC : draft, late" in visit(cast.operator).read(QUARTER).text
    for kind in ("csv", "twiki"):
        assert "draft" not in visit(cast.kit).get(f"{QUARTER}.{kind}").text
        assert "Nothing much" not in visit(cast.operator).get(f"{QUARTER}.{kind}").text
    with transaction(session):
        accept_report(session, writer(cast.operator, LATER), report_of(session, "DE-KIT"))
    text = visit(cast.reader).read(f"{QUARTER}/print").text
    assert "Accepted by operator, 2013-06-01 00:00 UTC." in text


def test_what_is_not_yet_due_is_not_missing(session: Session, cast: Cast, visit: Enter) -> None:
    quarter = Quarter.of(datetime.now(UTC))
    due = (quarter.end + timedelta(days=29)).date()
    address, said = f"/reports/quarters/{quarter}", f"not yet due (due by {due})"
    none = f"None is due yet: {quarter} is ongoing, and its reports are due by {due}."
    reader = visit(cast.reader)
    grid = reader.read("/reports")
    assert "= quarter ongoing" in grid.text
    for path in (address, f"{address}/print"):
        page = reader.read(path)
        assert none in page.text, path
        assert f"DE-KIT not yet due (due by {due})" in page.text, path
        assert "Missing: " not in page.text, path
    markup = reader.get(f"{address}.twiki").text
    rows = cells_of_twiki(markup)
    assert [row[:2] for row in rows[1:]] == [["DE-KIT", said], ["ES-PIC", said]]
    assert none in html.unescape(markup)
    pdf = text_of_pdf(reader.get(f"{address}.pdf").data)
    assert none.replace(" ", "") in pdf
    assert "Missing:" not in pdf
    sheets = sheets_of(reader.get(f"{address}.xlsx").data)
    assert sheets["Missing"][1:] == [[None, none]]
    lines = list(csv.DictReader(io.StringIO(reader.get(f"{address}.csv").text)))
    assert [(one["site"], one["report"], one["due_by"]) for one in lines] == [
        ("DE-KIT", "not yet", f"{due}"),
        ("ES-PIC", "not yet", f"{due}"),
    ]


def stand_of(visitor: Visitor, address: str) -> dict[str, str]:
    """What the CSV of one report says of the report itself."""
    lines = csv.DictReader(io.StringIO(visitor.get(address).text))
    return {one["key"]: one["value"] or one["said"] for one in lines if one["part"] == "report"}


def test_a_file_of_one_report_says_what_was_signed_by_whom(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    kit, reader = visit(cast.kit), visit(cast.reader)
    assert stand_of(kit, f"{REPORT}.csv")["state"] == "missing, not started"
    save(session, cast.kit, "DE-KIT", {**ANSWERS, f"event.{event}": "A cut"})
    told = stand_of(kit, f"{REPORT}.csv")
    assert told["state"] == "draft, signed by nobody"
    assert [told[key] for key in ("version", "signed_by", "signed_at")] == ["", "", ""]
    assert "-unsigned.csv" in kit.get(f"{REPORT}.csv").headers["Content-Disposition"]
    submit(session, cast.kit, "DE-KIT")
    with transaction(session):
        accept_report(session, writer(cast.operator, LATER), report_of(session, "DE-KIT"))
    told = stand_of(reader, f"{REPORT}.csv")
    assert {key: told[key] for key in list(told)[:-1]} == {
        "state": "accepted, version 1",
        "late": "no",
        "due_by": "2013-04-30",
        "version": "1",
        "signed_by": "kit",
        "signed_at": "2013-04-10T09:00:00Z",
        "accepted_by": "operator",
        "accepted_at": "2013-06-01T00:00:00Z",
        "counted_at": "2013-04-10T09:00:00Z",
    }
    with transaction(session):
        reopen_report(session, writer(cast.operator, LATER), report_of(session, "DE-KIT"), "Why")
    assert stand_of(kit, f"{REPORT}.csv")["state"] == "reopened, signed by nobody"
    old = reader.get(f"{REPORT}.csv?version=1")
    assert stand_of(reader, f"{REPORT}.csv?version=1")["state"] == (
        "accepted, version 1; reopened since"
    )
    assert "-v1.csv" in old.headers["Content-Disposition"]
    sheet = sheets_of(reader.get(f"{REPORT}.xlsx?version=1").data)["Report"]
    said = {row[3]: row[5] or row[11] for row in sheet if row[2] == "report"}
    assert (said["version"], said["signed_by"]) == (1.0, "kit")
    both = sheets_of(reader.get(f"{QUARTER}.xlsx").data)["Reports"]
    assert ["DE-KIT", "2013-Q1", "report", "signed_by", "Signed by", "kit"] in [
        [cell for cell in row if cell is not None] for row in both
    ]


def test_what_was_signed_stays_and_what_changed_since_stands_beside_it(
    session: Session, cast: Cast, visit: Enter, opened: Open, signed: int
) -> None:
    reader = visit(cast.reader)
    before = reader.read(QUARTER)
    opened(
        now=at("2013-03-20"),
        links=(LINK,),
        sites=("DE-KIT",),
        event_start=at("2013-03-05T10:00"),
        event_end=at("2013-03-05T12:00"),
    )
    recompute_all(session, LATER)
    page = reader.read(QUARTER)
    for words, since in (("1", "now 2"), ("0 of 1", "now 1 of 1"), ("1 of 1", "now 0 of 1")):
        assert words in figures_of_page(before), words
        assert f"{words} {since}" in page.text, words
    text = reader.read(f"{REPORT}/print").text
    assert "documented since" in text
    rows = {row[0]: row for row in cells_of_twiki(reader.get(f"{REPORT}.twiki").text)}
    assert rows["Incidents affecting the site"][1] == "1 (now 2)"
    lines = list(csv.DictReader(io.StringIO(reader.get(f"{REPORT}.csv").text)))
    (incidents,) = [line for line in lines if line["key"] == "incidents"]
    assert (incidents["value"], incidents["now"], incidents["said"]) == ("1", "2", "2")


def test_a_signed_event_that_no_longer_counts_is_not_called_documented(
    session: Session, cast: Cast, visit: Enter, signed: int
) -> None:
    key = session.get_one(Event, signed).source_key
    # its source corrects it: it was over after ten minutes
    report(session, cast, "5 10:00", "5 10:10", now=LATER, source_id=key)
    recompute_all(session, LATER)
    reader = visit(cast.reader)
    for address, said in (
        (f"{REPORT}/print", "no longer counts"),
        (f"{REPORT}.twiki", "no longer counts"),
        (f"{REPORT}.csv", "counts no more"),  # the value, which programs compare
    ):
        text = reader.get(address).text
        assert said in text, address
        assert "documented since" not in text, address


def test_twiki_says_what_the_pages_say(cast: Cast, visit: Enter, signed: int) -> None:
    reader = visit(cast.reader)
    markup = reader.get(f"{QUARTER}.twiki").text
    rows = cells_of_twiki(markup)
    head = rows[0]
    assert head[3:] == [f"*{word}*" for word in QUARTER_COLUMNS.values()]
    page = reader.read(QUARTER)
    words = " ".join(page.text.split("Required tickets missing", 1)[1].split())
    for row, site, standing in (
        (rows[1], "DE-KIT", "submitted signed 2013-04-10 09:00 by kit"),
        (rows[2], "ES-PIC", "missing late live numbers"),
    ):
        assert row[0] == site
        assert f"{site} {standing} {' '.join(row[3:])}" in words, "the same numbers, in order"
    assert rows[1][3:7] == ["1", "0", "0", "1"]
    assert ["ES-PIC", "missing, late"] in rows
    printed = reader.read(f"{REPORT}/print")
    of_report = cells_of_twiki(reader.get(f"{REPORT}.twiki").text)
    numbers = of_report[
        1 : of_report.index(["*Link*", "*State*", "*From*", "*To*", "*Explanation*", "*Ticket*"])
    ]
    assert len(numbers) == 16
    for label, number, stated, _reason in numbers:
        assert f"{label} {number}" in printed.text.replace(" of 0 ", " "), label
        assert stated == ("2" if label.startswith("Incidents affecting") else "")
    assert markup.count("\n---++ ") == 3, "no text made a heading"
    assert "[[http://127.0.0.1:8000/reports/DE-KIT/2013-Q1][" in markup


def test_every_output_of_sample_data_says_so(
    session: Session, cast: Cast, visit: Enter, signed: int
) -> None:
    reader, said = visit(cast.reader), "are fictitious."
    texts = [f"{place}{end}" for place in (QUARTER, REPORT) for end in ("/print", ".twiki")]
    for address in texts:
        assert said not in html.unescape(reader.get(address).text), address
    assert "sample" not in reader.get(f"{QUARTER}.csv").text
    assert "data" not in stand_of(reader, f"{REPORT}.csv")
    with transaction(session):
        session.add(PortalFact(name="demo", value="yes"))
    for address in texts:
        assert said in html.unescape(reader.get(address).text), address
    for place in (QUARTER, REPORT):
        assert said.replace(" ", "") in text_of_pdf(reader.get(f"{place}.pdf").data)
        (first, *_) = sheets_of(reader.get(f"{place}.xlsx").data)["About"]
        assert str(first[0]).endswith(said)
    lines = csv.DictReader(io.StringIO(reader.get(f"{QUARTER}.csv").text))
    assert {one["data"] for one in lines} == {"sample"}
    assert stand_of(reader, f"{REPORT}.csv")["data"].endswith(said)


def test_text_is_text_in_every_output(cast: Cast, visit: Enter, signed: int) -> None:
    reader = visit(cast.reader)
    markup = reader.get(f"{QUARTER}.twiki").text
    assert ["Open issues", WORDS] in cells_of_twiki(markup)
    assert markup.startswith("<noautolink>\n")  # so LinkName is none
    for danger in ("%INCLUDE", "<script", "=HYPER", "[[x"):
        assert danger not in markup, danger
    for path in (f"{QUARTER}/print", f"{REPORT}/print", f"{QUARTER}/twiki", f"{REPORT}/twiki"):
        answer = reader.get(path)
        assert "<script>alert" not in answer.text, path
    assert WORDS in "".join(reader.read(f"{REPORT}/print").texts)
    (field,) = [
        value
        for form in [html.unescape(reader.get(f"{QUARTER}/twiki").text)]
        for value in [form.split('wrap="off">\n', 1)[1].split("</textarea>", 1)[0]]
    ]
    assert html.unescape(markup.replace("\r", "")).strip() in html.unescape(field)
    lines = list(csv.DictReader(io.StringIO(reader.get(f"{REPORT}.csv").text)))
    said = {line["key"]: line["said"] for line in lines}
    assert said["issues"] == f"'{WORDS}", "no spreadsheet runs it"
    assert said[str(signed)] == f"'{WORDS}"
    sheets = sheets_of(reader.get(f"{QUARTER}.xlsx").data)
    assert list(sheets) == ["Sites", "Missing", "Changed since", "Reports", "About"]
    assert any(WORDS in row for row in sheets["Reports"])
    kit = dict(zip(sheets["Sites"][0], sheets["Sites"][1], strict=True))
    assert (kit["site"], kit["incidents"], kit["undocumented"]) == ("DE-KIT", 1.0, 1.0)
    assert sheets["Missing"][1:] == [["ES-PIC", "missing, late"]]
    alone = sheets_of(reader.get(f"{REPORT}.xlsx").data)
    assert ["DE-KIT", "2013-Q1", "answer", "issues", "Open issues", WORDS] in [
        [cell for cell in row if cell is not None] for row in alone["Report"]
    ]


def test_csv_of_the_quarter_has_numbers(cast: Cast, visit: Enter, signed: int) -> None:
    lines = list(csv.DictReader(io.StringIO(visit(cast.reader).get(f"{QUARTER}.csv").text)))
    assert [(one["site"], one["report"], one["late"], one["numbers"]) for one in lines] == [
        ("DE-KIT", "submitted", "no", "signed"),
        ("ES-PIC", "missing", "yes", "now"),
    ]
    assert [one["events"] for one in lines] == ["1", "0"]
    # 2 h down of 90 days
    assert float(lines[0]["availability"]) == pytest.approx(100 * (1 - 2 / 2160), abs=1e-3)


def test_drafts_are_for_their_site_and_the_chair(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    paths = [
        f"{REPORT}/print",
        f"{REPORT}/twiki",
        *(f"{REPORT}.{kind}" for kind in ("csv", "twiki", "xlsx")),
    ]
    save(session, cast.kit, "DE-KIT", ANSWERS)
    for path in paths:
        for who in (cast.pic, cast.reader):
            assert visit(who).get(path).status_code == 404, path
        for who in (cast.kit, cast.operator, cast.admin):
            assert visit(who).get(path).status_code == 200, path
    text = visit(cast.kit).read(f"{REPORT}/print").text
    assert "Draft, not signed." in text
    assert "no explanation" in text
    assert "| no explanation |" in visit(cast.kit).get(f"{REPORT}.twiki").text
    save(session, cast.kit, "DE-KIT", {f"event.{event}": "A cut"})
    submit(session, cast.kit, "DE-KIT")
    with transaction(session):
        reopen_report(session, writer(cast.kit, LATER), report_of(session, "DE-KIT"), "A slip")
    with transaction(session):
        row = report_of(session, "DE-KIT")
        (field,) = [one for one in row.fields if one.name == f"event.{event}"]
        by = writer(cast.kit, LATER)
        save_fields(session, by, row.site, Q1, {field.name: ("Two cuts", field.version)})
    for path in paths[:2]:
        assert "Two cuts" in visit(cast.operator).get(path).text
        seen = visit(cast.reader).get(path).text
        assert "A cut" in seen
        assert "Two cuts" not in seen, "only what was signed"
        assert "The report was reopened afterwards; this is the signed version." in seen
    assert "A cut" in visit(cast.operator).get(f"{REPORT}/print?version=1").text
    for wrong in ("2", "0", "-1", "x", "99999999999"):
        assert visit(cast.operator).get(f"{REPORT}/print?version={wrong}").status_code == 404, wrong


def test_who_is_not_asked_may_write_all_the_same(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    save(session, cast.operator, "CH-CERN", ANSWERS)
    submit(session, cast.operator, "CH-CERN")
    page = visit(cast.reader).read(QUARTER)
    assert "0 of 2 reports submitted" in page.text, "the T0 is not asked"
    assert "CH-CERN submitted signed 2013-04-10 09:00 by operator" in page.text
    (events,) = [href for href, _ in page.links if "t1=none" in href and "documented" not in href]
    assert events == "/events?quarter=2013-Q1&t1=none&network=LHCOPN&counted=yes"
    assert "CH-CERN" not in page.text.split("Missing reports")[1].split("Sites and their")[0]


def test_addresses(cast: Cast, visit: Enter, signed: int) -> None:
    reader = visit(cast.reader)
    moved = reader.get("/reports/FZK-LCG2/2013-Q1/print?version=1")
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{REPORT}/print?version=1")
    moved = reader.get("/reports/GRIDKA/2013-Q1.csv")
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{REPORT}.csv")
    for asked in ("site=x", "quarter=x", "_anchor=x", "_scheme=x", "_external=1", "kind=x"):
        for name in ("print", "twiki"):
            moved = reader.get(f"/reports/GRIDKA/2013-Q1/{name}?{asked}")
            assert moved.headers["Location"] == f"{REPORT}/{name}", asked
        assert reader.get(f"/reports/GRIDKA/2013-Q1.csv?{asked}").headers["Location"] == (
            f"{REPORT}.csv"
        ), asked
    this = Quarter.of(datetime.now(UTC)).previous
    assert reader.get("/reports/quarters").headers["Location"] == f"/reports/quarters/{this}"
    for path in (
        "/reports/quarters/2013-Q5",
        "/reports/quarters/0001-Q1",
        "/reports/quarters/2013-Q1.doc",
        "/reports/NOWHERE/2013-Q1/print",
        "/reports/DE-KIT/2013-Q5/print",
        "/reports/DE%00KIT/2013-Q1/print",
        f"/reports/{'x' * 3000}/2013-Q1/print",
    ):
        assert reader.get(path).status_code == 404, path
    for kind, form in (("csv", "text/csv"), ("twiki", "text/plain")):
        answer = reader.get(f"{REPORT}.{kind}")
        assert answer.mimetype == form
        assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_a_quarter_of_which_no_report_can_be_is_answered_alike(
    session: Session, cast: Cast, visit: Enter
) -> None:
    last = Quarter.of(datetime.now(UTC)).next
    for who in (cast.kit, cast.pic, cast.reader, cast.operator, cast.admin):
        visitor = visit(who)
        for quarter in ("0001-Q1", "2008-Q4", str(last.next), "9998-Q4"):
            said = f"No report of {quarter}: choose a quarter from 2009-Q1 to {last}"
            for path in (
                *(f"/reports/DE-KIT/{quarter}{end}" for end in ("", "/print", ".csv", "/twiki")),
                *(f"/reports/quarters/{quarter}{end}" for end in ("", "/print", ".pdf")),
            ):
                answer = visitor.get(path)
                assert answer.status_code == 404, path
                assert said in PageReader(answer.text).text, path
        for quarter in ("2009-Q1", str(last)):
            assert visitor.get(f"/reports/DE-KIT/{quarter}").status_code == 200, quarter
    assert "← 2008-Q4" not in visit(cast.reader).read("/reports/quarters/2009-Q1").text


def test_a_report_of_an_early_quarter_is_found_where_one_was_written(
    session: Session, cast: Cast, visit: Enter
) -> None:
    save(session, cast.kit, "DE-KIT", ANSWERS)
    with transaction(session):
        report_of(session, "DE-KIT").quarter = "2008-Q4"
    assert visit(cast.kit).get("/reports/DE-KIT/2008-Q4").status_code == 200
    answer = visit(cast.kit).get("/reports/DE-KIT/2008-Q3")
    assert "choose a quarter from 2008-Q4 to" in PageReader(answer.text).text


def test_not_logged_in_gets_the_login_page(app: Flask) -> None:
    app_visitor = Visitor(app)
    for path in (QUARTER, f"{REPORT}/print", f"{QUARTER}.twiki"):
        answer = app_visitor.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login")


def text_of_pdf(content: bytes) -> str:
    """All that is to be read, without blanks: lines are broken where there is room for them."""
    document = pypdfium2.PdfDocument(content)
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in document)


def test_the_pdf_has_every_cell_and_any_text(
    session: Session, cast: Cast, visit: Enter, signed: int
) -> None:
    reader = visit(cast.reader)
    for address, title in ((REPORT, "Quarterly report of DE-KIT, 2013-Q1"), (QUARTER, "Missing")):
        answer = reader.get(f"{address}.pdf")
        assert answer.mimetype == "application/pdf"
        assert answer.headers["Content-Disposition"].endswith('.pdf"')
        text = text_of_pdf(answer.data)
        assert "".join(title.split()) in text
        assert "".join(WORDS.split()) in text
        rows = cells_of_twiki(reader.get(f"{address}.twiki").text)
        assert len(rows) > 5
        for word in (word for row in rows for cell in row for word in cell.strip("* ").split()):
            assert word in text, word  # cells beside each other are read line by line
    draft = visit(cast.pic).get("/reports/ES-PIC/2013-Q1.pdf")
    assert "Noreport" in text_of_pdf(draft.data)
    assert reader.get("/reports/NOBODY/2013-Q1.pdf").status_code == 404
    by_name = reader.get("/reports/FZK-LCG2/2013-Q1.pdf")
    assert by_name.location == f"{REPORT}.pdf"
