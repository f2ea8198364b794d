"""What an INSERT does to a row whose key is there, on both databases."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.models.changes import Counter, PortalFact


def values(session: Session) -> dict[str, int]:
    return {one.name: one.value for one in session.scalars(select(Counter))}


def test_a_row_that_is_there_stays_and_is_not_returned(session: Session) -> None:
    new = upsert(Counter).on_conflict_do_nothing().returning(Counter.value)
    assert session.scalar(new.values(name="a", value=1)) == 1
    assert session.scalar(new.values(name="a", value=2)) is None
    assert session.scalar(new.values(name="b", value=3)) == 3
    assert values(session) == {"a": 1, "b": 3}


def test_a_row_that_is_there_gets_the_new_value(session: Session) -> None:
    new = upsert(Counter).values(name="a", value=5)
    added = new.on_conflict_do_update(
        index_elements=["name"], set_={"value": Counter.value + new.excluded.value}
    ).returning(Counter.value)
    assert [session.scalar(added) for _ in range(3)] == [5, 10, 15]


def test_only_where_it_says(session: Session) -> None:
    for value in (3, 9, 4):
        new = upsert(Counter).values(name="a", value=value)
        session.execute(
            new.on_conflict_do_update(
                index_elements=[Counter.name],
                set_={"value": new.excluded.value},
                where=Counter.value < new.excluded.value,
            )
        )
    assert values(session) == {"a": 9}


def test_many_rows_at_once_by_a_table(session: Session) -> None:
    given = [("a", "first"), ("b", "second"), ("a", "third")]
    rows = [{"name": name, "value": value} for name, value in given]
    new = upsert(PortalFact.__table__).on_conflict_do_nothing(index_elements=["name"])
    session.connection().execute(new, rows)
    kept = select(PortalFact.name, PortalFact.value).where(PortalFact.name.in_(["a", "b"]))
    assert [tuple(row) for row in session.execute(kept.order_by(PortalFact.name))] == [
        ("a", "first"),
        ("b", "second"),
    ]
