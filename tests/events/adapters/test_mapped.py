"""Monitoring systems whose format is a folder: each sample through REST, and what may go wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.folders import PROJECT
from app.events.adapters import FOLDERS
from tests.api.conftest import Calling, Program
from tests.api.conftest import calling as calling  # fixtures
from tests.api.conftest import cast as cast
from tests.api.test_events import counted

EVENTS = "/api/v1/events"
FORMATS = [folder.name for folder in FOLDERS]


def sample(name: str, part: str) -> Any:
    (folder,) = (one for one in FOLDERS if one.name == name)
    return json.loads((folder / f"{part}.json").read_text("utf-8"))


def stored(program: Program) -> list[dict[str, Any]]:
    """What is known of each event, without what the portal adds."""
    names = ("source", "source_id", "link", "site", "state", "start", "end", "layer", "detail")
    return [{name: item[name] for name in names} for item in program.read(EVENTS)["items"]]


def test_both_systems_are_there() -> None:
    assert FORMATS == ["librenms", "zabbix"]


@pytest.mark.parametrize("name", FORMATS)
def test_an_event_opens_and_closes(calling: Calling, name: str) -> None:
    program = calling("events")
    raised, cleared = sample(name, "raised"), sample(name, "cleared")
    expected = {"source": name, **sample(name, "stored")}
    answer = program.post(f"{EVENTS}/{name}", raised)
    assert counted(answer) == {"received": 1, "new": 1}
    assert stored(program) == [{**expected, "end": None}]
    assert program.read(EVENTS)["items"][0]["unresolved"] is False
    for body, count in ((raised, "same"), (cleared, "changed"), (cleared, "same")):
        answer = program.post(f"{EVENTS}/{name}", body)
        assert counted(answer) == {"received": 1, count: 1}
    assert stored(program) == [expected]
    late = program.post(f"{EVENTS}/{name}", raised)
    assert counted(late) == {"received": 1, "same": 1}, "it may have been overtaken"
    assert stored(program) == [expected]
    other = program.post(f"{EVENTS}/{name}/noc", {**raised, "id": "next"})
    assert counted(other) == {"received": 1, "new": 1}
    assert [one["source"] for one in stored(program)] == [name, "noc"]
    assert [one["end"] for one in stored(program)] == [expected["end"], None]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "body", [[], {}, "x", 1, None, {"alerts": []}, {"id": "1"}, {"version": "4", "alerts": []}]
)
def test_another_body_is_refused(calling: Calling, name: str, body: Any) -> None:
    answer = calling("events").post(f"{EVENTS}/{name}", json.dumps(body).encode())
    assert answer.status_code == 400, answer.text
    assert stored(calling("read")) == []


@pytest.mark.parametrize("name", FORMATS)
def test_values_that_cannot_be_are_named(calling: Calling, name: str) -> None:
    program, raised = calling("events"), sample(name, "raised")
    key = {"librenms": ("state", "timestamp"), "zabbix": ("value", "start")}[name]
    for change, field in (
        ({key[0]: "7"}, key[0]),
        ({key[0]: None}, key[0]),
        ({key[0]: ["1"]}, key[0]),
        ({"id": ""}, "id"),
        ({"id": {"a": 1}}, "id"),
        ({key[1]: ""}, key[1]),
        ({key[1]: "2026-03-01 10:05:00"}, key[1]),
        ({key[1]: "9" * 400}, key[1]),
        ({key[1]: "-1"}, key[1]),
        ({key[1]: "\u0661"}, key[1]),
    ):
        answer = program.post(f"{EVENTS}/{name}", {**raised, **change})
        assert answer.status_code == 422, (change, answer.text)
        assert answer.json is not None
        assert field in {error["field"] for error in answer.json["errors"]}, change
    assert stored(program) == []


@pytest.mark.parametrize("name", FORMATS)
def test_odd_texts_are_stored_as_far_as_they_can_be(calling: Calling, name: str) -> None:
    program, raised = calling("events"), sample(name, "raised")
    text = "a\0b" + "x" * 9000
    odd = dict.fromkeys(("link", "site", "title", "name", "severity", "layer", "host"), text)
    answer = program.post(f"{EVENTS}/{name}", {**raised, **odd})
    assert counted(answer) == {"received": 1, "new": 1, "unresolved": 1}
    nameless = {**raised, "id": "2", "link": "", "site": None}
    answer = program.post(f"{EVENTS}/{name}", nameless)
    assert counted(answer) == {"received": 1, "new": 1, "unresolved": 1}
    first = sample(name, "stored")["detail"].split("\n")[0]
    assert [one["link"] for one in stored(program)][1] == first, "its own name"


@pytest.mark.parametrize("name", FORMATS)
def test_a_fast_clock_loses_no_event(calling: Calling, name: str) -> None:
    program, key = calling("events"), {"librenms": "timestamp", "zabbix": "start"}[name]
    ahead = datetime.now(UTC) + timedelta(hours=2)
    body = {**sample(name, "raised"), key: ahead.isoformat(timespec="seconds")}
    assert counted(program.post(f"{EVENTS}/{name}", body)) == {"received": 1, "new": 1}
    (event,) = stored(program)
    assert datetime.fromisoformat(event["start"]) < ahead - timedelta(hours=1)


def test_a_cleared_zabbix_problem_whose_start_was_lost_is_stored(calling: Calling) -> None:
    program = calling("events")
    answer = program.post(f"{EVENTS}/zabbix", sample("zabbix", "cleared"))
    assert counted(answer) == {"received": 1, "new": 1}
    assert stored(program) == [{"source": "zabbix", **sample("zabbix", "stored")}]


def test_a_recovery_of_librenms_without_its_alert_is_refused(calling: Calling) -> None:
    program = calling("events")
    answer = program.post(f"{EVENTS}/librenms", sample("librenms", "cleared"))
    assert answer.status_code == 422
    assert stored(program) == []


def test_an_acknowledged_alert_changes_nothing(calling: Calling) -> None:
    program, raised = calling("events"), sample("librenms", "raised")
    assert program.post(f"{EVENTS}/librenms", raised).status_code == 200
    answer = program.post(f"{EVENTS}/librenms", {**raised, "id": "39", "state": "2"})
    assert counted(answer) == {}
    assert len(stored(program)) == 1


@pytest.mark.parametrize(
    ("severity", "state"),
    [("Warning", "degraded"), ("average", "degraded"), ("Disaster", "down"), ("other", "down")],
)
def test_severities_of_zabbix(calling: Calling, severity: str, state: str) -> None:
    program = calling("events")
    program.post(f"{EVENTS}/zabbix", {**sample("zabbix", "raised"), "severity": severity})
    assert [one["state"] for one in stored(program)] == [state]


def test_the_guide_has_the_page_of_each_folder() -> None:
    guide = (PROJECT / "docs" / "partners-guide.md").read_text("utf-8")
    tool = [sys.executable, str(PROJECT / "tools" / "monitoring_guide.py")]
    assert subprocess.run(tool, capture_output=True, check=True, text=True).stdout == guide
    for name in FORMATS:
        section = guide.partition(f"PORTAL_URL/api/v1/events/{name}/noc")[2].partition("\n### ")[0]
        before_sample = section.partition("(sample data)")[0]
        assert [key for key in sample(name, "raised") if key not in before_sample] == []
