"""Events from files: gone through, written whole, known again, stopped and withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Writer
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.file_problems import BadFile
from app.core.services.changes import changes_of, take_number
from app.events.models.events import Event, EventSource
from app.events.models.imports import EventImport
from app.events.rules.file_reading import EventFileOptions, read_events
from app.events.services import import_runs as runs
from app.events.services.events import EVENT
from app.events.services.withdrawal import restore_event, withdraw_event, withdraw_import
from app.registry.models.registry import Link
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.until import until

LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "source,source_id,link,site,state,start,end,layer,detail"
UTC_TIMES = EventFileOptions()


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def row(number: int, link: str = LINK, *, end: str = "2012-03-01T01:00:00Z", key: str = "") -> str:
    return f"psnr,{key or number},{link},,down,2012-03-01T00:{number % 60:02}:00Z,{end},L3,"


def file(rows: Iterable[str]) -> bytes:
    return "\n".join([HEAD, *rows, ""]).encode()


def kept(session: Session, by: Writer, content: bytes, how: EventFileOptions = UTC_TIMES) -> int:
    """A file that is kept and gone through; the number of its import."""
    row = runs.new_import(by, "events.csv", content, how)
    examined = runs.examine_file(session, by, content, how)
    with transaction(session):
        runs.keep_import(session, row, examined)
        return row.id


def write(
    session: Session, by: Writer, number: int, *, only_good: bool = False, keep: bool = False
) -> EventImport:
    row = session.get_one(EventImport, number)
    events = list(read_events(runs.content_of(row), runs.reading_of(row)))
    with transaction(session):
        runs.begin_writing(session, by, number, only_good=only_good, keeps_unknown=keep)
        runs.write_import(session, by, number, events)
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
    assert session.scalar(select(EventImport.content)) is None
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
    with transaction(session), pytest.raises(Invalid, match="This file contains nothing new"):
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
    with transaction(session), pytest.raises(Invalid, match="1 line cannot be imported"):
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
        with transaction(session), pytest.raises(Invalid, match="2 lines cannot be imported"):
            runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
    write(session, by, number, only_good=not keep, keep=keep)
    expected = ("done", 3, 0, 0, 0, 2) if keep else ("done", 1, 0, 0, 2, 0)
    assert counts(session, number) == expected
    assert stored(session) == (["1", "2", "3"] if keep else ["1"])


def test_what_became_wrong_meanwhile_keeps_out_all(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    number = kept(session, by, file([row(1), row(2, "CERN-PIC-LHCOPN-001")]))
    with transaction(session):
        session.execute(
            update(Link).where(Link.name == "CERN-PIC-LHCOPN-001").values(name="PIC-NEW")
        )
    with pytest.raises(BadFile, match="the id of a known link") as caught:
        write(session, by, number)
    assert counts(session, number)[:2] == ("read", 2)
    with transaction(session):
        runs.stop_import(session, NOON, number, caught.value)
    assert counts(session, number)[:2] == ("stopped", 0)
    (wrong,) = runs.Shown.of(session.get_one(EventImport, number)).lines["wrong"]
    assert wrong["problems"][0][:2] == ["link", "CERN-PIC-LHCOPN-001"]
    assert stored(session) == []


def test_a_file_of_more_than_50_sources_says_so(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    rows = [row(number).replace("psnr", f"psnr{number % 51}") for number in range(200)]
    number = kept(session, by, file(rows))
    (wrong,) = runs.Shown.of(session.get_one(EventImport, number)).lines["wrong"]
    assert "51 sources; one call takes at most 50. Split it" in wrong["problems"][0][2]
    assert counts(session, number)[0] == "broken"


def test_a_command_writes_a_file_whole_or_not_at_all(session: Session, cast: Cast) -> None:
    by, content = writer(cast.operator), file([row(1), row(2, "X")])
    events = list(read_events(content, UTC_TIMES))

    def done(*, only_good: bool) -> int:
        one = runs.new_import(by, "events.csv", content, UTC_TIMES)
        with transaction(session):
            runs.import_file(session, by, one, events, only_good=only_good, keeps_unknown=False)
            return one.id

    with pytest.raises(BadFile, match="the id of a known link"):
        done(only_good=False)
    assert session.scalars(select(EventImport)).all() == []
    assert counts(session, done(only_good=True)) == ("done", 1, 0, 0, 1, 0)
    assert stored(session) == ["1"]


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"source,colour\n", file([row(1)]) + b"\xff"])
def test_what_is_no_file_of_events_is_told_and_kept_as_that(
    session: Session, cast: Cast, content: bytes
) -> None:
    one = session.get_one(EventImport, kept(session, writer(cast.operator), content))
    assert (one.state, one.content) == ("broken", None)
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
        with transaction(session):
            left.append(withdraw_import(session, by, number, "The probe was broken.", 2).left)
    assert left == [3, 1, 0]
    assert session.get_one(EventImport, number).state == "withdrawn"
    assert session.scalar(select(func.count(Event.withdrawn_at))) == 5
    session.rollback()
    with transaction(session):
        with pytest.raises(Invalid, match="Reason is required"):
            restore_event(session, by, 1, " ")
        with pytest.raises(Invalid, match="already withdrawn"):
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
        with transaction(session):
            with pytest.raises(Forbidden):
                runs.new_import(by, "x", b"x", UTC_TIMES)
            with pytest.raises(Forbidden):
                withdraw_import(session, by, 1, "x")
            with pytest.raises(Forbidden):
                withdraw_event(session, by, 1, "x")


def test_a_forgotten_file_goes(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    number = kept(session, by, file([row(1)]))
    with transaction(session):
        assert runs.forget_old_files(session, NOON + timedelta(days=6)) == 0
        assert runs.forget_old_files(session, NOON + timedelta(days=8)) == 1
    assert counts(session, number)[0] == "dropped"
    assert session.scalar(select(EventImport.content)) is None
    with (
        transaction(session),
        pytest.raises(Invalid, match="only a file that has been read can be imported"),
    ):
        runs.begin_writing(session, by, number, only_good=True, keeps_unknown=True)


def test_what_a_person_leaves_while_it_is_read_stays_left(session: Session, cast: Cast) -> None:
    by, content = writer(cast.operator), file([row(1)])
    with transaction(session):
        one = runs.new_import(by, "events.csv", content, UTC_TIMES)
        runs.keep_import(session, one, None)
        number = one.id
    examined = runs.examine_file(session, by, content, UTC_TIMES)
    with transaction(session):
        runs.drop_import(session, by, number)
    with transaction(session):
        runs.keep_examined(session, NOON, number, examined)
        assert runs.write_import(session, by, number, []) is None
    assert counts(session, number)[0] == "dropped"


def test_a_file_of_several_sources_and_a_webhook_never_wait_for_each_other(
    session: Session, cast: Cast, database: str
) -> None:
    """The webhook holds the second source and then needs the log, which the file must not hold."""
    if session.get_bind().dialect.name == "sqlite":
        return  # one writer at a time
    by = writer(cast.operator)
    for source in ("a", "b"):
        write(session, by, kept(session, by, file([row(1).replace("psnr", source)])))
    rows = [row(2).replace("psnr", "a"), row(2).replace("psnr", "b")]
    number = kept(session, by, file(rows))
    engine = open_engine(database)

    def waits() -> bool:
        with Session(engine) as own:
            return bool(own.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with Session(engine) as webhook, ThreadPoolExecutor(1) as pool:
        with transaction(webhook):
            second = select(EventSource).where(EventSource.name == "b").with_for_update()
            webhook.scalars(second).one()
            writes = pool.submit(write, session, by, number)
            until(waits)
            take_number(webhook, "change")
        writes.result(60)
    engine.dispose()
    assert counts(session, number)[:2] == ("done", 2)


def test_an_event_that_somebody_else_withdraws_meanwhile_is_withdrawn_once(
    session: Session, cast: Cast, database: str
) -> None:
    if session.get_bind().dialect.name == "sqlite":
        return  # one writer at a time
    by = writer(cast.operator)
    number = kept(session, by, file([row(1), row(2)]))
    write(session, by, number)
    engine = open_engine(database)

    def waits() -> bool:
        with Session(engine) as own:
            return bool(own.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    def withdraw() -> int:
        with Session(engine) as own, transaction(own):
            return withdraw_import(own, by, number, "The wrong file").done

    with Session(engine) as own, ThreadPoolExecutor(1) as pool:
        with transaction(own):
            withdraw_event(own, by, 1, "It never was")
            withdraws = pool.submit(withdraw)
            until(waits)
        assert withdraws.result(60) == 1
    engine.dispose()
    assert [change.version for change in changes_of(session, EVENT, 1)] == [1, 2]


def test_a_file_that_is_written_at_last_is_not_forgotten(
    session: Session, cast: Cast, database: str
) -> None:
    """Its person comes back after a week, in the moment at which old files are tidied up."""
    if session.get_bind().dialect.name == "sqlite":
        return  # one writer at a time
    by = writer(cast.operator)
    number = kept(session, by, file([row(1)]))
    engine = open_engine(database)

    def forget() -> int:
        with Session(engine) as own, transaction(own):
            return runs.forget_old_files(own, NOON + runs.RETENTION + timedelta(days=1))

    with ThreadPoolExecutor(1) as pool:
        events = list(read_events(file([row(1)]), UTC_TIMES))
        with transaction(session):
            runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
            forgets = pool.submit(forget)
            wait([forgets], 1)
            runs.write_import(session, by, number, events)
        assert forgets.result(60) == 0
    engine.dispose()
    assert counts(session, number)[:2] == ("done", 1)
