"""The second factor: codes by the clock that comes in, each once; recovery codes; who needs one.

The codes are computed here by RFC 6238's own rule, and its published vector is checked first.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import LoginFailure, RecoveryCode, User
from app.accounts.services import people, second_factor
from app.accounts.services.credentials import attempt, record_attempt
from app.core.database.transactions import transaction
from app.core.models.changes import ChangedField
from app.core.rules.access import Actor, ActorKind
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid, TooManyAttempts
from app.core.services.changes import newest_changes_of
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine

KEY = b"a key of the tests"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def code_of(secret: str, at: datetime) -> str:
    """RFC 6238 with SHA-1, six digits and steps of 30 s."""
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", int(at.timestamp()) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def test_the_rule_of_this_file_is_that_of_the_standard() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    # RFC 6238, appendix B: the last six of the eight digits at 59 s and at 1111111109 s
    assert code_of(secret, datetime.fromtimestamp(59, UTC)) == "287082"
    assert code_of(secret, datetime.fromtimestamp(1111111109, UTC)) == "081804"


def set_up(session: Session, actor: Actor) -> tuple[str, list[str]]:
    """A second factor of that person since ``NOON``: the secret, the recovery codes."""
    by = writer(actor)
    with transaction(session):
        second_factor.begin_setup(session, by, actor.account, KEY)
    secret = second_factor.secret_of(people.find_user(session, actor.account), KEY)
    with transaction(session):
        codes = second_factor.confirm_setup(session, by, actor.account, code_of(secret, NOON), KEY)
    return secret, codes


def taken(
    session: Session, actor: Actor, code: str, at: datetime, key: bytes = KEY
) -> type[Exception] | None:
    """Try a code; None if it was taken, else what is wrong."""
    with transaction(session):
        user = people.find_user(session, actor.account)
        tried = second_factor.try_code(session, writer(actor, at), user, code, key)
    if tried.account_id == actor.account_id:
        return None
    assert tried.error is not None
    return type(tried.error)


def test_a_setup_needs_its_first_code(session: Session, cast: Cast) -> None:
    by = writer(cast.kit)
    with transaction(session):
        second_factor.begin_setup(session, by, "kit", KEY)
    user = people.find_user(session, "kit")
    secret = second_factor.secret_of(user, KEY)
    assert secret not in user.totp_secret
    assert f"secret={secret}" in second_factor.address_of(user, KEY)
    assert user.totp_since is None
    session.rollback()
    wrong = "000000" if code_of(secret, NOON) != "000000" else "000001"
    for code in (wrong, "", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666"):
        with pytest.raises(Invalid), transaction(session):
            second_factor.confirm_setup(session, by, "kit", code, KEY)
    with transaction(session):
        codes = second_factor.confirm_setup(session, by, "kit", code_of(secret, NOON), KEY)
    assert len(set(codes)) == 10
    kept = session.scalars(select(RecoveryCode.code_hash)).all()
    logged = repr(session.execute(select(ChangedField.old, ChangedField.new)).all())
    for code in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert code not in logged
        assert code not in kept
    session.rollback()
    with pytest.raises(Invalid), transaction(session):
        second_factor.begin_setup(session, by, "kit", KEY)
    for actor in (cast.admin, cast.pic):
        with pytest.raises(Forbidden), transaction(session):
            second_factor.begin_setup(session, writer(actor), "kit", KEY)


def test_codes_of_one_step_aside_are_taken_and_none_twice(session: Session, cast: Cast) -> None:
    secret, _codes = set_up(session, cast.kit)

    def at(seconds: int) -> datetime:
        return NOON + timedelta(seconds=seconds)

    assert taken(session, cast.kit, code_of(secret, NOON), at(5)) is AuthenticationFailed  # used
    now = at(300)
    for aside in (-60, 60):
        assert taken(session, cast.kit, code_of(secret, at(300 + aside)), now) is not None
    assert taken(session, cast.kit, code_of(secret, at(270)), now) is None
    assert taken(session, cast.kit, code_of(secret, at(270)), now) is not None
    assert taken(session, cast.kit, code_of(secret, at(330)), now) is None
    # a code before one that was taken is over, though it was never used itself
    assert taken(session, cast.kit, code_of(secret, at(300)), now) is not None
    spaced = code_of(secret, at(900))
    assert taken(session, cast.kit, f" {spaced[:3]} {spaced[3:]} ", at(900)) is None
    # nobody else's
    set_up(session, cast.pic)
    assert taken(session, cast.pic, code_of(secret, at(1200)), at(1200)) is not None


def test_of_many_at_once_with_one_code_one_is_let_in(
    database: str, session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    engine = open_engine(database)
    later = NOON + timedelta(minutes=5)
    for code in (code_of(secret, later), codes[0]):
        start = Barrier(4)

        def enters(_number: int, code: str = code, start: Barrier = start) -> bool:
            with Session(engine) as own:
                start.wait()
                return taken(own, cast.kit, code, later) is None

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(enters, range(4))) == [False, False, False, True]
    engine.dispose()


def test_recovery_codes_stand_in_once_also_when_the_portals_secret_changed(
    session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    later = NOON + timedelta(minutes=5)
    assert taken(session, cast.kit, codes[0].lower(), later) is None
    assert taken(session, cast.kit, codes[0], later) is AuthenticationFailed
    user = people.find_user(session, "kit")
    change = newest_changes_of(session, "person", user.id, 1)[0]
    assert [(item.field, item.new) for item in change.fields] == [("recovery_code", "used, 9 left")]
    session.rollback()
    with pytest.raises(Invalid) as unreadable:
        taken(session, cast.kit, code_of(secret, later), later, b"another key of the portal")
    assert "secret key has changed" in unreadable.value.message
    assert taken(session, cast.kit, codes[1], later, b"another key of the portal") is None
    with transaction(session):
        more = second_factor.new_recovery_codes(session, writer(cast.kit), "kit")
    assert taken(session, cast.kit, codes[2], later) is not None
    assert taken(session, cast.kit, more[0], later) is None


def test_a_secret_copied_to_another_person_does_not_open(session: Session, cast: Cast) -> None:
    set_up(session, cast.kit)
    with transaction(session):
        theirs, mine = people.find_user(session, "kit"), people.find_user(session, "pic")
        mine.totp_secret, mine.totp_since = theirs.totp_secret, NOON
    with pytest.raises(Invalid):
        second_factor.secret_of(people.find_user(session, "pic"), KEY)


def test_wrong_codes_count_as_failed_logins_and_the_genuine_one_gets_in(
    session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    begin = NOON + timedelta(minutes=5)

    def wrong(at: float) -> type[Exception] | None:
        return taken(session, cast.kit, "not one", begin + timedelta(seconds=at))

    assert {wrong(n * 0.4) for n in range(20)} == {AuthenticationFailed}
    assert wrong(8) is TooManyAttempts
    good = begin + timedelta(seconds=12.9)
    assert taken(session, cast.kit, code_of(secret, good), good) is TooManyAttempts
    assert taken(session, cast.kit, codes[0], good) is TooManyAttempts
    # tries while blocked are not counted, so that nobody can keep the person out by going on
    count = len(session.scalars(select(LoginFailure)).all())
    session.rollback()
    assert count == 21
    good = begin + timedelta(seconds=13)
    assert taken(session, cast.kit, code_of(secret, good), good) is None
    # somebody else never suffered
    other, _codes = set_up(session, cast.pic)
    assert taken(session, cast.pic, code_of(other, good), good) is None


def test_who_does_not_know_the_password_keeps_nobody_from_giving_the_code(
    session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    begin = NOON + timedelta(minutes=5)
    for n in range(21):
        session.rollback()
        tried = attempt(session, ActorKind.PERSON, "kit", f"guess {n}", begin, KEY)
        with transaction(session):
            tried = record_attempt(session, tried, begin)
    assert isinstance(tried.error, TooManyAttempts)
    now = begin + timedelta(seconds=1)
    assert taken(session, cast.kit, code_of(secret, now), now) is None


def test_after_many_failures_two_codes_are_needed_and_the_genuine_one_has_them(
    session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    begin = NOON + timedelta(hours=1)
    for n in range(99):  # slowly, so that nothing is blocked
        assert taken(session, cast.kit, "000", begin + timedelta(seconds=n)) is not None
    now = begin + timedelta(minutes=5)
    assert taken(session, cast.kit, code_of(secret, now), now) is None
    assert taken(session, cast.kit, "000", now) is not None
    now += timedelta(minutes=5)

    def pair(first: int) -> str:
        return " ".join(code_of(secret, now + timedelta(seconds=s)) for s in (first, first + 30))

    for wrong in (code_of(secret, now), pair(-90), pair(60), pair(0)[::-1], pair(0) + "1"):
        assert taken(session, cast.kit, wrong, now) is not None, wrong
    assert taken(session, cast.kit, pair(-30), now) is None
    assert taken(session, cast.kit, pair(-30), now) is not None
    assert taken(session, cast.kit, pair(0), now) is not None  # its first was used
    now += timedelta(minutes=1)
    assert taken(session, cast.kit, pair(0), now) is None
    assert taken(session, cast.kit, codes[0], now) is None
    # a day later one is enough again, and it always was for others
    now += timedelta(days=1)
    assert taken(session, cast.kit, code_of(secret, now), now) is None
    other, _codes = set_up(session, cast.pic)
    assert taken(session, cast.pic, code_of(other, begin), begin) is None


def test_an_admin_takes_it_off_who_lost_it(session: Session, cast: Cast) -> None:
    set_up(session, cast.kit)
    for actor in (cast.operator, cast.kit):
        with pytest.raises(Forbidden), transaction(session):
            second_factor.take_off(session, writer(actor), "kit")
    with transaction(session):
        assert second_factor.take_off(session, writer(cast.admin), "kit", why="lost phone")
        assert not second_factor.take_off(session, writer(cast.admin), "kit")
    user = people.find_user(session, "kit")
    assert (user.totp_secret, user.totp_since) == ("", None)
    assert session.scalars(select(RecoveryCode)).all() == []
    change = newest_changes_of(session, "person", user.id, 1)[0]
    assert [(item.field, item.old, item.new) for item in change.fields] == [
        ("second_factor", "on", "off"),
        ("why", None, "lost phone"),
    ]


def test_the_demand_is_a_logged_setting_of_admins_only(session: Session, cast: Cast) -> None:
    def must(name: str) -> bool:
        return second_factor.must_set_up(
            session, session.scalars(select(User).where(User.name == name)).one()
        )

    assert not must("admin")
    session.rollback()
    for actor in (cast.operator, cast.reader):
        with pytest.raises(Forbidden), transaction(session):
            second_factor.demand_of_admins(session, writer(actor), on=True)
    with transaction(session):
        assert second_factor.demand_of_admins(session, writer(cast.admin), on=True, why="policy")
        assert not second_factor.demand_of_admins(session, writer(cast.admin), on=True)
    assert [must(name) for name in ("admin", "operator", "reader")] == [True, False, False]
    change = newest_changes_of(session, "setting", 1, 10)
    assert [(item.field, item.old, item.new) for one in change for item in one.fields] == [
        ("second_factor_of_admins", "no", "yes"),
        ("why", None, "policy"),
    ]
    session.rollback()
    set_up(session, cast.admin)
    assert not must("admin")
    session.rollback()
    with transaction(session):
        assert second_factor.demand_of_admins(session, writer(cast.admin), on=False)
        assert not second_factor.demand_of_admins(session, writer(cast.admin), on=False)
    assert not second_factor.admins_need_it(session)
