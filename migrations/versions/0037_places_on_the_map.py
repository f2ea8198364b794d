"""Each site has a place of its own on the map

Revision: 0037, after: 0036
"""

from __future__ import annotations

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision: str | None = "0036"
branch_labels = None
depends_on = None

_AS_DRAWN = (
    *("CA-TRIUMF", "CN-IHEP", "ES-PIC", "IT-INFN-CNAF", "FR-CCIN2P3", "DE-KIT"),
    *("KR-KISTI-GSDC", "NDGF", "NL-T1", "TW-ASGC", "NRC-KI-T1", "PL-T1-NCBJ"),
    *("RU-JINR-T1", "UK-T1-RAL", "US-FNAL-CMS", "US-T1-BNL"),
)
"""The reference's sites in the order in which the map showed them."""
_sites = sa.table(
    "sites",
    sa.column("id", sa.Integer),
    sa.column("key", sa.String),
    sa.column("tier", sa.Integer),
    sa.column("map_place", sa.Float),
)


def upgrade() -> None:
    """Bring the tables to this revision; others come into the widest gaps, the oldest first."""
    op.add_column("sites", sa.Column("map_place", sa.Float(), nullable=True))
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(_sites.c.id, _sites.c.key, _sites.c.tier).order_by(_sites.c.id)
    ).all()
    known = {key: place * 360 / len(_AS_DRAWN) for place, key in enumerate(_AS_DRAWN)}
    places = {row.id: known[row.key] for row in rows if row.key in known}
    for row in rows:
        if row.id not in places and row.tier != 0:
            places[row.id] = _widest_gap(list(places.values()))
    for key, place in places.items():
        connection.execute(sa.update(_sites).where(_sites.c.id == key).values(map_place=place))


def _widest_gap(taken: list[float]) -> float:
    if not taken:
        return 0.0
    places = sorted(taken)
    gaps = [after - before for before, after in pairwise([*places, places[0] + 360])]
    return (places[gaps.index(max(gaps))] + max(gaps) / 2) % 360


def downgrade() -> None:
    """Take it back."""
    op.drop_column("sites", "map_place")
