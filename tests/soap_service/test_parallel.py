"""One creation sent 50 times at once, to a server of several processes, opens one ticket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.soap_service.wire import CREATED, Wire, in_order


def test_f3_fifty_parallel_repeats_of_one_creation(wire: Wire) -> None:
    before = wire.count()
    sent = in_order("OpCreate", {**CREATED, "GHD_Origin_ID": "50", "GHD_Origin_SG": "PAR"})
    mail = in_order("TicketCreate", {**sent, "GHD_Submitter_Mail": ""})

    def create(turn: int) -> str:
        if turn % 2:
            return wire.call("TicketCreate", mail).values["GHD_Request-ID"]
        return wire.call("OpCreate", sent).values["GHD_Request_ID"]

    with ThreadPoolExecutor(50) as senders:
        numbers = set(senders.map(create, range(50)))
    assert len(numbers) == 1
    assert wire.count() == before + 1


def test_fifty_parallel_creations_are_listed_without_gap(wire: Wire) -> None:
    unit = "PARALLEL"

    def create(turn: int) -> str:
        return wire.create({"GHD_Responsible_Unit": unit, "GHD_Origin_ID": f"p-{turn}"})

    with ThreadPoolExecutor(50) as senders:
        numbers = set(senders.map(create, range(50)))
    assert len(numbers) == 50
    seen: list[str] = []
    for start in range(0, 50, 7):
        page = {"startRecord": str(start), "maxLimit": "7", "GHD_Responsible_Unit": unit}
        seen += [row["GHD_Request_ID"] for row in wire.call("TicketGetList", page).rows]
    assert seen == sorted(numbers, key=int)
