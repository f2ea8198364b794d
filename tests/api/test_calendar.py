"""The calendar over REST: windows, what collides, and the periods of the LHC."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calendar.models.lhc import LhcPeriod
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling, Program
from tests.cast import Cast
from tests.matching.matching_world import LINK
from tests.matching.matching_world import ticket as opened

CALENDAR, PERIODS = "/api/v1/calendar", "/api/v1/lhc-periods"
MARCH = f"{CALENDAR}?from=2013-03-01&to=2013-03-31"
RUN = {
    "name": "Protons 2013",
    "kind": "physics",
    "begin": "2013-03-06",
    "begin_standing": "attested",
    "end": "2013-03-08",
    "end_standing": "planned",
    "source": "A bulletin",
}


@pytest.fixture
def work(session: Session, cast: Cast) -> dict[str, int]:
    """Of one link a window, of another one over the month's end, one whose end
    is not known, and one in April."""
    pic = "CERN-PIC-LHCOPN-001"

    def window(link: str, start: str, end: str | None, **more: Any) -> int:
        times: dict[str, Any] = {"window_start": start} | ({"window_end": end} if end else {})
        return opened(session, cast, category="maintenance", links=(link,), **times, **more)

    return {
        "first": window(LINK, "6 10:00", "6 12:00", title="New optics"),
        "month's end": window(pic, "2013-03-31 20:00", "2013-04-01 02:00"),
        "open": window(pic, "20 10:00", None),
        "April": window(pic, "2013-04-01 00:00", "2013-04-01 02:00"),
    }


@pytest.fixture
def admin(calling: Calling, cast: Cast) -> Program:
    """A program of an administrator."""
    return calling("admin", "read", of=cast.admin)


def test_windows_between_two_days(calling: Calling, work: dict[str, int]) -> None:
    program = calling("read")
    found = program.read(MARCH)
    assert (found["begin"], found["end"]) == ("2013-03-01T00:00:00Z", "2013-04-01T00:00:00Z")
    assert [one["ticket"] for one in found["items"]] == [
        work["first"],
        work["open"],
        work["month's end"],
    ]
    first = found["items"][0]
    told = {name: first[name] for name in ("title", "start", "end", "links", "cancelled", "season")}
    assert told == {
        "title": "New optics",
        "start": "2013-03-06T10:00:00Z",
        "end": "2013-03-06T12:00:00Z",
        "links": [LINK],
        "cancelled": False,
        "season": "",
    }
    assert found["items"][1]["end"] is None
    assert (found["more"], found["conflicts"], found["feed"]) == (False, [], "/calendar/feed")
    assert program.read(f"{CALENDAR}?from=2013-03")["end"] == "2013-04-01T00:00:00Z"
    assert program.read(f"{MARCH}&limit=1")["more"] is True
    for query, tickets in (
        ("site=GRIDKA", [work["first"]]),
        (f"link={LINK}", [work["first"]]),
        ("network=LHCONE", []),
    ):
        shown = program.read(f"{MARCH}&{query}")["items"]
        assert [one["ticket"] for one in shown] == tickets, query


def test_what_collides_is_told(
    calling: Calling, work: dict[str, int], session: Session, cast: Cast, admin: Program
) -> None:
    registry = calling("registry", of=cast.admin)
    new = {"network": "LHCOPN", "end_a": "CERN", "end_b": "GRIDKA", "backs_up": LINK}
    name = registry.post("/api/v1/links", new | {"role": "backup"}).json
    assert name is not None
    assert admin.post(PERIODS, RUN).status_code == 201
    times: dict[str, Any] = {"window_start": "6 11:00", "window_end": "6 13:00"}
    links = (name["name"],)
    other = opened(session, cast, category="maintenance", links=links, **times)
    found = calling("read").read(MARCH)
    (conflict,) = found["conflicts"]
    assert (conflict["kind"], conflict["tickets"]) == ("backup", [work["first"], other])
    assert (conflict["start"], conflict["end"]) == ("2013-03-06T11:00:00Z", "2013-03-06T12:00:00Z")
    assert [one["season"] for one in found["items"]][:2] == ["Protons 2013", "Protons 2013"]
    assert [one["name"] for one in found["periods"]] == ["Protons 2013"]
    assert calling("read").read(f"{CALENDAR}?from=2013-04&to=2013-04")["periods"] == []


def test_periods_of_the_lhc(admin: Program, session: Session) -> None:
    made = admin.post(PERIODS, RUN | {"why": "As told"})
    assert made.status_code == 201, made.text
    place = made.headers["Location"]
    assert admin.read(place) == made.json
    assert made.json is not None
    # CERN's midnight, in winter, and the day behind the last one
    assert made.json["begins_at"] == "2013-03-05T23:00:00Z"
    assert made.json["ends_at"] == "2013-03-08T23:00:00Z"
    assert (made.json["begin"], made.json["end"], made.json["version"]) == (
        *("2013-03-06", "2013-03-08"),
        1,
    )
    changed = admin.send("PATCH", place, {"end": ""}, If_Match=made.headers["ETag"])
    assert changed.status_code == 200, changed.text
    assert changed.json is not None
    assert (changed.json["ends_at"], changed.json["source"]) == (None, "A bulletin")
    late = admin.send("PATCH", place, {"note": "x"}, If_Match=made.headers["ETag"])
    assert late.status_code == 412
    assert late.json is not None
    assert late.json["current"]["version"] == 2
    assert [one["name"] for one in admin.read(PERIODS)["items"]] == ["Protons 2013"]
    assert admin.send("DELETE", place).status_code == 400
    for _ in range(2):  # the second is a repeat of the first, answered as it was
        removed = admin.send("DELETE", f"{place}?why=Never", Idempotency_Key="a")
        assert removed.status_code == 204, removed.text
    assert session.scalars(select(LhcPeriod)).all() == []
    assert admin.get(place).status_code == 404
    assert admin.send("PATCH", place, {"note": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({**RUN, "kind": "holiday"}, "kind"),
        ({**RUN, "begin": "yesterday"}, "begin"),
        ({**RUN, "end": "2013-03-01"}, "end"),
        ({**RUN, "source": ""}, "source"),
        ({**RUN, "colour": "red"}, "colour"),
        ({**RUN, "name": "\0"}, "name"),
        ({one: RUN[one] for one in RUN if one != "name"}, "name"),
    ],
)
def test_a_wrong_period_is_named(admin: Program, sent: Any, field: str) -> None:
    answer = admin.post(PERIODS, sent)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    assert [one["field"] for one in answer.json["errors"]] == [field]


def test_a_parameter_that_is_not_allowed_is_named(calling: Calling, cast: Cast) -> None:
    program = calling("read")
    for query, field in (
        ("from=2013-03-02&to=2013-03-01", "to"),
        ("from=2010&to=2013", "to"),
        ("from=now", "from"),
        ("site=NOWHERE", "site"),
        ("link=NOWHERE", "link"),
        ("network=X", "network"),
        ("limit=0", "limit"),
        ("month=2013-03", "month"),
    ):
        answer = program.get(f"{CALENDAR}?{query}")
        assert answer.status_code == 400, query
        assert answer.json is not None
        assert [one["field"] for one in answer.json["errors"]] == [field]
    assert calling("admin", of=cast.operator).post(PERIODS, RUN).status_code == 403


def test_answers_are_as_described(admin: Program, work: dict[str, int]) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    made = admin.post(PERIODS, RUN)
    for method, described, answer in (
        ("post", "/v1/lhc-periods", made),
        ("get", "/v1/lhc-periods", admin.get(PERIODS)),
        ("get", "/v1/lhc-periods/{period}", admin.get(made.headers["Location"])),
        ("get", "/v1/calendar", admin.get(MARCH)),
    ):
        response = whole["paths"][described][method]["responses"][str(answer.status_code)]
        (content,) = response["content"].values()
        schema: dict[str, Any] = {**content["schema"], "components": whole["components"]}
        Draft202012Validator(schema).validate(answer.json)
