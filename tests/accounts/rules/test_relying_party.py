"""Where browsers have passkeys, by the portal's address."""

from __future__ import annotations

import pytest

from app.accounts.rules.passkeys import RelyingParty, relying_party


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("https://tickets.example.org", "tickets.example.org", "https://tickets.example.org"),
        ("https://Tickets.Example.org:443", "tickets.example.org", "https://tickets.example.org"),
        ("https://tickets.example.org:8443", "tickets.example.org", None),
        ("http://localhost:8000", "localhost", None),
        ("http://localhost:80", "localhost", "http://localhost"),
        ("http://portal.localhost", "portal.localhost", None),
    ],
)
def test_a_name_with_https(url: str, host: str, origin: str | None) -> None:
    assert relying_party(url) == RelyingParty(host, origin or url)


@pytest.mark.parametrize(
    "url",
    [
        "http://tickets.example.org",
        "http://127.0.0.1:8000",
        "https://192.0.2.7",
        "https://[2001:db8::1]",
        "http://localhost.example.org",
    ],
)
def test_nowhere_else(url: str) -> None:
    assert relying_party(url) is None
