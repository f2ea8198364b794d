"""Real clients of every stack run the call sequences of GGUS's partners over a socket.

Each program makes the same calls; what it must see is written here by hand. Where stacks differ it
is their own way: PHP gives a single row as an object, node takes the blank off the end of a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.server import LiveServer
from tests.soap_service.wire import PASSWORD, Wire, create_accounts
from tests.stacks.programs import STACKS, Stack, Step, program_environment, run_sequence
from tests.stacks.table import recorded

TITLE = 'Zürich – 北京: loss & "delay" <2 %'
TEXT = "Größe: 40 µs\n第二行\n😀 & <b>"
HEX = "".join(f"{value:02x}" for value in range(256))

Ran = Callable[[Stack], "Seen"]


@dataclass(frozen=True)
class Seen:
    """What one stack saw, and the numbers that its tickets got."""

    stack: str
    steps: Mapping[str, Step]

    @property
    def first(self) -> str:
        return str(self.steps["create"].seen)

    @property
    def second(self) -> str:
        return str(self.steps["create 2"].seen)

    @property
    def child(self) -> str:
        return str(self.steps["child"].seen)

    @property
    def attachment(self) -> str:
        return str(self.steps["attach"].seen)

    @property
    def no_such_entry(self) -> str:
        end = "" if self.stack == "node" else " "
        return f"ERROR (302): Entry does not exist in database;{end}"

    @property
    def single(self) -> str:
        return "object" if self.stack == "php" else "list"


@pytest.fixture(scope="module")
def ran(sqlite_server: LiveServer) -> Ran:
    create_accounts(sqlite_server)
    found: dict[str, Seen | AssertionError] = {}

    def once(stack: Stack) -> Seen:
        if stack.name not in found:
            if not stack.is_there():
                pytest.skip(f"needs {stack.need}")
            env = program_environment(sqlite_server.url, "opn", PASSWORD)
            try:
                command = stack.command(sqlite_server.url)
                found[stack.name] = Seen(stack.name, run_sequence(command, env))
            except AssertionError as failure:
                found[stack.name] = failure
        seen = found[stack.name]
        if isinstance(seen, AssertionError):
            raise seen
        return seen

    return once


def _times(values: list[str]) -> None:
    """Every time is of this test run, and none is before the one in front of it."""
    read = [datetime.fromisoformat(value) for value in values]
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=10) < at <= now for at in read)
    assert read == sorted(read)


def _number(seen: Seen, value: Any) -> None:
    assert re.fullmatch("[0-9]+", value)
    assert len({seen.first, seen.second, seen.child}) == 3


def _ticket(seen: Seen, got: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    rest = dict(got)
    _times([rest.pop("GHD_Date_Of_Creation"), rest.pop("GHD_Date_Of_Change")])
    always = {
        "GHD_Responsible_Unit": f"stack-{seen.stack}",
        "GHD_Ticket_Type": "LHCOPN",
        "GHD_Origin_SG": "OPN",
    }
    assert rest == {**always, **wanted}


def _as_created(seen: Seen) -> dict[str, Any]:
    return {
        "GHD_Short_Description": TITLE,
        "GHD_Description": TEXT,
        "GHD_Status": "new",
        "GHD_Priority": "urgent",
        "GHD_Affected_Site": f"STACK-{seen.stack}",
        "GHD_Affected_VO": "lhcb",
        "GHD_E-Mail": None,
        "GHD_Public_Diary": None,
    }


def _get(seen: Seen, got: Any) -> None:
    _ticket(seen, got, _as_created(seen))


def _get_2(seen: Seen, got: Any) -> None:
    """What is empty is left out: no site, and the mail under the name of OpCreate."""
    wanted = {
        "GHD_Short_Description": "second",
        "GHD_Description": "text",
        "GHD_Status": "new",
        "GHD_Priority": "less urgent",
        "GHD_Affected_Site": None,
        "GHD_Affected_VO": "none",
        "GHD_E-Mail": "noc-demo@example.org",
        "GHD_Public_Diary": None,
    }
    _ticket(seen, got, wanted)


def _get_3(seen: Seen, got: Any) -> None:
    """One entry in the diary: nil and absent have neither cleared it nor added one."""
    assert re.fullmatch(
        rf"\[[0-9: -]+ UTC\] NOC \(via {seen.stack}\)\nfirst\nentry: ü & <", got["GHD_Public_Diary"]
    )
    changed = {
        "GHD_Status": "in progress",
        "GHD_Priority": "very urgent",
        "GHD_Public_Diary": got["GHD_Public_Diary"],
    }
    _ticket(seen, got, {**_as_created(seen), **changed})


def _list_one(seen: Seen, got: Any) -> None:
    row = {
        "GHD_Request_ID": seen.first,
        "GHD_Status": "new",
        "GHD_Short_Description": TITLE,
        "GHD_Affected_Site": f"STACK-{seen.stack}",
    }
    assert got == {"shape": seen.single, "rows": [row]}


def _list_title(seen: Seen, got: Any) -> None:
    assert got == {"shape": seen.single, "rows": [{"GHD_Request_ID": seen.first}]}


def _list_unit(seen: Seen, got: Any) -> None:
    rows = [{"GHD_Request_ID": seen.first}, {"GHD_Request_ID": seen.second}]
    assert got == {"shape": "list", "rows": rows}


def _history(seen: Seen, got: Any) -> None:
    _times(got.pop("dates"))
    standing = [("new", "urgent"), ("in progress", "urgent"), *[("in progress", "very urgent")] * 2]
    rows = [
        {
            "GHD_Last_Modifier": f"NOC (via {seen.stack})",
            "GHD_Status": status,
            "GHD_Priority": priority,
        }
        for status, priority in standing
    ]
    assert got == {"shape": "list", "rows": rows}


def _attach(_seen: Seen, got: Any) -> None:
    assert re.fullmatch("ATT[0-9]+", got)


def _attachment_ids(seen: Seen, got: Any) -> None:
    row = {"GAT_Attachment-ID": seen.attachment, "GAT_Attachment_attachmentName": "bytes-ü.bin"}
    assert got == {"shape": seen.single, "rows": [row]}


def _attachments(seen: Seen, got: Any) -> None:
    row = {
        "GAT_Attachment_ID": seen.attachment,
        "GAT_Attachment_Orig_Size": "256",
        "GAT_Attachment_Name": "bytes-ü.bin",
    }
    assert got == {"shape": seen.single, "rows": [row], "hex": [HEX]}


def _attachment(seen: Seen, got: Any) -> None:
    wanted = {"GAT_Request-ID": seen.first, "name": "bytes-ü.bin", "size": "256", "hex": HEX}
    assert got == wanted


def _pages(seen: Seen, got: Any) -> None:
    wanted = [[seen.first, seen.second], [seen.child]]
    assert got == {"pages": wanted, "end": seen.no_such_entry}


def _first(seen: Seen, got: Any) -> None:
    assert got == seen.first


def _nothing(seen: Seen, got: Any) -> None:
    assert got == seen.no_such_entry


def _bad_query(_seen: Seen, got: Any) -> None:
    assert got.startswith("ERROR (312): ")


def _refused(_seen: Seen, got: Any) -> None:
    assert re.fullmatch(r"ERROR \(623\): Authentication failed; see http://\S+/guide/faults", got)


STEPS: Mapping[str, tuple[str, str, Callable[[Seen, Any], None]]] = {
    "create": ("OpCreate", "ok", _number),
    "repeat": ("OpCreate", "ok", _first),
    "create 2": ("TicketCreate", "ok", _number),
    "get": ("TicketGet", "ok", _get),
    "get 2": ("TicketGet", "ok", _get_2),
    "list one": ("TicketGetList", "ok", _list_one),
    "list unit": ("TicketGetList", "ok", _list_unit),
    "list title": ("TicketGetList", "ok", _list_title),
    "list all": ("TicketGetList", "ok", _list_unit),
    "list nothing": ("TicketGetList", "fault", _nothing),
    "diary": ("TicketModify", "ok", _first),
    "nil": ("TicketModify", "ok", _first),
    "absent": ("TicketModify", "ok", _first),
    "get 3": ("TicketGet", "ok", _get_3),
    "history": ("OpGetTicketHist", "ok", _history),
    "attach": ("AddAttachment", "ok", _attach),
    "attachment ids": ("GetAttachIDs", "ok", _attachment_ids),
    "attachments": ("GetAttachments", "ok", _attachments),
    "attachment": ("GetOneAttachment", "ok", _attachment),
    "child": ("OpCreateChild", "ok", _number),
    "pages": ("TicketGetList", "ok", _pages),
    "unknown": ("TicketGet", "fault", _nothing),
    "none": ("GetAttachIDs", "fault", _nothing),
    "bad query": ("TicketGetList", "fault", _bad_query),
    "wrong password": ("TicketGet", "fault", _refused),
}
"""Step -> its operation, its outcome, and the check of what was seen."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_step(stack: Stack, step: str, ran: Ran) -> None:
    operation, outcome, check = STEPS[step]
    with recorded(stack.name, operation):
        seen = ran(stack)
        assert list(seen.steps) == list(STEPS)
        made = seen.steps[step]
        assert (made.operation, made.outcome) == (operation, outcome), made.seen
        check(seen, made.seen)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_what_a_stack_wrote_is_what_a_plain_reader_gets(
    stack: Stack, ran: Ran, sqlite_server: LiveServer
) -> None:
    got = Wire(sqlite_server).get(ran(stack).first)
    assert got["GHD_Short_Description"] == TITLE
    assert got["GHD_Description"] == TEXT
