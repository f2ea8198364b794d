"""A real worker that nobody believes to live.

What it claims is its own for a moment only, shorter than its work takes, as that of a worker that
was stopped for a minute and goes on: so another one does the same work at the same time. It sends
mails to the SMTP server at this port. Its clock goes before the machine's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.core.log import configure_logging
from app.core.mail_settings import MailSettings
from app.jobs.rules.jobs import Pace
from app.jobs.rules.work import REPORT_REMINDERS
from app.jobs.tasks.context import Context
from app.worker.process import WorkerProcess, ended_by_signals
from app.worker.timed import TIMED
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.smtp import SMTP_TIMEOUT

HASTY = Pace(look=0.01, beat=30, lease=0.02)


def work(url: str, port: int, ahead: timedelta) -> None:
    """Work until a signal."""
    configure_logging()
    for name in set(TIMED) - {REPORT_REMINDERS.name}:
        del TIMED[name]
    mail = MailSettings(host="127.0.0.1", port=port, timeout=SMTP_TIMEOUT)
    engine = open_engine(url)
    context = Context(
        engine, replace(test_settings(url), mail=mail), now=lambda: datetime.now(UTC) + ahead
    )
    worker = WorkerProcess(context, HASTY)
    with ended_by_signals(worker):
        worker.run()
    engine.dispose()
