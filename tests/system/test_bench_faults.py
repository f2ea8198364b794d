"""``bench.faults``: that its checker sees what is lost and doubled, and what it calls wrong."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.database.write_probe import WriteProbe
from app.core.models.changes import ChangedField
from bench.faults.checker import Checked, check
from bench.faults.clients import Acknowledged, Call, Clients, Kind
from bench.faults.health import SILENT, Health, Said
from bench.faults.scenarios import fill_up, small_disk
from bench.faults.site import Site, running_site
from bench.faults.trial import Outcome, Trial, in_words
from bench.places import fill
from bench.rest import new_token
from tests.harness import clusters, postgres
from tests.harness.databases import fresh_database, migrate, open_engine, open_session
from tests.harness.nginx import NEED as NGINX
from tests.harness.nginx import Proxy, program

needs_nginx = pytest.mark.skipif(program() is None, reason=f"needs {NGINX}")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
needs_postgresql = pytest.mark.skipif(postgres.programs() is None, reason=postgres.NEED)
FINE = Checked(3, [], [], [])


def _outcome(times: list[float], said: list[Said], checked: Checked = FINE) -> Outcome:
    """A fault at 100 s that was over at 130 s."""
    proxy: Proxy = None  # type: ignore[assignment]  # nothing is sent
    site = Site("", [], [], proxy)
    call = Call(Kind.REST_CREATE, "one", "/", b"", ())
    acknowledged = [Acknowledged(call, 1, 1, at) for at in times]
    trial = Trial(site, Clients(proxy, "", "one", acknowledged), Health([], said), 100, 120, 130)
    return Outcome("a fault", trial, checked, [])


def test_the_longest_time_begins_with_the_fault() -> None:
    assert _outcome([50, 99, 104, 111, 113], []).longest == 7
    assert _outcome([50, 99, 109, 111], []).longest == 9, "before the first one, too"
    assert _outcome([50, 60], []).longest == 0


def test_what_nodes_said_is_there_once_and_only_of_the_fault() -> None:
    said = [
        Said(90, "web1", "before"),
        Said(101, "web1", SILENT),
        Said(102, "web2", "the disk is full"),
        Said(103, "web1", "the disk is full"),
        Said(104, "web1", ""),
        Said(140, "web1", "later"),
    ]
    assert in_words(_outcome([], said)) == "the disk is full (2.0 s); no answer (1.0 s)"
    assert in_words(_outcome([], said[:1])) == "ready all the time"


def test_everything_that_is_wrong_is_named() -> None:
    found = _outcome([], [], Checked(3, ["a"], ["b: 2 times"], ["c: ticket 2 instead of 1"]))
    found.trial.need(holds=False, what="nobody was served")
    found.trial.need(holds=True, what="not this")
    assert found.wrong == [
        "nobody was served",
        "lost: a",
        "doubled: b: 2 times",
        "repeated: c: ticket 2 instead of 1",
    ]
    assert _outcome([101], []).wrong == []


@needs_nginx
@pytest.mark.slow
def test_the_checker_sees_what_is_lost_and_what_is_doubled() -> None:
    with fresh_database("sqlite", migrated=False) as url:
        token = new_token(fill(url, 30))
        with running_site(url, webs=1, workers=0) as site:
            clients = Clients(site.proxy, token, "checked:")
            clients.start()
            assert clients.wait_for(20, 120)
            assert clients.stop(60)
            assert clients.refused == []
            sound = check(clients, url, modifications=True)
            assert sound == Checked(len(clients.acknowledged), [], [], [])
            kept = next(one for one in clients.acknowledged if one.call.kind is Kind.REST_COMMENT)
            with open_session(url) as session, transaction(session):
                _write_again(session, kept.call.text)
            never = replace(kept.call, text="checked: never stored")
            clients.acknowledged.append(replace(kept, call=never))
            found = check(clients, url, modifications=False)
    assert found.lost == ["checked: never stored"]
    assert found.doubled == [f"{kept.call.text}: 2 times"]


def _write_again(session: Session, text: str) -> None:
    """A second entry with this text, as a repeat that was stored."""
    first = session.scalars(select(ChangedField).where(ChangedField.new == text)).one()
    again = ChangedField(change_id=first.change_id, position=9, field=first.field, new=text)
    session.add(again)


@needs_root
@needs_postgresql
@pytest.mark.slow
def test_a_full_disk_of_postgresql_is_said() -> None:
    with small_disk("full") as folder, clusters.single(folder / "pg") as server:
        migrate(server.url)
        engine = open_engine(server.url)
        with Session(engine) as session:
            assert WriteProbe().problem(session) is None
            fill_up(folder / "balloon")
            assert WriteProbe().problem(session) == (
                "nothing can be written: the disk of the database is full"
            )
            (folder / "balloon").unlink()
            assert WriteProbe().problem(session) is None
        engine.dispose()
