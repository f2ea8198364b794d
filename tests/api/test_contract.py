"""The OpenAPI document as it was published, valid, and true: real answers fit its schemas.

``openapi.json`` changes on purpose only: programs were written against it. To publish a change:
``python -m tests.api.test_contract``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import app.api
from app.api import OPERATIONS
from app.api.document import document
from app.api.events import events
from app.api.operations import operations_of
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.events.adapters import FORMATS
from app.events.rules.events import MAX_AT_ONCE
from tests.api.answers import GOLDEN, closed
from tests.api.conftest import Calling
from tests.api.test_events import DOWN, EVENTS, alerts
from tests.api.test_registry import LINKS, SITES
from tests.api.test_registry import registry as registry  # the fixture


def written() -> str:
    return json.dumps(document(OPERATIONS), ensure_ascii=False, indent=1) + "\n"


def test_the_document_is_the_published_one() -> None:
    assert written() == GOLDEN.read_text("utf-8")


def test_each_operation_of_the_folder_is_published_once() -> None:
    """A module that nobody lists would have operations without a route."""
    declared = [
        one
        for found in walk_packages(app.api.__path__, "app.api.")
        for one in operations_of(import_module(found.name))
    ]
    assert len(declared) > 100
    assert {one.name for one in declared} == {one.name for one in OPERATIONS}
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)


def test_a_summary_has_the_limit_of_the_rule() -> None:
    assert events.report_events.summary == f"Report up to {MAX_AT_ONCE:,} events"


def test_the_reason_of_an_acknowledgement_has_the_limit_of_the_rule() -> None:
    body = json.loads(GOLDEN.read_text("utf-8"))["components"]["schemas"]["AcknowledgementBody"]
    assert body["properties"]["reason"]["maxLength"] == SHORT_TEXT_LIMIT


def objects_in(part: Any, schemas: Any, seen: set[str]) -> Iterator[tuple[str, Any]]:
    """Every object with fields that a part of the document describes, wherever it is written."""
    if isinstance(part, list):
        for one in part:
            yield from objects_in(one, schemas, seen)
        return
    if not isinstance(part, dict):
        return
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        yield from objects_in(schemas[name], schemas, seen)
    if part.get("type") == "object" and "properties" in part:
        yield next(iter(part["properties"]), ""), part.get("additionalProperties")
    for one in part.values():
        yield from objects_in(one, schemas, seen)


def test_answers_may_grow_and_bodies_may_not() -> None:
    """Fields may be added to answers at any time: no schema of an answer forbids one, and each
    says so. A field that a body has and no schema is refused with 422, and the schemas say that."""
    whole = json.loads(GOLDEN.read_text("utf-8"))
    operations = [one for methods in whole["paths"].values() for one in methods.values()]
    assert len(operations) > 100
    schemas, answered, sent = whole["components"]["schemas"], set[str](), set[str]()
    answers = [*objects_in([one["responses"] for one in operations], schemas, answered)]
    bodies = [*objects_in([one.get("requestBody") for one in operations], schemas, sent)]
    assert len(answers) > 100
    assert len(bodies) > 30
    assert {is_open for _first, is_open in answers} == {True}
    # what monitoring systems send is their own, and grows with them
    assert {first for first, is_open in bodies if is_open is not False} == {
        "status",  # of one alert
        *(next(iter(one.schema["properties"])) for one in FORMATS.values()),
    }
    assert not answered & sent
    assert answered | sent == set(schemas)


def test_it_is_valid_and_open_to_everybody(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == json.loads(GOLDEN.read_text("utf-8"))
    assert answer.json is not None
    assert answer.json["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(answer.json).validate()
    tag = answer.headers["ETag"]
    again = app.test_client().get("/api/v1/openapi.json", headers={"If-None-Match": tag})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "described", "status"),
    [
        (SITES, "/v1/sites", 200),
        (f"{SITES}?limit=1", "/v1/sites", 200),
        (f"{SITES}?limit=0&x=1", "/v1/sites", 400),
        (f"{SITES}/DE-KIT", "/v1/sites/{key}", 200),
        (f"{SITES}/TW-ASGC?on=2024-01-01", "/v1/sites/{key}", 200),
        (f"{SITES}/NOWHERE", "/v1/sites/{key}", 404),
        (LINKS, "/v1/links", 200),
        (f"{LINKS}/CERN-PIC-LHCOPN-001", "/v1/links/{key}", 200),
        (f"{LINKS}/CERN%2FPIC%20LHCONE%251", "/v1/links/{key}", 200),
        (f"{LINKS}/NOWHERE", "/v1/links/{key}", 404),
    ],
)
def test_answers_are_as_described(
    registry: None, calling: Calling, path: str, described: str, status: int
) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    for program in (calling("registry"), calling("read")):
        answer = program.get(path)
        assert answer.status_code == status
        response = whole["paths"][described]["get"]["responses"][str(status)]
        (content,) = response["content"].items()
        assert content[0] == answer.content_type
        schema = {**content[1]["schema"], "components": whole["components"]}
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(answer.json)
    for refused, scope in ((401, ""), (403, "events")):
        program = calling(scope) if scope else calling("read")
        answer = program.get(path) if scope else program.app.test_client().get(path)
        assert answer.status_code == refused
        assert str(refused) in whole["paths"][described]["get"]["responses"]


@pytest.mark.parametrize(
    ("method", "path", "described", "status"),
    [
        ("get", EVENTS, "/v1/events", 200),
        ("get", f"{EVENTS}?limit=1", "/v1/events", 200),
        ("get", f"{EVENTS}?state=up", "/v1/events", 400),
        ("get", f"{EVENTS}/1", "/v1/events/{key}", 200),
        ("get", f"{EVENTS}/9", "/v1/events/{key}", 404),
        ("post", EVENTS, "/v1/events", 200),
        ("post", f"{EVENTS}?only_good=yes", "/v1/events", 200),
        ("post", f"{EVENTS}?x=1", "/v1/events", 400),
        ("post", f"{EVENTS}/alertmanager", "/v1/events/alertmanager", 200),
        ("post", f"{EVENTS}/alertmanager/noc", "/v1/events/alertmanager/{key}", 200),
    ],
)
def test_answers_about_events_are_as_described(
    calling: Calling, method: str, path: str, described: str, status: int
) -> None:
    whole = closed(json.loads(GOLDEN.read_text("utf-8")))
    program = calling("events")
    good, bad = DOWN, {**DOWN, "source_id": "b", "state": "up"}
    assert program.post(EVENTS, [good, {**good, "source_id": "c", "end": None}]).status_code == 200
    if method == "get":
        answer = program.get(path)
    elif "alertmanager" in path:
        answer = program.post(path, alerts("firing"))
    else:
        answer = program.post(path, [good, bad] if "only_good" in path else [good])
    assert answer.status_code == status, answer.text
    found = [(answer, whole["paths"][described][method]["responses"][str(status)])]
    if method == "post" and status == 200:
        responses = whole["paths"]["/v1/events"]["post"]["responses"]
        found.append((program.post(EVENTS, [bad]), responses["422"]))
    for told, response in found:
        (content,) = response["content"].items()
        assert content[0] == told.content_type
        schema = {**content[1]["schema"], "components": whole["components"]}
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(told.json)


def test_what_is_sent_fits_the_published_schemas() -> None:
    paths = json.loads(GOLDEN.read_text("utf-8"))["paths"]
    for path, sent in (
        ("/v1/events", [DOWN, {**DOWN, "end": None}]),
        ("/v1/events", DOWN),
        ("/v1/events/alertmanager", alerts("firing")),
        ("/v1/events/alertmanager/{key}", alerts("resolved")),
    ):
        schema = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema).validate(sent)


if __name__ == "__main__":
    GOLDEN.write_text(written(), "utf-8")
