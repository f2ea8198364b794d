"""What forms say of who will be notified, and a ticket of who was: as the mails themselves do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import find_user, start_login
from app.core.database.transactions import transaction
from app.core.mail_settings import MailSettings
from app.mail.models.mails import Mail, MailStop
from app.mail.services.queue import claim_mails, mark_failed, mark_later, mark_sent
from tests.cast import NOON, Cast
from tests.harness.databases import fresh_database
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.mails import changed, enter_with_mails, opened, plan

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
HTMX = {"HX-Request": "true"}
NEW = "/tickets/new"


@pytest.fixture
def database() -> Iterator[str]:
    """SQLite: pages ask the database nothing special."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def app(app_with: Callable[..., Flask]) -> Flask:
    """With a mail server, which nobody calls."""
    mail = MailSettings(host="mail.example", from_address="tickets@portal.example")
    made = app_with(mail=mail)
    made.config["TESTING"] = True
    return made


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


def asked(visitor: Visitor, path: str = f"{NEW}/recipients", **typed: object) -> str:
    answer = visitor.get(f"{path}?{urlencode(typed, doseq=True)}", HTMX)
    assert answer.status_code == 200
    return PageReader(answer.text).text


def test_the_form_names_sites_and_counts_and_follows_links_and_sites(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.pic)
    nobody = "Nobody will be notified."
    assert asked(visitor, title="Cut") == nobody
    assert asked(visitor, links=[KIT]) == "Will notify DE-KIT (1 address)"
    assert asked(visitor, title=f"{KIT.lower()} dark") == "Will notify DE-KIT (1 address)"
    both = "Will notify DE-KIT (1 address) , ES-PIC (1 address)"
    assert asked(visitor, links=[KIT], sites=["ES-PIC", "nowhere"]) == both
    copies = asked(visitor, title="x", carbon_copy="a@cc.example; b@cc.example; none; A@CC.example")
    assert copies == "Will notify carbon copy (2 addresses)"
    # nobody at CERN has an address
    lacking = "CH-CERN has no contact address: nobody there is notified."
    words = "An administrator can add one."
    assert asked(visitor, sites=["CH-CERN"]) == f"{nobody} {lacking} {words}"
    page = PageReader(visit(cast.admin).get(f"{NEW}/recipients?sites=CH-CERN", HTMX).text)
    assert ("/sites/CH-CERN/edit#contacts", "Add a contact") in page.links
    # only operators read addresses
    assert "noc@kit.example" not in asked(visitor, links=[KIT])
    assert "(1 address: noc@kit.example)" in asked(visit(cast.operator), links=[KIT])
    odd = asked(visitor, links=["\0", "x" * 999], sites=["\0"], title="\0", carbon_copy="\0@\0")
    assert odd == nobody


def test_without_scripts_it_stands_in_the_page(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.pic)
    assert "Will notify DE-KIT (1 address)" in visitor.read(f"{NEW}?link={KIT}").text
    form = visitor.read(NEW).form(NEW).data()
    sent = {**form, "title": "Cut", "links": [KIT], "do": "preview"}
    assert "Will notify DE-KIT (1 address)" in PageReader(visitor.send(NEW, sent).text).text


def test_who_wants_no_mails_is_said_and_the_author_gets_none(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = opened(session, cast.kit, links=(KIT,), carbon_copy="cc@cc.example")
    with transaction(session):
        session.add(MailStop(address_key="noc@kit.example", since=NOON))
        find_user(session, "operator").mail_choice = "digest"
    visitor = visit(cast.operator)
    path = f"/tickets/{number}/recipients"
    visitor.send(f"/tickets/{number}/watch", {"watch": "yes"})
    text = asked(visitor, path)
    assert "the submitter (1 address: kit@people.example)" in text
    assert "carbon copy (1 address: cc@cc.example)" in text
    assert "DE-KIT : 1 address has notifications off" in text
    assert "operator@people.example" not in text, "who writes is not notified"
    by_kit = asked(visit(cast.kit), path)
    assert "watchers (1 address, 1 in the daily digest)" in by_kit
    assert "submitter" not in by_kit
    assert visit(cast.reader).get(path, HTMX).status_code == 403
    assert visitor.get(path).location == f"/tickets/{number}"
    # at the preview it stands there without scripts
    shown = visitor.send(f"/tickets/{number}/comment", {"text": "Hi", "do": "preview"})
    assert "Will notify the submitter" in PageReader(shown.text).text


@pytest.mark.parametrize(
    "stated",
    [
        {"links": [KIT]},
        {"links": [KIT], "sites": ["ES-PIC", "DE-KIT"]},
        {"title": "ES-PIC and DE-KIT cut off"},
        {"title": f"Loss {PIC}", "carbon_copy": "noc@kit.example; boss@kit.example"},
        {"sites": ["CH-CERN"], "carbon_copy": "operator@people.example; x@cc.example"},
        {"sites": ["FZK-LCG2"]},
        {},
    ],
)
def test_what_is_announced_is_what_is_sent(
    session: Session, cast: Cast, visit: Enter, stated: dict[str, Any]
) -> None:
    visitor = visit(cast.operator)
    typed: dict[str, Any] = {"title": "Cut", **stated}
    said = asked(visitor, **typed)
    form = visitor.read(NEW).form(NEW).data()
    del form["csrf_token"]
    assert visitor.send(NEW, {**form, **typed, "do": "save"}).status_code == 303
    mails = {mail.address for mail in plan(session)}
    assert set(re.findall(r"[\w.]+@[\w.]+\w", said)) == mails


def notified(visitor: Visitor, number: int) -> str:
    text = visitor.read(f"/tickets/{number}").text
    return text.rsplit(" Notifications ", 1)[1]


def outcomes(session: Session, *outcome: str) -> None:
    """What became of the mails that wait, in the order of their addresses."""
    with transaction(session):
        claimed = claim_mails(session, NOON, NOON)
        mails = session.scalars(select(Mail).where(Mail.id.in_(claimed)).order_by(Mail.address))
        for mail, one in zip(mails.all(), outcome, strict=True):
            if one == "sent":
                mark_sent(session, mail.id, NOON, "smtp.example:25")
            elif one == "failed":
                mark_failed(session, mail.id, NOON, "550 no such user")
            else:
                mark_later(session, mail.id, NOON, "451 later", NOON + timedelta(days=9000))


def test_a_ticket_says_what_the_mail_server_said(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.pic)
    copies = "a@cc.example; b@cc.example; c@cc.example"
    number = opened(session, cast.operator, carbon_copy=copies, links=(KIT,))
    assert "emails about the latest change have not been created yet" in notified(visitor, number)
    plan(session)
    assert notified(visitor, number).startswith("Emails: 4 being sent")
    outcomes(session, "sent", "failed", "later", "sent")
    text = notified(visitor, number)
    assert text.startswith("Notified: 2, 1 failed, 1 not accepted yet, retrying")
    with transaction(session):  # written to files, before a server was set
        for mail in session.scalars(select(Mail).where(Mail.state == "sent")):
            mail.taker = ""
    assert "Notified:" not in notified(visitor, number)
    # the next change counts anew; who wants no mails is not counted
    with transaction(session):
        for user in session.scalars(select(User)):
            user.mail_choice = "never"
        session.add(MailStop(address_key="a@cc.example", since=NOON))
    changed(session, cast.operator, number, public_comment="Splicing", carbon_copy="a@cc.example")
    plan(session)
    assert notified(visitor, number).startswith("Emails: 1 being sent")


def test_a_site_without_an_address_is_named_with_where_to_mend_it(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = opened(session, cast.operator, sites=("CH-CERN", "DE-KIT"))
    plan(session)
    lacking = "CH-CERN has no contact address: nobody there is notified."
    assert (
        f"{lacking} An administrator can add one."
        in visit(cast.pic).read(f"/tickets/{number}").text
    )
    page = visit(cast.admin).read(f"/tickets/{number}")
    assert lacking in page.text
    assert ("/sites/CH-CERN/edit#contacts", "Add a contact") in page.links
    assert "DE-KIT has no contact" not in page.text


def test_nobody_is_notified_where_no_mail_server_is_set(
    session: Session, cast: Cast, app_with: Callable[..., Flask]
) -> None:
    """Mails are files then, and each is marked as sent."""
    number = opened(session, cast.operator, links=(KIT,))
    plan(session)
    outcomes(session, "sent")
    without = app_with()
    assert cast.pic.account_id is not None
    with transaction(session):
        token = start_login(session, cast.pic.account_id, datetime.now(UTC))
    visitor = Visitor(without)
    visitor.carry(token)
    said = "Email is not set up: nobody is notified."
    assert notified(visitor, number).startswith(said)
    assert asked(visitor, links=[KIT]).startswith(said)
    for text in (visitor.read(f"/tickets/{number}").text, asked(visitor, links=[KIT])):
        assert "Notified:" not in text
        assert "Will notify" not in text
