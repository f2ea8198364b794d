"""Files of events as monitoring and spreadsheets write them, and what is none."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.documents.cells import plain_cell
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import MAX_LINES, BadFile, TooManyLines
from app.core.rules.json_records import records_of
from app.events.rules.events import COLUMNS, EventMessage
from app.events.rules.file_reading import (
    EventFileOptions,
    ReadEvent,
    check_events,
    read_events,
    unpacked,
)
from app.events.rules.files import csv_head, csv_lines

PLAIN = EventFileOptions()
TEXTS = ("source", "source_id", "link", "site", "detail")
LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "source,source_id,link,site,state,start,end,layer,detail"
ROW = f"psnr,7,{LINK},,down,2012-03-06T10:05:00Z,2012-03-06T11:05:00Z,L1/L2,Störung"
FILE = f"{HEAD}\r\n{ROW}\r\n"


def read(content: bytes | str, how: EventFileOptions = PLAIN) -> list[ReadEvent]:
    content = content.encode() if isinstance(content, str) else content
    return list(read_events(content, how))


def told(content: bytes | str, how: EventFileOptions = PLAIN) -> list[str]:
    return [str(problem) for event in read(content, how) for problem in event.message.problems]


def line(**changed: str) -> str:
    cells = dict(zip(COLUMNS, ROW.split(","), strict=True)) | changed
    return f"{HEAD}\n{','.join(cells[name] for name in COLUMNS)}\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (FILE.encode(), ""),
        (FILE.encode("utf-8-sig"), ""),
        (FILE.encode("utf-16"), ""),
        (FILE.encode("cp1252"), "windows-1252"),
        (FILE.replace(",", ";").encode(), ""),
        (FILE.replace(",", "\t").encode("utf-16"), ""),
        (("sep=;\r\n" + FILE.replace(",", ";")).encode(), ""),
        (FILE.replace("source_id", " 'Source_ID").replace("start", "start (UTC)").encode(), ""),
        (f"{HEAD},,\r\n{ROW},,\r\n".encode(), ""),
        (FILE.replace("down", "Down").encode(), ""),
        (json.dumps([dict(zip(COLUMNS, ROW.split(","), strict=True))]).encode("utf-8-sig"), ""),
        (json.dumps({"events": [dict(zip(COLUMNS, ROW.split(","), strict=True))]}).encode(), ""),
    ],
)
def test_what_programs_write_is_read(content: bytes, encoding: str) -> None:
    (event,) = read(content, EventFileOptions(encoding=encoding))
    line = event.message.place
    assert event.message == EventMessage(
        line,
        f"line {line}",
        "psnr",
        "7",
        LINK,
        "",
        "down",
        datetime(2012, 3, 6, 10, 5, tzinfo=UTC),
        datetime(2012, 3, 6, 11, 5, tzinfo=UTC),
        layer="L1/L2",
        detail="Störung",
    )


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "the file: it is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "the file: it is empty"),
        (FILE.encode("cp1252"), "line 2: this is not UTF-8. Save the file as “CSV UTF-8”"),
        (FILE.encode("utf-16-le"), "line 1: this looks like UTF-16 without its mark"),
        (b"\xff\xfea", "line 1: this is not utf-16"),
        (b"PK\x03\x04\x14\x00", "the file: this is a workbook; save it as “CSV UTF-8”"),
        (b"\xd0\xcf\x11\xe0\xa1", "the file: this is a workbook; save it as “CSV UTF-8”"),
        (f"{HEAD},colour\n{ROW},red\n", 'line 1, "colour": the columns are source, source_id'),
        (f"{ROW}\n", 'line 1, "psnr": the first line names the columns; the columns are source'),
        (f"{HEAD},state\n", "line 1, column state: this column occurs twice"),
        ("source_id,link,state,start\n", "line 1, column source: this column is required"),
        ("source,link,state,start\n", "line 1, column source_id: this column is required"),
        (
            "a" * 2_000_000,
            "line 1: this is not valid CSV: this row is longer than 1,000,000 characters",
        ),
        (f"{FILE}{'1,' * 600_000}", "line 3: this is not valid CSV: this row is longer than"),
        (FILE + '"\n",' * 400_000, "line 3: this is not valid CSV: this row is longer than"),
        (f'{FILE}psnr,8,"open\n', "line 3: this is not valid CSV: a quote is opened here and"),
        (f'{FILE}psnr,"8"x,{LINK}\n', "line 3: this is not valid CSV: ',' expected after '\"'"),
        ('{"event": []}', 'line 1: a JSON file is a list of objects, or {"events": [...]}'),
        ('{"events": []', 'line 1: a JSON file is a list of objects, or {"events": [...]}'),
        ("[\n{},\n{]", "line 3: this is not valid JSON: Expecting property name"),
        ("[{}\n{}]", "line 2: this is not valid JSON: , or ] is missing here"),
        ("[{}] []", "line 1: there is more text after the end of the list"),
        ('[\n{"state": "down", "state": "up"}]', "line 2: the key 'state' is there twice"),
        ("[" * 100_000, "line 1: this JSON is not accepted: too many brackets"),
    ],
)
def test_what_is_no_file_of_events_is_refused(content: bytes | str, wrong: str) -> None:
    with pytest.raises(BadFile) as caught:
        read(content)
    assert str(caught.value.problems[0]).startswith(wrong)


@pytest.mark.parametrize("content", [HEAD, f"{HEAD}\n\n", "[]", '{"events": []}'])
def test_a_file_may_hold_no_events(content: str) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"state": "up"}, 'line 2, column state, "up": one of down, degraded, unmonitored'),
        ({"layer": "L9"}, 'line 2, column layer, "L9": one of L1/L2, L3, performance, other'),
        ({"source_id": ""}, "line 2, column source_id: a text of 1 to 255 characters"),
        ({"source": ""}, "line 2, column source: a text of 1 to 50 characters"),
        ({"source_id": "a\0b"}, "holds a character that cannot be passed on to partners"),
        (
            {"detail": "a,b"},
            "line 2: it has 10 cells, but the first line has 9; a cell that contains",
        ),
        ({"start": ""}, "line 2, column start: an ISO 8601 time with its zone"),
        ({"start": "2012-03-06T10:05:00"}, "the zone is missing"),
        ({"start": "2012-03-06 10:05 CET"}, "write the zone as an offset, because zone names are"),
        ({"start": "2012-03-06 10:05 Europe/Berlin"}, "write the zone as an offset"),
        ({"start": "2012-03-06T10:05:00+25:00"}, "an ISO 8601 time with its zone"),
        ({"start": "2012-03-06"}, "the time of day and the zone are missing"),
        ({"start": "2012-02-30T10:05:00Z"}, "this day, hour or zone does not exist"),
        ({"start": "2012-02-28T24:00:00Z"}, "this day, hour or zone does not exist"),
        ({"start": "06.03.2012 10:05"}, "write the year first"),
        ({"start": "03/06/2012 10:05"}, "write the year first"),
        ({"start": '"40974,4201"'}, "this is a number, as spreadsheets store dates"),
        ({"start": '"2012-03-06T10:05:00,5Z"'}, "write fractions of a second after a point"),
    ],
)
def test_a_wrong_line_says_where_and_what_is_allowed(changed: dict[str, str], wrong: str) -> None:
    (only,) = told(line(**changed))
    assert wrong in only


def test_all_that_is_wrong_of_a_line_is_told_and_the_others_are_read() -> None:
    rows = [ROW, "psnr,8,,,up,yesterday,,L9,", ROW.replace(",7,", ",9,")]
    events = read("\n".join([HEAD, *rows]))
    assert [(event.message.place, len(event.message.problems)) for event in events] == [
        (2, 0),
        (3, 3),
        (4, 0),
    ]


def test_the_same_id_twice_is_a_repeat_or_told() -> None:
    other = ROW.replace("11:05", "11:06")
    same = ROW.replace("2012-03-06T10:05:00Z", "2012-03-06T11:05:00+01:00")
    elsewhere = other.replace("psnr", "e2emon")
    events = read("\n".join([HEAD, ROW, same, other, elsewhere]))
    assert [event.repeats for event in events] == [0, 2, 0, 0]
    assert [len(event.message.problems) for event in events] == [0, 0, 1, 0]
    wrong = 'line 4, column source_id, "7": an id only once; line 2 has'
    assert str(events[2].message.problems[0]).startswith(wrong)


def test_the_same_id_twice_is_told_also_within_one_line() -> None:
    first = dict(zip(COLUMNS, ROW.split(","), strict=True))
    events = read(json.dumps([first, first, {**first, "state": "degraded"}]))
    assert [event.repeats for event in events] == [0, 1, 0]
    assert "line 1 has different values for it" in str(events[2].message.problems[0])


TWO_LINES = ROW.replace("Störung", '"one\ntwo"')


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: "\n".join([HEAD, *[ROW] * MAX_LINES, ""]), ""),
        (lambda: "\r\n".join([HEAD, *[TWO_LINES] * MAX_LINES, "\r\n"]), ""),
        (lambda: "\n".join([HEAD, *[ROW] * (MAX_LINES + 1), ""]), "50,001 lines"),
        (lambda: "\n".join(["x"] * 1_200_000), "1,000,000 lines or more"),
        (lambda: json.dumps({"events": [{}] * MAX_LINES}, indent=1), ""),
        (lambda: json.dumps([{}] * (MAX_LINES + 1)), "50,001 lines"),
        (lambda: "\n".join([HEAD, *[ROW] * (MAX_LINES + 1), '"']), "50,001 lines"),
        (lambda: b"\n".join([HEAD.encode(), *[ROW.encode()] * (MAX_LINES + 1), b"\xff"]), ""),
    ],
    ids=["most", "cells of two lines", "one more", "many", "json", "more json", "broken", "none"],
)
def test_a_file_holds_at_most_50_000_lines(made: Callable[[], bytes | str], told: str) -> None:
    content = made()
    content = content.encode() if isinstance(content, str) else content
    if not told:
        check_events(content, PLAIN)
        return
    with pytest.raises(TooManyLines) as caught:
        check_events(content, PLAIN)
    said = f"The file has {told}; an import takes at most 50,000. Split it"
    assert (caught.value.message, caught.value.problems) == (said, ())


def test_a_packed_file_is_unpacked_or_says_that_it_is_broken() -> None:
    packed = gzip.compress(FILE.encode())
    assert unpacked(FILE.encode(), 1000) == unpacked(packed, 1000) == FILE.encode()
    middle = len(packed) // 2
    hit = packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]
    for broken in (packed[:20], packed[:-1], hit, packed[:10] + b"\xff" * 9, b"\x1f\x8bno"):
        with pytest.raises(Invalid, match="gzip file is damaged; compress it again"):
            unpacked(broken, 1000)
    for large in (b"x" * 1001, gzip.compress(b"x" * 1001)):
        with pytest.raises(Invalid, match="is larger than 0 MiB uncompressed; split it"):
            unpacked(large, 1000)


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("UTC", "2012-07-06T10:05", "2012-07-06T10:05:00+00:00"),
        ("Europe/Berlin", "2012-07-06T10:05", "2012-07-06T08:05:00+00:00"),
        ("Europe/Berlin", "2012-01-06 10:05:30.5", "2012-01-06T09:05:30.500000+00:00"),
        ("Europe/Berlin", "2012-07-06T10:05:00Z", "2012-07-06T10:05:00+00:00"),
        ("Europe/Berlin", "2012-07-06T10:05:00-0500", "2012-07-06T15:05:00+00:00"),
        ("Europe/Berlin", "2012-10-28T02:30", "in Europe/Berlin this hour was twice"),
        ("Europe/Berlin", "2012-03-25T02:30", "in Europe/Berlin this hour never was"),
        ("Europe/Berlin", "2012-02-28T24:00", "the zone is missing"),
    ],
)
def test_a_person_may_say_which_zone_is_meant(zone: str, text: str, expected: str) -> None:
    (event,) = read(line(start=text, end=""), EventFileOptions(zone=zone))
    if event.message.problems:
        assert expected in str(event.message.problems[0])
    else:
        assert event.message.start is not None
        assert event.message.start.isoformat() == expected


def test_the_source_may_be_said_for_the_whole_file() -> None:
    how = EventFileOptions(source="weathermap", zone="UTC")
    content = f"source_id,link,state,start\n1,{LINK},down,2012-01-01 00:00\n"
    assert [event.message.source for event in read(content, how)] == ["weathermap"]
    assert [event.message.source for event in read(FILE, how)] == ["psnr"]


@pytest.mark.parametrize(
    ("record", "wrong"),
    [
        ("7", 'line 1, "7": an event is an object with the keys source, source_id'),
        ('{"colour": "red"}', 'line 1, "colour": the keys are source, source_id'),
        ('{"source_id": 7}', 'line 1, column source_id, "7": a text in quotes, or null'),
        ('{"start": 1331028300}', 'line 1, column start, "1331028300": a text in quotes, or null'),
    ],
)
def test_a_wrong_record_says_what_is_allowed(record: str, wrong: str) -> None:
    assert told(f"[{record}]")[0].startswith(wrong)


@given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"))] * len(TEXTS)), max_size=5))
def test_no_cell_that_is_written_is_run_by_a_spreadsheet(rows: list[tuple[str, ...]]) -> None:
    written = csv_head(TEXTS) + csv_lines(rows, TEXTS)
    found = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert [[plain_cell(cell) for cell in row] for row in found[1:]] == [list(row) for row in rows]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in found for cell in row)


def test_a_formula_comes_back_as_it_was() -> None:
    row = ["=SUM(1)", "-7", LINK, "", "down", "2012-01-01T00:00:00Z", "", "L3", "'quoted', \"x\""]
    (event,) = read(csv_head() + csv_lines([row]))
    said = event.message
    assert (said.source, said.source_id, said.detail) == (row[0], row[1], row[8])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(JSON), st.integers(1, 7), st.sampled_from([None, 1]))
def test_records_are_those_of_the_list_however_it_is_cut(
    values: list[object], step: int, indent: int | None
) -> None:
    class Slow(io.StringIO):
        def read(self, size: int | None = -1, /) -> str:
            return super().read(step)

    text = json.dumps(values, indent=indent)
    assert [value for _, value in records_of(Slow(text), "events")] == values
    text = json.dumps({"events": values}, indent=indent)
    assert [value for _, value in records_of(Slow(text), "events")] == values
