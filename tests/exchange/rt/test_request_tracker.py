"""The ``rt`` kind through the portal's own worker, with Debian's ``request-tracker5`` and with what
stands in for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.error import HTTPError

import pytest
from sqlalchemy.orm import Session

from app.core.adapters.outbound import Answer, OutboundError, ask
from app.exchange.adapters.kinds import KINDS
from app.exchange.adapters.rt.client import RequestTracker
from app.exchange.models.connections import Connection
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.rules.profiles import ValueRow
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from tests.exchange.rt.request_tracker import RT
from tests.exchange.said import said_in
from tests.exchange.side import Side
from tests.harness.until import until

PROFILE = replace(KINDS["rt"].profile, group="Network")


def key_of(side: Side, number: int) -> str:
    return side.pair(number).their_id or ""


def test_ours_goes_there_and_what_they_do_comes_here(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light since 10:00.")
    side.comment(number, "Any news?")
    side.comment(number, "The contract ends in May.", internal=True)
    side.send()
    key, pair = key_of(side, number), side.pair(number)
    assert (pair.their_number, pair.their_url) == (key, f"{rt.url}/Ticket/Display.html?id={key}")
    ticket = rt.ticket(key)
    assert (ticket["Subject"], rt.reference(key)) == ("Link down", [f"LHCOPN#{number}"])
    (begins, first), *rest = rt.said(key)
    assert (begins, said_in(first)) == ("Create", "No light since 10:00.")
    assert first.endswith(f"/tickets/{number}\n\n(operator via LHCOPN#{number}/1)")
    assert rest == [
        ("Correspond", f"Any news?\n\n(operator via LHCOPN#{number}/2)"),
        ("Comment", f"The contract ends in May.\n\n(operator via LHCOPN#{number}/3)"),
    ]
    rt.reply(key, "We look into it.")
    rt.reply(key, "A spare part is ordered.", "comment")
    side.pull()
    side.pull()
    assert side.theirs(number)[:2] == [
        ("comment", "We look into it.", "applied"),
        ("internal comment", "A spare part is ordered.", "applied"),
    ]
    assert {state for _kind, _text, state in side.ours(number)} == {"sent"}
    assert len(rt.find(f"'CF.{{LHCOPN}}' = 'LHCOPN#{number}'")) == 1
    side.send()
    assert len(rt.said(key)) == 5  # nothing is sent back


def test_theirs_comes_here_and_what_we_do_goes_there(side: Side, rt: RT) -> None:
    rt.open("Printer", "Out of paper.", "Bare")
    key = rt.open("Loss on the link", "3 % since noon.")
    rt.reply(key, "Seen from both ends.")
    side.pull()
    side.pull()
    titles = {side.ticket(number).title: number for number in side.tickets()}
    assert "Printer" not in titles
    number = titles["Loss on the link"]
    assert side.ticket(number).description == "3 % since noon."
    assert side.theirs(number)[:2] == [
        ("ticket", "3 % since noon.", "applied"),
        ("comment", "Seen from both ends.", "applied"),
    ]
    side.comment(number, "We look.")
    side.send()
    assert rt.said(key)[-1] == ("Correspond", f"We look.\n\n(operator via LHCOPN#{number}/1)")


def test_states_move_both_ways(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.send()
    key = key_of(side, number)
    assert rt.ticket(key)["Status"] == "new"
    side.move(number, "assigned")
    side.send()
    assert rt.ticket(key)["Status"] == "open"
    side.pull()
    assert side.ticket(number).state == "assigned"  # open is what assigned means there
    side.move(number, "in progress")
    side.send()
    assert rt.ticket(key)["Status"] == "open"
    rt.move(key, "stalled")
    side.pull()
    assert side.ticket(number).state == "waiting for reply"
    rt.move(key, "open")
    side.pull()
    assert side.ticket(number).state == "in progress"
    side.move(number, "solved", "Fibre spliced.")
    side.send()
    assert rt.ticket(key)["Status"] == "resolved"
    side.pull()
    assert side.ticket(number).state == "solved"
    rejected = side.open("No fault", "...")
    side.send()
    rt.reply(key_of(side, rejected), "It is on your side.")
    rt.move(key_of(side, rejected), "rejected")
    side.pull()
    ticket = side.ticket(rejected)
    assert (ticket.state, ticket.solution) == ("unsolved", "It is on your side.")


def test_a_status_that_it_does_not_know_is_told(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.send()
    side.change_profile(replace(PROFILE, maps={"state": (ValueRow("assigned", "nonsense"),)}))
    side.move(number, "assigned")
    side.send()
    assert rt.ticket(key_of(side, number))["Status"] == "new"
    assert "Not set there: state" in side.reasons(number)


def test_files_cross_both_ways(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.attach(number, "otdr.txt", b"1.2 km\n")
    side.attach(number, "picture.png", b"\x89PNG\r\n\x1a\n\x00\xff")
    side.send()
    key = key_of(side, number)
    assert rt.files(key) == ["otdr.txt", "picture.png"]
    rt.reply(key, "See the trace.", trace_bin=b"\x00\x01\xfe\xff", empty_txt=b"x" * 3_000_000)
    rt.reply(key, "Not for you.", "comment", plan_txt=b"internal")
    side.pull()
    side.pull()
    told = [(kind, text, state) for kind, text, state in side.theirs(number)]
    assert ("comment", "See the trace.", "applied") in told
    files = [(text, state) for kind, text, state in told if kind == "attachment"]
    assert files == [
        ('{"file": "ATT3 trace.bin"}', "applied"),
        ('{"file": "empty.txt"}', "recorded"),
    ]
    assert side.content(3) == b"\x00\x01\xfe\xff"
    side.send()
    assert len(rt.files(key)) == 5


def test_without_the_field_the_reference_is_in_the_subject(bare: Side, rt: RT) -> None:
    number = bare.open("Link\ndown " + "x" * 230, "No light.")
    bare.send()
    key = key_of(bare, number)
    subject = rt.ticket(key)["Subject"]
    assert subject.startswith("Link down x")
    assert subject.endswith(f"x [LHCOPN#{number}]")
    assert len(subject) == 200
    told = "Its queue has no custom field LHCOPN: our reference is in the subject"
    assert bare.reasons(number) == [f"{told}; Not set there: priority, layer"]
    assert bare.system().find(f"LHCOPN#{number}") == [key]
    rt.open(f"Mentions [LHCOPN#{number}]", "by somebody else", "Bare")
    assert bare.system().find(f"LHCOPN#{number}") == [key]
    assert bare.system().find(f"LHCOPN#{number}0") == []


def test_a_field_that_is_seen_and_not_kept_is_noticed(side: Side, rt: RT) -> None:
    with rt.without_right("ModifyCustomField"):
        number = side.open("Link down", "No light.")
        side.send()
    key = key_of(side, number)
    assert rt.reference(key) == []
    assert rt.ticket(key)["Subject"] == f"Link down [LHCOPN#{number}]"
    told = "It did not store the custom field LHCOPN: our reference is in the subject"
    assert side.reasons(number) == [f"{told}; Not set there: priority, layer"]
    assert side.system().find(f"LHCOPN#{number}") == [key]


def test_a_ticket_that_was_left_without_its_reference_is_found_by_its_text(
    side: Side, rt: RT
) -> None:
    """The field is not kept, and nothing is answered any more once the ticket is made: no search
    for our reference finds it, and it is not created a second time."""
    number = side.open("Cut off", "No light.")
    calls: list[str] = []

    def cut(method: str, *given: Any) -> Answer:
        if "POST" in calls:
            raise OutboundError("no connection")
        calls.append(method)
        return ask(method, *given)

    def opened(context: Context, session: Session, connection: Connection) -> PartnerSystem:
        system = cast(RequestTracker, open_system(context, session, connection))
        system.caller = replace(system.caller, transport=cut)
        return system

    with rt.without_right("ModifyCustomField"):
        side.send(opened)
    (key,) = rt.find("Subject LIKE 'Cut off'")
    assert rt.reference(key) == []
    assert side.system().find(f"LHCOPN#{number}") == []
    assert side.pair(number).their_id is None
    side.later(minutes=5)
    side.send()
    assert key_of(side, number) == key
    assert rt.find("Subject LIKE 'Cut off'") == [key]


def test_a_ticket_that_was_moved_to_a_queue_without_the_field_is_found(side: Side, rt: RT) -> None:
    number = side.open("Killed and moved", "No light.")
    side.die_after("create")
    (key,) = rt.find("Subject LIKE 'Killed and moved'")
    assert "Queue changed" in rt.ask("PUT", f"ticket/{key}", {"Queue": "Bare"})[0]
    side.later(minutes=5)
    side.send()
    assert key_of(side, number) == key


@pytest.mark.parametrize("queue", ["Network", "Bare"])
def test_a_process_that_dies_after_the_create_finds_its_ticket_again(
    side: Side, rt: RT, queue: str
) -> None:
    side.change_profile(replace(PROFILE, group=queue))
    number = side.open(f"Killed in {queue}", "No light.")
    side.comment(number, "Any news?")
    side.die_after("create")
    assert side.pair(number).their_id is None
    side.later(minutes=5)
    side.send()
    assert rt.find(f"Subject LIKE 'Killed in {queue}'") == [key_of(side, number)]
    assert len(rt.said(key_of(side, number))) == 2
    assert {state for _kind, _text, state in side.ours(number)} == {"sent"}


def test_a_process_that_dies_after_a_reply_or_a_file_doubles_none(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.send()
    key = key_of(side, number)
    for step in ("comment", "file"):
        if step == "comment":
            side.comment(number, "Any news?")
        else:
            side.attach(number, "otdr.txt", b"1.2 km\n")
        side.die_after("send")
        side.later(minutes=5)
        side.send()
    assert len(rt.said(key)) == 3
    assert rt.files(key) == ["otdr.txt"]


def test_a_ticket_that_is_merged_there_is_followed(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.send()
    key = key_of(side, number)
    other = rt.open("The same outage", "Seen by us first.", "Bare")
    rt.reply(other, "Fibre cut.")
    rt.merge(key, other)
    side.sweep()
    assert side.pair(number).their_id == other
    side.sweep()
    pair = side.pair(number)
    assert (pair.their_number, pair.moved_from, pair.state) == (other, key, "paired")
    told = [text for kind, text, _state in side.theirs(number) if kind == "comment"]
    assert told == ["Seen by us first.", "Fibre cut."]
    side.comment(number, "Thanks.")
    side.send()
    assert rt.said(other)[-1][1].startswith("Thanks.")
    assert side.reason() == ""


def test_a_merge_into_a_ticket_that_was_not_known_opens_no_second_one(side: Side, rt: RT) -> None:
    number = side.open("Link down", "No light.")
    side.send()
    key = key_of(side, number)
    other = rt.open("An old ticket", "From before the connection.")
    before = datetime.fromisoformat(rt.ticket(other)["LastUpdated"]) + timedelta(seconds=1)
    side.read_from(before)
    until(lambda: datetime.now(UTC) > before)
    rt.merge(key, other)
    side.pull()
    assert side.pair(number).their_id == other
    assert side.tickets() == [number]


def test_a_merge_into_the_pair_of_another_ticket_asks_a_person(side: Side, rt: RT) -> None:
    first, second = side.open("One", "..."), side.open("Two", "...")
    side.send()
    rt.merge(key_of(side, first), key_of(side, second))
    side.pull()
    pair = side.pair(first)
    assert pair.state == "stopped"
    assert (
        pair.reason
        == f"Merged there into {key_of(side, second)}, which is the pair of our #{second}"
    )


def test_look_up_finds_a_ticket_that_was_merged_meanwhile(side: Side, rt: RT) -> None:
    number = side.open("Killed and merged", "No light.")
    side.die_after("create")
    (key,) = rt.find("Subject LIKE 'Killed and merged'")
    other = rt.open("The same outage", "Seen by us first.", "Bare")
    rt.merge(key, other)
    side.later(minutes=5)
    side.send()
    assert key_of(side, number) == key
    side.sweep()
    assert key_of(side, number) == other


@pytest.mark.parametrize("queue", ["Network", "Bare"])
def test_the_connection_test(side_with: Callable[[str], Side], queue: str) -> None:
    side = side_with(queue)
    place = {
        "Network": "Our reference is in its custom field LHCOPN",
        "Bare": "Our reference is in the subject because the queue has no custom field LHCOPN",
    }[queue]
    for _ in range(2):
        checks = list(side.system().test())
        named = next(one.what for one in checks if one.what.startswith("RT "))[3:].partition(",")[0]
        assert named.startswith("5.0.7"), named
        assert [(one.what, one.problem) for one in checks] == [
            ("Reachable", ""),
            ("Logged in", ""),
            (f"RT {named}, with which the portal was tested", ""),
            ("May read", ""),
            (place, ""),
            ("May write", ""),
            ("Search behaves as expected", ""),
            ("Round trip on a test ticket", ""),
        ]


def test_the_connection_test_says_what_is_wrong(side: Side, rt: RT) -> None:
    def last(secret: str, group: str, login: str = "") -> tuple[str, str]:
        side.change_secret(secret, login)
        side.change_profile(replace(PROFILE, group=group))
        check = list(side.system().test())[-1]
        return check.what, check.problem

    wrong = "1-14-0123456789abcdef0123456789abcdef"
    assert last(wrong, "Network") == ("Logged in", "It responded with 401: Unauthorized")
    what, problem = last(rt.tokens["lhcopn"], "Nowhere")
    assert what == "May read"
    assert problem.startswith("It responded with 403")
    what, problem = last(rt.tokens["lhcopn"], "Network", "nobody")
    assert what == "Logged in"
    for told in side.calls():
        assert rt.tokens["lhcopn"] not in f"{told.asked}{told.answered}{told.what}{told.failure}"


def test_a_ticket_that_is_not_there_is_permanent(side: Side, rt: RT) -> None:
    with pytest.raises(CallFailed) as caught:
        side.system().read("999999")
    assert caught.value.failure.outcome == "permanent"
    with pytest.raises(HTTPError):
        rt.ticket("999999")


def test_the_ticket_for_tests_is_one_of_the_queue(side: Side) -> None:
    """Whoever changes the queue of a connection finds that of the other one first."""
    for queue in ("Network", "Bare", "Network", "Bare"):
        side.change_profile(replace(PROFILE, group=queue))
        assert [one.problem for one in side.system().test()] == [""] * 8
