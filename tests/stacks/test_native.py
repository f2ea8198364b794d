"""The native service by stacks that are not Python's (zeep and suds: tests/soap_service/native)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.soap_service.native.client import Native
from tests.soap_service.native.conftest import sqlite_native
from tests.soap_service.wire import PASSWORD
from tests.stacks.programs import CLIENTS, STACKS, program_environment, run_logged
from tests.stacks.table import recorded

__all__ = ["sqlite_native"]
PROGRAMS: dict[str, Sequence[str]] = {
    "php": ("php", str(CLIENTS / "php" / "native.php")),
    "perl": ("perl", str(CLIENTS / "perl" / "native.pl")),
    "node": ("node", str(CLIENTS / "node" / "native.mjs")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stack_uses_the_native_service(name: str, sqlite_native: Native) -> None:
    (stack,) = [stack for stack in STACKS if stack.name == name]
    with recorded(name, "native service"):
        if not stack.is_there():
            pytest.skip(f"needs {stack.need}")
        env = program_environment(sqlite_native.wire.server.url, "opn", PASSWORD)
        assert json.loads(run_logged(PROGRAMS[name], env=env)) == {
            "same": True,
            "stale": 2,
            "title": "Zürich – 北京 <2 %",
            "impact": "outage",
            "links": ["CERN-GRIDKA-LHCOPN-001"],
            "start": "2026-03-01T07:41:00.000Z",
            "end": None,
            "bytes": True,
            "versions": [1, 2, 3],
        }
