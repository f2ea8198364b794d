"""What follows the change log: called within about a second after the log has grown.

A listener reads on from a cursor of its own and moves it in the transaction in which it writes what
follows: several workers may call it at once, and one that was killed has done nothing. It is also
called once when a worker begins, and now and then without a change. A listener that fails is called
again, with growing pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from app.calendar.services.work_mails import tell_work_in_mails
from app.duties.services.derived import compute_with_matches
from app.events.tasks.imports import fail_given_up_imports
from app.exchange.services.announcements import follow_refused_mails
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import plan_mails
from app.matching.tasks.follow import follow_matching
from app.meetings.tasks.packs import fail_given_up_packs
from app.webhooks.tasks.planning import plan_messages

Listener: TypeAlias = Callable[[Context], None]

compute_with_matches()
tell_work_in_mails()
follow_refused_mails()
LISTENERS: list[Listener] = [
    plan_mails,
    plan_entries,
    plan_messages,
    follow_matching,
    fail_given_up_packs,
    fail_given_up_imports,
]
