"""Faults between the portal and a partner (attacks-and-faults F5, F7, F8, F9, F12, F14), through
the real adapter, in front of the stand-in."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.demo.partner_system import PERSON, PORTAL, Misbehaviour
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.fields import Owner
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Profile
from app.exchange.rules.standing import Standing
from app.exchange.services.connections.connections import resume
from app.exchange.services.hints import READ_TICKET
from app.exchange.services.overview import count_troubles, counterparts
from app.exchange.services.reading import take_in, take_new
from app.exchange.services.standing import Compared, compared
from app.exchange.services.unpaired import leave_unpaired, unpaired_tickets
from app.jobs.services.queue import queued_jobs
from app.tickets.services.attachments import add_attachment, attachments_of, remove_attachment
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, World

LONG = "The line card in Geneva was changed at 2026-03-02 09:30 UTC and the link is up again. " * 3


@pytest.fixture
def world(session: Session) -> World:
    return World(session.get_bind().engine)


def comments(world: World, number: int) -> list[str]:
    """What was said on our ticket, by whomever, in its order."""
    with Session(world.engine) as session:
        return [
            text or ""
            for text in session.scalars(
                select(ChangedField.new)
                .join(Change, Change.id == ChangedField.change_id)
                .where(Change.thing_id == number, ChangedField.field == "public_comment")
                .order_by(Change.id)
            )
        ]


def connection_of(world: World) -> Connection:
    """The connection as it is now."""
    with Session(world.engine) as session:
        return session.get_one(Connection, world.connection_id)


def bodies(world: World, key: int) -> list[str]:
    """What stands in their ticket."""
    return [article["body"] for article in world.partner.tickets[key].articles]


def sweep(world: World) -> None:
    """Read every open pair, as each night."""
    world.comparisons.compare(world.context, {"connection": world.connection_id})


def paired(world: World, *texts: str) -> list[int]:
    """Tickets of ours with a counterpart there each; their numbers."""
    numbers = [world.open(text[:60], text) for text in texts]
    world.deliver()
    for key in sorted(world.partner.tickets):
        world.read(str(key))
    return numbers


# F5: an echo


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.lower,
        lambda text: "   " + text.replace("\n", "\r\n\r\n") + "  \n",
        lambda text: " ".join(text.split()),
        lambda text: text[:100],
        lambda text: text[:100] + "...",
        lambda text: text.rsplit("\n", 1)[0],
        lambda text: text.rsplit("/", 1)[0],
        lambda text: text.replace("09:30 UTC", "10:30 +01:00"),
        lambda text: "<p>" + text.replace("\n", "<br>") + "</p>",
    ],
)
def test_an_echo_of_ours_is_no_news_however_it_was_changed(world: World, change: object) -> None:
    number = world.open("Link down", LONG)
    world.do(comment_ticket, number, LONG + "Again.")
    world.deliver()
    for article in world.partner.tickets[1001].articles:
        article["body"] = change(article["body"])  # type: ignore[operator]
        article["content_type"] = "text/html" if "<p>" in article["body"] else "text/plain"
    before = [*bodies(world, 1001)]
    for _ in range(3):
        world.later(minutes=1)
        world.pull()
        world.read("1001")
        world.deliver()
    assert comments(world, number) == [LONG + "Again."]
    assert bodies(world, 1001) == before


def test_what_somebody_there_repeats_of_ours_is_a_copy(world: World) -> None:
    (number,) = paired(world, LONG)
    world.partner.comment(1001, bodies(world, 1001)[0])
    world.pull()
    assert comments(world, number) == []


# F7: order, doubles, clocks


def test_reads_in_any_order_and_number_bring_each_text_once(world: World) -> None:
    numbers = paired(world, "One", "Two", "Three")
    chance, said = Random(7), dict.fromkeys(numbers, 0)
    for turn in range(40):
        place = chance.randrange(3)
        world.partner.comment(1001 + place, f"Text {turn}")
        said[numbers[place]] += 1
        for _ in range(chance.randrange(3)):
            verbs = (world.pull, lambda: world.read(f"{1001 + chance.randrange(3)}"))
            chance.choice(verbs)()
        world.later(seconds=chance.randrange(60))
    world.pull()
    world.pull()
    for number, count in said.items():
        assert len(comments(world, number)) == len(set(comments(world, number))) == count


def test_what_was_read_as_it_is_now_costs_no_second_read(world: World) -> None:
    paired(world, "One", "Two")
    world.pull()
    world.partner.calls.clear()
    world.later(minutes=1)
    world.pull()
    assert [call for call in world.partner.calls if "/search" not in call] == []
    world.partner.comment(1001, "More")
    world.pull()
    assert sum("by_ticket/1001" in call for call in world.partner.calls) == 1
    assert not any("by_ticket/1002" in call for call in world.partner.calls)


def test_ten_minutes_of_outage_with_webhooks_alone_lose_nothing(world: World) -> None:
    (number,) = paired(world, "One")
    world.pull()
    for minute in range(10):  # each of its webhooks was given up by now
        world.partner.comment(1001, f"Minute {minute}")
        new = world.partner.open(f"New {minute}", "text", group="Network")
        world.later(minutes=1)
    world.pull()
    assert len(comments(world, number)) == 10
    with Session(world.engine) as session:
        ids = set(session.scalars(select(TicketPair.their_id)))
    assert {str(new - back) for back in range(10)} <= ids


def test_a_search_that_lies_is_said_and_the_sweep_finds_what_it_hides(world: World) -> None:
    (number,) = paired(world, "One")
    world.partner.errs = Misbehaviour(search_lies=True)
    world.partner.comment(1001, "Hidden")
    world.later(minutes=1)
    world.pull()
    assert comments(world, number) == []
    assert "Its search does not find ticket 1001" in connection_of(world).reason
    sweep(world)
    assert comments(world, number) == ["Hidden"]
    world.partner.errs = Misbehaviour()
    world.later(minutes=1)
    world.pull()
    assert connection_of(world).reason == ""


def test_a_search_that_comes_to_lie_is_noticed_within_hours(world: World) -> None:
    (number,) = paired(world, "One")
    world.pull()
    world.partner.errs = Misbehaviour(search_lies=True)
    world.partner.comment(1001, "Hidden")
    for _ in range(7):
        world.later(hours=1)
        world.pull()
    assert "Its search does not find ticket 1001" in connection_of(world).reason
    world.partner.errs = Misbehaviour()
    world.later(minutes=1)
    world.pull()
    assert connection_of(world).reason == ""
    assert comments(world, number) == ["Hidden"]


def test_a_ticket_that_was_found_is_read_at_once(world: World) -> None:
    world.open("Link down", "text")
    left = ["fail_after"]

    def erring(path: str) -> str:
        return left.pop() if path == "/api/v1/tickets" and left else ""

    world.partner._erring = erring  # type: ignore[method-assign]
    world.deliver()
    world.partner.comment(1001, "Said before we knew")
    world.pull()  # ours, and nobody's counterpart yet
    world.later(minutes=10)
    world.deliver()
    with Session(world.engine) as session:
        assert READ_TICKET in {job.name for job in queued_jobs(session)}


@pytest.mark.parametrize("others", [0, 250])
def test_a_creation_without_an_answer_is_found_without_the_search(
    world: World, others: int
) -> None:
    for number in range(others):  # more than one page of the plain list, whoever made them
        world.partner.open(f"Other {number}", "text", PORTAL if number % 100 == 7 else PERSON)
    world.partner.errs = Misbehaviour(search_lag=1e9)
    before = len(world.partner.tickets)
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, "We dig")
    left = ["fail_after"]

    def erring(path: str) -> str:
        is_create = path == "/api/v1/tickets" and len(world.partner.calls) > 1
        return left.pop() if is_create and left else ""

    world.partner._erring = erring  # type: ignore[method-assign]
    for _ in range(4):
        world.deliver()
        world.later(minutes=10)
    pair = world.pair_of(number)
    assert pair is not None
    assert len(world.partner.tickets) == before + 1
    assert (pair.state, pair.their_id) == (PairState.PAIRED, str(max(world.partner.tickets)))
    assert len(bodies(world, max(world.partner.tickets))) == 2


def test_a_creation_that_did_nothing_is_repeated(world: World) -> None:
    world.partner.errs = Misbehaviour(search_lag=1e9, failed_word="fibre")
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.errs = Misbehaviour(search_lag=1e9)
    world.later(minutes=10)
    world.deliver()
    assert list(world.partner.tickets) == [1001]
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.their_id == "1001"


def test_a_second_ticket_there_is_a_persons_business_at_once(world: World) -> None:
    (number,) = paired(world, "The fibre is cut.")
    text = world.partner.tickets[1001].articles[0]["body"]
    second = world.partner.open("Link down", text, PORTAL, "Network")
    unknown = world.partner.open("Old", text.replace(f"#{number}/", "#777/"), PORTAL, "Network")
    world.partner.open("Test", text.replace(f"#{number}/", "#0/"), PORTAL, "Network")
    world.partner.open("Not with our reference", "By hand", PORTAL, "Network")
    merged = world.partner.open("Merged", text, PORTAL, "Network")
    world.partner.merge(merged, 1001)
    for _ in range(2):
        world.pull()
        world.later(minutes=1)
    with Session(world.engine) as session:
        found = unpaired_tickets(session)
        told = [(one.row.their_id, one.title, one.is_second) for one in found]
        assert told == [(str(unknown), None, False), (str(second), "The fibre is cut.", True)]
        assert session.scalar(select(count_troubles())) == 2
        (partner,) = counterparts(session, number, world.now, internal=True)
        assert [one.their_id for one in partner.unpaired] == [str(second)]
    with world.writing() as session:
        leave_unpaired(session, world.operator(), found[0].row.id, "Of the test portal")
    world.partner.merge(second, 1001)
    for key in (second, unknown):
        world.read(str(key))
    with Session(world.engine) as session:
        assert unpaired_tickets(session) == []
        assert session.scalar(select(count_troubles())) == 0


def test_what_is_being_created_is_no_second_ticket(world: World) -> None:
    number = world.open("Link down", "text")
    left = ["fail_after"]
    world.partner._erring = (  # type: ignore[method-assign]
        lambda path: left.pop() if path == "/api/v1/tickets" and left else ""
    )
    world.deliver()
    world.read("1001")
    with Session(world.engine) as session:
        assert unpaired_tickets(session) == []
    world.later(minutes=10)
    world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.their_id == "1001"


def standing(world: World, number: int) -> Compared:
    """How a ticket's two sides are to each other."""
    with Session(world.engine) as session:
        pair = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).one()
        return compared(session, [pair], world.now)[pair.id]


def test_in_step_are_two_tickets_with_the_same_texts_and_files(world: World) -> None:
    (number,) = paired(world, LONG)
    world.do(add_attachment, number, "trace.txt", b"traceroute")
    world.do(comment_ticket, number, "We dig")
    world.deliver()
    world.partner.attach(1001, "plot.txt", b"a plot", "See the plot")
    told = world.partner.tickets[1001].articles
    told[0]["body"] = f"<p>{told[0]['body']}</p>"
    told[0]["content_type"] = "text/html"
    world.later(minutes=1)
    world.pull()
    world.read("1001")
    assert standing(world, number).in_step, standing(world, number)
    told[2]["body"] = "We do not dig" + told[2]["body"][6:]
    told[1]["attachments"].clear()
    told[3]["attachments"].clear()
    told[3]["body"] = "See another plot"
    world.read("1001")
    found = standing(world, number)
    assert found.standing is Standing.DIFFERENT
    assert [(one.part, one.origin, one.sequence, one.why) for one in found.parts] == [
        ("file", "ours", 2, "missing"),
        ("text", "ours", 3, "changed"),
        ("text", "theirs", 1, "changed"),
        ("file", "theirs", 2, "missing"),
    ]
    del told[2:]
    world.read("1001")
    assert [one.why for one in standing(world, number).parts] == ["missing"] * 4


def test_what_was_sent_after_a_read_began_is_not_missed(world: World) -> None:
    (number,) = paired(world, "The fibre is cut.")
    old = world.read_now("1001")
    world.later(seconds=1)
    world.do(comment_ticket, number, "We dig")
    world.deliver()
    with world.writing() as session:
        pair = session.scalars(select(TicketPair)).one()
        take_in(session, pair.id, old, world.now)
    assert standing(world, number).parts == ()


# F8: a partner that answers with anything


def test_what_a_partner_asks_to_wait_is_waited(world: World) -> None:
    number = world.open("Link down", "text")
    world.partner.errs = Misbehaviour(refuse=1)
    world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.due_at is not None
    assert pair.due_at >= world.now + timedelta(seconds=1)
    assert not world.partner.tickets
    world.later(minutes=1)
    world.deliver()
    assert list(world.partner.tickets) == [1001]


@pytest.mark.parametrize("errs", ["html", "fail_after", "wrong_id"])
@pytest.mark.parametrize("call", range(1, 10))
def test_an_answer_that_is_none_makes_no_second_ticket(world: World, errs: str, call: int) -> None:
    # the calls of a first delivery: two searches, states, our id, create, read it; then a text
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, "We dig")
    count = 0

    def erring(path: str) -> str:
        nonlocal count
        count += 1
        return errs if count == call else ""

    world.partner._erring = erring  # type: ignore[method-assign]
    for _ in range(4):
        world.deliver()
        world.later(minutes=10)
    assert [key for key, one in world.partner.tickets.items() if one.articles] == [1001]
    assert [text.split("\n")[0] for text in bodies(world, 1001)] == ["The fibre is cut.", "We dig"]
    pair = world.pair_of(number)
    assert pair is not None
    assert (pair.state, pair.their_id) == (PairState.PAIRED, "1001")


def test_an_empty_list_is_no_error(world: World) -> None:
    world.pull()
    assert (connection_of(world).reason, connection_of(world).failures) == ("", 0)


def test_a_token_that_ended_stops_no_pair_that_is_read(world: World) -> None:
    numbers = paired(world, "One", "Two", "Three", "Four")
    world.partner.token = "renewed"
    sweep(world)
    assert "401" in connection_of(world).reason
    for number in numbers:
        pair = world.pair_of(number)
        assert pair is not None
        assert pair.state == PairState.PAIRED


# F9: one ticket that cannot be read


def test_a_ticket_that_answers_nonsense_holds_no_other_up(world: World) -> None:
    numbers = paired(world, "One", "Two", "Three")
    world.partner.errs.broken_ticket = 1001
    for key in (1001, 1002, 1003):
        world.partner.comment(key, "More")
    world.later(minutes=1)
    world.pull()
    assert [comments(world, number) for number in numbers] == [[], ["More"], ["More"]]
    pair = world.pair_of(numbers[0])
    assert pair is not None
    why = "Ticket 1001 was requested, but the response is 999999"
    assert (pair.state, pair.reason) == (PairState.STOPPED, why)
    assert "1001" in connection_of(world).reason
    before = connection_of(world).cursor
    world.later(minutes=1)
    world.partner.comment(1002, "And more")
    world.pull()
    assert connection_of(world).cursor > before
    assert comments(world, numbers[1]) == ["More", "And more"]


# F12: a partner that lost data, or restored an old copy


def test_an_id_that_was_given_again_stops_the_connection(world: World) -> None:
    kept = world.partner.backup()
    (number,) = paired(world, "One")
    world.partner.restore(kept)
    other = world.partner.open("Another one", "Not for you", group="Network")
    assert other == 1001
    world.later(minutes=1)
    world.pull()
    connection = connection_of(world)
    assert connection.stopped_at == world.now
    assert "Their ticket 1001 contains neither our reference" in connection.reason
    assert comments(world, number) == []
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    world.do(comment_ticket, number, "Nobody there must see it")
    world.deliver()
    assert bodies(world, 1001) == ["Not for you"]


def test_after_an_administrator_looked_at_it_the_others_go_on(world: World) -> None:
    kept = world.partner.backup()
    number, other = paired(world, "One", "Two")
    world.partner.restore(kept)
    world.partner.open("Another one", "Not for you", group="Network")
    world.later(minutes=1)
    world.pull()
    with world.writing() as session:
        resume(session, world.admin(), session.get_one(Connection, world.connection_id))
    world.later(minutes=1)
    world.pull()
    sweep(world)
    assert connection_of(world).stopped_at is None  # one is asked about each of them once
    for one in (number, other):
        pair = world.pair_of(one)
        assert pair is not None
        assert pair.state == PairState.STOPPED
    assert comments(world, number) == []


def test_a_new_ticket_with_an_old_id_stops_the_connection(world: World) -> None:
    kept = world.partner.backup()
    paired(world, "One", "Two", "Three")
    world.partner.restore(kept)
    world.later(minutes=1)
    number = world.open("Four", "Four")
    world.deliver(number)
    connection = connection_of(world)
    assert connection.stopped_at is not None
    assert "It created ticket 1001, and had 1003 before" in connection.reason


def test_tickets_that_are_made_at_once_are_no_old_ids(world: World) -> None:
    first, second = world.open("One", "One"), world.open("Two", "Two")
    world.deliver(second)
    world.deliver(first)
    assert connection_of(world).stopped_at is None
    assert list(world.partner.tickets) == [1001, 1002]


def test_one_ticket_that_is_gone_is_asked_about_and_many_stop_the_connection(
    world: World,
) -> None:
    numbers = paired(world, "One", "Two", "Three", "Four")
    del world.partner.tickets[1002]
    sweep(world)
    assert connection_of(world).stopped_at is None
    pair = world.pair_of(numbers[1])
    assert pair is not None
    assert (pair.state, pair.reason) == (PairState.STOPPED, "It responded with 404: Not Found")
    world.partner.tickets.clear()
    sweep(world)
    connection = connection_of(world)
    assert connection.stopped_at is not None
    assert connection.reason == ("Their tickets 1001, 1002, 1003 are gone: it may have lost data")


def test_another_number_under_the_same_id_stops_the_connection(world: World) -> None:
    paired(world, "One")
    world.partner.tickets[1001].number = "304711"
    sweep(world)
    assert "1001 was 291001 before, and is 304711 now" in connection_of(world).reason


# F14: a state that is not allowed here


def test_a_move_that_is_not_allowed_is_told_once_however_often_it_is_read(
    session: Session,
) -> None:
    profile = Profile(PROFILE.tickets, maps=PROFILE.maps, owners={"state": Owner.THEM})
    world = World(session.get_bind().engine, profile)
    number = world.open("Link down", "text")
    world.deliver()
    for state, more in (("in progress", {}), ("solved", {"solution": "spliced"}), ("closed", {})):
        world.do(move_ticket, number, state, **more)
    world.deliver()
    world.later(minutes=1)
    world.partner.move(1001, "in progress")
    for _ in range(5):
        world.read("1001")
    with Session(world.engine) as session:
        recorded = (
            select(ExchangeEntry)
            .where(ExchangeEntry.state == "recorded")
            .order_by(ExchangeEntry.id)
        )
        told = session.scalars(recorded).all()
    assert [json.loads(one.content) for one in told] == [
        {"state": "assigned"},
        {"state": "in progress"},
    ]


# merges


def test_a_merge_is_followed_and_what_stands_there_comes(world: World) -> None:
    (number,) = paired(world, "One")
    into = world.partner.open("The same", "It is known.", group="Users")
    world.partner.comment(into, "A splice")
    world.partner.merge(1001, into)
    world.later(minutes=1)
    world.pull()
    pair = world.pair_of(number)
    assert pair is not None
    assert (pair.their_id, pair.their_number, pair.moved_from) == ("1002", "291002", "291001")
    assert sorted(comments(world, number)) == ["A splice", "It is known."]
    world.do(comment_ticket, number, "Thanks")
    world.deliver()
    world.partner.comment(into, "Welcome")
    world.read("1002")
    assert bodies(world, into)[-2].startswith("Thanks")
    assert comments(world, number)[-2:] == ["Thanks", "Welcome"]


def test_what_was_written_on_the_old_ticket_after_a_merge_is_written_again(world: World) -> None:
    (number,) = paired(world, "One")
    into = world.partner.open("The same", "It is known.", group="Users")
    world.do(comment_ticket, number, "Before")
    world.deliver()
    world.partner.merge(1001, into)
    world.do(comment_ticket, number, "After it")
    world.deliver()
    assert len(bodies(world, 1001)) == 1  # nobody reads it there
    world.later(minutes=1)
    world.pull()
    world.deliver()
    world.read(str(into))
    said = [text.split("\n")[0] for text in bodies(world, into)]
    assert said == ["It is known.", "One", "Before", "After it"]
    assert comments(world, number).count("After it") == 1


def test_a_read_from_before_a_merge_changes_nothing_after_it(world: World) -> None:
    key = world.partner.open("Theirs", "It is down.", group="Network")
    world.read(str(key))
    with Session(world.engine) as session:
        pair = session.scalars(select(TicketPair)).one()
        number = pair.ticket_number
        connection = session.get_one(Connection, world.connection_id)
        system = world._open(world.context, session, connection)
    world.partner.comment(key, "On the old one")
    before = system.read(str(key))
    into = world.partner.open("The same", "It is known.", group="Users")
    world.partner.merge(key, into)
    with world.writing() as session:
        take_in(session, pair.id, system.read(str(key)), world.now)  # one worker follows it
    with world.writing() as session:  # another one comes with what it read before
        take_in(session, pair.id, before, world.now)
        assert take_new(session, world.connection_id, before, world.now) is None
    assert comments(world, number) == []
    world.read(str(into))
    assert sorted(comments(world, number)) == ["It is known.", "On the old one"]


def test_a_merge_into_the_counterpart_of_another_ticket_is_for_a_person(world: World) -> None:
    number, other = paired(world, "One", "Two")
    world.partner.comment(1001, "Only on the first")
    world.pull()
    world.partner.merge(1001, 1002)
    world.later(minutes=1)
    world.pull()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    assert pair.reason == f"Merged there into 1002, which is the pair of our #{other}"
    assert comments(world, number) == ["Only on the first"]
    assert comments(world, other) == []  # it is here already


def test_a_ticket_that_was_merged_before_its_creation_was_answered_is_found(
    world: World,
) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.partner.errs = Misbehaviour()
    left = ["fail_after"]

    def erring(path: str) -> str:
        return left.pop() if path == "/api/v1/tickets" and left else ""

    world.partner._erring = erring  # type: ignore[method-assign]
    world.deliver()
    assert list(world.partner.tickets) == [1001]
    into = world.partner.open("The same", "It is known.")
    world.partner.merge(1001, into)
    world.later(minutes=10)
    world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert (pair.state, pair.their_id) == (PairState.PAIRED, str(into))
    assert len(world.partner.tickets) == 2


# files


def test_files_go_there_and_come_here(world: World) -> None:
    (number,) = paired(world, "One")
    world.do(add_attachment, number, "trace.txt", b"traceroute")
    world.deliver()
    (sent,) = world.partner.tickets[1001].articles[1]["attachments"]
    assert (sent["filename"], world.partner._files[sent["id"]]) == ("trace.txt", b"traceroute")
    world.partner.attach(1001, "plot.txt", b"a plot", "See the plot")
    world.partner.attach(1001, "alone.txt", b"without a word")
    for _ in range(3):
        world.read("1001")
    with Session(world.engine) as session:
        found = attachments_of(session, world.operator().actor, number)
        names = [one.name for one in found]
    assert names == ["trace.txt", "plot.txt", "alone.txt"]
    assert comments(world, number) == ["See the plot"]
    world.deliver()
    assert len(world.partner.tickets[1001].articles) == 4


def test_a_file_of_a_new_ticket_of_theirs_comes_with_it(world: World) -> None:
    key = world.partner.open("Theirs", "See the plot", group="Network")
    world.partner.attach(key, "plot.txt", b"a plot", "and more")
    world.read(str(key))
    with Session(world.engine) as session:
        pair = session.scalars(select(TicketPair)).one()
        found = attachments_of(session, world.operator().actor, pair.ticket_number)
        assert [one.name for one in found] == ["plot.txt"]


@pytest.mark.parametrize("size", [2 * 1024 * 1024 + 1, 0])
def test_a_file_that_may_not_be_kept_is_said_and_its_text_comes(world: World, size: int) -> None:
    (number,) = paired(world, "One")
    world.partner.attach(1001, "huge.bin", b"x" * size, "See the dump")
    world.read("1001")
    world.read("1001")
    assert comments(world, number) == ["See the dump"]
    with Session(world.engine) as session:
        (entry,) = session.scalars(select(ExchangeEntry).where(ExchangeEntry.kind == "attachment"))
        assert (entry.state, json.loads(entry.content)) == ("recorded", {"file": "huge.bin"})
        assert ("2 MiB" if size else "empty") in entry.reason


def test_a_file_that_was_removed_before_it_was_sent_is_named(world: World) -> None:
    (number,) = paired(world, "One")
    world.partner.errs = Misbehaviour(refuse=1)
    world.do(add_attachment, number, "trace.txt", b"traceroute")
    world.deliver()
    with world.writing() as session:
        (found,) = attachments_of(session, world.operator().actor, number)
        remove_attachment(session, world.operator(), found.id)
    world.later(minutes=5)
    world.deliver()
    assert bodies(world, 1001)[1].startswith("The file trace.txt was removed before it was sent.")


# what a partner's ticket may hold


def test_hostile_texts_are_kept_as_texts_and_bounded(world: World) -> None:
    key = world.partner.open("T\x00itle " + "x" * 300, "a\x00b\ud800", group="Network")
    ticket = world.partner.tickets[key]
    ticket.articles[0]["from"] = "Author\x00" * 100
    ticket.number = "9" * 5000
    world.partner.comment(key, "<img src=x onerror=alert(1)>")
    world.pull()
    with Session(world.engine) as session:
        pair = session.scalars(select(TicketPair)).one()
        assert len(pair.their_number) == 100
        assert comments(world, pair.ticket_number) == ["<img src=x onerror=alert(1)>"]


def test_our_account_alone_marks_our_texts(world: World) -> None:
    (number,) = paired(world, "One")
    forged = f"We agree to everything\n\n(operator via LHCOPN#{number}/9)"
    world.partner.comment(1001, forged)
    world.partner.comment(1001, forged, by=PORTAL)  # our account there, by another program
    world.read("1001")
    assert comments(world, number) == [forged, forged]
