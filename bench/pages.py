"""A person's browser as far as measuring needs it: logs in, keeps its connection, counts time."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection
from math import ceil
from time import perf_counter
from urllib.parse import urlencode, urlsplit

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Got:
    """One answer: status, text, and milliseconds from the request to its last byte."""

    status: int
    text: str
    milliseconds: float


class Visitor:
    """One person, logged in, on one kept connection."""

    def __init__(self, url: str, cookie: str = "") -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=300)
        self._cookies = dict([cookie.split("=", 1)]) if cookie else {}

    def log_in(self, name: str, password: str) -> None:
        """Log in by the form."""
        found = _TOKEN.search(self.get("/login").text)
        assert found is not None, "the login page has no token"
        values = {"csrf_token": unescape(found[1]), "name": name, "password": password, "next": ""}
        answer = self._ask("POST", "/login", urlencode(values).encode())
        assert answer.status in (302, 303), f"not logged in: {answer.status}"
        assert self.get("/profile").status == 200, "not logged in"

    @property
    def cookie(self) -> str:
        """By which the portal knows this person."""
        return f"portal={self._cookies['portal']}"

    def get(self, address: str) -> Got:
        """Get one page, whole."""
        return self._ask("GET", address)

    def _ask(self, method: str, address: str, body: bytes | None = None) -> Got:
        cookies = "; ".join("=".join(one) for one in self._cookies.items())
        headers = {"Accept": "text/html", "Accept-Encoding": "gzip", "Cookie": cookies}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = perf_counter()
        self._connection.request(method, address, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took = (perf_counter() - began) * 1000
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        if answer.headers.get("Content-Encoding") == "gzip":  # as browsers ask for it
            content = gzip.decompress(content)
        return Got(answer.status, content.decode(), took)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def visitor(url: str, name: str, password: str) -> Iterator[Visitor]:
    """Somebody who is logged in."""
    one = Visitor(url)
    one.log_in(name, password)
    yield one
    one.close()


def percentile(values: Iterable[float], part: float) -> float:
    """The smallest value that ``part`` (0 to 1) of all values do not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]
