"""What listeners are told: kinds, keys, versions and counts, and nothing that they may not see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import disable_user, end_login, find_user, start_login
from app.core.database.transactions import read_connection, transaction
from app.core.rules.access import Actor, Role
from app.core.services.changes import newest_change_id
from app.home.services import live
from app.home.services.live import Feed, Listener, news_since
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, mark_checked, open_ticket
from tests.cast import Cast, writer
from tests.harness.until import until

NEVER = timedelta()


@pytest.fixture
def ticket(session: Session, cast: Cast) -> int:
    return _open(session, cast)


def _open(session: Session, cast: Cast) -> int:
    with transaction(session):
        return open_ticket(session, writer(cast.operator), NewTicket(title="Link down")).number


def _comment(session: Session, by: Actor, number: int, text: str, *, internal: bool) -> None:
    with transaction(session):
        comment_ticket(session, writer(by), number, text, internal=internal)


def _newest(session: Session) -> int:
    newest = session.scalar(select(newest_change_id())) or 0
    session.rollback()
    return newest


class Page:
    """Somebody who listens: all that was told, as a browser would have it."""

    def __init__(
        self,
        feed: Feed,
        login: int = 1,
        role: str = "operator",
        cursor: int = 0,
        account: str = "operator",
    ) -> None:
        self.awake = Event()
        self.events: list[str] = []
        self.listener = Listener(
            feed, account, login, role, cursor, internal=role in ("operator", "admin")
        )
        self.listener.open(self.awake.set)

    def hear(self) -> list[str]:
        """All that there is to hear now."""
        while piece := self.listener.take():
            self.events.append(piece.decode())
        if piece is None:
            self.events.append("the end")
        return self.events

    def heard(self, words: str) -> bool:
        return any(words in event for event in self.hear())

    @property
    def changes(self) -> list[list[object]]:
        """Of all messages."""
        told = [json.loads(one.removeprefix("data: ")) for one in self.hear() if "cursor" in one]
        return [change for one in told for change in one["changes"]]


@contextmanager
def feeding(engine: Engine, most: int = 10, idle: timedelta = NEVER) -> Iterator[Feed]:
    feed = Feed(engine, idle, most, lambda: datetime.now(UTC))
    try:
        yield feed
    finally:
        feed.close()
        until(lambda: feed._thread is None)


@pytest.fixture
def engine(session: Session) -> Engine:
    found = session.get_bind()
    assert isinstance(found, Engine)
    return found


@pytest.fixture
def login(session: Session, cast: Cast) -> int:
    """Of the operator, live."""
    with transaction(session):
        assert cast.operator.account_id is not None
        start_login(session, cast.operator.account_id, datetime.now(UTC))
    key = find_user(session, "operator").id
    session.rollback()
    return _login_of(session, key)


def _login_of(session: Session, user: int) -> int:
    from app.accounts.models.people import Login

    found = session.scalars(
        select(Login.id).where(Login.user_id == user).order_by(Login.id.desc())
    ).first()
    session.rollback()
    assert found is not None
    return found


# ---- what is told ----


def test_things_are_told_once_with_their_newest_version_and_how_often(
    session: Session, cast: Cast, ticket: int
) -> None:
    before = _newest(session)
    other = _open(session, cast)
    for text in ("one", "two", "three"):
        _comment(session, cast.operator, ticket, text, internal=False)
    news = news_since(session, before, _newest(session), internal=False)
    assert news.changes == (("ticket", other, 1, 1), ("ticket", ticket, 4, 3))
    assert json.loads(news.as_json(stream=True)) == {
        "cursor": before + 4,
        "changes": [["ticket", other, 1, 1], ["ticket", ticket, 4, 3]],
        "many": [],
        "stream": True,
    }


def test_what_only_operators_see_of_a_ticket_is_told_to_them_alone(
    session: Session, cast: Cast, ticket: int
) -> None:
    before = _newest(session)
    _comment(session, cast.operator, ticket, "The vendor is at fault", internal=True)
    with transaction(session):
        mark_checked(session, writer(cast.operator), ticket)
    newest = _newest(session)
    assert newest > before
    assert not news_since(session, before, newest, internal=False).changes
    assert news_since(session, before, newest, internal=True).changes[0][:2] == ("ticket", ticket)


def test_people_and_secrets_are_told_to_nobody(session: Session, cast: Cast) -> None:
    before = _newest(session)
    with transaction(session):
        disable_user(session, writer(cast.admin), find_user(session, "kit"), why="left")
    newest = _newest(session)
    assert newest > before
    news = news_since(session, before, newest, internal=True)
    assert (news.cursor, news.changes, news.many) == (newest, (), ())


def test_of_very_many_only_the_kinds_are_told(
    session: Session, cast: Cast, ticket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_IN_MESSAGE", 2)
    before = _newest(session)
    for _turn in range(3):
        _open(session, cast)
    news = news_since(session, before, _newest(session), internal=False)
    assert (news.changes, news.many) == ((), ("ticket",))
    monkeypatch.setattr(live, "KEPT", 2)
    assert "site" in news_since(session, before, _newest(session), internal=False).many


def test_a_place_that_the_log_never_had_is_its_newest(session: Session, cast: Cast) -> None:
    newest = _newest(session)
    assert news_since(session, newest + 7, newest, internal=True).cursor == newest


# ---- who listens ----


def test_a_listener_is_told_at_once_and_a_slow_one_all_in_one_message(
    session: Session, engine: Engine, cast: Cast, ticket: int, login: int
) -> None:
    with feeding(engine) as feed:
        page, slow = Page(feed, login, cursor=_newest(session)), Page(feed, login)
        slow.listener.cursor = _newest(session)
        assert page.hear()[0].startswith("event: ping"), "so the page knows that it is heard"
        slow.hear()
        for turn in range(40):
            _comment(session, cast.operator, ticket, f"Note {turn}", internal=False)
            page.hear()
        until(lambda: sum(int(str(one[3])) for one in page.changes) == 40)
        until(lambda: bool(slow.changes))
        until(lambda: sum(int(str(one[3])) for one in slow.changes) == 40)
        assert slow.changes[-1][:3] == ["ticket", ticket, 41]
        assert len(slow.changes) <= len(page.changes)


def test_a_listener_that_comes_back_hears_what_it_missed(
    session: Session, engine: Engine, cast: Cast, ticket: int, login: int
) -> None:
    before = _newest(session)
    _comment(session, cast.operator, ticket, "Meanwhile", internal=False)
    with feeding(engine) as feed:
        page = Page(feed, login, cursor=before)
        until(lambda: page.changes == [["ticket", ticket, 2, 1]])


def test_a_listener_never_falls_back_behind_the_place_of_its_page(
    session: Session, engine: Engine, cast: Cast, ticket: int, login: int
) -> None:
    """The feed knows of nothing that happened while nobody listened."""
    with feeding(engine) as feed:
        first = Page(feed, login, cursor=_newest(session))
        until(lambda: feed._newest is not None)
        first.listener.close()
        until(lambda: feed._thread is None)
        for text in ("one", "two"):
            _comment(session, cast.operator, ticket, text, internal=False)
        listener = Listener(feed, "operator", login, "operator", _newest(session), internal=True)
        listener.take()
        _comment(session, cast.operator, ticket, "three", internal=False)
        page = Page(feed, login, cursor=listener.cursor)
        until(lambda: bool(page.changes))
        assert page.changes == [["ticket", ticket, 4, 1]]


def test_places_of_long_ago_are_told_one_message(
    session: Session,
    engine: Engine,
    cast: Cast,
    ticket: int,
    login: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "KEPT", 2)
    for turn in range(20):
        _comment(session, cast.operator, ticket, f"Note {turn}", internal=False)
    with feeding(engine) as feed:
        Page(feed, login, cursor=_newest(session))
        until(lambda: feed._newest is not None)
        told = {feed.news_for(place, internal=True) for place in range(15)}
        assert len(told) == len(feed._made) == 1


def test_a_reader_hears_nothing_of_an_internal_note(
    session: Session, engine: Engine, cast: Cast, ticket: int
) -> None:
    with transaction(session):
        assert cast.reader.account_id is not None
        start_login(session, cast.reader.account_id, datetime.now(UTC))
    of_reader = _login_of(session, cast.reader.account_id)
    with feeding(engine) as feed:
        page = Page(feed, of_reader, "reader", cursor=_newest(session))
        _comment(session, cast.operator, ticket, "Not for you", internal=True)
        _comment(session, cast.operator, ticket, "For all", internal=False)
        until(lambda: bool(page.changes))
        assert page.changes == [["ticket", ticket, 3, 1]]


def test_pages_begin_anew_where_the_log_is_another_one(
    session: Session, engine: Engine, cast: Cast, ticket: int, login: int
) -> None:
    with feeding(engine) as feed:
        page = Page(feed, login, cursor=_newest(session))
        until(lambda: feed._newest is not None)
        assert feed._newest is not None
        feed._newest += 100  # that of before a restore
        until(lambda: page.heard("the end"))
        page.listener.close()


def test_who_logged_out_is_told_so(
    session: Session, engine: Engine, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOGINS_EVERY", 0.0)
    assert cast.reader.account_id is not None
    with transaction(session):
        token = start_login(session, cast.reader.account_id, datetime.now(UTC))
    with feeding(engine) as feed:
        page = Page(feed, _login_of(session, cast.reader.account_id), "reader")
        until(lambda: page.heard("cursor") or page.heard("ping"))
        with transaction(session):
            end_login(session, token, datetime.now(UTC))
        until(lambda: page.heard("the end"))
        assert page.events[-2:] == ["event: ended\ndata: \n\n", "the end"]


def test_a_login_that_was_idle_too_long_ends_although_its_page_listens(
    session: Session, engine: Engine, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOGINS_EVERY", 0.0)
    assert cast.reader.account_id is not None
    with transaction(session):
        start_login(session, cast.reader.account_id, datetime.now(UTC) - timedelta(hours=3))
    key = _login_of(session, cast.reader.account_id)
    with (
        feeding(engine, idle=timedelta(hours=4)) as feed,
        feeding(engine, idle=timedelta(hours=2)) as strict,
    ):
        page, idle = Page(feed, key, "reader"), Page(strict, key, "reader")
        until(lambda: idle.heard("ended"))
        assert not page.heard("ended")


def test_another_role_ends_the_stream_and_not_the_login(
    session: Session, engine: Engine, cast: Cast, login: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOGINS_EVERY", 0.0)
    with feeding(engine) as feed:
        page = Page(feed, login)
        with transaction(session):
            session.scalars(select(User).where(User.name == "operator")).one().role = Role.READER
        until(lambda: page.heard("the end"))
        assert not page.heard("ended")


def test_listeners_are_bounded_in_all_and_by_account(
    session: Session, engine: Engine, cast: Cast, login: int
) -> None:
    with feeding(engine, most=6) as feed:
        pages = [Page(feed, login) for _turn in range(live.MAX_OF_ACCOUNT)]
        assert not feed.has_room("operator")
        late = Page(feed, login)  # it asked before the others were in
        assert late.hear() == ["the end"]
        assert all(page.hear() != ["the end"] for page in pages)
        late.listener.close()
        assert feed.has_room("reader")
        pages[0].listener.close()
        pages[0].listener.close()
        assert feed.has_room("operator")
        others = [Page(feed, login, account=name) for name in ("a", "b", "c")]
        assert not any(page.heard("the end") for page in others)
        assert not feed.has_room("reader")
        assert Page(feed, login, account="reader").hear() == ["the end"]


def test_the_process_ends_and_nothing_runs_without_listeners(
    session: Session, engine: Engine, cast: Cast, login: int
) -> None:
    feed = Feed(engine, NEVER, 10, lambda: datetime.now(UTC))
    page = Page(feed, login)
    page.listener.close()
    until(lambda: feed._thread is None)
    page = Page(feed, login)
    feed.close()
    assert page.heard("the end")
    assert not feed.has_room("operator")
    until(lambda: feed._thread is None)


def test_a_database_that_is_away_is_waited_for(
    session: Session,
    engine: Engine,
    cast: Cast,
    ticket: int,
    login: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sqlalchemy.exc import OperationalError

    read, fails = read_connection, [True]

    def failing(given: Engine) -> object:
        if fails[0]:
            raise OperationalError("SELECT", {}, Exception("away"))
        return read(given)

    monkeypatch.setattr(live, "read_connection", failing)
    with feeding(engine) as feed:
        page = Page(feed, login, cursor=_newest(session))
        _comment(session, cast.operator, ticket, "While it is away", internal=False)
        page.awake.wait(1)
        assert not page.changes
        fails[0] = False
        until(lambda: page.changes == [["ticket", ticket, 2, 1]])


def test_an_error_of_the_feed_sends_its_pages_away_and_it_begins_anew(
    session: Session,
    engine: Engine,
    cast: Cast,
    ticket: int,
    login: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = [True]

    def clock() -> datetime:
        if broken[0]:
            raise ArithmeticError("no time")
        return datetime.now(UTC)

    feed = Feed(engine, NEVER, 10, clock)
    page = Page(feed, login)
    until(lambda: page.heard("the end"))
    page.listener.close()
    assert "live: feed failed" in caplog.text
    broken[0] = False
    page = Page(feed, login, cursor=_newest(session))
    _comment(session, cast.operator, ticket, "It goes again", internal=False)
    until(lambda: page.changes == [["ticket", ticket, 2, 1]])
    feed.close()
    until(lambda: feed._thread is None)
