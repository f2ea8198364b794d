"""Maintenance notices, files in and tickets out: made, updated, cancelled, completed, or kept for a
person; the same twice is nothing, and an older one changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.core.services.changes import TICKET, changes_of
from app.notices.adapters.files import read
from app.notices.models.notices import MaintenanceNotice
from app.notices.rules.notices import Outcome
from app.notices.services import decisions as notice_decisions
from app.notices.services.decisions import (
    dismiss,
    make_ticket,
    settle_circuit,
    take_back,
    ticket_to_update,
)
from app.notices.services.lists import counts_of, find_notice, list_notices, siblings_of
from app.notices.services.notices import Result, take_in
from app.registry.models.registry import Link, LinkCircuit
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, find_ticket, move_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine

SAMPLES = Path(__file__).parents[2] / "notices_sample"
GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"


def sample(name: str, *changes: tuple[str, str]) -> bytes:
    """A file of the samples, with texts replaced by others."""
    text = (SAMPLES / name).read_text(encoding="utf-8").replace("\n", "\r\n")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def world(session: Session) -> Cast:
    """The cast, where the carrier's circuit is a part of the link to GRIDKA."""
    cast = enter(session)
    with transaction(session):
        link = session.scalars(select(Link).where(Link.name == GRIDKA)).one()
        link.circuits.append(LinkCircuit(provider="Carrier.Example", circuit_id="ec-77001"))
    return cast


def bring(session: Session, actor: Actor, content: bytes, days: int = 0) -> Result:
    """Take in a file of one notice."""
    with transaction(session):
        (result,) = take_in(session, writer(actor, NOON + timedelta(days=days)), read(content))
    return result


def the_ticket(session: Session, cast: Cast, number: int | None = 1) -> Ticket:
    """The ticket as it is now."""
    assert number is not None
    session.expire_all()
    return find_ticket(session, cast.reader, number)


def count_tickets(session: Session) -> int:
    """How many tickets there are."""
    return len(session.scalars(select(Ticket.number)).all())


def test_a_new_notice_makes_a_ticket(session: Session) -> None:
    cast = world(session)
    result = bring(session, cast.operator, sample("new.ics"))
    assert (result.outcome, result.ticket, result.unresolved) == (Outcome.MADE, 1, ())
    ticket = the_ticket(session, cast)
    assert ticket.title == "Fibre work near Lyon, span 4"
    assert (ticket.category, ticket.layer, ticket.impact) == ("maintenance", "L1/L2", "outage")
    assert (ticket.state, ticket.network) == ("new", "LHCOPN")
    assert ticket.window_start == datetime(2013, 3, 10, 22, tzinfo=UTC)
    assert ticket.window_end == datetime(2013, 3, 11, 4, tzinfo=UTC)
    assert current_value(ticket, "links") == (GRIDKA,)
    assert [(one.provider, one.reference) for one in ticket.references] == [
        ("carrier.example", "EC-M-4711")
    ]
    assert "moved to another duct" in ticket.description
    row = find_notice(session, 1)
    assert (row.state, row.ticket_number, row.sequence) == ("made", 1, 1)


def test_new_update_cancel(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    updated = bring(session, cast.operator, sample("update.ics"), 1)
    assert (updated.outcome, updated.ticket) == (Outcome.UPDATED, 1)
    ticket = the_ticket(session, cast)
    assert ticket.window_start == datetime(2013, 3, 12, 22, tzinfo=UTC)
    assert (ticket.impact, current_value(ticket, "links")) == ("degraded", (GRIDKA, PIC))
    told = [one.new for one in changes_of(session, TICKET, 1)[-1].fields if "comment" in one.field]
    assert told == [
        "carrier.example sent sequence 2 of this maintenance: the window is now 2013-03-12 22:00"
        " UTC to 2013-03-13 04:00 UTC, it was 2013-03-10 22:00 UTC to 2013-03-11 04:00 UTC; impact"
        " DEGRADED, it was OUTAGE; circuits added: CERN-PIC-LHCOPN-001."
    ]
    cancelled = bring(session, cast.operator, sample("cancel.ics"), 2)
    assert (cancelled.outcome, cancelled.ticket) == (Outcome.CANCELLED, 1)
    assert the_ticket(session, cast).state == "unsolved"
    assert count_tickets(session) == 1
    assert [one.state for one in siblings_of(session, find_notice(session, 1))] == [
        "made",
        "updated",
        "cancelled",
    ]


WITHOUT_CIRCUITS = (
    ("X-MAINTNOTE-OBJECT-ID:EC-77001\r\n", ""),
    (f"X-MAINTNOTE-OBJECT-ID:{PIC}\r\n", ""),
    ("X-MAINTNOTE-IMPACT:DEGRADED\r\n", ""),
)


def test_a_known_maintenance_is_cancelled_without_naming_circuits(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    bring(session, cast.operator, sample("update.ics"), 1)
    cancelled = bring(session, cast.operator, sample("cancel.ics", *WITHOUT_CIRCUITS), 2)
    assert (cancelled.outcome, cancelled.ticket) == (Outcome.CANCELLED, 1)
    ticket = the_ticket(session, cast)
    assert (ticket.state, ticket.impact) == ("unsolved", "degraded")
    assert current_value(ticket, "links") == (GRIDKA, PIC)
    told = [one.new for one in changes_of(session, TICKET, 1)[-1].fields if "comment" in one.field]
    assert told == ["carrier.example sent sequence 3 of this maintenance: status CANCELLED."]


def test_an_unknown_maintenance_is_not_cancelled_without_circuits(session: Session) -> None:
    cast = world(session)
    result = bring(session, cast.operator, sample("cancel.ics", *WITHOUT_CIRCUITS))
    assert (result.outcome, result.ticket) == (Outcome.TO_READ, None)
    assert "no circuit is named" in result.why
    assert bring(session, cast.operator, sample("new.ics"), 1).outcome is Outcome.MADE
    row = find_notice(session, 1)
    waiting = ticket_to_update(session, row)
    assert waiting is not None
    assert (waiting.number, row.state) == (1, "to read")
    update = sample("update.ics", *WITHOUT_CIRCUITS)
    assert bring(session, cast.operator, update, 2).outcome is Outcome.TO_READ


def test_completed_work_solves_the_ticket(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    done = bring(session, cast.operator, sample("done.ics"), 8)
    assert done.outcome is Outcome.COMPLETED
    ticket = the_ticket(session, cast)
    assert ticket.state == "solved"
    assert ticket.solution == (
        "carrier.example reports this maintenance as completed (sequence 3)."
    )


@pytest.mark.parametrize("order", list(itertools.permutations(("new", "update", "cancel"))))
def test_any_order_ends_alike(session: Session, order: Sequence[str]) -> None:
    """The newest notice decides; what comes late is kept and changes nothing."""
    cast = world(session)
    for day, name in enumerate(order):
        bring(session, cast.operator, sample(f"{name}.ics"), day)
    known = ("new", "update", "cancel")
    ranks = [known.index(name) for name in order]
    late = [rank for at, rank in enumerate(ranks) if any(seen > rank for seen in ranks[:at])]
    assert counts_of(session).get("ignored", 0) == len(late)
    if order[0] == "cancel":
        assert count_tickets(session) == 0
    else:
        assert the_ticket(session, cast).state == "unsolved"
        assert the_ticket(session, cast).window_start == datetime(2013, 3, 12, 22, tzinfo=UTC)


@pytest.mark.parametrize("second", ["new.ics", "new.eml"])
def test_the_same_twice_is_nothing(session: Session, second: str) -> None:
    """The same file, and the same notice in another file."""
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    version = the_ticket(session, cast).version
    again = bring(session, cast.operator, sample(second), 1)
    assert (again.outcome, again.ticket, again.notice) == (Outcome.SAME, 1, 1)
    assert the_ticket(session, cast).version == version
    assert len(list_notices(session)) == 1


def test_a_uid_is_its_providers_own(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    other = sample("new.ics", ("PROVIDER:carrier.example", "PROVIDER:other.example"))
    result = bring(session, cast.operator, other)
    assert (result.outcome, result.ticket) == (Outcome.MADE, 2)
    spelled = sample("update.ics", ("PROVIDER:carrier.example", "PROVIDER:Carrier.EXAMPLE"))
    assert bring(session, cast.operator, spelled).ticket == 1


def test_the_same_sequence_with_another_content(session: Session) -> None:
    """A later stamp counts; without one a person decides."""
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    moved = ("DTEND:20130311T040000Z", "DTEND:20130311T060000Z")
    unclear = bring(session, cast.operator, sample("new.ics", moved))
    assert (unclear.outcome, unclear.ticket) == (Outcome.TO_READ, 1)
    assert the_ticket(session, cast).window_end == datetime(2013, 3, 11, 4, tzinfo=UTC)
    later = sample("new.ics", moved, ("DTSTAMP:20130301", "DTSTAMP:20130302"))
    assert bring(session, cast.operator, later).outcome is Outcome.UPDATED
    assert the_ticket(session, cast).window_end == datetime(2013, 3, 11, 6, tzinfo=UTC)


def test_announced_again_after_it_was_cancelled(session: Session) -> None:
    cast = world(session)
    for day, name in enumerate(("new", "update", "cancel")):
        bring(session, cast.operator, sample(f"{name}.ics"), day)
    again = sample("update.ics", ("SEQUENCE:2", "SEQUENCE:4"))
    assert bring(session, cast.operator, again, 4).outcome is Outcome.UPDATED
    assert the_ticket(session, cast).state == "reopened"
    ended = sample("cancel.ics", ("SEQUENCE:3", "SEQUENCE:5"))
    assert bring(session, cast.operator, ended, 5).outcome is Outcome.CANCELLED
    assert the_ticket(session, cast).state == "unsolved"


def test_completed_and_then_cancelled_goes_by_way_of_reopening(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    bring(session, cast.operator, sample("done.ics"), 1)
    ended = sample("cancel.ics", ("SEQUENCE:3", "SEQUENCE:4"))
    bring(session, cast.operator, ended, 2)
    assert the_ticket(session, cast).state == "unsolved"


def test_a_ticket_that_is_closed_for_good_stays_so(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    with transaction(session):
        move_ticket(session, writer(cast.operator), 1, "solved", solution="Done early")
        move_ticket(session, writer(cast.operator), 1, "closed")
    result = bring(session, cast.operator, sample("update.ics"), 2)
    assert (result.outcome, result.why) == (
        Outcome.TO_READ,
        "Its ticket 1 is closed; create another one",
    )
    with transaction(session):
        new = NewTicket(title="Again", category="maintenance", window_start=NOON, window_end=NOON)
        made = make_ticket(session, writer(cast.operator), 2, new).number
    cancel = bring(session, cast.operator, sample("cancel.ics"), 3)
    assert (made, cancel.ticket, cancel.outcome) == (2, 2, Outcome.CANCELLED)


def test_what_people_changed_stays_unless_the_provider_says_otherwise(session: Session) -> None:
    cast = world(session)
    bring(session, cast.operator, sample("new.ics"))
    with transaction(session):
        change_ticket(session, writer(cast.operator), 1, {"title": "Lyon", "links": (GRIDKA, PIC)})
    again = sample("new.ics", ("SEQUENCE:1", "SEQUENCE:2"), ("OBJECT-ID:EC-77001", "OBJECT-ID:E-9"))
    result = bring(session, cast.operator, again, 1)
    ticket = the_ticket(session, cast)
    assert ticket.title == "Lyon"
    assert current_value(ticket, "links") == (PIC,)
    assert result.unresolved == ("E-9",)


def test_circuits_that_nobody_knows_are_settled_by_a_person(session: Session) -> None:
    cast = world(session)
    unknown = ("OBJECT-ID:EC-77001", "OBJECT-ID:EC-5")
    result = bring(session, cast.operator, sample("new.ics", unknown))
    assert result.unresolved == ("EC-5",)
    assert current_value(the_ticket(session, cast), "links") == ()
    with pytest.raises(Forbidden), transaction(session):
        settle_circuit(session, writer(cast.operator), 1, "EC-5", PIC, remember=True)
    with transaction(session):
        settle_circuit(session, writer(cast.operator), 1, "EC-5", PIC)
    assert current_value(the_ticket(session, cast), "links") == (PIC,)
    # later notices of this maintenance keep it, those of others do not know it
    later = sample("new.ics", unknown, ("SEQUENCE:1", "SEQUENCE:2"))
    assert bring(session, cast.operator, later).unresolved == ()
    assert current_value(the_ticket(session, cast), "links") == (PIC,)
    other = sample("new.ics", unknown, ("UID:m-4711", "UID:m-1"))
    number = bring(session, cast.operator, other).notice
    assert number is not None
    with transaction(session):
        settle_circuit(session, writer(cast.admin), number, "EC-5", PIC, remember=True)
    third = sample("new.ics", unknown, ("UID:m-4711", "UID:m-2"))
    assert bring(session, cast.operator, third).unresolved == ()
    with pytest.raises(Invalid, match="Unknown link"), transaction(session):
        settle_circuit(session, writer(cast.operator), 1, "EC-5", "NO-SUCH-LINK")


def test_a_long_name_of_a_provider_is_refused_as_a_circuit_of_a_link(session: Session) -> None:
    cast = world(session)
    name = "carrier." * 13 + "example"
    assert len(name) == 111, "a link takes 100"
    unknown = (
        ("PROVIDER:carrier.example", f"PROVIDER:{name}"),
        ("OBJECT-ID:EC-77001", "OBJECT-ID:E"),
    )
    number = bring(session, cast.operator, sample("new.ics", *unknown)).notice
    assert number is not None
    with pytest.raises(Invalid) as refused, transaction(session):
        settle_circuit(session, writer(cast.admin), number, "E", PIC, remember=True)
    assert "100" in str(refused.value)
    session.rollback()
    pic = session.scalars(select(Link).where(Link.name == PIC)).one()
    assert name[:100] not in [one.provider for one in pic.circuits]
    assert current_value(the_ticket(session, cast), "links") == ()
    session.rollback()
    with transaction(session):  # once, for this notice, it may be said
        settle_circuit(session, writer(cast.admin), number, "E", PIC)
    assert current_value(the_ticket(session, cast), "links") == (PIC,)


def test_a_ticket_that_names_as_many_links_as_it_may_takes_no_more(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = world(session)
    monkeypatch.setattr(notice_decisions, "MAX_THINGS", 1)
    circuits = ("OBJECT-ID:EC-77001", "OBJECT-ID:EC-77001\nX-MAINTNOTE-OBJECT-ID:EC-5")
    result = bring(session, cast.operator, sample("new.ics", circuits))
    assert result.unresolved == ("EC-5",)
    assert current_value(the_ticket(session, cast), "links") == (GRIDKA,)
    session.rollback()
    with pytest.raises(Invalid, match="already has 1 links, the maximum"), transaction(session):
        settle_circuit(session, writer(cast.operator), 1, "EC-5", PIC)
    assert current_value(the_ticket(session, cast), "links") == (GRIDKA,)
    session.rollback()
    with transaction(session):  # what it names already is no more
        settle_circuit(session, writer(cast.operator), 1, "EC-5", GRIDKA)


def test_a_circuit_id_of_several_links_is_its_own_providers(session: Session) -> None:
    cast = world(session)
    with transaction(session):
        pic = session.scalars(select(Link).where(Link.name == PIC)).one()
        pic.circuits.append(LinkCircuit(provider="Other Net", circuit_id="EC-77001"))
    bring(session, cast.operator, sample("new.ics"))
    assert current_value(the_ticket(session, cast), "links") == (GRIDKA,)
    third = sample("new.ics", ("PROVIDER:carrier.example", "PROVIDER:third.example"))
    assert bring(session, cast.operator, third).unresolved == ("EC-77001",)


def test_what_cannot_be_read_waits_for_a_person(session: Session) -> None:
    cast = world(session)
    result = bring(session, cast.operator, sample("plain.eml"))
    assert (result.outcome, result.ticket) == (Outcome.TO_READ, None)
    row = find_notice(session, 1)
    assert "Loss of connectivity" in row.file.text
    assert (row.title, row.maintenance_ids) == (
        "Scheduled maintenance: PIC access line",
        "20130304-7",
    )
    with pytest.raises(Invalid, match="Reason"), transaction(session):
        dismiss(session, writer(cast.operator), 1, " ")
    with transaction(session):
        dismiss(session, writer(cast.operator), 1, "Not ours")
    with pytest.raises(MoveNotAllowed), transaction(session):
        dismiss(session, writer(cast.operator), 1, "Not ours")
    with transaction(session):
        take_back(session, writer(cast.operator), 1)
        new = NewTicket(
            title=row.title, category="maintenance", window_start=row.start, window_end=row.end
        )
        make_ticket(session, writer(cast.operator), 1, new)
    assert find_notice(session, 1).ticket_number == 1
    assert [change.version for change in changes_of(session, "notice", 1)] == [1, 2, 3, 4]


def test_a_preview_leaves_nothing(session: Session) -> None:
    cast = world(session)
    with dry_run(session):
        (result,) = take_in(session, writer(cast.operator), read(sample("new.ics")))
        assert result.outcome is Outcome.MADE
    assert count_tickets(session) == 0
    assert session.scalars(select(MaintenanceNotice)).all() == []
    assert bring(session, cast.operator, sample("new.ics")).ticket == 1


def test_who_may_bring_in_notices(session: Session) -> None:
    cast = world(session)
    for actor in (cast.kit, cast.reader, cast.ggus):
        with pytest.raises(Forbidden):
            bring(session, actor, sample("new.ics"))
    assert bring(session, cast.admin, sample("new.ics")).outcome is Outcome.MADE


def test_several_notices_of_one_file(session: Session) -> None:
    """Also two of one maintenance: in whatever order they stand, the newest counts."""
    cast = world(session)
    text = sample("new.ics").decode()
    begin, end = text.index("BEGIN:VEVENT"), text.index("END:VCALENDAR")
    newer = sample("update.ics").decode()
    event = newer[newer.index("BEGIN:VEVENT") : newer.index("END:VCALENDAR")]
    both = (text[:begin] + event + text[begin:end] + text[end:]).encode()
    with transaction(session):
        results = take_in(session, writer(cast.operator), read(both))
    assert [one.outcome for one in results] == [Outcome.MADE, Outcome.IGNORED]
    assert count_tickets(session) == 1
    with transaction(session):
        again = take_in(session, writer(cast.operator), read(both))
    assert [one.outcome for one in again] == [Outcome.SAME, Outcome.SAME]


def test_hostile_texts_are_texts(session: Session) -> None:
    cast = world(session)
    title = "<script>alert(1)</script>\\n=cmd()" + "x" * 400
    result = bring(session, cast.operator, sample("new.ics", ("Fibre work near Lyon", title)))
    assert result.outcome is Outcome.MADE
    ticket = the_ticket(session, cast)
    assert ticket.title.startswith("<script>alert(1)</script> =cmd()x")
    assert (len(ticket.title), ticket.title[-1]) == (255, "…")


@pytest.mark.parametrize("order", ["as sent", "newest first"])
def test_brought_in_by_many_at_once(database: str, session: Session, order: str) -> None:
    """Each notice ten times from ten threads: one ticket, and the newest notice decides."""
    cast = world(session)
    contents = [sample(name) for name in ("new.ics", "new.eml", "update.ics", "done.ics")] * 10
    if order == "newest first":
        contents.reverse()
    engine = open_engine(database)

    def once(content: bytes) -> int | None:
        with Session(engine) as own, transaction(own):
            (result,) = take_in(own, writer(cast.operator), read(content))
            return result.ticket

    with ThreadPoolExecutor(10) as pool:
        numbers = set(pool.map(once, contents))
    engine.dispose()
    assert numbers == {1}
    ticket = the_ticket(session, cast)
    assert ticket.state == "solved"
    assert ticket.window_start == datetime(2013, 3, 12, 22, tzinfo=UTC)
    assert sum(counts_of(session).values()) == 3
