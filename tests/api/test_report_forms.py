"""Reports written over REST: the questions, a draft with its numbers, saving, signing, files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.reports.models.reports import Report, ReportField
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling, Program
from tests.cast import Cast
from tests.matching.matching_world import detected, recompute_all, report, ticket

REPORTS = "/api/v1/reports"
AT = f"{REPORTS}/DE-KIT/2013-Q1"
DRAFT = f"{AT}/draft"
ANSWERS = {
    "answer.backup_test": "Not tested",
    "answer.contacts_reviewed": "yes",
    "answer.routing_reviewed": "no",
}
"""Of the questions that need one."""


@pytest.fixture
def kit(calling: Calling, cast: Cast) -> Program:
    """A program of the site's reporter."""
    return calling("reports", of=cast.kit)


@pytest.fixture
def chair(calling: Calling, cast: Cast) -> Program:
    """A program of an operator."""
    return calling("reports", of=cast.operator)


@pytest.fixture
def event(session: Session, cast: Cast) -> int:
    """Two hours on the site's link that no ticket documents."""
    report(session, cast, "2013-03-05 10:00", "2013-03-05 12:00")
    recompute_all(session)
    (found,) = detected(session)
    key = int(found.id)
    session.rollback()
    return key


def saving(values: dict[str, str], **versions: int) -> dict[str, Any]:
    """A change without versions, but of these (dots as ``__``)."""
    seen = {name.replace("__", "."): number for name, number in versions.items()}
    return {
        "fields": {
            name: {"value": value} | ({"version": seen[name]} if name in seen else {})
            for name, value in values.items()
        }
    }


def test_the_life_of_a_report(
    kit: Program, chair: Program, calling: Calling, event: int, session: Session
) -> None:
    begun = kit.read(DRAFT)
    assert (begun["state"], begun["version"], begun["writable"]) == ("missing", 0, True)
    assert begun["moves"] == ["submit"]
    assert [(one["id"], one["link"], one["start"]) for one in begun["events"]] == [
        (event, "CERN-GRIDKA-LHCOPN-001", "2013-03-05T10:00:00Z")
    ]
    numbers = {one["key"]: (one["value"], one["of"]) for one in begun["numbers"]}
    assert numbers["events"] == (1, None)
    assert numbers["undocumented"][0] == 1
    for one in begun["numbers"]:
        if one["rows"] is not None and one["unit"] == "":
            rows = calling("read").read(f"{one['rows']}&limit=1000")["items"]
            assert len(rows) == one["value"], one["key"]
    led = {one["key"] for one in begun["numbers"] if one["rows"] is not None}
    assert led == {"events", "undocumented", "duties_missed"}
    assert [one["name"] for one in begun["open"]] == [f"event.{event}", *ANSWERS]

    words = {**ANSWERS, f"event.{event}": "A test of the carrier"}
    saved = kit.send("PATCH", DRAFT, saving(words))
    assert saved.status_code == 200, saved.text
    assert saved.json is not None
    assert (saved.json["state"], saved.json["version"], saved.json["open"]) == ("draft", 1, [])
    assert {
        one["name"]: one["field"]["value"] for one in saved.json["questions"] if one["required"]
    } == ANSWERS
    assert saved.json["events"][0]["explanation"]["value"] == "A test of the carrier"
    assert saved.json["events"][0]["explanation"]["version"] == 1
    assert saved.json["events"][0]["explanation"]["changed_by"] == "kit"

    unread = kit.send("POST", f"{AT}/submit")
    assert unread.status_code == 409
    assert unread.json is not None
    assert unread.json["errors"][0]["field"] == "If-Match"
    tag = kit.get(DRAFT).headers["ETag"]
    signed = kit.send("POST", f"{AT}/submit", If_Match=tag)
    assert signed.status_code == 200, signed.text
    assert signed.json is not None
    assert (signed.json["state"], len(signed.json["versions"])) == ("submitted", 1)
    assert signed.json["moves"] == ["reopen"]
    assert chair.read(DRAFT)["moves"] == ["reopen", "accept"]
    assert calling("read").read(AT)["version"]["submitted_by"] == "kit"

    again = kit.send("POST", f"{AT}/submit", If_Match=signed.headers["ETag"])
    assert again.status_code == 409
    late = kit.send("PATCH", DRAFT, saving({"answer.issues": "One more"}))
    assert late.status_code == 409
    assert chair.send("POST", f"{AT}/accept").status_code == 200
    assert kit.post(f"{AT}/reopen", {"reason": "Wrong"}).status_code == 403
    back = chair.post(f"{AT}/reopen", {"reason": "One is missing"})
    assert back.json is not None
    assert back.json["state"] == "reopened"
    assert back.json["versions"][0]["reopen_reason"] == "One is missing"
    doors = session.scalars(select(Change.door).where(Change.kind == "report")).all()
    assert set(doors) == {"api"}


def test_numbers_hold_what_was_written_a_moment_ago(
    kit: Program, session: Session, cast: Cast, event: int
) -> None:
    assert [one["id"] for one in kit.read(DRAFT)["events"]] == [event]
    before = kit.get(DRAFT).headers["ETag"]
    ticket(
        session,
        cast,
        links=("CERN-GRIDKA-LHCOPN-001",),
        event_start="5 10:00",
        event_end="5 12:00",
        category="incident",
    )
    answer = kit.get(DRAFT)
    assert answer.json is not None
    assert answer.json["events"] == []
    assert answer.headers["Figures-Up-To"].endswith("Z")
    assert answer.headers["ETag"] != before
    assert kit.send("PATCH", DRAFT, saving(ANSWERS)).status_code == 200
    read = kit.get(DRAFT).headers["ETag"]
    stale = kit.send("POST", f"{AT}/submit", If_Match=before)
    assert stale.status_code == 412
    assert stale.json is not None
    assert stale.json["current"]["version"] == 1
    assert kit.send("POST", f"{AT}/submit", If_Match=read).status_code == 200


def test_what_somebody_else_wrote_is_not_overwritten(
    kit: Program, chair: Program, session: Session
) -> None:
    first = kit.send("PATCH", DRAFT, saving({"answer.issues": "None"}, answer__issues=0))
    assert first.status_code == 200, first.text
    late = chair.send(
        "PATCH",
        DRAFT,
        saving({"answer.issues": "Two", "answer.backup_test": "Tested"}, answer__issues=0),
    )
    assert late.status_code == 412
    assert late.json is not None
    (now,) = (
        one["field"] for one in late.json["current"]["questions"] if one["name"] == "answer.issues"
    )
    assert (now["value"], now["version"], now["changed_by"]) == ("None", 1, "kit")
    rows = select(ReportField.name, ReportField.value)
    assert session.execute(rows).all() == [("answer.issues", "None")]

    other = chair.send("PATCH", DRAFT, saving({"answer.backup_test": "Tested"}))
    assert other.status_code == 200
    stale = kit.send(
        "PATCH", DRAFT, saving({"answer.issues": "Three"}), If_Match=first.headers["ETag"]
    )
    assert stale.status_code == 412
    good = saving({"answer.issues": "Two"}, answer__issues=1)
    assert kit.send("PATCH", DRAFT, good).status_code == 200


def test_all_or_nothing(kit: Program, session: Session) -> None:
    answer = kit.send(
        "PATCH",
        DRAFT,
        saving(
            {
                "answer.issues": "None",
                "answer.contacts_reviewed": "perhaps",
                "answer.nothing": "x",
                "number.incidents": "-1",
                "event.1": "x",
                "weather": "x",
            }
        ),
    )
    assert answer.status_code == 422
    assert answer.json is not None
    assert sorted(one["field"] for one in answer.json["errors"]) == [
        "fields.answer.contacts_reviewed",
        "fields.answer.nothing",
        "fields.event.1",
        "fields.number.incidents",
        "fields.weather",
    ]
    assert session.scalars(select(Report)).all() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "fields"),
        ({"fields": {}}, "fields"),
        ({"fields": []}, "fields"),
        ({"fields": {"answer.issues": {"value": "x"}}, "more": 1}, "more"),
        ({"fields": {"answer.issues": {"value": 1}}}, "fields.answer.issues.value.value"),
        ({"fields": {"answer.issues": {}}}, "fields.answer.issues.value.value"),
        ({"fields": {"answer.issues": {"value": "x", "version": -1}}}, None),
        ({"fields": {"answer.issues": {"value": "x", "state": "y"}}}, None),
        ({"fields": {"answer.issues": {"value": "\0"}}}, "fields.answer.issues.value"),
        ({"fields": {"\ud800": {"value": "x"}}}, None),
        ({"fields": {"answer.issues": {"value": "\ud800"}}}, "fields.answer.issues.value"),
    ],
)
def test_bad_bodies_are_named(kit: Program, body: Any, field: str | None) -> None:
    answer = kit.send("PATCH", DRAFT, body)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    if field is not None:
        assert [one["field"] for one in answer.json["errors"]] == [field]


def test_unknown_places_and_rights(kit: Program, calling: Calling, cast: Cast) -> None:
    for place in ("NOWHERE/2013-Q1", "DE-KIT/2013-Q5", "DE-KIT/2013", "DE-KIT/1990-Q1"):
        assert kit.get(f"{REPORTS}/{place}/draft").status_code == 404, place
    assert kit.read(f"{REPORTS}/GRIDKA/2013-Q1/draft")["key"] == "DE-KIT/2013-Q1"
    others = (calling("reports", of=cast.pic), calling("reports"), calling("read", of=cast.kit))
    for program in others:
        assert program.get(DRAFT).status_code == 403
        assert program.send("PATCH", DRAFT, saving(ANSWERS)).status_code == 403
    assert kit.post(f"{AT}/reopen", {"reason": "x"}).status_code == 404
    assert kit.send("POST", f"{AT}/accept").status_code == 404
    assert kit.get(f"{AT}/attachments/1").status_code == 404
    kit.send("PATCH", DRAFT, saving({"answer.issues": "None"}))
    empty = kit.post(f"{AT}/reopen", {"reason": ""})
    assert empty.status_code == 422
    assert kit.post(f"{AT}/reopen", {"reason": "x"}).status_code == 409
    assert kit.send("POST", f"{AT}/accept").status_code == 403
    missing = kit.send("POST", f"{AT}/submit", If_Match="*")
    assert missing.status_code == 409
    assert missing.json is not None
    assert [one["field"] for one in missing.json["errors"]] == [*ANSWERS]


def test_files_and_comments(kit: Program, chair: Program, calling: Calling, cast: Cast) -> None:
    made = kit.post(
        f"{AT}/attachments?name=../a.txt", b"hop 1", Content_Type="application/octet-stream"
    )
    assert made.status_code == 201, made.text
    at = made.headers["Location"]
    assert at == f"{AT}/attachments/1"
    assert [one["name"] for one in kit.read(DRAFT)["attachments"]] == ["a.txt"]
    assert chair.get(at).data == b"hop 1"
    for program in (calling("read"), calling("reports", of=cast.pic)):
        assert program.get(at).status_code == 404
    assert kit.post(f"{AT}/comments", {"text": "Please look"}).status_code == 200
    (said,) = chair.read(f"{AT}/comments")["items"]
    assert (said["author"], said["text"]) == ("kit", "Please look")
    assert calling("reports", of=cast.pic).get(f"{AT}/comments").status_code == 403
    assert kit.send("DELETE", at).status_code == 204
    assert kit.get(at).status_code == 404
    empty = kit.post(f"{AT}/attachments?name=a", b"", Content_Type="application/octet-stream")
    assert empty.status_code in (400, 422)


def test_a_repeat_is_saved_once(kit: Program, session: Session) -> None:
    sent = saving({"answer.issues": "None"}, answer__issues=0)
    for _ in range(2):
        answer = kit.send("PATCH", DRAFT, sent, Idempotency_Key="once")
        assert answer.status_code == 200
    assert session.scalars(select(Report.version)).all() == [1]


def test_the_questions_are_told_with_their_help(calling: Calling) -> None:
    (form,) = calling("read").read("/api/v1/report-forms")["items"]
    assert (form["number"], form["last_quarter"]) == (1, None)
    asked = {one["name"]: one for one in form["questions"]}
    assert set(ANSWERS) <= set(asked)
    assert asked["answer.contacts_reviewed"]["kind"] == "yes or no"
    assert any(one["help"] for one in asked.values())


def test_answers_are_as_described(kit: Program, event: int) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    kit.post(f"{AT}/attachments?name=a.txt", b"x", Content_Type="application/octet-stream")
    words = {"answer.issues": "None", "number.incidents": "3", f"event.{event}": "A test"}
    answers = [
        ("patch", "/draft", kit.send("PATCH", DRAFT, saving(words))),
        ("get", "/draft", kit.get(DRAFT)),
        ("post", "/comments", kit.post(f"{AT}/comments", {"text": "Look"})),
        ("get", "/comments", kit.get(f"{AT}/comments")),
        ("patch", "/draft", kit.send("PATCH", DRAFT, saving({"x": "y"}))),
        ("patch", "/draft", kit.send("PATCH", DRAFT, saving(words), If_Match='"x"')),
    ]
    described = [
        (method, f"/v1/reports/{{site}}/{{quarter}}{path}", told) for method, path, told in answers
    ]
    described.append(("get", "/v1/report-forms", kit.get("/api/v1/report-forms")))
    for method, path, told in described:
        response = whole["paths"][path][method]["responses"][str(told.status_code)]
        (content,) = response["content"].items()
        assert content[0] == told.content_type
        schema: dict[str, Any] = {**content[1]["schema"], "components": whole["components"]}
        Draft202012Validator.check_schema(schema)
        if told.status_code == 412:
            continue  # what is there now is that of the GET
        Draft202012Validator(schema).validate(told.json)
