"""Those outside: a person with a browser, a partner's program, and a mail server."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any, Final
from urllib.parse import urlencode

from aiosmtpd.controller import Controller

from tests.harness.visitor import PageReader
from tests.soap_service.wire import Sent, elements, envelope, login

NAME: Final = "portal.example"
PASSWORD: Final = "quartz lantern mosaic 58"
"""Typed by the administrator."""


class Wrong(Exception):
    """Something is not as the guide says."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Visitor:
    """One who comes to the address with a name; the certificate is trusted and checked. Without a
    certificate, over http."""

    address: str
    certificate: str = ""
    port: int = 443
    cookie: str = ""

    @property
    def origin(self) -> str:
        """What the address begins with."""
        scheme, usual = ("https", 443) if self.certificate else ("http", 80)
        return f"{scheme}://{NAME}" + (f":{self.port}" if self.port != usual else "")

    def ask(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        with closing(self._connected()) as connection:
            sent = {**(headers or {}), **({"Cookie": self.cookie} if self.cookie else {})}
            connection.request(method, path, body and body.encode(), sent)
            answer = connection.getresponse()
            if cookie := answer.headers["Set-Cookie"]:
                self.cookie = cookie.partition(";")[0]
            return Answer(answer.status, answer.headers, answer.read().decode())

    def _connected(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(NAME, self.port, timeout=60)
        connection.sock = socket.create_connection((self.address, self.port), 60)
        if self.certificate:
            context = ssl.create_default_context(cadata=self.certificate)
            connection.sock = context.wrap_socket(connection.sock, server_hostname=NAME)
        return connection

    def log_in(self, name: str) -> None:
        """Log in by the form. Raises Wrong."""
        page = self.ask("GET", "/login")
        if page.status != http.client.OK:
            raise Wrong(f"GET /login answers {page.status}")
        fields = PageReader(page.text).form("/login").data()
        sent = {key: values[0] for key, values in fields.items() if values}
        sent |= {"name": name, "password": PASSWORD}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"{self.origin}/login",
        }
        answer = self.ask("POST", "/login", urlencode(sent), headers)
        if answer.status != http.client.SEE_OTHER:
            raise Wrong(f"POST /login answers {answer.status}")

    def call(self, operation: str, values: Sent, user: str, secret: str) -> str:
        """Call the GGUS contract; the body of the answer. Raises Wrong."""
        text = envelope(operation, elements(values), header=login(user, secret))
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        answer = self.ask("POST", "/soap/GGUS", text, headers)
        if answer.status != http.client.OK:
            said = re.search(r"<faultstring>(.*?)</faultstring>", answer.text, re.DOTALL)
            raise Wrong(f"{operation} answers {answer.status} {said[1] if said else ''}")
        return answer.text


def plain(address: str, path: str) -> Answer:
    """Ask over http."""
    connection = http.client.HTTPConnection(address, timeout=60)
    with closing(connection):
        connection.request("GET", path, headers={"Host": NAME})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())


@dataclass
class Mailbox:
    """The emails that the site's mail server accepted."""

    mails: list[Message] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        with self.arrived:
            self.mails.append(message_from_bytes(envelope.content))
            self.arrived.notify_all()
        return "250 accepted"

    def wait_for(self, words: str, seconds: float) -> Message:
        """The first email with these words in its text or head. Raises Wrong."""

        def found() -> Message | None:
            return next((mail for mail in self.mails if words in _readable(mail)), None)

        with self.arrived:
            mail = self.arrived.wait_for(found, seconds)
        if mail is None:
            subjects = [str(each["Subject"]) for each in self.mails]
            raise Wrong(f"no email with {words!r} within {seconds:.0f} s; only {subjects}")
        return mail


def _readable(mail: Message) -> str:
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    texts = [part.decode(errors="replace") for part in parts if isinstance(part, bytes)]
    return "\n".join([str(mail["Subject"]), *texts])


@contextmanager
def mail_server(address: str) -> Iterator[Mailbox]:
    """The site's mail server, at port 25."""
    box = Mailbox()
    controller = Controller(box, hostname=address, port=25, ready_timeout=60)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
