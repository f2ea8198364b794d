"""Pages of mails: the operators' list, what one chooses, watching, and links that stop mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.transactions import transaction
from app.mail.models.mails import Mail, MailStop
from app.mail.rules.notifications import stop_token
from app.mail.services.queue import claim_mails, mark_failed
from app.tickets.models.watchers import TicketWatcher
from tests.cast import NOON, PASSWORD, Cast
from tests.harness.databases import fresh_database
from tests.harness.server import TEST_SECRET
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.mails import changed, enter_with_mails, opened, plan


@pytest.fixture
def database() -> Iterator[str]:
    """SQLite: pages ask the database nothing special."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


@pytest.fixture
def failed(session: Session, cast: Cast) -> Mail:
    """A mail about ticket 1 that the server refused."""
    opened(session, cast.kit, title="Fibre <b>cut</b>", carbon_copy="gone@cc.example")
    (mail,) = plan(session)
    with transaction(session):
        claim_mails(session, NOON, NOON)
        mark_failed(session, mail.id, NOON, "550 <gone@cc.example>: no such user")
    return mail


def stop_path(mail: Mail) -> str:
    return f"/unsubscribe/{stop_token(TEST_SECRET.encode(), mail.id, mail.address_key)}"


def test_operators_see_what_failed_and_try_it_again(
    session: Session, cast: Cast, visit: Enter, failed: Mail
) -> None:
    visitor = visit(cast.operator)
    for path in ("/mails?state=failed", "/mails?q=GONE@", "/mails?q=%231", "/mails"):
        assert "550 <gone@cc.example>: no such user" in visitor.read(path).text, path
    for path in ("/mails?state=sent", "/mails?q=%25", "/mails?q=2", "/mails?before=1"):
        assert "gone@cc.example" not in visitor.read(path).text, path
    ticket = visitor.read("/tickets/1").text
    assert "Not delivered gone@cc.example : 550 <gone@cc.example>: no such user" in ticket
    assert "Not delivered" not in visit(cast.kit).read("/tickets/1").text
    page = visitor.read(f"/mails/{failed.id}")
    assert "kit created this ticket." in page.text
    assert "because you are in carbon copy" in page.text
    assert stop_path(failed) not in page.text, "an operator is not who got it"
    answer = visitor.send(f"/mails/{failed.id}/again", {})
    assert answer.status_code == 303
    session.rollback()
    assert (failed.state, failed.attempts) == ("waiting", 1)
    assert failed.due_at is not None
    with transaction(session):
        failed.state, failed.due_at = "sent", None
    refused = visitor.send(f"/mails/{failed.id}/again", {})
    assert refused.status_code == 422
    assert "this one is sent" in refused.text


def test_a_mail_that_a_worker_has_is_being_sent(
    session: Session, cast: Cast, visit: Enter, failed: Mail
) -> None:
    """A person cannot send it a second time; when the claim ends without a result, it waits."""
    visitor, path = visit(cast.operator), f"/mails/{failed.id}"
    with transaction(session):
        failed.state, failed.due_at = "waiting", datetime.now(UTC)
        failed.claimed_until = datetime.now(UTC) + timedelta(minutes=1)
    for page in (visitor.read("/mails?state=waiting"), visitor.read(path)):
        assert "being sent" in page.text
    assert "Try again" not in visitor.read(path).text
    refused = visitor.send(f"{path}/again", {})
    assert refused.status_code == 422
    assert "this one is being sent" in refused.text
    with transaction(session):
        failed.claimed_until = datetime.now(UTC)
    assert "being sent" not in visitor.read(path).text
    assert visitor.send(f"{path}/again", {}).status_code == 303


def test_all_that_a_server_refused_are_tried_again_at_once(
    session: Session, cast: Cast, visit: Enter, failed: Mail
) -> None:
    """It may have refused whatever came, because a setting was wrong."""
    opened(session, cast.kit, carbon_copy="other@cc.example")
    visitor = visit(cast.operator)
    assert "again" not in visitor.read("/mails?state=failed").text, "one has a button of its own"
    (other,) = plan(session)
    with transaction(session):
        claim_mails(session, NOON, NOON)
        mark_failed(session, other.id, NOON, "554 Relay access denied")
    page = visitor.read("/mails?state=failed")
    assert "Retry all 2" in page.text
    answer = visitor.send("/mails/again", page.form("/mails/again").data())
    assert answer.status_code == 303
    assert "2 emails are queued again." in visitor.read("/mails?state=waiting").text
    session.rollback()
    session.expire_all()
    assert [mail.state for mail in (failed, other)] == ["waiting", "waiting"]
    assert visit(cast.kit).send("/mails/again", {}).status_code == 403


def test_a_mails_html_runs_nothing_and_loads_nothing(
    cast: Cast, visit: Enter, failed: Mail
) -> None:
    answer = visit(cast.operator).get(f"/mails/{failed.id}/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert policy.endswith("frame-ancestors 'none'; sandbox")
    assert "Fibre &lt;b&gt;cut&lt;/b&gt;" in answer.text
    assert stop_path(failed) not in answer.text


def test_addresses_that_are_none_are_shown_to_operators(
    session: Session, cast: Cast, visit: Enter
) -> None:
    opened(session, cast.ggus, submitter_mail="Ann Other", carbon_copy="ok@cc.example; nowhere")
    words = "Not notified, because not an email address: Ann Other, nowhere"
    assert words in visit(cast.operator).read("/tickets/1").text
    assert words not in visit(cast.kit).read("/tickets/1").text
    assert [mail.address for mail in plan(session)] == ["ok@cc.example"]


@pytest.mark.parametrize(
    "wrong", ["nowhere", "a@b@c.example", "a b@c.example", "ä@c.example", "a@-c"]
)
def test_what_is_no_address_is_refused_at_its_field(cast: Cast, visit: Enter, wrong: str) -> None:
    visitor = visit(cast.operator)
    answer = visitor.send("/profile/mail", {"mail": wrong, "password": PASSWORD})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert page.form("/profile/mail").values("mail") == [wrong]
    assert "such as noc@site.example" in " ".join(page.alerts)
    form = visitor.read("/tickets/new").form("/tickets/new").data()
    answer = visitor.send("/tickets/new", {**form, "title": "T", "carbon_copy": wrong})
    assert answer.status_code == 422
    assert PageReader(answer.text).form("/tickets/new").values("carbon_copy") == [wrong]


def test_a_person_chooses_and_watches(session: Session, cast: Cast, visit: Enter) -> None:
    number = opened(session, cast.operator, title="Watched by many")
    assert plan(session) == []
    visitor = visit(cast.reader)
    page = visitor.read(f"/tickets/{number}")
    form = page.form(f"/tickets/{number}/watch")
    assert form.data()["csrf_token"]
    assert visitor.send(f"/tickets/{number}/watch", {"watch": "perhaps"}).status_code == 422
    assert visitor.send(f"/tickets/{number}/watch", {"watch": "yes"}).status_code == 303
    assert "You get this ticket's updates by email." in visitor.read(f"/tickets/{number}").text
    assert "Watched by many" in visitor.read("/profile").text
    assert visitor.send("/profile/mails", {"choice": "digest"}).status_code == 303
    assert visitor.read("/profile").form("/profile/mails").values("choice") == ["digest"]
    assert visitor.send("/profile/mails", {"choice": "weekly"}).status_code == 422
    changed(session, cast.operator, number, public_comment="x")
    assert [(mail.address, mail.state) for mail in plan(session)] == [
        ("reader@people.example", "digest")
    ]
    assert visitor.send(f"/tickets/{number}/watch", {"watch": "no"}).status_code == 303
    session.rollback()
    assert session.scalars(select(TicketWatcher)).all() == []


def test_one_button_of_the_profile_ends_watching(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = opened(session, cast.operator, title="Odd ticket")
    visitor = visit(cast.reader)
    visitor.read(f"/tickets/{number}")
    visitor.send(f"/tickets/{number}/watch", {"watch": "yes"})
    form = visitor.read("/profile").form(f"/tickets/{number}/watch")
    sent = visitor.send(f"/tickets/{number}/watch", {"watch": "no", "back": form.values("back")[0]})
    assert (sent.status_code, sent.location) == (303, "/profile#mails")
    session.rollback()
    assert session.scalars(select(TicketWatcher)).all() == []
    page = visitor.read("/profile")
    assert f"You no longer watch ticket {number}." in page.text
    assert "Odd ticket" not in page.text


def test_who_watches_and_gets_no_mails_is_told_so(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = opened(session, cast.operator)
    visitor = visit(cast.reader)
    visitor.read(f"/tickets/{number}")
    visitor.send(f"/tickets/{number}/watch", {"watch": "yes"})
    for choice, words in (
        ("each", "You get this ticket's updates by email."),
        ("digest", "This ticket's updates are in your daily digest."),
        ("never", "You watch this ticket, but your notifications are off: change that ."),
    ):
        visitor.send("/profile/mails", {"choice": choice})
        assert words in visitor.read(f"/tickets/{number}").text
    visitor.send("/profile/mail", {"mail": "", "password": PASSWORD})
    words = "You watch this ticket, but you have no email address: add one ."
    assert words in visitor.read(f"/tickets/{number}").text


def test_who_comments_may_watch_at_once(session: Session, cast: Cast, visit: Enter) -> None:
    number = opened(session, cast.operator, sites=("DE-KIT",))
    visitor = visit(cast.kit)
    path = f"/tickets/{number}/comment"
    assert "watch" in visitor.read(f"/tickets/{number}").form(path).names
    sent = visitor.send(path, {"kind": "public", "text": "Here", "watch": "yes"})
    assert sent.status_code == 303
    assert "watch" not in visitor.read(f"/tickets/{number}").form(path).names
    session.rollback()
    assert [row.user_id for row in session.scalars(select(TicketWatcher))] == [cast.kit.account_id]


def test_a_mail_client_stops_mails_with_one_post(
    session: Session, cast: Cast, visit: Enter, failed: Mail
) -> None:
    path = stop_path(failed)
    nobody = visit(cast.operator).client.application
    client = Visitor(nobody).client
    asked = client.get(path)
    assert asked.status_code == 200
    assert (
        "Notifications about tickets, reports and meetings go to gone@cc.example"
        in PageReader(asked.text).text
    )
    assert session.scalars(select(MailStop)).all() == [], "looking stops nothing"
    session.rollback()
    # RFC 8058: no cookie, no token of ours, no login
    done = Visitor(nobody).client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert [row.address_key for row in session.scalars(select(MailStop))] == ["gone@cc.example"]
    session.rollback()
    opened(session, cast.kit, carbon_copy="Gone@cc.example")
    assert plan(session) == []
    page = PageReader(client.get(path).text)
    back = client.post(f"{path}/undo", data=page.form(f"{path}/undo").data())
    assert "Notifications are on again." in back.text
    session.rollback()
    assert session.scalars(select(MailStop)).all() == []
    assert Visitor(nobody).client.post(f"{path}x").status_code == 404


def test_a_persons_link_turns_the_persons_mails_off(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = opened(session, cast.kit)
    changed(session, cast.operator, number, public_comment="x")
    (mail,) = plan(session)
    visitor = Visitor(visit(cast.operator).client.application)
    visitor.client.post(stop_path(mail), data={"List-Unsubscribe": "One-Click"})
    session.rollback()
    session.expire_all()
    kit = session.scalars(select(User).where(User.name == "kit")).one()
    assert kit.mail_choice == "never"
