"""Challenges that are good once, passkeys that count, and what of them ends with what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.passkeys import Passkey, PasskeyChallenge
from app.accounts.models.people import RecoveryCode
from app.accounts.rules.passkeys import RelyingParty
from app.accounts.services import passkeys, second_factor
from app.accounts.services.passkeys import Checked, Purpose
from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, NotFound
from tests.accounts.services.test_second_factor import KEY, code_of
from tests.cast import NOON, SYSTEM, Cast, enter, writer
from tests.harness.authenticator import Authenticator
from tests.harness.databases import open_engine

PARTY = RelyingParty("localhost", "http://localhost")


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def begin(session: Session, purpose: Purpose, name: str = "") -> tuple[str, dict[str, Any]]:
    with transaction(session):
        user = find_user(session, name) if name else None
        return passkeys.begin(session, PARTY, purpose, NOON, user)


def take(session: Session, token: str, purpose: Purpose, user_id: int | None = None) -> bool:
    with transaction(session):
        return passkeys.take_challenge(session, token, purpose, NOON, user_id) is not None


def add(
    session: Session, actor: Actor, device: Authenticator, name: str = "laptop", **more: Any
) -> list[str]:
    """A new passkey of that device; ``more`` as its ``create`` takes it."""
    token, options = begin(session, Purpose.ADD, actor.account)
    answer, by = device.create(options, **more), writer(actor)
    with transaction(session):
        challenge = passkeys.take_challenge(session, token, Purpose.ADD, NOON, actor.account_id)
        return passkeys.add_passkey(session, by, actor.account, PARTY, challenge, answer, name)


def tried(session: Session, device: Authenticator, **wrong: Any) -> Checked:
    token, options = begin(session, Purpose.ALONE)
    with transaction(session):
        challenge = passkeys.take_challenge(session, token, Purpose.ALONE, NOON)
        return passkeys.check(
            session, PARTY, challenge, device.get(options, **wrong), NOON, Purpose.ALONE
        )


def codes(session: Session) -> int:
    number = session.scalar(select(func.count()).select_from(RecoveryCode)) or 0
    session.rollback()
    return number


def test_a_challenge_is_good_once_for_one_purpose_and_person_and_five_minutes(
    session: Session, cast: Cast
) -> None:
    kit, pic = cast.kit.account_id, cast.pic.account_id
    token, _options = begin(session, Purpose.CONFIRM, "kit")
    assert take(session, token, Purpose.CONFIRM, kit)
    assert not take(session, token, Purpose.CONFIRM, kit)
    for purpose, person in (
        (Purpose.ADD, kit),
        (Purpose.SECOND, kit),
        (Purpose.CONFIRM, pic),
        (Purpose.CONFIRM, None),
    ):
        token, _options = begin(session, Purpose.CONFIRM, "kit")
        assert not take(session, token, purpose, person)
        assert not take(session, token, Purpose.CONFIRM, kit)  # a wrong try uses it up
    assert not take(session, "", Purpose.ALONE)
    token, _options = begin(session, Purpose.ALONE)
    late = NOON + timedelta(minutes=5)
    with transaction(session):
        assert passkeys.take_challenge(session, token, Purpose.ALONE, late) is None
    begin(session, Purpose.CONFIRM, "kit")
    with transaction(session):
        user = find_user(session, "kit")
        passkeys.begin(session, PARTY, Purpose.CONFIRM, late, user)  # sweeps what is over
    assert session.scalar(select(func.count()).select_from(PasskeyChallenge)) == 1


def test_who_only_asks_for_a_challenge_stores_nothing(session: Session, cast: Cast) -> None:
    tokens = [begin(session, Purpose.ALONE)[0] for _turn in range(5)]
    assert session.scalar(select(func.count()).select_from(PasskeyChallenge)) == 0
    session.rollback()
    assert [take(session, token, Purpose.ALONE) for token in tokens] == [True] * 5
    assert not any(take(session, token, Purpose.ALONE) for token in tokens)
    token, _options = begin(session, Purpose.ALONE)
    for other in (Purpose.CONFIRM, Purpose.ADD, Purpose.SECOND):
        assert not take(session, token, other, cast.kit.account_id)
    for none in ("", ".", "1.x", "x.y", "9999999999", "\u0663.x"):
        assert not take(session, none, Purpose.ALONE), none
    late = NOON + timedelta(minutes=5)
    with transaction(session):
        token = passkeys.begin(session, PARTY, Purpose.ALONE, late)[0]
    with transaction(session):
        assert passkeys.take_challenge(session, token, Purpose.ALONE, late) is not None
    assert session.scalar(select(func.count()).select_from(PasskeyChallenge)) == 1


def test_of_eight_that_take_a_challenge_at_once_one_has_it(
    session: Session, cast: Cast, database: str
) -> None:
    token, _options = begin(session, Purpose.ALONE)
    engine, barrier = open_engine(database), Barrier(8)

    def one(_turn: int) -> bool:
        with Session(engine) as mine:
            barrier.wait(60)
            return take(mine, token, Purpose.ALONE)

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(8))) == [False] * 7 + [True]
    engine.dispose()


def test_of_eight_answers_with_one_count_one_is_taken(
    session: Session, cast: Cast, database: str
) -> None:
    device = Authenticator()
    add(session, cast.kit, device)
    asked = [begin(session, Purpose.ALONE) for _turn in range(8)]
    answers = []
    for _token, options in asked:
        device.keys[0].count = 5
        answers.append(device.get(options))
    engine, barrier = open_engine(database), Barrier(8)

    def one(turn: int) -> bool:
        with Session(engine) as mine:
            barrier.wait(60)
            with transaction(mine):
                challenge = passkeys.take_challenge(mine, asked[turn][0], Purpose.ALONE, NOON)
                found = passkeys.check(mine, PARTY, challenge, answers[turn], NOON, Purpose.ALONE)
                return found.passkey is not None

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(8))) == [False] * 7 + [True]
    engine.dispose()


def test_an_old_counter_is_refused_of_a_bound_key_and_taken_of_a_synced_one(
    session: Session, cast: Cast
) -> None:
    bound, synced, still = Authenticator(), Authenticator(synced=True), Authenticator(counts=False)
    for actor, device in ((cast.kit, bound), (cast.pic, synced), (cast.reader, still)):
        add(session, actor, device)
    assert tried(session, bound).name == "kit"
    for device, expected in ((bound, ""), (synced, "pic"), (still, "reader")):
        device.keys[0].count = 0  # a copy that has not signed since; the one before signs as 1
        found = tried(session, device)
        assert (found.name if found.passkey else "") == expected
    device = bound
    device.keys[0].count = 0
    refused = tried(session, device)
    assert refused.passkey is None
    assert refused.name == "kit"
    assert "old counter" in refused.how
    device.keys[0].count = 7
    assert tried(session, device).passkey is not None
    assert session.scalars(select(Passkey.sign_count).order_by(Passkey.id)).all() == [8, 1, 0]


def test_recovery_codes_are_made_with_the_first_factor_and_end_with_the_last(
    session: Session, cast: Cast
) -> None:
    device, by = Authenticator(), writer(cast.kit)
    made = add(session, cast.kit, device)
    assert len(made) == 10
    assert add(session, cast.kit, device, "phone") == []
    first, second = passkeys.passkeys_of(session, cast.kit.account_id or 0)
    with transaction(session):
        second_factor.begin_setup(session, by, "kit", KEY)
    secret = second_factor.secret_of(find_user(session, "kit"), KEY)
    with transaction(session):  # the codes that were saved stay good
        assert second_factor.confirm_setup(session, by, "kit", code_of(secret, NOON), KEY) == []
    with transaction(session):
        second_factor.turn_off(session, by, "kit")
    assert codes(session) == 10
    with transaction(session):
        assert second_factor.is_on(session, cast.kit.account_id or 0)
        user = find_user(session, "kit")
        assert second_factor.try_code(session, by, user, made[0], KEY).account_id == user.id
        passkeys.remove_passkey(session, by, "kit", first.id)
    assert codes(session) == 10
    with transaction(session):
        passkeys.remove_passkey(session, by, "kit", second.id)
    assert codes(session) == 0
    assert not second_factor.is_on(session, cast.kit.account_id or 0)


def test_taking_the_second_factor_off_takes_all_of_it(session: Session, cast: Cast) -> None:
    device = Authenticator()
    add(session, cast.kit, device)
    add(session, cast.pic, Authenticator())
    with transaction(session):
        assert second_factor.take_off(session, SYSTEM, "kit", why="lost")
    assert tried(session, device).passkey is None
    assert codes(session) == 10  # another's
    with transaction(session):
        assert not second_factor.take_off(session, SYSTEM, "kit")
    assert second_factor.people_with_passkeys(session) == {cast.pic.account_id}


def test_only_the_person_itself_changes_its_passkeys(session: Session, cast: Cast) -> None:
    device = Authenticator()
    add(session, cast.kit, device)
    (key,) = [one.id for one in passkeys.passkeys_of(session, cast.kit.account_id or 0)]
    session.rollback()
    for verb in (passkeys.remove_passkey, passkeys.rename_passkey):
        more = ("new",) if verb is passkeys.rename_passkey else ()
        with pytest.raises(Forbidden), transaction(session):
            verb(session, writer(cast.admin), "kit", key, *more)
        with pytest.raises(NotFound), transaction(session):
            verb(session, writer(cast.pic), "pic", key, *more)
    with pytest.raises(Forbidden), transaction(session):
        passkeys.add_passkey(session, writer(cast.admin), "kit", PARTY, None, "", "x")


def test_what_is_no_passkey_is_not_added(session: Session, cast: Cast) -> None:
    device = Authenticator()
    add(session, cast.kit, device)
    known = device.keys[0].id
    for wrong in ("", "{}", "[]", "null", "x" * 20_000, '{"id": 1}'):
        with pytest.raises(Invalid), transaction(session):
            passkeys.add_passkey(session, writer(cast.pic), "pic", PARTY, b"c" * 32, wrong, "x")
    for more in ({"origin": "https://elsewhere.example"}, {"verified": False}):
        with pytest.raises(Invalid):
            add(session, cast.pic, Authenticator(), **more)
    thief = Authenticator()
    thief.new_id = known
    with pytest.raises(Invalid, match="already been added"):
        add(session, cast.pic, thief)
    assert passkeys.passkeys_of(session, cast.pic.account_id or 0) == []


def test_first_ones_at_once_have_one_handle(session: Session, cast: Cast, database: str) -> None:
    engine, barrier = open_engine(database), Barrier(8)

    def one(_turn: int) -> str:
        with Session(engine) as mine, transaction(mine):
            user = find_user(mine, "kit")
            if not database.startswith("sqlite"):  # where one writes at a time
                barrier.wait(60)
            _token, options = passkeys.begin(mine, PARTY, Purpose.ADD, NOON, user)
            return str(options["user"]["id"])

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(one, range(8)))) == 1
    engine.dispose()


def test_twenty_are_enough(session: Session, cast: Cast) -> None:
    device = Authenticator()
    for turn in range(20):
        add(session, cast.kit, device, f"number {turn}")
    with pytest.raises(Invalid, match="You have 20 passkeys"):
        add(session, cast.kit, device)
    handles = {key.handle for key in device.keys}
    assert len(handles) == 1  # one account to the device
    assert "kit" not in handles.pop()
