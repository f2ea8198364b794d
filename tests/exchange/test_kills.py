"""A process that is killed at any point of the exchange: nothing is lost, nothing is doubled, and
values are the same; where both sides moved one, a person is asked."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.exchange.both_sides import ASKED, EQUAL
from tests.exchange.kills import every_kill
from tests.exchange.kinds import RtThere, ServiceNowThere, There, ZammadThere


@pytest.mark.parametrize("first", [1, 2, 3])
def test_every_point(session: Session, first: int) -> None:
    rows = list(every_kill(session.get_bind().engine, ZammadThere, first=first, each=3))
    assert len(rows) > 60
    assert [row for row in rows if row.wrong or set(row.values) != {EQUAL}] == []


@pytest.mark.parametrize("kind", [RtThere, ServiceNowThere])
def test_some_points_with_partners_of_other_kinds(session: Session, kind: type[There]) -> None:
    """All of them are played by ``python -m tests.exchange.kills``."""
    rows = list(every_kill(session.get_bind().engine, kind, each=11))
    assert len(rows) > 10
    assert [row for row in rows if row.wrong or set(row.values) != {EQUAL}] == []


@pytest.mark.parametrize("kind", [ZammadThere, RtThere, ServiceNowThere])
def test_where_both_moved_a_value_a_person_is_asked_wherever_the_process_dies(
    session: Session, kind: type[There]
) -> None:
    rows = list(every_kill(session.get_bind().engine, kind, contested=True, each=17))
    assert len(rows) > 5
    assert [row for row in rows if row.wrong or row.values[0] != ASKED] == []
    assert all(set(row.values[1:]) <= {EQUAL} for row in rows)
