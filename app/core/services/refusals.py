"""The record of refused rights: who tried what, from where, and why not.

A door's translator of errors notes each ``Forbidden`` here, in a short transaction of its own: what
was refused is rolled back by then. A refusal never costs the answer, and never fills the disk.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Refusal
from app.core.rules.access import Actor, Door
from app.core.rules.addresses import kept_address
from app.core.services.security_log import log_event

KEPT_PER_MINUTE: Final = 60
"""Refusals of one account that one process writes down within a minute; the log counts the rest."""
_MAX_LENGTH: Final = 255
_log = logging.getLogger(__name__)


class Refusals:
    """What one process has written down within this minute."""

    def __init__(self, kept_per_minute: int = KEPT_PER_MINUTE) -> None:
        self._kept_per_minute = kept_per_minute
        self._minute: datetime | None = None
        self._noted: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def note(
        self,
        session: Session,
        actor: Actor,
        door: Door,
        *,
        what: str,
        reason: str,
        remote: str | None,
        now: datetime,
        thing: str = "",
    ) -> None:
        """Write one refusal down, and log it; what ``session`` has read is given up. Never raises.

        ``what`` is the operation or address without any value that was sent, ``reason`` is what the
        account was answered, ``remote`` the address it came from. ``now`` is aware UTC. ``thing``
        is what it was about, as it was in the address, for the security log only.
        """
        if not self._is_kept(actor, now):
            return
        log_event(
            "refused",
            door=door,
            account=actor.account,
            remote=kept_address(remote),
            kind=what[:_MAX_LENGTH],
            thing=thing,
            reason=reason[:_MAX_LENGTH],
        )
        try:
            session.rollback()
            with transaction(session, beside=True):
                session.add(
                    Refusal(
                        at=now,
                        actor_kind=actor.kind,
                        actor_account=actor.account,
                        actor_id=actor.account_id,
                        door=door,
                        remote=kept_address(remote),
                        what=what[:_MAX_LENGTH],
                        reason=reason[:_MAX_LENGTH],
                    )
                )
        except SQLAlchemyError:
            _log.exception(
                "a refusal could not be written down", extra={"what": what[:_MAX_LENGTH]}
            )

    def _is_kept(self, actor: Actor, now: datetime) -> bool:
        minute = now.replace(second=0, microsecond=0)
        with self._lock:
            if minute != self._minute:
                self._report()
                self._minute = minute
                self._noted.clear()
            key = (str(actor.kind), actor.account)
            self._noted[key] += 1
            return self._noted[key] <= self._kept_per_minute

    def _report(self) -> None:
        """Say in the log how many refusals of the minute that has ended were not written down."""
        for (kind, account), count in self._noted.items():
            if count > self._kept_per_minute:
                _log.warning(
                    "refusals not written down",
                    extra={
                        "kind": kind,
                        "account": account,
                        "count": count - self._kept_per_minute,
                    },
                )
