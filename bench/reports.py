"""The page of one site's quarterly report among many tickets and events, in words and signed.

Asked as ``bench.desk`` asks, by an operator: as a draft that is written, as it was signed beside
what is counted now, and each after one ticket changed that no worker has kept yet.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import Final

from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.database import writing
from app.demo import demo_actors
from app.domain.access import Door, Writer
from app.domain.quarters import Quarter
from app.domain.report_form import EVENT
from app.services.report_forms import content_of, form_for
from app.services.report_numbers import numbers_of
from app.services.reports import find_report, open_questions, save_fields, submit_report
from app.services.sites import site_of_key
from app.worker.context import Context
from app.worker.statistics import keep_facts
from bench import places
from bench.desk import operator_of
from bench.figures import add_events, change_one
from bench.matching import work_in
from bench.pages import percentile
from bench.places import TITLES
from bench.tables import print_table
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

GOAL: Final = 200.0
"""Milliseconds of a report's page."""
SITE: Final = "DE-KIT"
REPEATS: Final = 5


def measure(kind: str, tickets: int, events: int) -> None:
    """Print the table of one database."""
    # quarters of which the demo has no reports
    drafted, signed = (Quarter.of(datetime.now(UTC)).after(-back) for back in (20, 21))
    with places.filled(kind, tickets, f"reports{tickets}") as place:
        engine = open_engine(place.url)
        add_events(engine, events)
        context = Context(engine, test_settings(place.url))
        keep_facts(context)
        with Session(engine) as session:
            work_in(session)
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
                    keep_facts(context)
                    with Session(engine) as session:
                        work_in(session)
                rows.append((what, _cell([first]), _cell(again), _cell(pending)))
        engine.dispose()
    print_table(
        f"A report's page on {TITLES[kind]}, {tickets:,} tickets and {events:,} events, {listed} of"
        f" them without a ticket in the signed one, milliseconds (bold: over {GOAL:.0f})",
        ("page", "first", "again: p50, max", "after a change: p50, max"),
        rows,
    )


def _ask(client: FlaskClient, page: str) -> float:
    began = perf_counter()
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return (perf_counter() - began) * 1000


def _sign(engine: Engine, quarter: Quarter) -> int:
    """Write what is asked for and sign; how many events were explained."""
    now = datetime.now(UTC)
    with Session(engine) as session:
        by = Writer(demo_actors(session)["operator"], Door.PORTAL, now)
        site = site_of_key(session, SITE)
        numbers = numbers_of(session, site, quarter, now)
        form = content_of(form_for(session, quarter))
        values = {f"{EVENT}{one.id}": "It was our router." for one in numbers.undocumented}
        for one in open_questions(None, form, numbers):
            question = form.question(one.name.partition(".")[2])
            if question is not None:
                values[one.name] = question.choices[0] if question.choices else "yes"
        session.rollback()
        with writing(session):
            fields = {name: (value, 0) for name, value in values.items()}
            save_fields(session, by, site, quarter, fields)
        report = find_report(session, site.id, quarter)
        seen = 0 if report is None else report.version
        session.rollback()
        with writing(session):
            submit_report(session, by, site, quarter, numbers, seen)
        return len(numbers.undocumented)


def _cell(times: list[float]) -> str:
    text = ", ".join(f"{one:,.0f}" for one in dict.fromkeys((percentile(times, 0.5), max(times))))
    return text if max(times) <= GOAL else f"**{text}**"
