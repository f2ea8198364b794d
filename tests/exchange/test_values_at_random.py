"""Values that both sides move at random end equal, or asked, or said: each kind that is read."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.exchange.values_at_random import played
from tests.harness.examples import some_of


@pytest.mark.parametrize("seed", some_of([0, 1, 2, 3, 4, 21]))
def test_what_differs_is_asked_or_said(session: Session, seed: int) -> None:
    assert list(played(session.get_bind().engine, seed).faults()) == []
