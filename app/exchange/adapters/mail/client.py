"""A pull-only partner is notified of each change by mail, and fetches the ticket.

Nothing is called: what is sent waits in the portal's own mail queue, once, however often it is
requested. The partner's own number arrives with its answer (``GHD_Target_ID``); until then its
ticket has our reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from app.core.rules.language import _
from app.exchange.adapters.access import Access, Announce
from app.exchange.adapters.mail import KIND
from app.exchange.adapters.mail.webhook import WebhookNotices
from app.exchange.rules.entries import Outgoing
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import Changed, Check, Created, Ours, Sent
from app.exchange.rules.reading import TheirTicket
from app.tickets.rules.marks import reference_of


def open_client(access: Access) -> MailNotices | WebhookNotices:
    """The client of one connection: by mail, unless its address is a receiver of webhooks."""
    if KIND.is_mailed(access.caller.url):
        return MailNotices(access.announce, access.mailbox)
    return WebhookNotices(access.caller, access.secrets, access.portal, access.now)


class MailNotices:
    """A partner that is notified by mail."""

    traits = Traits(can_look_up=True, settles=timedelta(0))
    """A repeated notification has no effect: there is nothing to wait for."""

    def __init__(self, tell: Announce, mailbox: str) -> None:
        self._tell, self._mailbox = tell, mailbox

    def test(self, _ticket: str = "") -> Iterator[Check]:
        """Delivery of mails is visible in their queue; without a mailbox of ours the partner cannot
        answer them."""
        yield Check(_("Emails are queued"))
        problem = "" if self._mailbox else _("MAIL_REPLY_TO is not set")
        yield Check(_("Replies by email"), problem, for_reading=True)

    def find(self, reference: str) -> Sequence[str]:
        """There is no system to query."""
        return ()

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """There is no system to query."""
        return Ours(())

    def create(self, entry: Outgoing) -> Created:
        """Notify the partner of a ticket; it has our reference until they send theirs."""
        self._tell(entry.number, entry.sequence)
        return Created(reference_of(entry.number))

    def read(self, their_id: str) -> TheirTicket:
        """Only its id is known."""
        return TheirTicket(their_id, ())

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """There is no system to query."""
        return {}

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """Notify the partner of a change."""
        self._tell(entry.number, entry.sequence)
        return Sent()

    def changed(self, cursor: str) -> Changed:
        """They send their changes themselves."""
        return Changed((), cursor)
