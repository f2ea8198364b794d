"""The worker's planning of webhook messages."""

from __future__ import annotations

from app.core.database.transactions import begin_read, transaction
from app.jobs.rules.followers import WEBHOOKS
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows
from app.webhooks.services.planning import draft_messages, put_messages


@follows(WEBHOOKS)
def plan_messages(context: Context) -> bool:
    """Plan the messages of the next changes; returns whether there were any."""
    with context.reading() as session:
        begin_read(session)
        plan = draft_messages(session, context.now())
        session.rollback()
        if plan is None:
            return False
        with transaction(session):
            put_messages(session, plan, context.now())
    return True
