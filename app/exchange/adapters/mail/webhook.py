"""The address of a receiver: a pull-only partner is notified of each change by a
signed webhook, and fetches the ticket.

A message names the ticket and which of its changes it is, without any of its text. It has the same
id in each attempt, so that a repeated one is recognized.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from app.core.rules.language import _
from app.core.rules.webhooks import signed_headers
from app.exchange.adapters.http import JsonCaller
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Ours, Sent
from app.exchange.rules.reading import TheirTicket
from app.tickets.rules.marks import reference_of


class WebhookNotices:
    """A partner that is notified by a webhook; ``live`` secrets sign, ``portal`` is our address."""

    traits = Traits(can_look_up=True, settles=timedelta(0))
    """A repeated message is recognized by its id: there is nothing to wait for."""

    def __init__(self, caller: JsonCaller, live: Sequence[str], portal: str, now: datetime) -> None:
        self._caller, self._live, self._portal, self._now = caller, live, portal, now

    def test(self, _ticket: str = "") -> Iterator[Check]:
        """Send a message without a ticket."""
        try:
            self._post(f"test-{int(self._now.timestamp())}", "connection.tested", {})
        except CallFailed as error:
            yield Check(_("Reachable"), error.failure.reason)
            return
        yield Check(_("Reachable"))

    def find(self, reference: str) -> Sequence[str]:
        """There is no system to query."""
        return ()

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """There is no system to query."""
        return Ours(())

    def create(self, entry: Outgoing) -> Created:
        """Notify the partner of a ticket; it has our reference until they send theirs."""
        self._tell(entry)
        return Created(reference_of(entry.number))

    def read(self, their_id: str) -> TheirTicket:
        """Only its id is known."""
        return TheirTicket(their_id, ())

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """There is no system to query."""
        return {}

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """Notify the partner of a change."""
        self._tell(entry)
        return Sent()

    def changed(self, cursor: str) -> Changed:
        """They send their changes themselves."""
        return Changed((), cursor)

    def _tell(self, entry: Outgoing) -> None:
        is_new = entry.kind is EntryKind.TICKET
        data = {
            "ticket": entry.number,
            "entry": entry.sequence,
            "kind": entry.kind.value,
            "url": f"{self._portal}/tickets/{entry.number}",
        }
        message = f"lhcopn-{entry.number}-{entry.sequence}"
        self._post(message, "ticket.created" if is_new else "ticket.changed", data)

    def _post(self, message: str, kind: str, data: Mapping[str, object]) -> None:
        header = {"type": kind, "timestamp": self._now.isoformat().replace("+00:00", "Z")}
        body = json.dumps({**header, "data": data}).encode()
        self._caller.notify(body, signed_headers(message, self._now, body, self._live))
