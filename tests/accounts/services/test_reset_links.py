"""One-time links: hashed, once, for two days, the newest only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.models.people import ResetLink
from app.accounts.services import logins, people
from app.accounts.services.credentials import attempt
from app.accounts.services.reset_links import (
    find_reset_link,
    live_reset_link,
    make_reset_link,
    use_reset_link,
)
from app.core.database.transactions import transaction
from app.core.models.changes import ChangedField
from app.core.rules.access import ActorKind
from app.core.rules.errors import Invalid, NotFound
from tests.cast import NOON, PASSWORD, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.until import until

KEY = b"a key of the tests"
NEW = "another horse 8"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def made(session: Session, cast: Cast, name: str = "kit") -> str:
    with transaction(session):
        return make_reset_link(session, writer(cast.admin), name, why="forgotten")


def logs_in(session: Session, password: str) -> bool:
    session.rollback()
    found = attempt(session, ActorKind.PERSON, "kit", password, NOON, KEY).error is None
    session.rollback()
    return found


def works(session: Session, token: str, hours: float = 0) -> bool:
    try:
        find_reset_link(session, token, NOON + timedelta(hours=hours))
    except NotFound:
        return False
    return True


def test_a_link_sets_the_password_once_and_ends_all_logins(session: Session, cast: Cast) -> None:
    with transaction(session):
        login = people.start_login(session, cast.kit.account_id or 0, NOON)
        pending = logins.begin_pending(session, cast.kit.account_id or 0, NOON)
    token = made(session, cast)
    assert logs_in(session, PASSWORD)  # until it is used
    assert session.scalars(select(ResetLink.token_hash)).one() != token
    assert token not in repr(session.execute(select(ChangedField.new)).all())
    session.rollback()
    with transaction(session):
        use_reset_link(session, writer(cast.kit), token, NEW)
    assert logs_in(session, NEW)
    assert not logs_in(session, PASSWORD)
    assert logins.live_login(session, login, NOON) is None
    assert logins.find_pending(session, pending, NOON) is None
    session.rollback()
    with pytest.raises(NotFound), transaction(session):
        use_reset_link(session, writer(cast.kit), token, "third horse 88")
    assert logs_in(session, NEW)


def test_it_works_for_two_days_and_until_the_next(session: Session, cast: Cast) -> None:
    first = made(session, cast)
    assert works(session, first, 47.99)
    assert not works(session, first, 48)
    second, of_pic = made(session, cast), made(session, cast, "pic")
    assert [works(session, token) for token in (first, second, of_pic)] == [False, True, True]
    assert not works(session, second[:-1])
    assert not works(session, "")
    with transaction(session):
        people.set_password(session, writer(cast.kit), people.find_user(session, "kit"), NEW)
    assert not works(session, second)
    assert live_reset_link(session, people.find_user(session, "kit"), NOON) is None


def test_a_password_that_may_not_be_set_uses_nothing_up(session: Session, cast: Cast) -> None:
    token = made(session, cast)
    for bad in ("short", "password123", "kit" * 4 + "\x01"):
        with pytest.raises(Invalid), transaction(session):
            use_reset_link(session, writer(cast.kit), token, bad)
    with transaction(session):
        use_reset_link(session, writer(cast.kit), token, NEW)
    assert logs_in(session, NEW)


def test_of_two_at_once_one_sets_the_password(database: str, session: Session, cast: Cast) -> None:
    token, engine, start = made(session, cast), open_engine(database), Barrier(4)

    def use(number: int) -> str:
        with Session(engine) as own:
            start.wait()
            try:
                with transaction(own):
                    use_reset_link(own, writer(cast.kit), token, f"another horse {number}")
            except NotFound:
                return ""
        return f"another horse {number}"

    with ThreadPoolExecutor(4) as pool:
        set_ones = [word for word in pool.map(use, range(4)) if word]
    engine.dispose()
    assert len(set_ones) == 1
    assert logs_in(session, set_ones[0])


def test_a_link_that_is_used_while_another_is_made_waits(
    database: str, session: Session, cast: Cast
) -> None:
    """Both lock the person first: in another order each would wait for the other without end."""
    token, engine = made(session, cast), open_engine(database)

    def use() -> bool:
        with Session(engine) as own:
            try:
                with transaction(own):
                    use_reset_link(own, writer(cast.kit), token, NEW)
            except NotFound:
                return False
        return True

    def is_held_up() -> bool:
        with engine.connect() as connection:
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(connection.scalar(waiting))

    with ThreadPoolExecutor(1) as pool:
        with transaction(session):
            people.locked_user(session, "kit")
            used = pool.submit(use)
            if engine.dialect.name == "postgresql":  # SQLite lets nobody write meanwhile
                until(is_held_up)
            newer = make_reset_link(session, writer(cast.admin), "kit")
        assert not used.result(60)
    engine.dispose()
    assert works(session, newer)
    assert logs_in(session, PASSWORD)
