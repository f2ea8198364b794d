"""Mixes of calls: of the SOAP door alone, as partners make them, and of every door."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from random import Random
from typing import Final
from urllib.parse import urlsplit

from bench.pages import Visitor
from bench.places import Place
from bench.reads import ask

SOAP: Final = 0.6
"""Part of the calls of every door that are SOAP."""
REST: Final = 0.25
"""Part of them that are REST; the others are pages."""

_LISTS = (
    "'GHD_Status'=&quot;in progress&quot;",
    "'GHD_Affected Site'=&quot;FZK-LCG2&quot;",
    "'GHD_Meta Status'=&quot;Open&quot; AND 'GHD_Responsible Unit'=&quot;LHCOPN NOC&quot;",
)


def some_call(rng: Random, place: Place, unique: str) -> tuple[str, str]:
    """One call: seven of ten read a ticket, the others list, create and modify."""
    number = f"<n:GHD_Request_ID>{rng.randint(place.first, place.last)}</n:GHD_Request_ID>"
    names = (
        "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
        "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
    )
    chance = rng.random()
    if chance < 0.7:
        return "TicketGet", number
    if chance < 0.75:
        return "TicketGetList", (
            f"<n:Qualification>{rng.choice(_LISTS)}</n:Qualification>"
            f"<n:startRecord>{rng.randrange(20)}</n:startRecord><n:maxLimit>100</n:maxLimit>"
        )
    if chance < 0.9:
        diary = f"<n:GHD_Public_Diary>Still looking {unique}</n:GHD_Public_Diary>"
        return "TicketModify", number + names + diary
    return "OpCreate", (
        f"<n:GHD_Origin_ID>{unique}</n:GHD_Origin_ID>"
        f"<n:GHD_Short_Description>Sample {unique}</n:GHD_Short_Description>{names}"
    )


@dataclass
class EveryDoor:
    """One client that calls SOAP and REST and turns pages, on one kept connection each."""

    url: str
    place: Place
    secret: str
    """Of a token for REST."""
    cookie: str
    """Of a person who is logged in."""
    client: int
    _turn: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._rng = Random(self.client)  # repeatable on purpose, nothing secret
        self._soap, self._rest = (
            HTTPConnection(str(parts.hostname), parts.port, timeout=60) for _ in range(2)
        )
        self._pages = Visitor(self.url, self.cookie)

    def call(self) -> None:
        """Make the next call.

        Raises:
            AssertionError: it was refused; the text says what was answered.
            OSError, HTTPException: it broke off.
        """
        unique = f"{os.getpid()}-{self.client}-{next(self._turn)}"
        chance = self._rng.random()
        if chance < SOAP:
            ask(f"{self.url}/soap/GGUS", *some_call(self._rng, self.place, unique), self._soap)
        elif chance < SOAP + REST:
            self._call_rest(unique)
        else:
            self._turn_page()

    def close(self) -> None:
        """Close the connections; the next call opens its own again."""
        for one in (self._soap, self._rest, self._pages):
            one.close()

    def _number(self) -> int:
        return self._rng.randint(self.place.first, self.place.last)

    def _call_rest(self, unique: str) -> None:
        chance = self._rng.random()
        method, path, content = "GET", f"/tickets/{self._number()}", ""
        if chance < 0.1:
            path = "/tickets?limit=100&state=open"
        elif chance < 0.2:
            method, path, content = "POST", "/tickets", json.dumps({"title": f"Sample {unique}"})
        elif chance < 0.4:
            method, path = "POST", f"{path}/comments"
            content = json.dumps({"text": f"Still looking {unique}"})
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        self._rest.request(method, f"/api/v1{path}", content.encode() or None, headers)
        answer = self._rest.getresponse()
        text = answer.read()
        assert answer.status in (200, 201), f"{answer.status}: {text[:200]!r}"

    def _turn_page(self) -> None:
        address = self._rng.choice(
            ("/tickets", "/tickets?q=loss", "/", "/statistics/tickets", "/topology")
            + (f"/tickets/{self._number()}",) * 5
        )
        got = self._pages.get(address)
        assert got.status == 200, f"{got.status}: {address}"


def failure(error: BaseException) -> str:
    """What failed, in a few words, so that the same failures can be counted."""
    fault = re.search(r"ERROR \(\d+\)|^\d{3}", str(error))
    return fault[0] if fault else type(error).__name__
