"""Debian's ``request-tracker5`` for real: its own server with a fresh database in a folder of the
test, on a free port. Nothing of the machine's own RT is read but its programs, and nothing written.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode

from tests.exchange.rt.stand_in import TOKENS, RequestTrackerStandIn
from tests.exchange.serving import serving
from tests.harness.server import free_port
from tests.harness.until import until

WANTED: Final = "PORTAL_TEST_RT"
"""Set by ``make test-rt``."""
NEED: Final = "needs Debian's request-tracker5: make test-rt"
_HERE: Final = Path(__file__).parent
_SETUP: Final = "/usr/sbin/rt-setup-database-5"
_SERVER: Final = "/usr/share/request-tracker5/libexec/rt-server"
_CHANGE_RIGHT: Final = """
RT::LoadConfig(); RT::Init(); my ($verb, $right) = @ARGV;
my $user = RT::User->new(RT->SystemUser); $user->Load('lhcopn');
my $queue = RT::Queue->new(RT->SystemUser); $queue->Load('Network');
my ($ok, $message) = $user->PrincipalObj->$verb(Right => $right, Object => $queue);
die $message unless $ok;
"""
_CONFIG: Final = """
Set($rtname, 'rt.example'); Set($Organization, 'rt.example');
Set($CorrespondAddress, 'rt@rt.example'); Set($CommentAddress, 'rt-comment@rt.example');
Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebPath, '');
Set($Timezone, 'America/Los_Angeles');
Set($BcryptCost, 4);  # a token is checked with each call
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{folder}/rtdb');
Set($MailCommand, 'testfile');
Set($LogToSTDERR, 'error'); Set($LogToSyslog, undef); Set($LogToFile, undef);
$RT::VarPath = '{folder}/var'; $RT::MasonDataDir = '{folder}/mason';
$RT::MasonSessionDir = '{folder}/sessions';
1;
"""


@dataclass(frozen=True)
class RT:
    """A running RT. What people do there goes through its REST interface, as beth."""

    url: str
    tokens: dict[str, str]
    change_right: Callable[[str, str], object]
    """Grants the portal's account a right on the queue Network (GrantRight), or revokes it."""

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """One call as beth; what is answered."""
        address = f"{self.url}/REST/2.0/{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(  # http, to this machine
            address, None if body is None else json.dumps(body).encode(), method=method
        )
        request.add_header("Authorization", f"token {self.tokens['beth']}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def open(self, subject: str, text: str, queue: str = "Network") -> str:
        """Open a ticket; its id."""
        body = {"Queue": queue, "Subject": subject, "Content": text, "ContentType": "text/plain"}
        return str(self.ask("POST", "ticket", body)["id"])

    def reply(self, key: str, text: str, verb: str = "correspond", **files: bytes) -> None:
        """Correspond or comment, with files."""
        attached = [
            {
                "FileName": name.replace("_", "."),
                "FileType": "application/octet-stream",
                "FileContent": base64.b64encode(content).decode(),
            }
            for name, content in files.items()
        ]
        body = {"Content": text, "ContentType": "text/plain", "Attachments": attached}
        self.ask("POST", f"ticket/{key}/{verb}", body)

    def move(self, key: str, status: str) -> None:
        """Set the status."""
        told = self.ask("PUT", f"ticket/{key}", {"Status": status})
        assert "changed" in told[0], told

    @contextmanager
    def without_right(self, right: str) -> Iterator[None]:
        """The portal's account lacks a right meanwhile."""
        self.change_right("RevokeRight", right)
        try:
            yield
        finally:
            self.change_right("GrantRight", right)

    def merge(self, key: str, into: str) -> None:
        """Merge a ticket into another one."""
        assert self.ask("PUT", f"ticket/{key}", {"MergeInto": into}) == ["Merge Successful"]

    def ticket(self, key: str) -> dict[str, Any]:
        """A ticket as it is."""
        found: dict[str, Any] = self.ask("GET", f"ticket/{key}")
        return found

    def find(self, query: str) -> list[str]:
        """Ids of tickets by TicketSQL."""
        return [str(one["id"]) for one in self.ask("GET", "tickets", query=query)["items"]]

    def reference(self, key: str) -> list[str]:
        """What its field for our reference holds."""
        fields = self.ticket(key)["CustomFields"]
        return next((one["values"] for one in fields if one["name"] == "LHCOPN"), [])

    def said(self, key: str) -> list[tuple[str, str]]:
        """What was written: the type of each transaction and its text."""
        kinds = {
            one["id"]: one["Type"]
            for one in self.ask("GET", f"ticket/{key}/history", fields="Type")["items"]
        }
        query = '[{"field": "Filename", "operator": "IS", "value": "NULL"}]'
        parts = self.ask(
            "GET",
            f"ticket/{key}/attachments",
            query=query,
            fields="TransactionId,Content,ContentType",
            orderby="id",
        )["items"]
        return [
            (kinds[one["TransactionId"]], one["Content"])
            for one in parts
            if one["ContentType"] == "text/plain"
        ]

    def files(self, key: str) -> list[str]:
        """The names of its files."""
        query = '[{"field": "Filename", "operator": "IS NOT", "value": "NULL"}]'
        found = self.ask(
            "GET", f"ticket/{key}/attachments", query=query, fields="Filename", orderby="id"
        )
        return [one["Filename"] for one in found["items"]]


def why_not() -> str:
    """Why the tests do not run here; "" = they do."""
    is_there = shutil.which("perl") and Path(_SETUP).exists() and Path(_SERVER).exists()
    return "" if is_there and os.environ.get(WANTED) else NEED


@contextmanager
def standing_in() -> Iterator[RT]:
    """What stands in for RT where there is none."""
    stand_in = RequestTrackerStandIn()

    def change_right(verb: str, _right: str) -> None:
        stand_in.keeps_fields = verb == "GrantRight"

    with serving(stand_in) as url:
        yield RT(url, TOKENS, change_right)


@contextmanager
def running(folder: Path) -> Iterator[RT]:
    """RT with a fresh database in this folder."""
    port = free_port()
    for name in ("config", "var", "mason", "sessions"):
        (folder / name).mkdir()
    config = _CONFIG.replace("{port}", str(port)).replace("{folder}", str(folder))
    (folder / "config" / "10-tests.pm").write_text(config)
    (folder / "site.pm").write_text("1;\n")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "RT_SITE_CONFIG": str(folder / "site.pm"),
        "RT_SITE_CONFIG_DIR": str(folder / "config"),
    }

    dba = ("--dba", "nobody", "--dba-password", "none", "--skip-create")
    run(environment, _SETUP, "--action", "init", *dba)
    told = run(environment, "/usr/bin/perl", str(_HERE / "prepare.pl"))
    tokens = json.loads(told.splitlines()[-1])
    command = ["/usr/bin/perl", _SERVER, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--max-workers", "2"], env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server)
        perl = ("/usr/bin/perl", "-I/usr/share/request-tracker5/lib", "-MRT", "-e", _CHANGE_RIGHT)
        yield RT(url, tokens, lambda verb, right: run(environment, *perl, verb, right))
    finally:
        server.terminate()
        server.wait(30)
        sys.stdout.write((folder / "server.log").read_text())


def run(environment: dict[str, str], *command: str) -> str:
    """Run one of its programs to its end; what it printed."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert server.poll() is None, "RT has ended"
        try:
            urllib.request.urlopen(f"{url}/REST/2.0/rt", timeout=30)
        except URLError as error:
            return getattr(error, "code", 0) == 401
        return False

    until(answers, 60)
