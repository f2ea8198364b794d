"""The demo: the counts it must show, a history that holds together, never over other data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app import demo
from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user, create_user, find_user
from app.calendar.services.calendar import agenda
from app.commands.serve import seed_first
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField, PortalFact
from app.core.rules.access import SYSTEM, ActorKind, Door, Writer
from app.core.rules.errors import SettingError
from app.core.rules.quarters import HalfYear, Quarter, Year
from app.core.settings import Settings
from app.demo.stories import Circuit, usual_stories
from app.mail.models.mails import Mail
from app.mail.services.mails import draft_mails
from app.reference.seed import seed_reference
from app.registry.models.registry import Link
from app.registry.rules.networks import Network
from app.registry.services.record_lists import in_use_on
from app.reports.models.reports import ReportField, ReportVersion
from app.reports.rules.reports import ShownState
from app.reports.services.first_quarter import reports_from
from app.reports.services.grid import report_grid
from app.reports.services.reminders import reminders_sent
from app.reports.services.reports import numbers_of_version
from app.statistics.services.figures import TicketFigures
from app.tickets.models.attachments import Attachment
from app.tickets.models.desk import SavedFilter
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket, TicketSite
from app.tickets.pages.listing.list import ListQuery
from app.tickets.rules.desk import Desk
from app.tickets.rules.tickets import CLOSED_STATES, MOVES, OPEN_STATES, Category, Layer, State
from app.tickets.services.acknowledgements import answers_of
from app.tickets.services.lifecycle import close_due_tickets
from app.tickets.services.lists.desk import on_desk
from app.tickets.services.lists.lists import TicketFilter, condition_of
from app.tickets.services.reminders import overdue_replies, waits_of
from app.topology.rules.link_states import LinkState
from app.topology.services.link_states import link_states
from tests.demo.seeded import NOW, lay_demo
from tests.harness.databases import fresh_database, open_engine


def _between(begin: str, end: str) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(f"{begin}T00:00Z"), datetime.fromisoformat(f"{end}T00:00Z")


def test_a_start_asks_for_reports_from_the_quarter_of_its_setting(session: Session) -> None:
    before = reports_from(session)
    assert before <= Quarter.of(datetime.now(UTC)), "the one of the first start"
    later = Quarter(2014, 3)
    for setting, expected in ((None, before), (later, later), (None, later)):
        with transaction(session):
            seed_first(session, Settings("sqlite://", reports_from=setting))
        assert reports_from(session) == expected


@pytest.fixture(scope="module")
def seeded(module_database: str) -> Iterator[Session]:
    lay_demo(module_database)
    session = Session(open_engine(module_database))
    yield session
    session.close()
    engine = session.get_bind()
    engine.dispose()  # type: ignore[union-attr]


def _tickets(session: Session) -> Sequence[Ticket]:
    return session.scalars(select(Ticket).order_by(Ticket.number)).all()


def _count(session: Session, begin: str, end: str) -> int:
    first, last = _between(begin, end)
    return sum(first <= ticket.created_at < last for ticket in _tickets(session))


def test_tickets_of_each_period(seeded: Session) -> None:
    assert _count(seeded, "2012-01-01", "2013-01-01") == 111
    assert _count(seeded, "2013-01-01", "2013-07-01") == 14
    lately = [ticket for ticket in _tickets(seeded) if ticket.created_at > NOW - timedelta(365)]
    assert 100 <= len(lately) <= 130
    assert len(_tickets(seeded)) == 111 + 14 + len(lately)


def test_the_deck_s_two_numbers_are_those_of_the_statistics(seeded: Session) -> None:
    figures = TicketFigures(seeded, TicketFilter(states=("open", "closed")), NOW)
    for period, expected in ((Year(2012), 111), (HalfYear(2013, 1), 14)):
        assert figures.counts([period])[0].total == expected


def test_most_tickets_of_2012_are_of_the_circuit_layer(seeded: Session) -> None:
    first, last = _between("2012-01-01", "2013-01-01")
    layers = Counter(
        ticket.layer for ticket in _tickets(seeded) if first <= ticket.created_at < last
    )
    assert layers[Layer.L2] / 111 == pytest.approx(0.8, abs=0.01)


def test_every_state_category_layer_and_network_is_shown(seeded: Session) -> None:
    tickets = _tickets(seeded)
    assert {ticket.state for ticket in tickets} == set(State)
    assert {ticket.category for ticket in tickets} == set(Category)
    assert {ticket.layer for ticket in tickets} == set(Layer)
    assert {ticket.network for ticket in tickets} == set(Network)
    assert len({ticket.priority for ticket in tickets}) == 5
    assert sum(ticket.to_check for ticket in tickets) == 1
    assert any(ticket.references for ticket in tickets)
    assert any(item.recognised for ticket in tickets for item in ticket.affected_links)
    unresolved = seeded.scalar(
        select(func.count()).select_from(TicketSite).where(TicketSite.site_id.is_(None))
    )
    assert unresolved


def test_no_old_ticket_is_open(seeded: Session) -> None:
    for ticket in _tickets(seeded):
        if ticket.created_at.year < 2014:
            assert ticket.state in (State.CLOSED, State.VERIFIED)
    long_standing = [
        ticket
        for ticket in _tickets(seeded)
        if ticket.state in OPEN_STATES and ticket.created_at < NOW - timedelta(12)
    ]
    (early,) = long_standing
    assert (early.category, early.state) == (Category.MAINTENANCE, State.ON_HOLD)
    assert early.window_start is not None
    assert early.window_start > NOW, "told of early, and still to come"


def test_nothing_waits_against_the_portals_rules_but_one_reply(seeded: Session) -> None:
    _assert_obeys_the_rules(seeded, NOW)
    seeded.rollback()


def _assert_obeys_the_rules(session: Session, now: datetime) -> None:
    """What the portal does by itself is done; one reply is overdue, and was reminded of once."""
    operator = actor_of_user(find_user(session, "operator"))
    by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=now)
    assert close_due_tickets(session, by, now) == []
    assert overdue_replies(session, now) == ([], None)

    def on(desk: Desk) -> list[Ticket]:
        wanted = TicketFilter(states=("open",), desk=(on_desk(desk, now, operator),))
        return [*session.scalars(select(Ticket).where(condition_of(wanted)))]

    assert on(Desk.NOT_TAKEN) == []
    (overdue,) = on(Desk.WAITS_TOO_LONG)
    assert overdue.title == "Low throughput from CA-TRIUMF to DE-KIT"
    assert len(waits_of(session, [overdue.number])[overdue.number].reminded) == 1
    for ticket in session.scalars(select(Ticket).where(Ticket.state == State.ON_HOLD)):
        assert ticket.window_start is not None
        assert ticket.window_start > now, "a work that is on hold is still to come"


def test_the_networks_have_a_usual_night(seeded: Session) -> None:
    assert _states_of_links(seeded, NOW) == {
        "LHCOPN": {
            "down, no ticket": ["CERN-RAL-LHCOPN-001"],
            "down": ["CERN-IN2P3-LHCOPN-001"],
            "maintenance, down": ["CERN-PIC-LHCOPN-001"],
            "degraded": ["CERN-CNAF-LHCOPN-001"],
            "planned": [
                "CERN-GRIDKA-LHCOPN-001",
                "CERN-GRIDKA-LHCOPN-002",
                "CERN-NDGF-LHCOPN-001",
            ],
            "unmonitored": ["CERN-IHEP-LHCOPN-001"],
        },
        "LHCONE": {"maintenance": ["CERN-BNL-LHCONE-001"]},
    }


def _states_of_links(session: Session, now: datetime) -> dict[str, dict[str, list[str]]]:
    """The names of the links in each state but ok, by network."""
    links = session.scalars(select(Link).where(in_use_on(Link, now.date())).order_by(Link.name))
    by_id = {link.id: link for link in links}
    states = link_states(session, list(by_id), now)
    found: dict[str, dict[str, list[str]]] = {network: {} for network in Network}
    for key, link in by_id.items():
        if states[key].state is not LinkState.OK:
            found[link.network].setdefault(states[key].words, []).append(link.name)
    return found


def test_two_works_collide(seeded: Session) -> None:
    operator = actor_of_user(find_user(seeded, "operator"))
    shown = agenda(seeded, operator, NOW, NOW + timedelta(days=8))
    assert [one.links for one in shown.conflicts] == [
        ("CERN-GRIDKA-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002")
    ]


def test_mails_of_the_last_hours_are_sent_but_to_one_address(seeded: Session) -> None:
    mails = seeded.scalars(select(Mail).where(Mail.change_id.is_not(None))).all()
    failed = {(mail.address, mail.reason) for mail in mails if mail.state == "failed"}
    assert failed == {
        ("old-noc-demo@example.org", "550 5.1.1 User unknown in virtual mailbox table")
    }
    assert {mail.state for mail in mails} == {"sent", "failed"}
    assert all(mail.due_at is None for mail in mails), "none goes out"
    assert all(mail.address.endswith("-demo@example.org") for mail in mails)
    assert all(NOW - timedelta(hours=10) < mail.created_at <= NOW for mail in mails)
    more = draft_mails(seeded, NOW, "")
    assert more is None or not more.mails, "what was told is not told again"


def test_what_a_category_needs_is_there(seeded: Session) -> None:
    for ticket in _tickets(seeded):
        if ticket.category == Category.MAINTENANCE:
            assert ticket.window_start is not None
            assert ticket.window_end is not None
            assert ticket.created_at < ticket.window_start < ticket.window_end
        if ticket.category == Category.CHANGE:
            assert len(ticket.affected_sites) >= 2
        if ticket.event_end is not None:
            assert ticket.event_start is not None
            assert ticket.event_start < ticket.event_end <= ticket.changed_at
        if ticket.state in CLOSED_STATES:
            assert ticket.solution


def test_relations_and_answers_are_shown(seeded: Session) -> None:
    kinds = Counter(seeded.scalars(select(TicketRelation.kind)))
    assert kinds == {"child": 3, "duplicate": 1}
    changes = [ticket for ticket in _tickets(seeded) if ticket.category == Category.CHANGE]
    for ticket in changes:
        if ticket.solution.startswith("All sites accept"):
            assert {item.answer for item in answers_of(seeded, ticket)} == {"accepted"}
    (asked,) = (answers_of(seeded, ticket) for ticket in changes if ticket.state in OPEN_STATES)
    assert {item.answer for item in asked} == {"accepted", "refused", ""}
    assert {item.outdated for item in asked if item.answer == "accepted"} == {True, False}


def test_history_holds_together(seeded: Session) -> None:
    changes = seeded.scalars(
        select(Change).where(Change.kind == "ticket").order_by(Change.id)
    ).all()
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    assert changes[-1].at <= NOW
    state: dict[int, str | None] = {}
    version: dict[int, int] = {}
    for change in changes:
        number = change.thing_id
        assert change.version == version.get(number, 0) + 1
        version[number] = change.version
        for field in change.fields:
            if field.field == "state":
                assert field.old == state.get(number)
                if field.old is not None:
                    assert field.new in MOVES[State(field.old)]
                state[number] = field.new
    for ticket in _tickets(seeded):
        assert ticket.version == version[ticket.number]
        assert ticket.state == state[ticket.number]
    assert [ticket.number for ticket in _tickets(seeded)] == list(range(1, len(version) + 1))
    numbers = [ticket.created_at for ticket in _tickets(seeded)]
    assert numbers == sorted(numbers)


def test_people_partner_and_portal_wrote_it(seeded: Session) -> None:
    who = Counter(
        (change.actor_kind, change.actor_account, change.door)
        for change in seeded.scalars(select(Change).where(Change.kind == "ticket"))
    )
    assert set(who) == {
        (ActorKind.PERSON, "operator", Door.PORTAL),
        (ActorKind.PERSON, "reporter", Door.PORTAL),
        (ActorKind.PARTNER, "ggus-demo", Door.SOAP),
        (ActorKind.SYSTEM, "portal", Door.SYSTEM),
    }
    comments = Counter(
        seeded.scalars(
            select(ChangedField.field).where(
                ChangedField.field.in_(("public_comment", "internal_comment"))
            )
        )
    )
    assert comments["public_comment"] > 100
    assert comments["internal_comment"] > 10


def test_sample_links_say_that_they_are(seeded: Session) -> None:
    samples = {link.name for link in seeded.scalars(select(Link).where(Link.sample))}
    assert "CERN-BNL-LHCOPN-001" in samples
    assert "CERN-RAL-LHCOPN-001" not in samples


def test_sample_files_are_attached(seeded: Session) -> None:
    files = seeded.scalars(select(Attachment).order_by(Attachment.id)).all()
    assert {item.media_type for item in files} == {"image/png", "text/plain"}
    assert all(item.name.startswith("sample-") for item in files)
    assert {item.author for item in files} == {"operator", "network support"}


def test_filters_are_saved_and_written_as_the_list_writes_them(seeded: Session) -> None:
    rows = seeded.scalars(select(SavedFilter)).all()
    assert {row.shared for row in rows} == {True, False}
    assert {row.owner.name for row in rows} == {"operator", "reporter"}
    for row in rows:
        query = ListQuery(MultiDict(parse_qsl(row.query, strict_parsing=True)))
        assert (query.problems, query.own_query()) == ([], row.query)


def test_reports_stand_as_the_slides_say(seeded: Session) -> None:
    reader = actor_of_user(find_user(seeded, "operator"))
    quarters = [Quarter(2012, 4), Quarter(2013, 1), Quarter(2013, 2), Quarter(2026, 3)]
    grid = report_grid(seeded, reader, quarters, NOW, 30)
    assert [(one.done, one.asked) for one in grid.counts] == [(10, 11), (0, 11), (3, 11), (6, 15)]
    shown = {cell.standing.shown for row in grid.rows for cell in row.cells}
    assert shown == set(ShownState) - {ShownState.NOT_YET}, "each state is there"
    assert [one.reminder.step for one in reminders_sent(seeded)[0]] == [
        "21 days after it",
        "7 days after it",
        "on the due day",
        "7 days before it",
    ]
    written = seeded.scalars(
        select(ReportField.value).where(
            or_(*(ReportField.name.startswith(part) for part in ("event.", "reason.")))
        )
    ).all()
    assert written
    assert all(text.startswith("Sample: ") for text in written)
    waiting = select(func.count()).where(Mail.message_id.is_not(None), Mail.state != "sent")
    assert seeded.scalar(waiting) == 0, "no mail of long ago goes out"


def test_signed_reports_lack_nothing(seeded: Session) -> None:
    signed = seeded.scalars(select(ReportVersion)).all()
    assert len(signed) > 90
    assert not [one for one in signed if numbers_of_version(one).is_behind]


def test_a_second_time_changes_nothing(seeded: Session) -> None:
    before = seeded.scalar(select(func.count()).select_from(Change))
    seeded.commit()
    with transaction(seeded):
        assert demo.seed_demo(seeded, NOW + timedelta(days=3)) == 0
    assert seeded.scalar(select(func.count()).select_from(Change)) == before
    assert demo.is_demo(seeded)
    assert {login.name for login in demo.LOGINS} >= set(seeded.scalars(select(User.name)))


@pytest.mark.parametrize(
    "now",
    [
        datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 4, 5, 12, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 12, 28, 1, 30, tzinfo=UTC),
    ],
)
def test_every_state_is_shown_whenever_it_is_made(now: datetime) -> None:
    with fresh_database("sqlite") as url:
        session = Session(open_engine(url))
        with transaction(session):
            # Reference data alone counts as empty: a start lays it before the demo.
            seed_reference(session, Writer(actor=SYSTEM, door=Door.COMMAND, now=now))
        with transaction(session):
            assert demo.seed_demo(session, now) == 252
        assert {ticket.state for ticket in _tickets(session)} == set(State)
        _assert_obeys_the_rules(session, now)
        states = _states_of_links(session, now)
        assert set(states["LHCOPN"]) == {
            *("down, no ticket", "down", "maintenance, down", "degraded"),
            *("planned", "unmonitored"),
        }
        assert _count(session, "2012-01-01", "2013-01-01") == 111
        assert _count(session, "2013-01-01", "2014-01-01") == 14
        session.close()
        session.get_bind().dispose()  # type: ignore[union-attr]


def test_the_same_moment_gives_the_same_stories() -> None:
    circuits = [
        Circuit(name, network, "CH-CERN", site)
        for name, network, site in (
            ("CERN-RAL-LHCOPN-001", Network.LHCOPN, "UK-T1-RAL"),
            ("CERN-GRIDKA-LHCOPN-001", Network.LHCOPN, "DE-KIT"),
            ("CERN-FNAL-LHCOPN-001", Network.LHCOPN, "US-FNAL-CMS"),
            ("CERN-PIC-LHCOPN-001", Network.LHCOPN, "ES-PIC"),
            ("CERN-CNAF-LHCOPN-001", Network.LHCOPN, "IT-INFN-CNAF"),
            ("CERN-FNAL-LHCONE-001", Network.LHCONE, "US-FNAL-CMS"),
            ("CERN-GRIDKA-LHCONE-001", Network.LHCONE, "DE-KIT"),
        )
    ]
    first, second = (usual_stories(Random(1), circuits, NOW) for _ in range(2))
    assert first == second


def test_a_database_with_data_of_its_own_is_left_alone(session: Session) -> None:
    by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOW)
    with transaction(session):
        seed_reference(session, by)
        create_user(session, by, "noc-demo", "operator", "a long password")
    with pytest.raises(SettingError, match="empty database only"), transaction(session):
        demo.seed_demo(session, NOW)
    assert session.scalar(select(func.count()).select_from(Ticket)) == 0
    assert session.get(PortalFact, demo.FACT) is None
