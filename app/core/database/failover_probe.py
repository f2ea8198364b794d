"""Writes without a pause while PostgreSQL fails over, and reads back what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, delete, select, text
from sqlalchemy.exc import DBAPIError

from app.core.database.transactions import configure_engine
from app.core.database.upsert import upsert
from app.core.models.changes import PortalFact

EVERY: Final = 0.2
"""Seconds between two writes."""
CALM: Final = 10.0
"""Seconds for which another server has to take every write before the watch ends."""
_ANSWER: Final = 5
"""Seconds that a statement may take."""
_ROW: Final = "failover_drill"
_SERVER: Final = text(
    "SELECT host(inet_server_addr()) || ':' || inet_server_port() AS address,"
    " current_setting('port') AS port, left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline,"
    " pg_postmaster_start_time() AS since"
)


@dataclass(frozen=True)
class Watched:
    """What was seen. ``before`` and ``after``: address of the server that took the first and the
    last write; ``longest`` and ``silent``: seconds of the longest time in which nothing could be
    written, and of the one that had not ended; ``lost``: acknowledged writes that were gone."""

    before: str
    after: str
    is_other: bool
    """Whether another server was promoted, by its timeline; a restart does not count."""
    acknowledged: int
    lost: int
    longest: float
    silent: float


def can_fail_over(engine: Engine) -> bool:
    """Whether there can be a second server: an SQLite file has none."""
    return engine.dialect.name == "postgresql"


def watch_failover(
    engine: Engine, seconds: float, progress: Callable[[str], object] = lambda _line: None
) -> Watched:
    """Write until another PostgreSQL server has taken every write for ``CALM`` seconds, at most for
    so many ``seconds``.

    Uses connections of its own, a new one for each write, as they are opened by ``DATABASE_URL``.
    Raises DBAPIError if the first write fails.
    """
    own = create_engine(engine.url, hide_parameters=True, poolclass=NullPool)
    configure_engine(own, _ANSWER)
    try:
        return _watch(own, seconds, progress)
    finally:
        own.dispose()


def _watch(engine: Engine, seconds: float, progress: Callable[[str], object]) -> Watched:
    began = last = calm_since = monotonic()
    first = server = _write(engine, 1)[1]
    acknowledged = written = 1
    lost, longest, is_quiet = 0, 0.0, False
    while monotonic() - began < seconds:
        sleep(EVERY)
        written += 1
        try:
            found, server = _write(engine, written)
        except DBAPIError as error:
            if not is_quiet:
                progress(f"Nothing can be written: {_one_line(error)}")
            is_quiet = True
            continue
        now = monotonic()
        if is_quiet:
            gap = now - last
            longest, calm_since, is_quiet = max(longest, gap), now, False
            progress(f"Written again after {gap:.1f} s, to {_address(server)}")
        # found is the last write, or a later one whose answer did not come
        lost += max(0, acknowledged - found)
        acknowledged, last = written, now
        if server.timeline != first.timeline and now - calm_since > CALM:
            break
    silent = monotonic() - last if is_quiet else 0.0
    if not is_quiet:
        with engine.begin() as connection:
            connection.execute(delete(PortalFact).where(PortalFact.name == _ROW))
    return Watched(
        before=_address(first),
        after=_address(server),
        is_other=server.timeline != first.timeline,
        acknowledged=acknowledged,
        lost=lost,
        longest=max(longest, silent),
        silent=silent,
    )


def _write(engine: Engine, number: int) -> tuple[int, Any]:
    """Store the number. Gives the one that was there before, and the server that took it."""
    with engine.begin() as connection:
        found = _stored(connection)
        row = upsert(PortalFact).values(name=_ROW, value=str(number))
        connection.execute(
            row.on_conflict_do_update(index_elements=["name"], set_={"value": str(number)})
        )
        server = connection.execute(_SERVER).one()
    return found, server


def _stored(connection: Connection) -> int:
    value = connection.scalar(select(PortalFact.value).where(PortalFact.name == _ROW))
    return int(value) if value else 0


def _address(server: Any) -> str:
    """A connection through a socket has no address."""
    return server.address or f"port {server.port}"


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split()) or type(error.orig).__name__
