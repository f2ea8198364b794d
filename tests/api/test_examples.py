"""The clients of the guide's page of REST run exactly as they are printed there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from app.accounts.services.tokens import create_own_token
from app.api import OPERATIONS
from app.core.database.transactions import transaction
from app.core.settings import PROJECT
from app.tickets.services.lifecycle import change_ticket, find_ticket
from tests.cast import Cast, enter, writer
from tests.harness.server import LiveServer

PAGE = (PROJECT / "docs" / "rest.md").read_text("utf-8")
EXAMPLES = PROJECT / "docs" / "examples"
Ran = subprocess.CompletedProcess[str]
_SECONDS = 120


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    with sqlite_server.session() as session:
        return enter(session)


@pytest.fixture(scope="module")
def env(sqlite_server: LiveServer, cast: Cast) -> Mapping[str, str]:
    """Where the portal is, and an operator's token."""
    with sqlite_server.session() as session, transaction(session):
        by = writer(cast.operator, datetime.now(UTC))
        made = create_own_token(session, by, "example", ["read", "tickets"], 1)
        secret = made.secret
    return {"PATH": os.environ["PATH"], "PORTAL_URL": sqlite_server.url, "PORTAL_TOKEN": secret}


def run(folder: Path, env: Mapping[str, str], *words: str) -> Ran:
    return subprocess.run(
        words,
        cwd=folder,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


@pytest.fixture
def client(env: Mapping[str, str], tmp_path: Path) -> Callable[..., Ran]:
    program = str(EXAMPLES / "rest_client.py")
    return lambda *words: run(tmp_path, env, sys.executable, program, *words)


def test_the_client_creates_changes_and_follows(
    client: Callable[..., Ran], sqlite_server: LiveServer, cast: Cast, tmp_path: Path
) -> None:
    made = client("create", "Link down")
    found = re.fullmatch(r"Ticket (\d+) is new: Link down\n", made.stdout)
    assert found, made.stderr
    number = found[1]
    changed = client("change", number, "priority", "top priority")
    assert changed.stdout == f"Ticket {number}: priority is top priority\n", changed.stderr
    told = client("follow", "cursor.txt")
    rows = re.findall(rf"^\S+Z ticket {number} by operator: (.*)$", told.stdout, re.MULTILINE)
    assert len(rows) == 2, told.stderr
    assert "title" in rows[0]
    assert rows[1] == "priority"
    assert client("follow", "cursor.txt").stdout == ""
    with sqlite_server.session() as session, transaction(session):
        change_ticket(session, writer(cast.operator), int(number), {"impact": "degraded"})
    assert client("follow", "cursor.txt").stdout.endswith("by operator: impact\n")
    assert (tmp_path / "cursor.txt").read_text().isdigit()


def test_the_client_says_what_is_wrong(client: Callable[..., Ran]) -> None:
    refused = client("create", "")
    assert refused.returncode == 1
    assert refused.stderr.startswith("422 ")
    assert "\ntitle: " in refused.stderr
    assert client("change", "99999", "priority", "urgent").stderr.startswith("404 ")


def test_curl_does_the_same_and_twice_is_once(
    env: Mapping[str, str], tmp_path: Path, sqlite_server: LiveServer, cast: Cast
) -> None:
    if which("curl") is None:
        pytest.skip("needs curl")
    said = [run(tmp_path, env, "sh", str(EXAMPLES / "rest.sh")) for _once in range(2)]
    numbers = [re.findall(r'^\{.*?"number": (\d+)', one.stdout, re.MULTILINE)[0] for one in said]
    assert said[0].returncode == 0, said[0].stderr
    assert numbers[0] == numbers[1]
    with sqlite_server.session() as session:
        ticket = find_ticket(session, cast.operator, int(numbers[0]))
        assert (ticket.title, ticket.version) == ("CERN-RAL-LHCOPN-001 down", 1)
    assert env["PORTAL_TOKEN"] not in "".join(one.stdout + one.stderr for one in said)


@pytest.mark.parametrize("name", ["rest_client.py", "rest.sh"])
def test_the_page_prints_the_example(name: str) -> None:
    assert f"{name}\n{(EXAMPLES / name).read_text('utf-8')}```\n" in PAGE


def test_the_page_is_made_of_the_operations() -> None:
    """``make docs`` writes it."""
    written = subprocess.run(
        [sys.executable, str(PROJECT / "tools" / "rest_reference.py")],
        capture_output=True,
        check=True,
    )
    assert written.stdout.decode() == PAGE
    for operation in OPERATIONS:
        assert f"| `{operation.method} {operation.path}` |" in PAGE
