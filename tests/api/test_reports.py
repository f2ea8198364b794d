"""Quarterly reports for programs: how each stands, and what was signed; never a draft."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.registry.services.sites import site_of_key
from app.reports.rules.numbers import ReportFigure, ReportNumbers, UndocumentedEvent
from app.reports.services.reports import (
    accept_report,
    find_report,
    reopen_report,
    save_fields,
    submit_report,
)
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling
from tests.cast import Cast, writer
from tests.matching.matching_world import detected, recompute_all, report

REPORTS = "/api/v1/reports"
Q1 = Quarter(2013, 1)
SIGNED = datetime(2013, 4, 10, 9, tzinfo=UTC)
NASTY = '=1+1 | %TOPIC% "中文" <script>\n</script>'


def write(session: Session, cast: Cast, fields: Mapping[str, str], quarter: Quarter = Q1) -> None:
    """What the site's reporter writes now."""
    site = site_of_key(session, "DE-KIT")
    found = find_report(session, site.id, quarter)
    seen = {one.name: one.version for one in found.fields} if found else {}
    session.rollback()
    with transaction(session):
        values = {name: (value, seen.get(name, 0)) for name, value in fields.items()}
        site = site_of_key(session, "DE-KIT")
        told = save_fields(session, writer(cast.kit, SIGNED), site, quarter, values)
        assert not told.conflicts


def sign(session: Session, cast: Cast, numbers: ReportNumbers, at: datetime = SIGNED) -> None:
    """The reporter signs with these numbers."""
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        found = find_report(session, site.id, Q1)
        assert found is not None
        submit_report(session, writer(cast.kit, at), site, Q1, numbers, found.version)


@pytest.fixture
def event(session: Session, cast: Cast) -> UndocumentedEvent:
    """Two hours on DE-KIT's link without a ticket."""
    report(session, cast, "2013-03-05 10:00", "2013-03-05 12:00")
    recompute_all(session)
    (found,) = detected(session)
    start = datetime(2013, 3, 5, 10, tzinfo=UTC)
    key = found.id
    session.rollback()
    return UndocumentedEvent(
        key, "CERN-GRIDKA-LHCOPN-001", start, start + timedelta(hours=2), "down"
    )


@pytest.fixture
def signed(session: Session, cast: Cast, event: UndocumentedEvent) -> UndocumentedEvent:
    """DE-KIT's report of 2013-Q1, signed twice: 3 incidents, then 4; 5 says the site."""
    write(
        session,
        cast,
        {
            "answer.backup_test": "Tested",
            "answer.contacts_reviewed": "yes",
            "answer.routing_reviewed": "no",
            "answer.issues": NASTY,
            f"event.{event.id}": "A test of the carrier",
            "number.incidents": "5",
            "reason.incidents": "Two were told by phone",
        },
    )
    sign(session, cast, numbers(event, 3))
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        reopen_report(session, writer(cast.operator, SIGNED), found, "One is missing")
    write(session, cast, {"answer.issues": "None"})
    sign(session, cast, numbers(event, 4), SIGNED + timedelta(days=30))
    return event


def numbers(event: UndocumentedEvent, incidents: int) -> ReportNumbers:
    """What the portal counts."""
    figures = [
        ReportFigure("incidents", "Incidents", incidents),
        ReportFigure("documented", "Documented", 0, of=1),
        ReportFigure("availability", "Availability", None, unit="%"),
    ]
    return ReportNumbers("DE-KIT", "2013-Q1", SIGNED, figures, [event])


def test_a_signed_report_is_given_with_its_numbers_and_answers(
    signed: UndocumentedEvent, calling: Calling
) -> None:
    found = calling("read").read(f"{REPORTS}/DE-KIT/2013-Q1")
    assert {name: found[name] for name in ("key", "site", "quarter", "state", "form")} == {
        "key": "DE-KIT/2013-Q1",
        "site": "DE-KIT",
        "quarter": "2013-Q1",
        "state": "submitted",
        "form": 1,
    }
    assert found["version"] == {
        "number": 2,
        "submitted": "2013-05-10T09:00:00Z",
        "submitted_by": "kit",
        "accepted": None,
        "accepted_by": "",
        "reopened": None,
        "reopened_by": "",
        "reopen_reason": "",
    }
    assert [
        (one["number"], one["reopened_by"], one["reopen_reason"]) for one in found["versions"]
    ] == [(1, "operator", "One is missing"), (2, "", "")]
    assert found["counted"] == "2013-04-10T09:00:00Z"
    assert [(one["key"], one["value"], one["of"], one["unit"]) for one in found["numbers"]] == [
        ("incidents", 4.0, None, ""),
        ("documented", 0.0, 1.0, ""),
        ("availability", None, None, "%"),
    ]
    assert found["contradictions"] == [
        {
            "key": "incidents",
            "stated": "5",
            "counted": "4",
            "reason": "Two were told by phone",
        }
    ]
    answers = {one["key"]: one for one in found["answers"]}
    assert list(answers) == [
        "backup_test",
        "backup_test_day",
        "backup_test_result",
        "contacts_reviewed",
        "routing_reviewed",
        "issues",
        "plans",
        "remarks",
    ]
    assert answers["backup_test"] == {
        "key": "backup_test",
        "group": "Checks",
        "question": "Backup path tested",
        "kind": "choice",
        "required": True,
        "answer": "Tested",
    }
    assert (answers["issues"]["answer"], answers["plans"]["answer"]) == ("None", "")
    assert found["events"] == [
        {
            "id": signed.id,
            "link": "CERN-GRIDKA-LHCOPN-001",
            "state": "down",
            "start": "2013-03-05T10:00:00Z",
            "end": "2013-03-05T12:00:00Z",
            "explanation": "A test of the carrier",
        }
    ]
    assert found["other_events"] == []


def test_signed_words_about_an_event_that_got_its_ticket_are_given(
    session: Session, cast: Cast, signed: UndocumentedEvent, calling: Calling
) -> None:
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        reopen_report(session, writer(cast.operator, SIGNED), found, "It has a ticket")
    sign(session, cast, replace(numbers(signed, 4), undocumented=[]), SIGNED + timedelta(days=31))
    report = calling("read").read(f"{REPORTS}/DE-KIT/2013-Q1")
    assert report["events"] == []
    assert report["other_events"] == [
        {
            "id": signed.id,
            "link": "CERN-GRIDKA-LHCOPN-001",
            "state": "down",
            "start": "2013-03-05T10:00:00Z",
            "end": "2013-03-05T12:00:00Z",
            "explanation": "A test of the carrier",
            "fate": "explained before it got its ticket",
            "part_of": None,
        }
    ]


def test_an_older_version_stays_as_it_was_signed(
    signed: UndocumentedEvent, calling: Calling
) -> None:
    found = calling("read").read(f"{REPORTS}/DE-KIT/2013-Q1?version=1")
    assert found["version"]["number"] == 1
    assert found["numbers"][0]["value"] == 3.0
    assert {one["key"]: one["answer"] for one in found["answers"]}["issues"] == NASTY


def test_drafts_are_given_to_no_program(session: Session, cast: Cast, calling: Calling) -> None:
    write(session, cast, {"answer.issues": "Secret words"})
    for program in (calling("read"), calling("read", of=cast.kit), calling("read", of=cast.admin)):
        assert program.get(f"{REPORTS}/DE-KIT/2013-Q1").status_code == 404
        rows = program.read(f"{REPORTS}?quarter=2013-Q1&site=DE-KIT")["items"]
        assert [(row["state"], row["late"]) for row in rows] == [("missing", True)]


def test_what_is_written_after_the_signature_is_not_given(
    session: Session, cast: Cast, signed: UndocumentedEvent, calling: Calling
) -> None:
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        reopen_report(session, writer(cast.kit, SIGNED + timedelta(days=31)), found, "Again")
    write(session, cast, {"answer.issues": "Secret words"})
    program = calling("read")
    told = program.read(f"{REPORTS}/DE-KIT/2013-Q1")
    assert (told["state"], told["version"]["number"]) == ("reopened", 2)
    assert "Secret words" not in json.dumps(told)
    assert program.read(f"{REPORTS}?quarter=2013-Q1&state=reopened")["items"][0]["site"] == "DE-KIT"


def test_the_list_tells_how_each_stands(
    session: Session, cast: Cast, signed: UndocumentedEvent, calling: Calling
) -> None:
    program = calling("read")

    def listed(query: str) -> list[tuple[str, str, bool]]:
        return [
            (row["key"], row["state"], row["late"])
            for row in program.read(f"{REPORTS}?{query}")["items"]
        ]

    # late is what was first signed after 2013-04-30; it was on 2013-04-10
    assert listed("from=2012-Q4&to=2013-Q1") == [
        ("DE-KIT/2012-Q4", "missing", True),
        ("ES-PIC/2012-Q4", "missing", True),
        ("DE-KIT/2013-Q1", "submitted", False),
        ("ES-PIC/2013-Q1", "missing", True),
    ]
    assert listed("quarter=2013-Q1&state=submitted") == [("DE-KIT/2013-Q1", "submitted", False)]
    assert listed("quarter=2013-Q1&site=FZK-LCG2") == [("DE-KIT/2013-Q1", "submitted", False)]
    # the sites of the cast are T1 from 2009-02-01 on
    assert listed("quarter=2008-Q4") == []
    assert program.read(f"{REPORTS}?quarter=2013-Q1")["items"][0]["due"] == "2013-05-01T00:00:00Z"
    last = Quarter.of(datetime.now(UTC)).previous
    assert {key[-7:] for key, *_ in listed("")} == {str(last.after(-back)) for back in range(4)}
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        accept_report(session, writer(cast.operator, SIGNED + timedelta(days=31)), found)
    assert listed("quarter=2013-Q1&site=DE-KIT") == [("DE-KIT/2013-Q1", "accepted", False)]


def test_pages_of_the_list_hold_each_row_once(cast: Cast, calling: Calling) -> None:
    program, found = calling("read"), []
    place: str | None = f"{REPORTS}?from=2012-Q1&to=2013-Q1&limit=3"
    while place is not None:
        page = program.read(place)
        found.append([row["key"] for row in page["items"]])
        place = page["next"]
    assert [len(page) for page in found] == [3, 3, 3, 1]
    assert [key for page in found for key in page] == [
        f"{site}/{quarter}"
        for quarter in ("2012-Q1", "2012-Q2", "2012-Q3", "2012-Q4", "2013-Q1")
        for site in ("DE-KIT", "ES-PIC")
    ]


def test_any_name_of_the_site_serves(signed: UndocumentedEvent, calling: Calling) -> None:
    program = calling("read")
    for name in ("FZK-LCG2", "GRIDKA"):
        assert program.read(f"{REPORTS}/{name}/2013-Q1")["key"] == "DE-KIT/2013-Q1"
    for key in (
        *("DE-KIT/2012-Q4", "ES-PIC/2013-Q1", "NOWHERE/2013-Q1", "DE-KIT/2013", "DE-KIT"),
        *("de-kit/2013-Q1", "DE-KIT/2013-Q5", "/2013-Q1", "DE-KIT/2013-Q1/", "DE-KIT%00/2013-Q1"),
        "DE-KIT/2013-Q1?version=3",
    ):
        assert program.get(f"{REPORTS}/{key}").status_code == 404, key


def test_a_parameter_that_is_not_allowed_is_named(calling: Calling) -> None:
    program = calling("read")
    for query, field in (
        ("quarter=2013", "quarter"),
        ("quarter=2013-Q1&to=2013-Q2", "quarter"),
        ("from=2013-Q5", "from"),
        ("to=x", "to"),
        ("from=2013-Q2&to=2013-Q1", "to"),
        ("from=1990-Q1&to=2013-Q1", "to"),
        ("state=draught", "state"),
        ("site=NOWHERE", "site"),
        ("site=%00", "site"),
        ("after=x", "after"),
        ("limit=0", "limit"),
        ("unknown=1", "unknown"),
    ):
        answer = program.get(f"{REPORTS}?{query}")
        assert answer.status_code == 400, query
        assert answer.json is not None
        assert [one["field"] for one in answer.json["errors"]] == [field]


def test_answers_are_as_described(signed: UndocumentedEvent, calling: Calling) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    program = calling("read")
    for path, described, status in (
        (f"{REPORTS}?quarter=2013-Q1", "/v1/reports", 200),
        (f"{REPORTS}?quarter=x", "/v1/reports", 400),
        (f"{REPORTS}/DE-KIT/2013-Q1", "/v1/reports/{key}", 200),
        (f"{REPORTS}/DE-KIT/2013-Q1?version=x", "/v1/reports/{key}", 400),
        (f"{REPORTS}/DE-KIT/2012-Q1", "/v1/reports/{key}", 404),
    ):
        answer = program.get(path)
        assert answer.status_code == status, path
        (content,) = whole["paths"][described]["get"]["responses"][str(status)]["content"].values()
        schema: dict[str, Any] = {**content["schema"], "components": whole["components"]}
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(answer.json)
    for scope in ("registry", "tickets", "events"):
        assert calling(scope).get(REPORTS).status_code == 403
        assert calling(scope).get(f"{REPORTS}/DE-KIT/2013-Q1").status_code == 403
