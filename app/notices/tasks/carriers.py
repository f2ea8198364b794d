"""Has the mails of known carriers read, if this portal has the reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.jobs.tasks.context import Context
from app.notices.adapters.carriers import NotRead, read_carrier_mail
from app.notices.services.carriers import mail_to_read, not_read, take_reading


def read_notice(context: Context, arguments: Mapping[str, Any]) -> None:
    """Read the mail of one notice (a job); no transaction is open meanwhile."""
    number, python = int(arguments["notice"]), context.settings.carrier_reader
    with context.reading() as session:
        waiting = mail_to_read(session, number)
    if waiting is None:
        return
    why, reading = "", None
    if python is not None:
        try:
            reading = read_carrier_mail(python, waiting.provider, waiting.content)
        except NotRead as error:
            why = str(error)
    with context.transaction() as session:
        if reading is None:
            not_read(session, context.writer(), number, why)
        else:
            take_reading(session, context.writer(), number, reading)
