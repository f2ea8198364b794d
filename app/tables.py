"""Every table of the database.

A process that opens a session imports it (``app/composition.py`` does): a relationship names its
table.
"""

# ruff: noqa: F401  # importing a module declares its tables

from app.accounts.models import (
    api_requests,
    calls,
    copies,
    feeds,
    partners,
    passkeys,
    people,
    sign_on,
)
from app.calendar.models import lhc
from app.core.models import base, changes, form_keys
from app.duties.models import duties
from app.events.models import events, imports
from app.evidence.models import downtimes
from app.exchange.models import connections, incoming_mails, pairs
from app.jobs.models import work
from app.mail.models import mails
from app.matching.models import matching
from app.meetings.models import packs, teleconferences
from app.notices.models import notices
from app.registry.models import registry
from app.reports.models import reminders, reports
from app.tickets.models import (
    attachments,
    desk,
    personal_reminders,
    relations,
    search,
    tickets,
    watchers,
)
from app.webhooks.models import webhooks
