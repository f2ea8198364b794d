"""Plainer words in the rules and the report form that the portal ships

Only texts that are still exactly the shipped ones are changed. The report form stays as it is once
a report was signed with it: a signed report shows the words that its site signed.

Revision: 0068, after: 0067
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision: str | None = "0067"
branch_labels = None
depends_on = None

_TEXTS: Final = (
    (
        "duty_rules",
        "about",
        "The rule of the operational model: a ticket for what lasts long, and for what comes and"
        " goes.",
        "The rule of the operational model: a ticket for long events and for flapping links.",
    ),
    (
        "duty_rules",
        "about",
        "The proposal of the deck “LHCOPN GGUS ticket system” (2013): a ticket for a loss of"
        " service while the detectors run, and for whatever happens to a backup.",
        "The proposal of the slides “LHCOPN GGUS ticket system” (2013): a ticket for any loss of"
        " service while the detectors run, and for any event on a backup link.",
    ),
    (
        "duty_rules",
        "source",
        "In force with the ticket system, as this product decided",
        "Portal default from 2009-02-01, the start of the ticket system",
    ),
    ("duty_rule_versions", "note", "As the portal ships it", "Portal default"),
    (
        "duty_rule_versions",
        "note",
        "As the portal ships it: a proposal",
        "Portal default (proposal)",
    ),
    (
        "duty_forces",
        "reason",
        "The ticket system began on 2009-02-01",
        "The ticket system started on 2009-02-01",
    ),
    (
        "matching_rules",
        "note",
        "60 minutes are the slides' own; gap and tolerance are assumptions",
        "60 minutes: from the 2013 slides. Gap and tolerance: assumed.",
    ),
)
_FORM_TEXTS: Final = (
    (
        '"What was moved, what was seen; or why there was no test."',
        '"Traffic moved and results, or the reason why no test was done."',
    ),
    ('"group": "In words"', '"group": "Issues and plans"'),
)


def _write(*, back: bool) -> None:
    connection = op.get_bind()
    for table, column, old, new in _TEXTS:
        before, after = (new, old) if back else (old, new)
        rows = sa.table(table, sa.column(column))
        where = rows.c[column] == before
        connection.execute(rows.update().where(where).values({column: after}))
    forms = sa.table("report_forms", sa.column("number"), sa.column("content"))
    signed = sa.table("report_versions", sa.column("form_number"))
    is_signed = sa.exists().where(signed.c.form_number == 1)
    for old, new in _FORM_TEXTS:
        before, after = (new, old) if back else (old, new)
        connection.execute(
            forms.update()
            .where(forms.c.number == 1, ~is_signed)
            .values(content=sa.func.replace(forms.c.content, before, after))
        )


def upgrade() -> None:
    """Bring the tables to this revision."""
    _write(back=False)


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    _write(back=True)
