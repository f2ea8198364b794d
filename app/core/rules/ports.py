"""What the portal needs from outside, as the starting program wires it."""

from __future__ import annotations

from typing import Protocol


class MailLater(Exception):
    """The mail was not taken now; ``reason`` says why, on one line.

    ``for_all`` = the server takes no mail at all just now, so that others need not be tried.
    """

    def __init__(self, reason: str, *, for_all: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_all = for_all


class MailRefused(Exception):
    """The server will not take this mail, nor later; ``reason`` holds its words, on one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Mailer(Protocol):
    """Where mails are given to. One at a time; not shared by threads."""

    name: str
    """The server, as host:port; "" = none: mails are files."""

    def send(self, message: bytes, sender: str, address: str, key: str) -> None:
        """Hand one mail over for one address; returns when it was taken.

        ``key`` is the same when the same mail is handed over again. Raises ``MailLater``,
        ``MailRefused``.
        """

    def close(self) -> None:
        """Give back what is held, such as a connection."""
