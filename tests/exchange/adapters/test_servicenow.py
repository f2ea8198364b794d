"""ServiceNow against what its documentation says of it (``servicenow_stand_in``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.kinds import KINDS
from app.exchange.adapters.servicenow.client import MAX_DESCRIPTION, ServiceNow
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Outcome
from app.exchange.rules.partner import CallFailed
from app.tickets.rules.marks import Mark, mark_of, marked
from tests.exchange.adapters.servicenow_stand_in import (
    GROUP,
    LOGIN,
    OTHER_GROUP,
    PASSWORD,
    ServiceNowStandIn,
)
from tests.exchange.serving import serving
from tests.exchange.side import Side

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
PROFILE = replace(KINDS["servicenow"].profile, group="Network")
BASIC = "Basic bGhjb3BuOmEgc2VjcmV0IG9mIHRoZWlycw=="
"""lhcopn:a secret of theirs"""


class Clock:
    """Their clock."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def later(self, **more: int) -> None:
        self.at += timedelta(**more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def theirs(clock: Clock) -> ServiceNowStandIn:
    return ServiceNowStandIn(now=clock)


@pytest.fixture
def address(theirs: ServiceNowStandIn) -> Iterator[str]:
    with serving(theirs) as address:
        yield address


@pytest.fixture
def system(address: str) -> ServiceNow:
    caller = JsonCaller(address, {"127.0.0.1"}, {"Authorization": BASIC})
    return ServiceNow(caller, PROFILE, NOW, LOGIN)


def entry(
    kind: EntryKind,
    sequence: int = 1,
    text: str = "",
    file: str = "",
    content: bytes = b"",
    **values: str,
) -> Outgoing:
    marked_text = marked(text, Mark(12, sequence, "Anna"))
    return Outgoing(12, sequence, kind, marked_text, "Anna", values, file, content)


def opened(system: ServiceNow, **values: str) -> str:
    given = {"title": "Link down", "description": "No light.", "state": "new"} | values
    text = marked("No light.", Mark(12, 1, "Anna"))
    return system.create(Outgoing(12, 1, EntryKind.TICKET, text, "Anna", given)).id


def test_an_incident_is_created_with_our_reference_and_found_by_it(
    system: ServiceNow, theirs: ServiceNowStandIn, address: str
) -> None:
    assert system.find("LHCOPN#12") == []
    created = system.create(
        entry(
            EntryKind.TICKET,
            1,
            "No light.",
            title="Link down",
            state="assigned",
            priority="top priority",
            impact="degraded",
        )
    )
    row = theirs.incident(created.id)
    assert {name: row[name] for name in ("short_description", "state", "urgency", "impact")} == {
        "short_description": "Link down",
        "state": "1",
        "urgency": "1",
        "impact": "2",
    }
    assert row["description"] == "No light.\n\n(Anna via LHCOPN#12/1)"
    assert (row["correlation_id"], row["correlation_display"]) == ("LHCOPN#12", "LHCOPN")
    assert row["assignment_group"] == GROUP
    assert (created.number, created.remark) == (row["number"], "")
    assert created.url == f"{address}/nav_to.do?uri=incident.do%3Fsys_id%3D{created.id}"
    assert system.find("LHCOPN#12") == [created.id]
    assert system.find("LHCOPN#1") == []


def test_a_search_that_ignores_what_it_is_asked_finds_none_that_is_not_ours(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    theirs.open("Printer", "Out of paper.")
    for row in theirs.tables["incident"]:
        del row["correlation_id"]  # an instance where the name means nothing: all are found
    assert system.find("LHCOPN#12") == []


def test_a_reference_that_is_not_kept_is_said(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    theirs.read_only = frozenset({"correlation_id"})
    created = system.create(entry(EntryKind.TICKET, 1, "No light.", title="Link down"))
    assert "did not store our reference in correlation_id" in created.remark


def test_comments_and_work_notes_cross_both_ways(
    system: ServiceNow, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    key = opened(system)
    system.send(key, entry(EntryKind.COMMENT, 2, "Any news?"))
    system.send(key, entry(EntryKind.INTERNAL, 3, "Do not tell."))
    assert theirs.said(key, "comments") == ["Any news?\n\n(Anna via LHCOPN#12/2)"]
    assert theirs.said(key, "work_notes") == ["Do not tell.\n\n(Anna via LHCOPN#12/3)"]
    clock.later(seconds=1)
    theirs.write(key, comments="On it.")
    theirs.write(key, work_notes="Spare part ordered.")
    ticket = system.read(key)
    told = [
        (one.text.partition("\n")[0], one.author, one.by_us, one.internal) for one in ticket.texts
    ]
    assert told == [
        ("No light.", LOGIN, True, False),
        ("Any news?", LOGIN, True, False),
        ("Do not tell.", LOGIN, True, True),
        ("On it.", "beth", False, False),
        ("Spare part ordered.", "beth", False, True),
    ]
    assert len({one.key for one in ticket.texts}) == 5
    assert ticket.values == {"state": "1", "priority": "3", "impact": "3"}
    assert (ticket.title, ticket.number) == ("Link down", theirs.incident(key)["number"])


def test_more_comments_than_a_page(system: ServiceNow, theirs: ServiceNowStandIn) -> None:
    key = opened(system)
    for number in range(205):
        theirs.write(key, comments=f"Comment {number}")
    assert [one.text for one in system.read(key).texts[1:]] == [
        f"Comment {number}" for number in range(205)
    ]


def test_a_long_description_keeps_its_mark_and_comes_whole_as_a_comment(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    long = "word " * 1000
    key = system.create(entry(EntryKind.TICKET, 1, long, title="T" * 200)).id
    row = theirs.incident(key)
    assert row["short_description"] == "T" * 160
    assert len(row["description"]) <= MAX_DESCRIPTION
    assert mark_of(row["description"]) == Mark(12, 1, "Anna")
    assert theirs.said(key, "comments") == [marked(long, Mark(12, 1, "Anna"))]


def test_a_resolution_has_its_code_and_notes(system: ServiceNow, theirs: ServiceNowStandIn) -> None:
    key = opened(system)
    sent = system.send(key, entry(EntryKind.FIELDS, 2, state="solved", solution="Fibre spliced."))
    assert sent.left_out == []
    row = theirs.incident(key)
    assert (row["state"], row["close_code"], row["close_notes"]) == (
        "6",
        "Solution provided",
        "Fibre spliced.",
    )
    assert system.read(key).values["state"] == "6:Solution provided"
    theirs.write(key, close_code="Workaround provided")
    assert system.read(key).values["state"] == "6"
    system.send(key, entry(EntryKind.FIELDS, 3, state="unsolved"))
    assert theirs.incident(key)["close_notes"] == "See LHCOPN#12"
    system.send(key, entry(EntryKind.FIELDS, 4, state="closed"))
    assert theirs.incident(key)["state"] == "7"
    assert system.read(key).values["state"] == "7"  # as its row for reading says it


def test_what_it_drops_or_has_no_word_for_is_told(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    key = opened(system)
    theirs.read_only = frozenset({"urgency"})
    sent = system.send(
        key, entry(EntryKind.FIELDS, 2, priority="top priority", layer="L2", impact="unknown")
    )
    assert sorted(sent.left_out) == ["impact", "layer", "priority"]


def test_its_refusal_is_told_in_its_words(system: ServiceNow, theirs: ServiceNowStandIn) -> None:
    key = opened(system)
    theirs.read_only = frozenset({"close_code"})
    with pytest.raises(CallFailed) as caught:
        system.send(key, entry(EntryKind.FIELDS, 2, state="solved", solution="Fibre spliced."))
    assert caught.value.failure.outcome is Outcome.PERMANENT
    assert (
        "It responded with 403: Operation Failed Data Policy Exception"
        in caught.value.failure.reason
    )
    with pytest.raises(CallFailed) as caught:
        system.read("0" * 32)
    assert "404: No Record found" in caught.value.failure.reason


def test_an_id_that_is_none_is_asked_for_nowhere(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    for key in ("", "../sys_user", "1" * 31, "G" * 32):
        with pytest.raises(CallFailed):
            system.read(key)
    assert theirs.calls == []


@pytest.mark.parametrize("hours", [-11, 0, 9, 14])
def test_changes_are_found_whatever_the_time_zone_of_the_account(
    system: ServiceNow, theirs: ServiceNowStandIn, clock: Clock, hours: int
) -> None:
    theirs.zone = timedelta(hours=hours)
    old = theirs.open("Old", "Before the first read.")
    begin = system.changed("")
    assert begin.ids == ()
    clock.later(hours=1)
    first, second = theirs.open("First", "..."), theirs.open("Second", "...")
    theirs.open("Printer", "Not ours.", group=OTHER_GROUP)
    clock.later(minutes=1)
    theirs.write(first, comments="More.")
    system.now = clock.at
    found = system.changed(begin.cursor)
    assert found.ids == (old, second, first)
    assert found.cursor == "2026-11-29T13:01:00+00:00"
    clock.later(hours=1)
    system.now = clock.at
    assert system.changed(found.cursor).ids == (second, first)  # five minutes are read again
    theirs.write(old, comments="Still there?")
    again = system.changed(found.cursor)
    assert again.ids == (second, first, old)
    clock.later(hours=1)
    assert system.changed(again.cursor).ids == (old,)


def test_an_incident_of_the_year_2999_hides_nothing(
    system: ServiceNow, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    late = theirs.open("Late", "...")
    theirs.incident(late)["sys_updated_on"] = "2999-01-01 00:00:00"
    first = system.changed("")
    assert datetime.fromisoformat(first.cursor) <= NOW + timedelta(minutes=1)
    clock.later(hours=1)
    system.now = clock.at
    key = theirs.open("New", "...")
    found = system.changed(first.cursor)
    assert key in found.ids
    assert datetime.fromisoformat(found.cursor) <= clock.at + timedelta(minutes=1)


def test_more_changes_than_a_page_are_found_in_their_order(
    system: ServiceNow, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    begin = system.changed("")
    keys = []
    for number in range(250):
        clock.later(seconds=1)
        keys.append(theirs.open(f"Ticket {number}", "..."))
    assert system.changed(begin.cursor).ids == tuple(keys)


def test_a_group_that_it_ignores_brings_nothing_of_others(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    theirs.open("Printer", "Not ours.", group=OTHER_GROUP)
    with pytest.raises(CallFailed, match="no assignment group called Nobody"):
        ServiceNow(system.caller, replace(PROFILE, group="Nobody"), NOW, LOGIN).changed("")
    with pytest.raises(CallFailed, match="Set an assignment group"):
        ServiceNow(system.caller, replace(PROFILE, group=""), NOW, LOGIN).changed("")
    for row in theirs.tables["incident"]:
        del row["assignment_group"]
    with pytest.raises(CallFailed, match="others were sent"):
        system.changed("")


def test_a_file_is_sent_once_and_theirs_are_offered(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    key = opened(system)
    file = entry(EntryKind.ATTACHMENT, 2, file="trace.txt", content=b"10 ms\n")
    system.send(key, file)
    system.send(key, file)
    system.send(key, replace(file, content=b"20 ms\n"))  # another of the same name and size
    rows = theirs.tables["sys_attachment"]
    assert [(one["file_name"], one["content_type"]) for one in rows] == [
        ("trace.txt", "text/plain"),
        ("trace.txt", "text/plain"),
    ]
    assert [theirs.files[one["sys_id"]] for one in rows] == [b"10 ms\n", b"20 ms\n"]
    assert theirs.said(key, "comments")[0] == "trace.txt\n\n(Anna via LHCOPN#12/2)"
    theirs.attach(key, "map.png", b"\x89PNG...")
    (text,) = [one for one in system.read(key).texts if one.files]
    (offered,) = text.files
    assert (text.text, text.author, offered.name, offered.size) == ("", "beth", "map.png", 7)
    assert offered.load is not None
    assert offered.load() == b"\x89PNG..."


CHECKS = [
    "Reachable",
    "Logged in",
    "May read",
    "May write",
    "Search behaves as expected",
    "Round trip on a test ticket",
]


def test_the_connection_test_goes_through_and_leaves_one_ticket(
    system: ServiceNow, theirs: ServiceNowStandIn
) -> None:
    for _ in range(2):
        checks = list(system.test())
        assert [(one.what, one.problem) for one in checks] == [(what, "") for what in CHECKS]
    (only,) = theirs.tables["incident"]
    assert only["short_description"] == "Test of the connection with the LHCOPN portal"


@pytest.mark.parametrize(
    ("wrong", "step", "words"),
    [
        ("secret", "Logged in", "401: User Not Authenticated"),
        ("login", "Logged in", "does not know our login"),
        ("group", "May read", "no assignment group called Network"),
        ("code", "May read", "close_code: it has no Solution"),
        ("reference", "Search behaves as expected", "did not store our reference"),
        ("search", "Search behaves as expected", "finds incidents"),
        (
            "journal",
            "Round trip on a test ticket",
            "A comment was sent, but cannot be found in their ticket",
        ),
    ],
)
def test_the_connection_test_ends_where_something_is_wrong(
    system: ServiceNow, theirs: ServiceNowStandIn, wrong: str, step: str, words: str
) -> None:
    if wrong == "secret":
        system.caller = replace(system.caller, secret_headers={"Authorization": "Basic eDp5"})
    elif wrong == "login":
        system.login = "nobody"
    elif wrong == "group":
        theirs.tables["sys_user_group"] = [{"sys_id": OTHER_GROUP, "name": "Hardware"}]
    elif wrong == "code":
        theirs.tables["sys_choice"] = [
            one for one in theirs.tables["sys_choice"] if one["value"] != "Solution provided"
        ]
    elif wrong == "reference":
        theirs.read_only = frozenset({"correlation_id"})
    elif wrong == "search":
        theirs.ignored = frozenset({"correlation_id"})
    else:
        theirs.tables["sys_journal_field"] = Nothing()
    checks = list(system.test())
    assert [one.what for one in checks] == CHECKS[: CHECKS.index(step) + 1]
    assert words in checks[-1].problem
    assert not any(one.problem for one in checks[:-1])
    assert PASSWORD not in str(checks)


class Nothing(list[dict[str, str]]):
    """A table that the account may not read."""

    def append(self, _row: dict[str, str]) -> None:
        """Nothing of it is seen."""


@pytest.fixture
def side(session: Session, address: str) -> Side:
    engine = session.get_bind().engine
    return Side(engine, "servicenow", address, PROFILE, PASSWORD, LOGIN, internal=True)


def test_a_ticket_lives_on_both_sides(side: Side, theirs: ServiceNowStandIn, clock: Clock) -> None:
    clock.at = datetime.now(UTC)
    number = side.open("Link down", "No light.")
    side.comment(number, "Any news?")
    side.send()
    (row,) = theirs.tables["incident"]
    key = row["sys_id"]
    assert theirs.said(key, "comments") == [f"Any news?\n\n(operator via LHCOPN#{number}/2)"]
    side.pull()
    clock.later(seconds=5)
    theirs.write(key, state="2", comments="On it.")
    theirs.attach(key, "otdr.txt", b"1.2 km\n")
    side.pull()
    side.sweep()
    assert side.ticket(number).state == "in progress"
    assert side.theirs(number) == [
        ("comment", "On it.", "applied"),
        ("attachment", '{"file": "ATT1 otdr.txt"}', "applied"),
        ("fields", '{"state": "in progress"}', "applied"),
    ]
    side.attach(number, "photo.txt", b"a cut\n")
    side.move(number, "solved", "Fibre spliced.")
    side.send()
    assert (row["state"], row["close_notes"]) == ("6", "Fibre spliced.")
    assert [one["file_name"] for one in theirs.tables["sys_attachment"]] == [
        "otdr.txt",
        "photo.txt",
    ]
    side.pull()
    side.send()
    assert len(theirs.tables["incident"]) == 1
    assert {state for _kind, _text, state in side.ours(number)} == {"sent"}
    assert not any(PASSWORD in f"{one.asked} {one.answered} {one.what}" for one in side.calls())


@pytest.mark.parametrize("call", ["create", "send"])
def test_a_process_that_dies_after_a_call_doubles_nothing(
    side: Side, theirs: ServiceNowStandIn, call: str
) -> None:
    number = side.open("Link down", "No light.")
    side.comment(number, "Any news?")
    side.attach(number, "photo.txt", b"a cut\n")
    side.die_after(call)
    side.later(minutes=5)
    side.send()
    (row,) = theirs.tables["incident"]
    assert side.pair(number).their_id == row["sys_id"]
    assert len(theirs.said(row["sys_id"], "comments")) == 2
    assert len(theirs.tables["sys_attachment"]) == 1
    assert {state for _kind, _text, state in side.ours(number)} == {"sent"}


def test_an_incident_that_lost_our_reference_is_not_created_again(
    side: Side, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    clock.at, theirs.read_only = side.now(), frozenset({"correlation_id"})
    number = side.open("Link down", "No light.")
    theirs.open("Another one", "By hand.", LOGIN)
    side.die_after("create")
    for _ in range(2):
        side.later(minutes=5)
        side.send()
    made = [one for one in theirs.tables["incident"] if one["short_description"] == "Link down"]
    assert [side.pair(number).their_id] == [one["sys_id"] for one in made]


def test_more_incidents_of_ours_than_a_page_come_newest_first(
    system: ServiceNow, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    keys = []
    for number in range(130):
        clock.later(seconds=1)
        by = LOGIN if number % 2 else "beth"
        keys.append((theirs.open(f"Number {number}", "text", by), by))
    first = system.ours(NOW)
    assert first.cursor == ""
    assert first.ids == [key for key, by in reversed(keys) if by == LOGIN]


def test_their_incident_becomes_a_ticket_and_other_groups_do_not(
    side: Side, theirs: ServiceNowStandIn, clock: Clock
) -> None:
    side.pull()
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    theirs.open("Printer", "Out of paper.", group=OTHER_GROUP)
    key = theirs.open("Loss on the link", "3 % since noon.")
    theirs.write(key, comments="Seen from both ends.")
    side.pull()
    side.pull()
    (number,) = side.tickets()
    ticket = side.ticket(number)
    assert (ticket.title, ticket.description) == ("Loss on the link", "3 % since noon.")
    assert side.pair(number).their_number == theirs.incident(key)["number"]
    side.comment(number, "We look.")
    side.send()
    assert theirs.said(key, "comments")[1] == f"We look.\n\n(operator via LHCOPN#{number}/1)"


def test_a_secret_that_is_answered_is_kept_in_no_form(
    side: Side, theirs: ServiceNowStandIn
) -> None:
    theirs.repeats_headers = True
    side.open("Link down", "No light.")
    side.send()
    told = [f"{one.what} {one.asked} {one.answered} {one.failure}" for one in side.calls()]
    assert "It responded with 502: Authorization: Basic *** ***" in told[-1]
    assert not any(PASSWORD in one or BASIC.split()[1] in one for one in told)
    assert PASSWORD not in side.reason()
