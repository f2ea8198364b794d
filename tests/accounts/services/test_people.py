"""People: who may change them, what is logged, and that an admin is always left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login, User
from app.accounts.services import logins, people
from app.accounts.services.credentials import Attempt, attempt, record_attempt
from app.accounts.services.reset_links import find_reset_link, make_reset_link
from app.core.database.transactions import transaction
from app.core.rules.access import Actor, ActorKind
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid, NotFound
from app.core.services.changes import newest_changes_of
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine

KEY = b"a key of the tests"
NEW = "another horse 8"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def newest(session: Session, name: str) -> list[tuple[str, str | None, str | None]]:
    """The fields of the newest change of a person."""
    user = people.find_user(session, name)
    change = newest_changes_of(session, "person", user.id, 1)[0]
    return [(item.field, item.old, item.new) for item in change.fields]


def second_admin(session: Session) -> Actor:
    with transaction(session):
        return people.actor_of_user(
            people.create_user(session, SYSTEM, "boss", "admin", "another horse 9")
        )


def test_each_change_is_one_row_with_its_reason(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        people.create_user(session, by, "noc", "reader", mail="noc@example.org", why="night shift")
    assert newest(session, "noc") == [
        ("name", None, "noc"),
        ("role", None, "reader"),
        ("mail", None, "noc@example.org"),
        ("why", None, "night shift"),
    ]
    with transaction(session):
        assert people.change_person(
            session, by, "noc", "reporter", ("pic", "GRIDKA", "ES-PIC"), why="reports now"
        )
    assert newest(session, "noc") == [
        ("role", "reader", "reporter"),
        ("sites", None, "DE-KIT; ES-PIC"),
        ("why", None, "reports now"),
    ]
    with transaction(session):
        assert not people.change_person(session, by, "noc", "reporter", ("ES-PIC", "DE-KIT"))
        people.change_person(session, by, "noc", "operator")
    assert newest(session, "noc") == [
        ("role", "reporter", "operator"),
        ("sites", "DE-KIT; ES-PIC", None),
    ]
    with transaction(session):
        people.disable_user(session, by, people.find_user(session, "noc"), why="left")
        people.disable_user(session, by, people.find_user(session, "noc"), why="left again")
    assert newest(session, "noc") == [("disabled", "no", "yes"), ("why", None, "left")]
    with transaction(session):
        people.enable_user(session, by, people.find_user(session, "noc"))
    assert newest(session, "noc") == [("disabled", "yes", "no")]
    user = people.find_user(session, "noc")
    assert len(newest_changes_of(session, "person", user.id, 100)) == 5


def test_only_admins_change_others(session: Session, cast: Cast) -> None:
    kit = people.find_user(session, "kit")
    verbs: tuple[Callable[[Actor], object], ...] = (
        lambda actor: people.create_user(session, writer(actor), "x", "reader", NEW),
        lambda actor: people.change_person(session, writer(actor), "kit", "admin"),
        lambda actor: people.disable_user(session, writer(actor), kit),
        lambda actor: people.enable_user(session, writer(actor), kit),
        lambda actor: make_reset_link(session, writer(actor), "kit"),
        lambda actor: logins.end_other_logins(session, writer(actor), kit),
        lambda actor: people.set_time_zone(session, writer(actor), kit, "Europe/Rome"),
        lambda actor: people.set_mail(session, writer(actor), kit, "a@example.org"),
        lambda actor: people.set_password(session, writer(actor), kit, NEW),
    )
    for verb in verbs:
        for actor in (cast.operator, cast.pic, cast.reader, cast.ggus):
            with pytest.raises(Forbidden), transaction(session):
                verb(actor)
    with pytest.raises(Forbidden), transaction(session):  # not even an admin types it for others
        people.set_password(session, writer(cast.admin), kit, NEW)


def test_without_a_password_nobody_logs_in(session: Session, cast: Cast) -> None:
    with transaction(session):
        people.create_user(session, writer(cast.admin), "noc", "reader")
    for password in ("", "none", PASSWORD):
        tried = attempt(session, ActorKind.PERSON, "noc", password, NOON, KEY)
        assert tried.error is not None
        assert tried.account_id is None
        session.rollback()


@pytest.mark.parametrize(
    ("verb", "field"), [("demote", "role"), ("disable", "name"), ("report", "role")]
)
def test_the_last_admin_stays(session: Session, cast: Cast, verb: str, field: str) -> None:
    def carry_out() -> None:
        with transaction(session):
            if verb == "disable":
                people.disable_user(session, writer(cast.admin), people.find_user(session, "admin"))
            elif verb == "demote":
                people.change_person(session, writer(cast.admin), "admin", "operator")
            else:
                people.change_person(session, SYSTEM, "admin", "reporter", ("DE-KIT",))

    with transaction(session):  # another one who cannot log in does not count
        people.create_user(session, SYSTEM, "waiting", "admin")
        people.create_user(session, SYSTEM, "gone", "admin", NEW)
        people.disable_user(session, SYSTEM, people.find_user(session, "gone"))
    with pytest.raises(Invalid) as refused:
        carry_out()
    assert refused.value.field == field
    assert "last admin" in refused.value.message
    assert people.find_user(session, "admin").role == "admin"
    session.rollback()
    second_admin(session)
    carry_out()


def test_two_admins_who_take_the_role_from_each_other_leave_one(
    database: str, session: Session, cast: Cast
) -> None:
    boss = second_admin(session)
    engine = open_engine(database)
    pairs = ((cast.admin, "boss"), (boss, "admin"))
    for turn in range(6):
        start = Barrier(2)

        def take(pair: tuple[Actor, str], turn: int = turn, start: Barrier = start) -> str:
            actor, other = pair
            with Session(engine) as own:
                start.wait()
                try:
                    with transaction(own):
                        if turn % 2:
                            people.disable_user(own, writer(actor), people.find_user(own, other))
                        else:
                            people.change_person(own, writer(actor), other, "operator")
                except Invalid as error:
                    return error.message
            return "taken"

        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(take, pairs))
        assert said.count("taken") == 1, said
        assert "last admin" in next(words for words in said if words != "taken")
        left = session.scalars(
            select(User.name).where(User.role == "admin", User.disabled_at.is_(None))
        ).all()
        assert len(left) == 1
        session.rollback()
        with transaction(session):
            for name in ("admin", "boss"):
                people.enable_user(session, SYSTEM, people.find_user(session, name))
                people.change_person(session, SYSTEM, name, "admin")
    engine.dispose()


def test_a_role_is_checked_with_its_sites(session: Session, cast: Cast) -> None:
    for role, sites, field in (
        ("king", (), "role"),
        ("reporter", (), "sites"),
        ("operator", ("DE-KIT",), "sites"),
        ("reporter", ("NOWHERE",), "sites"),
    ):
        with pytest.raises(Invalid) as refused, transaction(session):
            people.change_person(session, writer(cast.admin), "reader", role, sites)
        assert refused.value.field == field
    with pytest.raises(NotFound), transaction(session):
        people.change_person(session, writer(cast.admin), "nobody", "reader")


def test_common_and_short_passwords_are_not_set(session: Session, cast: Cast) -> None:
    kit = people.find_user(session, "kit")
    for password in ("nine char", "password123", "PASSWORD123", "correcthorsebatterystaple"):
        with pytest.raises(Invalid), transaction(session):
            people.set_password(session, writer(cast.kit), kit, password)
        with pytest.raises(Invalid), transaction(session):
            people.create_user(session, writer(cast.admin), "noc", "reader", password)


def test_no_login_begins_by_a_password_that_was_replaced_while_it_was_checked(
    session: Session, cast: Cast
) -> None:
    def tried(password: str) -> Attempt:
        session.rollback()
        found = attempt(session, ActorKind.PERSON, "kit", password, NOON, KEY)
        with transaction(session):
            return record_attempt(session, found, NOON)

    hashed, remembered = tried(PASSWORD), tried(PASSWORD)
    assert remembered.verified_digest is None  # it was not hashed again
    for before in (hashed, remembered):
        with transaction(session):
            assert logins.verified_user(session, before).name == "kit"
    with transaction(session):
        people.set_password(session, writer(cast.kit), people.find_user(session, "kit"), NEW)
    for before in (hashed, remembered, tried("a guess of mine")):
        with pytest.raises(AuthenticationFailed), transaction(session):
            logins.verified_user(session, before)
    now_right = tried(NEW)
    with transaction(session):
        people.disable_user(session, writer(cast.admin), people.find_user(session, "kit"))
    with pytest.raises(AuthenticationFailed), transaction(session):
        logins.verified_user(session, now_right)


def test_logins_are_listed_seen_and_ended_one_by_one(session: Session, cast: Cast) -> None:
    key = cast.kit.account_id or 0
    with transaction(session):
        first = people.start_login(
            session, key, NOON, remote="192.0.2.7", browser="x" * 300, second_factor=True
        )
        second = people.start_login(session, key, NOON + timedelta(hours=1))
        people.start_login(session, cast.pic.account_id or 0, NOON)
    kit = people.find_user(session, "kit")
    now = NOON + timedelta(hours=2)
    newest_login, older = logins.logins_of(session, kit, now)
    assert (older.remote, len(older.browser), older.second_factor) == ("192.0.2.7", 255, True)
    assert logins.last_logins(session)[key] == NOON + timedelta(hours=1)
    other = session.scalars(select(Login).where(Login.user_id != key)).one().id
    for foreign in (other, 4711):
        with pytest.raises(NotFound), transaction(session):
            logins.end_one_login(session, writer(cast.kit), kit, foreign)
    with transaction(session):
        logins.end_one_login(session, writer(cast.kit, now), kit, older.id)
    assert logins.live_login(session, first, now) is None
    assert logins.live_login(session, second, now) is not None
    assert newest(session, "kit") == [("logins", None, "1 ended")]
    with transaction(session):
        third = people.start_login(session, key, now)
        assert logins.end_other_logins(session, writer(cast.kit, now), kit, third) == (1, "")
    assert [login.id for login in logins.logins_of(session, kit, now)] != [newest_login.id]
    assert logins.live_login(session, third, now) is not None
    with transaction(session):
        assert logins.end_other_logins(session, writer(cast.admin, now), kit, why="lost") == (1, "")
        assert logins.end_other_logins(session, writer(cast.admin, now), kit, why="lost") == (0, "")
    assert logins.live_login(session, third, now) is None


def test_the_last_use_is_written_once_a_minute(session: Session, cast: Cast) -> None:
    with transaction(session):
        token = people.start_login(session, cast.kit.account_id or 0, NOON)
    login = logins.live_login(session, token, NOON)
    assert login is not None
    key = login.id
    for seconds, due in ((0, False), (59, False), (60, True)):
        assert logins.needs_seen(login, NOON + timedelta(seconds=seconds)) is due
    seen = NOON + timedelta(seconds=60)
    for later, kept in ((0, 60), (30, 60), (61, 121)):
        now = seen + timedelta(seconds=later)
        with transaction(session):
            logins.note_seen(session, key, now)
        assert session.get_one(Login, key).seen_at == NOON + timedelta(seconds=kept)


def test_disabling_ends_a_link_for_good(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        token = make_reset_link(session, by, "kit")
        people.disable_user(session, by, people.find_user(session, "kit"))
    with pytest.raises(Invalid), transaction(session):
        make_reset_link(session, by, "kit")
    with transaction(session):
        people.enable_user(session, by, people.find_user(session, "kit"))
    with pytest.raises(NotFound):
        find_reset_link(session, token, NOON)
