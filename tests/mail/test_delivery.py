"""A thousand mails, two worker processes of which one is killed, a server that refuses many.

Everything is real: ``flask worker``, an SMTP server, both databases.
"""

from __future__ import annotations

import asyncio
import email
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.mail_settings import MailSettings
from app.core.settings import process_environment
from app.mail.models.mails import Mail
from app.registry.models.registry import Site, SiteContact
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import free_port, test_settings
from tests.harness.smtp import smtp_server

TICKETS, CONTACTS = 10, 100
NOBODY = "contact7@kit.example"
"""Whose address the server does not know: 10 of the mails."""
KILLED_AFTER = 300
STEP = 3
"""Seconds that a worker waits for a word of the server; what it held when it was killed is free
after 15 times as long. One second is too short on a busy machine: what was taken is sent again."""


class Refusing:
    """Takes mails but every third at first, and none for one address."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.put_off: set[str] = set()
        self.refused = 0
        self.addresses: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address == NOBODY:
            self.refused += 1
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        await asyncio.sleep(0)
        key = email.message_from_bytes(envelope.content)["Message-ID"]
        number = int(key.partition("@")[0].rpartition("-")[2])
        if number % 3 == 0 and key not in self.put_off:
            self.put_off.add(key)
            return "451 4.7.1 Come back later"
        self.taken[key] += 1
        self.addresses[key] = envelope.rcpt_tos[0]
        return "250 Taken"


def seed_tickets(session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        site.contacts = [
            SiteContact(role="network", name="NOC", mail=f"contact{number}@kit.example")
            for number in range(CONTACTS)
        ]
        session.flush()
        by = writer(cast.operator, datetime.now(UTC))
        for number in range(TICKETS):
            open_ticket(session, by, NewTicket(title=f"Ticket {number}", sites=("DE-KIT",)))


def states(session: Session) -> dict[str, int]:
    session.rollback()
    rows = session.execute(select(Mail.state, func.count()).group_by(Mail.state))
    return {row[0]: row[1] for row in rows}


def test_each_of_a_thousand_mails_is_delivered_once(database: str) -> None:
    begun, port, handler = monotonic(), free_port(), Refusing()
    mail = MailSettings(host="127.0.0.1", port=port, timeout=STEP, retry=1)
    settings = replace(test_settings(database), mail=mail)
    engine = open_engine(database)
    workers: list[subprocess.Popen[bytes]] = []
    with Session(engine) as session:
        seed_tickets(session)
        try:
            for _ in range(2):
                workers.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "flask", "worker"],
                        cwd=PROJECT,
                        env=process_environment(settings),
                        stdin=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
            # the server is down: nothing is lost
            tried = select(func.count()).where(Mail.reason.contains("cannot be reached"))
            wait_for(lambda: bool(fresh(session, tried)))
            with smtp_server(handler, port):
                wait_for(lambda: len(handler.taken) >= KILLED_AFTER)
                os.kill(workers[0].pid, signal.SIGKILL)
                workers[0].wait()
                killed_at = len(handler.taken)
                wait_for(lambda: not states(session).keys() - {"sent", "failed"})
                now = states(session)
                workers[1].send_signal(signal.SIGTERM)
                assert workers[1].wait(60) == 0
            failed = session.scalars(select(Mail).where(Mail.state == "failed")).all()
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.kill()
                worker.wait()
    engine.dispose()
    twice = [key for key, count in handler.taken.items() if count > 1]
    print(
        f"\n{now} in {monotonic() - begun:.1f} s; killed after {killed_at};"
        f" {len(handler.put_off)} put off at first, {handler.refused} refused,"
        f" {len(twice)} taken twice (killed between the server's answer and the record)"
    )
    assert now == {"sent": TICKETS * CONTACTS - TICKETS, "failed": TICKETS}
    assert len(handler.taken) == TICKETS * CONTACTS - TICKETS, "each was taken"
    assert len(twice) <= 1, "only one mail is in the server's hands when its worker dies"
    assert len(handler.put_off) >= 300
    assert handler.refused == TICKETS, "what was refused for good is not tried again"
    assert {one.address for one in failed} == {NOBODY}
    assert {one.reason for one in failed} == {"550 5.1.1 No such user here"}
    each = Counter(handler.addresses.values())
    assert set(each.values()) == {TICKETS}, "one mail for each ticket and address"


def wait_for(came: Callable[[], bool]) -> None:
    """As ``until``, with pauses in which the server of this process can answer."""
    deadline, pause = monotonic() + 200, threading.Event()
    while not came():
        assert monotonic() < deadline, "what was waited for did not come"
        pause.wait(0.1)


def fresh(session: Session, query: Any) -> Any:
    session.rollback()
    return session.scalar(query)
