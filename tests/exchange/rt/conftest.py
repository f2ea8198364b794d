"""An RT to speak with, and the portal's side of a connection with it: what stands in for RT, and
Debian's ``request-tracker5`` where it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.exchange.adapters.kinds import KINDS
from tests.exchange.rt.request_tracker import RT, running, standing_in, why_not
from tests.exchange.side import Side
from tests.harness.databases import fresh_database
from tests.harness.portal import kept_engine

PROFILE = replace(KINDS["rt"].profile, group="Network")


@pytest.fixture(scope="module", params=["stand-in", "request-tracker5"])
def rt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RT]:
    if request.param == "stand-in":
        with standing_in() as rt:
            yield rt
        return
    if reason := why_not():
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("rt")) as rt:
        yield rt


_used = itertools.count(1000, 1000)


@pytest.fixture
def side_with(rt: RT) -> Iterator[Callable[..., Side]]:
    """Makes the portal's side, whose tickets have numbers that RT does not know yet."""
    with fresh_database("sqlite") as url, kept_engine(url) as engine:
        yield lambda group: Side(
            engine,
            "rt",
            rt.url,
            replace(PROFILE, group=group),
            rt.tokens["lhcopn"],
            internal=True,
            numbers_above=next(_used),
        )


@pytest.fixture
def side(side_with: Callable[[str], Side]) -> Side:
    made = side_with("Network")
    made.read_from(datetime.now(UTC) - timedelta(seconds=1))  # none of other tests is read again
    return made


@pytest.fixture
def bare(side_with: Callable[[str], Side]) -> Side:
    """A connection with the queue that has no field for our reference."""
    return side_with("Bare")
