"""Accounts of partners: secrets that rotate, switches that are logged, and who may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.partners import AccountSecret, PartnerAccount
from app.accounts.services import partners
from app.accounts.services.credentials import attempt
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind, Writer
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine

KEY = b"only for tests, thirty-two bytes"
SECOND = "the second secret"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def account_of(session: Session, login: str = "ggus") -> PartnerAccount:
    return partners.find_account(session, login)


def do(session: Session, verb: Callable[..., object], *arguments: object, **more: object) -> None:
    """One verb on the account ggus in a transaction of its own."""
    with transaction(session):
        verb(session, SYSTEM, account_of(session), *arguments, **more)


def verifies(session: Session, password: str, login: str = "ggus") -> bool:
    session.rollback()
    try:
        attempt(session, ActorKind.PARTNER, login, password, NOON, KEY).verified_account()
    except AuthenticationFailed:
        return False
    finally:
        session.rollback()
    return True


def last_change(session: Session) -> tuple[str, list[tuple[str, str | None, str | None]]]:
    change = partners.changes_of_account(session, account_of(session))[0]
    found = change.kind, [(item.field, item.old, item.new) for item in change.fields]
    session.rollback()
    return found


def switches(**changed: object) -> dict[str, object]:
    as_it_is: dict[str, object] = {
        "access": "all",
        "read_only": False,
        "internal": True,
        "contract_year": 2016,
        "sites": (),
    }
    return {**as_it_is, **changed}


def test_two_secrets_live_at_once_and_never_three(session: Session, cast: Cast) -> None:
    do(session, partners.add_secret, SECOND)
    assert last_change(session) == ("secret", [("account", None, "ggus")])
    assert verifies(session, PASSWORD)
    assert verifies(session, SECOND)
    with pytest.raises(Invalid, match="at most 2 active secrets"):
        do(session, partners.add_secret, "the third secret")
    assert not verifies(session, "the third secret")
    do(session, partners.end_older_secret)
    assert last_change(session) == ("secret", [("ended", "no", "yes")])
    assert not verifies(session, PASSWORD)
    assert verifies(session, SECOND)
    with pytest.raises(Invalid, match="the only active secret"):
        do(session, partners.end_older_secret)
    assert verifies(session, SECOND)


def test_a_secret_that_is_none_of_the_accounts_is_not_ended(session: Session, cast: Cast) -> None:
    other = session.scalars(
        select(AccountSecret.id).where(AccountSecret.account_id == cast.nren_a.account_id)
    ).one()
    do(session, partners.add_secret, SECOND)
    for key in (other, 999_999):
        with pytest.raises(Invalid, match="belongs to another account"):
            do(session, partners.end_secret, key)
    assert verifies(session, PASSWORD, "nren_a")


def test_secrets_added_at_once_are_never_three(database: str, session: Session, cast: Cast) -> None:
    engine = open_engine(database)

    def add(number: int) -> bool:
        try:
            with Session(engine) as mine, transaction(mine):
                partners.add_secret(mine, SYSTEM, account_of(mine), f"secret number {number}")
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(add, range(6)))
    engine.dispose()
    assert added.count(True) == 1
    live: Sequence[AccountSecret] = partners.live_secrets(session, account_of(session))
    assert len(live) == 2


def test_an_account_that_two_make_at_once_is_made_once(database: str, session: Session) -> None:
    engine = open_engine(database)
    both = Barrier(2)

    def make(login: str) -> str:
        try:
            with Session(engine) as mine:
                both.wait(60)
                with transaction(mine):
                    partners.create_partner_account(
                        mine, SYSTEM, "NREN-N", login, PASSWORD, access="own"
                    )
        except Invalid as error:
            return error.field
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(make, ["same", "same"])) == ["", "login"]
        assert list(pool.map(make, ["one", "two"])) == ["", ""]
    engine.dispose()
    made = partners.all_accounts(session)
    assert [account.login for account in made] == ["one", "same", "two"]
    assert len(partners.all_partners(session)) == 1


def test_made_secrets_are_long_and_differ() -> None:
    made = {partners.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43


def test_what_changes_is_logged_and_nothing_else(session: Session, cast: Cast) -> None:
    do(
        session,
        partners.change_account,
        **switches(access="own", read_only=True, sites=("FZK-LCG2", "PIC", "DE-KIT")),
    )
    assert last_change(session) == (
        "account",
        [("access", "all", "own"), ("read_only", "no", "yes"), ("sites", None, "DE-KIT; ES-PIC")],
    )
    actor = partners.actor_of_account(session, cast.ggus.account_id or 0)
    session.rollback()
    assert (actor.read_only, actor.access, actor.internal) == (True, "own", True)
    assert len(actor.site_ids) == 2
    before = len(partners.changes_of_account(session, account_of(session)))
    session.rollback()
    same = switches(access="own", read_only=True, sites=("ES-PIC", "DE-KIT"))
    do(session, partners.change_account, **same)
    assert len(partners.changes_of_account(session, account_of(session))) == before
    session.rollback()
    do(session, partners.change_account, **switches(access="own", read_only=True))
    assert last_change(session) == ("account", [("sites", "DE-KIT; ES-PIC", None)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"access": "some"},
        {"contract_year": 2014},
        {"sites": ("NOWHERE",)},
        {"sites": ("a\0b",)},
        {"sites": ("x" * 300,)},
        {"sites": ("",)},
    ],
)
def test_switches_that_are_none(session: Session, cast: Cast, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        do(session, partners.change_account, **switches(**wrong))
    assert account_of(session).access == "all"


def test_disabled_and_enabled_once_each(session: Session, cast: Cast) -> None:
    do(session, partners.disable_account)
    do(session, partners.disable_account)
    assert not verifies(session, PASSWORD)
    do(session, partners.enable_account)
    do(session, partners.enable_account)
    assert verifies(session, PASSWORD)
    changes = partners.changes_of_account(session, account_of(session))
    assert [[(f.old, f.new) for f in change.fields] for change in changes[:2]] == [
        [("yes", "no")],
        [("no", "yes")],
    ]
    assert len(changes) == 4


def test_only_admins_and_the_portal_may(session: Session, cast: Cast) -> None:
    secret = session.scalars(
        select(AccountSecret.id).where(AccountSecret.account_id == cast.ggus.account_id)
    ).one()
    session.rollback()
    verbs: list[Callable[[Session, Writer, PartnerAccount], object]] = [
        lambda s, by, a: partners.add_secret(s, by, a, SECOND),
        lambda s, by, a: partners.end_secret(s, by, a, secret),
        partners.end_older_secret,
        lambda s, by, a: partners.set_account_password(s, by, a, SECOND),
        partners.disable_account,
        partners.enable_account,
        lambda s, by, a: partners.change_account(s, by, a, **switches()),  # type: ignore[arg-type]
        lambda s, by, a: partners.create_partner_account(s, by, "NEW", "new", SECOND, access="own"),
    ]
    for actor in (cast.operator, cast.kit, cast.reader, cast.ggus):
        for verb in verbs:
            with pytest.raises(Forbidden, match="Only admins"), transaction(session):
                verb(session, writer(actor), account_of(session))
    with transaction(session):
        by = writer(cast.admin, NOON + timedelta(days=1))
        partners.add_secret(session, by, account_of(session), SECOND)
    change = partners.changes_of_account(session, account_of(session))[0]
    assert (change.actor_account, change.at) == ("admin", NOON + timedelta(days=1))
