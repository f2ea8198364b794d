"""Sites, links and unresolved names that administrators write over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling, Program
from tests.cast import Cast
from tests.matching.matching_world import ticket

SITES, LINKS = "/api/v1/sites", "/api/v1/links"
NAMES = "/api/v1/unresolved-names"
NEW: dict[str, Any] = {
    "key": "NL-T1",
    "country": "NL",
    "time_zone": "Europe/Amsterdam",
    "tier": 1,
    "tier_since": "2009-01-01",
    "nrens": ["SURFnet"],
    "asns": [1162],
    "prefixes": [{"network": "LHCOPN", "prefix": "192.16.166.0/24"}],
    "names": [
        {"system": "GOCDB", "name": "SARA-MATRIX"},
        {"system": "short", "name": "SARA", "valid_from": "2009-01-01"},
    ],
    "contacts": [{"role": "network", "name": "Sample NOC", "mail": "noc@nl.example"}],
}


@pytest.fixture
def admin(calling: Calling, cast: Cast) -> Program:
    """A program of an administrator, for the registry."""
    return calling("registry", of=cast.admin)


def test_a_site_is_created_changed_and_ended(admin: Program, session: Session) -> None:
    made = admin.post(SITES, NEW | {"sources": {"*": "its declaration"}, "why": "It joins"})
    assert made.status_code == 201, made.text
    at = made.headers["Location"]
    assert at == f"{SITES}/NL-T1"
    assert admin.read(at) == made.json
    assert made.json is not None
    told = {name: made.json[name] for name in ("key", "tier", "nrens", "asns", "source", "version")}
    assert told == {
        "key": "NL-T1",
        "tier": 1,
        "nrens": ["SURFnet"],
        "asns": [1162],
        "source": "its declaration",
        "version": 1,
    }
    assert {(one["system"], one["name"]) for one in made.json["names"]} == {
        ("LHCOPN", "NL-T1"),
        ("GOCDB", "SARA-MATRIX"),
        ("short", "SARA"),
    }
    assert made.json["contacts"][0] == NEW["contacts"][0] | {"phone": ""}

    changed = admin.send(
        "PATCH", at, {"bandwidth_gbps": 200, "asns": []}, If_Match=made.headers["ETag"]
    )
    assert changed.status_code == 200, changed.text
    assert changed.json is not None
    assert (changed.json["bandwidth_gbps"], changed.json["asns"]) == (200, [])
    assert changed.json["nrens"] == ["SURFnet"]
    late = admin.send("PATCH", at, {"bandwidth_gbps": 400}, If_Match=made.headers["ETag"])
    assert late.status_code == 412
    assert late.json is not None
    assert (late.json["current"]["bandwidth_gbps"], late.json["current"]["version"]) == (200, 2)
    ended = admin.send("PATCH", at, {"valid_until": "2030-01-01"})
    assert ended.json is not None
    assert ended.json["valid_until"] == "2030-01-01"
    back = admin.send("PATCH", at, {"valid_until": None, "sources": {"bandwidth_gbps": "A mail"}})
    assert back.json is not None
    assert back.json["valid_until"] is None
    assert {"field": "bandwidth_gbps", "source": "A mail", "sample": False} in back.json["facts"]
    doors = session.scalars(select(Change.door).where(Change.kind == "site")).all()
    assert doors.count("api") == 4


def test_a_link_is_created_under_the_next_name_of_its_ends(admin: Program) -> None:
    new = {"network": "LHCOPN", "end_a": "CERN", "end_b": "GRIDKA", "role": "backup"}
    made = admin.post(LINKS, new | {"backs_up": "CERN-GRIDKA-LHCOPN-001"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{LINKS}/CERN-GRIDKA-LHCOPN-002"
    assert made.json is not None
    told = {name: made.json[name] for name in ("name", "end_a", "end_b", "role", "backs_up")}
    assert told == {
        "name": "CERN-GRIDKA-LHCOPN-002",
        "end_a": "CH-CERN",
        "end_b": "DE-KIT",
        "role": "backup",
        "backs_up": "CERN-GRIDKA-LHCOPN-001",
    }
    blank = admin.post(LINKS, new | {"end_b": " "})
    assert blank.status_code == 422
    assert blank.json is not None
    assert [one["field"] for one in blank.json["errors"]] == ["end_b"]
    circuits = [{"provider": "DFN", "circuit_id": "A/1"}, {"provider": "SWITCH"}]
    changed = admin.send("PATCH", made.headers["Location"], {"circuits": circuits})
    assert changed.json is not None
    assert changed.json["circuits"] == [
        {"provider": "DFN", "circuit_id": "A/1"},
        {"provider": "SWITCH", "circuit_id": ""},
    ]
    renamed = admin.send("PATCH", made.headers["Location"], {"name": "CERN/KIT 2"})
    assert renamed.status_code == 422  # a name stands in addresses
    assert admin.send("PATCH", f"{LINKS}/NOWHERE", {"role": "backup"}).status_code == 404


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, {"country", "key", "time_zone"}),
        (NEW | {"colour": "red"}, {"colour"}),
        (NEW | {"country": "XX", "tier": 2}, {"tier"}),
        (NEW | {"country": "XX", "time_zone": "Mars"}, {"country", "time_zone"}),
        (NEW | {"asns": ["1162"]}, {"asns"}),
        (NEW | {"asns": None}, {"asns"}),
        (NEW | {"names": [{"system": "GOCDB", "name": "x", "since": "y"}]}, {"names"}),
        (NEW | {"names": [{"system": "GOCDB", "name": "FZK-LCG2"}]}, {"names"}),
        (NEW | {"prefixes": [{"network": "LHCOPN", "prefix": "10.0.0.1/8"}]}, {"prefixes"}),
        (NEW | {"key": "DE-KIT"}, {"key"}),
        (NEW | {"key": 5}, {"key"}),
        (NEW | {"tier_since": "yesterday"}, {"tier_since"}),
        (NEW | {"valid_from": "2012-01-02", "valid_until": "2012-01-01"}, None),
        (NEW | {"sources": {"colour": "x"}}, None),
        (NEW | {"country": "\0"}, {"country"}),
        (NEW | {"key": "\ud800"}, {"key"}),
    ],
)
def test_a_wrong_site_is_named(admin: Program, sent: Any, fields: set[str] | None) -> None:
    answer = admin.post(SITES, sent)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    if fields is not None:
        assert {one["field"] for one in answer.json["errors"]} == fields
    assert admin.get(f"{SITES}/NL-T1").status_code == 404


def test_what_stands_on_a_record_keeps_it(admin: Program) -> None:
    answer = admin.send("PATCH", f"{SITES}/DE-KIT", {"valid_until": "2020-01-01"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert "CERN-GRIDKA-LHCOPN-001" in answer.json["errors"][0]["detail"]
    assert admin.send("PATCH", f"{SITES}/NOWHERE", {"tier": 1}).status_code == 404


def test_only_administrators_write(calling: Calling, cast: Cast) -> None:
    for program in (calling("registry"), calling("registry", of=cast.operator)):
        assert program.post(SITES, NEW).status_code == 403
        assert program.send("PATCH", f"{SITES}/DE-KIT", {"tier": 1}).status_code == 403
        new = {"network": "LHCOPN", "end_a": "CERN", "end_b": "GRIDKA"}
        assert program.post(LINKS, new).status_code == 403
    assert calling("admin", of=cast.operator).get(NAMES).status_code == 403
    assert calling("registry", of=cast.admin).get(NAMES).status_code == 403


def test_a_name_gets_its_meaning(calling: Calling, cast: Cast, session: Session) -> None:
    first = ticket(session, cast, sites=("Karlsruhe",))
    ticket(session, cast, sites=("Atlantis",))
    admin = calling("admin", "registry", "tickets", of=cast.admin)
    names = admin.read(NAMES)
    assert names["total"] == 2
    rows = {one["name"]: (one["tickets"], one["newest_ticket"]) for one in names["items"]}
    assert rows["Karlsruhe"] == (1, first)
    page = admin.read(f"{NAMES}?limit=1")
    assert len(page["items"]) == 1
    assert admin.read(page["next"])["next"] is None

    sent = {"kind": "site", "name": "Karlsruhe", "decision": "alias"}
    wrong = admin.post(f"{NAMES}/decisions", sent | {"target": "Nowhere"})
    assert wrong.status_code == 422
    assert wrong.json is not None
    assert [one["field"] for one in wrong.json["errors"]] == ["target"]
    meant = sent | {"target": "DE-KIT", "why": "As written"}
    alone = calling("admin", of=cast.admin)
    assert alone.post(f"{NAMES}/decisions", meant).status_code == 403  # it changes the site
    done = admin.post(f"{NAMES}/decisions", meant)
    assert done.status_code == 200, done.text
    assert done.json is not None
    assert done.json["tickets"] == {"done": 1, "left": 0}
    assert admin.read(f"/api/v1/tickets/{first}")["sites"][0]["key"] == "DE-KIT"
    gone = admin.post(f"{NAMES}/decisions", {**sent, "name": "Atlantis", "decision": "dismissed"})
    assert gone.status_code == 200
    assert admin.read(NAMES)["items"] == []
    decided = admin.read(f"{NAMES}/decisions")["items"]
    assert [(one["name"], one["decision"], one["means"]) for one in decided] == [
        ("Atlantis", "dismissed", ""),
        ("Karlsruhe", "alias", "DE-KIT"),
    ]
    back = admin.post(f"{NAMES}/decisions", {**sent, "decision": "taken back"})
    assert back.json is not None
    assert back.json["tickets"] == {"done": 1, "left": 0}
    assert admin.read(f"/api/v1/tickets/{first}")["sites"][0]["key"] is None
    follow = admin.post(f"{NAMES}/decisions", {**sent, "decision": "follow"})
    assert follow.json is not None
    assert follow.json["tickets"] == {"done": 0, "left": 0}

    for body, status in (
        ({**sent, "name": "Unheard of", "target": "DE-KIT"}, 404),
        ({**sent, "name": "\ud800", "target": "DE-KIT"}, 422),
        ({**sent, "kind": "planet"}, 422),
        ({**sent, "decision": "x"}, 422),
        ({**sent, "name": ""}, 422),
    ):
        assert admin.post(f"{NAMES}/decisions", body).status_code == status
    assert admin.post("/api/v1/units", {"name": "NOC"}).json == {"name": "NOC"}
    assert admin.post("/api/v1/units", {"name": "NOC"}).status_code == 422
    assert admin.get(f"{NAMES}?kind=planet").status_code == 400
    assert admin.get(f"{NAMES}?page=0").status_code == 400


def test_answers_are_as_described(
    admin: Program, calling: Calling, cast: Cast, session: Session
) -> None:
    ticket(session, cast, sites=("Karlsruhe",))
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    names = calling("admin", of=cast.admin)
    sent = {"kind": "site", "name": "Karlsruhe", "decision": "dismissed"}
    new = {"network": "LHCOPN", "end_a": "CERN", "end_b": "GRIDKA"}
    for method, described, answer in (
        ("post", "/v1/sites", admin.post(SITES, NEW)),
        ("patch", "/v1/sites/{key}", admin.send("PATCH", f"{SITES}/NL-T1", {"vos": ["ATLAS"]})),
        ("post", "/v1/links", admin.post(LINKS, new)),
        ("get", "/v1/unresolved-names", names.get(NAMES)),
        ("post", "/v1/unresolved-names/decisions", names.post(f"{NAMES}/decisions", sent)),
        ("get", "/v1/unresolved-names/decisions", names.get(f"{NAMES}/decisions")),
    ):
        operation = whole["paths"][described][method]
        (content,) = operation["responses"][str(answer.status_code)]["content"].values()
        schema: dict[str, Any] = {**content["schema"], "components": whole["components"]}
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(answer.json)
    for path, body in (("/v1/sites", NEW), ("/v1/links", new)):
        content = whole["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema = {**content["schema"], "components": whole["components"]}
        Draft202012Validator(schema).validate(body)
