"""What is noted for the commit belongs to the savepoint that was open, like the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from app.core.database.until_commit import UntilCommit

_noted = UntilCommit[int]()
_other = UntilCommit[int]()


@pytest.fixture(scope="module")
def own() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        yield session
    engine.dispose()


STEPS = st.recursive(
    st.integers(0, 9),
    lambda inner: st.tuples(st.booleans(), st.lists(inner, max_size=4)),
    max_leaves=12,
)
"""A note, or a savepoint with what is done in it and whether it is released."""


def _do(session: Session, steps: Sequence[object]) -> list[int]:
    """Do the steps; what is to be noted afterwards."""
    wanted: list[int] = []
    for step in steps:
        if isinstance(step, int):
            _noted.add(session, step)
            wanted.append(step)
            continue
        assert isinstance(step, tuple)
        savepoint = session.begin_nested()
        inner = _do(session, step[1])
        if step[0]:
            savepoint.commit()
            wanted += inner
        else:
            savepoint.rollback()
    return wanted


@given(st.lists(STEPS, max_size=6), st.booleans())
def test_a_savepoint_takes_its_own_notes_with_it_and_no_others(
    own: Session, steps: list[object], is_committed: bool
) -> None:
    taken: list[int] = []

    def take(session: Session) -> None:
        taken.extend(_noted.take(session))

    event.listen(own, "before_commit", take)
    try:
        own.connection()
        _other.add(own, 1)
        wanted = _do(own, steps)
        if is_committed:
            own.commit()
        else:
            own.rollback()
            own.commit()
    finally:
        event.remove(own, "before_commit", take)
        _other.take(own)
    assert taken == (wanted if is_committed else [])
