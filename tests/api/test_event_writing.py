"""Events that people correct, withdraw and put back over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.orm import Session

from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling, Program
from tests.api.test_events import DOWN, EVENTS, rows
from tests.cast import Cast

ONE = f"{EVENTS}/1"


@pytest.fixture
def operator(calling: Calling, cast: Cast) -> Program:
    """A program of an operator; a source has reported an event."""
    assert calling("events").post(EVENTS, [DOWN]).status_code == 200
    return calling("events", of=cast.operator)


def test_an_event_is_corrected_and_closed(operator: Program, session: Session) -> None:
    first = operator.get(ONE)
    answer = operator.send("PATCH", ONE, {"detail": "A test", "end": None})
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert (answer.json["detail"], answer.json["end"], answer.json["version"]) == (
        "A test",
        None,
        2,
    )
    assert answer.json["start"] == "2013-03-06T10:00:00Z"
    late = operator.send("PATCH", ONE, {"detail": "Another"}, If_Match=first.headers["ETag"])
    assert late.status_code == 412
    assert late.json is not None
    assert (late.json["current"]["detail"], late.json["current"]["version"]) == ("A test", 2)
    again = operator.send("PATCH", ONE, {"end": "2013-03-06T12:00"}, If_Match=late.headers["ETag"])
    assert again.json is not None
    assert again.json["end"] == "2013-03-06T12:00:00Z"
    assert [one["version"] for one in again.json["history"]] == [1, 2, 3]
    (row,) = rows(session)
    assert (row.source_key, row.detail) == ("a", "A test")


def test_an_event_is_withdrawn_and_put_back(operator: Program) -> None:
    gone = operator.post(f"{ONE}/withdraw", {"reason": "A test of the probe"})
    assert gone.status_code == 200, gone.text
    assert gone.json is not None
    assert gone.json["withdrawn"].endswith("Z")
    assert {one["field"] for one in gone.json["history"][-1]["fields"]} == {"withdrawn", "reason"}
    twice = operator.post(f"{ONE}/withdraw", {"reason": "Again"})
    assert twice.status_code == 422
    back = operator.post(f"{ONE}/restore", {"reason": "It was real"})
    assert back.json is not None
    assert back.json["withdrawn"] is None
    assert operator.post(f"{ONE}/restore", {"reason": "Again"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"link": "NOWHERE"}, "link"),
        ({"link": "", "site": ""}, "link"),
        ({"start": None}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"end": "2013-03-06T09:00Z"}, "end"),
        ({"state": "up"}, "state"),
        ({"layer": "L9"}, "layer"),
        ({"detail": "\0"}, "detail"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_correction_is_named(operator: Program, body: Any, field: str) -> None:
    answer = operator.send("PATCH", ONE, body)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    assert [one["field"] for one in answer.json["errors"]] == [field]
    assert operator.read(ONE)["version"] == 1


def test_who_may_and_what_is_not_there(operator: Program, calling: Calling, cast: Cast) -> None:
    for program in (calling("events"), calling("events", of=cast.kit), calling("read")):
        assert program.send("PATCH", ONE, {"detail": "x"}).status_code == 403
        for verb in ("withdraw", "restore"):
            assert program.post(f"{ONE}/{verb}", {"reason": "x"}).status_code == 403
    for place in ("9", "x", "99999999999"):
        assert operator.send("PATCH", f"{EVENTS}/{place}", {"detail": "x"}).status_code == 404
        assert operator.post(f"{EVENTS}/{place}/withdraw", {"reason": "x"}).status_code == 404
    empty = operator.post(f"{ONE}/withdraw", {"reason": " "})
    assert empty.status_code == 422


def test_answers_are_as_described(operator: Program) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    told = {
        "/v1/events/{event}/withdraw": operator.post(f"{ONE}/withdraw", {"reason": "x"}),
        "/v1/events/{event}/restore": operator.post(f"{ONE}/restore", {"reason": "x"}),
    }
    for path, answer in told.items():
        (content,) = whole["paths"][path]["post"]["responses"]["200"]["content"].values()
        schema: dict[str, Any] = {**content["schema"], "components": whole["components"]}
        Draft202012Validator(schema).validate(answer.json)
