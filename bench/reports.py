"""The page of one site's quarterly report among many tickets and events, in words and signed.

Asked as ``bench.desk`` asks, by an operator: as a draft that is written, as it was signed beside
what is counted now, and each right after one ticket changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Final

from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.rules.quarters import Quarter
from app.demo import demo_actors
from app.events.models.events import Event
from app.matching.services.recompute import mark_between
from app.registry.services.sites import site_of_key
from app.reports.rules.form import EVENT
from app.reports.services.forms import content_of, form_for
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import find_report, open_questions, save_fields, submit_report
from app.tickets.models.tickets import Ticket
from bench import places
from bench.desk import operator_of
from bench.figures import add_events, change_one
from bench.matching import recompute_all
from bench.pages import percentile
from bench.places import TITLES, Place
from bench.tables import print_table
from tests.harness.databases import open_engine

GOAL: Final = 200.0
"""Milliseconds of a report's page."""
SITE: Final = "DE-KIT"
REPEATS: Final = 5


def measure(kind: str, tickets: int, events: int) -> None:
    """Fill a database, and print its table."""
    with places.filled(kind, tickets, f"reports{tickets}") as place:
        engine = open_engine(place.url)
        add_events(engine, events)
        with Session(engine) as session:
            with transaction(session):
                mark_between(session, None, None)
            recompute_all(session)
        _print_pages(engine, place, tickets, events)
        engine.dispose()


def measure_again(url: str) -> None:
    """Print the table of a database that was filled before; it is written in."""
    engine = open_engine(url)
    with Session(engine) as session:
        last = session.scalar(select(func.max(Ticket.number))) or 0
        tickets = session.scalar(select(func.count()).select_from(Ticket)) or 0
        events = session.scalar(select(func.count()).select_from(Event)) or 0
    with Session(engine) as session:
        recompute_all(session)
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    _print_pages(engine, Place(kind, url, 1, last), tickets, events)
    engine.dispose()


def _print_pages(engine: Engine, place: Place, tickets: int, events: int) -> None:
    # quarters of which the demo has no reports
    drafted, signed = (Quarter.of(datetime.now(UTC)).after(-back) for back in (20, 21))
    listed = _sign(engine, signed)
    rows = []
    with operator_of(place) as client:
        for what, quarter in (("draft", drafted), ("signed", signed)):
            page = f"/reports/{SITE}/{quarter}"
            first = _ask(client, page)
            again = [_ask(client, page) for _ in range(REPEATS)]
            pending = []
            for turn in range(REPEATS):
                change_one(engine, place, turn)
                pending.append(_ask(client, page))
                with Session(engine) as session:
                    recompute_all(session)
            rows.append((what, _cells([first])[0], *_cells(again), *_cells(pending)))
    print_table(
        f"A report's page on {TITLES[place.kind]}, {tickets:,} tickets and {events:,} events,"
        f" {listed} of them without a ticket in the signed one, milliseconds"
        f" (bold: over {GOAL:.0f}; of a processor: p50)",
        ("page", "first", "again", "of a processor", "after a change", "of a processor"),
        rows,
    )


def _ask(client: FlaskClient, page: str) -> tuple[float, float]:
    """Milliseconds until the answer, and of this process's processor."""
    began, used = perf_counter(), process_time()
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return (perf_counter() - began) * 1000, (process_time() - used) * 1000


def _sign(engine: Engine, quarter: Quarter) -> int:
    """Write what is asked for and sign; how many events were explained."""
    now = datetime.now(UTC)
    with Session(engine) as session:
        by = Writer(demo_actors(session)["operator"], Door.PORTAL, now)
        site = site_of_key(session, SITE)
        numbers = numbers_of(session, site, quarter, now)
        report = find_report(session, site.id, quarter)
        if report is not None and report.versions:  # the database was measured before
            return len(numbers.undocumented)
        form = content_of(form_for(session, quarter))
        values = {f"{EVENT}{one.id}": "It was our router." for one in numbers.undocumented}
        for one in open_questions(None, form, numbers):
            question = form.question(one.name.partition(".")[2])
            if question is not None:
                values[one.name] = question.choices[0] if question.choices else "yes"
        session.rollback()
        with transaction(session):
            fields = {name: (value, 0) for name, value in values.items()}
            save_fields(session, by, site, quarter, fields)
        report = find_report(session, site.id, quarter)
        seen = 0 if report is None else report.version
        session.rollback()
        with transaction(session):
            submit_report(session, by, site, quarter, numbers, seen)
        return len(numbers.undocumented)


def _cells(asked: list[tuple[float, float]]) -> tuple[str, str]:
    times, used = zip(*asked, strict=True)
    both = dict.fromkeys((percentile(times, 0.5), max(times)))
    text = ", ".join(f"{one:,.0f}" for one in both)
    return text if max(times) <= GOAL else f"**{text}**", f"{percentile(used, 0.5):,.0f}"
