"""Matching: events with tickets, arrays in and pairs out, beside the plain search that it stands
on; the database's part; and bringing in many events.

The floor is a sort and a search (numpy's ``searchsorted``) for each of the two ends. It finds how
many tickets of its link meet each event, and not which.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.figures.frames import BY_LINK, DOWN, NOBODY, made
from app.core.folders import PROJECT
from app.core.rules.access import Door, Writer
from app.core.rules.file_problems import MAX_LINES
from app.core.settings import process_environment
from app.demo import demo_actors
from app.matching.figures.matching import Matched, match_events
from app.matching.models.matching import EventTicket
from app.matching.rules.matching import MAX_KEPT
from app.matching.services.recompute import bring_up_to_date
from app.registry.models.registry import Link
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from bench import places
from bench.places import TITLES
from bench.tables import print_table
from tests.harness import run
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

SIZES: Final = (10_000, 100_000, 1_000_000)
ON_ONE_LINK: Final = 10_000
"""As many events and as many tickets as one link has at most (decisions, section 12)."""
LINKS: Final = 100
REPEATS: Final = 3
GOALS: Final[Mapping[int, float]] = {10_000: 1.0, 100_000: 10.0}
"""Seconds of one link, and of all of them (decisions, section 12)."""
IMPORT_GOAL: Final = 20.0
"""Seconds of bringing in 100,000 events."""
_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
_YEARS: Final = 3650 * _DAY
_BEGIN: Final = 1_325_376_000_000_000
"""2012-01-01, in microseconds since 1970."""
KINDS: Final[Mapping[str, tuple[float, int, int]]] = {
    "": (0, 0, SIZES[-1]),
    ", 1 % open 60 days": (0.01, 60 * _DAY, SIZES[-1]),
    ", a fifth open for ever": (0.2, 2 * _YEARS, SIZES[1]),
}
"""Which part of the tickets is open for how long, and the largest size of which it is measured."""
_SEED: Final = 2013
_MEASURED: Final = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "flask", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A process between: a child's memory begins with what its parent had, and this one has little."""
Numbers = npt.NDArray[np.int64]
Lot = tuple[Numbers, Numbers, Numbers]
"""Link, start and end of each interval."""


def intervals(count: int, kind: str) -> tuple[Lot, Lot]:
    """As many events as tickets, over ten years on one link or all; of the tickets none, 1 % or a
    fifth are open for long."""
    rng = np.random.default_rng(_SEED)
    links = 1 if count <= ON_ONE_LINK else LINKS

    def lot(longest: int) -> Lot:
        start = _BEGIN + rng.integers(0, _YEARS, count)
        return rng.integers(0, links, count), start, start + rng.integers(_MINUTE, longest, count)

    events, tickets = lot(12 * 60 * _MINUTE), lot(2 * _DAY)
    share, length, _ = KINDS[kind]
    if share:
        at = rng.choice(count, int(count * share), replace=False)
        tickets[2][at] = tickets[1][at] + length
    return events, tickets


def measure_arrays(sizes: Sequence[int]) -> None:
    """Print the matching of several sizes, with the floor beside it."""
    rows = []
    for kind, (_, _, largest) in KINDS.items():
        for size in (one for one in sizes if one <= largest):
            events, tickets = intervals(size, kind)
            floor = _best(lambda e=events, t=tickets: _floor(e, t))  # type: ignore[misc]
            frames = _frames(events, tickets)
            matched = _match(frames)
            whole = _best(lambda f=frames: _match(f))  # type: ignore[misc]
            shown = f"{whole * 1000:,.0f}"
            rows.append(
                (
                    f"{size:,} on {'one link' if size <= ON_ONE_LINK else f'{LINKS} links'}{kind}",
                    f"{floor * 1000:,.0f}",
                    shown if whole <= GOALS.get(size, whole) else f"**{shown}**",
                    f"{_floor(events, tickets):,}",
                    f"{len(matched.pairs):,}",
                )
            )
    print_table(
        f"Matching, milliseconds, best of {REPEATS} (bold: over the goal)",
        ("events and tickets", "floor", "matching", "meet", "kept"),
        rows,
    )


def _match(frames: tuple[pd.DataFrame, ...]) -> Matched:
    return match_events(*frames, now=_BEGIN + _YEARS, most=MAX_KEPT)  # type: ignore[misc,arg-type]


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return min(times)


def _floor(events: Lot, tickets: Lot) -> int:
    """How many tickets meet the events: those that began before each ends, less those that ended
    before it began."""
    room = _YEARS + 400 * _DAY
    low = [group * room + start - _BEGIN for group, start, _ in (events, tickets)]
    high = [group * room + end - _BEGIN for group, _, end in (events, tickets)]
    begun = np.searchsorted(np.sort(low[1]), high[0], "right")
    ended = np.searchsorted(np.sort(high[1]), low[0], "left")
    return int((begun - ended).sum())


def _frames(events: Lot, tickets: Lot) -> tuple[pd.DataFrame, ...]:
    """The same as what the whole matching takes, with one rule and no decisions by hand."""
    count, zeros = len(events[0]), np.zeros(LINKS, np.int64)
    things = made(
        {
            "thing": np.arange(LINKS),
            "is_link": np.ones(LINKS, np.bool_),
            "valid_from": zeros,
            "valid_until": zeros + 2**62,
            **{name: zeros + at for at, name in enumerate(("a", "b"))},
            **dict.fromkeys(("a_from", "b_from"), zeros),
            **dict.fromkeys(("a_until", "b_until"), zeros + 2**62),
        }
    )
    reported = made(
        {
            "id": np.arange(count),
            "thing": events[0],
            "start": events[1],
            "end": events[2],
            "state": np.full(count, DOWN),
        }
    )
    own = np.zeros(count, np.int64)
    evidence = made(
        {
            "ticket": np.arange(count),
            "thing": tickets[0],
            "start": tickets[1],
            "end": tickets[2],
            "how": own + BY_LINK,
            "site": own + NOBODY,
            "from": own,
            "until": own + 2**62,
            "offset": own,
            "maintenance": np.zeros(count, np.bool_),
            "created": tickets[1],
        }
    )
    rules = made(
        {
            "version": np.array([1]),
            "valid_from": np.array([0]),
            "gap": np.array([10 * _MINUTE]),
            "minimal": np.array([60 * _MINUTE]),
            "tolerance": np.array([60 * _MINUTE]),
        }
    )
    nothing = np.zeros(0, np.int64)
    decisions = made(
        {
            "event": nothing,
            "ticket": nothing,
            "linked": np.zeros(0, np.bool_),
            "order": nothing,
            "maintenance": np.zeros(0, np.bool_),
        }
    )
    return reported, things, evidence, decisions, rules


def measure_database(kind: str, tickets: int, events: int) -> None:
    """Print how long a file of events takes to come in, and its matching with what is there."""
    rows = []
    with places.filled(kind, tickets, f"matching{tickets}") as place:
        engine = open_engine(place.url)
        with Session(engine) as session:
            always = select(Link.name).where(Link.valid_from.is_(None), Link.valid_until.is_(None))
            links = list(session.scalars(always.order_by(Link.name)))
            session.rollback()
        took, memory = import_events(place.url, events, links)
        shown = f"{took:.1f} s" if took <= IMPORT_GOAL * events / 100_000 else f"**{took:.1f} s**"
        rows.append((f"import of {events:,} events by the command", shown))
        rows.append(("most memory of the command", f"{memory:,.0f} MiB"))
        with Session(engine) as session:
            rows.append(("matching of all of them", f"{recompute_all(session):.1f} s"))
            own = getrusage(RUSAGE_SELF).ru_maxrss / 1024
            rows.append(("most memory of this process until then", f"{own:,.0f} MiB"))
            kept = session.scalar(select(func.count()).select_from(EventTicket)) or 0
            session.rollback()
            rows.append(("tickets kept beside events", f"{kept:,}"))
            by = Writer(demo_actors(session)["operator"], Door.PORTAL, datetime.now(UTC))
            session.rollback()
            with transaction(session):
                open_ticket(session, by, NewTicket(title="Measured", links=(links[0],)))
            rows.append(("after one new ticket", f"{recompute_all(session) * 1000:,.0f} ms"))
        engine.dispose()
    print_table(
        f"{TITLES[kind]}, {tickets:,} tickets, {len(links)} links (bold: over the goal)",
        ("what", "time"),
        rows,
    )


def import_events(url: str, count: int, links: Sequence[str]) -> tuple[float, float]:
    """Bring events in by the command, in files of as many lines as one takes; in how many seconds,
    and the most memory of a command in MiB."""
    file, took, memory = run.folder() / "events.csv", 0.0, 0.0
    for first in range(0, count, MAX_LINES):
        write_events(file, range(first, min(count, first + MAX_LINES)), links, datetime.now(UTC))
        began = perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, "events", "import", str(file)],
            cwd=PROJECT,
            env={**os.environ, **process_environment(test_settings(url))},
            capture_output=True,
            check=True,
        )
        took += perf_counter() - began
        memory = max(memory, int(done.stdout.split()[-1]) / 1024)
    file.unlink()
    return took, memory


def write_events(file: Path, ids: range, links: Sequence[str], now: datetime) -> None:
    """A CSV of events over the last ten years, one for each id."""
    rng, count = np.random.default_rng((_SEED, ids.start)), len(ids)
    starts = rng.integers(2 * 1440, 3650 * 1440, count)
    lengths = np.minimum(rng.exponential(90, count).astype(np.int64) + 1, 1440)
    which = rng.integers(0, len(links), count)
    with file.open("w", encoding="utf-8") as out:
        out.write("source,source_id,link,state,start,end\n")
        for at, number in enumerate(ids):
            start = now - timedelta(minutes=int(starts[at]))
            end = start + timedelta(minutes=int(lengths[at]))
            out.write(
                f"bench,{number},{links[which[at]]},down,{start:%Y-%m-%dT%H:%M:%SZ},"
                f"{end:%Y-%m-%dT%H:%M:%SZ}\n"
            )


def recompute_all(session: Session) -> float:
    """Seconds until nothing is stale."""
    began = perf_counter()
    while True:
        with transaction(session):
            left = bring_up_to_date(session, datetime.now(UTC))
        if not left.stale and not left.pending:
            return perf_counter() - began
