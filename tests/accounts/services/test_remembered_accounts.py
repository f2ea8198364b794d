"""Accounts that were verified shortly before are known by one read, which tells all that changed.

What the process has seen of an account is a guess only: each change counts at the next call, in
the process that made it and in another one that has its own guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from multiprocessing.pool import Pool

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from app.accounts.models.partners import PartnerAccount
from app.accounts.services import partners
from app.accounts.services.credentials import REFRESH_AFTER, attempt, record_attempt
from app.accounts.services.partners import (
    actor_of_account,
    add_secret,
    change_account,
    create_partner_account,
    disable_account,
    enable_account,
    end_older_secret,
    find_account,
    remembered_actor,
    set_account_password,
)
from app.core.database.transactions import read_connection, transaction
from app.core.rules.access import Actor, ActorKind
from tests.cast import NOON, PASSWORD, SYSTEM, enter
from tests.harness import loaded
from tests.harness.databases import open_engine

KEY = b"only for tests, thirty-two bytes"
OTHER = "another password of sixteen"
LOGIN = "nren_a"


def ask(url: str, password: str, now: datetime = NOON, login: str = LOGIN) -> Actor | None:
    """Who that is, as one call of the door finds out."""
    engine = open_engine(url)
    try:
        with read_connection(engine) as connection:
            return remembered_actor(connection, login, password, now, KEY)
    finally:
        engine.dispose()


def verify(session: Session, password: str, login: str = LOGIN, now: datetime = NOON) -> int:
    """Log in the long way, which remembers the credentials; the account's key."""
    tried = attempt(session, ActorKind.PARTNER, login, password, now, KEY)
    with transaction(session):
        tried = record_attempt(session, tried, now)
    return tried.verified_account()


@pytest.fixture(autouse=True)
def no_guess() -> Iterator[None]:
    partners._seen_hashes.clear()
    yield
    partners._seen_hashes.clear()


@pytest.fixture
def account(session: Session) -> PartnerAccount:
    enter(session)
    return find_account(session, LOGIN)


@pytest.fixture
def other_process(database: str) -> Iterator[Pool]:
    """One process that lives on, with what it has seen before."""
    with loaded.PROCESSES.Pool(1) as pool:
        yield pool


class Both:
    """The same question here and in the other process, both of which have asked before."""

    def __init__(self, url: str, pool: Pool) -> None:
        self.url, self.pool = url, pool

    def __call__(self, password: str = PASSWORD) -> Actor | None:
        here = ask(self.url, password)
        assert self.pool.apply(ask, (self.url, password)) == here
        return here


@pytest.fixture
def both(database: str, other_process: Pool, session: Session, account: PartnerAccount) -> Both:
    asked = Both(database, other_process)
    assert asked() is None  # not verified yet
    verify(session, PASSWORD)
    assert asked() == actor_of_account(session, account.id)
    session.rollback()
    return asked


def change(session: Session, act: Callable[[PartnerAccount], object]) -> None:
    with transaction(session):
        act(find_account(session, LOGIN))


def test_a_new_password_counts_at_the_next_call(session: Session, both: Both) -> None:
    change(session, lambda account: set_account_password(session, SYSTEM, account, OTHER))
    assert both(PASSWORD) is None
    assert both(OTHER) is None
    verify(session, OTHER)
    assert both(OTHER) is not None
    assert both(PASSWORD) is None
    # the same password as before, under another hash, has to be verified anew
    change(session, lambda account: set_account_password(session, SYSTEM, account, PASSWORD))
    assert both(PASSWORD) is None


def test_two_live_secrets_serve_until_one_is_ended(session: Session, both: Both) -> None:
    change(session, lambda account: add_secret(session, SYSTEM, account, OTHER))
    assert both(PASSWORD) is not None  # who has the older one goes on
    assert both(OTHER) is None
    verify(session, OTHER)
    assert both(OTHER) is not None
    assert both(PASSWORD) is not None
    assert both("a password that nobody has") is None
    change(session, lambda account: end_older_secret(session, SYSTEM, account))
    assert both(PASSWORD) is None
    assert both(OTHER) is not None


def test_a_disabled_account_is_out_at_once(session: Session, both: Both) -> None:
    change(session, lambda account: disable_account(session, SYSTEM, account))
    assert both() is None
    change(session, lambda account: enable_account(session, SYSTEM, account))
    assert both() is not None


def test_switches_and_sites_count_at_the_next_call(session: Session, both: Both) -> None:
    def switch(sites: tuple[str, ...], *, read_only: bool) -> Callable[[PartnerAccount], object]:
        return lambda account: change_account(
            session,
            SYSTEM,
            account,
            access="all",
            read_only=read_only,
            internal=True,
            contract_year=2012,
            sites=sites,
        )

    for sites, read_only in ((("DE-KIT",), True), (("DE-KIT", "ES-PIC"), False), ((), True)):
        change(session, switch(sites, read_only=read_only))
        actor = both()
        assert actor is not None
        assert (actor.read_only, actor.internal, actor.contract_year) == (read_only, True, 2012)
        assert len(actor.site_ids) == len(sites)
        assert actor == actor_of_account(session, find_account(session, LOGIN).id)
        session.rollback()


def test_sites_and_two_secrets_do_not_multiply(session: Session, both: Both) -> None:
    """The read has a row for each secret and site."""
    change(session, lambda account: add_secret(session, SYSTEM, account, OTHER))
    verify(session, OTHER)

    def give_sites(account: PartnerAccount) -> None:
        sites = ("DE-KIT", "ES-PIC", "CH-CERN")
        change_account(
            *(session, SYSTEM, account),
            access="own",
            read_only=False,
            internal=False,
            contract_year=2016,
            sites=sites,
        )

    change(session, give_sites)
    for password in (PASSWORD, OTHER):
        actor = both(password)
        assert actor is not None
        assert len(actor.site_ids) == 3


def test_it_is_known_by_one_read_until_it_has_to_be_recorded_again(
    database: str, session: Session, account: PartnerAccount
) -> None:
    verify(session, PASSWORD)
    engine = open_engine(database)
    sent: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    def reads(connection: Connection, now: datetime) -> tuple[bool, int]:
        sent.clear()
        return remembered_actor(connection, LOGIN, PASSWORD, now, KEY) is not None, len(sent)

    with read_connection(engine) as connection:
        assert reads(connection, NOON) == (True, 2)  # the first one tells the hashes
        assert reads(connection, NOON) == (True, 1)
        assert reads(connection, NOON + REFRESH_AFTER) == (True, 1)
        late = NOON + REFRESH_AFTER + timedelta(milliseconds=1)
        assert reads(connection, late) == (False, 1)  # the long way records its last use
    engine.dispose()


def test_another_key_or_login_remembers_nothing(database: str, session: Session) -> None:
    enter(session)
    verify(session, PASSWORD)
    assert ask(database, PASSWORD) is not None
    assert ask(database, PASSWORD, login="nren_b") is None  # the same password, never verified
    engine = open_engine(database)
    with read_connection(engine) as connection:
        assert remembered_actor(connection, LOGIN, PASSWORD, NOON, b"another key") is None
    engine.dispose()


def test_what_nobody_has_is_not_kept_in_memory(database: str, session: Session) -> None:
    enter(session)
    for name in ("nobody", "", "x" * 5000, "operator"):  # that one is a person
        assert ask(database, PASSWORD, login=name) is None
    assert ask(database, "x" * 1025) is None
    assert partners._seen_hashes == {}


def test_the_guesses_are_bounded(
    database: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partners, "_MAX_LOGINS", 2)
    enter(session)
    logins = [LOGIN, "nren_b", "ggus"]
    with transaction(session):
        create_partner_account(session, SYSTEM, "LATE", "late", OTHER, access="own")
    for login in logins:
        verify(session, PASSWORD, login)
    verify(session, OTHER, "late")
    for _ in range(2):
        for login in logins:
            actor = ask(database, PASSWORD, login=login)
            assert actor is not None
            assert actor.account == login
            assert len(partners._seen_hashes) <= 2
        assert ask(database, OTHER, login="late") is not None
