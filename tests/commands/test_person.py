"""``flask person forget``: the name and the addresses go, what the person did stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from flask import Flask
from sqlalchemy import LargeBinary, String, func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app.accounts.models.people import FailedLogins, Login, User
from app.accounts.rules.former import FORMER
from app.accounts.rules.sign_on import Claimed
from app.accounts.services import identities, second_factor
from app.accounts.services.people import (
    actor_of_user,
    create_user,
    find_user,
    set_mail,
    start_login,
)
from app.accounts.services.tokens import create_own_token
from app.core.database.transactions import transaction
from app.core.models.base import Base
from app.core.models.changes import Change, Refusal
from app.core.models.form_keys import FormKey
from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.factory import create_app
from app.mail.models.mails import MailStop
from app.mail.services.queue import mark_sent
from app.registry.models.registry import Site, SiteContact
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import change_ticket, comment_ticket, open_ticket
from app.tickets.services.lists.saved_filters import save_filter
from app.tickets.services.watching import watch_ticket
from soap_service.application import mount
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, writer
from tests.harness.commands import flask
from tests.harness.server import TEST_SECRET, test_settings
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter
from tests.mails import enter_with_mails, plan
from tests.soap_service.test_refusals import Caller
from tests.soap_service.wire import elements
from tests.webhooks.seeded import seed_webhook

LEAVER, MAIL, OLD_MAIL = "leaver", "leaver@people.example", "before@people.example"
FULL_NAME: Final = "Lee Aver"
FORGET: Final = ("person", "forget", LEAVER, "--yes", "--by", "chair")


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


@pytest.fixture
def leaver(session: Session, cast: Cast) -> Actor:
    """An operator who used all that an operator has, and on whom others acted."""
    with transaction(session):
        made = create_user(session, SYSTEM, LEAVER, "operator", PASSWORD, mail=OLD_MAIL)
        set_mail(session, SYSTEM, made, MAIL)
        actor = actor_of_user(made)
    by = writer(actor, remote="192.0.2.9")
    with transaction(session):
        content = NewTicket(title="Fibre cut", carbon_copy=f"{MAIL}; x@y.example")
        number = open_ticket(session, by, content).number
        comment_ticket(session, by, number, "We measure", internal=False)
        comment_ticket(session, by, number, "We doubt it", internal=True)
        change_ticket(session, by, number, {"person_in_charge": LEAVER})
        add_attachment(session, by, number, "trace.txt", b"1 2 3")
        watch_ticket(session, by, number)
        save_filter(session, by, "My tickets", "state=open", shared=False)
        save_filter(session, by, "Of all", "state=open", shared=True)
        create_own_token(session, by, "laptop", ("read",), 30)
        seed_webhook(session, by)
        second_factor.begin_setup(session, by, LEAVER, TEST_SECRET.encode())
        claimed = Claimed("https://sso.example", "4711", LEAVER, FULL_NAME, MAIL, ())
        identities.link(session, by, LEAVER, claimed)
    with transaction(session):
        theirs = writer(cast.kit)
        second = open_ticket(session, theirs, NewTicket(title="Loss"))
        change_ticket(session, writer(cast.operator), second.number, {"person_in_charge": LEAVER})
        assert actor.account_id is not None
        start_login(session, actor.account_id, datetime.now(UTC), browser="Firefox")
        session.add(MailStop(address_key=OLD_MAIL, since=NOON))
        assert cast.admin.account_id is not None
        page = f"/admin/people/{LEAVER}"
        session.add(FormKey(user_id=cast.admin.account_id, digest="1", at=NOON, location=page))
        site = session.scalars(select(Site).where(Site.key == "ES-PIC")).one()
        site.source = f"edited by {LEAVER}"
        session.add(
            FailedLogins(kind="person", account=LEAVER, minute=NOON, failures=2, remote="192.0.2.9")
        )
        session.add(
            Refusal(
                at=NOON,
                actor_kind="person",
                actor_account=LEAVER,
                actor_id=actor.account_id,
                door="portal",
                remote="192.0.2.9",
                what="GET /admin",
                reason="Only admins may do this",
            )
        )
    for mail in plan(session):
        with transaction(session):
            mark_sent(session, mail.id, NOON)
    return actor


def texts(session: Session) -> Iterator[tuple[str, str]]:
    """Every text of the database, with its table and column."""
    for table in Base.metadata.tables.values():
        for one in table.columns:
            if isinstance(one.type, String):
                for text in session.scalars(select(one).where(one.is_not(None))):
                    yield f"{table.name}.{one.name}", text
            elif isinstance(one.type, LargeBinary):
                for content in session.scalars(select(one).where(one.is_not(None))):
                    yield f"{table.name}.{one.name}", content.decode("utf-8", "replace")


def traces(session: Session) -> set[str]:
    session.rollback()
    session.expire_all()
    sought = (LEAVER, MAIL, OLD_MAIL, FULL_NAME.lower(), "192.0.2.9")
    found = {place for place, text in texts(session) if any(one in text.lower() for one in sought)}
    session.rollback()
    return found


def neutral_of(leaver: Actor) -> str:
    return f"{FORMER}{leaver.account_id}"


def test_no_text_of_the_database_has_the_name_or_an_address_afterwards(
    database: str, session: Session, leaver: Actor
) -> None:
    before = traces(session)
    assert {"users.name", "users.mail", "changes.actor_account", "tickets.last_author"} <= before
    done = flask(database, *FORGET)
    assert done.returncode == 0, done.stderr
    assert traces(session) == set()
    shown = done.stdout.decode()
    assert "No other text in the database contains the name or an address as a word." in shown
    assert f"leaver is forgotten and appears as {neutral_of(leaver)}." in shown


def test_what_the_person_did_stays_under_the_neutral_name(
    database: str, session: Session, cast: Cast, leaver: Actor
) -> None:
    by_leaver = select(func.count()).where(Change.actor_id == leaver.account_id)
    before = session.scalar(by_leaver)
    session.rollback()
    assert flask(database, *FORGET).returncode == 0
    session.rollback()
    session.expire_all()
    assert (session.scalar(by_leaver) or 0) >= (before or 0)
    first, second = session.scalars(select(Ticket).order_by(Ticket.number)).all()
    assert (first.submitter_name, first.carbon_copy) == (neutral_of(leaver), "x@y.example")
    assert first.person_in_charge == second.person_in_charge == neutral_of(leaver)
    assert second.submitter_name == cast.kit.account, "of others nothing is changed"
    row = session.get_one(User, leaver.account_id)
    assert row.name == neutral_of(leaver)
    assert (row.mail, row.password_hash, row.totp_secret) == ("", "", "")
    assert row.disabled_at is not None
    assert session.scalars(select(Login).where(Login.user_id == row.id)).all() == []


def test_pages_show_the_neutral_name_and_the_list_of_people_nobody(
    database: str, app: Flask, session: Session, cast: Cast, leaver: Actor, visit: Enter
) -> None:
    assert flask(database, *FORGET).returncode == 0
    number = session.scalars(select(func.min(Ticket.number))).one()
    session.rollback()
    operator, admin = visit(cast.operator), visit(cast.admin)
    ticket = operator.read(f"/tickets/{number}").text
    assert neutral_of(leaver) in ticket
    assert "We measure" in ticket
    assert "We doubt it" in ticket
    assert operator.get("/tickets?q=leaver").text.count("Fibre cut") == 0
    audit = admin.read("/admin/audit")
    assert neutral_of(leaver) in audit.text
    assert "portal for chair" in audit.text, "who decided it"
    assert not any("former" in link for link, _text in audit.links), "nobody's page"
    people = admin.read("/admin/people").text
    assert "former person" not in people
    for page in (ticket, audit.text, people):
        assert LEAVER not in page
    stranger = Visitor(app)
    answer = stranger.send("/login", {"name": LEAVER, "password": PASSWORD})
    unknown = Visitor(app).send("/login", {"name": "nobody", "password": PASSWORD})
    assert answer.status_code == unknown.status_code == 401
    assert stranger.get("/tickets").status_code == 303


def test_partners_and_programs_see_the_neutral_name(
    database: str, session: Session, cast: Cast, leaver: Actor
) -> None:
    assert flask(database, *FORGET).returncode == 0
    number = session.scalars(select(func.min(Ticket.number))).one()
    with transaction(session):
        now = datetime.now(UTC)
        token = create_own_token(session, writer(cast.operator, now), "nms", ("read",), 30)
    flask_app = create_app(test_settings(database))
    mounted = mount(flask_app)
    inner = elements({"GHD_Request_ID": str(number)})
    got = Caller(Client(mounted)).call("GGUS", "TicketGet", inner, user="ggus")
    assert got.status_code == 200, got.text
    assert neutral_of(leaver) in got.text
    assert LEAVER not in got.text
    bearer = {"Authorization": f"Bearer {token.secret}"}
    listed = flask_app.test_client().get(f"/api/v1/tickets/{number}", headers=bearer)
    assert listed.status_code == 200, listed.text
    assert neutral_of(leaver) in listed.text
    assert LEAVER not in listed.text
    mounted.close()
    with flask_app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_texts_that_people_wrote_stay_and_are_listed(
    database: str, session: Session, cast: Cast, leaver: Actor
) -> None:
    with transaction(session):
        number = session.scalars(select(func.min(Ticket.number))).one()
        by = writer(cast.operator, NOON + timedelta(hours=1))
        comment_ticket(session, by, number, f"Ask leaver, or write to {MAIL}.", internal=False)
    done = flask(database, *FORGET)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert "These texts contain the name or an address as a word. They are not changed:" in shown
    assert any(line.split() == ["changed_fields.new", "1"] for line in shown.splitlines()), shown
    assert "No other text" not in shown
    assert "changed_fields.new" in traces(session)


def test_it_asks_and_changes_nothing_without_a_yes(
    database: str, session: Session, leaver: Actor
) -> None:
    before = traces(session)
    asked = flask(database, "person", "forget", LEAVER, stdin="n\n")
    assert asked.returncode != 0
    assert "Forget leaver? This cannot be undone" in asked.stdout.decode()
    assert traces(session) == before
    assert flask(database, "person", "forget", LEAVER, stdin="y\n").returncode == 0
    assert traces(session) == set()


def test_the_last_admin_and_unknown_names_are_refused(
    database: str, session: Session, cast: Cast
) -> None:
    refused = flask(database, "person", "forget", "admin", "--yes")
    assert refused.returncode != 0
    assert "This is the last admin who can log in" in refused.stderr.decode()
    assert find_user(session, "admin").disabled_at is None
    session.rollback()
    for name in ("nobody", f"{FORMER}{cast.reader.account_id}"):
        unknown = flask(database, "person", "forget", name, "--yes")
        assert unknown.stderr.decode() == "Error: Unknown user name\n"


def test_a_name_can_be_given_again_and_the_neutral_one_to_nobody(
    database: str, session: Session, leaver: Actor
) -> None:
    assert flask(database, *FORGET).returncode == 0
    with transaction(session):
        again = create_user(session, SYSTEM, LEAVER, "reader", PASSWORD)
        assert again.id != leaver.account_id
    assert flask(database, *FORGET).returncode == 0
    session.rollback()
    found = session.scalars(select(User.name).where(User.name.startswith(FORMER))).all()
    assert len(set(found)) == 2


def test_an_address_that_others_use_stays_and_is_named(
    database: str, session: Session, cast: Cast, leaver: Actor
) -> None:
    with transaction(session):
        site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        site.contacts.append(SiteContact(role="network", name="NOC", mail=f"noc@x.example; {MAIL}"))
    done = flask(database, *FORGET)
    assert done.returncode == 0, done.stderr
    assert (
        f"Not removed, because others use it: {MAIL} (contact of DE-KIT)\n" in done.stdout.decode()
    )
    session.rollback()
    session.expire_all()
    assert session.scalars(select(SiteContact.mail).where(SiteContact.mail.contains(MAIL))).all()
    first = session.scalars(select(Ticket).order_by(Ticket.number)).first()
    assert first is not None
    assert first.carbon_copy == f"{MAIL}; x@y.example"
    assert session.get_one(User, leaver.account_id).mail == ""
    session.rollback()
    assert not [place for place, text in texts(session) if OLD_MAIL in text]


_NEUTRAL: Final = {
    "changes": "author = 'former person 1'",
    "changed_fields": "old = '(removed)'",
    "refusals": "actor_account = 'former person 1'",
    "failed_logins": "account = 'former person 1', remote = ''",
}
_MAY_CHANGE: Final = {
    "changes": {"actor_account", "author", "remote"},
    "changed_fields": {"old", "new"},
    "refusals": {"actor_account", "remote"},
    "failed_logins": {"account", "remote"},
}


def _is_refused(session: Session, statement: str) -> bool:
    try:
        session.execute(text(statement))
    except DatabaseError as error:
        return "are only added" in str(error)
    finally:
        session.rollback()
    return False


@pytest.mark.parametrize("table", [*_NEUTRAL])
def test_the_audit_takes_a_neutral_name_and_refuses_any_other_change(
    session: Session, leaver: Actor, table: str
) -> None:
    session.rollback()
    columns = {one.name: one for one in Base.metadata.tables[table].columns}
    neutral = _NEUTRAL[table]
    assert not _is_refused(session, f"UPDATE {table} SET {neutral}")
    if table != "refusals":  # old ones may be deleted
        assert _is_refused(session, f"DELETE FROM {table}")
    for name in columns.keys() - _MAY_CHANGE[table]:
        is_text = isinstance(columns[name].type, String)
        if name == "at" or name == "minute":
            other = "'2001-01-01 00:00:00'"
        elif is_text:
            other = f"coalesce({name}, '') || 'x'"
        else:
            other = f"coalesce({name}, 0) + 1000000"
        assert _is_refused(session, f"UPDATE {table} SET {neutral}, {name} = {other}"), name
    for name in _MAY_CHANGE[table] - {"old", "account"}:
        assert _is_refused(session, f"UPDATE {table} SET {name} = 'somebody else'"), name
    if table != "failed_logins":
        assert _is_refused(session, f"UPDATE {table} SET id = id")
