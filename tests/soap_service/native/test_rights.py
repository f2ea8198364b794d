"""Every operation: who may, who may not, and who is told that there is nothing."""

from __future__ import annotations

from typing import Any, Final

import pytest

from app.core.rules.errors import Forbidden, NotFound
from tests.soap_service.native.client import NEW, Native, number_of, refused

CHANGE: Final[dict[str, Any]] = {"category": "change", "sites": ["DE-KIT"]}
WRITING: Final[dict[str, dict[str, Any]]] = {
    "UpdateTicket": {"version": 1, "change": {"title": "x"}},
    "CommentTicket": {"text": "x"},
    "AddAttachment": {"name": "x", "content": b"x"},
    "RelateTickets": {"role": "related"},
    "UnrelateTickets": {"role": "related"},
    "AcknowledgeChange": {"site": "DE-KIT", "accepted": True},
}
READING: Final[dict[str, dict[str, Any]]] = {
    "GetTicket": {},
    "GetHistory": {},
    "GetTicketNttdm": {},
}
OF_NO_TICKET: Final[dict[str, dict[str, Any]]] = {
    "CreateTicket": {"ticket": NEW},
    "GetAttachment": {"id": "ATT999999"},
    "ListChanges": {"cursor": 0},
    "FindTickets": {},
    "ListSites": {},
    "ListLinks": {},
    "GetAccount": {},
    "ReportEvents": {"events": []},
    "CreateTicketNttdm": {"nttdm": "<Ticket/>"},
}


def sent(native: Native, operation: str, number: int, **more: Any) -> dict[str, Any]:
    values = {**(WRITING | READING)[operation], "number": number, **more}
    if operation in ("RelateTickets", "UnrelateTickets"):
        values["other"] = native.create()
    return values


def test_no_operation_is_forgotten_here(native: Native) -> None:
    offered = {operation for operation in dir(native.client.service) if operation[0].isupper()}
    assert offered == {*WRITING, *READING, *OF_NO_TICKET}


@pytest.mark.parametrize("operation", [*WRITING, *READING])
def test_a_ticket_that_may_not_be_read_is_unknown(native: Native, operation: str) -> None:
    foreign = native.create(**CHANGE)
    for number in (foreign, 999_999, 0, -1, 2**31 - 1):
        fault = refused(native.call, operation, user="other", **sent(native, operation, number))
        assert number_of(fault) == NotFound.number
        assert fault.message == "ERROR (302): Entry does not exist in database; "
    assert native.get(foreign)["version"] == 1


@pytest.mark.parametrize("operation", WRITING)
def test_a_read_only_account_is_told_why(native: Native, operation: str) -> None:
    number = native.create(**CHANGE)
    fault = refused(native.call, operation, user="reader", **sent(native, operation, number))
    assert number_of(fault) == Forbidden.number
    assert "read-only" in fault.message
    assert native.get(number)["version"] == 1


@pytest.mark.parametrize("operation", READING)
def test_a_read_only_account_reads(native: Native, operation: str) -> None:
    number = native.create()
    assert native.call(operation, user="reader", **sent(native, operation, number))


@pytest.mark.parametrize("operation", WRITING)
def test_an_account_of_access_own_works_on_its_own(native: Native, operation: str) -> None:
    number = native.create(user="other", **CHANGE)
    values = sent(native, operation, number)
    if "other" in values:
        values["other"] = native.create(user="other")
    if operation == "AcknowledgeChange":  # needs a right of its own
        fault = refused(native.call, operation, user="other", **values)
        assert number_of(fault) == Forbidden.number
        return
    answer = native.call(operation, user="other", **values)
    assert answer["version"] == (1 if operation == "UnrelateTickets" else 2)


@pytest.mark.parametrize("operation", [*WRITING, *READING, *OF_NO_TICKET])
def test_without_right_credentials_nothing_is_answered(native: Native, operation: str) -> None:
    values = OF_NO_TICKET.get(operation) or (
        {} if operation in OF_NO_TICKET else sent(native, operation, native.create())
    )
    fault = refused(native.call, operation, user="nobody", **values)
    assert number_of(fault) == 623
