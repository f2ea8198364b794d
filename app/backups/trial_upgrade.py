"""A trial of ``flask db upgrade`` on a copy: how long it takes, and what it locks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from alembic.util import CommandError
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import DatabaseError

from app.backups import migrations, postgresql
from app.backups.backups import make_backup, restored_elsewhere
from app.core.database.transactions import LONG_STATEMENT_TIMEOUT, configure_engine
from app.core.rules.errors import SettingError

_LOCKS: Final = """
    SELECT c.relname, bool_or(l.mode = 'AccessExclusiveLock')
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind = 'r'
      AND c.relnamespace = current_schema()::regnamespace
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    GROUP BY c.relname ORDER BY c.relname
"""
"""The tables that the transaction keeps from others until its end, and whether from readers too
(PostgreSQL's manual, "Explicit Locking": weaker locks let others read and write)."""


@dataclass(frozen=True)
class TriedUpgrade:
    """An upgrade of a copy with so many rows; ``copying`` and ``upgrading`` are seconds.

    ``locked``: of each table that others cannot write from a migration that changes it until the
    end, whether they cannot read it either; None on SQLite, where nobody else can write anything,
    and everybody can read.
    """

    rows: int
    copying: float
    upgrading: float
    locked: Mapping[str, bool] | None


def try_upgrade(engine: Engine, now: datetime) -> TriedUpgrade:
    """Copy the database into a scratch database on the same server or disk, upgrade the copy, and
    remove it. The portal may run; its database is not changed.

    Raises SettingError if it cannot be copied, or the copy cannot be upgraded.
    """
    began = monotonic()
    with TemporaryDirectory(prefix="lhcopn-portal-") as folder:
        file = Path(folder) / "backup"
        make_backup(engine, file, now)
        with restored_elsewhere(engine, file) as (copy, manifest):
            copied = monotonic()
            locked = _upgrade(copy)
            ended = monotonic()
    return TriedUpgrade(manifest.rows, copied - began, ended - copied, locked)


def _upgrade(copy: Engine) -> Mapping[str, bool] | None:
    """Upgrade as the portal does; what it locks (``TriedUpgrade.locked``)."""
    engine = create_engine(copy.url, poolclass=NullPool, hide_parameters=True)
    configure_engine(engine, LONG_STATEMENT_TIMEOUT)
    try:
        if engine.dialect.name == "sqlite":
            migrations.upgrade(engine)
            return None
        with engine.begin() as connection:
            before = set(postgresql.tables_of(connection))
            migrations.upgrade(connection)
            locked = connection.exec_driver_sql(_LOCKS).all()
            return {name: bool(whole) for name, whole in locked if name in before}
    except (CommandError, DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        raise SettingError(f"the copy could not be upgraded: {reason}") from error
    finally:
        engine.dispose()
