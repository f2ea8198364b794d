"""Notifications: their content, and the headers that make mail clients handle them well.

Threads: the ``References`` of each mail about a ticket name one root, which is not the id of any
mail, so that clients group the mails whichever arrived first. The subject contains
``GGUS-Ticket-ID: #N``, by which people filtered GGUS's mails. Lists and robots: RFC 2369, 2919,
3834, 8058.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from urllib.parse import urlsplit

from app.core.rules.language import _, counted, said_word
from app.core.rules.secret_keys import keys_to_read
from app.mail.rules.reply_addresses import reply_address
from app.tickets.rules.reminders import REMINDER
from app.tickets.rules.tickets import State

COMMENT_FIELD = "public_comment"
SOLUTION_FIELD = "solution"
CONCERNING = ("sites", "responsible_site", "carbon_copy")
"""Fields through which a ticket starts to concern somebody."""
_WINDOW = frozenset({"window_start", "window_end"})
MAX_TEXT_LENGTH = 20_000
"""Characters of a text that a mail quotes; the page shows the whole text."""
INVITATION_FILE, CALENDAR_FILE = "invitation.ics", "maintenance.ics"
"""File names of the attached calendar object: with a METHOD, and without."""
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)
_LINE_END = "\r\n"
_NOT_IN_A_HOST = re.compile(r"[^A-Za-z0-9.-]+")


class Happened(StrEnum):
    """What a mail reports."""

    CREATED = "created"
    SOLVED = "solved"
    MOVED = "moved"
    COMMENTED = "commented"
    REMINDED = "reminded"
    RESCHEDULED = "rescheduled"
    """The window of planned work has changed."""
    CONCERNED = "concerned"
    """The ticket now concerns the recipient, and nobody else is notified of this change."""


@dataclass(frozen=True)
class Notification:
    """What happened to a ticket, and the ticket itself, for everybody who is notified.

    ``at`` is ISO 8601 in UTC. Never contains anything internal.
    """

    number: int
    title: str
    happened: Happened
    author: str
    at: str
    comment: str = ""
    solution: str = ""
    before: str = ""
    """The previous state, if it changed."""
    state: str = ""
    reminder: str = ""
    """Which reminder of how many."""
    description: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value of each fact, in order."""
    calendar: str = ""
    """An attached iCalendar object without a METHOD, for programs; "" = none."""

    @property
    def headline(self) -> str:
        """What happened, in one sentence."""
        state = said_word(self.state)
        who = _("The portal") if self.author == "portal" else self.author
        if self.happened is Happened.CREATED:
            return _("%(who)s created this ticket.", who=who)
        if self.happened is Happened.REMINDED:
            return _(
                "This ticket is waiting for a reply (reminder %(reminder)s).",
                reminder=self.reminder,
            )
        if self.happened is Happened.RESCHEDULED:
            return _("%(who)s changed the window of this planned work.", who=who)
        if self.happened is Happened.CONCERNED:
            return _("%(who)s changed this ticket; it now concerns you.", who=who)
        if self.happened is Happened.COMMENTED:
            return _("%(who)s commented.", who=who)
        from_to = (
            _("from %(before)s to %(state)s", before=said_word(self.before), state=state)
            if self.before
            else _("to %(state)s", state=state)
        )
        if self.happened is Happened.SOLVED:
            return _("%(who)s solved this ticket (%(from_to)s).", who=who, from_to=from_to)
        return _("%(who)s changed the state %(from_to)s.", who=who, from_to=from_to)

    def as_text(self) -> str:
        """As JSON, for storage."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Notification:
        """Read the notification that ``as_text`` wrote."""
        stored = json.loads(text)
        facts = tuple((label, value) for label, value in stored.pop("facts"))
        notification = cls(**stored, facts=facts)
        return replace(notification, happened=Happened(notification.happened))


def what_happened(version: int, fields: Mapping[str, str | None]) -> Happened | None:
    """What people are notified of, for a change with these new values by field; None = nothing.

    Internal text is ignored: a change of nothing else notifies nobody.
    """
    if version == 1:
        return Happened.CREATED
    if fields.get("state") == State.SOLVED:
        return Happened.SOLVED
    if fields.get(REMINDER):
        return Happened.REMINDED
    if fields.get("state"):
        return Happened.MOVED
    if fields.get(COMMENT_FIELD):
        return Happened.COMMENTED
    if not _WINDOW.isdisjoint(fields):
        return Happened.RESCHEDULED
    if any(fields.get(name) for name in CONCERNING):
        return Happened.CONCERNED
    return None


def one_line(text: str) -> str:
    """A text as a header may contain it: one line, without characters that change the text
    direction."""
    return " ".join(_NOT_IN_A_LINE.sub(" ", text).split())


def ticket_subject(number: int, title: str) -> str:
    """The subject of every mail about a ticket."""
    return one_line(f"GGUS-Ticket-ID: #{number} {title}")


@dataclass(frozen=True)
class Sender:
    """The sender of mails, and the portal's address for people (without a slash at the end)."""

    name: str
    address: str
    public_url: str
    key: bytes
    """The portal's secret: signs unsubscribe links and reply addresses."""
    mailbox: str = ""
    """Where replies arrive; "" = replies are not read."""

    @property
    def domain(self) -> str:
        """The host in message and list ids."""
        host = urlsplit(self.public_url).hostname or ""
        return _NOT_IN_A_HOST.sub("-", host).strip("-.") or "localhost"

    def ticket_url(self, number: int) -> str:
        """The address of the ticket's page."""
        return f"{self.public_url}/tickets/{number}"

    def reply_to(self, number: int | None, holder: str, *, to_show: bool = False) -> str:
        """The address to which ``holder`` replies to a mail about the ticket; "" = none.
        ``to_show`` omits the signature."""
        if not self.mailbox or number is None or not holder:
            return ""
        if to_show:
            return "+...@".join(self.mailbox.rsplit("@", 1))
        return reply_address(self.key, self.mailbox, number, holder)

    def stop_url(self, mail_id: int, address: str) -> str:
        """The address at which the recipient of this mail unsubscribes."""
        return f"{self.public_url}/unsubscribe/{stop_token(self.key, mail_id, address)}"


def stop_token(key: bytes, mail_id: int, address_key: str) -> str:
    """Proof that somebody received this mail: its number and a signature."""
    text = f"unsubscribe {mail_id} {address_key}".encode()
    return f"{mail_id}-{hmac.new(key, text, hashlib.sha256).hexdigest()[:40]}"


def is_stop_token(key: bytes, token: str, mail_id: int, address_key: str) -> bool:
    """Return whether the token belongs to this mail, also if the old secret key signed it."""
    given = token.encode("utf-8", "replace")
    return any(
        hmac.compare_digest(given, stop_token(one, mail_id, address_key).encode())
        for one in keys_to_read(key)
    )


@dataclass(frozen=True)
class Post:
    """A mail to be composed: its recipient, its identity and its texts."""

    mail_id: int
    address: str
    address_key: str
    at: datetime
    subject: str
    text: str
    html: str
    number: int | None
    """The ticket; None for a digest, and for a message outside a ticket's thread."""
    calendar: str = ""
    """An attached iCalendar object; "" = none."""
    calendar_method: str = ""
    """Its METHOD, without which clients do not treat it as an invitation; "" = it is for programs.
    """
    is_stoppable: bool = True
    """Whether the recipient can stop mails like this; not those about the security of an account,
    and not those to a partner's system."""
    reply_to: str = ""
    """Where the recipient replies; "" = nowhere."""
    request_id: str = ""
    """Id of the request that made the change; "" = not known, or not about one change."""


def message_key(post: Post) -> str:
    """The part of the message id before the ``@``: always the same for the same mail."""
    return (
        f"mail-{post.mail_id}"
        if post.number is None
        else f"ticket-{post.number}-mail-{post.mail_id}"
    )


def put_together(sender: Sender, post: Post) -> bytes:
    """Compose the mail as it is sent (RFC 5322, lines end with CR LF), 7 bit throughout."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = Address(display_name=one_line(sender.name), addr_spec=sender.address)
    message["To"] = Address(addr_spec=post.address)
    message["Date"] = format_datetime(post.at)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(post.text, cte="quoted-printable")
    message.add_alternative(post.html, subtype="html", cte="quoted-printable")
    if post.calendar:
        _add_calendar(message, post)
    return _subject(post.subject) + _plain_headers(sender, post) + bytes(message)


def _add_calendar(message: EmailMessage, post: Post) -> None:
    """Attach the calendar object as clients expect an invitation (RFC 6047): as the last
    alternative, with the method in its content type, and as a file for programs that show no
    invitations. An object that is not an invitation is attached as a file only.

    The bytes are unchanged: lines of iCalendar end with CR LF and are already folded.
    """
    content = post.calendar.encode()
    if not post.calendar_method:
        message.add_attachment(
            content,
            "text",
            "calendar",
            cte="base64",
            filename=CALENDAR_FILE,
            params={"charset": "utf-8"},
        )
        return
    method = {"charset": "utf-8", "method": post.calendar_method}
    message.add_alternative(content, "text", "calendar", cte="base64", params=method)
    message.add_attachment(content, "application", "ics", cte="base64", filename=INVITATION_FILE)


def _subject(text: str) -> bytes:
    """The subject header. ``EmailMessage`` is not used: it would decode encoded words in the text
    (``=?utf-8?q?=0D=0ABcc:...?=``) and write their line ends as they are.

    Encoded only from the first word that needs it: filters that do not decode still see the number.
    """
    words = one_line(text).split(" ")
    needs = (not word.isascii() or "=?" in word for word in words)
    first = next((place for place, it_does in enumerate(needs) if it_does), len(words))
    header = Header(" ".join(words[:first]), "us-ascii", header_name="Subject")
    if first < len(words):
        header.append(" ".join(words[first:]), "utf-8")
    return f"Subject: {header.encode(linesep=_LINE_END)}{_LINE_END}".encode("ascii")


def _plain_headers(sender: Sender, post: Post) -> bytes:
    """Headers that clients read unencoded: ``email`` would encode those longer than a line."""
    headers = {"Message-ID": f"<{message_key(post)}@{sender.domain}>"}
    if post.number is not None:
        root = f"<ticket-{post.number}@{sender.domain}>"
        headers |= {"In-Reply-To": root, "References": root}
    if post.reply_to:
        headers["Reply-To"] = f"<{post.reply_to}>"
    if post.request_id:
        headers["X-Request-Id"] = post.request_id
    headers["List-Id"] = f"LHCOPN tickets <tickets.{sender.domain}>"
    if post.is_stoppable:
        headers |= {
            "List-Unsubscribe": f"<{sender.stop_url(post.mail_id, post.address_key)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    assert all(one_line(value) == value for value in headers.values())
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def shortened(text: str, url: str) -> str:
    """A text as mails quote it: cut, with the address of the full text."""
    if len(text) <= MAX_TEXT_LENGTH:
        return text
    return f"{text[:MAX_TEXT_LENGTH]}\n[... the rest is at {url}]"


def digest_subject(notifications: Sequence[Notification], day: datetime) -> str:
    """The subject of a daily digest."""
    tickets = len({notification.number for notification in notifications})
    return counted(
        "LHCOPN tickets, %(day)s: updates on %(num)s ticket",
        "LHCOPN tickets, %(day)s: updates on %(num)s tickets",
        tickets,
        day=format(day, "%Y-%m-%d"),
    )
