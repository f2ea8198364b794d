"""ReportEvents by a partner's client: taken in once, wrong ones told by their place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, Invalid, TooMuch
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from tests.soap_service.native.client import LINK, NAMESPACE, Native, detail_of, number_of, refused

START = datetime(2013, 3, 6, 10, tzinfo=UTC)


def down(key: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "opn probe",
        "sourceId": key,
        "link": LINK,
        "state": "down",
        "start": START,
        "end": START + timedelta(hours=1),
        **more,
    }


def stored(native: Native, *keys: str) -> Sequence[Event]:
    with native.wire.server.session() as session:
        return session.scalars(
            select(Event).where(Event.source_key.in_(keys)).order_by(Event.id)
        ).all()


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in answer.items() if isinstance(count, int) and count}


def test_events_are_taken_in_once_closed_and_corrected(native: Native) -> None:
    key, other = str(uuid4()), str(uuid4())
    first = [down(key, layer="L3", detail="flap"), down(other, end=None, site="FZK-LCG2")]
    assert counts(native.call("ReportEvents", author="NOC", events=first)) == {"new": 2}
    assert counts(native.call("ReportEvents", author="NOC", events=first)) == {"same": 2}
    one, two = stored(native, key, other)
    assert (one.layer, one.detail, one.end) == ("L3", "flap", START + timedelta(hours=1))
    assert (two.end, two.link_id, two.site_id is not None) == (None, one.link_id, True)
    local = timezone(timedelta(hours=1))
    closing = {
        "source": "opn probe",
        "sourceId": other,
        "end": datetime(2013, 3, 6, 12, 30, tzinfo=local),
    }
    assert counts(native.call("ReportEvents", events=[closing])) == {"changed": 1}
    assert stored(native, other)[0].end == START + timedelta(hours=1, minutes=30)
    again = {"source": "opn probe", "sourceId": other, "goesOn": True}
    assert counts(native.call("ReportEvents", events=[again])) == {"changed": 1}
    assert stored(native, other)[0].end is None
    with native.wire.server.session() as session:
        change = session.scalars(
            select(Change).where(Change.kind == EVENT, Change.thing_id == one.id)
        ).one()
        assert (change.door, change.actor_account, change.author) == ("native", "opn", "NOC")
        source = session.get_one(EventSource, one.source_id)
        assert (source.kind, source.partner_id == change.partner_id) == ("soap", True)


def test_what_is_wrong_is_told_by_place_and_nothing_is_stored(native: Native) -> None:
    keys = [str(uuid4()) for _ in range(4)]
    events = [
        down(keys[0]),
        down(keys[1], link="CERN-GRIDKA-LHCOPN-01"),
        down(keys[2], end=START - timedelta(seconds=1)),
        down(keys[3], link=None),
    ]
    fault = refused(native.call, "ReportEvents", events=events)
    assert number_of(fault) == Invalid.number
    assert "3 of 4 events cannot be taken in" in fault.message
    detail = detail_of(fault)
    assert detail.tag == f"{{{NAMESPACE}}}EventProblems"
    told = [[str(part.text) for part in problem] for problem in detail]
    assert [(index, field) for index, field, _ in told] == [
        ("1", "link"),
        ("2", "end"),
        ("3", "link"),
    ]
    assert f"nearest: {LINK}" in told[0][2]
    assert "LHCOPN-01;" not in " ".join(told[0])  # what was sent is not repeated
    assert stored(native, *keys) == []
    answer = native.call("ReportEvents", events=events, onlyGood=True)
    assert counts(answer) == {"new": 1, "leftOut": 3}
    assert [item["index"] for item in answer["problems"]] == [1, 2, 3]
    kept = native.call("ReportEvents", events=[events[1]], keepUnresolved=True)
    assert counts(kept) == {"new": 1, "unresolved": 1}


def test_a_time_without_its_zone_is_refused(native: Native) -> None:
    text = "".join(
        f"<n:{name}>{value}</n:{name}>"
        for name, value in (
            ("source", "p"),
            ("sourceId", "a"),
            ("link", LINK),
            ("state", "down"),
            ("start", "2013-03-06T10:00:00"),
        )
    )
    answer = native.raw("ReportEvents", f"<n:events>{text}</n:events>")
    assert answer.status == 500
    assert "start has a value that is not allowed; a time has its zone here" in answer.fault
    naive = START.replace(tzinfo=None)
    fault = refused(native.call, "ReportEvents", events=[down("a", start=naive)])
    assert number_of(fault) == Invalid.number


def test_at_most_fifty_and_one_of_two(native: Native) -> None:
    many = [down(str(number), link=None) for number in range(51)]
    small = [{name: event[name] for name in ("source", "sourceId")} for event in many]
    assert number_of(refused(native.call, "ReportEvents", events=small)) == TooMuch.number
    fifty = [{**down(f"f{number}", detail="x"), "layer": "L3"} for number in range(50)]
    assert counts(native.call("ReportEvents", events=fifty)) == {"new": 50}
    both = refused(native.call, "ReportEvents", events=[down("b", goesOn=True)])
    assert "exclude each other" in both.message
    assert counts(native.call("ReportEvents", events=[])) == {}


def test_a_partner_reports_its_own_sources(native: Native) -> None:
    key = str(uuid4())
    native.call("ReportEvents", events=[down(key)])
    fault = refused(native.call, "ReportEvents", user="other", events=[down(key, state="degraded")])
    assert "cannot be taken in" in fault.message
    assert "this source belongs to another" in str(detail_of(fault)[0][2].text)
    assert stored(native, key)[0].state == "down"
    read_only = refused(native.call, "ReportEvents", user="reader", events=[down(key)])
    assert number_of(read_only) == Forbidden.number


@pytest.mark.parametrize("state", ["up", "Down", ""])
def test_states_are_those_of_the_wsdl(native: Native, state: str) -> None:
    inner = (
        "<n:events><n:source>p</n:source><n:sourceId>a</n:sourceId>"
        f"<n:state>{state}</n:state></n:events>"
    )
    answer = native.raw("ReportEvents", inner)
    assert answer.status == 500
    assert "allowed are down, degraded, unmonitored" in answer.fault
