"""Whether this code and the schema of its database fit: checked at every start and command.

Old code on a newer schema would write rows that lack what the newer one needs, and newer code on an
older schema fails in the middle of its work. It knows the migrations by the names of their files,
so that asking costs one statement.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from app.core.folders import PROJECT
from app.core.rules.errors import SettingError

_MIGRATIONS: Final = PROJECT / "migrations" / "versions"
VERSION_TABLE: Final = "alembic_version"
MOVING: Final = "moving"
"""In place of a revision: ``flask move`` writes this database and has not checked it yet, or it is
the scratch database of a drill."""


def known_revisions() -> list[str]:
    """The revisions of this code, the newest last; each is at the beginning of its file's
    name."""
    return sorted(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None where no migration ran."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return found


def mark_revision(connection: Connection, revision: str) -> None:
    """Write the revision of a database whose tables are there; with ``MOVING`` no portal starts on
    it."""
    connection.execute(
        text(f"UPDATE {VERSION_TABLE} SET version_num = :revision"),  # noqa: S608  # its name
        {"revision": revision},
    )


def misfit(revision: str | None, *, older_fits: bool = False) -> str | None:
    """Why this code cannot work on a database of that revision, in one line; None where it can.

    ``older_fits``: for anyone who brings an older or empty database up to date.
    """
    known = known_revisions()
    if revision == known[-1] or (older_fits and (revision is None or revision in known)):
        return None
    if revision is None:
        return "the database has no tables of the portal; `flask db upgrade` creates them"
    if revision == MOVING:
        return (
            "`flask move` did not finish here, so this database is not checked; stay with the old"
            " one, and run `flask move` again"
        )
    if revision in known:
        return (
            f"the database has schema {revision}, and this version of the portal needs"
            f" {known[-1]}; `flask db upgrade` brings it up to date"
        )
    return (
        f"the database has schema {revision}, which this version of the portal does not know (its"
        f" newest is {known[-1]}): a newer version was used on it; start that one"
    )


def need_fitting_schema(engine: Engine, *, older_fits: bool = False) -> None:
    """Raise SettingError where the schema does not fit. An error of the database is raised too."""
    with engine.connect() as connection:
        reason = misfit(revision_of(connection), older_fits=older_fits)
    if reason is not None:
        raise SettingError(f"DATABASE_URL: {reason}")
