"""The verbs on tickets, on both databases, without any door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import EditConflict, Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.services.changes import TICKET, changes_of
from app.registry.models.registry import Link
from app.registry.rules.registry import SiteNameValue
from app.registry.services.sites import change_site, site_of_key, site_values
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import (
    change_ticket,
    close_due_tickets,
    comment_ticket,
    find_ticket,
    hand_to_partner,
    move_ticket,
    open_ticket,
    undo_recognition,
)
from tests.cast import NOON, SYSTEM, Cast, enter, writer


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: object, **fields: object) -> int:
    with transaction(session):
        return open_ticket(session, by, NewTicket(**{"title": "t", **fields})).number  # type: ignore[arg-type]


def log(session: Session, number: int) -> list[dict[str, tuple[str | None, str | None]]]:
    return [
        {item.field: (item.old, item.new) for item in change.fields}
        for change in changes_of(session, TICKET, number)
    ]


def test_numbers_count_from_one_without_gaps_even_after_a_failure(
    session: Session, cast: Cast
) -> None:
    assert opened(session, writer(cast.operator)) == 1
    with pytest.raises(Invalid):
        opened(session, writer(cast.operator), links=("CERN-NOWHERE-LHCOPN-001",))
    assert opened(session, writer(cast.operator)) == 2


def test_opening_recognises_links_and_sites_and_follows_the_responsible_site(
    session: Session, cast: Cast
) -> None:
    number = opened(
        session, writer(cast.ggus), title="FZK-LCG2: CERN-GRIDKA-LHCOPN-001 down", description="x"
    )
    ticket = find_ticket(session, cast.ggus, number)
    assert current_value(ticket, "links") == ("CERN-GRIDKA-LHCOPN-001",)
    assert current_value(ticket, "sites") == ("DE-KIT",)
    assert [item.recognised for item in ticket.affected_links] == [True]
    assert current_value(ticket, "responsible_site") == "DE-KIT"
    assert (ticket.network, ticket.category, ticket.unit) == ("LHCOPN", "incident", "TPM")
    first = log(session, number)[0]
    assert first["links"] == (None, "CERN-GRIDKA-LHCOPN-001")
    assert first["responsible_site"] == (None, "DE-KIT")
    with transaction(session):
        undo_recognition(session, writer(cast.operator), number, "sites", "DE-KIT")
    assert log(session, number)[1] == {"sites": ("DE-KIT", None)}


def test_a_name_of_a_site_means_who_bore_it_on_the_tickets_day(
    session: Session, cast: Cast
) -> None:
    """NETLAB was DE-KIT's until 2013-03-01, and is ES-PIC's since: as of events of that day."""
    turn = date(2013, 3, 1)
    with transaction(session):
        for key, days in (("DE-KIT", (None, turn)), ("ES-PIC", (turn, None))):
            names = site_values(site_of_key(session, key))["names"]
            moved = SiteNameValue("NetSite", "NETLAB", *days)
            change_site(session, writer(cast.admin), key, {"names": (*names, moved)})
    before, after = (datetime(2013, month, 5, 10, tzinfo=UTC) for month in (2, 3))

    def site(number: int) -> str | None:
        session.rollback()
        (row,) = find_ticket(session, cast.operator, number).affected_sites
        return row.site.key if row.site else None

    assert site(opened(session, writer(cast.ggus), sites=("NETLAB",))) == "ES-PIC"
    number = opened(session, writer(cast.ggus), sites=("NETLAB",), event_start=before)
    assert site(number) == "DE-KIT"
    named = opened(session, writer(cast.ggus), title="NETLAB is down", window_start=before)
    assert site(named) == "DE-KIT", "recognised alike"
    # the same name again, as a form sends it back, is no change
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, {"sites": ("NETLAB",), "title": "u"})
    assert list(log(session, number)[1]) == ["title"]
    # with another day it means another site, also in one and the same change
    with transaction(session):
        change = {"sites": ("NETLAB",), "event_start": after}
        change_ticket(session, writer(cast.operator), number, change)
    assert site(number) == "ES-PIC"


def test_a_sent_site_keeps_its_spelling_and_an_unknown_one_its_text(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.nren_a), sites=("FZK-LCG2", "Atlantis", "DE-KIT"))
    ticket = find_ticket(session, cast.nren_a, number)
    assert current_value(ticket, "sites") == ("FZK-LCG2", "Atlantis")
    assert [item.site_id is None for item in ticket.affected_sites] == [False, True]
    # DE-KIT is the same site again, and the spelling that was sent last
    assert [s.name for s in ticket.affected_sites[0].spellings] == ["DE-KIT"]


def test_the_network_is_that_of_the_title_word_when_nothing_else_says_it(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.ggus), title="LHCONE peering lost")
    assert find_ticket(session, cast.ggus, number).network == "LHCONE"


def test_moves_and_their_history(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.kit))
    with pytest.raises(Invalid, match="needs a solution"), transaction(session):
        move_ticket(session, writer(cast.operator), number, "solved")
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "solved", solution="fibre mended")
    with pytest.raises(Forbidden, match="submitter"), transaction(session):
        move_ticket(session, writer(cast.operator), number, "verified")
    with transaction(session):
        move_ticket(session, writer(cast.kit), number, "verified")
    with pytest.raises(MoveNotAllowed), transaction(session):
        move_ticket(session, writer(cast.operator), number, "reopened")
    with pytest.raises(MoveNotAllowed, match="cannot be edited"), transaction(session):
        change_ticket(session, writer(cast.operator), number, {"title": "other"})
    with transaction(session):
        comment_ticket(session, writer(cast.operator), number, "late word")
        change_ticket(
            session, writer(cast.operator), number, {"references": (Reference("NREN", "7"),)}
        )
    assert log(session, number)[1:] == [
        {"state": ("new", "solved"), "solution": (None, "fibre mended")},
        {"state": ("solved", "verified")},
        {"public_comment": (None, "late word")},
        {"references": (None, "NREN 7")},
    ]
    assert find_ticket(session, cast.kit, number).version == 5


def test_the_same_value_again_is_no_change(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.kit), priority="urgent")
    with transaction(session):
        change_ticket(session, writer(cast.kit), number, {"state": "new", "priority": "urgent"})
    assert find_ticket(session, cast.kit, number).version == 1


def test_another_spelling_of_the_same_site_is_remembered_and_no_change(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.operator), sites=("DE-KIT",))
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, {"first_site": "FZK-LCG2"})
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, {"responsible_site": ""})
    ticket = find_ticket(session, cast.ggus, number)
    assert ticket.version == len(log(session, number)) == 1
    assert [s.name for s in ticket.affected_sites[0].spellings] == ["FZK-LCG2"]


def test_the_submitters_answer_takes_a_ticket_out_of_waiting(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.kit))
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "waiting for reply")
        comment_ticket(session, writer(cast.operator), number, "please answer")
    assert find_ticket(session, cast.kit, number).state == "waiting for reply"
    with transaction(session):
        comment_ticket(session, writer(cast.kit), number, "here it is")
    assert find_ticket(session, cast.kit, number).state == "in progress"


def test_changes_in_one_millisecond_bear_different_times(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.kit))
    for text in ("a", "b"):
        with transaction(session):
            comment_ticket(session, writer(cast.kit), number, text)
    times = [change.at - NOON for change in changes_of(session, TICKET, number)]
    assert times == [timedelta(milliseconds=n) for n in range(3)]


@pytest.mark.parametrize(
    ("who", "outcome"),
    [
        ("operator", None),
        ("kit", None),
        ("pic", Forbidden),
        ("reader", Forbidden),
        ("ggus", None),
        ("nren_a", NotFound),
    ],
)
def test_who_may_comment_a_ticket_of_de_kit(
    session: Session, cast: Cast, who: str, outcome: type[Exception] | None
) -> None:
    number = opened(session, writer(cast.operator), sites=("DE-KIT",))
    by = writer(getattr(cast, who))
    if outcome is None:
        with transaction(session):
            comment_ticket(session, by, number, "seen")
    else:
        with pytest.raises(outcome), transaction(session):
            comment_ticket(session, by, number, "seen")
        assert len(log(session, number)) == 1


def test_the_reporters_of_both_ends_of_a_link_may_write(session: Session, cast: Cast) -> None:
    with transaction(session):
        kit, pic, cern = (site_of_key(session, key) for key in ("DE-KIT", "ES-PIC", "CH-CERN"))
        link = Link(name="KIT-PIC-LHCOPN-001", network="LHCOPN", end_a=kit, end_b=pic)
        link.recorded_responsible = cern
        session.add(link)
    number = opened(session, writer(cast.operator), links=("KIT-PIC-LHCOPN-001",))
    for who in (cast.kit, cast.pic):
        with transaction(session):
            comment_ticket(session, writer(who), number, f"seen by {who.account}")
    assert len(log(session, number)) == 3


def test_a_handed_ticket_is_one_of_the_partners_own(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.nren_a))
    with pytest.raises(NotFound):
        find_ticket(session, cast.nren_b, number)
    with transaction(session):
        hand_to_partner(session, writer(cast.operator), number, "NREN-B")
    assert find_ticket(session, cast.nren_b, number).number == number


def test_two_editors_of_one_field_meet_and_of_two_fields_do_not(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.operator), title="first")
    with transaction(session):
        change_ticket(
            session,
            writer(cast.admin),
            number,
            {"title": "theirs"},
            base_version=1,
        )
    with pytest.raises(EditConflict) as caught, transaction(session):
        change_ticket(
            session,
            writer(cast.operator),
            number,
            {"title": "mine", "priority": "urgent"},
            base_version=1,
        )
    (difference,) = caught.value.differences
    assert (difference.field, difference.base, difference.theirs, difference.mine) == (
        "title",
        "first",
        "theirs",
        "mine",
    )
    assert caught.value.current_version == 2
    with transaction(session):  # an editor who left the title alone does not put it back
        change_ticket(
            session,
            writer(cast.operator),
            number,
            {"title": "first", "priority": "urgent"},
            base_version=1,
        )
    ticket = find_ticket(session, cast.operator, number)
    assert (ticket.title, ticket.priority) == ("theirs", "urgent")


def test_an_identical_request_within_ten_minutes_is_answered_and_counted_only(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.ggus))
    later = NOON + timedelta(minutes=9)
    for now in (NOON, later):
        with transaction(session):
            comment_by = writer(cast.ggus, now, request_digest="d1")
            change_ticket(session, comment_by, number, {"public_comment": "again"})
    assert len(log(session, number)) == 2
    assert find_ticket(session, cast.ggus, number).repeats == 1
    with transaction(session):
        change_ticket(
            session,
            writer(cast.ggus, NOON + timedelta(minutes=11), request_digest="d1"),
            number,
            {"public_comment": "again"},
        )
    assert len(log(session, number)) == 3


def test_a_ticket_closes_ten_working_days_after_its_newest_end(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.kit))
    for state in ("unsolved", "reopened", "unsolved"):
        with transaction(session):
            move_ticket(session, writer(cast.operator), number, state)
    # Wednesday 2013-03-06 12:00 + 10 working days = Wednesday 2013-03-20 12:00
    due = datetime(2013, 3, 20, 12, 0, 0, 3000, tzinfo=UTC)
    with transaction(session):
        assert close_due_tickets(session, SYSTEM, due - timedelta(milliseconds=1)) == []
    with transaction(session):
        assert close_due_tickets(session, SYSTEM, due) == [number]
    assert session.get_one(Ticket, number).state == "closed"


def test_a_text_that_xml_cannot_carry_is_refused_in_the_words_of_its_field(
    session: Session, cast: Cast
) -> None:
    with pytest.raises(Invalid, match="Title holds a character"):
        opened(session, writer(cast.kit), title="a\x00b")
    assert session.get(Ticket, 1) is None


def test_an_unchanged_first_site_does_not_refuse_a_comment_on_a_final_ticket(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.ggus), sites=("DE-KIT", "ES-PIC"))
    for state in ("unsolved", "verified"):
        with transaction(session):
            move_ticket(session, writer(cast.ggus), number, state)
    wanted = {"first_site": "FZK-LCG2", "public_comment": "thanks"}
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, wanted)
    assert log(session, number)[-1] == {"public_comment": (None, "thanks")}
    rows = find_ticket(session, cast.ggus, number).affected_sites
    assert [[spelling.name for spelling in row.spellings] for row in rows] == [
        ["FZK-LCG2"],
        ["ES-PIC"],
    ]


def test_replacing_the_first_site_leaves_the_others_and_their_spellings_alone(
    session: Session, cast: Cast
) -> None:
    number = opened(session, writer(cast.operator), sites=("DE-KIT", "ES-PIC"))
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, {"first_site": "CERN-PROD"})
    rows = find_ticket(session, cast.ggus, number).affected_sites
    assert [(row.name, [s.name for s in row.spellings]) for row in rows] == [
        ("CERN-PROD", ["CERN-PROD"]),
        ("ES-PIC", []),
    ]
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, {"first_site": ""})
    assert current_value(find_ticket(session, cast.ggus, number), "sites") == ("ES-PIC",)


def test_a_partners_own_number_again_is_no_change_and_keeps_its_place(
    session: Session, cast: Cast
) -> None:
    number = opened(
        session, writer(cast.operator), references=(Reference("GGUS-TEST", "55", "", "target"),)
    )
    for _ in range(2):
        with transaction(session):
            own = {"target": "55", "incident": "7"}
            change_ticket(session, writer(cast.ggus), number, {"own_references": own})
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, {"own_references": {"target": "55"}})
    ticket = find_ticket(session, cast.ggus, number)
    assert ticket.version == 2
    assert [(item.kind, item.reference) for item in ticket.references] == [
        ("target", "55"),
        ("incident", "7"),
    ]
    assert {item.partner_id for item in ticket.references} == {cast.ggus.partner_id}
    with transaction(session):
        change_ticket(session, writer(cast.ggus), number, {"own_references": {"target": ""}})
    assert log(session, number)[-1]["references"] == ("GGUS-TEST 55; GGUS-TEST 7", "GGUS-TEST 7")


def test_a_reopened_ticket_has_no_end(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.operator))
    ends = []
    for hours, wanted in (
        (1, {"state": "solved", "solution": "mended"}),
        (2, {"state": "reopened"}),
        (3, {"state": "in progress"}),
        (4, {"state": "unsolved"}),
        (5, {"public_comment": "nobody knows why"}),
    ):
        with transaction(session):
            by = writer(cast.operator, NOON + timedelta(hours=hours))
            ends.append(change_ticket(session, by, number, wanted).ended_at)
    first, last = NOON + timedelta(hours=1), NOON + timedelta(hours=4)
    assert ends == [first, None, None, last, last]


def test_a_solved_ticket_keeps_a_solution(session: Session, cast: Cast) -> None:
    number = opened(session, writer(cast.operator))
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "solved", solution="mended")
    with pytest.raises(Invalid, match="keeps its solution"), transaction(session):
        change_ticket(session, writer(cast.operator), number, {"solution": " "})


@pytest.mark.parametrize(
    ("title", "network"),
    [
        ("LHCONE: no route", "LHCONE"),
        ("no route (LHCONE)", "LHCONE"),
        ("x LHCONE, y", "LHCONE"),
        ("LHCONES and xlhcone", "LHCOPN"),
        ("lhcone: no route", "LHCONE"),
        ("no route (LhcOne)", "LHCONE"),
    ],
)
def test_the_word_of_the_network(session: Session, cast: Cast, title: str, network: str) -> None:
    number = opened(session, writer(cast.ggus), title=title)
    assert find_ticket(session, cast.ggus, number).network == network
