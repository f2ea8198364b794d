"""Words about an event stay with a report whatever becomes of the event: to be seen, and signed."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import Event
from app.events.services.withdrawal import withdraw_event
from app.matching.services.by_hand import link_by_hand
from app.registry.services.sites import site_of_key
from app.reports.models.reports import ReportField
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import fields_of_version, find_report, save_fields, submit_report
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.matching.matching_world import recompute_all, ticket
from tests.matching.matching_world import report as reported
from tests.reports.pages.test_writing import ANSWERS, PAGE, Q1

LATE = datetime(2013, 4, 10, tzinfo=UTC)
WORDS = "Our router, <twice>"


def explained(session: Session, cast: Cast, day: int = 5) -> int:
    """An event of two hours that the site explained; its number."""
    event = reported(session, cast, f"{day} 10:00", f"{day} 12:00")
    recompute_all(session, LATE)
    write(session, cast, event, WORDS)
    return event


def write(session: Session, cast: Cast, event: int, words: str) -> None:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        fields = {**ANSWERS, f"event.{event}": (words, 0)}
        save_fields(session, writer(cast.kit, LATE), site, Q1, fields)


def stored(session: Session) -> dict[str, str]:
    """The words that stand in the report, by the fields' names."""
    session.rollback()
    session.expire_all()
    rows = session.scalars(select(ReportField).where(ReportField.name.startswith("event.")))
    return {one.name: one.value for one in rows if one.value}


def submitted(visitor: Visitor) -> PageReader:
    """Press Submit on the page as it stands, then sign; the page then."""
    form = visitor.read(PAGE).form(PAGE)
    fields = {k: v for k, v in form.data().items() if k not in ("do", "csrf_token", "file")}
    answer = visitor.send(PAGE, {**fields, "do": "submit"})
    assert answer.status_code == 200, PageReader(answer.text).text
    confirm = PageReader(answer.text)
    assert WORDS in confirm.text
    assert visitor.send(f"{PAGE}/submit", confirm.form(f"{PAGE}/submit").data()).status_code == 303
    return visitor.read(PAGE)


def test_words_go_with_an_event_that_an_earlier_one_joined(
    session: Session, cast: Cast, visit: Enter
) -> None:
    old = explained(session, cast)
    new = reported(session, cast, "5 09:00", "5 09:55")
    recompute_all(session, LATE)
    visitor = visit(cast.kit)
    page = visitor.read(PAGE)
    assert page.form(PAGE).values(f"event.{new}") == [WORDS]
    assert f"event.{old}" not in page.form(PAGE).names
    assert "Written for an event that is now part of this event" in page.text
    shown = submitted(visitor)
    assert stored(session) == {f"event.{new}": WORDS}
    assert WORDS in shown.text
    assert "Explanations of other events" not in shown.text


def test_a_submit_without_the_page_takes_them_along_as_well(session: Session, cast: Cast) -> None:
    old = explained(session, cast)
    new = reported(session, cast, "5 09:00", "5 09:55")
    recompute_all(session, LATE)
    assert old != new
    site = site_of_key(session, "DE-KIT")
    numbers = numbers_of(session, site, Q1, LATE)
    found = find_report(session, site.id, Q1)
    assert found is not None
    seen = found.version
    session.rollback()
    with transaction(session):
        version = submit_report(session, writer(cast.kit, LATE), site, Q1, numbers, seen)
        fields = fields_of_version(version)
    assert fields[f"event.{new}"] == WORDS
    assert f"event.{old}" not in fields


def test_where_somebody_wrote_about_the_other_event_both_texts_stay(
    session: Session, cast: Cast, visit: Enter
) -> None:
    old = explained(session, cast)
    new = reported(session, cast, "5 08:00", "5 09:45")
    recompute_all(session, LATE)
    write(session, cast, new, "Something else")
    reported(session, cast, "5 09:45", "5 10:00")
    recompute_all(session, LATE)
    visitor = visit(cast.kit)
    form = visitor.read(PAGE).form(PAGE)
    assert form.values(f"event.{new}") == ["Something else"]
    assert form.values(f"event.{old}") == [WORDS]
    shown = submitted(visitor)
    assert stored(session) == {f"event.{new}": "Something else", f"event.{old}": WORDS}
    assert f"now part of event {new} {WORDS}" in shown.text
    for path in (f"{PAGE}/print", f"{PAGE}/twiki", f"{PAGE}.csv"):
        answer = visitor.get(path)
        assert "part of another event now" in answer.text, path


def test_words_about_a_withdrawn_event_are_shown_and_may_be_emptied(
    session: Session, cast: Cast, visit: Enter
) -> None:
    event = explained(session, cast)
    with transaction(session):
        withdraw_event(session, writer(cast.operator, LATE), event, "A test")
    recompute_all(session, LATE)
    visitor = visit(cast.kit)
    page = visitor.read(PAGE)
    assert "no longer detected as an event" in page.text
    assert page.form(PAGE).values(f"event.{event}") == [WORDS]
    save = f"{PAGE}/fields/event.{event}"
    htmx = {"HX-Request": "true"}
    fields = {f"event.{event}": "", f"seen.event.{event}": "1"}
    assert visitor.send(save, fields, htmx).status_code == 200
    assert "no longer detected" not in visitor.read(PAGE).text


def test_words_about_an_event_that_no_longer_counts_are_in_every_output(
    session: Session, cast: Cast, visit: Enter
) -> None:
    event = explained(session, cast)
    key = session.get_one(Event, event).source_key
    # its source corrects it: it was over after ten minutes
    reported(session, cast, "5 10:00", "5 10:10", now=LATE, source_id=key)
    recompute_all(session, LATE)
    visitor = visit(cast.kit)
    assert f"no longer counts {WORDS}" in submitted(visitor).text
    for path in (f"{PAGE}/print", f"{PAGE}/twiki"):
        assert "no longer counts" in visitor.get(path).text, path
    assert "counts no more" in visitor.get(f"{PAGE}.csv").text, "the value, for programs"


def test_words_about_an_event_that_got_its_ticket_are_in_every_output(
    session: Session, cast: Cast, visit: Enter
) -> None:
    event = explained(session, cast)
    number = ticket(session, cast, links=("CERN-GRIDKA-LHCOPN-001",))
    with transaction(session):
        link_by_hand(session, writer(cast.operator, LATE), event, number, "It is the one")
    recompute_all(session, LATE)
    visitor = visit(cast.kit)
    assert "explained before it got its ticket" in visitor.read(PAGE).text
    shown = submitted(visitor)
    assert f"explained before it got its ticket {WORDS}" in shown.text
    for path in (f"{PAGE}/versions/1", f"{PAGE}/print", f"{PAGE}/twiki", f"{PAGE}.csv"):
        answer = visitor.get(path)
        assert "explained before it got its ticket" in answer.text, path
        assert "Our router" in answer.text, path
    assert visitor.get(f"{PAGE}.pdf").status_code == 200
