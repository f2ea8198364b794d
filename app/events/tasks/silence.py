"""Watches whether the sources of events are heard, as timed work."""

from __future__ import annotations

from app.core.rules.language import joined
from app.events.services.hearing import hear_sources, sample_sources
from app.events.services.silent_sources import has_news_of_silence, notify_of_silence
from app.jobs.tasks.context import Context


def watch_sources(context: Context) -> str:
    """Notify operators of sources that went silent or are heard again.

    For a demo's sample sources, this also calls in their place.
    """
    with context.reading() as session:
        samples = sample_sources(session)
    if samples:
        with context.transaction() as session:
            hear_sources(session, context.writer(), samples)
    with context.reading() as session:
        if not has_news_of_silence(session, context.now()):
            return "No news"
    with context.transaction() as session:
        return joined("; ", notify_of_silence(session, context.now())) or "No news"
