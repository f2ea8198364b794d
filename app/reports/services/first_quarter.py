"""Since when reports are required: a quarter that is fixed at the first start.

The migration that made the fact fixed it: in a new database as the quarter that ran then, in one of
before as the quarter of its first report, else the running one too. The setting REPORTS_FROM sets
another at the start of the portal (decisions, section 10).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from app.core.models.changes import PortalFact
from app.core.rules.quarters import Quarter

FACT: Final = "reports_from"
"""The row of ``portal_facts`` that holds the quarter."""
FIRST_QUARTER: Final = Quarter(2009, 1)
"""The first one of the LHCOPN's operation with rules and tickets; before it only reports that were
written all the same are looked for."""


def reports_from(session: Session) -> Quarter:
    """The first quarter for which reports are required: nothing before it is missing or late."""
    fact = session.get(PortalFact, FACT)
    return first_quarter_of(None if fact is None else fact.value)


def first_quarter_of(fact: str | None) -> Quarter:
    """The quarter that the row holds; None = there is no such row."""
    return FIRST_QUARTER if fact is None else Quarter.parse(fact)


def ask_reports_from(session: Session, quarter: Quarter) -> None:
    """Fix another one, in the caller's transaction."""
    session.merge(PortalFact(name=FACT, value=str(quarter)))
