"""Names and passwords: the same answer for every cause, slow for whoever guesses."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import VerifiedCredential
from app.accounts.services.credentials import NAMES_HASHED, Attempt, attempt, record_attempt
from app.accounts.services.logins import live_login
from app.accounts.services.partners import (
    actor_of_account,
    disable_account,
    find_account,
    set_account_password,
)
from app.accounts.services.people import (
    disable_user,
    end_login,
    find_user,
    set_password,
    start_login,
)
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind
from app.core.rules.errors import AuthenticationFailed, TooManyAttempts
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, enter, writer
from tests.harness import hashing

KEY = b"a key of the tests"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def tried(
    session: Session,
    name: str,
    password: str,
    now: datetime = NOON,
    kind: ActorKind = ActorKind.PARTNER,
    key: bytes = KEY,
) -> Attempt:
    made = attempt(session, kind, name, password, now, key)
    if made.needs_record:
        with transaction(session):
            made = record_attempt(session, made, now)
    return made


@pytest.mark.parametrize(
    ("kind", "known", "hashed"),
    [(ActorKind.PARTNER, "nren_a", 2), (ActorKind.PERSON, "operator", 1)],
)
def test_an_unknown_name_costs_what_a_wrong_password_costs(
    session: Session,
    cast: Cast,
    kind: ActorKind,
    known: str,
    hashed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many hashes, each as dear: counted, since a clock also measures what else runs."""
    dear: list[Parameters] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        dear.append(extract_parameters(stored))
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    costs = []
    for name, password in ((known, "wrong"), ("nobody", PASSWORD), (known, PASSWORD + "x" * 2000)):
        dear.clear()
        assert tried(session, name, password, kind=kind).error is not None
        costs.append([*dear])
    assert costs == [costs[0]] * 3
    assert len(costs[0]) == hashed


def test_wrong_unknown_and_disabled_are_answered_alike(session: Session, cast: Cast) -> None:
    with transaction(session):
        disable_account(session, SYSTEM, find_account(session, "nren_b"))
    errors = {
        (type(made.error), made.error.message)
        for made in (
            tried(session, "nren_a", "wrong password"),
            tried(session, "nobody", PASSWORD),
            tried(session, "nren_b", PASSWORD),
            tried(session, "operator", PASSWORD),
            tried(session, "nren_a", ""),
            tried(session, "nren_a", PASSWORD + "x" * 2000),
        )
        if made.error is not None
    }
    assert errors == {(AuthenticationFailed, "Authentication failed")}
    assert tried(session, "nren_a", PASSWORD).verified_account() == cast.nren_a.account_id
    person = tried(session, "operator", PASSWORD, kind=ActorKind.PERSON)
    assert person.verified_account() == cast.operator.account_id


def test_the_21st_failure_within_ten_seconds_blocks_for_five(session: Session, cast: Cast) -> None:
    def fail(at: float) -> type[Exception | None]:
        error = tried(session, "nren_a", "wrong password", NOON + timedelta(seconds=at)).error
        return type(error)

    assert {fail(n * 0.4) for n in range(20)} == {AuthenticationFailed}
    assert fail(8.0) is TooManyAttempts
    # even the right password, as long as nobody verified it shortly before
    blocked = tried(session, "nren_a", PASSWORD, NOON + timedelta(seconds=12.9))
    assert isinstance(blocked.error, TooManyAttempts)
    assert tried(session, "nren_a", PASSWORD, NOON + timedelta(seconds=13)).error is None
    # another account, unknown ones included, never suffered
    assert tried(session, "nren_b", PASSWORD, NOON + timedelta(seconds=8.1)).error is None


def test_the_genuine_client_goes_on_while_somebody_guesses(session: Session, cast: Cast) -> None:
    assert tried(session, "nren_a", PASSWORD).error is None
    for n in range(25):
        tried(session, "nren_a", f"guess {n}", NOON + timedelta(seconds=n / 10))
    now = NOON + timedelta(seconds=3)
    assert isinstance(tried(session, "nren_a", "guess", now).error, TooManyAttempts)
    assert tried(session, "nren_a", PASSWORD, now).error is None


def test_many_names_at_once_keep_nobody_out_who_needs_no_hashing(
    session: Session, cast: Cast
) -> None:
    assert tried(session, "ggus", PASSWORD).account_id is not None
    with ExitStack() as others:
        held = [others.enter_context(NAMES_HASHED.hold(str(number))) for number in range(20)]
        assert held.count(True) == 12
        for name in ("nobody", "nren_b"):
            refused = tried(session, name, PASSWORD)
            assert isinstance(refused.error, TooManyAttempts)
            assert not refused.needs_record
        assert tried(session, "ggus", PASSWORD).account_id is not None
        with NAMES_HASHED.hold("0") as again:
            assert again
        with NAMES_HASHED.hold("20") as another:
            assert not another
    assert tried(session, "nren_b", PASSWORD).account_id is not None


def test_slow_guesses_are_never_blocked(session: Session, cast: Cast) -> None:
    errors = {
        type(tried(session, "nobody", "x", NOON + timedelta(seconds=n)).error) for n in range(30)
    }
    assert errors == {AuthenticationFailed}


def test_a_new_password_and_disabling_end_a_remembered_credential_at_once(
    session: Session, cast: Cast
) -> None:
    assert tried(session, "nren_a", PASSWORD).error is None
    with transaction(session):
        set_account_password(session, SYSTEM, find_account(session, "nren_a"), "another word 1")
    assert tried(session, "nren_a", PASSWORD).error is not None
    assert tried(session, "nren_a", "another word 1").error is None
    with transaction(session):
        disable_account(session, SYSTEM, find_account(session, "nren_a"))
    assert tried(session, "nren_a", "another word 1").error is not None
    with pytest.raises(AuthenticationFailed):
        actor_of_account(session, cast.nren_a.account_id or 0)


def test_what_is_remembered_depends_on_the_portals_secret_and_holds_no_password(
    session: Session, cast: Cast
) -> None:
    tried(session, "nren_a", PASSWORD, key=b"one")
    tried(session, "nren_a", PASSWORD, key=b"two")
    digests = session.scalars(select(VerifiedCredential.digest)).all()
    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def test_a_login_ends_by_logout_expiry_password_and_disabling(session: Session, cast: Cast) -> None:
    def begin() -> str:
        with transaction(session):
            return start_login(session, cast.kit.account_id or 0, NOON)

    def alive(token: str, now: datetime = NOON) -> bool:
        login = live_login(session, token, now)
        return login is not None and login.user.name == "kit"

    token = begin()
    assert alive(token)
    assert not alive(token[:-1])
    assert not alive(token, NOON + timedelta(hours=12))
    with transaction(session):
        end_login(session, token, NOON)
    assert not alive(token)
    token = begin()
    with transaction(session):
        set_password(session, writer(cast.kit), find_user(session, "kit"), "another word 1")
    assert not alive(token)
    token = begin()
    with transaction(session):
        disable_user(session, writer(cast.admin), find_user(session, "kit"))
    assert not alive(token)


def test_passwords_are_hashed_as_decided() -> None:
    """decisions, section 5; the tests themselves hash cheaper (tests/harness/hashing.py)."""
    assert hashing.REAL.hash("correct horse 9").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
