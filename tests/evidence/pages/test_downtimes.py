"""Downtimes of sites beside events, tickets and reports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.evidence.adapters.osg import read_list
from app.evidence.rules.downtimes import ListService
from app.evidence.services.downtimes import Imported, import_list
from tests.cast import Cast, writer
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import report

SAMPLE = (Path(__file__).parents[1] / "osg_sample.yaml").read_bytes()
HEADING = "Site downtimes"
LIST = "DE-KIT: list of OSG, imported"


def imported(session: Session, cast: Cast, content: bytes = SAMPLE) -> Imported:
    with transaction(session):
        return import_list(
            session, writer(cast.admin), "DE-KIT", ListService.OSG, read_list(content)
        )


def test_an_event_shows_what_overlaps_it_and_which_list_says_so(
    session: Session, cast: Cast, visit: Enter
) -> None:
    beside = report(session, cast, "1 11:00", "1 13:00")
    apart = report(session, cast, "1 13:00", "1 14:00")
    visitor = visit(cast.reader)
    assert HEADING not in visitor.read(f"/events/{beside}").text
    imported(session, cast)
    words = visitor.read(f"/events/{beside}").text
    assert "1 downtime, 1 scheduled" in words
    assert "announced 9 d before" in words
    assert "GridFtp, SRMv2, 2 resources" in words
    assert "All data is inaccessible" in words
    assert LIST in words
    assert "None at that time" not in words
    words = visitor.read(f"/events/{apart}").text
    assert "None at that time in the lists that were imported." in words
    assert LIST in words


def test_a_site_without_a_list_shows_nothing(session: Session, cast: Cast, visit: Enter) -> None:
    """Nothing is known of it: "none" would be a claim."""
    imported(session, cast)
    number = report(session, cast, "1 11:00", "1 13:00", link="CERN-PIC-LHCOPN-001")
    assert HEADING not in visit(cast.reader).read(f"/events/{number}").text


def test_sites_and_times_that_no_list_covers_are_named(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    imported(session, cast)
    visitor = visit(cast.reader)
    words = visitor.read(f"/events/{report(session, cast, '1 11:00', '1 13:00')}").text
    assert "No list of downtimes was imported for CH-CERN: nothing is known about them." in words
    assert "later changes" not in words  # the list is of the 5th
    words = visitor.read(f"/tickets/{opened(links=('CERN-GRIDKA-LHCOPN-001',))}").text
    assert "(later changes are not known)" in words


def test_a_ticket_shows_those_of_its_links_ends(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    imported(session, cast)
    begins = datetime.fromisoformat("2013-03-02T08:30:00Z")
    number = opened(links=("CERN-GRIDKA-LHCOPN-001",), event_start=begins)
    words = visit(cast.reader).read(f"/tickets/{number}").text
    assert "1 downtime, 0 scheduled" in words
    assert "unscheduled: Intermittent Outage" in words
    assert "The list does not say when it was announced." in words


def test_a_report_counts_those_of_its_quarter(session: Session, cast: Cast, visit: Enter) -> None:
    imported(session, cast)
    visitor = visit(cast.kit)
    words = visitor.read("/reports/DE-KIT/2013-Q1").text
    assert "2 downtimes, 1 of them scheduled" in words
    assert "None at that time" in visitor.read("/reports/DE-KIT/2012-Q4").text


def test_a_new_list_replaces_the_one_before(session: Session, cast: Cast, visit: Enter) -> None:
    assert imported(session, cast) == Imported(new=3, changed=0, same=0, removed=0)
    assert imported(session, cast) == Imported(new=0, changed=0, same=3, removed=0)
    shorter = SAMPLE[: SAMPLE.index(b"- Class: UNSCHEDULED")].replace(b"KIT_TAPE", b"KIT_TAPES")
    assert imported(session, cast, shorter) == Imported(new=0, changed=1, same=1, removed=1)
    words = visit(cast.kit).read("/reports/DE-KIT/2013-Q1").text
    assert "1 downtime, 1 scheduled" in words
    assert "KIT_TAPES" in words
