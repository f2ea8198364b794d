"""What ``bench registry`` fills a database with is what the portal itself could have written."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.accounts.services.people import create_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change, Counter, Refusal
from app.core.rules.access import Role
from app.core.services.changes import FieldChange, changes_of, record_change
from app.registry.models.registry import Link, Site, SiteName
from app.registry.services.registry import find_site
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from bench.pages import percentile
from bench.registry_fill import fill_audit, fill_registry, what_is_there
from tests.cast import NOON, SYSTEM, enter, writer
from tests.harness.databases import open_engine

SITES, LINKS, CHANGES = 40, 120, 1000


def test_the_portal_goes_on_with_what_was_filled(database: str, session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        for _ in range(3):
            open_ticket(session, writer(cast.operator), NewTicket(title="t"))
    known = [session.scalar(select(func.count()).select_from(row)) for row in (Site, Link, Change)]
    session.rollback()
    engine = open_engine(database)
    fill_registry(engine, SITES, LINKS)
    fill_audit(engine, CHANGES)
    filled = what_is_there(engine)
    engine.dispose()

    counts = [session.scalar(select(func.count()).select_from(row)) for row in (Site, Link, Change)]
    added = [after - before for after, before in zip(counts, known, strict=True)]  # type: ignore[operator]
    assert added == [SITES, LINKS, CHANGES]
    if session.get_bind().dialect.name == "sqlite":
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    # ids without gaps, the counter behind them, versions of each thing from its own last one
    assert session.scalar(select(func.max(Change.id))) == counts[2]
    assert session.get_one(Counter, "change").value == counts[2]
    versions = [change.version for change in changes_of(session, "ticket", 1)]
    assert versions == list(range(1, len(versions) + 1))
    # times are read back as they were meant
    newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
    assert newest.at.utcoffset() is not None
    assert newest.at > NOON
    assert session.scalar(select(func.count()).select_from(Refusal)) == CHANGES // 5
    assert session.scalar(select(func.count()).select_from(TicketLink)) == 3

    # what is asked for is there
    assert len(filled.sites) == SITES  # the first fifty
    found = find_site(session, filled.sites[0].replace("SITE-", "S"), date(2020, 1, 1))
    assert found is not None
    assert found.key == filled.sites[0]
    backups = session.scalars(select(Link).where(Link.role == "backup")).all()
    assert len(backups) == SITES // 8
    for link in backups:
        assert link.backs_up is not None
        assert (link.backs_up.end_b_id, link.backs_up.role) == (link.end_b_id, "primary")
    session.rollback()

    # and new rows come behind
    with transaction(session):
        site = Site(key="NEW", country="CH", time_zone="UTC", names=[])
        site.names.append(SiteName(system="LHCOPN", name="NEW"))
        session.add(site)
        session.flush()
        create_user(session, SYSTEM, "later", Role.READER, "a password long enough", ())
        number = record_change(
            session, SYSTEM, kind="site", thing_id=site.id, fields=[FieldChange("key", None, "NEW")]
        )
    assert number == counts[2] + 2
    assert session.scalar(select(func.count()).select_from(Ticket)) == 3


def test_percentiles() -> None:
    values = list(range(1, 101))
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([3, 1, 2], 0.95) == 3
    assert percentile([7], 0.5) == 7
