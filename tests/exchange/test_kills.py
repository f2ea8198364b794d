"""A process that is killed at any point of the exchange: nothing is lost, nothing is doubled."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.exchange.kills import GOOD, every_kill


def test_every_point(session: Session) -> None:
    rows = list(every_kill(session.get_bind().engine))
    assert len(rows) > 100
    assert [row for row in rows if row.outcome != GOOD] == []
