"""``flask backup`` and ``flask restore``: whole, compared, and all or nothing.

A plain ``cp`` of a running portal's file lacked 3 to 15 acknowledged tickets in 4 of 4 copies.
``PORTAL_TEST_BACKUPS=20`` makes 20 backups under load on each database, instead of two.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import MetaData, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user, create_user
from app.accounts.services.tokens import create_token
from app.cli import command_application
from app.core.database.schema import known_revisions
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.rules.access import Actor
from app.core.services.backups import MADE_AT
from app.core.settings import process_environment
from app.core.web.extensions import db
from app.events.models.events import Event
from app.jobs.tasks.context import Context
from app.reference.seed import seed_reference
from app.registry.services.sites import change_site, create_site
from app.tickets.models.attachments import Attachment, AttachmentContent
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import open_ticket
from app.worker.process import WorkerProcess
from tests.backups.conftest import FILE
from tests.cast import SYSTEM, enter, writer
from tests.harness.databases import fresh_database, open_engine, open_session
from tests.harness.server import LiveServer, live, test_settings
from tests.harness.until import until
from tests.soap_service.wire import Wire, create_accounts

ROUNDS = int(os.environ.get("PORTAL_TEST_BACKUPS") or 2)
NEWEST = known_revisions()[-1]


def run(database: str, *words: str | Path) -> Result:
    """A command on a database, with nothing left open."""
    app = command_application(test_settings(database))
    try:
        return app.test_cli_runner().invoke(args=[str(word) for word in words])
    finally:
        with app.app_context():
            db.engine.dispose()


def done(database: str, *words: str | Path) -> str:
    ended = run(database, *words)
    assert ended.exit_code == 0, ended.output
    return ended.output


def refused(database: str, *words: str | Path) -> str:
    """The one line with which a command ends; the database is as it was."""
    before = contents(database)
    ended = run(database, *words)
    assert ended.exit_code == 1, ended.output
    assert contents(database) == before
    (line,) = ended.output.splitlines()
    return line


def contents(database: str) -> Mapping[str, list[str]]:
    """Every row of every table, as the database gives it, but the note of its own newest backup,
    which is written once that is whole."""
    url = make_url(database)
    if url.drivername == "sqlite" and not Path(str(url.database)).exists():
        return {}
    engine = open_engine(database)
    tables = MetaData()
    try:
        with engine.connect() as connection:
            tables.reflect(connection)
            return {
                name: sorted(
                    repr(tuple(row))
                    for row in connection.execute(select(table))
                    if row[0] != MADE_AT
                )
                for name, table in tables.tables.items()
            }
    finally:
        engine.dispose()


def kind_of(database: str) -> str:
    return make_url(database).get_backend_name()


@pytest.fixture
def other(database: str) -> Iterator[str]:
    """An empty database of the same kind."""
    with fresh_database(kind_of(database), migrated=False) as url:
        yield url


def seed_first_start(database: str) -> None:
    """What `flask serve` and its worker lay where nobody has done anything yet."""
    run(database, "db", "upgrade")
    with open_session(database) as session, transaction(session):
        seed_reference(session, SYSTEM)
    engine = open_engine(database)
    WorkerProcess(Context(engine, test_settings(database))).work_once()
    engine.dispose()


def test_a_backup_is_one_private_file_and_gives_back_every_row(
    full: str, other: str, tmp_path: Path
) -> None:
    file = tmp_path / "portal.backup"
    said = done(full, "backup", file)
    assert said.startswith(f"{file} holds ")
    assert said.endswith(f" tables, schema {NEWEST}.\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file], "what was made on the way is gone"

    said = done(other, "restore", file)
    assert said.startswith("Restored ")
    assert "rows and sums of each table are those of the backup" in said
    assert contents(other) == contents(full)
    with open_session(other) as session:
        assert set(session.scalars(select(AttachmentContent.content))) == {FILE}
        assert session.scalar(select(func.count()).select_from(Ticket)) == 3
        with transaction(session):  # it goes on where it was, with its sequences and triggers
            actor = enter_again(session)
            assert open_ticket(session, writer(actor), NewTicket(title="next")).number == 4
    path = make_url(other).database
    if kind_of(other) == "sqlite":
        names = {found.name for found in Path(str(path)).parent.iterdir()}
        assert names == {"portal.db", "portal.db-writers"}
        assert stat.S_IMODE(Path(str(path)).stat().st_mode) == 0o600


def enter_again(session: Session) -> Actor:
    return actor_of_user(session.scalars(select(User).where(User.name == "kit")).one())


def test_a_restore_takes_a_first_start_and_asks_before_more(
    full: str, other: str, tmp_path: Path
) -> None:
    done(full, "backup", tmp_path / "b")
    seed_first_start(other)
    done(other, "restore", tmp_path / "b")
    assert contents(other) == contents(full)

    line = refused(other, "restore", tmp_path / "b")
    assert line.startswith("Error: DATABASE_URL: this database is in use (")
    assert line.endswith("); --force replaces all that it holds")
    with open_session(other) as session, transaction(session):
        create_user(session, SYSTEM, "newcomer", "reader", "a long enough password")
    done(other, "restore", "--force", tmp_path / "b")
    assert contents(other) == contents(full)


@pytest.mark.parametrize("what", ["a site", "a fact", "a person"])
def test_what_somebody_entered_is_not_a_first_start(
    what: str, full: str, other: str, tmp_path: Path
) -> None:
    done(full, "backup", tmp_path / "b")
    seed_first_start(other)
    with open_session(other) as session, transaction(session):
        if what == "a site":
            create_site(session, SYSTEM, {"key": "XX-NEW", "country": "AQ", "time_zone": "UTC"})
        elif what == "a fact":
            change_site(session, SYSTEM, "DE-KIT", {"country": "AQ"})
        else:
            create_user(session, SYSTEM, "newcomer", "reader", "a long enough password")
    assert "this database is in use (" in refused(other, "restore", tmp_path / "b")


def test_a_backup_overwrites_nothing(full: str, tmp_path: Path) -> None:
    file = tmp_path / "b"
    file.write_text("precious")
    assert refused(full, "backup", file) == (
        f"Error: {file} is there already; a backup overwrites nothing"
    )
    assert file.read_text() == "precious"
    gone = tmp_path / "no" / "b"
    assert refused(full, "backup", gone) == f"Error: {gone.parent} is not a folder"


def test_a_file_that_is_no_whole_backup_changes_nothing(
    full: str, other: str, tmp_path: Path
) -> None:
    file, bad = tmp_path / "b", tmp_path / "bad"
    done(full, "backup", file)
    whole = file.read_bytes()
    damaged = "Error: FILE is damaged or incomplete"
    for length in (60, len(whole) // 2, len(whole) - 1):
        bad.write_bytes(whole[:length])
        assert refused(other, "restore", bad) == damaged
    for nothing in (b"", whole[:20], b"SQLite format 3\0" + bytes(5000), b"PK\x03\x04" * 50):
        bad.write_bytes(nothing)
        assert refused(other, "restore", bad) == f"Error: {bad} is not a backup of the portal"
    middle = len(whole) // 2
    bad.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert refused(other, "restore", bad) == damaged
    bad.unlink()
    assert refused(other, "restore", bad) == f"Error: {bad}: No such file or directory"


def rewritten(file: Path, **changed: object) -> Path:
    """The same backup with another manifest."""
    new = file.with_name("rewritten")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(new, "w") as archive:
        manifest, data = old.namelist()
        content = json.loads(old.read(manifest)) | changed
        archive.writestr(manifest, json.dumps(content))
        archive.writestr(data, old.read(data))
    return new


def test_a_backup_of_a_newer_version_or_of_another_database_changes_nothing(
    full: str, other: str, tmp_path: Path
) -> None:
    file = tmp_path / "b"
    done(full, "backup", file)
    assert refused(other, "restore", rewritten(file, format=2)) == (
        "Error: FILE is a backup of a newer version of the portal; start that one"
    )
    assert refused(other, "restore", rewritten(file, revision="9999")) == (
        f"Error: {tmp_path / 'rewritten'} has schema 9999, which this version of the portal does"
        " not know: a newer one wrote it; start that one"
    )
    kinds = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    mine = kinds.pop(kind_of(full))
    ((theirs, name),) = kinds.items()
    assert refused(other, "restore", rewritten(file, database=theirs)) == (
        f"Error: {tmp_path / 'rewritten'} is a backup of a database of {name}, and DATABASE_URL"
        f" names one of {mine}"
    )


def test_what_was_restored_is_compared_with_the_manifest(
    full: str, other: str, tmp_path: Path
) -> None:
    file = tmp_path / "b"
    done(full, "backup", file)
    with zipfile.ZipFile(file) as archive:
        tables = json.loads(archive.read(archive.namelist()[0]))["tables"]
    assert tables["tickets"]["rows"] == 3
    wrong = {"rows": 3, "sum": str(int(tables["tickets"]["sum"]) + 1)}
    line = refused(other, "restore", rewritten(file, tables=tables | {"tickets": wrong}))
    assert line.endswith("FILE is damaged: what it holds is not what its manifest says, in tickets")


def test_a_backup_of_an_older_schema_says_what_brings_it_up_to_date(
    full: str, other: str, tmp_path: Path
) -> None:
    with open_session(full) as session:
        session.execute(text(f"UPDATE alembic_version SET version_num = '{known_revisions()[-2]}'"))
        session.commit()
    done(full, "backup", tmp_path / "b")
    said = done(other, "restore", tmp_path / "b").splitlines()
    assert said[1] == (
        f"It has schema {known_revisions()[-2]}: `flask db upgrade` brings it up to date, and so"
        " does the next `flask serve`."
    )


def test_a_database_in_use_is_not_restored(full: str, other: str, tmp_path: Path) -> None:
    done(full, "backup", tmp_path / "b")
    seed_first_start(other)
    engine = open_engine(other)
    with engine.connect() as connection:  # as the pool of a server that does nothing
        connection.execute(text("SELECT 1 FROM tickets"))
    line = refused(other, "restore", tmp_path / "b")
    assert "; stop the server, its workers and every command first" in line
    engine.dispose()
    done(other, "restore", tmp_path / "b")


def test_a_database_of_another_program_is_never_replaced(
    full: str, other: str, tmp_path: Path
) -> None:
    done(full, "backup", tmp_path / "b")
    with open_session(other) as session:
        session.execute(text("CREATE TABLE theirs (id INTEGER)"))
        session.commit()
    line = refused(other, "restore", "--force", tmp_path / "b")
    assert line == "Error: DATABASE_URL: this database holds tables of another program"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_damaged_database_is_neither_copied_nor_silently_replaced(
    full: str, tmp_path: Path
) -> None:
    done(full, "backup", tmp_path / "b")
    path = Path(str(make_url(full).database))
    for companion in ("-wal", "-shm"):
        Path(str(path) + companion).unlink(missing_ok=True)
    content = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    ended = run(full, "restore", tmp_path / "b")
    assert "is damaged, or no SQLite database; move it away" in ended.output
    path.write_bytes(content[:8192] + random.Random(1).randbytes(len(content) - 8192))
    ended = run(full, "backup", tmp_path / "c")
    assert ended.exit_code == 1
    assert ended.output.startswith("Error: ")
    assert "malformed" in ended.output or "damaged" in ended.output
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_password_is_on_no_command_line_and_a_missing_program_is_told(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of this name writes down what it is given, and fails."""
    database = full.replace("portal@", "portal:s3cret%20word@")
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "pg_dump"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/given\necho "$PGPASSWORD" > {tmp_path}/password\n'
        "echo 'pg_dump: error: server version mismatch' >&2\nexit 1\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    line = refused(database, "backup", tmp_path / "b")
    assert line == "Error: pg_dump says: server version mismatch"
    assert "s3cret" not in (tmp_path / "given").read_text()
    assert (tmp_path / "password").read_text() == "s3cret word\n"
    assert not (tmp_path / "b").exists()

    script.unlink()
    monkeypatch.setenv("PATH", str(programs))
    assert refused(database, "backup", tmp_path / "b") == (
        "Error: pg_dump is not installed here; it comes with PostgreSQL's client programs"
        " (apt-get install postgresql-client)"
    )


LARGE = 10


@pytest.fixture
def large(full: str) -> str:
    """So much that a restore takes a while."""
    lots = random.Random(0)
    with open_session(full) as session, transaction(session):
        by = writer(enter_again(session))
        for number in range(LARGE):
            add_attachment(session, by, 1, f"{number}.bin", lots.randbytes(2 * 1024 * 1024))
    return full


def killed(database: str, file: Path, in_the_middle: Callable[[], bool]) -> None:
    """``flask restore``, killed once that is so."""
    environment = process_environment(test_settings(database))
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "restore", str(file)],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until(lambda: in_the_middle() or process.poll() is not None)
    finally:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output


def test_a_restore_that_is_killed_leaves_the_old_database(
    large: str, other: str, tmp_path: Path
) -> None:
    done(large, "backup", tmp_path / "b")
    seed_first_start(other)
    before = contents(other)
    if kind_of(other) == "sqlite":
        path = Path(str(make_url(other).database))
        journal = Path(f"{path}-journal")
        old = path.stat().st_size

        def in_the_middle() -> bool:
            """Old pages are in the journal, and new ones in the file."""
            return journal.exists() and journal.stat().st_size > 0 and path.stat().st_size > 4 * old

        killed(other, tmp_path / "b", in_the_middle)
        assert path.stat().st_size > old, "it was in the middle"
    else:
        server = make_url(other).set(database="postgres")
        engine = open_engine(server.render_as_string(hide_password=False))
        name = make_url(other).database

        def at_work(like: str) -> bool:
            with engine.connect() as connection:
                return bool(
                    connection.scalar(
                        text(
                            "SELECT count(*) FROM pg_stat_activity"
                            " WHERE datname = :name AND query LIKE :like"
                        ),
                        {"name": name, "like": like},
                    )
                )

        killed(other, tmp_path / "b", lambda: at_work("COPY public.attachment_contents%"))
        until(lambda: not at_work("%"))  # psql sees that nobody writes to it any more
        engine.dispose()
    assert contents(other) == before
    done(other, "restore", tmp_path / "b")
    assert contents(other) == contents(large)
    if kind_of(other) == "sqlite":
        assert not Path(f"{path}-restoring").exists()


class Writers:
    """Three clients that write without a pause while they are ``at_work``; ``acknowledged`` is what
    they were told is stored: tickets and attachments over SOAP, events over REST."""

    def __init__(self, server: LiveServer, token: str) -> None:
        self._wire, self._token = Wire(server), token
        self._ending, self._working = threading.Event(), threading.Event()
        self.acknowledged: dict[str, list[str]] = {"ticket": [], "attachment": [], "event": []}
        self._threads = [
            threading.Thread(target=self._over_and_over, args=[write])
            for write in (self._ticket, self._attachment, self._event)
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._working.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """From when each of them has written something more."""
        before = self.by_now()
        self._working.set()
        until(lambda: self.wrote_since(before))
        try:
            yield
        finally:
            self._working.clear()

    def wrote_since(self, before: Mapping[str, set[str]]) -> bool:
        """Whether each kind was written meanwhile."""
        return all(len(keys) > len(before[kind]) for kind, keys in self.acknowledged.items())

    def by_now(self) -> dict[str, set[str]]:
        return {kind: set(keys) for kind, keys in self.acknowledged.items()}

    def _over_and_over(self, write: Callable[[int], None]) -> None:
        turn = 0
        while self._working.wait() and not self._ending.is_set():
            turn += 1
            write(turn)

    def _ticket(self, _turn: int) -> None:
        self.acknowledged["ticket"].append(self._wire.create())

    def _attachment(self, turn: int) -> None:
        answer = self._wire.call(
            "AddAttachment",
            {
                "GAT_Attachment_Name": f"{turn}.log",
                "GAT_Attachment_Data": base64.b64encode(attached(turn)).decode(),
                "GAT_Attachment_Orig_Size": str(len(attached(turn))),
                "GAT_Request_ID": "1",
                "GAT_Last_Modifier": "noc-demo (via test)",
                "GAT_Last_Login": "noc-demo",
            },
            service="GGUS_ATTACH",
        )
        assert answer.status == 200, answer.body
        self.acknowledged["attachment"].append(str(turn))

    def _event(self, turn: int) -> None:
        connection = HTTPConnection("127.0.0.1", self._wire.server.port, timeout=60)
        with closing(connection):
            event = {
                "source": "probe",
                "source_id": str(turn),
                "link": "CERN-GRIDKA-LHCOPN-001",
                "state": "down",
                "start": "2013-03-06T10:00:00Z",
                "end": "2013-03-06T11:00:00Z",
            }
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request("POST", "/api/v1/events", json.dumps([event]), headers)
            answer = connection.getresponse()
            said = answer.read()
        assert answer.status == 200, said
        self.acknowledged["event"].append(str(turn))


def attached(turn: int) -> bytes:
    """Of 30 kB, another for each turn."""
    return random.Random(turn).randbytes(30_000)


def test_every_backup_under_load_holds_what_was_acknowledged_before(
    database: str, tmp_path: Path
) -> None:
    with live(replace(test_settings(database), same_calls_per_minute=0)) as server:
        create_accounts(server)
        with server.session() as session:
            cast = enter(session)
            with transaction(session):
                by = writer(cast.admin, datetime.now(UTC))
                token = create_token(session, by, "probe", ["events"], 1).secret
        assert Wire(server).create() == "1"
        with Writers(server, token) as writers:
            left = ROUNDS
            for turn in range(5 * ROUNDS):  # on a busy machine a backup may end before a write does
                with writers.at_work():
                    before = writers.by_now()
                    done(database, "backup", tmp_path / f"{turn}")
                    left -= writers.wrote_since(before)
                with fresh_database(kind_of(database), migrated=False) as other:
                    done(other, "restore", tmp_path / f"{turn}")
                    held = held_by(other)
                missing = {kind: before[kind] - held[kind] for kind in before}
                print(
                    f"{kind_of(database)}, backup {turn + 1}:"
                    + "".join(
                        f" {len(before[kind])} {kind}s acknowledged before, {len(held[kind])} held,"
                        f" {len(missing[kind])} missing;"
                        for kind in before
                    )
                )
                assert not any(missing.values())
                (tmp_path / f"{turn}").unlink()
                if not left:
                    break
        assert not left, "backups under load"


def held_by(database: str) -> dict[str, set[str]]:
    with open_session(database) as session:
        stored = session.execute(
            select(Attachment.name, AttachmentContent.content).join(
                AttachmentContent, AttachmentContent.attachment_id == Attachment.id
            )
        ).all()
        turns = {name.removesuffix(".log"): content for name, content in stored}
        return {
            "ticket": {str(number) for number in session.scalars(select(Ticket.number))},
            "attachment": {
                turn for turn, content in turns.items() if content == attached(int(turn))
            },
            "event": set(session.scalars(select(Event.source_key))),
        }
