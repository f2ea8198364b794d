"""What changed, for the pages that are open: only kinds, keys and versions of the change log.

One thread of a process, which runs while somebody listens, reads the log's newest id some times a
second, and what was added, once for all listeners. Each listener has its own place in the log and
takes what lies between it and the newest change: a slow reader, or a thousand changes in a
second, make one message longer and nothing else. What a person may not see is not sent at all.

It must not know how a listener is spoken to.
"""

from __future__ import annotations

import json
import logging
from collections import Counter as Count
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import RLock, Thread
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.accounts.services.logins import roles_of_live_logins
from app.calendar.services.lhc_calendar import LHC_PERIOD
from app.core.database.transactions import read_connection
from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET, newest_change_id
from app.events.services.events import EVENT
from app.registry.services.registry import LINK, SITE
from app.tickets.services.timeline import is_hidden

KINDS: Final = frozenset({TICKET, EVENT, LINK, SITE, LHC_PERIOD})
"""The kinds that are sent: those that every logged-in person may read. No person, account, secret
or mail."""
PAUSE: Final = 0.4
"""Seconds between two looks at the log: so many messages a listener gets at most."""
KEPT: Final = 1_000
"""Changes that are stored for listeners who come back, or are slow."""
MAX_IN_MESSAGE: Final = 300
"""Things in one message; of more only the kinds are sent."""
MAX_OF_ACCOUNT: Final = 4
"""The same of one person: a browser has six connections to one address, pages need some too."""
PING: Final = 20.0
"""Seconds of silence after which a listener gets a sign of life."""
LOGINS_EVERY: Final = 5.0
"""Seconds between two looks whether the listeners' logins are alive."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One change, as far as it may be sent."""

    id: int
    kind: str
    key: int
    version: int
    hidden: bool
    """Only operators see it."""


@dataclass(frozen=True, slots=True)
class News:
    """What changed up to a place in the log."""

    cursor: int
    changes: tuple[tuple[str, int, int, int], ...] = ()
    """Kind, key and newest version of each thing that changed, and how often it did."""
    many: tuple[str, ...] = ()
    """Kinds of which too much changed to name it."""

    def as_json(self, **more: Any) -> str:
        """For the page."""
        told = {"cursor": self.cursor, "changes": self.changes, "many": self.many}
        return json.dumps(told | more, separators=(",", ":"))


def read_changes(session: Session, after: int, limit: int) -> list[ShownChange]:
    """Up to ``limit`` changes behind this place of the log, in order; of other kinds too."""
    few = (
        select(Change.id, Change.kind, Change.thing_id, Change.version)
        .where(Change.id > after)
        .order_by(Change.id)
        .limit(limit)
        .subquery()
    )
    rows = session.execute(
        select(few, ChangedField.field)
        .outerjoin(ChangedField, ChangedField.change_id == few.c.id)
        .order_by(few.c.id)
    )
    found: dict[int, ShownChange] = {}
    for number, kind, key, version, name in rows:
        hidden = kind == TICKET and (name is None or is_hidden(name))
        if number not in found or (found[number].hidden and not hidden):
            found[number] = ShownChange(number, kind, key, version, hidden)
    return list(found.values())


def news_since(session: Session, cursor: int, newest: int, *, internal: bool) -> News:
    """What changed between two places of the log; ``internal``: what operators see as well."""
    if newest <= cursor:
        return News(cursor if cursor == newest else newest)
    if newest - cursor > KEPT:
        return News(newest, many=tuple(sorted(KINDS)))
    return _news(newest, read_changes(session, cursor, newest - cursor), internal=internal)


def _news(cursor: int, changes: Iterable[ShownChange], *, internal: bool) -> News:
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for one in changes:
        if one.kind in KINDS and (internal or not one.hidden):
            thing = one.kind, one.key
            found[thing] = one.version, found.get(thing, (0, 0))[1] + 1
    if len(found) > MAX_IN_MESSAGE:
        return News(cursor, many=tuple(sorted({kind for kind, _ in found})))
    return News(cursor, tuple((*thing, *what) for thing, what in found.items()))


class Listener:
    """One page that is open: ``Pushed``, as app/core/web/requests/streaming.py has it."""

    def __init__(
        self, feed: Feed, account: str, login: int, role: str, cursor: int, *, internal: bool
    ) -> None:
        self.account, self.login, self.role = account, login, role
        self.internal = internal
        self.cursor = cursor
        self.wake: Callable[[], None] = lambda: None
        self.ending: str | None = None
        """Set: the listener is to end, with this event if it is not ""."""
        self._feed = feed
        self._last = -PING
        self._ended = False

    def open(self, wake: Callable[[], None]) -> None:
        """Count it, and wake it from now on."""
        self.wake = wake
        self._feed.add(self)

    def take(self) -> bytes | None:
        """The next event (HTML, section 9.2), if there is something to send."""
        if self._ended or self.ending == "":
            return None
        if self.ending:
            self._ended = True
            return f"event: {self.ending}\ndata: \n\n".encode()
        self.cursor, told = self._feed.news_for(self.cursor, internal=self.internal)
        if told or monotonic() - self._last >= PING:
            self._last = monotonic()
            return told or b"event: ping\ndata: \n\n"
        return b""

    def is_silent(self) -> bool:
        """For so long that it must be sent something."""
        return monotonic() - self._last >= PING

    def close(self) -> None:
        """The page is gone."""
        self._feed.remove(self)


class Feed:
    """All listeners of a process, at most ``most``; ``idle``: how long a login may be unused, zero
    = for ever; ``clock`` gives the time, aware UTC."""

    def __init__(
        self, engine: Engine, idle: timedelta, most: int, clock: Callable[[], datetime]
    ) -> None:
        self._engine, self._idle, self._most, self._clock = engine, idle, most, clock
        self._listeners: set[Listener] = set()
        self._of_account: Count[str] = Count()
        self._lock = RLock()  # a signal's handler may come upon its own thread
        self._thread: Thread | None = None
        self._newest: int | None = None
        self._kept: deque[ShownChange] = deque(maxlen=KEPT)
        self._known_from = 0
        """All changes behind this place are kept."""
        self._made: dict[tuple[int, bool], bytes] = {}
        self._logins_at = 0.0
        self._closed = False

    def has_room(self, account: str) -> bool:
        """Whether one more may listen; ``add`` decides, as others may ask at the same time."""
        return (
            not self._closed
            and len(self._listeners) < self._most
            and self._of_account[account] < MAX_OF_ACCOUNT
        )

    def add(self, listener: Listener) -> None:
        """Start sending; where there is no room, the listener ends at once."""
        with self._lock:
            if not self.has_room(listener.account):
                listener.ending = ""
                return
            self._listeners.add(listener)
            self._of_account[listener.account] += 1
            if self._thread is None:
                self._thread = Thread(target=self._run, name="live", daemon=True)
                self._thread.start()

    def remove(self, listener: Listener) -> None:
        """Stop sending; a second call has no effect."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
                self._of_account[listener.account] -= 1
                if not self._of_account[listener.account]:
                    del self._of_account[listener.account]

    def close(self) -> None:
        """The process is about to end: listeners go elsewhere."""
        self._closed = True
        self._send_away()

    def _send_away(self) -> None:
        for listener in self._all():
            listener.ending = ""
            listener.wake()

    def news_for(self, cursor: int, *, internal: bool) -> tuple[int, bytes]:
        """The newest place of the log, and the message about the changes up to there; b"" where
        that is nothing."""
        with self._lock:
            newest = self._newest
            # a page knows more than the feed that has not looked since
            if newest is None or newest <= cursor:
                return cursor, b""
            key = max(cursor, self._known_from - 1), internal  # what is not kept is told alike
            if key not in self._made:
                kept = (one for one in self._kept if one.id > cursor)
                is_known = cursor >= self._known_from
                news = (
                    _news(newest, kept, internal=internal)
                    if is_known
                    else News(newest, many=tuple(sorted(KINDS)))
                )
                self._made[key] = _event(news) if news.changes or news.many else b""
            return newest, self._made[key]

    def _all(self) -> list[Listener]:
        with self._lock:
            return list(self._listeners)

    def _run(self) -> None:
        failing = False
        while True:
            with self._lock:
                if not self._listeners or self._closed:
                    self._thread = None
                    return
            try:
                has_news = self._look()
                self._end_dead_logins()
                failing = False
            except SQLAlchemyError as error:  # it is away: they wait, as the pages do
                has_news = False
                if not failing:
                    _log.warning("live: log not read", extra={"error": type(error).__name__})
                failing = True
            except Exception:  # noqa: BLE001  # pages come back to a new thread, and do not wait
                _log.exception("live: feed failed")
                with self._lock:
                    self._thread = None
                self._send_away()
                return
            for listener in self._all():
                if has_news or listener.ending is not None or listener.is_silent():
                    listener.wake()
            sleep(PAUSE)

    def _look(self) -> bool:
        """Whether there is something new; it is kept."""
        with read_connection(self._engine) as connection, Session(connection) as session:
            newest = session.scalar(select(newest_change_id())) or 0
            before = self._newest
            if newest == before:
                return False
            if before is not None and newest < before:  # another log: pages start again
                self._send_away()
            begin = before if before is not None and before < newest else newest - KEPT
            begin = max(begin, newest - KEPT, 0)
            found = read_changes(session, begin, newest - begin)
        with self._lock:
            if begin != before:
                self._kept.clear()
                self._known_from = begin
            self._kept.extend(found)
            if len(self._kept) == KEPT:
                self._known_from = max(self._known_from, self._kept[0].id - 1)
            self._newest = newest
            self._made.clear()
        return True

    def _end_dead_logins(self) -> None:
        """Anyone who logged out, was disabled or is idle hears nothing more; nor does anybody by
        the rights of a role that is not theirs any more: the page comes back with the new ones."""
        if monotonic() - self._logins_at < LOGINS_EVERY:
            return
        self._logins_at = monotonic()
        listeners = self._all()
        keys = {listener.login for listener in listeners}
        with read_connection(self._engine) as connection, Session(connection) as session:
            alive = roles_of_live_logins(session, keys, self._clock(), self._idle)
        for listener in listeners:
            role = alive.get(listener.login)
            if role != listener.role:
                listener.ending = "ended" if role is None else ""


def _event(news: News) -> bytes:
    return f"data: {news.as_json()}\n\n".encode()
