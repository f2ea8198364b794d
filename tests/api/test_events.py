"""Events by REST: reports in lists, Alertmanager's webhook, and reading them page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.events.models.events import Event, EventSource
from app.events.services.sources import set_source
from tests.api.conftest import Calling, Program
from tests.cast import Cast, writer

EVENTS = "/api/v1/events"
HOOK = f"{EVENTS}/alertmanager"
ALERTS = Path(__file__).parents[1] / "alerts"
LINK = "CERN-GRIDKA-LHCOPN-001"
DOWN: dict[str, Any] = {
    "source": "probe",
    "source_id": "a",
    "link": LINK,
    "state": "down",
    "start": "2013-03-06T10:00:00Z",
    "end": "2013-03-06T11:30:00+01:00",
}
WATCHDOG: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "Watchdog", "severity": "none"},
    "startsAt": "2013-03-01T00:00:00Z",
}
PROBLEM = "application/problem+json"


@pytest.fixture
def probe(calling: Calling) -> Program:
    return calling("events")


def alerts(name: str) -> Any:
    return json.loads((ALERTS / f"{name}.json").read_text("utf-8"))


def counted(answer: Any) -> dict[str, int]:
    """The counts of an answer that are not 0."""
    assert answer.status_code == 200, answer.text
    return {name: count for name, count in answer.json.items() if isinstance(count, int) and count}


def rows(session: Session) -> list[Event]:
    session.rollback()
    found = session.scalars(select(Event).order_by(Event.id)).all()
    session.expunge_all()
    session.rollback()
    return [*found]


def test_a_report_is_stored_once_and_read_back(probe: Program, session: Session) -> None:
    assert counted(probe.post(EVENTS, [DOWN])) == {"received": 1, "new": 1}
    assert counted(probe.post(EVENTS, DOWN)) == {"received": 1, "same": 1}
    assert counted(probe.post(EVENTS, {"events": [DOWN]})) == {"received": 1, "same": 1}
    (item,) = probe.read(EVENTS)["items"]
    created = item.pop("created")
    assert item.pop("changed") == created
    assert item == {
        "id": 1,
        "source": "probe",
        "source_id": "a",
        "link": LINK,
        "site": "",
        "unresolved": False,
        "state": "down",
        "start": "2013-03-06T10:00:00Z",
        "end": "2013-03-06T10:30:00Z",
        "layer": "unknown",
        "detail": "",
        "withdrawn": None,
        "version": 1,
    }
    change = session.scalars(select(Change).where(Change.kind == "event")).one()
    assert (change.door, change.actor_account) == ("api", "program-0")


def test_a_later_message_closes_and_its_history_is_read(probe: Program) -> None:
    probe.post(EVENTS, {**DOWN, "end": None})
    assert probe.read(f"{EVENTS}/1")["end"] is None
    closing = {"source": "probe", "source_id": "a", "end": "2013-03-06T11:00:00Z"}
    assert counted(probe.post(EVENTS, closing)) == {"received": 1, "changed": 1}
    found = probe.read(f"{EVENTS}/1")
    assert (found["end"], found["version"]) == ("2013-03-06T11:00:00Z", 2)
    assert [one["version"] for one in found["history"]] == [1, 2]
    assert found["history"][1]["fields"] == [
        {"field": "end", "old": None, "new": "2013-03-06T11:00:00Z"}
    ]
    # the message that opened it, late or sent again, opens nothing
    assert counted(probe.post(EVENTS, {**DOWN, "end": None})) == {"received": 1, "same": 1}
    assert probe.read(f"{EVENTS}/1")["version"] == 2
    assert probe.get(f"{EVENTS}/2").status_code == 404
    assert probe.get(f"{EVENTS}/99999999999").status_code == 404


def test_wrong_events_are_named_and_nothing_is_stored(probe: Program, session: Session) -> None:
    many = [{**DOWN, "source_id": str(number)} for number in range(10)]
    many[3]["start"] = "2013-03-06T10:00:00"
    many[4]["link"] = "CERN-GRIDKA-LHCOPN-01"
    many[5]["colour"] = "red"
    many[6]["state"] = 7
    many[7] = 5  # type: ignore[call-overload]
    answer = probe.post(EVENTS, many)
    assert (answer.status_code, answer.content_type) == (422, PROBLEM)
    assert answer.json is not None
    assert "5 of 10 events cannot be taken in, and nothing was stored" in answer.json["detail"]
    told = {(one["index"], one["field"]): one for one in answer.json["errors"]}
    assert [*told] == [(3, "start"), (4, "link"), (5, "colour"), (6, "state"), (7, "")]
    assert told[3, "start"]["value"] == "2013-03-06T10:00:00"
    assert "the zone is missing" in told[3, "start"]["detail"]
    assert f"nearest: {LINK}" in told[4, "link"]["detail"]
    assert told[6, "state"]["value"] == "7"
    assert rows(session) == []
    answer = probe.post(f"{EVENTS}?only_good=yes", many)
    assert counted(answer) == {"received": 10, "new": 5, "left_out": 5}
    assert answer.json is not None
    assert len(answer.json["errors"]) == 5
    assert len(rows(session)) == 5


def test_ten_thousand_of_which_one_is_bad_and_one_too_many(
    probe: Program, session: Session
) -> None:
    many = [{**DOWN, "source_id": str(number)} for number in range(10_000)]
    many[9_999]["end"] = "2013-03-06T09:00:00Z"
    answer = probe.post(EVENTS, many)
    assert answer.status_code == 422
    assert answer.json is not None
    (error,) = answer.json["errors"]
    assert (error["index"], error["field"]) == (9_999, "end")
    assert rows(session) == []
    many[9_999]["end"] = "2013-03-06T11:00:00Z"
    assert counted(probe.post(EVENTS, many)) == {"received": 10_000, "new": 10_000}
    answer = probe.post(EVENTS, [*many, DOWN])
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)
    assert "at most 10000" in answer.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"\xff[]", "not UTF-8"),
        (b"[{]", "not JSON"),
        (b"[NaN]", "not JSON"),
        (b"7", "A list of events"),
        (b"[" * 100_000, "nested too deeply"),
        (
            b'[{"source": "probe", "state": "down", "state": "degraded"}]',
            "'state' is there twice",
        ),
    ],
)
def test_bodies_that_are_no_reports(probe: Program, body: bytes, told: str) -> None:
    answer = probe.post(EVENTS, body)
    assert (answer.status_code, answer.content_type) == (400, PROBLEM)
    assert told in answer.text


def test_sizes_and_types(probe: Program) -> None:
    assert counted(probe.post(EVENTS, [])) == {}
    assert probe.post(EVENTS, b"[]", Content_Type="text/csv").status_code == 415
    large = probe.post(EVENTS, b" " * (8 * 1024 * 1024 + 1))
    assert (large.status_code, large.content_type) == (413, PROBLEM)
    assert "8192 kB" in large.text
    assert probe.post(f"{EVENTS}?only_good=maybe", []).status_code == 400
    assert probe.post(f"{EVENTS}?good=yes", []).status_code == 400


def test_hostile_values_come_back_as_they_were(probe: Program) -> None:
    text = "=1+1 <script>alert(1)</script> '; DROP TABLE events; -- \u202e"
    sent = {**DOWN, "source_id": text, "detail": text}
    assert counted(probe.post(EVENTS, sent)) == {"received": 1, "new": 1}
    (item,) = probe.read(EVENTS)["items"]
    assert (item["source_id"], item["detail"]) == (text, text)
    answer = probe.post(EVENTS, {**DOWN, "source_id": "\u0000"})
    assert answer.status_code == 422
    for half in (b'{"source": "probe", "source_id": "\\ud800"}', b'{"\\ud800": "\\ud800"}'):
        assert probe.post(EVENTS, half).status_code == 422


def test_unknown_names_are_kept_if_that_is_asked_for(probe: Program, session: Session) -> None:
    sent = {**DOWN, "link": "NO-SUCH-001"}
    assert probe.post(EVENTS, sent).status_code == 422
    answer = probe.post(f"{EVENTS}?keep_unresolved=yes", sent)
    assert counted(answer) == {"received": 1, "new": 1, "unresolved": 1}
    (item,) = probe.read(f"{EVENTS}?link=NO-SUCH-001")["items"]
    assert (item["link"], item["unresolved"]) == ("NO-SUCH-001", True)


def test_the_list_is_read_page_by_page_with_filters(probe: Program) -> None:
    for number in range(7):
        probe.post(
            EVENTS,
            {
                **DOWN,
                "source_id": str(number),
                "state": ("down", "degraded")[number % 2],
                "start": f"2013-03-0{number + 1}T10:00:00Z",
                "end": f"2013-03-0{number + 1}T11:00:00Z",
                "link": (LINK, "CERN-PIC-LHCOPN-001")[number % 2],
            },
        )
    probe.post(EVENTS, {**DOWN, "source": "other", "link": "", "site": "FZK-LCG2", "end": None})

    def ids(query: str) -> list[int]:
        return [item["id"] for item in pages(f"{EVENTS}?{query}")]

    def pages(path: str | None) -> Iterator[Any]:
        while path:
            page = probe.read(path)
            yield from page["items"]
            path = page["next"]

    assert ids("limit=3") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ids("state=degraded&limit=1") == [2, 4, 6]
    assert ids("source=other") == [8]
    assert ids("source=probe&source_id=4") == [5]
    assert ids(f"link={LINK}") == [1, 3, 5, 7]
    assert ids("site=DE-KIT") == [1, 3, 5, 7, 8]
    assert ids("site=pic") == [2, 4, 6]
    assert ids("open=yes") == [8]
    assert ids("from=2013-03-03&to=2013-03-05") == [3, 4]
    assert ids("from=2013-03-02T11:00:00Z&to=2013-03-03T10:00:00Z") == [2]
    assert ids("after=6") == [7, 8]
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(f"changed_from={later}") == []
    for wrong in ("state=up", "from=yesterday", "limit=1001", "after=-1", "open=1", "x=1"):
        assert probe.get(f"{EVENTS}?{wrong}").status_code == 400


def test_alertmanager_fires_and_resolves(probe: Program, session: Session) -> None:
    firing = alerts("firing")
    assert counted(probe.post(HOOK, firing)) == {"received": 3, "new": 3, "unresolved": 1}
    by_link, by_site, neither = rows(session)
    assert by_link.source_key == "c6eadffa33fcdf37 2026-03-02T08:52:26.739266Z"
    assert by_link.start == datetime(2026, 3, 2, 8, 52, 26, 739266, UTC)
    assert (by_link.state, by_link.end, by_link.link_text) == ("down", None, "")
    assert by_link.detail.startswith("LinkDown\nInterface et-0/0/1 is down\nNo light for 2")
    assert (by_site.state, by_site.link_id) == ("degraded", None)
    assert by_site.site_id is not None
    assert (neither.state, neither.link_text) == ("down", "LinkDown router3.example.org:9116")
    source = session.scalars(select(EventSource)).one()
    assert (source.name, source.kind) == ("alertmanager", "alertmanager")

    # it tells again what still fires, with other words: nothing new
    firing["alerts"][0]["annotations"]["description"] = "No light for 4 hours."
    assert counted(probe.post(HOOK, firing)) == {"received": 3, "same": 3, "unresolved": 1}

    resolved = alerts("resolved")
    assert counted(probe.post(HOOK, resolved)) == {"received": 3, "changed": 3, "unresolved": 1}
    assert {event.end for event in rows(session)} == {datetime(2026, 3, 2, 9, 30, tzinfo=UTC)}
    # one that was overtaken opens nothing
    assert counted(probe.post(HOOK, firing)) == {"received": 3, "same": 3, "unresolved": 1}

    # nor can it be told from one that fires on, as after a pause of Prometheus, with the start of
    # before: what ends that one moves the end
    resolved["alerts"][0]["endsAt"] = "2026-03-02T10:15:00Z"
    ended = counted(probe.post(HOOK, resolved))
    assert ended == {"received": 3, "changed": 1, "same": 2, "unresolved": 1}
    assert rows(session)[0].end == datetime(2026, 3, 2, 10, 15, tzinfo=UTC)

    # the next outage of the same alert is another event
    again = deepcopy(firing)
    again["alerts"][0]["startsAt"] = "2026-03-03T08:00:00Z"
    assert counted(probe.post(HOOK, again))["new"] == 1
    assert len(rows(session)) == 4


def test_alertmanagers_labels_are_those_of_the_source(
    probe: Program, session: Session, cast: Cast
) -> None:
    with transaction(session):
        set_source(
            session,
            writer(cast.admin),
            "noc",
            {"link_label": "circuit", "state_label": "status", "layer_label": "osi"},
            {"flapping": "degraded", "P1": "down"},
        )
    sent = alerts("firing")
    labels = sent["alerts"][0]["labels"]
    del labels["link"]
    labels |= {"circuit": LINK, "status": "Flapping", "osi": "L3"}
    assert counted(probe.post(f"{HOOK}/noc", sent))["new"] == 3
    event = rows(session)[0]
    assert (event.state, event.layer, event.link_id is not None) == ("degraded", "L3", True)


def test_what_alertmanager_sends_is_stored_whatever_it_holds(
    probe: Program, session: Session
) -> None:
    sent = alerts("firing")
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    sent["alerts"][0] |= {"startsAt": ahead, "labels": {"link": "x" * 5_000 + "\u0000", "job": 7}}
    sent["alerts"][1] |= {"annotations": {"description": "y\u0007" * 5_000}, "fingerprint": ""}
    sent["alerts"][2] |= {"labels": None, "annotations": [], "status": "resolved"}
    sent["truncatedAlerts"] = 4
    answer = counted(probe.post(HOOK, sent))
    assert answer == {"received": 3, "new": 3, "unresolved": 2, "truncated": 4}
    first, second, third = rows(session)
    assert first.start <= datetime.now(UTC)
    assert len(first.link_text) == 255
    assert len(second.detail) == 4000
    assert third.end is not None
    assert third.link_text == "alert a7f1c0de11223344"


def test_an_alert_that_cannot_be_read_takes_no_other_with_it(
    probe: Program, session: Session
) -> None:
    # Alertmanager sends nothing again that was answered with 4xx
    sent = alerts("firing")
    sent["alerts"].insert(1, {"status": "firing", "startsAt": "soon"})
    answer = probe.post(HOOK, sent)
    assert counted(answer) == {"received": 4, "new": 3, "left_out": 1, "unresolved": 1}
    body: Any = answer.json
    (wrong,) = body["errors"]
    assert (wrong["index"], wrong["field"], wrong["value"]) == (1, "startsAt", "soon")
    assert len(rows(session)) == 3


def test_an_alert_of_a_clock_ahead_begins_once(probe: Program, session: Session) -> None:
    sent = alerts("firing")
    sent["alerts"][0]["startsAt"] = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert counted(probe.post(HOOK, sent))["new"] == 3
    begun = rows(session)[0].start
    assert counted(probe.post(HOOK, sent)) == {"received": 3, "same": 3, "unresolved": 1}
    assert rows(session)[0].start == begun


def test_an_alert_twice_in_one_notification_stays_ended(probe: Program, session: Session) -> None:
    sent = alerts("resolved")
    sent["alerts"] = [sent["alerts"][0], alerts("firing")["alerts"][0]]
    assert counted(probe.post(HOOK, sent))["new"] == 1
    assert rows(session)[0].end == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([], 400),
        ({"version": "3", "alerts": []}, 400),
        ({"version": "4"}, 400),
        ({"version": "4", "alerts": [7]}, 422),
        ({"version": "4", "alerts": [{"status": "firing", "startsAt": "soon"}]}, 422),
        ({"version": "4", "alerts": [{"status": "up", "startsAt": "2026-03-02T08:00:00Z"}]}, 422),
        ({"version": "4", "alerts": []}, 200),
    ],
)
def test_what_is_no_notification(probe: Program, session: Session, sent: Any, status: int) -> None:
    assert probe.post(HOOK, sent).status_code == status
    assert probe.post(f"{HOOK}/{'x' * 51}", sent).status_code == 400
    assert rows(session) == []


def test_who_may_report(calling: Calling, cast: Cast, session: Session, probe: Program) -> None:
    for program in (calling("read"), calling("tickets"), calling("registry")):
        for path, content in ((EVENTS, [DOWN]), (HOOK, alerts("firing"))):
            answer = program.post(path, content)
            assert answer.status_code == 403
            assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
    own = calling("events", of=cast.kit)
    assert own.post(EVENTS, [DOWN]).status_code == 403
    assert own.read(EVENTS)["items"] == []
    for path in (EVENTS, HOOK):
        assert Program(probe.app, "").post(path, [DOWN]).status_code == 401
    assert counted(calling("events", of=cast.operator).post(EVENTS, [DOWN]))["new"] == 1
    assert session.scalar(select(func.count()).select_from(Event)) == 1


def heard(session: Session, name: str = "probe") -> datetime | None:
    session.rollback()
    found = session.scalar(select(EventSource.last_heard_at).where(EventSource.name == name))
    session.rollback()
    return found


def forget(session: Session) -> None:
    """As if no source had been heard for long."""
    with transaction(session):
        session.execute(update(EventSource).values(last_heard_at=None))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (EVENTS, [DOWN], 200),
        (f"{EVENTS}?source=probe", [], 200),
        (f"{EVENTS}?source=probe", {"events": []}, 200),
        # what is refused was sent by a source that lives
        (EVENTS, [DOWN | {"source_id": "b", "link": "NO-SUCH-LINK"}], 422),
        (EVENTS, [{"source": "probe", "source_id": "b", "link": LINK, "state": "off"}], 422),
        (f"{HOOK}/probe", {"version": "4", "alerts": []}, 200),
        (f"{HOOK}/probe", {"version": "4", "alerts": [WATCHDOG]}, 200),
        (f"{HOOK}/probe", {"version": "4", "alerts": [{"status": "odd"}]}, 422),
    ],
)
def test_a_source_is_heard_with_each_call(
    path: str, body: Any, status: int, probe: Program, session: Session
) -> None:
    before = datetime.now(UTC)
    probe.post(EVENTS, [DOWN])
    forget(session)
    assert probe.post(path, body).status_code == status
    found = heard(session)
    assert found is not None
    assert found >= before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (EVENTS, [], 200),  # which source?
        (EVENTS, [DOWN | {"source": "other"}], 200),
        (f"{EVENTS}?source=%20probe", [], 400),
        (HOOK, {"version": "4", "alerts": []}, 200),
    ],
)
def test_a_source_is_not_heard_with_the_call_of_another(
    path: str, body: Any, status: int, probe: Program, session: Session
) -> None:
    probe.post(EVENTS, [DOWN])
    forget(session)
    assert probe.post(path, body).status_code == status
    assert heard(session) is None


def test_who_may_not_report_is_not_heard(
    probe: Program, calling: Calling, session: Session
) -> None:
    probe.post(EVENTS, [DOWN])
    forget(session)
    assert calling("tickets").post(f"{EVENTS}?source=probe", []).status_code == 403
    assert heard(session) is None


def test_an_alert_that_always_fires_is_no_event(probe: Program, session: Session) -> None:
    assert counted(probe.post(f"{HOOK}/probe", {"version": "4", "alerts": [WATCHDOG]})) == {}
    of_link = deepcopy(WATCHDOG)
    of_link["labels"]["link"] = LINK
    body = {"version": "4", "alerts": [of_link]}
    assert counted(probe.post(f"{HOOK}/probe", body)) == {"received": 1, "new": 1}
    assert len(rows(session)) == 1


def test_what_is_refused_makes_no_source(probe: Program, session: Session) -> None:
    wrong = DOWN | {"source": "typo", "link": "NO-SUCH-LINK"}
    assert probe.post(EVENTS, [wrong]).status_code == 422
    session.rollback()
    assert session.scalars(select(EventSource.name)).all() == []
