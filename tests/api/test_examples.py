"""The clients of the guide's page of REST run exactly as they are printed there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.services.tokens import create_own_token
from app.api import OPERATIONS
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    find_ticket,
    hand_to_partner,
    open_ticket,
)
from app.tickets.services.relations import relate_tickets
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


@contextmanager
def losing(server: LiveServer, lose: Callable[[str], bytes | None]) -> Iterator[str]:
    """The address of a portal whose answers are lost on the way: after each request was carried
    out ``lose`` says what comes instead (b"" = the connection ends), None = the answer."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with closing(HTTPConnection("127.0.0.1", server.port, timeout=_SECONDS)) as there:
                headers = {name: text for name, text in self.headers.items() if name != "Host"}
                there.request(self.command, self.path, body or None, headers)
                answer = there.getresponse()
                content, status = answer.read(), answer.status
            instead = lose(self.command)
            if instead == b"":
                return
            if instead is not None:
                content, status = instead, 500
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if answer.headers["ETag"]:
                self.send_header("ETag", answer.headers["ETag"])
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def do_PATCH(self) -> None:
            self._pass_on()

        def log_message(self, *_: object) -> None:
            """Nothing is written for each call."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()


UNKNOWN = json.dumps(
    {"type": "outcome-unknown", "title": "Internal Server Error", "status": 500, "detail": "?"}
).encode()


@pytest.mark.parametrize("lost", [b"", UNKNOWN])
@pytest.mark.parametrize("times", [3, 5, 7])
def test_the_client_writes_once_whatever_is_lost(
    env: Mapping[str, str],
    tmp_path: Path,
    sqlite_server: LiveServer,
    cast: Cast,
    lost: bytes,
    times: int,
) -> None:
    """The answers of the first tries are lost, of which a run makes five; a new run of the same
    command goes on with the key of the one before. Afterwards it is a new ticket again."""
    left = dict.fromkeys(("POST", "PATCH"), times)

    def lose(method: str) -> bytes | None:
        left[method] = left.get(method, 0) - 1
        return lost if left[method] >= 0 else None

    title = f"Lost {len(lost)} {times}"

    def run_until_answered(*words: str) -> str:
        runs = [run(tmp_path, pointed, sys.executable, program, *words)]
        if times >= 5:
            assert runs[0].returncode == 1
            assert runs[0].stderr.startswith("No answer. Run the same command again")
            runs.append(run(tmp_path, pointed, sys.executable, program, *words))
        assert runs[-1].returncode == 0, runs[-1].stderr
        assert (tmp_path / "pending.json").read_text() == "{}"
        return runs[-1].stdout

    program = str(EXAMPLES / "rest_client.py")
    with losing(sqlite_server, lose) as url:
        pointed = {**env, "PORTAL_URL": url, "PORTAL_PAUSE": "0"}
        said = run_until_answered("create", title)
        number = int(re.findall(r"\d+", said)[0])
        run_until_answered("change", str(number), "priority", "urgent")
        assert run(tmp_path, pointed, sys.executable, program, "create", title).returncode == 0
    with sqlite_server.session() as session:
        found = session.scalars(select(Ticket).where(Ticket.title == title)).all()
        assert sorted(one.version for one in found) == [1, 2]
        assert {one.version: one.number for one in found}[2] == number


def test_the_mirror_is_what_the_portal_answers(
    env: Mapping[str, str], tmp_path: Path, sqlite_server: LiveServer, cast: Cast
) -> None:
    """The first copy, and its update: also of a ticket that was changed and created since."""
    program = str(EXAMPLES / "rest_mirror.py")

    def mirrored() -> dict[int, Any]:
        ran = run(tmp_path, env, sys.executable, program, "copy")
        assert ran.returncode == 0, ran.stderr
        return {
            int(file.stem): json.loads(file.read_text())
            for file in (tmp_path / "copy").glob("*.json")
        }

    def truth() -> dict[int, Any]:
        at, found = "/api/v1/tickets", {}
        headers = {"Authorization": f"Bearer {env['PORTAL_TOKEN']}"}
        with closing(HTTPConnection("127.0.0.1", sqlite_server.port)) as there:

            def read(path: str) -> Any:
                there.request("GET", path, headers=headers)
                return json.load(there.getresponse())

            while at:
                page = read(at)
                for row in page["items"]:
                    found[row["number"]] = read(f"/api/v1/tickets/{row['number']}")
                at = page["next"]
        return found

    numbers = []
    for count in range(3):
        with sqlite_server.session() as session, transaction(session):
            new = NewTicket(title=f"Mirrored {count}", description="No light")
            numbers.append(open_ticket(session, writer(cast.operator), new).number)
    first = mirrored()
    assert first == truth()
    assert set(numbers) <= set(first)
    with sqlite_server.session() as session, transaction(session):
        comment_ticket(session, writer(cast.operator), numbers[1], "We look")
        new = NewTicket(title="Created since")
        numbers.append(open_ticket(session, writer(cast.operator), new).number)
    second = mirrored()
    assert second == truth()
    assert set(second) - set(first) == {numbers[3]}
    assert second[numbers[1]]["diary"][0]["text"] == "We look"


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


@pytest.mark.parametrize("name", ["rest_client.py", "rest_mirror.py", "rest.sh"])
def test_the_page_prints_the_example(name: str) -> None:
    assert f"{name}\n{(EXAMPLES / name).read_text('utf-8')}```\n" in PAGE


def test_the_page_names_the_fields_of_changes(
    env: Mapping[str, str], sqlite_server: LiveServer, cast: Cast
) -> None:
    """Each field that a ticket's life brings is in the page's table."""
    with sqlite_server.session() as session, transaction(session):
        by = writer(cast.operator)
        new = NewTicket(title="CERN-PIC down", sites=("ES-PIC",), carbon_copy="noc@pic.example")
        number = open_ticket(session, by, new).number
        add_attachment(session, by, number, "a.log", b"log")
        hand_to_partner(session, by, number, cast.ggus.partner_code or "")
        other = open_ticket(session, by, NewTicket(title="Other")).number
        relate_tickets(session, by, number, RelationRole.RELATED, other)
        comment_ticket(session, by, number, "We look", internal=True)
    headers = {"Authorization": f"Bearer {env['PORTAL_TOKEN']}"}
    with closing(HTTPConnection("127.0.0.1", sqlite_server.port)) as there:
        there.request("GET", "/api/v1/changes?limit=1000", headers=headers)
        rows = json.load(there.getresponse())["items"]
    seen = {one["field"] for row in rows for one in row["fields"]}
    assert {
        "sites",
        "carbon_copy",
        "attachment",
        "handed_to",
        "related",
        "internal_comment",
    } <= seen
    table = PAGE.partition("## Fields of changes")[2].partition("## Operations")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert seen <= named
    assert len(named) == 48


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
