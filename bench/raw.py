"""The same rows by plain SQL and the driver alone: the least that any service has to do."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.queues import Queue
from random import Random
from time import monotonic
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

PROCESSES = 2
THREADS = 4
_OF_TICKETS = ("ticket_sites", "origin_keys")

READ = (
    "SELECT t.*, p.code FROM tickets t LEFT JOIN partners p ON p.id = t.created_by_partner_id"
    " WHERE t.number = ?",
    "SELECT ts.name, s.key, n.name FROM ticket_sites ts LEFT JOIN sites s ON s.id = ts.site_id"
    " LEFT JOIN site_names n ON n.site_id = s.id AND n.system = 'GOCDB'"
    " WHERE ts.ticket_number = ? ORDER BY ts.position, n.id",
    "SELECT c.at, c.author, f.field, f.new FROM changes c JOIN changed_fields f"
    " ON f.change_id = c.id WHERE c.kind = 'ticket' AND c.thing_id = ?"
    " AND f.field IN ('public_comment', 'internal_comment') ORDER BY c.version",
)
"""The rows that an answer of TicketGet shows."""


class Raw:
    """One connection for each thread, set up as the portal's are."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.sqlite = self._url.drivername == "sqlite"
        self._own = threading.local()

    def connection(self) -> Any:
        """This thread's connection; a statement is its own transaction unless one is begun."""
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        return self._own.connection

    def _connect(self) -> Any:
        if not self.sqlite:
            host = str(self._url.query["host"])
            database, user = self._url.database, self._url.username
            return psycopg.connect(host=host, dbname=database, user=user, autocommit=True)
        connection = sqlite3.connect(str(self._url.database), isolation_level=None)
        for pragma in ("busy_timeout=20000", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def sql(self, statement: str) -> str:
        """A statement with ``?`` as the driver takes it."""
        return statement if self.sqlite else statement.replace("%", "%%").replace("?", "%s")

    def rows(self, statement: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        """All rows of a statement."""
        found: list[tuple[Any, ...]] = (
            self.connection().execute(self.sql(statement), values).fetchall()
        )
        return found

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.connection().execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")

    def commit(self) -> None:
        """Make it durable."""
        self.connection().execute("COMMIT")

    def moment(self) -> Any:
        """Now, as the column of a time takes it."""
        now = datetime.now(UTC)
        return now.strftime("%Y-%m-%d %H:%M:%S.%f") if self.sqlite else now

    def number(self, sequence: str) -> int:
        """The next number of one of the portal's counters."""
        taken = self.rows(
            "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", sequence
        )
        return int(taken[0][0])


class Writes:
    """The rows of one OpCreate and one TicketModify, again and again with other numbers.

    Ticket, site, spelling and origin key; the change log with its changed fields; both counters,
    whose numbers are given out under a lock until the commit. The database is set up as the
    portal sets it up, each call is one transaction and is synced to disk. Nothing is checked.

    ``template`` is the number of a ticket that the portal's own OpCreate made.
    """

    def __init__(self, raw: Raw, template: int) -> None:
        self._raw = raw
        self._ticket = self._one("tickets", "number", template)
        self._site = self._one("ticket_sites", "ticket_number", template)
        self._spelling = self._one("site_spellings", "ticket_site_id", self._site["id"])
        self._origin = self._one("origin_keys", "ticket_number", template)
        self._change = self._one(
            "changes", "kind = 'ticket' AND version = 1 AND thing_id", template
        )
        self._fields = self._all("changed_fields", "change_id", self._change["id"])

    def create(self) -> int:
        """What OpCreate commits; the ticket's number."""
        raw = self._raw
        origin = uuid.uuid4().hex
        raw.begin()
        key = self._insert(
            "origin_keys",
            {**self._origin, "id": None, "ticket_number": None, "origin_id": origin},
            "id",
        )
        number = raw.number("ticket")
        self._insert("tickets", {**self._ticket, "number": number, "origin_id": origin})
        site = self._insert(
            "ticket_sites", {**self._site, "id": None, "ticket_number": number}, "id"
        )
        self._insert("site_spellings", {**self._spelling, "ticket_site_id": site})
        self._execute("UPDATE origin_keys SET ticket_number = ? WHERE id = ?", number, key)
        self._log(number, 1, self._fields)
        raw.commit()
        return number

    def modify(self, number: int) -> None:
        """What TicketModify with a diary and another unit commits: the ticket's row, one change and
        its two fields. It reads all of the row first, locked, as the version and the old unit
        depend on it."""
        raw = self._raw
        text = uuid.uuid4().hex
        raw.begin()
        locked = "" if raw.sqlite else " FOR UPDATE"
        read = f"SELECT version, unit, * FROM tickets WHERE number = ?{locked}"
        version, unit = raw.rows(read, number)[0][:2]
        self._execute(
            "UPDATE tickets SET version = ?, changed_at = ?, last_author = 'Sample NOC', unit = ?"
            " WHERE number = ?",
            version + 1,
            raw.moment(),
            text,
            number,
        )
        changed = {"unit": (unit, text), "public_comment": (None, text)}
        fields = [
            {**self._fields[0], "position": place, "field": name, "old": old, "new": new}
            for place, (name, (old, new)) in enumerate(changed.items())
        ]
        self._log(number, version + 1, fields)
        raw.commit()

    def _log(self, number: int, version: int, fields: Sequence[Mapping[str, Any]]) -> None:
        change = self._raw.number("change")
        self._insert(
            "changes", {**self._change, "id": change, "thing_id": number, "version": version}
        )
        for field in fields:
            self._insert("changed_fields", {**field, "id": None, "change_id": change})

    def _insert(self, table: str, row: Mapping[str, Any], returning: str = "") -> Any:
        given = {name: value for name, value in row.items() if name != "id" or value is not None}
        statement = (
            f"INSERT INTO {table} ({', '.join(given)}) VALUES ({', '.join('?' * len(given))})"
            + (f" RETURNING {returning}" if returning else "")
        )
        if returning:
            return self._raw.rows(statement, *given.values())[0][0]
        self._execute(statement, *given.values())
        return None

    def _execute(self, statement: str, *values: Any) -> None:
        self._raw.connection().execute(self._raw.sql(statement), values)

    def _all(self, table: str, where: str, value: int) -> list[dict[str, Any]]:
        found = self._raw.connection().execute(
            self._raw.sql(f"SELECT * FROM {table} WHERE {where} = ? ORDER BY 1"), (value,)
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _one(self, table: str, where: str, value: int) -> dict[str, Any]:
        (row,) = self._all(table, where, value)
        return row


def read_speed(url: str, first: int, last: int, seconds: float) -> float:
    """Tickets per second that 2 processes of 4 threads read by plain SQL."""
    context = get_context("spawn")
    counts: Queue[int] = context.Queue()
    readers = [
        context.Process(target=_read, args=(url, first, last, seconds, counts))
        for _ in range(PROCESSES)
    ]
    for reader in readers:
        reader.start()
    total = sum(counts.get(timeout=seconds + 60) for _ in readers)
    for reader in readers:
        reader.join()
    return total / seconds


def _read(url: str, first: int, last: int, seconds: float, counts: Queue[int]) -> None:
    raw = Raw(url)
    done = [0] * THREADS
    until = monotonic() + seconds

    def work(place: int) -> None:
        rng = Random(place)
        statements = [raw.sql(statement) for statement in READ]
        connection = raw.connection()
        while monotonic() < until:
            number = rng.randint(first, last)
            for statement in statements:
                connection.execute(statement, (number,)).fetchall()
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(sum(done))
