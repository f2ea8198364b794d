"""Two worker processes remind of the same reports at the same time; each mail goes out once.

Everything is real: the processes, their claims that run out, an SMTP server, both databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import USUAL_DUE_DAYS
from app.jobs.models.work import Worker
from app.jobs.rules.work import REPORT_REMINDERS
from app.jobs.services.timed_work import know_timed_work, run_soon
from app.mail.models.mails import Mail
from app.registry.models.registry import Site, SiteContact, SiteName
from app.reports.models.reminders import ReportReminder
from app.reports.services.reminders import reminders_due
from tests.cast import enter
from tests.harness.loaded import Child
from tests.harness.smtp import smtp_server
from tests.mail.test_delivery import wait_for
from tests.system.hasty_worker import work

SITES = 60
REMINDED = datetime(2013, 5, 7, 7, tzinfo=UTC)
"""When the workers begin, by their clocks: on many days of a quarter nobody is reminded."""


class Counting:
    """Takes every mail."""

    def __init__(self) -> None:
        self.addresses: Counter[str] = Counter()

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.addresses[envelope.rcpt_tos[0]] += 1
        return "250 Taken"


@pytest.fixture
def smtp() -> Iterator[tuple[Counting, int]]:
    handler = Counting()
    with smtp_server(handler) as port:
        yield handler, port


def seed_sites(session: Session) -> None:
    """T1s that owe reports, each with a contact for them."""
    enter(session)
    with transaction(session):
        for number in range(SITES):
            site = Site(key=f"T1-{number:02}", country="DE", time_zone="UTC", tier=1)
            site.names = [SiteName(system="LHCOPN", name=site.key)]
            mail = f"reports{number}@t1.example"
            site.contacts = [SiteContact(role="reports", name="Reports", mail=mail)]
            session.add(site)


def test_two_workers_remind_each_site_once(
    session: Session, database: str, smtp: tuple[Counting, int], tmp_path: Path
) -> None:
    handler, port = smtp
    seed_sites(session)
    ahead = REMINDED - datetime.now(UTC)

    def now() -> datetime:
        return datetime.now(UTC) + ahead

    due = reminders_due(session, now(), USUAL_DUE_DAYS)
    assert {site for site, _quarter, _step in due} >= set(
        session.scalars(select(Site.id).where(Site.key.like("T1-%")))
    )
    quarters = len({quarter for _site, quarter, _step in due})
    session.rollback()
    logs = [tmp_path / "first", tmp_path / "second"]
    workers: list[Child] = []
    try:
        for log in logs:
            workers.append(Child(work, [database, port, ahead], out=log))

        def count(query: Any) -> int:
            session.rollback()
            return session.scalar(query) or 0

        living = select(func.count()).select_from(Worker)
        wait_for(lambda: count(living) == 2)
        with transaction(session):
            know_timed_work(session, [REPORT_REMINDERS.name], now())
            run_soon(session, REPORT_REMINDERS.name, now())

        def both_took_it() -> bool:
            """Or ask once more: one of them may have done it all before the other looked."""
            if all(b'work="report' in log.read_bytes() for log in logs):
                return True
            with transaction(session):
                run_soon(session, REPORT_REMINDERS.name, now())
            return False

        # how many sites fall to each is chance, and may be none
        wait_for(both_took_it)
        with transaction(session):  # and once more, when nothing is left to do
            run_soon(session, REPORT_REMINDERS.name, now())
        unsent = select(func.count()).where(Mail.state != "sent")
        wait_for(lambda: count(unsent) == 0 and len(handler.addresses) == SITES)
        for worker in workers:
            worker.terminate()
            assert worker.wait(60) == 0
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
    outcomes = [log.read_text() for log in logs]
    told = [sum(text.count(f"T1-{number:02} ") for text in outcomes) for number in range(SITES)]
    assert set(told) == {quarters}, "each was reminded by one of the two"
    assert set(handler.addresses.values()) == {quarters}, "and got one mail"
    session.rollback()
    rows = session.execute(
        select(ReportReminder.site_id, ReportReminder.quarter, ReportReminder.step)
    ).all()
    assert len(rows) == len(set(rows)) == SITES * quarters
