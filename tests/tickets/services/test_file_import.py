"""Old tickets from files: the round trip, the same file twice, wrong lines, and what is logged."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Forbidden
from app.core.services.changes import TICKET, changes_of
from app.events.models.events import Event
from app.events.rules.file_reading import EventFileOptions, read_events
from app.events.services.events import report_events
from app.matching.models.matching import EventTicket
from app.matching.services.recompute import bring_up_to_date
from app.reference.seed import add_links, seed_reference
from app.registry.rules.registry import SiteNameValue
from app.registry.services.sites import change_site, site_of_key, site_values
from app.tickets.models.tickets import ExternalReference, Ticket, UnknownLink
from app.tickets.rules.content import NewTicket
from app.tickets.rules.files import csv_head, csv_lines
from app.tickets.services.files.export import exported_numbers, exported_rows
from app.tickets.services.files.imports import (
    ImportOutcome,
    LinesLeft,
    Source,
    examine_tickets,
    import_tickets,
)
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.lists.lists import TicketFilter
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import fresh_database, open_engine

LATER = NOON + timedelta(days=1)
BY = Writer(SYSTEM, Door.COMMAND, LATER)
LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "number,title,state,created"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def export(engine: Engine) -> str:
    numbers = exported_numbers(engine, SYSTEM, TicketFilter(sort="number"))
    return csv_head() + "".join(map(csv_lines, exported_rows(engine, numbers)))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def file(*lines: str, head: str = HEAD, name: str = "old") -> Source:
    return Source("\n".join((head, *lines)).encode(), name)


def imported(
    session: Session, source: Source, *, only_good: bool = False
) -> Mapping[ImportOutcome, int]:
    with transaction(session):
        return import_tickets(session, BY, source, only_good=only_good).counts


def wrong(session: Session, source: Source) -> list[str]:
    """What is told of the file, line by line."""
    told = [
        str(problem)
        for outcome in examine_tickets(session, BY, source)
        for problem in outcome.problems
    ]
    session.rollback()
    return told


def tickets(session: Session) -> int:
    count = session.scalar(select(func.count()).select_from(Ticket)) or 0
    session.rollback()
    return count


def test_an_export_of_the_demo_comes_back_the_same(session: Session) -> None:
    """The demo's export, imported into a portal that only has the registry, and exported."""
    now = datetime.now(UTC)
    kind = session.get_bind().dialect.name
    with transaction(session):
        demo.seed_demo(session, now)
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    before = export(engine)
    with fresh_database(kind) as url:
        other = open_engine(url)
        by = Writer(SYSTEM, Door.COMMAND, now)
        with Session(other) as empty:
            with transaction(empty):
                seed_reference(empty, by)
                add_links(empty, by, demo.LINKS)
            source = Source(before.encode(), "the demo")
            with transaction(empty):
                done = import_tickets(empty, by, source)
            assert done.counts == {ImportOutcome.NEW: len(table(before))}
            rows = empty.execute(
                select(ExternalReference.reference, ExternalReference.ticket_number).where(
                    ExternalReference.kind == "other", ExternalReference.provider == "the demo"
                )
            )
            numbers = {row.reference: row.ticket_number for row in rows}
        after = export(other)
        other.dispose()
    wanted = [row | {"number": str(numbers[row["number"]])} for row in table(before)]
    assert len(wanted) > 200
    assert sorted(table(after), key=lambda row: int(row["number"])) == sorted(
        wanted, key=lambda row: int(row["number"])
    )


def test_the_same_file_twice_makes_nothing_twice(session: Session, cast: Cast) -> None:
    source = file('7,"=down",closed,2011-01-02T03:04:05Z', "8,up,verified,2011-01-03")
    assert imported(session, source) == {ImportOutcome.NEW: 2}
    assert imported(session, source) == {ImportOutcome.KNOWN: 2}
    # what people did since stays, and a line that says something else is told and left alone
    with transaction(session):
        change_ticket(session, writer(cast.operator, LATER), 1, {"public_comment": "old"})
    other = file("7,quite another,closed,2011-01-02T03:04:05Z", "8,up,verified,2011-01-03")
    assert imported(session, other) == {ImportOutcome.DIFFERS: 1, ImportOutcome.KNOWN: 1}
    results = [(item.ticket, item.result) for item in examine_tickets(session, BY, other)]
    assert results == [(1, ImportOutcome.DIFFERS), (2, ImportOutcome.KNOWN)]
    session.rollback()
    assert tickets(session) == 2
    # the same numbers of another system are other tickets
    assert imported(session, replace(source, name="another")) == {ImportOutcome.NEW: 2}


def test_several_who_import_the_same_file_at_once_make_nothing_twice(
    database: str, session: Session, cast: Cast
) -> None:
    source = file(*(f"{number},old,closed,2011-01-02" for number in range(200)))
    engine = open_engine(database)

    def import_once(_turn: int) -> Mapping[ImportOutcome, int]:
        with Session(engine) as own:
            return imported(own, source)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(import_once, range(4)))
    engine.dispose()
    assert sorted(told, key=str) == [{ImportOutcome.KNOWN: 200}] * 3 + [{ImportOutcome.NEW: 200}]
    assert tickets(session) == 200


def test_times_and_states_are_kept_and_defaults_are_the_usual(session: Session, cast: Cast) -> None:
    head = f"{HEAD},changed,solved,links,sites,solution,priority,submitter,origin_system,origin_id"
    source = file(
        "A-1,one,Solved,2011-01-02T03:04:05+01:00,2011-02-01,2011-01-31 10:00,"
        f"{LINK.lower()},GRIDKA;Nowhere,mended,URGENT,noc,Remedy,INC-7",
        f"A-2,two,on hold,2011-01-02,,,{LINK},,,,,,",
        "A-3,three,unsolved,2011-01-02,,,,pic,,,,,",
        head=head,
    )
    (problem,) = wrong(session, source)  # ids of links are written in one way
    assert problem.startswith(f'line 2, column links, "{LINK.lower()}": ids of known links')
    assert LINK in problem  # the nearest
    source = replace(source, content=source.content.replace(LINK.lower().encode(), LINK.encode()))
    outcomes = list(examine_tickets(session, BY, source))
    assert outcomes[0].notes == ("site Nowhere is not known; stored as text",)
    session.rollback()
    assert imported(session, source) == {ImportOutcome.NEW: 3}
    one, two, three = session.scalars(select(Ticket).order_by(Ticket.number))

    def at(day: int, month: int = 1, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
        return datetime(2011, month, day, hour, minute, second, tzinfo=UTC)

    assert (one.created_at, one.changed_at) == (at(2, 1, 2, 4, 5), at(1, 2))
    assert (one.ended_at, one.state, one.priority) == (at(31, 1, 10), "solved", "urgent")
    assert [(item.site_id is None, item.name) for item in one.affected_sites] == [
        (False, "GRIDKA"),
        (True, "Nowhere"),
    ]
    assert (one.created_by_user_id, one.submitter_name) == (None, "noc")
    assert (one.origin_system, one.origin_id) == ("Remedy", "INC-7")
    assert [(r.kind, r.provider, r.reference) for r in one.references] == [("other", "old", "A-1")]
    assert (two.state, two.ended_at, two.changed_at) == ("on hold", None, at(2))
    assert (two.unit, two.category, two.layer) == ("TPM", "incident", "unknown")
    assert (two.network, two.priority) == ("LHCOPN", "less urgent")
    keys = [row.responsible_site.key for row in (one, two, three) if row.responsible_site]
    assert keys == ["DE-KIT", "DE-KIT", "ES-PIC"]
    assert not any(row.responsible_set_by_hand for row in (one, two, three))
    assert three.ended_at == at(2)
    # and people go on with them as with any other
    with transaction(session):
        change_ticket(session, writer(cast.operator, LATER), 2, {"state": "in progress"})
        change_ticket(session, writer(cast.operator, LATER), 1, {"state": "reopened"})


def test_names_mean_who_bore_them_on_the_day_for_tickets_and_events_alike(
    session: Session, cast: Cast
) -> None:
    """An import of 2012 over a name that changed its owner: matched by site to the one of the day.

    NET-1 was DE-KIT's until 2012-07-01, and is ES-PIC's since.
    """
    turn = date(2012, 7, 1)
    with transaction(session):
        for key, days in (("DE-KIT", (None, turn)), ("ES-PIC", (turn, None))):
            names = (*site_values(site_of_key(session, key))["names"],)
            moved = SiteNameValue("NetSite", "NET-1", *days)
            change_site(session, writer(cast.admin), key, {"names": (*names, moved)})
    pic = "CERN-PIC-LHCOPN-001"
    events = "source,source_id,link,site,state,start,end\n" + "".join(
        f"nagios,{key},{link},{site},down,{day}T10:00:00Z,{day}T12:00:00Z\n"
        for key, link, site, day in (
            ("march-kit", LINK, "", "2012-03-05"),
            ("march-pic", pic, "", "2012-03-05"),
            ("august-kit", LINK, "", "2012-08-06"),
            ("august-pic", pic, "", "2012-08-06"),
            ("march-site", "", "NET-1", "2012-03-05"),
            ("august-site", "", "NET-1", "2012-08-06"),
        )
    )
    read = [*read_events(events.encode(), EventFileOptions())]
    with transaction(session):
        found = report_events(session, BY, [one.message for one in read])
    assert not found.problems
    source = file(
        # by event start, whatever window and creation say
        "1,one,closed,2012-08-06,2012-03-05T10:00:00Z,2012-03-05T11:00:00Z,2012-08-06,NET-1,NET-1",
        # by window start where there is none
        "2,two,closed,2012-03-05,,,2012-08-06T10:00:00Z,NET-1,",
        # by creation where there is neither
        "3,three,closed,2012-03-05T09:30:00Z,,,,NET-1,",
        "4,four,closed,2012-07-01T00:00:00Z,,,,NET-1,",
        head=f"{HEAD},event_start,event_end,window_start,sites,responsible_site",
    )
    assert imported(session, source) == {ImportOutcome.NEW: 4}
    rows = session.scalars(select(Ticket).order_by(Ticket.number)).all()
    assert [
        (row.affected_sites[0].site.key, row.responsible_site.key)
        for row in rows
        if row.affected_sites[0].site and row.responsible_site
    ] == [("DE-KIT",) * 2, ("ES-PIC",) * 2, ("DE-KIT",) * 2, ("ES-PIC",) * 2]
    session.rollback()
    with transaction(session):
        assert bring_up_to_date(session, LATER).is_fresh
    keys = {row.id: row.source_key for row in session.execute(select(Event.id, Event.source_key))}
    beside: dict[str, set[int]] = {}
    for event, number in session.execute(
        select(EventTicket.detected_id, EventTicket.ticket_number).where(
            EventTicket.documents.is_(True)
        )
    ):
        beside.setdefault(keys[event], set()).add(number)
    # 1 and 3 the ones of March at DE-KIT, 2 those of August at ES-PIC; 4 lies between them
    assert beside == {
        "march-kit": {1, 3},
        "march-site": {1, 3},
        "august-pic": {2},
        "august-site": {2},
    }


def test_one_change_each_through_a_door_of_its_own(session: Session, cast: Cast) -> None:
    text = "about XX-YY-LHCOPN-001 and " + LINK
    with transaction(session):
        open_ticket(session, writer(cast.operator), NewTicket("here before"))
    source = file(f"7,{text},closed,2011-01-02", f"8,{text},new,2011-01-02")
    with transaction(session):
        import_tickets(session, writer(cast.admin, LATER, remote="192.0.2.7"), source)
    for number in (2, 3):
        (change,) = changes_of(session, TICKET, number)
        assert (change.door, change.at, change.version) == ("import", LATER, 1)
        assert (change.actor_account, change.remote) == ("admin", "192.0.2.7")
        logged = {item.field: item.new for item in change.fields}
        assert logged["title"] == text
        assert logged["references"] == f"old {number + 5}"
        assert "links" not in logged  # nothing is recognised in texts
    newest = session.scalar(select(func.max(Change.id)))
    assert newest == session.scalar(select(func.count()).select_from(Change))
    names = session.scalars(select(UnknownLink.name)).all()
    assert set(names) == {"XX-YY-LHCOPN-001"}


def test_all_or_nothing_unless_the_good_lines_are_asked_for(session: Session, cast: Cast) -> None:
    source = file("1,one,new,2011-01-02", "2,two,broken,2011-01-02", "3,three,new,2011-01-02")
    with pytest.raises(LinesLeft) as caught:
        imported(session, source)
    assert [problem.place for problem in caught.value.problems] == ["line 3"]
    assert tickets(session) == 0
    assert imported(session, source, only_good=True) == {
        ImportOutcome.NEW: 2,
        ImportOutcome.WRONG: 1,
    }
    assert imported(session, source, only_good=True) == {
        ImportOutcome.KNOWN: 2,
        ImportOutcome.WRONG: 1,
    }


def test_every_wrong_cell_is_told(session: Session, cast: Cast) -> None:
    head = f"{HEAD},changed,solved,window_start,window_end,responsible_site,solution,sites"
    far = "2999-01-01"
    told = wrong(
        session,
        file(
            "1,one,foo,2011-01-02,,,,,,,",
            ",two,new,2011-01-02,,,,,,,",
            "1,,new,yesterday,,,,,,,",
            "4,four,new,2011-01-02,2011-01-01,,,,,,",
            "5,five,new,2011-01-02,,2011-01-03,,,,,",
            "6,six,solved,2011-01-02,,,,,,,",
            f"7,seven,new,{far},,,,,,,",
            "8,eight,new,2011-01-02,,,2011-01-03,2011-01-02,,,",
            "9,nine,new,2011-01-02,,,,,FZK-LCG3,,",
            "10,ten,new",
            "11,\x07,new,,,,,,,,",
            "12,twelve,,2011-01-02,,,,,,,",
            "13,thirteen,new,2011-01-02,,,,,,,a\\",
            "14,fourteen,new,2011-01-02T24:00:00Z,,,,,,,",
            head=head,
        ),
    )
    states = "new, assigned, in progress, waiting for reply, on hold, reopened, solved,"
    expected = [
        f'line 2, column state, "foo": one of {states} unsolved, verified, closed',
        "line 3, column number: each ticket needs its number in the old system",
        'line 4, column number, "1": line 2 already has this number',
        'line 4, column created, "yesterday": an ISO 8601 time such as 2013-03-06T10:05:00Z',
        'line 5, column changed, "2011-01-01": no time before the ticket was created',
        'line 6, column solved, "2011-01-03": no time in state new; only solved, unsolved,',
        "line 7, column solution: a solved ticket needs its solution",
        f'line 8, column created, "{far}": a time in the past; this one is in the future',
        'line 9, column window_end, "2011-01-02": The window ends before it starts',
        'line 10, column responsible_site, "FZK-LCG3": any name of a known site; nearest: FZK-LCG2',
        "line 11: it has 3 cells, but the first line has 11",
        'line 12, column title, "\x07": Title holds a character',
        "line 12, column created: when the ticket was opened",
        f"line 13, column state: one of {states}",
        'line 14, column sites, "a\\": names separated by ;',
        'line 15, column created, "2011-01-02T24:00:00Z": an ISO 8601 time such as',
    ]
    assert len(told) == len(expected), told
    for line, beginning in zip(told, expected, strict=True):
        assert line.startswith(beginning)


def test_only_admins_import(session: Session, cast: Cast) -> None:
    for actor in (cast.operator, cast.kit, cast.reader, cast.ggus):
        with pytest.raises(Forbidden):
            list(examine_tickets(session, writer(actor), file()))
        with pytest.raises(Forbidden), transaction(session):
            import_tickets(session, writer(actor), file())
    assert tickets(session) == 0
