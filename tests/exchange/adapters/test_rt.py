"""What the ``rt`` kind makes of times and versions, with what stands in for RT."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.kinds import KINDS
from app.exchange.adapters.rt.client import RequestTracker
from app.exchange.rules.partner import Check
from tests.exchange.rt.stand_in import TOKENS, RequestTrackerStandIn, _Ticket
from tests.exchange.serving import serving

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_ticket_of_the_year_2999_hides_nothing() -> None:
    stand_in = RequestTrackerStandIn()

    def opened(number: int, at: datetime) -> _Ticket:
        stand_in.tickets[number] = _Ticket(number, "Network", "Link down", "beth", updated=at)
        return stand_in.tickets[number]

    with serving(stand_in) as address:
        caller = JsonCaller(address, {"127.0.0.1"}, {"Authorization": f"token {TOKENS['lhcopn']}"})
        profile = replace(KINDS["rt"].profile, group="Network")

        def at(now: datetime) -> RequestTracker:
            return RequestTracker(caller, profile, now, "lhcopn")

        opened(1, datetime(2999, 1, 1, tzinfo=UTC))
        first = at(NOW).changed("")
        assert datetime.fromisoformat(first.cursor) <= NOW + timedelta(minutes=1)
        second = opened(2, NOW + timedelta(minutes=10))
        found = at(NOW + timedelta(minutes=10)).changed(first.cursor)
        assert "2" in found.ids
        assert datetime.fromisoformat(found.cursor) <= NOW + timedelta(minutes=11)
        assert "2" not in found.versions, "it may change once more within this second"
        second.updated = NOW + timedelta(hours=2)
        later = at(NOW + timedelta(hours=2)).changed(found.cursor)
        assert "2" in later.ids


class _Other(RequestTrackerStandIn):
    """One that answers something else where its version is asked for."""

    def __init__(self, status: str, answer: bytes, kind: str = "application/json") -> None:
        super().__init__()
        self._told = status, answer, kind

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/REST/2.0/rt"):
            return super().__call__(environ, start_response)
        status, answer, kind = self._told
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(answer)))])
        return [answer]


def checks_of(stand_in: RequestTrackerStandIn) -> list[Check]:
    with serving(stand_in) as address:
        caller = JsonCaller(address, {"127.0.0.1"}, {"Authorization": f"token {TOKENS['lhcopn']}"})
        profile = replace(KINDS["rt"].profile, group="Network")
        return list(RequestTracker(caller, profile, NOW, "lhcopn").test())


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        ("200 OK", b'{"Version": "6.0.1"}', "RT 6.0.1; the portal was only tested with RT 5.0.7"),
        ("200 OK", b"{}", "It does not report its version; the portal was tested with RT 5.0.7"),
        ("403 Forbidden", b"{}", "It does not report its version; the portal was tested with RT"),
    ],
)
def test_the_version_is_named_and_whether_it_was_tried(
    status: str, answer: bytes, told: str
) -> None:
    checks = checks_of(_Other(status, answer))
    assert checks[2].what.startswith(told)
    assert not any(one.problem for one in checks)


@pytest.mark.parametrize(
    ("status", "step"), [("404 Not Found", "Reachable"), ("200 OK", "Logged in")]
)
def test_an_interface_that_is_switched_off_is_named(status: str, step: str) -> None:
    last = checks_of(_Other(status, b"<html>Login</html>", "text/html"))[-1]
    assert last.what == step
    assert "on RT 6 set $EnableREST2" in last.problem


def test_a_wrong_token_is_no_interface_that_is_switched_off() -> None:
    last = checks_of(_Other("401 Unauthorized", b"{}"))[-1]
    assert (last.what, last.problem) == ("Logged in", "It responded with 401")
