"""What the ``rt`` kind makes of times, with what stands in for RT."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.rt import RequestTracker
from app.exchange.rules.shipped import SHIPPED
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
        profile = replace(SHIPPED["rt"], group="Network")

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
