"""A trial of ``flask db upgrade`` on a copy: how long it takes, and what it locks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from alembic.util import CommandError
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import DatabaseError

from app.backups.backups import make_backup, restored_elsewhere, upgrade_copy
from app.core.database.transactions import LONG_STATEMENT_TIMEOUT, configure_engine
from app.core.rules.errors import SettingError


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
        return upgrade_copy(engine)
    except (CommandError, DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        raise SettingError(f"the copy could not be upgraded: {reason}") from error
    finally:
        engine.dispose()
