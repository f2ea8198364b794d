"""Where mails are delivered: to an SMTP server, or as files into a folder.

Both implement ``core.rules.ports.Mailer``. They do not know tickets: a mail is bytes and one
address. The server's answers are stored for operators, on one line.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.rules.ports import MailLater, MailRefused

_FOR_GOOD: Final = range(500, 600)
_CLOSING: Final = 421
"""The server closes the connection (RFC 5321, 3.8)."""
_TOO_LARGE: Final = 552
"""The mail is too large; answered to the sender, because the size is sent with it (RFC 1870)."""
_MAX_WORDS_LENGTH = 400
_MAX_NAME_LENGTH = 255
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True)
class SmtpServer:
    """Where and how mails are delivered. ``tls`` is one of none, starttls or tls (from the first
    byte); ``timeout`` is in seconds for each step."""

    host: str
    port: int
    tls: str = "none"
    user: str = ""
    password: str = ""
    timeout: float = 20


class SmtpMailer:
    """Delivers mails to one server, over one connection for as long as it works."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self.name = f"{server.host}:{server.port}"[:_MAX_NAME_LENGTH]
        self._connection: smtplib.SMTP | None = None

    def send(self, message: bytes, sender: str, address: str, key: str) -> None:
        """See the port. If the connection, the login or the sender is refused, the mail is not
        refused: it waits."""
        connection = self._connected()
        try:
            connection.sendmail(sender, [address], message)
        except smtplib.SMTPRecipientsRefused as error:
            self._raise(*error.recipients[address])
        except smtplib.SMTPDataError as error:
            self._raise(error.smtp_code, error.smtp_error)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == _TOO_LARGE:
                self._raise(error.smtp_code, error.smtp_error)
            self.close()
            raise MailLater(_words(error.smtp_code, error.smtp_error), for_all=True) from error
        except smtplib.SMTPResponseException as error:
            self.close()
            raise MailLater(_words(error.smtp_code, error.smtp_error), for_all=True) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise MailLater(_problem(error), for_all=True) from error

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except (smtplib.SMTPException, OSError):
            connection.close()

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        server = self._server
        try:
            if server.tls == "tls":
                connection: smtplib.SMTP = smtplib.SMTP_SSL(
                    server.host,
                    server.port,
                    timeout=server.timeout,
                    context=ssl.create_default_context(),
                )
            else:
                connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
            self._connection = connection
            if server.tls == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.user:
                connection.login(server.user, server.password)
        except smtplib.SMTPResponseException as error:
            self.close()
            raise MailLater(_words(error.smtp_code, error.smtp_error), for_all=True) from error
        # a host name or a password that cannot be sent as configured is not an error of the mail
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            self.close()
            raise MailLater(_problem(error), for_all=True) from error
        return connection

    def _raise(self, code: int, words: bytes | str) -> None:
        if code == _CLOSING:
            self.close()
            raise MailLater(_words(code, words), for_all=True)
        if code in _FOR_GOOD:
            raise MailRefused(_words(code, words))
        raise MailLater(_words(code, words))


class FolderMailer:
    """Writes each mail as a file into a folder; the same mail is always the same file."""

    name = ""
    """No server receives them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: bytes, sender: str, address: str, key: str) -> None:
        """See the port; a full disk counts as a server that is temporarily unavailable."""
        path = self._folder / f"{_NOT_IN_A_NAME.sub('-', key)}.eml"
        making = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message)
            making.replace(path)
        except OSError as error:
            raise MailLater(_problem(error), for_all=True) from error

    def close(self) -> None:
        """Nothing to close."""


def _words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:_MAX_WORDS_LENGTH]


def _problem(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"The mail server cannot be reached: {' '.join(str(text).split())}"[:_MAX_WORDS_LENGTH]
