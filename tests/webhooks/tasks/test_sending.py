"""Messages of webhooks as a real receiver gets them: order, repeats, signatures, outages."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.logins import end_other_logins
from app.accounts.services.partners import disable_account, find_account
from app.accounts.services.people import disable_user, enable_user, find_user
from app.core.adapters import outbound
from app.core.database.transactions import transaction
from app.home.services.tidying import Retention, tidy
from app.mail.models.mails import Mail
from app.webhooks.models.webhooks import WebhookDelivery, WebhookSecret
from app.webhooks.services import webhooks as verbs
from app.webhooks.services.webhooks import Subscription
from app.webhooks.tasks.sending import TURN, WebhookSender
from tests.cast import writer
from tests.harness.server import TEST_SECRET
from tests.webhooks.receiver import SILENCE, TAKEN, Answer, Receiver, is_signed, receiving
from tests.webhooks.seeded import EVERY, OUTSIDE
from tests.webhooks.world import PORTAL, World

DOWN: Answer = (503, {}, b"in maintenance")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def world(session: Session) -> World:
    return World(session)


def test_a_message_says_what_changed_and_where_to_read_on(world: World, receiver: Receiver) -> None:
    world.subscribe(receiver.url)
    number = world.ticket()
    world.now += timedelta(minutes=1)
    world.change(number, state="in progress", public_comment="On it")
    world.deliver()
    created, moved = receiver.messages
    assert created["type"] == "ticket.created"
    assert moved == {
        "id": receiver.got[1][0]["webhook-id"],
        "type": "ticket.state",
        "timestamp": "2013-03-06T12:01:00.000Z",
        "data": {
            "cursor": created["data"]["cursor"] + 1,
            "number": number,
            "version": 2,
            "page": f"{PORTAL}/tickets/{number}",
            "resource": f"{PORTAL}/api/v1/tickets/{number}",
            "author": "operator",
            "own": False,
            "fields": [
                {"field": "state", "old": "new", "new": "in progress"},
                {"field": "public_comment", "old": None, "new": "On it"},
            ],
        },
    }
    assert receiver.got[0][0]["content-type"] == "application/json"


def test_only_chosen_kinds_of_chosen_tickets_are_told(world: World, receiver: Receiver) -> None:
    """The kinds are those of what is seen; no state means any, and the filter is that of lists."""
    world.subscribe(
        receiver.url,
        kinds=("ticket.state", "ticket.commented"),
        filter=f"{PORTAL}/tickets?category=maintenance&site=GRIDKA&sort=number",
    )
    other = world.ticket(category="maintenance", sites=("ES-PIC",))
    mine = world.ticket(category="maintenance", sites=("DE-KIT",))
    for number in (other, mine):
        world.comment(number, "Begins at noon")
        world.change(number, priority="urgent")
        world.change(number, state="solved", solution="Done")
    world.deliver()
    told = [(one["data"]["number"], one["type"]) for one in receiver.messages]
    assert told == [(mine, "ticket.commented"), (mine, "ticket.state")]


def test_what_came_before_it_was_created_is_not_told(world: World, receiver: Receiver) -> None:
    """Though no worker has looked at that yet."""
    world.ticket()
    world.subscribe(receiver.url)
    after = world.ticket()
    world.deliver()
    assert [one["data"]["number"] for one in receiver.messages] == [after]


def test_internal_text_and_contacts_never_leave(world: World, receiver: Receiver) -> None:
    """An operator is told that there is something internal, and reads it here; a reader is not."""
    world.subscribe(receiver.url)
    world.subscribe(receiver.url, world.cast.reader)
    number = world.ticket(submitter_mail="jane@noc.example", carbon_copy="joe@noc.example")
    world.comment(number, "The contract is not paid", internal=True)
    world.deliver()
    assert [one["type"] for one in receiver.messages] == [
        *("ticket.created", "ticket.commented"),
        "ticket.created",
    ]
    assert receiver.messages[1]["data"]["fields"] == [{"field": "internal_comment"}]
    sent = b"".join(body for _headers, body in receiver.got)
    assert b"contract" not in sent
    assert b"@noc.example" not in sent
    assert {"field": "carbon_copy"} in receiver.messages[0]["data"]["fields"]


def test_a_partner_is_told_of_what_its_account_may_read(world: World, receiver: Receiver) -> None:
    world.subscribe(receiver.url, world.cast.admin, account="nren_a")
    world.ticket()
    own = world.ticket(world.cast.nren_a)
    world.deliver()
    (message,) = receiver.messages
    assert (message["data"]["number"], message["data"]["own"]) == (own, True)


def test_messages_about_a_ticket_come_in_their_order_whatever_fails(
    world: World, receiver: Receiver
) -> None:
    """One that always fails holds up its own ticket only; each attempt has the same id."""
    key, _secret = world.subscribe(receiver.url)
    bad, good = world.ticket(title="Bad"), world.ticket(title="Good")
    for number in (bad, good):
        for text in ("one", "two"):
            world.comment(number, text)
    receiver.answer = lambda said: (500, {}, b"") if said["data"]["number"] == bad else TAKEN
    world.deliver()

    def versions(number: int) -> list[int]:
        told = (one["data"] for one in receiver.messages)
        return [one["version"] for one in told if one["number"] == number]

    assert (versions(bad), versions(good)) == ([1], [1, 2, 3])
    for _second in range(60):
        world.deliver(timedelta(seconds=1))
    tries = len(versions(bad))
    assert versions(bad) == [1] * tries
    receiver.answer = lambda _said: TAKEN
    world.deliver(timedelta(hours=1))
    assert versions(bad) == [1] * (tries + 1) + [2, 3]
    of_bad = [one for one in receiver.messages if one["data"]["number"] == bad]
    assert len({one["id"] for one in of_bad}) == 3
    assert {one.state for one in world.deliveries(key)} == {"delivered"}
    assert receiver.at_once == 1


def test_both_secrets_sign_while_they_are_changed(world: World, receiver: Receiver) -> None:
    key, first = world.subscribe(receiver.url)
    number = world.ticket()
    world.deliver()
    by = writer(world.cast.operator)
    with transaction(world.session):
        second = verbs.add_secret(world.session, by, key, TEST_SECRET.encode())
    world.comment(number, "while there are two")
    world.deliver()
    with transaction(world.session):
        older = world.session.scalars(select(func.min(WebhookSecret.id))).one()
        verbs.end_secret(world.session, by, key, older)
    world.comment(number, "afterwards")
    world.deliver()
    assert [(is_signed(*one, first), is_signed(*one, second)) for one in receiver.got] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    altered = receiver.got[0][1].replace(b"Link", b"Lynk")
    assert not is_signed(receiver.got[0][0], altered, first)
    stored = world.session.scalars(select(WebhookSecret.sealed)).all()
    assert not any(secret[6:] in text for secret in (first, second) for text in stored)


def test_ten_minutes_of_outage_lose_nothing(world: World, receiver: Receiver) -> None:
    """The receiver is asked by one message at a time, after 5 s, 30 s, 2 min and 10 min; then all
    arrive, each once more at most, in their order."""
    key, _secret = world.subscribe(receiver.url)
    receiver.answer = lambda _said: SILENCE
    numbers = [world.ticket(title=f"Ticket {count}") for count in range(20)]
    world.deliver()
    tries = [(timedelta(0), len(receiver.got))]
    for _second in range(0, 600, 5):
        world.deliver(timedelta(seconds=5))
        if len(receiver.got) != tries[-1][1]:
            tries.append((world.now - tries[0][0] - world.deliveries(key)[0].created_at, 0))
            tries[-1] = (tries[-1][0], len(receiver.got))
    assert [count for _at, count in tries] == [1, 2, 3, 4]
    assert [at.total_seconds() for at, _count in tries] == [0, 5, 35, 155]
    for number in numbers:
        world.comment(number, "during the outage")
    receiver.answer = lambda _said: TAKEN
    world.deliver(timedelta(minutes=10))
    ok = receiver.messages[4:]
    assert len(ok) == 40
    for number in numbers:
        assert [one["type"] for one in ok if one["data"]["number"] == number] == [
            "ticket.created",
            "ticket.commented",
        ]
    assert len({one["id"] for one in receiver.messages}) == 40
    assert world.webhook(key).failing_since is None


def test_a_receiver_says_when_to_come_again(world: World, receiver: Receiver) -> None:
    world.subscribe(receiver.url)
    receiver.answer = lambda _said: (429, {"Retry-After": "120"}, b"")
    world.ticket()
    world.deliver()
    world.deliver(timedelta(seconds=119))
    assert len(receiver.got) == 1
    world.deliver(timedelta(seconds=1))
    assert len(receiver.got) == 2


def test_after_a_week_of_failures_it_is_switched_off_and_on_again(
    world: World, receiver: Receiver
) -> None:
    """What is not older than a week is sent then; what is older was given up."""
    key, _secret = world.subscribe(receiver.url)
    receiver.answer = lambda _said: DOWN
    world.ticket()
    world.deliver()
    for _hour in range(24 * 7 + 1):
        world.deliver(timedelta(hours=1))
    assert world.webhook(key).off_why == "failures"
    assert world.webhook(key).off_at is not None
    mail = world.session.scalars(select(Mail).order_by(Mail.id.desc())).first()
    assert mail is not None
    assert mail.message is not None
    assert mail.address == "operator@people.example"
    assert mail.message.subject == "Your webhook “Display” was switched off"
    assert mail.message.url == f"/webhooks/{key}"
    tried, receiver.answer = len(receiver.got), lambda _said: TAKEN
    late = world.ticket()
    world.deliver(timedelta(days=1))
    assert len(receiver.got) == tried
    with transaction(world.session):
        verbs.switch_on(world.session, writer(world.cast.operator, world.now), key)
    world.deliver()
    assert [one["data"]["number"] for one in receiver.messages[tried:]] == [late]
    assert [one.state for one in world.deliveries(key)] == ["given up", "delivered"]
    assert world.deliveries(key)[0].failure == "too old"


def test_gone_ends_it_at_once(world: World, receiver: Receiver) -> None:
    key, _secret = world.subscribe(receiver.url)
    receiver.answer = lambda _said: (410, {}, b"")
    world.ticket()
    world.deliver()
    assert world.webhook(key).off_why == "gone"


def test_rights_are_looked_at_when_it_is_sent(world: World, receiver: Receiver) -> None:
    """Between planning and sending the person was disabled, the partner's account as well."""
    mine, _ = world.subscribe(receiver.url, world.cast.reader)
    theirs, _ = world.subscribe(receiver.url, world.cast.admin, account="ggus")
    receiver.answer = lambda _said: DOWN
    world.ticket()
    world.deliver()
    count = len(receiver.got)
    assert count == 2
    by = writer(world.cast.admin)
    with transaction(world.session):
        disable_user(world.session, by, find_user(world.session, "reader"))
        disable_account(world.session, by, find_account(world.session, "ggus"))
    receiver.answer = lambda _said: TAKEN
    world.ticket()
    world.deliver(timedelta(hours=2))
    assert len(receiver.got) == count
    assert [one.state for one in world.deliveries(theirs)] == ["dropped"]
    assert world.webhook(theirs).off_why == "owner"
    assert world.webhook(mine).off_why == "sessions"
    with transaction(world.session):
        enable_user(world.session, by, find_user(world.session, "reader"))
    world.deliver(timedelta(hours=2))
    assert len(receiver.got) == count


def test_what_was_taken_back_is_not_sent(world: World, receiver: Receiver) -> None:
    """A partner's access is narrowed while a message waits."""
    key, _ = world.subscribe(receiver.url, world.cast.admin, account="ggus")
    receiver.answer = lambda _said: DOWN
    world.ticket()
    world.deliver()
    with transaction(world.session):
        find_account(world.session, "ggus").access = "own"
    world.deliver(timedelta(minutes=1))
    assert len(receiver.got) == 1
    (delivery,) = world.deliveries(key)
    assert (delivery.state, delivery.failure, delivery.attempts) == ("dropped", "no right", 1)


def test_ended_sessions_switch_off_what_a_thief_may_have_made(
    world: World, receiver: Receiver
) -> None:
    key, _ = world.subscribe(receiver.url, world.cast.kit)
    theirs, _ = world.subscribe(receiver.url, world.cast.admin, account="ggus")
    by = writer(world.cast.admin)
    with transaction(world.session):
        end_other_logins(world.session, by, find_user(world.session, "kit"), "")
        end_other_logins(world.session, by, find_user(world.session, "admin"), "")
    assert world.webhook(key).off_why == "sessions"
    assert world.webhook(theirs).off_at is None


@pytest.mark.parametrize(
    ("answer", "failure", "status"),
    [
        ((302, {"Location": "http://127.0.0.1/other"}, b""), "redirect", 302),
        ((200, {}, b"x" * 10_000_000), "answer too large", None),
        ((500, {}, b"\x00\xffTraceback"), "status", 500),
    ],
)
def test_an_answer_that_is_none(
    world: World, receiver: Receiver, answer: Answer, failure: str, status: int | None
) -> None:
    key, _ = world.subscribe(receiver.url)
    receiver.answer = lambda _said: answer
    world.ticket()
    world.deliver()
    (delivery,) = world.deliveries(key)
    assert (delivery.state, delivery.failure, delivery.status) == ("waiting", failure, status)
    assert len(delivery.answered) <= 1000
    assert len(receiver.got) == 1


def test_a_name_that_means_an_address_inside_is_called_by_nobody(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it meant a public one before (DNS rebinding). What was found is not told."""
    key, _ = world.subscribe(receiver.url.replace("127.0.0.1", "hook.example"))
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, **_more: [(2, 1, 6, "", ("127.0.0.1", port))],
    )
    world.ticket()
    world.deliver()
    (delivery,) = world.deliveries(key)
    assert (delivery.failure, delivery.answered, delivery.status) == ("no connection", "", None)
    assert receiver.got == []


def test_one_that_never_answers(world: World, receiver: Receiver) -> None:
    def never(*_: Any) -> outbound.Answer:
        raise outbound.OutboundError("longer than 10 s", is_sent=True)

    key, _ = world.subscribe(receiver.url)
    world.ticket()
    world.sender = WebhookSender(world.context, never)
    world.deliver()
    (delivery,) = world.deliveries(key)
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert delivery.failure == "broken answer"  # it took no time here


def test_a_slow_receiver_holds_up_nobody_else(world: World) -> None:
    with receiving() as slow, receiving() as fast:
        is_there, may_end, arrived = threading.Event(), threading.Event(), threading.Event()

        def wait(_said: dict[str, Any]) -> Answer:
            is_there.set()
            may_end.wait(30)
            return TAKEN

        def note(_said: dict[str, Any]) -> Answer:
            arrived.set()
            return TAKEN

        slow.answer, fast.answer = wait, note
        world.subscribe(slow.url, name="slow")
        world.ticket()
        world.deliver_by_lanes()
        assert is_there.wait(30)
        key, _ = world.subscribe(fast.url, name="fast")
        world.ticket()
        world.deliver_by_lanes()
        assert arrived.wait(30)
        assert len(slow.got) == 1
        may_end.set()
        assert world.sender.join(30)
        assert [one.state for one in world.deliveries(key)] == ["delivered"]
        assert len(slow.got) == 2


def test_whoever_died_in_the_middle_is_followed_by_another(
    world: World, receiver: Receiver
) -> None:
    """The message was taken and nobody noted it: it comes again, under the same id."""

    class Killed(BaseException):
        pass

    def dies(*asked: Any) -> outbound.Answer:
        outbound.ask(*asked)
        raise Killed

    key, _ = world.subscribe(receiver.url)
    world.ticket()
    world.sender = WebhookSender(world.context, dies)
    with pytest.raises(Killed):
        world.deliver()
    world.sender = WebhookSender(world.context)
    world.deliver(timedelta(seconds=29))
    assert len(receiver.got) == 1
    world.deliver(timedelta(seconds=1))
    assert len(receiver.got) == 2
    assert len({one["id"] for one in receiver.messages}) == 1
    assert [one.state for one in world.deliveries(key)] == ["delivered"]


def test_one_that_lost_its_claim_notes_nothing(world: World, receiver: Receiver) -> None:
    """A worker hung for longer than its claim; another one has sent it meanwhile."""
    key, _ = world.subscribe(receiver.url)
    world.ticket()
    other = WebhookSender(world.context)

    def hangs(*asked: Any) -> outbound.Answer:
        world.now += timedelta(minutes=10)
        assert other.drain()
        return outbound.Answer(500, {}, b"")

    world.sender = WebhookSender(world.context, hangs)
    world.deliver()
    assert [one.state for one in world.deliveries(key)] == ["delivered"]
    assert world.webhook(key).failures == 0


def test_a_turn_ends_so_that_others_come_in_between(world: World) -> None:
    with receiving() as busy, receiving() as other:
        order: list[str] = []

        def note(name: str) -> Answer:
            world.now += timedelta(milliseconds=1)
            order.append(name)
            return TAKEN

        busy.answer, other.answer = lambda _said: note("busy"), lambda _said: note("other")
        world.subscribe(busy.url)
        number = world.ticket()
        for count in range(TURN + 20):
            world.comment(number, f"Comment {count}")
        world.subscribe(other.url)
        world.comment(number, "the last one")
        world.deliver()
        assert len(order) == TURN + 23
        assert order.index("other") == TURN


def test_a_test_and_sending_again_do_not_wait(world: World, receiver: Receiver) -> None:
    key, _ = world.subscribe(receiver.url)
    by = writer(world.cast.operator)
    receiver.answer = lambda _said: DOWN
    world.ticket()
    world.deliver()
    receiver.answer = lambda _said: TAKEN
    with transaction(world.session):
        verbs.send_test(world.session, by, key)
    world.deliver()
    assert receiver.messages[1]["type"] == "webhook.test"
    assert receiver.messages[1]["data"] == {"webhook": "Display"}
    (first, _test) = world.deliveries(key)
    assert first.state == "waiting"
    for _time in range(2):
        with transaction(world.session):
            verbs.send_again(world.session, by, key, first.id)
        world.deliver()
    assert [one["id"] for one in receiver.messages if one["type"] == "ticket.created"] == [
        first.key
    ] * 3


def test_a_new_address_is_tried_at_once(world: World, receiver: Receiver) -> None:
    key, _ = world.subscribe("http://127.0.0.1:9/nobody")
    world.ticket()
    world.deliver()
    assert world.webhook(key).failures == 1
    with transaction(world.session):
        wanted = Subscription("Display", receiver.url, EVERY)
        verbs.change_webhook(
            world.session, writer(world.cast.operator), key, wanted, OUTSIDE.private_hosts
        )
    world.deliver(timedelta(seconds=5))
    assert len(receiver.got) == 1


def test_old_messages_are_deleted_after_a_month(world: World, receiver: Receiver) -> None:
    key, _ = world.subscribe(receiver.url)
    number = world.ticket()
    world.deliver()
    world.now += timedelta(days=29)
    world.comment(number, "later")
    world.deliver()
    keep = timedelta(days=90)
    world.now += timedelta(days=1)
    with transaction(world.session):
        tidied = tidy(world.session, world.now, Retention(*[keep] * 5))
    assert tidied.rows["webhook messages"] == 1
    assert [one.kind for one in world.deliveries(key)] == ["ticket.commented"]


@pytest.mark.timeout(1200)  # three commits for each message, on a disk that others use, too
def test_ten_thousand_that_wait_are_sent_in_their_order(world: World, receiver: Receiver) -> None:
    """As after an outage: 1,000 messages about each of ten tickets."""
    key, _ = world.subscribe(receiver.url)
    numbers = [world.ticket(title=f"Ticket {count}") for count in range(10)]
    world.deliver()
    template = world.deliveries(key)[0]
    begun = len(receiver.got)
    with transaction(world.session):
        world.session.execute(
            WebhookDelivery.__table__.insert(),  # type: ignore[attr-defined]
            [
                {
                    "webhook_id": key,
                    "key": f"msg_{count}",
                    "kind": "ticket.commented",
                    "change_id": template.change_id,
                    "ticket_number": numbers[count % 10]
                    if count < 5_000
                    else 100_000 + count % 990,
                    "created_at": world.now,
                    "waits_since": world.now,
                    "state": "waiting",
                    "due_at": world.now,
                    "attempts": 0,
                    "failure": "",
                    "asked": "",
                    "answered": "",
                    "milliseconds": 0,
                }
                for count in range(10_000)
            ],
        )
        world.webhook_in_transaction(key).due_at = world.now
    world.deliver()
    ids = [json.loads(body)["id"] for _headers, body in receiver.got[begun:]]
    assert ids == [f"msg_{count}" for count in range(10_000)]
    assert receiver.at_once == 1
