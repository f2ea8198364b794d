"""The portal's migrations, for databases other than the one that the portal uses."""

from __future__ import annotations

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from app.core.folders import PROJECT


def upgrade(database: Engine | Connection) -> None:
    """Bring the schema up to date: of a connection in its open transaction, which the caller
    commits. Raises Alembic's ``CommandError``."""
    config = _config()
    config.attributes["engine" if isinstance(database, Engine) else "connection"] = database
    alembic.command.upgrade(config, "head")


def pending_after(revision: str) -> list[tuple[str, str]]:
    """Number and title of each migration that an upgrade from ``revision`` runs, in their order."""
    script = ScriptDirectory.from_config(_config())
    return [
        (one.revision, " ".join((one.longdoc or "").partition("\n\n")[0].split()))
        for one in reversed(list(script.iterate_revisions("head", revision)))
    ]


def _config() -> Config:
    config = Config(str(PROJECT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(PROJECT / "migrations").replace("%", "%%"))
    return config
