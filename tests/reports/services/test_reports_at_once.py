"""Many people write reports at once: no error, no lost field, no words overwritten unseen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor, ActorKind, Role
from app.core.rules.errors import EditConflict, FieldConflict, MoveNotAllowed
from app.core.rules.quarters import Quarter
from app.core.services.changes import changes_of
from app.registry.models.registry import Site
from app.registry.services.sites import create_site, site_of_key
from app.reports.models.reports import Report, ReportField
from app.reports.rules.numbers import ReportNumbers
from app.reports.services.reports import (
    fields_of_version,
    find_report,
    save_field,
    save_fields,
    submit_report,
)
from tests.cast import SYSTEM, enter, writer
from tests.harness import loaded
from tests.harness.databases import open_engine
from tests.harness.examples import up_to

Q1 = Quarter(2013, 1)
AFTER = datetime(2013, 4, 10, 9, tzinfo=UTC)
ANSWERS = {
    "answer.backup_test": ("Tested", 0),
    "answer.contacts_reviewed": ("yes", 0),
    "answer.routing_reviewed": ("no", 0),
}
FIELDS = ("answer.issues", "answer.plans", "answer.remarks")
PROCESSES, THREADS, SAVES = 4, 10, 4


def reporter(name: str, site_id: int) -> Actor:
    return Actor(ActorKind.PERSON, name, role=Role.REPORTER, site_ids=frozenset({site_id}))


# ---- forty people ----


@dataclass(frozen=True)
class Job:
    """One process's people: two of each of its sites."""

    url: str
    sites: Sequence[str]


def write_drafts(job: Job) -> list[str]:
    """Each person saves a field of its own again and again, and adds a line to one that both of the
    site write; who meets the other's words takes them up. The errors of all, in words."""
    engine = open_engine(job.url)

    def write(place: tuple[str, int]) -> list[str]:
        key, person = place
        try:
            for turn in range(SAVES):
                _save_own(key, person, turn)
                _add_line(key, person, turn)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test tells it
            return [f"{key} {person}: {error!r}"]
        return []

    def _save_own(key: str, person: int, turn: int) -> None:
        with Session(engine) as session, transaction(session):
            site = site_of_key(session, key)
            by = writer(reporter(f"{key} {person}", site.id), AFTER)
            name = ("answer.plans", "answer.remarks")[person]
            saved = save_field(session, by, site, Q1, name, f"{person} {turn}", turn)
            assert saved.version == turn + 1

    def _add_line(key: str, person: int, turn: int) -> None:
        text, seen = "", 0
        while True:
            try:
                with Session(engine) as session, transaction(session):
                    site = site_of_key(session, key)
                    by = writer(reporter(f"{key} {person}", site.id), AFTER)
                    line = f"{text}{person} {turn}\n"
                    save_field(session, by, site, Q1, "answer.issues", line, seen)
            except FieldConflict as conflict:
                text, seen = conflict.value, conflict.version
            else:
                return

    with ThreadPoolExecutor(THREADS) as pool:
        places = [(key, person) for key in job.sites for person in range(2)]
        errors = [error for part in pool.map(write, places) for error in part]
    engine.dispose()
    return errors


@pytest.mark.timeout(300)
def test_forty_people_save_drafts_at_once(database: str, session: Session) -> None:
    enter(session)
    keys = [f"XX-SITE-{number:02}" for number in range(PROCESSES * THREADS // 2)]
    with transaction(session):
        for key in keys:
            create_site(session, SYSTEM, {"key": key, "country": "DE", "time_zone": "UTC"})
    per_process = THREADS // 2
    jobs = [
        Job(database, keys[first : first + per_process])
        for first in range(0, len(keys), per_process)
    ]
    with loaded.PROCESSES.Pool(PROCESSES) as pool:
        assert [error for part in pool.map(write_drafts, jobs, chunksize=1) for error in part] == []
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Report)) == len(keys)
    for key in keys:
        report = find_report(session, site_of_key(session, key).id, Q1)
        assert report is not None
        stored = {one.name: one for one in report.fields}
        assert stored["answer.plans"].value == f"0 {SAVES - 1}"
        assert stored["answer.remarks"].value == f"1 {SAVES - 1}"
        lines = stored["answer.issues"].value.splitlines()
        assert sorted(lines) == sorted(f"{who} {turn}" for who in range(2) for turn in range(SAVES))
        # each save is one version and one change, and none is left out
        assert report.version == 4 * SAVES
        versions = [one.version for one in changes_of(session, "report", report.id)]
        assert versions == list(range(1, 4 * SAVES + 1))
    ids = session.scalars(select(Change.id).order_by(Change.id)).all()
    assert list(ids) == list(range(1, len(ids) + 1))


# ---- any order of saves ----

_values = st.sampled_from(["", "a", "b", "two\nlines", "中文 | % ="])
_forms = st.dictionaries(st.sampled_from(FIELDS), _values, min_size=1)
_steps = st.lists(st.tuples(st.integers(0, 2), st.none() | _forms), max_size=25)
"""Who, and what is sent from the page; None = the page is loaded anew."""


def test_in_any_order_a_save_replaces_only_what_its_page_showed(
    database: str, session: Session
) -> None:
    """Three pages of one report. What is written is told by a list of each field's values: a save
    is taken exactly where its page had seen the last of them, or says the same."""
    enter(session)
    site_id = site_of_key(session, "DE-KIT").id
    session.rollback()

    @given(_steps)
    @settings(max_examples=up_to(40), deadline=None)
    def play(steps: list[tuple[int, dict[str, str] | None]]) -> None:
        with transaction(session):
            if (old := find_report(session, site_id, Q1)) is not None:
                session.delete(old)
        written = {name: [""] for name in FIELDS}
        pages = [dict.fromkeys(FIELDS, 0) for _ in range(3)]
        changes = 0
        for who, form in steps:
            if form is None:
                pages[who] = {name: len(past) - 1 for name, past in written.items()}
                continue
            sent = {name: (value, pages[who][name]) for name, value in form.items()}
            with transaction(session):
                site = session.get_one(Site, site_id)
                by = writer(reporter(f"person {who}", site_id), AFTER)
                done = save_fields(session, by, site, Q1, sent)
            differing = {name for name, value in form.items() if written[name][-1] != value}
            stale = {name for name in differing if pages[who][name] != len(written[name]) - 1}
            assert done.problems == {}
            assert {name: one.value for name, one in done.conflicts.items()} == {
                name: written[name][-1] for name in stale
            }
            for name in differing - stale:
                written[name].append(form[name])
            changes += bool(differing - stale)
            assert {name: (one.value, one.version) for name, one in done.saved.items()} == {
                name: (form[name], len(written[name]) - 1) for name in form.keys() - stale
            }
            pages[who] |= {name: one.version for name, one in done.saved.items()}
            assert done.report_version == changes
        session.rollback()
        rows = session.scalars(select(ReportField)).all()
        assert {one.name: (one.value, one.version) for one in rows} == {
            name: (past[-1], len(past) - 1) for name, past in written.items() if len(past) > 1
        }

    play()


# ---- signing beside writing ----


def test_what_is_signed_is_what_its_signer_read(database: str, session: Session) -> None:
    """Three write and five sign, each what they read just before: who comes in between makes the
    signer look again, exactly one signature is taken, and nothing is written behind it."""
    enter(session)
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        save_fields(session, writer(reporter("first", site.id), AFTER), site, Q1, ANSWERS)
    engine = open_engine(database)

    def write(person: int) -> list[int]:
        taken = []
        for turn in range(4):
            with Session(engine) as own:
                try:
                    with transaction(own):
                        site = site_of_key(own, "DE-KIT")
                        by = writer(reporter(f"writer {person}", site.id), AFTER)
                        saved = save_field(own, by, site, Q1, FIELDS[person], f"{turn}", turn)
                        taken.append(saved.report_version)
                except MoveNotAllowed:
                    break
        return taken

    def sign(person: int) -> int | None:
        while True:
            with Session(engine) as own:
                site = site_of_key(own, "DE-KIT")
                report = find_report(own, site.id, Q1)
                assert report is not None
                seen = report.version
                numbers = ReportNumbers("DE-KIT", str(Q1), AFTER, [], [])
                try:
                    with transaction(own):
                        by = writer(reporter(f"signer {person}", site.id), AFTER)
                        submit_report(own, by, site, Q1, numbers, seen)
                except EditConflict:
                    continue
                except MoveNotAllowed:
                    return None
                return seen

    with ThreadPoolExecutor(THREADS) as pool:
        signing = [pool.submit(sign, person) for person in range(5)]
        saving = [pool.submit(write, person) for person in range(len(FIELDS))]
        (signed,) = [seen for one in signing if (seen := one.result()) is not None]
        taken = [version for one in saving for version in one.result()]
    engine.dispose()
    session.rollback()
    report = session.scalars(select(Report)).one()
    assert max([1, *taken]) == signed
    assert report.version == signed + 1
    (version,) = report.versions
    assert fields_of_version(version) == {one.name: one.value for one in report.fields}
