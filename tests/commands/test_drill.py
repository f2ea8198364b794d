"""``flask drill``: what is practised, what is recorded, and that nothing passes by itself."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit.services.audit import names_of
from app.backups import migrations
from app.commands import drill
from app.core.database import failover_probe
from app.core.database.transactions import transaction
from app.core.rules.drills import Drill, Practised, Result, due
from app.core.services.backups import last_verification
from app.core.services.drills import DRILL, drills, note_drill
from app.core.settings import Settings
from app.demo.partner_system import StandIn, server_of
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import PostOffice
from tests.backups.test_backup import done as backed_up
from tests.backups.test_backup import kind_of
from tests.cast import SYSTEM, enter, writer
from tests.commands.test_commands import done
from tests.exchange.seeded import seed_connection
from tests.harness import run
from tests.harness.clusters import Pair, pair
from tests.harness.commands import flask
from tests.harness.databases import open_engine
from tests.harness.server import TEST_SECRET, test_settings
from tests.harness.smtp import smtp_server

ADDRESS = "admin@people.example"
FAILED_LINE = re.compile(r"Error: (.+)\n")


def recorded(session: Session) -> Practised:
    """The one drill that was recorded."""
    (found,) = drills(session)
    session.rollback()
    return found


def passed(database: str, *arguments: str) -> str:
    """What a drill that passes prints."""
    ended = flask(database, "drill", *arguments, SECRET_KEY=TEST_SECRET)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode()


def why(database: str, *arguments: str) -> str:
    """The one line with which a drill fails."""
    ended = flask(database, "drill", *arguments, SECRET_KEY=TEST_SECRET)
    assert ended.returncode == 1, ended.stderr
    found = FAILED_LINE.search(ended.stderr.decode())
    assert found is not None, ended.stderr
    return found[1]


# ---- the record ----


def practised(result: str, days: int) -> Practised:
    return Practised("restore", NOW - timedelta(days=days), "root", result, [])


NOW = datetime(2026, 12, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ([], "it was never practised"),
        ([practised("passed", 365)], ""),
        ([practised("passed", 366)], "it was last passed on 2025-12-03"),
        ([practised("failed", 1), practised("passed", 2)], "it failed on 2026-12-03"),
        ([practised("passed", 1), practised("failed", 2)], ""),
    ],
)
def test_when_a_drill_is_due(known: Sequence[Practised], reason: str) -> None:
    assert due(Drill.RESTORE, known, NOW) == reason
    assert due(Drill.MAIL, known, NOW) == "it was never practised", "others do not count"


def test_the_list_has_every_drill_and_says_what_is_due(database: str, session: Session) -> None:
    with transaction(session):
        note_drill(session, SYSTEM, Drill.MAIL, Result.PASSED, [("accepted", "by mx:25")])
        note_drill(session, SYSTEM, Drill.RESTORE, Result.FAILED, [("why not", "no file")])
    session.rollback()
    head, second, first, *duty = done(database, "drill", "list").splitlines()
    assert head.split()[:3] == ["when", "(UTC)", "drill"]
    assert "restore" in second
    assert "failed" in second
    assert second.endswith("why not: no file")
    assert first.endswith("accepted: by mx:25")
    of_mail = [line for line in duty if line.startswith("Due: mail")]
    assert of_mail == ["Due: mail, because it was last passed on 2013-03-06."]
    assert any(line.startswith("Due: restore, because it failed on ") for line in duty)
    asked = {line.split()[1].rstrip(",") for line in duty}
    assert ("failover" in asked) == (kind_of(database) == "postgresql")
    assert "partner" not in asked, "no system of a partner is connected"
    with transaction(session):
        seed_connection(session, "GGUS-TEST")
    session.rollback()
    assert "Due: partner, because it was never practised." in done(database, "drill", "list")
    names = names_of(session, [(DRILL, 1), (DRILL, 2)])
    assert names == {(DRILL, 1): "number 1", (DRILL, 2): "number 2"}


# ---- restore ----


def test_the_newest_backup_is_restored_and_the_portal_tried_on_it(
    database: str, session: Session, tmp_path: Path
) -> None:
    enter(session)
    session.rollback()
    backed_up(database, "backup", tmp_path / "one")
    said = passed(database, "restore", str(tmp_path))
    assert f"file: {tmp_path / 'one'}\n" in said
    assert "tried: a login and the page of tickets, a SOAP get" in said
    assert said.endswith("The drill restore was passed, and is recorded.\n")
    found = recorded(session)
    assert (found.drill, found.result) == ("restore", "passed")
    assert [name for name, _ in found.details] == [
        *("file", "restored", "as of", "tried", "seconds")
    ]
    known = last_verification(session)
    assert known.made_at is not None
    assert dict(found.details)["as of"] == known.made_at.isoformat()


def test_a_backup_that_is_damaged_does_not_pass(
    database: str, session: Session, tmp_path: Path
) -> None:
    enter(session)
    session.rollback()
    backed_up(database, "backup", tmp_path / "one")
    (tmp_path / "one").write_bytes((tmp_path / "one").read_bytes()[:-100])
    reason = why(database, "restore", str(tmp_path))
    found = recorded(session)
    assert found.result == "failed"
    assert dict(found.details)["why not"] == reason
    assert last_verification(session).verified_at is None


# ---- mail ----


@contextmanager
def working(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the command waits, the worker sends mails."""
    engine = open_engine(settings.database_url)
    office = PostOffice(Context(engine, settings))
    monkeypatch.setattr(drill, "sleep", lambda _seconds: office.step())
    yield
    engine.dispose()


class _Letters:
    """A mail server's handler; the text of each mail that it accepted."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer, self.texts = answer, list[str]()

    async def handle_DATA(  # noqa: N802  # the library's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.texts.append(envelope.content.decode())
        return self.answer


@pytest.fixture
def letters(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[_Letters, str]]:
    """A real mail server; while the command waits, the worker sends."""
    found = _Letters()
    with smtp_server(found) as port:
        settings = test_settings(database)
        mail = replace(settings.mail, host="127.0.0.1", port=port, tls="none")
        with working(replace(settings, mail=mail), monkeypatch):
            yield found, f"127.0.0.1:{port}"


def typing(monkeypatch: pytest.MonkeyPatch, typed: Callable[[], str]) -> None:
    """Somebody who types that at the prompt."""
    monkeypatch.setattr("app.commands.drill.click.prompt", lambda *_, **__: typed())


def code_in(letters: _Letters) -> str:
    found = re.search(r"The code is\s+(\d{6})\.", letters.texts[0])
    assert found is not None
    return found[1]


def test_a_mail_passes_when_its_code_is_typed(
    database: str,
    session: Session,
    letters: tuple[_Letters, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box, server = letters
    typing(monkeypatch, lambda: code_in(box))
    said = passed(database, "mail", ADDRESS)
    assert f"accepted: by {server} after " in said
    assert said.endswith("The drill mail was passed, and is recorded.\n")
    found = recorded(session)
    assert found.result == "passed"
    assert code_in(box) not in str(found)


@pytest.mark.parametrize("typed", ["", "000000x"])
def test_without_its_code_it_is_not_known_whether_a_mail_arrived(
    database: str,
    session: Session,
    letters: tuple[_Letters, str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    typing(monkeypatch, lambda: typed)
    assert "it is not known whether it arrived" in why(database, "mail", ADDRESS)
    assert len(letters[0].texts) == 1
    assert recorded(session).result == "failed"


def test_a_mail_that_the_server_refuses_does_not_pass(
    database: str, session: Session, letters: tuple[_Letters, str]
) -> None:
    letters[0].answer = "550 5.1.1 User unknown"
    assert "User unknown" in why(database, "mail", ADDRESS)
    assert recorded(session).result == "failed"


@pytest.mark.usefixtures("letters")
def test_what_is_no_address_gets_no_mail(database: str, session: Session) -> None:
    assert "it is no address" in why(database, "mail", "nobody")
    assert recorded(session).result == "failed"


def test_without_a_worker_no_mail_is_sent(database: str, session: Session) -> None:
    assert why(database, "mail", ADDRESS, "--minutes", "0.0001") == (
        "It was not sent in time; no worker tried"
    )
    assert recorded(session).result == "failed"


def test_a_mail_in_a_file_is_not_sent(
    database: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(test_settings(database), monkeypatch):
        assert "No mail server is set up" in why(database, "mail", ADDRESS)
    assert recorded(session).result == "failed"


# ---- partner ----


@pytest.mark.parametrize(("token", "result"), [("stand-in", "passed"), ("wrong", "failed")])
def test_a_partners_system_is_tested(
    database: str, session: Session, token: str, result: str
) -> None:
    cast = enter(session)
    stand_in = StandIn("stand-in")
    with server_of(stand_in) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with transaction(session):
            connection = seed_connection(session, "GGUS-TEST", url=url)
            add_secret(session, writer(cast.admin), connection, LOGIN, token, TEST_SECRET.encode())
        session.rollback()
        ended = flask(
            database,
            *("drill", "partner", "GGUS-TEST"),
            SECRET_KEY=TEST_SECRET,
            OUTBOUND_PRIVATE_HOSTS="127.0.0.1",
        )
        server.shutdown()
        thread.join()
    assert ended.returncode == (result == "failed"), ended.stderr
    found = recorded(session)
    assert found.result == result
    checked = [value for name, value in found.details if name == "checked"]
    assert checked
    assert all(line.endswith(": yes") for line in checked) == (result == "passed")
    assert ("passed" in ended.stdout.decode()) == (result == "passed")


def test_a_partner_without_a_system_is_no_drill_that_passed(
    database: str, session: Session
) -> None:
    assert why(database, "partner", "NOBODY") == "The partner has no such connection"
    assert recorded(session).result == "failed"


# ---- failover ----


def test_without_another_server_failover_does_not_pass(database: str, session: Session) -> None:
    reason = why(database, "failover", "--minutes", "0.001")
    if kind_of(database) == "sqlite":
        assert reason == "DATABASE_URL: an SQLite file has no second server to fail over to"
        assert drills(session) == []
        return
    assert reason == "No other server was promoted in this time"
    found = recorded(session)
    assert found.result == "failed"
    assert dict(found.details)["acknowledged writes"].endswith("of which 0 lost")
    assert session.scalar(text("SELECT count(*) FROM portal_facts WHERE name LIKE 'fail%'")) == 0


@pytest.fixture
def servers() -> Iterator[Pair]:
    with pair(run.folder() / "failover") as found:
        engine = open_engine(found.url)
        migrations.upgrade(engine)
        engine.dispose()
        yield found


@pytest.mark.slow
def test_a_failover_is_timed_and_nothing_is_lost(
    servers: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover_probe, "CALM", 0.5)
    writes, write = [0], failover_probe._write

    def written(*given: Any) -> Any:
        writes[0] += 1
        if writes[0] == 4:
            servers.first.kill()
            servers.replica.promote()
        return write(*given)

    monkeypatch.setattr(failover_probe, "_write", written)
    said = passed(servers.url, "failover", "--minutes", "2")
    assert f"from: 127.0.0.1:{servers.first.port}\n" in said
    assert f"to: 127.0.0.1:{servers.replica.port}\n" in said
    assert ", of which 0 lost\n" in said
    assert said.endswith("The drill failover was passed, and is recorded.\n")
