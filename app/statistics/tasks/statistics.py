"""What figures are made from, kept in step with the change log (listeners)."""

from __future__ import annotations

from typing import Any

from app.core.database.transactions import begin_read, transaction
from app.jobs.tasks.context import Context
from app.statistics.services.blocks import FactKind, draft_blocks, drop_other_layouts, keep_blocks
from app.statistics.services.events import EVENT_FACTS
from app.statistics.services.tickets import TICKET_FACTS


def keep_facts(context: Context) -> None:
    """Keep the facts of all that changed; at first of all that there is, block by block."""
    _keep(context, TICKET_FACTS)
    _keep(context, EVENT_FACTS)


def _keep(context: Context, kind: FactKind[Any]) -> None:
    begun = False
    with context.reading() as session:
        while not context.is_ending():
            begin_read(session)
            draft = draft_blocks(session, kind)
            session.rollback()
            if draft is None:
                return
            with transaction(session):
                if draft.holds is not None and not begun:
                    begun = True
                    drop_other_layouts(session, kind)
                keep_blocks(session, kind, draft, context.now())
