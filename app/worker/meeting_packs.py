"""Makes meeting packs: counts what stands on the slides, draws them, keeps the files.

A worker that is killed in the middle leaves a pack that the next one makes from its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.domain.jobs import reason_of
from app.domain.meeting_packs import PackFile
from app.domain.slides import SLIDE_WORDS, Deck, Slide
from app.models import PortalFact
from app.services.job_queue import enqueue
from app.services.matching import Freshness, freshness
from app.services.meeting_packs import (
    JOB,
    Order,
    begin_pack,
    keep_pack,
    note_progress,
    note_trouble,
)
from app.services.pack_slides import range_in_words, slides_of
from app.worker.context import Context
from app.worker.matching import follow_matching
from app.worker.statistics import keep_facts

_STEPS: Final = 3
"""Beside one for each chosen slide: what changed is worked in, and two files are drawn."""


class _Gone(Exception):
    """The pack was deleted while it was made."""


class _Ending(Exception):
    """The worker is to end."""


def make_pack(context: Context, arguments: Mapping[str, Any]) -> None:
    """Make one pack, if it is still wanted."""
    pack_id: int = arguments["id"]
    with context.writing() as session:
        order = begin_pack(session, pack_id, _STEPS)
    if order is None:
        return
    try:
        _make(context, pack_id, order)
    except _Gone:
        return
    except _Ending:
        with context.writing() as session:
            enqueue(session, JOB, arguments, key=f"{JOB} {pack_id}")
    except Exception as error:
        with context.writing() as session:
            note_trouble(session, pack_id, reason_of(error))
        raise


def _make(context: Context, pack_id: int, order: Order) -> None:
    # not with the server's start: they take a second to load, and few processes draw
    from app.rendering.deck_pdf import deck_as_pdf
    from app.rendering.deck_pptx import deck_as_pptx
    from app.rendering.layout import placed

    progress = _Progress(context, pack_id)
    progress.next("Working in what changed")
    keep_facts(context)
    follow_matching(context)
    now, base = context.now(), context.settings.public_url.rstrip("/")
    due_days = context.settings.report_due_days
    slides: list[Slide] = []
    with context.reading() as session:
        _see_one_moment(session)
        state = freshness(session)
        is_sample = session.get(PortalFact, "demo") is not None
        for kind in order.kinds:
            progress.next(f"Counting: {SLIDE_WORDS[kind][0]}")
            slides += slides_of(session, kind, order.quarters, now, base, due_days)
    deck = Deck(
        order.title,
        range_in_words(order.quarters),
        _facts(order, state, now, base, is_sample=is_sample),
        slides,
    )
    progress.next("Drawing the PPTX")
    pptx = deck_as_pptx(deck, now)
    progress.next("Drawing the PDF")
    pdf = deck_as_pdf(deck, now)
    with context.writing() as session:
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
        with self._context.writing() as session:
            is_there = note_progress(session, self._pack_id, self._done, doing)
        if not is_there:
            raise _Gone


def _see_one_moment(session: Session) -> None:
    """All slides show one state of the database. On SQLite every transaction does."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _facts(
    order: Order, state: Freshness, now: datetime, base: str, *, is_sample: bool
) -> Sequence[str]:
    """What the title slide says of the figures."""
    computed = state.computed_at
    if computed is None:
        figures = "Figures of events: nothing has been computed yet"
    else:
        figures = f"Figures computed {computed:%Y-%m-%d %H:%M} UTC"
        if not state.is_fresh:
            figures += "; newer changes were still being worked in"
    facts = [figures, f"Made {now:%Y-%m-%d %H:%M} UTC for {order.author}, from {base}"]
    if is_sample:
        facts.append(
            "This portal holds sample data: its numbers are not those of the real network."
        )
    return facts
