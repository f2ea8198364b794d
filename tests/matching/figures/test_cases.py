"""Every case of ``cases/`` is entered through the services, on both databases, and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.quarters import Quarter
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.matching.models.matching import DetectedEvent, EventTicket
from app.matching.services.by_hand import link_by_hand, unlink_by_hand
from app.matching.services.recompute import bring_up_to_date
from app.matching.services.tables import matching_table
from app.registry.models.registry import Link, Site, SiteName
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.relations import relate_tickets

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
NOW = "2013-06-01 12:00"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def portal(now: datetime) -> Writer:
    return Writer(actor=SYSTEM, door=Door.COMMAND, now=now)


class World:
    """A case as it stands in the database."""

    def __init__(self, session: Session, case: Mapping[str, Any]) -> None:
        self.session, self.case = session, case
        self.now = at(case.get("now", NOW))
        self.events: dict[str, int] = {}
        self.tickets: dict[str, int] = {}
        with transaction(session):
            self._registry()
        self._report()
        for told in case.get("tickets", ()):
            self._open(told)
        for told in case.get("tickets", ()):
            if master := told.get("duplicate_of"):
                with transaction(session):
                    relate_tickets(
                        session,
                        portal(self.now),
                        self.tickets[told["id"]],
                        RelationRole.DUPLICATE_OF,
                        self.tickets[master],
                    )
        for told in case.get("hand", ()):
            verb = link_by_hand if told["say"] == "link" else unlink_by_hand
            with transaction(session):
                by = portal(at(told.get("at", NOW)))
                numbers = (self.events[told["event"]], self.tickets[told["ticket"]])
                verb(session, by, *numbers, "because")
        for told in case.get("afterwards", ()):
            with transaction(session):
                fields = {name: value for name, value in told.items() if name != "ticket"}
                change_ticket(session, portal(self.now), self.tickets[told["ticket"]], fields)
        with transaction(session):
            assert bring_up_to_date(session, self.now).is_fresh

    def _registry(self) -> None:
        sites = {"T0": {"tier": 0}, **self.case["sites"]}
        rows = {
            key: Site(
                key=key,
                country="CH",
                time_zone=told.get("zone", "Europe/Zurich"),
                tier=told.get("tier", 1),
                tier_since=day(told.get("since", "2009-02-01")),
                tier_until=day(told.get("until")),
                names=[SiteName(system="LHCOPN", name=key)],
            )
            for key, told in sites.items()
        }
        self.session.add_all(rows.values())
        for name, told in self.case["links"].items():
            self.session.add(
                Link(
                    name=name,
                    network=told.get("network", "LHCOPN"),
                    end_a=rows[told["ends"][0]],
                    end_b=rows[told["ends"][1]],
                    valid_from=day(told.get("from")),
                    valid_until=day(told.get("until")),
                )
            )

    def _report(self) -> None:
        messages = [
            EventMessage(
                place,
                f"event {place}",
                told.get("source", "test"),
                told["id"],
                link=told.get("link", ""),
                site=told.get("site", ""),
                state=told.get("state", "down"),
                start=at(told["start"]),
                end=None if told["end"] is None else at(told["end"]),
                is_open=told["end"] is None,
            )
            for place, told in enumerate(self.case["events"])
        ]
        # in the other order than they happened
        messages.reverse()
        with transaction(self.session):
            found = report_events(self.session, portal(self.now), messages, keep_unresolved=True)
        assert not found.problems
        for outcome in found.outcomes:
            assert outcome.event_id is not None
            self.events[outcome.message.source_id] = outcome.event_id

    def _open(self, told: Mapping[str, Any]) -> None:
        fields: dict[str, Any] = {"title": told["id"]}
        for name, value in told.items():
            if name.endswith(("_start", "_end")):
                fields[name] = at(value)
            elif name in ("links", "sites"):
                fields[name] = tuple(value)
            elif name in ("category", "network"):
                fields[name] = value
        created = at(told.get("created", NOW))
        with transaction(self.session):
            number = open_ticket(self.session, portal(created), NewTicket(**fields)).number
        self.tickets[told["id"]] = number
        for step in told.get("then", ()):
            change = {name: value for name, value in step.items() if name != "at"}
            with transaction(self.session):
                change_ticket(self.session, portal(at(step["at"])), number, change)

    def found(self) -> dict[str, dict[str, Any]]:
        """The detected events by their first raw one, as a case tells them."""
        names = {number: name for name, number in self.events.items()}
        tickets = {number: name for name, number in self.tickets.items()}
        found: dict[str, dict[str, Any]] = {}
        for row in self.session.scalars(select(DetectedEvent)):
            found[names[row.id]] = {
                "minutes": row.seconds // 60,
                "beginnings": row.beginnings,
                "state": row.state,
                "quarter": row.quarter,
                "open": row.is_open,
                "counted": row.is_counted,
                "documented": row.is_documented,
                "maintenance": row.is_maintenance,
                "how": row.how,
                "tickets": {},
            }
        for pair in self.session.scalars(select(EventTicket)):
            mark = "*" if pair.documents else ""
            found[names[pair.detected_id]]["tickets"][tickets[pair.ticket_number]] = pair.why + mark
        return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(session: Session, path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    world = World(session, case)
    expected = case["expect"]
    found = world.found()
    assert found.keys() == expected["events"].keys()
    for name, said in expected["events"].items():
        assert {key: found[name][key] for key in said} == said, name
    for text, rows in expected.get("table", {}).items():
        quarter = Quarter.parse(text)
        table = matching_table(session, [quarter], "LHCOPN", world.now + timedelta(days=1))
        cells = {row.site: row.cells[0] for row in table.rows} | {"TOTAL": table.totals[0]}
        told = {
            name: None if (cell := cells[name]) is None else [cell.detected, cell.documented]
            for name in rows
        }
        assert told == rows, text
