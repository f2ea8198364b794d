"""A Zammad adapter without a network: in front of the stand-in, or of answers written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from app.core.adapters.outbound import Answer
from app.demo.partner_system import StandIn
from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.zammad.client import Zammad
from app.exchange.rules.profiles import Profile

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
TOKEN = "a-token-of-tests"
ADDRESS = "https://zammad.example"


def answer_of(partner: StandIn, method: str, address: str, headers: Any, body: Any) -> Answer:
    """What the stand-in answers, called in this process."""
    path, _, query = address.removeprefix(ADDRESS).partition("?")
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body or b"")),
        "HTTP_AUTHORIZATION": headers.get("Authorization", ""),
        "wsgi.input": BytesIO(body or b""),
    }
    content = b"".join(partner(environ, lambda status, heads: told.extend((status, heads))))
    return Answer(int(told[0].split()[0]), {k.lower(): v for k, v in told[1]}, content)


def zammad(transport: Any, profile: Profile | None = None, now: datetime = NOW) -> Zammad:
    """The adapter over a transport."""
    headers = {"Authorization": f"Token token={TOKEN}"}
    caller = JsonCaller(ADDRESS, (), headers, transport=transport)
    return Zammad(caller, profile or Profile(group="Network"), now)


def before(partner: StandIn, profile: Profile | None = None, now: datetime = NOW) -> Zammad:
    """The adapter in front of a stand-in."""
    return zammad(
        lambda method, address, _limits, _private, headers, body=None: answer_of(
            partner, method, address, headers, body
        ),
        profile,
        now,
    )


@dataclass
class ByHand:
    """Answers written by hand, by method and path; what was asked is kept."""

    answers: Mapping[str, Any]
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        address: str,
        _limits: Any,
        _private: Any,
        _headers: Any,
        body: bytes | None = None,
    ) -> Answer:
        """The answer to one call."""
        path, _, query = address.removeprefix(ADDRESS).partition("?")
        told = json.loads(body) if body else None
        self.asked.append((f"{method} {path}", dict(parse_qsl(query)), told))
        found = self.answers[f"{method} {path}"]
        status, content = found if isinstance(found, tuple) else (200, found)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Answer(status, {"content-type": "application/json"}, raw)
