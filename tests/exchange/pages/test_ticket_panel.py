"""What the page of a ticket shows of its partners, and what is done from there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Profile, ValueRow
from app.exchange.rules.settle import Base, as_stored, not_set
from app.exchange.services.connections.connections import set_profile
from app.tickets.models.tickets import Ticket
from tests.cast import NOON, SYSTEM, Cast
from tests.exchange.seeded import plan_all, seed_connection, seed_pair, seed_unpaired
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open


def test_without_a_connection_there_is_no_panel(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    assert "h-exchange" not in visit(cast.operator).get(f"/tickets/{number}").text


def test_an_operator_shares_a_ticket_with_a_click(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_connection(session, "NREN-A")
        seed_connection(session, "NREN-B", direction="pull")
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}")
    assert "Send to NREN-A" in page.text
    assert "Send to NREN-B" not in page.text
    data = page.form("/exchange/1/share").data()
    data.pop("csrf_token")
    for _turn in range(2):
        assert visitor.send("/exchange/1/share", data).status_code == 303
    assert len(session.scalars(select(TicketPair)).all()) == 1
    session.rollback()
    text = visitor.read(f"/tickets/{number}").text
    assert "Send to NREN-A" not in text
    assert "not created yet" in text
    assert "queued" in text
    of_kit = visit(cast.kit).read(f"/tickets/{number}").text
    assert "Send to" not in of_kit
    assert "Share with" not in of_kit


def test_a_second_ticket_there_is_said_and_left_with_a_reason(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        pair = seed_pair(session, "NREN-A", number).read(datetime.now(UTC)).pair
        row = seed_unpaired(session, pair.connection, number).id
        seed_unpaired(session, pair.connection, 999_999)
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}")
    assert "second ticket" in page.text
    assert "but the exchange uses another one" in page.text
    assert ("https://helpdesk.example.org/#ticket/zoom/9000", "299000") in page.links
    assert "299001" not in page.text
    reader = visit(cast.reader).read(f"/tickets/{number}")
    assert "second ticket" in reader.text
    assert not reader.has_form(f"/exchange/unpaired/{row}/leave")
    assert ("/exchange", "2 exchanged tickets need review") in visitor.read("/").links
    for path in ("/exchange", "/exchange/1"):
        text = visitor.read(path).text
        assert "299000" in text
        assert "299001" in text
        assert "None." not in text.partition("Failed exchanges")[2].partition("Tickets without")[0]
    refused = visitor.send(f"/exchange/unpaired/{row}/leave", {"reason": " "})
    assert refused.status_code == 422
    answer = visitor.send(f"/exchange/unpaired/{row}/leave", {"reason": "Closed there"})
    assert answer.status_code == 303
    assert "second ticket" not in visitor.read(f"/tickets/{number}").text
    assert "1 exchanged ticket needs review" in visitor.read("/").text
    assert visitor.send("/exchange/unpaired/77/leave", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize("bad", ["", "x", "9" * 30])
def test_a_form_that_names_no_ticket_is_refused(
    session: Session, cast: Cast, visit: Enter, bad: str
) -> None:
    with transaction(session):
        seed_connection(session, "NREN-A")
    answer = visit(cast.operator).send("/exchange/1/share", {"ticket": bad})
    assert answer.status_code == 422
    assert visit(cast.operator).send("/exchange/1/share", {"ticket": "999"}).status_code == 404


def test_both_numbers_stand_beside_each_other(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_pair(session, "NREN-A", number).read(datetime.now(UTC))
    for actor in (cast.operator, cast.kit, cast.reader):
        page = visit(actor).read(f"/tickets/{number}")
        link = "https://helpdesk.example.org/#ticket/zoom/4711"
        assert (link, "2013030648000012") in page.links
        assert f"our #{number}" in page.text
        assert "in step" in page.text


def test_an_operator_reads_why_a_text_was_left_out(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seeded = seed_pair(session, "NREN-A", number).read(datetime.now(UTC))
        content = {"text": "We dig"}
        left = seeded.entry(Origin.OURS, EntryKind.COMMENT, content, EntryState.SKIPPED)
        left.reason = "It has passed 5 systems already"
    for actor, shown in ((cast.operator, True), (cast.reader, False)):
        page = visit(actor).read(f"/tickets/{number}")
        assert "1 text or file was not sent" in page.text
        assert (f"comment {left.sequence}: It has passed 5 systems already" in page.text) is shown
        assert "in step" not in page.text


def test_what_differs_is_named_and_what_is_not_known_is_not_in_step(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        pair = seed_pair(session, "NREN-A", number).known().pair

    def seen() -> str:
        text = visit(cast.reader).read(f"/tickets/{number}").text
        assert "in step" not in text
        return text

    assert "not compared their ticket has not been read" in seen()
    maps = {"state": (ValueRow("solved", "closed"),), "priority": (ValueRow("urgent", "3 high"),)}
    with transaction(session):
        set_profile(session, SYSTEM, pair.connection, Profile(maps=maps).as_json())
        pair.read_at = pair.connection.read_at = datetime.now(UTC)
        pair.their_values = '{"state": "<i>closed</i>"}'
    text = seen()
    assert "State: ours new, theirs <i>closed</i>" in text
    assert "Priority: not compared" in text
    with transaction(session):
        pair.connection.paused_at = NOON
    assert "connection paused" in seen()
    with transaction(session):
        pair.connection.stopped_at = NOON
    assert "connection stopped" in seen()
    with transaction(session):
        pair.connection.stopped_at = None
        pair.state = "being created"
    text = seen()
    assert "waiting: the connection is paused" in text
    assert "connection paused" not in text


def test_a_value_that_was_not_set_there_is_named_where_nothing_is_read(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        pair = seed_pair(session, "NREN-A", number).known().pair
        pair.connection.direction = "push"
        maps = {"state": (ValueRow("new", "new"), ValueRow("assigned", "open"))}
        set_profile(session, SYSTEM, pair.connection, Profile(maps=maps).as_json())
        pair.bases = as_stored({"state": not_set(Base("assigned", "open"), "new")})
    for person in (cast.operator, cast.reader):
        text = visit(person).read(f"/tickets/{number}").text
        assert "not compared this connection does not read" in text
        assert "State: new was not set in their ticket" in text
        assert "in step" not in text
    with transaction(session):
        pair.bases = as_stored({"state": Base("new", "new")})
    assert "was not set in their ticket" not in visit(cast.operator).read(f"/tickets/{number}").text


def test_why_it_failed_is_for_operators(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_pair(session, "NREN-A", number).waiting()
    page = visit(cast.operator).read(f"/tickets/{number}")
    assert "body is missing" in page.text
    assert "comment queued" in page.text
    assert page.has_form("/exchange/pairs/1/again")
    page = visit(cast.kit).read(f"/tickets/{number}")
    assert "body is missing" not in page.text
    assert not page.has_form("/exchange/pairs/1/again")


def test_two_values_are_shown_and_one_is_chosen(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(priority="urgent")
    with transaction(session):
        pair = seed_pair(session, "NREN-A", number).read(datetime.now(UTC))
        asked = pair.asked("priority", "top priority").id
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}")
    assert "ours urgent theirs top priority" in page.text
    form = page.form(f"/exchange/entries/{asked}/choose").data()
    form.pop("csrf_token")
    for bad in ("", "both"):
        assert visitor.send(f"/exchange/entries/{asked}/choose", {"value": bad}).status_code == 422
    answer = visitor.send(f"/exchange/entries/{asked}/choose", {**form, "value": "theirs"})
    assert answer.location == f"/tickets/{number}#h-exchange"
    assert session.get_one(Ticket, number).priority == "top priority"
    assert session.get_one(ExchangeEntry, asked).state == EntryState.APPLIED
    with transaction(session):
        plan_all(session, datetime.now(UTC))
    assert "in step" in visitor.read(f"/tickets/{number}").text


def test_a_choice_that_is_not_allowed_is_said(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        asked = seed_pair(session, "NREN-A", number).asked("state", "verified").id
    answer = visit(cast.operator).send(f"/exchange/entries/{asked}/choose", {"value": "theirs"})
    assert answer.status_code == 422
    assert "Nothing was changed" in PageReader(answer.text).text
    assert session.get_one(Ticket, number).state == "new"


def test_a_paused_connection_collects(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_connection(session, "NREN-A", paused=True)
    visitor = visit(cast.operator)
    visitor.send("/exchange/1/share", {"ticket": str(number)})
    assert session.get_one(Connection, 1).paused_at is not None
    assert session.scalars(select(TicketPair)).one().ticket_number == number


def test_an_operator_ends_an_exchange_and_begins_it_again(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_pair(session, "NREN-A", number).waiting()
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}")
    form = page.form("/exchange/pairs/1/end").data()
    form.pop("csrf_token")
    for bad in ("", "   ", "x" * 256):
        answer = visitor.send("/exchange/pairs/1/end", {**form, "reason": bad})
        assert answer.status_code == 422
    answer = visitor.send("/exchange/pairs/1/end", {**form, "reason": "We do not <share> this"})
    assert answer.location == f"/tickets/{number}#h-exchange"
    page = visitor.read(f"/tickets/{number}")
    assert "exchange ended" in page.text
    assert "Ended by operator" in page.text
    assert "We do not <share> this" in page.text
    for path in ("again", "end"):
        assert not page.has_form(f"/exchange/pairs/1/{path}")
    assert "needs review" not in visitor.read("/").text
    assert "We do not <share> this" not in visitor.read("/exchange").text
    seen = visit(cast.reader).read(f"/tickets/{number}")
    assert "exchange ended" in seen.text
    assert "We do not <share> this" not in seen.text
    assert not seen.has_form("/exchange/pairs/1/resume")
    form = page.form("/exchange/pairs/1/resume").data()
    form.pop("csrf_token")
    visitor.send("/exchange/pairs/1/resume", form)
    assert "queued" in visitor.read(f"/tickets/{number}").text
    assert visitor.send("/exchange/pairs/999/end", {"reason": "x"}).status_code == 404
