"""The administrators' commands; how they are run says ``tests/harness/commands.py``.

Each error is one line, the exit code is not 0, and nothing is stored.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models.partners import Partner, PartnerAccount
from app.accounts.models.passkeys import Passkey
from app.accounts.models.people import Login, User
from app.accounts.services import tokens
from app.accounts.services.credentials import attempt
from app.accounts.services.partners import create_partner_account
from app.accounts.services.people import actor_of_user, create_user, start_login
from app.accounts.services.reset_links import find_reset_link, use_reset_link
from app.cli import NamedCommand, command_application
from app.commands import MODULES
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import SYSTEM, ActorKind, Door, Writer
from app.core.rules.errors import AuthenticationFailed
from app.core.settings import process_environment
from app.core.web.extensions import db
from app.reference.seed import seed_reference
from app.registry.models.registry import Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import move_ticket, open_ticket
from tests.harness.commands import flask
from tests.harness.databases import fresh_database, open_session
from tests.harness.server import test_settings

PASSWORD = "a long enough password"
KEY = b"only for tests, thirty-two bytes"


def done(database: str, *arguments: str, stdin: str = "", own_process: bool = False) -> str:
    """Run a command that must succeed; what it printed."""
    ran = flask(database, *arguments, stdin=stdin, own_process=own_process)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stderr == b""
    return ran.stdout.decode()


def refused(database: str, *arguments: str | bytes, stdin: str | bytes = b"") -> str:
    """Run a command that must fail with one line, leaving the change log as it was; the line."""
    before = changes(database)
    ran = flask(database, *arguments, stdin=stdin)
    assert ran.returncode != 0
    assert ran.stdout == b""
    lines = ran.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    assert changes(database) == before
    return lines[0]


def changes(database: str) -> int | None:
    with open_session(database) as session:
        return session.scalar(select(func.count()).select_from(Change))


def verifies(database: str, kind: ActorKind, name: str, password: str) -> bool:
    with open_session(database) as session:
        tried = attempt(session, kind, name, password, datetime.now(UTC), KEY)
    try:
        tried.verified_account()
    except AuthenticationFailed:
        return False
    return True


def by(now: datetime) -> Writer:
    return Writer(actor=SYSTEM, door=Door.COMMAND, now=now)


@pytest.fixture
def registry(database: str) -> str:
    """A database with reference data."""
    with open_session(database) as session, transaction(session):
        seed_reference(session, by(datetime.now(UTC)))
    return database


def test_a_person_from_creation_to_disabling(registry: str) -> None:
    said = done(
        registry,
        *("user", "create", "noc-demo", "--role", "reporter"),
        *("--site", "FZK-LCG2", "--site", "NIKHEF-ELPROD", "--site", "GRIDKA"),
        "--password-stdin",
        stdin=PASSWORD + "\n",
        own_process=True,
    )
    assert said == "User noc-demo is created, role reporter, for DE-KIT, NL-T1.\n"
    assert verifies(registry, ActorKind.PERSON, "noc-demo", PASSWORD)

    with open_session(registry) as session, transaction(session):
        user = session.scalars(select(User)).one()
        assert user.password_hash.startswith("$argon2id$")
        start_login(session, user.id, datetime.now(UTC))
    done(registry, "user", "password", "noc-demo", "--password-stdin", stdin="quite another")
    assert verifies(registry, ActorKind.PERSON, "noc-demo", "quite another")
    assert not verifies(registry, ActorKind.PERSON, "noc-demo", PASSWORD)
    with open_session(registry) as session:
        assert session.scalars(select(Login)).one().ended_at is not None

    listed = done(registry, "user", "list", own_process=True).splitlines()
    assert listed[1].split() == ["noc-demo", "reporter", "DE-KIT,", "NL-T1", "-", "yes"]
    done(registry, "user", "disable", "noc-demo")
    assert not verifies(registry, ActorKind.PERSON, "noc-demo", "quite another")
    assert "disabled 20" in done(registry, "user", "list")
    with open_session(registry) as session:
        written = session.scalars(select(Change).where(Change.kind == "person")).all()
        assert {(change.actor_account, change.door) for change in written} == {
            ("portal", "command")
        }


def test_a_link_a_role_and_a_lost_second_factor(registry: str) -> None:
    for name, role in (("boss", "admin"), ("noc", "reader")):
        done(registry, "user", "create", name, "--role", role, "--password-stdin", stdin=PASSWORD)
    said = done(registry, "user", "reset", "noc", "--why", "forgotten")
    token = re.fullmatch(r"http://127\.0\.0\.1:8000/reset/([A-Za-z0-9_-]{43})\n", said)
    assert token is not None
    with open_session(registry) as session:
        link = find_reset_link(session, token[1], datetime.now(UTC))
        assert link.user.name == "noc"
        session.rollback()
        with transaction(session):
            use_reset_link(
                session,
                Writer(actor_of_user(link.user), Door.PORTAL, datetime.now(UTC)),
                token[1],
                "quite another",
            )
    assert verifies(registry, ActorKind.PERSON, "noc", "quite another")
    said = done(registry, "user", "role", "noc", "reporter", "--site", "FZK-LCG2")
    assert said == "User noc has the role reporter.\n"
    said = done(registry, "user", "role", "noc", "reporter", "--site", "DE-KIT")
    assert said == "User noc had already the role reporter.\n"
    assert "last admin" in refused(registry, "user", "disable", "boss")
    assert "last admin" in refused(registry, "user", "role", "boss", "reader")
    done(registry, "user", "disable", "noc")
    assert "disabled" in refused(registry, "user", "reset", "noc")
    assert done(registry, "user", "enable", "noc") == "User noc is enabled.\n"
    assert verifies(registry, ActorKind.PERSON, "noc", "quite another")
    said = done(registry, "user", "second-factor-off", "noc")
    assert said == "User noc had no second factor.\n"
    with open_session(registry) as session, transaction(session):
        session.scalars(select(User).where(User.name == "noc")).one().totp_since = by(
            datetime.now(UTC)
        ).now
    assert done(registry, "user", "list").splitlines()[2].split()[3:5] == ["on", "yes"]
    said = done(registry, "user", "second-factor-off", "noc", "--why", "lost")
    assert said == "User noc has no second factor now.\n"
    with open_session(registry) as session, transaction(session):
        session.add(
            Passkey(
                user_id=session.scalars(select(User.id).where(User.name == "noc")).one(),
                credential_id="AAAA",
                public_key=b"",
                sign_count=0,
                is_synced=False,
                transports="",
                name="lost laptop",
                created_at=datetime.now(UTC),
            )
        )
    assert done(registry, "user", "list").splitlines()[2].split()[3:5] == ["on", "yes"]
    said = done(registry, "user", "second-factor-off", "noc", "--why", "lost")
    assert said == "User noc has no second factor now.\n"
    assert done(registry, "user", "list").splitlines()[2].split()[3:5] == ["-", "yes"]


def test_a_partner_with_two_accounts(registry: str) -> None:
    create = ("partner", "create", "NREN-DEMO", "--password-stdin", "--access")
    done(registry, *create, "all", "--login", "nren-desk", "--internal", stdin=PASSWORD)
    done(
        registry,
        *(*create, "own", "--login", "nren-old", "--read-only", "--contract", "2012"),
        stdin=PASSWORD,
    )
    with open_session(registry) as session:
        assert session.scalar(select(func.count()).select_from(Partner)) == 1
        first, second = session.scalars(select(PartnerAccount).order_by(PartnerAccount.login)).all()
        assert (first.access, first.read_only, first.internal) == ("all", False, True)
        assert (second.access, second.read_only, second.internal) == ("own", True, False)
        assert (first.contract_year, second.contract_year) == (2016, 2012)
    assert verifies(registry, ActorKind.PARTNER, "nren-desk", PASSWORD)

    done(registry, "partner", "password", "nren-desk", "--password-stdin", stdin="quite another\n")
    assert verifies(registry, ActorKind.PARTNER, "nren-desk", "quite another")
    assert not verifies(registry, ActorKind.PARTNER, "nren-desk", PASSWORD)
    assert "several accounts" in refused(registry, "partner", "disable", "NREN-DEMO")
    done(registry, "partner", "disable", "nren-desk")
    assert not verifies(registry, ActorKind.PARTNER, "nren-desk", "quite another")
    assert verifies(registry, ActorKind.PARTNER, "nren-old", PASSWORD)
    lines = done(registry, "partner", "list").splitlines()
    assert lines[1].split()[:2] == ["NREN-DEMO", "nren-desk"]
    assert "disabled" in lines[1]
    assert lines[2].split() == ["NREN-DEMO", "nren-old", "own", "read-only", "no", "2012", "yes"]


def test_a_secret_made_by_the_portal_is_rotated(registry: str) -> None:
    said = done(
        registry,
        *("partner", "create", "NREN-DEMO", "--login", "nren", "--access", "own"),
        *("--sites", "FZK-LCG2, NIKHEF-ELPROD"),
    )
    assert said.startswith("Account nren of partner NREN-DEMO is created.\n")
    first = said.split()[-1]
    assert verifies(registry, ActorKind.PARTNER, "nren", first)
    with open_session(registry) as session:
        account = session.scalars(select(PartnerAccount)).one()
        assert [site.key for site in account.sites] == ["DE-KIT", "NL-T1"]
    second = done(registry, "partner", "rotate", "nren").split()[-1]
    assert verifies(registry, ActorKind.PARTNER, "nren", first)
    assert verifies(registry, ActorKind.PARTNER, "nren", second)
    assert "end the older one first" in refused(registry, "partner", "rotate", "NREN-DEMO")
    assert "has ended" in done(registry, "partner", "rotate", "nren", "--end-old")
    assert not verifies(registry, ActorKind.PARTNER, "nren", first)
    assert verifies(registry, ActorKind.PARTNER, "nren", second)
    said = done(registry, "partner", "rotate", "nren", "--password-stdin", stdin=PASSWORD)
    assert PASSWORD not in said
    assert verifies(registry, ActorKind.PARTNER, "nren", PASSWORD)
    done(registry, "partner", "disable", "nren")
    assert not verifies(registry, ActorKind.PARTNER, "nren", PASSWORD)
    assert done(registry, "partner", "enable", "nren") == "Account nren is enabled.\n"
    assert verifies(registry, ActorKind.PARTNER, "nren", PASSWORD)


def test_a_partner_with_one_account_may_be_named_by_its_code(registry: str) -> None:
    done(
        registry,
        *("partner", "create", "NREN-DEMO", "--login", "nren", "--access", "own"),
        "--password-stdin",
        stdin=PASSWORD,
    )
    done(registry, "partner", "disable", "NREN-DEMO")
    assert not verifies(registry, ActorKind.PARTNER, "nren", PASSWORD)


CREATE_USER = ("user", "create", "noc-demo", "--password-stdin", "--role")
CREATE_PARTNER = ("partner", "create", "NREN-DEMO", "--password-stdin", "--access")


@pytest.mark.parametrize(
    ("arguments", "stdin", "word"),
    [
        ((*CREATE_USER, "king"), PASSWORD, "--role"),
        ((*CREATE_USER, "reader"), "", "empty"),
        ((*CREATE_USER, "reader"), "\n", "empty"),
        ((*CREATE_USER, "reader"), "short", "at least 10"),
        ((*CREATE_USER, "reader"), "x" * 2000, "1024"),
        ((*CREATE_USER, "reader"), "with a \x07 bell", "Password"),
        ((*CREATE_USER, "reader"), b"\xff\xfe not utf-8", "UTF-8"),
        ((*CREATE_USER, "reader", "--site", "DE-KIT"), PASSWORD, "only for reporters"),
        ((*CREATE_USER, "reporter"), PASSWORD, "at least one for a reporter"),
        ((*CREATE_USER, "reporter", "--site", "NOWHERE"), PASSWORD, "No site"),
        ((*CREATE_USER, "reporter", "--site", b"\xff"), PASSWORD, "--site"),
        ((*CREATE_USER, "reporter", "--site", "x" * 300), PASSWORD, "255"),
        ((*CREATE_USER, "reader", "--bogus"), PASSWORD, "--bogus"),
        (("user", "create", "two words", "--role", "reader", "--password-stdin"), PASSWORD, "Name"),
        (("user", "create", b"\xff", "--role", "reader", "--password-stdin"), PASSWORD, "NAME"),
        (("user", "create", "noc-demo", "--role", "reader"), PASSWORD, "--password-stdin"),
        (("user", "create", "noc-demo", "--password-stdin"), PASSWORD, "--role"),
        (("user", "create"), PASSWORD, "NAME"),
        (("user", "create", "taken", "--role", "reader", "--password-stdin"), PASSWORD, "already"),
        (("user", "password", "nobody", "--password-stdin"), PASSWORD, "Unknown user name"),
        (("user", "password", "taken", "--password-stdin"), "", "empty"),
        (("user", "password", "taken", "--password-stdin"), "short", "at least 10"),
        (("user", "password", "taken"), PASSWORD, "--password-stdin"),
        (("user", "disable", "nobody"), "", "Unknown user name"),
        (("user", "disable", b"\xff"), "", "NAME"),
        (("user", "reset", "nobody"), "", "Unknown user name"),
        (("user", "reset", "taken", "--why", "x" * 300), "", "255"),
        (("user", "role", "taken", "king"), "", "king"),
        (("user", "role", "taken", "reporter"), "", "at least one for a reporter"),
        (("user", "role", "nobody", "reader"), "", "Unknown user name"),
        (("user", "enable", "nobody"), "", "Unknown user name"),
        (("user", "second-factor-off", "nobody"), "", "Unknown user name"),
        (("user", "bogus"), "", "bogus"),
        ((*CREATE_PARTNER, "some", "--login", "x"), PASSWORD, "--access"),
        ((*CREATE_PARTNER, "own"), PASSWORD, "--login"),
        ((*CREATE_PARTNER, "own", "--login", "taken"), PASSWORD, "already"),
        ((*CREATE_PARTNER, "own", "--login", "two words"), PASSWORD, "Login"),
        ((*CREATE_PARTNER, "own", "--login", "x", "--contract", "2014"), PASSWORD, "--contract"),
        ((*CREATE_PARTNER, "own", "--login", "x"), "short", "at least 8"),
        ((*CREATE_PARTNER, "own", "--login", "x"), "", "empty"),
        (
            ("partner", "create", "N" * 51, "--login", "x", "--access", "own", "--password-stdin"),
            PASSWORD,
            "50",
        ),
        (("partner", "password", "nobody", "--password-stdin"), PASSWORD, "No partner account"),
        (
            (*CREATE_PARTNER, "own", "--login", "x", "--sites", "DE-KIT,NOWHERE"),
            PASSWORD,
            "No site",
        ),
        (("partner", "rotate", "nobody"), "", "No partner account"),
        (("partner", "rotate", "taken", "--end-old"), "", "only active secret"),
        (("partner", "rotate", "taken", "--end-old", "--password-stdin"), PASSWORD, "--end-old"),
        (("partner", "rotate", "taken", "--password-stdin"), "short", "at least 8"),
        (("partner", "enable", "nobody"), "", "No partner account"),
        (("partner", "disable", "nobody"), "", "No partner account"),
        (("partner", "disable", b"\xff"), "", "ACCOUNT"),
        (("tickets", "close-due", "--as-of", "yesterday"), "", "--as-of"),
        (("tickets", "close-due", "--as-of", "2013-02-30"), "", "--as-of"),
        (("tickets", "close-due", "--as-of", b"\xff"), "", "--as-of"),
        (("worker", "--twice"), "", "--twice"),
        (("seed", "reference", "now"), "", "argument"),
        (("seed", "demo"), "", "empty database"),
        (("search", "rebuild", "all"), "", "argument"),
    ],
)
def test_wrong_arguments(
    wrong: Flask, arguments: tuple[str | bytes, ...], stdin: str | bytes, word: str
) -> None:
    database = wrong.config["PORTAL"].database_url
    before = changes(database)
    ran = wrong.test_cli_runner().invoke(args=[*map(os.fsdecode, arguments)], input=stdin)
    assert ran.exit_code != 0
    assert isinstance(ran.exception, SystemExit)
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert word in ran.stderr
    assert changes(database) == before


def test_wrong_arguments_of_a_process(registry: str) -> None:
    assert "--role" in refused(registry, *CREATE_USER, "king", stdin=PASSWORD)
    assert "NAME" in refused(registry, "user", "disable", b"\xff")
    assert "at least 10" in refused(registry, *CREATE_USER, "reader", stdin="short")


@pytest.fixture(scope="module")
def wrong() -> Iterator[Flask]:
    """Reference data, one person and one partner; refusals leave them as they are.

    The commands run in this process: starting one for each refusal takes minutes.
    """
    with fresh_database("sqlite") as url:
        now = by(datetime.now(UTC))
        with open_session(url) as session, transaction(session):
            seed_reference(session, now)
            create_user(session, now, "taken", "reader", PASSWORD)
            create_partner_account(session, now, "TAKEN", "taken", PASSWORD, access="own")
        flask_app = command_application(test_settings(url))
        yield flask_app
        with flask_app.app_context():
            db.session.remove()
            db.engine.dispose()


def test_closing_what_is_due(database: str) -> None:
    now = datetime.now(UTC)
    with open_session(database) as session, transaction(session):
        old = open_ticket(session, by(now - timedelta(days=40)), NewTicket(title="Old")).number
        new = open_ticket(session, by(now - timedelta(days=2)), NewTicket(title="New")).number
        for number, days in ((old, 30), (new, 1)):
            move_ticket(session, by(now - timedelta(days=days)), number, "solved", solution="Done")
    before = f"{now - timedelta(days=29):%Y-%m-%d}"
    assert done(database, "tickets", "close-due", "--as-of", before) == "No ticket is due.\n"
    assert done(database, "tickets", "close-due") == f"Closed: {old}\n"
    assert done(database, "tickets", "close-due") == "No ticket is due.\n"
    later = f"{now + timedelta(days=20):%Y-%m-%dT%H:%M:%SZ}"
    assert done(database, "tickets", "close-due", "--as-of", later) == f"Closed: {new}\n"
    with open_session(database) as session:
        assert {ticket.state for ticket in session.scalars(select(Ticket))} == {"closed"}


def test_a_worker_that_runs_once_does_what_is_due(database: str) -> None:
    now = datetime.now(UTC)
    with open_session(database) as session, transaction(session):
        old = open_ticket(session, by(now - timedelta(days=40)), NewTicket(title="Old")).number
        late = open_ticket(session, by(now - timedelta(days=40)), NewTicket(title="Late")).number
        move_ticket(session, by(now - timedelta(days=30)), old, "unsolved")
        move_ticket(session, by(now - timedelta(days=30)), late, "waiting for reply")
    for _ in range(2):  # the second time nothing is due
        ran = flask(database, "worker", "--once")
        assert ran.returncode == 0, ran.stderr.decode()
        assert b"Traceback" not in ran.stderr
    with open_session(database) as session:
        assert session.get_one(Ticket, old).state == "closed"
        assert session.get_one(Ticket, late).state == "waiting for reply"
        reminded = select(ChangedField.new).where(ChangedField.field == "reminder")
        assert session.scalars(reminded).all() == ["1 of 2"]


def test_seeding(database: str) -> None:
    assert "50 sites, links and LHC periods" in done(
        database, "seed", "reference", own_process=True
    )
    assert "(0 sites, links and LHC periods" in done(database, "seed", "reference")
    said = done(database, "seed", "demo")
    assert "252 tickets" in said
    assert "Demo login: operator / operator-demo (operator)" in said
    assert done(database, "seed", "demo") == "The demo is in this database already.\n"
    with open_session(database) as session:
        assert session.scalar(select(func.count()).select_from(Ticket)) == 252
        assert session.scalar(select(func.count()).select_from(Site)) == 17
    assert verifies(database, ActorKind.PERSON, "reporter", "reporter-demo")
    assert verifies(database, ActorKind.PARTNER, "ggus-demo", "partner-demo")


def test_a_database_without_tables_is_one_line(empty_database: str) -> None:
    for words in (("user", "list"), ("worker", "--once")):
        ran = flask(empty_database, *words)
        assert ran.returncode == 1
        assert len(ran.stderr.decode().splitlines()) == 1
        assert b"Traceback" not in ran.stderr


def acts(database: str, secret: str) -> bool:
    with open_session(database) as session:
        try:
            tokens.use_of_secret(session, secret, datetime.now(UTC))
        except AuthenticationFailed:
            return False
    return True


def test_a_token_from_creation_to_its_end(database: str) -> None:
    told = done(
        database, "token", "create", "nms", "--scope", "read", "--scope", "events", "--expires", "9"
    )
    first = told.split()[-1]
    assert told == (f"Token nms is created.\nIts secret, which is shown only now: {first}\n")
    assert acts(database, first)
    until = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    listed = done(database, "token", "list")
    assert first not in listed
    assert listed.splitlines()[1].startswith(f"nms   -       events, read  until {until}")
    assert "never" in listed
    second = done(database, "token", "rotate", "nms", "--expires", "400").split()[-1]
    assert acts(database, first)
    assert acts(database, second)
    assert "at most 2 active secrets" in refused(database, "token", "rotate", "nms")
    assert done(database, "token", "rotate", "nms", "--end-old") == (
        "The older secret of nms has ended.\n"
    )
    assert (acts(database, first), acts(database, second)) == (False, True)
    assert done(database, "token", "revoke", "nms") == "Token nms has ended.\n"
    assert not acts(database, second)
    assert "ended 20" in done(database, "token", "list")


def test_tokens_that_cannot_be_are_refused(database: str) -> None:
    for arguments, words in (
        (("nms", "--scope", "read", "--expires", "401"), "1 to 400 days"),
        (("nms", "--scope", "read", "--expires", "0"), "1 to 400 days"),
        (("nms", "--scope", "all", "--expires", "9"), "'all' is not one of"),
        (("nms", "--scope", "read"), "--expires"),
        (("nms", "--expires", "9"), "--scope"),
        (("a b", "--scope", "read", "--expires", "9"), "Name: use letters"),
    ):
        assert words in refused(database, "token", "create", *arguments)
    assert "no token with this name" in refused(database, "token", "revoke", "nobody")


def test_help_names_each_command_as_it_names_itself() -> None:
    for name in MODULES:
        command = NamedCommand(name, lambda: None)
        assert command.get_short_help_str(200) == command.loaded().get_short_help_str(200), name


def test_help_loads_no_database() -> None:
    code = (
        "import sys; from flask.cli import main\n"
        "sys.argv = ['flask', '--help']\n"
        "try: main()\n"
        "finally: print(sorted(sys.modules.keys() & {'sqlalchemy.orm', 'app.tables', 'pandas'}))"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert "People, their roles and passwords." in found
    assert found.endswith("[]\n"), found


@pytest.mark.parametrize("command", ["user list", "token list", "backup {file}"])
def test_a_command_loads_no_rooms_that_it_does_not_need(command: str, tmp_path: Path) -> None:
    """Mails, what is done with tickets, webhooks: most of what there is to load."""
    code = (
        "import sys; from flask.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted(name for name in sys.modules if '.services.' in name))"
    )
    words = command.format(file=tmp_path / "backup.db").split()
    with fresh_database("sqlite") as url:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *words],
            cwd=PROJECT,
            env=process_environment(test_settings(url)),
            capture_output=True,
            text=True,
            check=True,
        )
    loaded = ran.stdout.splitlines()[-1].split()
    assert "app.tickets.services.concern.concern_rows" in loaded
    needless = ("app.mail.", "app.webhooks.", "app.tickets.services.lifecycle", "app.matching.")
    assert [name for name in loaded if name.startswith(needless)] == []
