"""Events from files: gone through, written part by part, known again, stopped and withdrawn."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import InTurn, writing
from app.core.rules.access import Writer
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.file_problems import BadFile
from app.core.services.changes import changes_of
from app.events.models.events import Event
from app.events.models.imports import EventImport, EventImportPart, EventsOfImport
from app.events.rules.file_reading import Reading
from app.events.services import file_import as states
from app.events.services import import_runs as runs
from app.events.services.events import EVENT, Outcome
from app.events.services.file_import import Totals
from app.events.services.withdrawal import restore_event, withdraw_event, withdraw_import
from app.registry.models.registry import Link
from tests.cast import NOON, Cast, enter, writer

LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "source,source_id,link,site,state,start,end,layer,detail"
UTC_TIMES = Reading()


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def row(number: int, link: str = LINK, *, end: str = "2012-03-01T01:00:00Z", key: str = "") -> str:
    return f"psnr,{key or number},{link},,down,2012-03-01T00:{number % 60:02}:00Z,{end},L3,"


def file(rows: Iterable[str]) -> bytes:
    return "\n".join([HEAD, *rows, ""]).encode()


def nobody(_outcomes: object, _totals: object) -> None:
    return


def always() -> bool:
    return True


def never() -> bool:
    return False


def kept(session: Session, by: Writer, content: bytes, how: Reading = UTC_TIMES) -> int:
    """A file that is kept and gone through; the number of its import."""
    with writing(session):
        number = runs.keep_file(session, by, "events.csv", io.BytesIO(content), how).id
    with runs.kept_file(session, number) as stream:
        session.rollback()
        runs.read_through(InTurn(session), by, stream, number, nobody)
    return number


def write(
    session: Session, by: Writer, number: int, *, only_good: bool = False, keep: bool = False
) -> EventImport:
    with writing(session):
        runs.begin_writing(session, by, number, only_good=only_good, keeps_unknown=keep)
    with runs.kept_file(session, number) as stream:
        session.rollback()
        runs.write_through(InTurn(session), by, stream, number, nobody)
    return session.get_one(EventImport, number)


def stored(session: Session) -> list[str]:
    session.rollback()
    keys = list(session.scalars(select(Event.source_key).order_by(Event.id)))
    session.rollback()
    return keys


def counts(session: Session, number: int) -> tuple[str, int, int, int, int, int]:
    one = session.get_one(EventImport, number, populate_existing=True)
    found = (one.state, one.new, one.corrected, one.same, one.wrong, one.unresolved)
    session.rollback()
    return found


def test_a_file_is_gone_through_written_and_known_again(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    content = file([row(1), row(2, end=""), row(1)])
    number = kept(session, by, content)
    assert counts(session, number) == ("read", 2, 0, 1, 0, 0)
    assert stored(session) == []
    write(session, by, number)
    assert counts(session, number) == ("done", 2, 0, 1, 0, 0)
    assert stored(session) == ["1", "2"]
    assert session.scalar(select(func.count()).select_from(EventImportPart)) == 0
    assert runs.events_of_import(session, number) == 2
    made = session.scalars(select(Event).order_by(Event.id)).all()
    assert [one.end for one in made] == [datetime(2012, 3, 1, 1, tzinfo=UTC), None]
    first = changes_of(session, EVENT, made[0].id)
    assert [(change.door, change.actor_account) for change in first] == [("import", "operator")]
    brought = runs.import_of(session, made[1].id)
    assert brought is not None
    assert brought.id == number
    session.rollback()

    again = kept(session, by, content)
    assert counts(session, again) == ("read", 0, 0, 3, 0, 0)
    same = runs.same_file_before(session, session.get_one(EventImport, again))
    assert same is not None
    assert same.id == number
    session.rollback()
    with writing(session), pytest.raises(Invalid, match="Nothing of this file is new"):
        runs.begin_writing(session, by, again, only_good=False, keeps_unknown=False)

    closing = kept(session, by, file([row(2)]))
    write(session, by, closing)
    assert counts(session, closing) == ("done", 0, 1, 0, 0, 0)
    assert runs.events_of_import(session, closing) == 0  # it made none: withdrawing takes none
    ends = session.scalars(select(Event.end)).all()
    assert ends == [datetime(2012, 3, 1, 1, tzinfo=UTC)] * 2


def test_one_bad_line_keeps_out_all_unless_the_good_ones_are_asked_for(
    session: Session, cast: Cast
) -> None:
    by = writer(cast.operator)
    rows = [row(number) for number in range(50)]
    rows[17] = row(17).replace("down", "up")
    number = kept(session, by, file(rows))
    assert counts(session, number) == ("read", 49, 0, 0, 1, 0)
    shown = runs.Shown.of(session.get_one(EventImport, number))
    (wrong,) = shown.lines["wrong"]
    assert (wrong["line"], wrong["problems"][0][:2]) == (19, ["state", "up"])
    session.rollback()
    with writing(session), pytest.raises(Invalid, match="1 line cannot be imported"):
        runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
    assert stored(session) == []
    write(session, by, number, only_good=True)
    assert counts(session, number) == ("done", 49, 0, 0, 1, 0)
    assert len(stored(session)) == 49


@pytest.mark.parametrize("keep", [False, True])
def test_unknown_names_are_kept_or_wrong_as_the_person_says(
    session: Session, cast: Cast, keep: bool
) -> None:
    by = writer(cast.operator)
    rows = [row(1), row(2, "CERN-GRIDKA-LHCOPN-01"), row(3, "CERN-GRIDKA-LHCOPN-01")]
    number = kept(session, by, file(rows))
    assert counts(session, number) == ("read", 3, 0, 0, 0, 2)
    shown = runs.Shown.of(session.get_one(EventImport, number))
    assert shown.unknown == [("link", "CERN-GRIDKA-LHCOPN-01", 2)]
    session.rollback()
    if not keep:
        with writing(session), pytest.raises(Invalid, match="2 lines cannot be imported"):
            runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
    write(session, by, number, only_good=not keep, keep=keep)
    expected = ("done", 3, 0, 0, 0, 2) if keep else ("done", 1, 0, 0, 2, 0)
    assert counts(session, number) == expected
    assert stored(session) == (["1", "2", "3"] if keep else ["1"])


def test_a_large_file_is_written_in_parts_and_goes_on_where_it_was_broken_off(
    session: Session, cast: Cast
) -> None:
    by = writer(cast.operator)
    lines = states.WHOLE_AT_ONCE + 500
    number = kept(session, by, file(row(one) for one in range(lines)))
    with writing(session):
        runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
    told: list[int] = []

    def note(_outcomes: Sequence[Outcome], totals: Totals) -> None:
        told.append(totals.lines)

    for is_ending in (always, never):
        with runs.kept_file(session, number) as stream:
            session.rollback()
            done = runs.write_through(InTurn(session), by, stream, number, note, is_ending)
        assert done is not is_ending()
        if not done:
            assert counts(session, number)[:2] == ("writing", states.AT_ONCE)
    assert told[:2] == [states.AT_ONCE, 2 * states.AT_ONCE]
    assert counts(session, number) == ("done", lines, 0, 0, 0, 0)
    assert sorted(map(int, stored(session))) == list(range(lines))
    assert len(session.scalars(select(EventsOfImport)).all()) == 1


def test_what_became_wrong_meanwhile_stops_the_import_and_stores_nothing(
    session: Session, cast: Cast
) -> None:
    by = writer(cast.operator)
    number = kept(session, by, file([row(1), row(2, "CERN-PIC-LHCOPN-001")]))
    with writing(session):
        session.execute(
            update(Link).where(Link.name == "CERN-PIC-LHCOPN-001").values(name="PIC-NEW")
        )
    with pytest.raises(BadFile, match="the id of a link that is known here"):
        write(session, by, number)
    assert counts(session, number)[:2] == ("stopped", 0)
    assert stored(session) == []


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"source,colour\n", file([row(1)]) + b"\xff"])
def test_what_is_no_file_of_events_is_told_and_kept_as_that(
    session: Session, cast: Cast, content: bytes
) -> None:
    by = writer(cast.operator)
    with pytest.raises(BadFile):
        kept(session, by, content)
    one = session.scalars(select(EventImport)).one()
    assert one.state == "broken"
    assert runs.Shown.of(one).lines["wrong"]
    session.rollback()


def test_an_import_is_withdrawn_in_steps_and_one_event_comes_back(
    session: Session, cast: Cast
) -> None:
    by = writer(cast.operator, NOON + timedelta(hours=1))
    number = kept(session, by, file(map(row, range(5))))
    write(session, by, number)
    left: list[int] = []
    while not left or left[-1]:
        with writing(session):
            left.append(withdraw_import(session, by, number, "The probe was broken.", 2).left)
    assert left == [3, 1, 0]
    assert session.get_one(EventImport, number).state == "withdrawn"
    assert session.scalar(select(func.count(Event.withdrawn_at))) == 5
    session.rollback()
    with writing(session):
        with pytest.raises(Invalid, match="Reason is required"):
            restore_event(session, by, 1, " ")
        with pytest.raises(Invalid, match="withdrawn already"):
            withdraw_event(session, by, 1, "Again.")
        restore_event(session, by, 1, "That one was.")
    changes = changes_of(session, EVENT, 1)
    assert [change.version for change in changes] == [1, 2, 3]
    assert {item.field: item.new for item in changes[2].fields} == {
        "withdrawn": None,
        "reason": "That one was.",
    }
    assert session.get_one(Event, 1).withdrawn_at is None
    session.rollback()

    closing = kept(session, by, file([row(2, end="2012-03-01T02:00:00Z")]))
    write(session, by, closing)  # the source speaks of a withdrawn event: it stays withdrawn
    assert session.get_one(Event, 3).end == datetime(2012, 3, 1, 2, tzinfo=UTC)
    assert session.get_one(Event, 3).withdrawn_at is not None
    session.rollback()


def test_only_operators_import_and_withdraw(session: Session, cast: Cast) -> None:
    for actor in (cast.kit, cast.reader, cast.ggus):
        by = writer(actor)
        with writing(session):
            with pytest.raises(Forbidden):
                runs.keep_file(session, by, "x", io.BytesIO(b"x"), UTC_TIMES)
            with pytest.raises(Forbidden):
                withdraw_import(session, by, 1, "x")
            with pytest.raises(Forbidden):
                withdraw_event(session, by, 1, "x")


def test_a_forgotten_file_goes(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    number = kept(session, by, file([row(1)]))
    with writing(session):
        assert runs.forget_old_files(session, NOON + timedelta(days=6)) == 0
        assert runs.forget_old_files(session, NOON + timedelta(days=8)) == 1
    assert counts(session, number)[0] == "dropped"
    assert session.scalar(select(func.count()).select_from(EventImportPart)) == 0
    with writing(session), pytest.raises(Invalid, match="only one that was read can be written"):
        runs.begin_writing(session, by, number, only_good=True, keeps_unknown=True)


def test_a_command_that_was_killed_leaves_an_import_that_is_ended_and_can_be_withdrawn(
    session: Session, cast: Cast
) -> None:
    by = writer(cast.operator)
    content = file(row(one) for one in range(states.WHOLE_AT_ONCE + 500))

    def begun() -> int:
        """An import whose command writes the first part, and is no more."""
        with writing(session):
            one = runs.begin_import(session, by, "events.csv", UTC_TIMES)
            one.digest, number = "same", one.id
        runs.read_through(InTurn(session), by, io.BytesIO(content), number, nobody)
        with writing(session):
            runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
        runs.write_through(InTurn(session), by, io.BytesIO(content), number, nobody, always)
        return number

    first = begun()
    assert counts(session, first)[:2] == ("writing", states.AT_ONCE)
    on_page = kept(session, by, content)
    with writing(session):
        runs.begin_writing(session, by, on_page, only_good=False, keeps_unknown=False)
        assert runs.end_broken_off(session, NOON, digest="other") == 0
        assert runs.end_broken_off(session, NOON, digest="same") == 1
    assert counts(session, first)[:2] == ("stopped", states.AT_ONCE)
    second = begun()
    with writing(session):
        assert runs.forget_old_files(session, NOON + timedelta(hours=23)) == 0
        assert runs.forget_old_files(session, NOON + timedelta(hours=25)) == 1
    assert counts(session, second)[0] == "stopped"
    assert counts(session, on_page)[0] == "writing"  # the worker goes on with it
    with writing(session):
        withdraw_import(session, by, first, "A wrong file")


def test_what_a_person_leaves_while_it_is_read_stays_left(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    content = file([row(1)])
    with writing(session):
        number = runs.keep_file(session, by, "events.csv", io.BytesIO(content), UTC_TIMES).id

    def leave(_outcomes: Sequence[Outcome], _totals: Totals) -> None:
        with writing(session):
            runs.drop_import(session, by, number)

    runs.read_through(InTurn(session), by, io.BytesIO(content), number, leave)
    assert counts(session, number)[0] == "dropped"
