"""Maintenance notices in our own mails, as our own reader of providers' notices reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.mail.models.mails import Mail
from app.mail.rules.notifications import put_together
from app.mail.services.mails import draft_mails, put_mails
from app.mail.services.queue import post_of
from app.notices.adapters.files import read
from app.notices.rules.notices import Circuit, Notice
from app.notices.services.notices import take_in
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import Impact
from tests.cast import NOON, Cast, writer
from tests.mails import SENDER, body, changed, enter_with_mails, message, opened

FIRST, SECOND = "CERN-GRIDKA-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002"
START, END = NOON + timedelta(days=7), NOON + timedelta(days=7, hours=4)


@pytest.fixture
def cast(session: Session) -> Cast:
    cast = enter_with_mails(session)
    with transaction(session):
        ends = {key: session.scalars(select(Site).where(Site.key == key)).one() for key in SITES}
        session.add(Link(name=SECOND, network="LHCOPN", end_a=ends[SITES[0]], end_b=ends[SITES[1]]))
    return cast


SITES = ("CH-CERN", "DE-KIT")


def to_noc(session: Session, number: int) -> Mail:
    """The mail to a site's contact about the newest change of a ticket."""
    plan = draft_mails(session, NOON, SENDER.public_url, SENDER.address)
    assert plan is not None
    with transaction(session):
        assert put_mails(session, plan)
    mails = select(Mail).where(Mail.address == "noc@kit.example", Mail.ticket_number == number)
    return session.scalars(mails.order_by(Mail.id.desc()).limit(1)).one()


def sent(session: Session, mail: Mail) -> bytes:
    return put_together(SENDER, post_of(session, SENDER, mail.id))


def notice_in(session: Session, number: int) -> Notice:
    (found,) = read(sent(session, to_noc(session, number))).found
    assert isinstance(found, Notice)
    return found


def plan_work(session: Session, cast: Cast, **more: object) -> int:
    fields = {"category": "maintenance", "links": (FIRST, SECOND), "impact": "degraded"}
    window = {"window_start": START, "window_end": END}
    return opened(session, cast.operator, title="Fibre; moved", **(fields | window | more))


def test_a_mail_about_planned_work_is_a_maintenance_notice(session: Session, cast: Cast) -> None:
    number = plan_work(session, cast)
    notice = notice_in(session, number)
    ticket = session.get_one(Ticket, number)
    assert notice == Notice(
        provider="portal.example",
        uid=f"ticket-{number}@portal.example",
        sequence=1,
        start=START,
        end=END,
        maintenance_ids=(f"LHCOPN#{number}",),
        circuits=(Circuit(FIRST), Circuit(SECOND)),
        impact="DEGRADED",
        status="CONFIRMED",
        stamp=ticket.changed_at.replace(microsecond=0),
        account="LHCOPN",
        summary="Maintenance: Fibre; moved",
        description=notice.description,
        organizer="tickets@portal.example",
        ticket_impact=Impact.DEGRADED,
    )
    assert notice.description.startswith(f"Ticket #{number}, new. Impact: degraded.")
    assert notice.description.endswith(f"https://portal.example/tickets/{number}")


def test_the_calendar_is_a_file_that_no_mail_program_takes_as_an_invitation(
    session: Session, cast: Cast
) -> None:
    number = plan_work(session, cast)
    mail = to_noc(session, number)
    (part,) = [one for one in message(session, mail).walk() if "calendar" in one.get_content_type()]
    assert (part.get_content_type(), part.get_filename()) == ("text/calendar", "maintenance.ics")
    assert part.get_content_disposition() == "attachment"
    assert part.get_content_charset() == "utf-8"
    content = part.get_content().replace("\r\n ", "")  # lines are folded (RFC 5545, 3.1)
    assert "METHOD" not in content
    first, second = (line for line in content.splitlines() if "OBJECT-ID" in line)
    assert first == f"X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-PRECEDENCE=PRIMARY:{FIRST}"
    assert second == f"X-MAINTNOTE-OBJECT-ID:{SECOND}"


def test_its_sequence_rises_and_its_status_follows(session: Session, cast: Cast) -> None:
    number = plan_work(session, cast, impact="none")
    seen = [notice_in(session, number)]
    for fields in (
        {"state": "on hold"},
        {"state": "in progress", "impact": "outage", "window_end": END + timedelta(hours=1)},
        {"state": "solved", "solution": "Done"},
    ):
        changed(session, cast.operator, number, **fields)
        seen.append(notice_in(session, number))
    assert len({one.uid for one in seen}) == 1
    assert [(one.sequence, one.status, one.impact) for one in seen] == [
        (1, "CONFIRMED", "NO-IMPACT"),
        (2, "TENTATIVE", "NO-IMPACT"),
        (3, "CONFIRMED", "OUTAGE"),  # its window is ahead: somebody prepares it
        (4, "COMPLETED", "OUTAGE"),
    ]
    assert [one.end for one in seen] == [END, END, *[END + timedelta(hours=1)] * 2]


def test_a_window_that_is_moved_is_told_with_its_new_notice(session: Session, cast: Cast) -> None:
    number = plan_work(session, cast)
    notice_in(session, number)
    # priority and title are no news, and are told with the next one
    changed(session, cast.operator, number, title="Fibre; moved again", priority="urgent")
    changed(session, cast.operator, number, window_start=END, window_end=END + timedelta(hours=1))
    mail = to_noc(session, number)
    text = body(message(session, mail), "plain")
    assert text.startswith("operator changed the window of this planned work.\n\nTicket ")
    assert "Window start:      2013-03-13 16:00 UTC\n" in text
    (notice,) = read(sent(session, mail)).found
    assert isinstance(notice, Notice)
    assert (notice.sequence, notice.summary) == (3, "Maintenance: Fibre; moved again")
    assert (notice.start, notice.end) == (END, END + timedelta(hours=1))


def test_work_that_is_cancelled_or_has_begun_says_so(session: Session, cast: Cast) -> None:
    number = plan_work(session, cast, window_start=NOON - timedelta(hours=1))
    notice_in(session, number)
    changed(session, cast.operator, number, state="in progress")
    assert notice_in(session, number).status == "IN-PROCESS"
    changed(session, cast.operator, number, state="unsolved")
    assert notice_in(session, number).is_cancelled


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "incident"},
        {"window_end": None},
        {"window_end": START},
        {"links": (), "sites": (), "responsible_site": "DE-KIT"},
    ],
)
def test_what_is_no_maintenance_of_known_circuits_has_no_calendar(
    session: Session, cast: Cast, fields: dict[str, object]
) -> None:
    number = plan_work(session, cast, **fields)
    assert b"calendar" not in sent(session, to_noc(session, number))


def test_work_at_a_site_names_the_site(session: Session, cast: Cast) -> None:
    number = plan_work(session, cast, links=(), sites=("FZK-LCG2",))
    assert notice_in(session, number).circuits == (Circuit("DE-KIT"),)


def test_another_portal_makes_a_ticket_of_it_and_follows(session: Session, cast: Cast) -> None:
    """This portal stands for the other one: the links are the same."""
    number = plan_work(session, cast)
    by = writer(cast.operator)

    def taken() -> Ticket:
        mail = sent(session, to_noc(session, number))
        with transaction(session):
            (result,) = take_in(session, by, read(mail))
        assert result.ticket is not None
        return session.get_one(Ticket, result.ticket)

    ticket = taken()
    other = ticket.number
    assert other != number
    assert (ticket.category, ticket.impact, ticket.state) == ("maintenance", "degraded", "new")
    assert (ticket.window_start, ticket.window_end) == (START, END)
    assert [item.link.name for item in ticket.affected_links] == [FIRST, SECOND]
    changed(session, cast.operator, number, window_end=END + timedelta(hours=2), state="assigned")
    ticket = taken()
    assert (ticket.number, ticket.window_end) == (other, END + timedelta(hours=2))
    changed(session, cast.operator, number, state="unsolved")
    assert taken().state == "unsolved"
