"""The pages of maintenance notices: shown first, brought in then, read by people, never as HTML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.notices.adapters.files import read
from app.notices.models.notices import MaintenanceNotice, ProviderMaintenance
from app.notices.rules.carriers import carrier_reading
from app.notices.services.carriers import take_reading
from app.notices.services.notices import take_in
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.carrier_answers import carrier_answer, carrier_mail
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor

SAMPLES = Path(__file__).parents[2] / "notices_sample"
Visit = Callable[[Actor], Visitor]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def bring(session: Session, cast: Cast, content: bytes) -> None:
    with transaction(session):
        take_in(session, writer(cast.operator), read(content, "a file"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def count(session: Session, row: type[Ticket] | type[MaintenanceNotice]) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(row)) or 0
    session.rollback()
    return found


def test_a_file_is_shown_and_then_brought_in(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    assert "No notices yet" in visitor.read("/notices").text
    shown = visitor.upload("/notices", {}, "new.ics", sample("new.ics"))
    assert shown.status_code == 200
    page = PageReader(shown.text)
    assert "Nothing has been written yet" in page.text
    assert "A new ticket" in page.text
    assert "1 circuit is unknown: EC-77001" in page.text
    assert count(session, MaintenanceNotice) == 0
    answer = visitor.send("/notices/confirm", page.form("/notices/confirm").data())
    assert answer.status_code == 303
    assert answer.location == "/notices/1"
    assert "Ticket 1 created" in visitor.read("/notices/1").text
    assert count(session, Ticket) == 1
    again = visitor.upload("/notices", {}, "new.ics", sample("new.ics"))
    assert "Bring it in" not in again.text
    assert ("/notices/1", "Notice 1") in visitor.read("/notices").links


def test_what_cannot_be_read_becomes_a_ticket_by_hand(
    session: Session, cast: Cast, visit: Visit
) -> None:
    bring(session, cast, sample("plain.eml"))
    visitor = visit(cast.operator)
    page = visitor.read("/notices/1")
    assert "Loss of connectivity for up to 30 minutes" in page.text
    told = ("/notices?state=to+read", "1 maintenance notice to review")
    assert told in visitor.read("/").links
    assert told not in visit(cast.kit).read("/").links
    form = page.form("/notices/1/ticket")
    assert form.values("title") == ["Scheduled maintenance: PIC access line"]
    assert form.values("window_start") == ["2013-03-09 05:00"]
    wrong = visitor.send("/notices/1/ticket", {**form.data(), "window_end": "2013-03-08"})
    assert wrong.status_code == 422
    assert "The window ends before it starts" in wrong.text
    made = visitor.send("/notices/1/ticket", {**form.data(), "sites": "pic"})
    assert made.location == "/tickets/1"
    assert "to read" not in visitor.read("/").text
    ticket = visitor.read("/tickets/1").text
    assert "Scheduled maintenance: PIC access line" in ticket
    assert "20130304-7" in ticket
    assert ("/notices/1", "Notice 1") in visitor.read("/tickets/1").links
    assert "already been handled" in visitor.send("/notices/1/ticket", form.data()).text


def test_dismissed_with_a_reason_and_taken_back(session: Session, cast: Cast, visit: Visit) -> None:
    bring(session, cast, sample("plain.eml"))
    visitor = visit(cast.operator)
    refused = visitor.send("/notices/1/dismiss", {"reason": ""})
    assert refused.status_code == 422
    assert "Reason is required" in refused.text
    assert visitor.send("/notices/1/dismiss", {"reason": "Not ours"}).status_code == 303
    assert "operator: Not ours" in visitor.read("/notices?state=dismissed").text
    assert "Nothing to review" in visitor.read("/notices?state=to+read").text
    assert visitor.send("/notices/1/restore", {}).status_code == 303
    assert "set it back to review" in visitor.read("/notices/1").text


def test_a_circuit_is_settled(session: Session, cast: Cast, visit: Visit) -> None:
    bring(session, cast, sample("new.ics"))
    visitor = visit(cast.operator)
    assert visitor.read("/notices/1").text.count("EC-77001") > 1
    chosen = {"circuit": "EC-77001", "link": "CERN-PIC-LHCOPN-001"}
    for wrong in ({**chosen, "link": ""}, {**chosen, "link": "NOWHERE"}):
        assert visitor.send("/notices/1/circuits", wrong).status_code == 422
    assert visitor.send("/notices/1/circuits", {**chosen, "circuit": "x"}).status_code == 404
    assert visitor.send("/notices/1/circuits", chosen).status_code == 303
    assert "by hand" in visitor.read("/notices/1").text
    assert "CERN-PIC-LHCOPN-001" in visitor.read("/tickets/1").text


def test_readers_see_what_became_of_it_and_not_the_text(
    session: Session, cast: Cast, visit: Visit
) -> None:
    bring(session, cast, sample("plain.eml"))
    visitor = visit(cast.reader)
    page = visitor.read("/notices/1").text
    assert "An operator has to create a ticket from this notice" in page
    assert "Loss of connectivity" not in page
    assert 'type="file"' not in visitor.get("/notices").text


def test_nothing_of_a_mail_is_html(session: Session, cast: Cast, visit: Visit) -> None:
    hostile = (
        b"Subject: <img src=x onerror=alert(1)>\r\nContent-Type: text/html\r\n\r\n"
        b"<script>alert(1)</script>"
    )
    visitor = visit(cast.operator)
    shown = visitor.upload("/notices", {}, "<b>.eml", hostile).text
    bring(session, cast, hostile)
    for text in (shown, visitor.get("/notices/1").text, visitor.get("/notices").text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>.eml" not in text
    assert "<script>alert(1)</script>" in visitor.read("/notices/1").text


def test_wrong_files_and_addresses(cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    assert "Choose a file" in visitor.send("/notices", {}).text
    empty = visitor.upload("/notices", {}, "a.ics", b"")
    assert empty.status_code == 422
    assert "The file is empty" in empty.text
    assert visitor.send("/notices/confirm", {"content": "rubbish"}).status_code == 422
    for address in ("/notices?state=gone", "/notices?before=x", "/notices/999999"):
        assert visitor.get(address).status_code == 404, address


def test_mails_in_two_columns_are_one_ticket_and_one_window(
    session: Session, cast: Cast, visit: Visit
) -> None:
    visitor = visit(cast.operator)
    bring(session, cast, sample("two-columns-open.eml"))
    form = visitor.read("/notices/1").form("/notices/1/ticket")
    assert form.values("reference") == ["NREN-NOC/20130304-8"]
    assert form.values("window_start") == ["2013-03-09 23:59"]
    assert visitor.send("/notices/1/ticket", form.data()).location == "/tickets/1"
    for number, name, end, state in (
        (2, "update", "2013-03-10 09:30", "new"),
        (3, "close", "2013-03-10 07:40", "solved"),
    ):
        bring(session, cast, sample(f"two-columns-{name}.eml"))
        page = visitor.read(f"/notices/{number}")
        assert "ticket 1 was created from notice 1 of the same provider and number" in page.text
        form = page.form(f"/notices/{number}/update")
        assert form.values("update-window_end") == [end]
        assert visitor.send(f"/notices/{number}/update", form.data()).location == "/tickets/1"
        ticket = session.get_one(Ticket, 1)
        session.rollback()
        assert (ticket.state, ticket.window_end) == (state, moment(end))
        session.rollback()
    assert count(session, Ticket) == 1
    told = visitor.read("/tickets/1").text
    assert (
        "nren.example sent another notice of this maintenance (notice 2): status UPDATE; the window"
        " is now 2013-03-09 23:59 UTC to 2013-03-10 09:30 UTC, it was 2013-03-09 23:59 UTC to"
        " 2013-03-10 08:00 UTC."
    ) in told
    again = visitor.send("/notices/3/update", {**form.data(), "update-state": ""})
    assert "already been handled" in again.text


def test_a_mail_of_another_provider_or_of_a_closed_ticket_updates_nothing(
    session: Session, cast: Cast, visit: Visit
) -> None:
    visitor = visit(cast.operator)
    bring(session, cast, sample("two-columns-open.eml"))
    form = visitor.read("/notices/1").form("/notices/1/ticket")
    visitor.send("/notices/1/ticket", form.data())
    bring(session, cast, sample("two-columns-update.eml").replace(b"nren.example", b"no.example"))
    assert "Create another ticket" not in visitor.read("/notices/2").text
    bring(session, cast, sample("two-columns-update.eml"))
    change = visitor.read("/notices/3").form("/notices/3/update").data()
    wrong = visitor.send("/notices/3/update", {**change, "update-window_end": "2013-03-08 01:00"})
    assert wrong.status_code == 422
    assert "The window ends before it starts" in wrong.text
    with transaction(session):
        for state in ("solved", "closed"):
            change_ticket(session, writer(cast.operator), 1, {"state": state, "solution": "Done"})
    assert "Create another ticket" not in visitor.read("/notices/3").text
    refused = visitor.send("/notices/3/update", change).text
    assert "This notice has no ticket to update" in refused


def read_mail(session: Session, cast: Cast, number: str) -> None:
    """A mail of a carrier that the reader has read."""
    with transaction(session):
        by = writer(cast.operator)
        (result,) = take_in(session, by, read(carrier_mail(number)))
        assert result.notice is not None
        take_reading(session, by, result.notice, carrier_reading("zayo", carrier_answer(number)))


def test_a_form_is_confirmed_and_withdrawn(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    assert "No form is confirmed" in visitor.read("/notices/forms").text
    read_mail(session, cast, "TTN-1")
    page = visitor.read("/notices/1")
    assert "Compare them with the full text" in page.text
    assert "2013-03-10 22:00" in page.text
    assert (
        visitor.send("/notices/1/reading", page.form("/notices/1/reading").data()).status_code
        == 303
    )
    read_mail(session, cast, "TTN-2")
    assert "Ticket 2 created" in visitor.read("/notices/2").text
    assert ("/notices/forms#form-1", "confirmation 1") in visitor.read("/notices/2").links
    forms = visitor.read("/notices/forms")
    assert ("/notices/2", "Notice 2") in forms.links
    assert "EmailDateParser+HtmlParserZayo1" in forms.text
    visitor.send("/notices/forms/1/withdraw", forms.form("/notices/forms/1/withdraw").data())
    assert "Withdrawn" in visitor.read("/notices/forms").text
    read_mail(session, cast, "TTN-3")
    assert "to be confirmed once" in visitor.read("/notices/3").text
    assert "already been handled" not in visitor.read("/notices/1").text


def test_a_reading_that_still_needs_review_confirms_no_form(
    session: Session, cast: Cast, visit: Visit
) -> None:
    """Its ticket was closed meanwhile."""
    visitor = visit(cast.operator)
    read_mail(session, cast, "TTN-1")
    confirm = visitor.read("/notices/1").form("/notices/1/reading").data()
    with transaction(session):
        row = session.get(MaintenanceNotice, 1)
        assert row is not None
        by = writer(cast.operator)
        open_ticket(session, by, NewTicket(title="Sample maintenance"))
        session.flush()
        known = ProviderMaintenance(provider_key=row.provider_key, uid=row.uid)
        known.ticket_number = known.notice_id = 1
        session.add(known)
        for state in ("solved", "closed"):
            change_ticket(session, by, 1, {"state": state, "solution": "Done"})
    visitor.send("/notices/1/reading", confirm)
    page = visitor.get("/notices/1").text
    assert "The form was not confirmed." in page
    assert "No form is confirmed" in visitor.read("/notices/forms").text
