"""``flask verify-backup``: the newest backup of a folder is restored elsewhere and compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.backups.postgresql import SCRATCH
from app.core.services.backups import FAILED, VERIFIED, Verification, last_verification
from tests.backups.test_backup import contents, done, kind_of, rewritten, run
from tests.harness.databases import open_engine, open_session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "backups"
    found.mkdir()
    return found


@pytest.fixture
def scratch_place(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where scratch files are, which are gone at the end; on PostgreSQL no scratch database is left
    either."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield
    assert list(place.iterdir()) == []
    if kind_of(database) == "postgresql":
        assert databases_like(database, "%verify") == []


def databases_like(database: str, like: str) -> list[str]:
    with open_session(database) as session:
        found = session.scalars(
            text("SELECT datname FROM pg_database WHERE datname LIKE :like"), {"like": like}
        )
        return list(found)


def known(database: str) -> Verification:
    with open_session(database) as session:
        return last_verification(session)


def failed(database: str, folder: Path) -> str:
    """The one line with which it fails, which is also the recorded reason."""
    before = known(database)
    ended = run(database, "verify-backup", folder)
    assert ended.exit_code == 1, ended.output
    (line,) = ended.output.splitlines()
    after = known(database)
    assert line.startswith(f"Error: {after.reason}"), "cut where it is very long"
    assert after.failed_at is not None
    assert (after.made_at, after.verified_at) == (before.made_at, before.verified_at)
    return after.reason


def without_notes(database: str) -> dict[str, list[str]]:
    """What the database holds, but for what is recorded of backups."""
    return {
        table: [row for row in rows if VERIFIED not in row and FAILED not in row]
        for table, rows in contents(database).items()
    }


@pytest.mark.usefixtures("scratch_place")
def test_the_newest_backup_is_restored_compared_and_recorded(full: str, folder: Path) -> None:
    assert known(full) == Verification(None, None, None, "")
    (folder / "older").write_text("no backup, and not the newest")
    os.utime(folder / "older", (1, 1))
    (folder / ".unfinished").write_text("hidden")
    done(full, "backup", folder / "newer")
    before = without_notes(full)
    said = done(full, "verify-backup", folder)
    assert said.startswith(f"Restored {folder / 'newer'} into a scratch database: ")
    assert said.endswith("; rows and sums of each table are equal.\n")
    found = known(full)
    assert found.made_at is not None
    assert found.verified_at is not None
    assert found.made_at < found.verified_at
    assert found.failed_at is None
    assert f" tables as of {found.made_at.isoformat()};" in said
    assert without_notes(full) == before


@pytest.mark.usefixtures("scratch_place")
def test_a_corrupt_backup_says_so_and_the_old_success_stays(full: str, folder: Path) -> None:
    file = folder / "b"
    done(full, "backup", file)
    done(full, "verify-backup", folder)
    whole = file.read_bytes()
    data = whole.rindex(b"PK\1\2")  # of the list at its end
    damaged = f"{file} is damaged or incomplete"
    for bad in (
        whole[:-1],
        whole[: len(whole) // 2] + bytes(200) + whole[len(whole) // 2 + 200 :],
        whole[: data + 8] + b"\1" + whole[data + 9 :],  # it seems to be encrypted
        whole[: data + 10] + b"\x63" + whole[data + 11 :],  # compressed in an unknown way
    ):
        file.write_bytes(bad)
        assert failed(full, folder) == damaged
    file.write_bytes(b"")
    assert failed(full, folder) == f"{file} is not a backup of the portal"
    file.write_bytes(whole)
    done(full, "verify-backup", folder)
    assert known(full).failed_at is None


@pytest.mark.usefixtures("scratch_place")
def test_a_backup_that_does_not_hold_what_was_copied_is_not_verified(
    full: str, folder: Path
) -> None:
    done(full, "backup", folder / "b")
    tables = {"tickets": {"rows": 2, "sum": "1"}}
    rewritten(folder / "b", tables=tables)
    reason = failed(full, folder)
    assert f"{folder / 'rewritten'} is damaged: what it holds is not what its manifest" in reason
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[kind_of(full)]
    rewritten(folder / "b", database=other)
    assert "is a backup of a database of" in failed(full, folder)


def test_a_folder_without_a_backup_is_a_failure(full: str, folder: Path) -> None:
    assert failed(full, folder) == f"{folder} contains no backup"
    gone = folder / "gone"
    assert failed(full, gone) == f"{gone}: No such file or directory"
    assert run(full, "verify-backup").exit_code == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_scratch_database_of_a_killed_command_is_replaced_and_no_other(
    full: str, folder: Path
) -> None:
    done(full, "backup", folder / "b")
    name = f"{make_url(full).database}"[:50] + "_verify"
    engine = open_engine(full).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        assert failed(full, folder) == (
            f"DATABASE_URL: the server has a database {name}, which this command did not create;"
            " rename or drop it"
        )
        connection.execute(text(f"COMMENT ON DATABASE \"{name}\" IS '{SCRATCH}'"))
    engine.dispose()
    done(full, "verify-backup", folder)
    assert databases_like(full, "%verify") == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_role_that_may_not_create_databases_is_told_what_allows_it(
    full: str, folder: Path
) -> None:
    done(full, "backup", folder / "b")
    engine = open_engine(full).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (
            "DROP ROLE IF EXISTS modest",
            "CREATE ROLE modest LOGIN",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO modest",
        ):
            connection.execute(text(statement))
        try:
            assert failed(full.replace("portal@", "modest@"), folder) == (
                "DATABASE_URL: this role may not create the scratch database; allow it with ALTER"
                " ROLE ... CREATEDB"
            )
        finally:
            connection.execute(text("DROP OWNED BY modest"))
            connection.execute(text("DROP ROLE modest"))
    engine.dispose()
