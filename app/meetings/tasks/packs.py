"""Makes meeting packs: counts the content of the slides, draws them, keeps the files.

A worker that is killed in the middle leaves a pack that the next one makes from its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.core.database.transactions import begin_snapshot
from app.core.models.changes import PortalFact
from app.core.rules.documents.slides import SLIDE_WORDS, Deck, Slide
from app.jobs.rules.followers import MEETING_PACKS
from app.jobs.rules.jobs import reason_of
from app.jobs.services.queue import enqueue, is_pending
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows
from app.matching.services.stale_links import Freshness, freshness
from app.matching.tasks.follow import follow_matching
from app.meetings.rules.packs import PackFile
from app.meetings.services.pack_slides import range_in_words, slides_of
from app.meetings.services.packs import (
    JOB,
    Order,
    begin_pack,
    fail_if_given_up,
    keep_pack,
    key_of,
    note_progress,
    note_trouble,
    packs_to_come,
)

_MAX_WHY_LENGTH: Final = 200
"""Characters of an error's own text; all of it is in the log and under Background work."""
_STEPS: Final = 3
"""Beside one for each chosen slide: what changed is recomputed, and two files are drawn."""


class _Gone(Exception):
    """The pack was deleted while it was made."""


class _Ending(Exception):
    """The worker is to end."""


def make_pack(context: Context, arguments: Mapping[str, Any]) -> None:
    """Make one pack, if it is still wanted."""
    pack_id: int = arguments["id"]
    try:
        with context.transaction() as session:
            order = begin_pack(session, pack_id, _STEPS)
        if order is not None:
            _make(context, pack_id, order)
    except _Gone:
        return
    except _Ending:
        with context.transaction() as session:
            enqueue(session, JOB, arguments, key=key_of(pack_id))
    except Exception as error:
        with context.transaction() as session:
            note_trouble(session, pack_id, _why(error))
        raise


@follows(MEETING_PACKS)
def fail_given_up_packs(context: Context) -> None:
    """Packs whose job was given up have failed: their pages say so, and stop polling.

    A job is given up after its last try, or when the last of its workers was killed in the middle:
    then nobody else can report it.
    """
    with context.reading() as session:
        to_come = packs_to_come(session)
    for pack_id in to_come:
        with context.reading() as session:
            has_job = is_pending(session, JOB, key_of(pack_id))
        if not has_job:
            with context.transaction() as session:
                fail_if_given_up(session, context.writer(), pack_id)


def _why(error: Exception) -> str:
    """For the chair, who knows the portal but not how it is made."""
    if isinstance(error, SQLAlchemyError):
        what = "the database could not be read or written"
    elif isinstance(error, MemoryError):
        what = "out of memory; try fewer quarters or slides"
    elif isinstance(error, OSError):
        what = "a file or connection was refused"
    else:
        what = "internal error; ask the portal's administrator"
    inner = error.orig if isinstance(error, DBAPIError) else None
    said = reason_of(error if inner is None else inner)  # without the statement
    return f"{what} ({said[:_MAX_WHY_LENGTH]})"


def _make(context: Context, pack_id: int, order: Order) -> None:
    # not with the server's start: they take a second to load, and few processes draw
    from app.core.documents.deck_pptx import deck_as_pptx
    from app.core.documents.layout import placed
    from app.meetings.documents.deck_pdf import deck_as_pdf

    progress = _Progress(context, pack_id)
    progress.next("Recalculating")
    follow_matching(context)
    now, base = context.now(), context.settings.public_url.rstrip("/")
    due_days = context.settings.report_due_days
    slides: list[Slide] = []
    with context.reading() as session:
        begin_snapshot(session)  # all slides show one state, but counts of tickets may be newer
        state = freshness(session)
        is_sample = session.get(PortalFact, "demo") is not None
        for kind in order.kinds:
            progress.next(f"Counting: {SLIDE_WORDS[kind][0]}")
            slides += slides_of(session, kind, order.quarters, now, base, due_days)
    deck = Deck(
        order.title,
        range_in_words(order.quarters),
        _facts(order, state, now, base, is_sample=is_sample),
        [replace(one, is_sample=is_sample) for one in slides],
    )
    progress.next("Creating the PPTX")
    pptx = deck_as_pptx(deck, now)
    progress.next("Creating the PDF")
    pdf = deck_as_pdf(deck, now)
    with context.transaction() as session:
        keep_pack(
            session,
            context.writer(),
            pack_id,
            {PackFile.PPTX: pptx, PackFile.PDF: pdf},
            pages=1 + len(placed(slides)),
            computed_at=state.computed_at,
        )


class _Progress:
    """Keeps the step that runs, and ends the work where it is no longer wanted."""

    def __init__(self, context: Context, pack_id: int) -> None:
        self._context, self._pack_id, self._done = context, pack_id, -1

    def next(self, doing: str) -> None:
        """The next step begins."""
        if self._context.is_ending():
            raise _Ending
        self._done += 1
        with self._context.transaction() as session:
            is_there = note_progress(session, self._pack_id, self._done, doing)
        if not is_there:
            raise _Gone


def _facts(
    order: Order, state: Freshness, now: datetime, base: str, *, is_sample: bool
) -> Sequence[str]:
    """What the title slide says of the figures."""
    computed = state.computed_at
    if computed is None:
        figures = "Event figures: not computed yet"
    else:
        figures = f"Figures computed {computed:%Y-%m-%d %H:%M} UTC"
        if not state.is_fresh:
            figures += "; recalculation was still running"
    facts = [figures, f"Created {now:%Y-%m-%d %H:%M} UTC for {order.author}, from {base}"]
    if is_sample:
        facts.append("Sample data: these are not the numbers of the real network.")
    return facts
