"""What documents an event is what overlaps it up to now: when time alone changes it is stored, and
what this may alter is computed again

Revision: 0059, after: 0058

An event that is over, longer than the tolerance ago, keeps its results: no ticket that has not
begun met it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision: str | None = "0058"
branch_labels = None
depends_on = None

_FARTHEST = timedelta(days=1)
"""By more than that no time zone is off."""
_time = sa.DateTime(timezone=True)
_events = sa.table(
    "detected_events",
    sa.column("link_id", sa.Integer()),
    sa.column("site_id", sa.Integer()),
    sa.column("end", _time),
)
_rules = sa.table("matching_rules", sa.column("tolerance_seconds", sa.Integer()))
_stale = sa.table(
    "stale_matchings",
    *(sa.column("kind", sa.String()), sa.column("thing_id", sa.Integer())),
    sa.column("mark", sa.BigInteger()),
)
_NO_OVERLAP = """
    UPDATE event_tickets SET why = replace(why, 'overlap 0 s', 'they meet at one moment')
    WHERE how IN ('link', 'site') AND why LIKE '%overlap 0 s%'
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute("ALTER TABLE detected_events RENAME COLUMN counts_at TO changes_at")
    op.execute(_NO_OVERLAP)
    _mark()


def downgrade() -> None:
    """Bring the tables back to the revision before, which matches by its own rule again."""
    op.execute("ALTER TABLE detected_events RENAME COLUMN changes_at TO counts_at")
    _mark()


def _mark() -> None:
    """Let the links and sites be computed again whose events time alone may change."""
    rows = op.get_bind()
    tolerance = rows.scalar(sa.select(sa.func.max(_rules.c.tolerance_seconds))) or 0
    over = datetime.now(UTC) - max(timedelta(seconds=tolerance), _FARTHEST)
    changing = sa.or_(_events.c.end.is_(None), _events.c.end >= over)
    found = rows.execute(sa.select(_events.c.link_id, _events.c.site_id).where(changing).distinct())
    wanted = {("site", site) if link is None else ("link", link) for link, site in found}
    marked = {
        (kind, key) for kind, key in rows.execute(sa.select(_stale.c.kind, _stale.c.thing_id))
    }
    new = sorted(wanted - marked)
    if new:
        op.bulk_insert(_stale, [{"kind": kind, "thing_id": key, "mark": 0} for kind, key in new])
