"""Partners and programs that write through nginx, and repeat a call until it is answered.

Each remembers what was acknowledged: that is what must be there afterwards, once.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from itertools import count
from time import monotonic, sleep
from typing import Final

from app.demo import LOGINS, PARTNER_LOGIN
from tests.harness.nginx import NAME, Proxy

CLIENTS: Final = 4
PAUSE: Final = 0.05
"""Seconds between two calls of a client."""
REPEATED_AFTER: Final = 0.3
"""Seconds after which a call that failed is repeated, the very same."""
_REPEATED: Final = frozenset({429, 502, 503, 504})
_FAULT: Final = re.compile(rb"ERROR \(\d+\)")
_NUMBER: Final = re.compile(rb"GHD_Request_ID[^>]*>(\d+)<")


class Kind(StrEnum):
    """What a call writes."""

    SOAP_CREATE = "OpCreate"
    SOAP_MODIFY = "TicketModify"
    REST_CREATE = "POST /tickets"
    REST_COMMENT = "POST /comments"


@dataclass(frozen=True)
class Call:
    """One call. ``text`` is in no other call of the whole run; ``number`` is the ticket that it
    changes, 0 where it creates one."""

    kind: Kind
    text: str
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    number: int = 0


@dataclass(frozen=True)
class Acknowledged:
    """A call and the ticket's number that was answered. ``tries``: how often it was sent."""

    call: Call
    number: int
    tries: int
    at: float
    """Monotonic seconds."""


class Refused(Exception):
    """The portal answered something that no repeat mends."""


def send(proxy: Proxy, call: Call, sender: str, connection: HTTPConnection | None = None) -> int:
    """Make the call; the ticket's number that was answered.

    Raises:
        OSError, HTTPException: it is not known whether it was carried out, or it was not.
        Refused: the answer is neither an acknowledgement nor "later".
    """
    own = connection or proxy.connect(sender)
    try:
        own.request("POST", call.path, call.body, dict(call.headers))
        answer = own.getresponse()
        content = answer.read()
    finally:
        if connection is None:
            own.close()
    if answer.status in _REPEATED or b"<faultcode>soapenv:Server<" in content:
        fault = _FAULT.search(content)
        raise ConnectionError(fault[0].decode() if fault else f"{answer.status}")
    if call.path.startswith("/soap"):
        found = _NUMBER.search(content)
        if answer.status == 200 and found is not None:
            return int(found[1])
    elif answer.status in (200, 201):
        return int(json.loads(content).get("number") or call.number)
    raise Refused(f"{call.kind} answered {answer.status}: {content[:300]!r}")


@dataclass
class Clients:
    """All clients of one scenario. ``token``: for REST; "" = they speak SOAP only."""

    proxy: Proxy
    token: str
    name: str
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: int = 0
    """Calls whose first try failed."""
    why: dict[str, int] = field(default_factory=dict)
    _ends: threading.Event = field(default_factory=threading.Event)
    _threads: Sequence[threading.Thread] = ()

    def start(self) -> None:
        """Let all of them write."""
        self._threads = [
            threading.Thread(target=self._write, args=(number,), daemon=True)
            for number in range(CLIENTS)
        ]
        for one in self._threads:
            one.start()

    def stop(self, seconds: float) -> bool:
        """Let each finish its call, with its repeats; whether all did so in these seconds."""
        self._ends.set()
        deadline = monotonic() + seconds
        for one in self._threads:
            one.join(max(0.0, deadline - monotonic()))
        return not any(one.is_alive() for one in self._threads)

    def wait_for(self, more: int, seconds: float) -> bool:
        """Wait until so many more calls are acknowledged; whether that came in these seconds."""
        wanted, deadline = len(self.acknowledged) + more, monotonic() + seconds
        while len(self.acknowledged) < wanted:
            if monotonic() > deadline:
                return False
            sleep(0.05)
        return True

    def _write(self, client: int) -> None:
        sender = f"127.0.0.{client + 2}"
        number = 0
        for turn in count():
            for step in range(4 if self.token else 2):
                if self._ends.is_set():
                    return
                text = f"{self.name} {client}-{turn}-{step}"
                call = self._call(step, text, number)
                found = self._until_answered(call, sender)
                if found is None:
                    return
                number = found
                sleep(PAUSE)

    def _until_answered(self, call: Call, sender: str) -> int | None:
        tries = 0
        while True:
            tries += 1
            try:
                number = send(self.proxy, call, sender)
            except (OSError, HTTPException, ssl.SSLError) as error:
                self.failed += tries == 1
                what = type(error).__name__
                if type(error) is ConnectionError:
                    what = str(error)
                self.why[what] = self.why.get(what, 0) + 1
                sleep(REPEATED_AFTER)
            except Refused as error:
                self.refused.append(str(error))
                return None
            else:
                self.acknowledged.append(Acknowledged(call, number, tries, monotonic()))
                return number

    def _call(self, step: int, text: str, number: int) -> Call:
        if step == 0:
            values = (
                f"<n:GHD_Origin_ID>{text}</n:GHD_Origin_ID>"
                f"<n:GHD_Short_Description>{text}</n:GHD_Short_Description>{_BY}"
            )
            return _soap(Kind.SOAP_CREATE, text, values)
        if step == 1:
            values = (
                f"<n:GHD_Request_ID>{number}</n:GHD_Request_ID>{_BY}"
                f"<n:GHD_Public_Diary>{text}</n:GHD_Public_Diary>"
            )
            return _soap(Kind.SOAP_MODIFY, text, values, number)
        headers = (
            ("Authorization", f"Bearer {self.token}"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", text.replace(" ", "-")),
        )
        if step == 2:
            body = json.dumps({"title": text}).encode()
            return Call(Kind.REST_CREATE, text, "/api/v1/tickets", body, headers)
        path = f"/api/v1/tickets/{number}/comments"
        body = json.dumps({"text": text}).encode()
        return Call(Kind.REST_COMMENT, text, path, body, headers, number)


_BY: Final = (
    "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
    "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
)


def _soap(kind: Kind, text: str, values: str, number: int = 0) -> Call:
    password = next(one.password for one in LOGINS if one.name == PARTNER_LOGIN)
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
        f"<e:Header><n:AuthenticationInfo><n:userName>{PARTNER_LOGIN}</n:userName>"
        f"<n:password>{password}</n:password></n:AuthenticationInfo></e:Header>"
        f"<e:Body><n:{kind}>{values}</n:{kind}></e:Body></e:Envelope>"
    )
    headers = (("Content-Type", "text/xml; charset=utf-8"), ("Host", NAME))
    return Call(kind, text, "/soap/GGUS", body.encode(), headers, number)
