"""Sends the messages of webhooks: a part of the worker, with lanes of its own.

Each lane handles one webhook at a time, and no transaction is open while a receiver is called: a
slow or dead receiver delays only its own messages and one of the lanes, and rests after a failure.
A webhook with much to send gives up its lane after a turn, and those that wait longest come first.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from app.core.adapters.outbound import ask
from app.core.rules.errors import SettingError
from app.core.settings import Settings
from app.core.traces import resumed
from app.jobs.rules.jobs import reason_of
from app.jobs.services.claims import due, next_look
from app.jobs.tasks.context import Context
from app.webhooks.adapters.receivers import Transport, post
from app.webhooks.models.webhooks import Webhook
from app.webhooks.rules.delivering import Attempt
from app.webhooks.services.deliveries import (
    Outgoing,
    advance,
    claim_webhook,
    end_turn,
    outgoing,
)

LANES: Final = 6
TURN: Final = 50
"""Most messages of a webhook before another one has its turn."""
TURN_SECONDS: Final = 20.0
"""The same as a time."""
_AFTER_TROUBLE: Final = timedelta(seconds=5)
_log = logging.getLogger(__name__)


class WebhookSender:
    """Sends due messages. Without the portal's secret nothing is sent: messages are signed."""

    def __init__(self, context: Context, transport: Transport = ask) -> None:
        self._context, self._transport = context, transport
        self._lanes: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._settings: Settings | None = None
        self._is_logged = False
        self._not_before: datetime | None = None
        self.again_at: datetime | None = None

    def step(self) -> bool:
        """Start lanes for what is due; does not wait for them."""
        now = self._context.now()
        if self._not_before is not None and now < self._not_before:
            self.again_at = self._not_before
            return False
        with self._context.reading() as session:
            found = due(session, Webhook, now, LANES)
            self.again_at = next_look(session, Webhook)
        if not found or not self._is_ready():
            return False
        with self._lock:
            begun = [
                threading.Thread(target=self._work, name="webhooks", daemon=True)
                for _ in range(min(len(found), LANES - len(self._lanes)))
            ]
            self._lanes.update(begun)
        for lane in begun:
            lane.start()
        # they have been claimed by then; if all lanes are busy, the end of a turn wakes this part
        self.again_at = now + timedelta(seconds=1) if begun else None
        return False

    def drain(self) -> bool:
        """Send everything that is due now and wait for it; return whether there was anything."""
        if not self._is_ready():
            return False
        with self._context.reading() as session:
            found = due(session, Webhook, self._context.now(), 1)
        if found:
            self._turns()
        return bool(found)

    def join(self, timeout: float) -> bool:
        """Wait for the messages being sent; return whether they ended in time."""
        deadline = monotonic() + timeout
        with self._lock:
            lanes = list(self._lanes)
        for lane in lanes:
            lane.join(max(0.0, deadline - monotonic()))
        return not any(lane.is_alive() for lane in lanes)

    def _work(self) -> None:
        try:
            self._turns()
        except Exception as error:  # noqa: BLE001  # it begins anew, whatever it is
            self._not_before = self._context.now() + _AFTER_TROUBLE
            _log.warning("webhooks cannot be sent now", extra={"error": reason_of(error)})
        finally:
            with self._lock:
                self._lanes.discard(threading.current_thread())

    def _turns(self) -> None:
        while not self._context.is_ending():
            with self._context.transaction() as session:
                claimed = claim_webhook(session, self._context.now())
            if claimed is None:
                return
            self._turn(*claimed)

    def _turn(self, webhook: int, claim: datetime) -> None:
        """Send messages of a webhook until none is due, one failed, or its turn is over."""
        done: tuple[int, Attempt] | None = None
        ends = monotonic() + TURN_SECONDS
        for _ in range(TURN):
            with self._context.transaction() as session:
                found = advance(session, webhook, claim, self._context.now(), done)
            if found is None:
                return
            delivery, claim = found
            attempt = self._attempt(delivery)
            done = (delivery, attempt) if attempt is not None else None
            if self._context.is_ending() or monotonic() >= ends:
                break
        with self._context.transaction() as session:
            end_turn(session, webhook, claim, self._context.now(), done)

    def _attempt(self, delivery: int) -> Attempt | None:
        settings, now = self._settings, self._context.now()
        assert settings is not None
        key = settings.key
        assert key is not None
        with self._context.reading() as session:
            found = outgoing(session, delivery, key, settings.public_url, now)
        if not isinstance(found, Outgoing):
            return found
        with resumed(found.trace, "webhook"):
            return post(
                found.url,
                found.content,
                found.headers,
                settings.outbound_private_hosts,
                self._transport,
            )

    def _is_ready(self) -> bool:
        if self._settings is None:
            try:
                self._settings = self._context.settings.for_serving()
            except SettingError as error:
                if not self._is_logged:
                    _log.warning("no webhook is sent", extra={"why": str(error)})
                self._is_logged = True
        return self._settings is not None
