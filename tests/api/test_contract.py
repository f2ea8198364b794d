"""The OpenAPI document as it was published, valid, and true: real answers fit its schemas.

``openapi.json`` changes on purpose only: programs were written against it. To publish a change:
``python -m tests.api.test_contract``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api import OPERATIONS
from app.api.document import document
from tests.api.conftest import Calling
from tests.api.test_registry import LINKS, SITES
from tests.api.test_registry import registry as registry  # the fixture

GOLDEN = Path(__file__).with_name("openapi.json")


def written() -> str:
    return json.dumps(document(OPERATIONS), ensure_ascii=False, indent=1) + "\n"


def test_the_document_is_the_published_one() -> None:
    assert written() == GOLDEN.read_text("utf-8")


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


def _closed(schema: Any) -> Any:
    """The schema, but no object may hold what it does not name."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if "properties" in schema:
        closed["additionalProperties"] = False
    return closed


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
    whole = _closed(json.loads(GOLDEN.read_text("utf-8")))
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


if __name__ == "__main__":
    GOLDEN.write_text(written(), "utf-8")
