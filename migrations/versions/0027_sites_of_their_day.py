"""Figures follow three rules: names of sites mean who bore them on the day, T0 and T1 begin on a
day, and by site only an incident or a maintenance of the link's network documents

Revision: 0027, after: 0026
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision: str | None = "0026"
branch_labels = None
depends_on = None

_FIRST_DAY = date(2009, 2, 1)
"""The operational model's first day (domain, 1.1): the T0 and the eleven T1s of 2013 (domain, 2.2)
are such from then at the latest (decisions, section 8)."""
_OF_THE_FIRST_DAY = {
    *("CH-CERN", "CA-TRIUMF", "DE-KIT", "ES-PIC", "FR-CCIN2P3", "IT-INFN-CNAF", "NDGF", "NL-T1"),
    *("TW-ASGC", "UK-T1-RAL", "US-FNAL-CMS", "US-T1-BNL"),
}
_STALE = """
    INSERT INTO stale_matchings (kind, thing_id)
    SELECT '{kind}', id FROM {table}
    WHERE id IN (SELECT {column} FROM detected_events WHERE {column} IS NOT NULL)
      AND id NOT IN (SELECT thing_id FROM stale_matchings WHERE kind = '{kind}')
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    tables = sa.MetaData()
    tables.reflect(
        op.get_bind(),
        only=(
            *("sites", "site_names", "tickets", "ticket_sites", "ticket_links", "changes"),
            *("imported_tickets", "fact_blocks", "portal_facts"),
        ),
    )
    _give_days(tables.tables)
    _resolve_imported(tables.tables)
    _compute_again()


def downgrade() -> None:
    """Take it back: what the older rules say is computed by them."""
    _compute_again()


def _give_days(tables: dict[str, sa.Table]) -> None:
    """Each T0 and T1 without a first day gets one: who is no old one that of its creation here."""
    connection, sites, changes = op.get_bind(), tables["sites"], tables["changes"]
    created = sa.and_(
        changes.c.kind == "site", changes.c.thing_id == sites.c.id, changes.c.version == 1
    )
    rows = connection.execute(
        sa.select(sites, changes.c.at)
        .outerjoin(changes, created)
        .where(sites.c.tier.is_not(None), sites.c.tier_since.is_(None))
    ).all()
    for row in rows:
        day = _FIRST_DAY
        if row.key not in _OF_THE_FIRST_DAY:
            day = _day(row.at) if row.at is not None else datetime.now(UTC).date()
        if row.tier_until is not None and day >= row.tier_until:
            day = min(_FIRST_DAY, row.tier_until)  # it was one before it was entered here
        if row.valid_from is not None:
            day = max(day, row.valid_from)
        connection.execute(sa.update(sites).where(sites.c.id == row.id).values(tier_since=day))


def _resolve_imported(tables: dict[str, sa.Table]) -> None:
    """Imported tickets were given the site that bears a name today: they get that of their day."""
    connection = op.get_bind()
    sites, names = tables["sites"], tables["site_names"]
    tickets, affected = tables["tickets"], tables["ticket_sites"]
    imported, links = tables["imported_tickets"], tables["ticket_links"]
    bearers: dict[str, list[tuple[date, date, int]]] = defaultdict(list)
    moved = sa.select(names.c.name).group_by(names.c.name)
    moved = moved.having(sa.func.count(names.c.site_id.distinct()) > 1)
    for row in connection.execute(
        sa.select(names, sites.c.valid_until.label("ended"))
        .join(sites, sites.c.id == names.c.site_id)
        .where(names.c.name.in_(moved))
    ):
        ends = min(row.valid_until or date.max, row.ended or date.max)
        bearers[row.name].append((row.valid_from or date.min, ends, row.site_id))
    changed = False
    rows = connection.execute(
        sa.select(affected, tickets.c.event_start, tickets.c.window_start, tickets.c.created_at)
        .join(tickets, tickets.c.number == affected.c.ticket_number)
        .join(imported, imported.c.ticket_number == tickets.c.number)
        .where(affected.c.name.in_(list(bearers)), affected.c.site_id.is_not(None))
    ).all()
    for row in rows:
        day = _day(row.event_start or row.window_start or row.created_at)
        site = _bearer(bearers[row.name], day)
        same = (affected.c.ticket_number == row.ticket_number) & (affected.c.site_id == site)
        if site == row.site_id or connection.execute(sa.select(affected.c.id).where(same)).first():
            continue
        changed = True
        connection.execute(sa.update(affected).where(affected.c.id == row.id).values(site_id=site))
        only = sa.select(sa.func.count()).where(affected.c.ticket_number == tickets.c.number)
        connection.execute(
            sa.update(tickets)
            .where(
                tickets.c.number == row.ticket_number,
                ~tickets.c.responsible_set_by_hand,
                tickets.c.number.not_in(sa.select(links.c.ticket_number)),
                only.scalar_subquery() == 1,
            )
            .values(responsible_site_id=site)
        )
    if changed:  # what is kept of tickets for the figures is made again
        for table, column, prefix in (
            ("fact_blocks", "kind", "ticket."),
            ("portal_facts", "name", "facts_kept:ticket."),
        ):
            kept = tables[table]
            connection.execute(sa.delete(kept).where(kept.c[column].startswith(prefix)))


def _bearer(periods: list[tuple[date, date, int]], day: date) -> int:
    """The site that bore the name then, else that bears it next, else that bore it last."""
    left = sorted(one for one in periods if one[1] > day)
    if not left:
        return max(periods, key=lambda one: one[1])[2]
    return next((one for one in left if one[0] <= day), left[0])[2]


def _day(moment: datetime) -> date:
    """Its day, UTC; SQLite's times bear no zone and are UTC."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _compute_again() -> None:
    for kind, table, column in (
        ("link", "links", "link_id"),
        ("site", "sites", "site_id"),
        ("duty", "links", "link_id"),
    ):
        op.execute(_STALE.format(kind=kind, table=table, column=column))
