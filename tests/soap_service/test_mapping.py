"""Texts as the contract carries them, and the list of fault numbers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from app.core.folders import PROJECT
from app.core.rules import errors
from app.tickets.services.diaries import DiaryEntry
from soap_service import compat, faults, mapping
from soap_service.answer_xml import sendable
from tests.soap_service.wire import Wire, modify

AT = datetime(2016, 9, 15, 10, tzinfo=UTC)
CUT = mapping.pointer("https://portal.example").format(number=7)


def entry(text: str) -> DiaryEntry:
    return DiaryEntry(AT, "noc-demo", text, internal=False)


def test_a_diary_is_its_entries_oldest_first() -> None:
    assert mapping.diary([], CUT) == ""
    assert mapping.diary([entry("one"), entry("two")], CUT) == (
        "[2016-09-15 10:00:00 UTC] noc-demo\none\n\n[2016-09-15 10:00:00 UTC] noc-demo\ntwo"
    )


@pytest.mark.parametrize("lengths", [(3000, 3000), (10, 3950), (10, 9000), (9000,), (1500,) * 9])
def test_a_long_diary_leaves_out_its_oldest_entries(lengths: tuple[int, ...]) -> None:
    text = mapping.diary([entry(str(n) + "x" * length) for n, length in enumerate(lengths)], CUT)
    assert len(text) <= 4000
    assert "https://portal.example/tickets/7" in text
    newest = f"noc-demo\n{len(lengths) - 1}x"
    assert newest in text
    if len(lengths) > 1:
        left_out = len(lengths) - text.count("noc-demo\n")
        assert text.startswith(f"[{left_out} older entries are left out here; read them at")


def test_what_xml_cannot_carry_is_shown_as_a_replacement() -> None:
    assert sendable("a\x00\x0b\ud800\ufffe\r\tb") == "a\ufffd\ufffd\ufffd\ufffd\r\tb"


def test_a_ticket_s_long_diary_is_cut_over_the_wire(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    for turn in range(3):
        modify(sqlite_wire, number, {"GHD_Public_Diary": f"{turn}" * 3800})
    got = sqlite_wire.get(number)["GHD_Public_Diary"]
    assert len(got) <= 4000
    assert got.startswith("[2 older entries are left out here; read them at http://127.0.0.1:")
    assert got.endswith("2" * 3800)


def test_references_and_category_of_a_partner(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    values = {"GHD_Target_ID": "T-1", "GHD_Incident_ID": "INC1", "GHD_Ticket_Category": "Test"}
    modify(sqlite_wire, number, values)

    def found(query: str, user: str = "opn") -> bool:
        full = f"'GHD_Request ID'={number} AND {query}"
        answer = sqlite_wire.call("TicketGetList", {"Qualification": full}, user=user)
        return answer.status == 200

    assert found("'GHD_Target ID'=\"T-1\" AND 'GHD_Ticket Category'=\"Test\"")
    assert not found("'GHD_Target ID'=\"T-1\"", user="reader")
    modify(sqlite_wire, number, {"GHD_Target_ID": ""})
    assert found("'GHD_Target ID'=\"\" AND 'GHD_Incident ID'=\"INC1\"")


def test_every_fault_number_is_documented() -> None:
    text = (PROJECT / "docs" / "fault-numbers.md").read_text("utf-8")
    numbers = {
        kind.number
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PortalError)
    } - {errors.SettingError.number}
    numbers |= {
        value for name, value in vars(faults).items() if name.isupper() and type(value) is int
    }
    assert numbers >= {302, 350, 623, 900}
    for number in numbers:
        assert f"| {number} |" in text, number


def test_spyne_is_quiet() -> None:
    assert compat.__doc__
    for name in ("spyne.protocol.soap.soap11.invalid", "spyne.application.server", "spyne"):
        assert not logging.getLogger(name).isEnabledFor(logging.ERROR)
