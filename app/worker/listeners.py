"""The followers of the change log: called within about a second after the log has grown.

A listener has its own cursor and moves it in the transaction in which it writes its results:
several workers may call it at once, and one that was killed has done nothing. It is also called
when a worker starts, and at intervals without a change. A listener that fails is called again with
growing pauses; the other listeners are not affected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from app.calendar.services.work_mails import tell_work_in_mails
from app.duties.services.derived import compute_with_matches
from app.events.tasks.imports import fail_given_up_imports
from app.exchange.services.announcements import follow_refused_mails
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.rules.followers import (
    EVENT_IMPORTS,
    EXCHANGE,
    MAILS,
    MATCHING,
    MEETING_PACKS,
    WEBHOOKS,
)
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import plan_mails
from app.matching.tasks.follow import follow_matching
from app.meetings.tasks.packs import fail_given_up_packs
from app.webhooks.tasks.planning import plan_messages

Listener: TypeAlias = Callable[[Context], None]

compute_with_matches()
tell_work_in_mails()
follow_refused_mails()
LISTENERS: Final[dict[str, Listener]] = {
    MAILS: plan_mails,
    EXCHANGE: plan_entries,
    WEBHOOKS: plan_messages,
    MATCHING: follow_matching,
    MEETING_PACKS: fail_given_up_packs,
    EVENT_IMPORTS: fail_given_up_imports,
}
