"""Whether an answer fits what the published document says of it, and names nothing else."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

GOLDEN = Path(__file__).with_name("openapi.json")


def closed(schema: Any) -> Any:
    """The schema, but no object may hold what it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if "properties" in schema:
        found["additionalProperties"] = False
    return found


@cache
def _whole() -> Any:
    return closed(json.loads(GOLDEN.read_text("utf-8")))


def as_described(answer: TestResponse, operation: str) -> Any:
    """The content of an answer of this operation, which is described and has a schema it fits."""
    whole = _whole()
    described = next(
        one
        for methods in whole["paths"].values()
        for one in methods.values()
        if one["operationId"] == operation
    )
    response = described["responses"][str(answer.status_code)]
    if answer.status_code == 204:
        assert not answer.data
        return None
    schema = response["content"][answer.content_type]["schema"]
    Draft202012Validator({**schema, "components": whole["components"]}).validate(answer.json)
    return answer.json
