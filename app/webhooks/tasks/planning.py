"""The worker's planning of webhook messages."""

from __future__ import annotations

from app.core.database.transactions import begin_read, transaction
from app.jobs.tasks.context import Context
from app.webhooks.services.planning import draft_messages, put_messages


def plan_messages(context: Context) -> None:
    """Plan the messages of all new changes (a listener)."""
    with context.reading() as session:
        while not context.is_ending():
            begin_read(session)
            plan = draft_messages(session, context.now())
            session.rollback()
            if plan is None:
                return
            with transaction(session):
                put_messages(session, plan, context.now())
