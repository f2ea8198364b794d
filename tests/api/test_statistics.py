"""Statistics over REST: each number is the list behind it, whoever asks which way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.services.lifecycle import change_ticket
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling, Program
from tests.cast import NOON, Cast, writer
from tests.harness.visits import Open
from tests.matching.matching_world import LINK, detected, report, ticket

STATISTICS = "/api/v1/statistics"
PIC = "CERN-PIC-LHCOPN-001"
YEARS = "from=2012-Q1&to=2013-Q1"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def tickets(session: Session, cast: Cast, opened: Open) -> dict[str, int]:
    """Tickets of 2012 and 2013 with one of each trap."""
    numbers = {
        "last moment": opened(now=at("2012-12-31T23:59:59.999"), links=(LINK,)),
        "first moment": opened(now=at("2013-01-01"), links=(LINK, PIC), sites=("DE-KIT", "pic")),
        "leap day": opened(now=at("2012-02-29T12:00"), sites=("Nowhere",), category="maintenance"),
        "test": opened(now=at("2012-03-01"), category="test", links=(PIC,)),
        "bare": opened(now=at("2012-03-02"), network="LHCONE", layer="L3"),
        "solved": opened(now=at("2012-04-02"), sites=("FZK-LCG2", "Nowhere")),
        "other": opened(now=at("2012-04-03"), links=(PIC,), category="change"),
    }
    with transaction(session):
        for when, move in (
            ("2012-04-03", {"state": "in progress"}),
            ("2012-04-09", {"state": "solved", "solution": "Replaced."}),
        ):
            change_ticket(session, writer(cast.operator, at(when)), numbers["solved"], move)
    return numbers


@pytest.fixture
def events(session: Session, cast: Cast) -> None:
    """Of DE-KIT two events in 2013-Q1, one of them with a ticket; of ES-PIC one in 2012-Q4."""
    report(session, cast, "5 10:00", "5 11:00")
    report(session, cast, "4 10:00", "4 10:59:59")  # too short
    report(session, cast, "2013-02-01 10:00", "2013-02-01 12:00")
    ticket(session, cast, links=(LINK,), event_start="5 10:30", event_end="5 10:40")
    report(session, cast, "2012-12-31 23:30", "2013-01-01 02:00", link=PIC)


def numbers_in(content: Any) -> Iterator[dict[str, Any]]:
    """Every number of an answer that has an address of rows."""
    if isinstance(content, dict):
        if "rows" in content and "number" in content:
            yield content
        for inner in content.values():
            yield from numbers_in(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from numbers_in(inner)


def check_rows(program: Program, content: Any) -> int:
    """Each number is as long as the list to which it leads; how many lead to one."""
    led = 0
    for one in numbers_in(content):
        assert (one["rows"] is None) == (not one["number"])
        if one["rows"] is not None:
            assert one["rows"].startswith("/api/v1/")
            assert len(program.read(f"{one['rows']}&limit=1000")["items"]) == one["number"], one
            led += 1
    return led


@pytest.mark.parametrize(
    "by", ["", "network", "category", "layer", "state", "site", "affected", "responsible", "link"]
)
def test_tickets_by_period_are_the_lists_behind(
    calling: Calling, tickets: dict[str, int], by: str
) -> None:
    program = calling("read")
    asked = f"&by={by}" if by else ""
    found = program.read(f"{STATISTICS}/tickets?{YEARS}{asked}")
    assert [(one["period"], one["number"]) for one in found["total"]["periods"]] == [
        ("2012-Q1", 2),
        ("2012-Q2", 2),
        ("2012-Q3", 0),
        ("2012-Q4", 1),
        ("2013-Q1", 1),
    ]
    assert found["total"]["total"]["number"] == 6
    assert bool(found["items"]) == bool(by)
    assert check_rows(program, found) >= 5


def test_tickets_by_value(calling: Calling, tickets: dict[str, int]) -> None:
    program = calling("read")
    found = program.read(f"{STATISTICS}/tickets?per=year&from=2012&to=2012&by=category")
    assert {one["value"]: one["total"]["number"] for one in found["items"]} == {
        "incident": 3,
        "maintenance": 1,
        "change": 1,
    }
    only = program.read(f"{STATISTICS}/tickets?{YEARS}&by=link&link={PIC}")
    assert [(one["value"], one["total"]["number"]) for one in only["items"]] == [(PIC, 2)]
    assert check_rows(program, only) >= 3


def test_times_of_tickets(calling: Calling, tickets: dict[str, int]) -> None:
    program = calling("read")
    found = program.read(f"{STATISTICS}/times?{YEARS}")
    rows = {one["value"]: one for one in found["items"]}
    assert rows["2012-Q2"]["tickets"]["number"] == 2
    measures = {one["measure"]: one for one in rows["2012-Q2"]["measures"]}
    # a Monday to the Tuesday after, 24 h, and to the Monday behind it, 7 days
    assert (measures["response"]["count"], measures["response"]["median"]) == (1, 1)
    assert (measures["lifetime"]["count"], measures["lifetime"]["median"]) == (1, 7)
    assert measures["waiting"] == {"measure": "waiting", "count": 0, "mean": None, "median": None}
    assert check_rows(program, found) >= 4
    by = program.read(f"{STATISTICS}/times?{YEARS}&by=category")
    assert check_rows(program, by) == 3


def test_events_against_tickets_are_the_lists_behind(calling: Calling, events: None) -> None:
    program = calling("read")
    answer = program.get(f"{STATISTICS}/matching?from=2012-Q4&to=2013-Q1")
    assert answer.headers["Figures-Up-To"].endswith("Z")
    found = answer.json
    assert found is not None

    def cells(rows: Any) -> list[tuple[Any, ...]]:
        parts = ("detected", "documented", "missing")
        return [
            (one["site"], one["quarter"], *(one[part]["number"] for part in parts)) for one in rows
        ]

    assert cells(found["items"]) == [
        ("CH-CERN", "2012-Q4", 0, 0, 0),
        ("CH-CERN", "2013-Q1", 0, 0, 0),
        ("DE-KIT", "2012-Q4", None, None, None),
        ("DE-KIT", "2013-Q1", 2, 1, 1),
        ("ES-PIC", "2012-Q4", 1, 0, 1),
        ("ES-PIC", "2013-Q1", 0, 0, 0),
    ]
    assert cells(found["totals"]) == [("", "2012-Q4", 1, 0, 1), ("", "2013-Q1", 2, 1, 1)]
    assert check_rows(program, found) == 10


def test_availability_of_links_and_sites(calling: Calling, events: None) -> None:
    program = calling("read")
    found = program.read(f"{STATISTICS}/availability?from=2013-Q1&to=2013-Q1")
    rows = {(one["link"] or one["site"], one["period"]): one for one in found["items"]}
    # of 90 days (2160 h) DE-KIT's link was down 1 h, 2 h and a second less than an hour; its source
    # was heard last on March 6 at noon, and the 612 h from then on are unmonitored
    down = (1 + 2 + 3599 / 3600) / (2160 - 612)
    for name in (LINK, "DE-KIT"):
        one = rows[name, "2013-Q1"]
        assert one["hours"] == 2160
        assert one["availability"] == pytest.approx(1 - down)
        assert one["unmonitored_hours"] == pytest.approx(612)
        assert one["down_hours"] == pytest.approx(4, abs=0.001)
    # 2 h of the other one's outage lie in this quarter
    assert rows[PIC, "2013-Q1"]["down_hours"] == 2
    (whole,) = found["totals"]
    assert whole["hours"] == 4320
    assert len(program.read(rows[LINK, "2013-Q1"]["rows"])["items"]) == 3
    assert len(program.read(rows[PIC, "2013-Q1"]["rows"])["items"]) == 1
    one_site = program.read(f"{STATISTICS}/availability?from=2013&to=2013&per=year&site=PIC")
    assert {one["link"] for one in one_site["items"]} == {"", PIC}


def test_what_rules_would_have_asked_for(calling: Calling, events: None) -> None:
    program = calling("read")
    rules = {one["label"]: one for one in program.read("/api/v1/duty-rules")["items"]}
    assert rules["R2009"]["hours"] > 0
    found = program.read(f"{STATISTICS}/what-if?from=2012-Q4&to=2013-Q1&rule=R2009")
    asked = {
        (one["site"], one["quarter"]): (one["asked"]["number"], one["there"]["number"])
        for one in [*found["items"], *found["totals"]]
    }
    # more than an hour: that of 60 minutes is none
    assert asked["DE-KIT", "2013-Q1"] == (1, 0)
    assert asked["ES-PIC", "2012-Q4"] == (1, 0)
    assert asked["", "2012-Q4"] == (1, 0)
    assert asked["DE-KIT", "2012-Q4"] == (None, None)
    assert check_rows(program, found) >= 4
    due = program.read("/api/v1/duties?rule=R2009&state=all&quarter=2013-Q1")["items"]
    assert [(one["link"], one["standing"], one["ticket"]) for one in due] == [
        (LINK, "missing", None)
    ]
    assert program.read("/api/v1/duties?rule=R2009&state=all&end=ES-PIC")["items"][0]["link"] == PIC


def test_pages_of_lists_hold_each_row_once(calling: Calling, events: None) -> None:
    program = calling("read")
    for path in ("/api/v1/detected-events", "/api/v1/duties?state=all&rule=R2009"):
        whole = [json.dumps(one) for one in program.read(path)["items"]]
        mark = "&" if "?" in path else "?"
        place, found = f"{path}{mark}limit=1", list[str]()
        while place:
            page = program.read(place)
            found += [json.dumps(one) for one in page["items"]]
            place = page["next"]
        assert found == whole
        assert len(whole) >= 2


def test_a_decision_by_hand(calling: Calling, cast: Cast, session: Session, events: None) -> None:
    number = ticket(session, cast, event_start="9 10:00", event_end="9 11:00")
    no_evidence = ticket(session, cast, category="test")
    program = calling("events", of=cast.kit)
    open_list = "/api/v1/detected-events?documented=no&counted=yes&t1=DE-KIT"
    (open_event,) = program.read(open_list)["items"]
    at_event = f"/api/v1/events/{open_event['id']}"
    seen = program.get(f"{at_event}/matching")
    assert seen.json is not None
    assert (seen.json["matches"], seen.json["may_decide"]) == ([], True)
    sent = {"ticket": number, "decision": "linked", "reason": "The carrier says so"}
    answer = program.post(f"{at_event}/decisions", sent, If_Match=seen.headers["ETag"])
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    (match,) = answer.json["matches"]
    assert (match["number"], match["documents"], match["how"]) == (number, True, "hand")
    assert answer.json["detected"]["documented"] is True
    assert answer.json["decisions"][0]["reason"] == "The carrier says so"
    assert program.read(open_list)["items"] == []
    late = {**sent, "decision": "unlinked"}
    stale = program.post(f"{at_event}/decisions", late, If_Match=seen.headers["ETag"])
    assert stale.status_code == 412
    undone = program.send("DELETE", f"{at_event}/decisions/{number}")
    assert undone.json is not None
    assert (undone.json["decisions"], undone.json["detected"]["documented"]) == ([], False)
    assert [one.is_documented for one in detected(session) if one.is_counted] == [
        False,
        False,
        True,
    ]

    for wrong, field in (
        ({"ticket": 99, "decision": "linked", "reason": "x"}, "ticket"),
        ({"ticket": no_evidence, "decision": "linked", "reason": "x"}, "ticket"),
        ({"ticket": number, "decision": "linked", "reason": " "}, "reason"),
        ({"ticket": number, "decision": "bound", "reason": "x"}, "decision"),
        ({**sent, "why": "x"}, "why"),
    ):
        told = program.post(f"{at_event}/decisions", wrong)
        assert told.status_code == 422, wrong
        assert told.json is not None
        assert [one["field"] for one in told.json["errors"]] == [field]
    assert program.post("/api/v1/events/99/decisions", sent).status_code == 404
    assert program.get("/api/v1/events/x/matching").status_code == 404
    for other in (calling("events", of=cast.pic), calling("read", of=cast.kit), calling("events")):
        assert other.post(f"{at_event}/decisions", sent).status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("statistics/tickets?per=week", "per"),
        ("statistics/tickets?by=colour", "by"),
        ("statistics/tickets?from=2013-Q2&to=2013-Q1", "to"),
        ("statistics/tickets?from=1989", "from"),
        ("statistics/tickets?to=2013-13", "to"),
        ("statistics/tickets?per=month&from=1990&to=2099", "to"),
        ("statistics/tickets?per=month&from=2012&to=2018", "to"),
        ("statistics/matching?from=1990-Q1&to=2013-Q1", "to"),
        ("statistics/times?by=link", "by"),
        ("statistics/matching?network=X", "network"),
        ("statistics/matching?from=2013", "from"),
        ("statistics/what-if?rule=R1", "rule"),
        ("statistics/availability?site=X", "site"),
        ("detected-events?quarter=2013", "quarter"),
        ("detected-events?after=x", "after"),
        ("detected-events?state=unmonitored", "state"),
        ("detected-events?from=2013-02-30", "from"),
        ("duties?rule=R1", "rule"),
        ("duties?link=X", "link"),
        ("duties?end=X", "end"),
        ("duties?site=X", "site"),
        ("duties?quarter=2013-Q1&from=2013-Q1", "quarter"),
        ("tickets?figure=x", "figure"),
        ("tickets?desk=x", "desk"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(calling: Calling, path: str, field: str) -> None:
    answer = calling("read").get(f"/api/v1/{path}")
    assert answer.status_code == 400, answer.text
    assert answer.json is not None
    assert [one["field"] for one in answer.json["errors"]] == [field]


def test_accounts_that_see_their_own_tickets_get_no_figures(calling: Calling, cast: Cast) -> None:
    own = calling("read", account=cast.nren_a.account)
    every = calling("read", account=cast.ggus.account)
    for path in ("statistics/tickets", "statistics/times", "statistics/matching", "duties"):
        assert own.get(f"/api/v1/{path}").status_code == 403
        assert every.get(f"/api/v1/{path}").status_code == 200


def test_answers_are_as_described(calling: Calling, events: None, tickets: dict[str, int]) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    program = calling("read")
    first = program.read("/api/v1/detected-events")["items"][0]["id"]
    paths = {
        f"/statistics/tickets?{YEARS}&by=site": "/v1/statistics/tickets",
        f"/statistics/times?{YEARS}": "/v1/statistics/times",
        "/statistics/matching?from=2013-Q1&to=2013-Q1": "/v1/statistics/matching",
        "/statistics/availability?from=2013-Q1&to=2013-Q1": "/v1/statistics/availability",
        "/statistics/what-if?from=2013-Q1&to=2013-Q1": "/v1/statistics/what-if",
        "/detected-events": "/v1/detected-events",
        f"/events/{first}/matching": "/v1/events/{event}/matching",
        "/duties?state=all&rule=R2009": "/v1/duties",
        "/duty-rules": "/v1/duty-rules",
    }
    for path, described in paths.items():
        answer = program.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        (content,) = whole["paths"][described]["get"]["responses"]["200"]["content"].values()
        schema: dict[str, Any] = {**content["schema"], "components": whole["components"]}
        Draft202012Validator(schema).validate(answer.json)


def test_a_desk_is_that_of_the_account(calling: Calling, cast: Cast, opened: Open) -> None:
    mine = opened(now=NOON, sites=("DE-KIT",))
    opened(now=NOON, sites=("ES-PIC",))
    found = calling("tickets", of=cast.kit).read("/api/v1/tickets?desk=my+sites")
    assert [one["number"] for one in found["items"]] == [mine]
