"""The words of tickets follow the names of their sites and links, as a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.jobs.tasks.context import Context
from app.registry.services.name_changes import let_words_follow
from app.tickets.services.search.names import follow_names_of


def follow_names(context: Context, arguments: Mapping[str, Any]) -> None:
    """Write the words of the tickets of a site or link whose names changed."""
    kind, record_id = arguments["kind"], arguments["id"]
    after: int | None = 0
    while after is not None:
        with context.transaction() as session:
            if context.is_ending():
                let_words_follow(session, kind, record_id)
                return
            after = follow_names_of(session, kind, record_id, after)
