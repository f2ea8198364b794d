"""All followers of the change log: importing a module registers its followers
(``app.jobs.tasks.followers``)."""

from __future__ import annotations

from app.composition import compose_figures, compose_mails, compose_records
from app.events.tasks import imports as _imports  # noqa: F401
from app.exchange.tasks import deliveries as _deliveries  # noqa: F401
from app.jobs.tasks.followers import FOLLOWERS as FOLLOWERS
from app.mail.tasks import mails as _mails  # noqa: F401
from app.matching.tasks import follow as _matching  # noqa: F401
from app.meetings.tasks import packs as _packs  # noqa: F401
from app.webhooks.tasks import planning as _planning  # noqa: F401

compose_records()
compose_figures()
compose_mails()
