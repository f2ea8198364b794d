"""Events, evidence and decisions in; detected events with their tickets out.

The result does not depend on the order of the rows, or on how they are split by thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.matching.figures.detecting import coalesce, judge
from app.matching.figures.documenting import changes_at, decide, in_force, pairs_of, summary


@dataclass(frozen=True)
class Matched:
    """Frames as described in ``app.core.figures.frames``."""

    detected: pd.DataFrame
    members: pd.DataFrame
    pairs: pd.DataFrame


def match_events(
    events: pd.DataFrame,
    things: pd.DataFrame,
    evidence: pd.DataFrame,
    decisions: pd.DataFrame,
    rules: pd.DataFrame,
    now: int,
    most: int,
) -> Matched:
    """Match all events of these things as of ``now``.

    Every thing of an event is in ``things``; ``rules`` has at least one, ordered by ``valid_from``.
    Of each kind at most ``most`` tickets per event are stored (``app.matching.figures.keeping``).
    """
    detected, members = coalesce(events, rules)
    detected = judge(detected, things, rules, now)
    held = in_force(members, decisions)
    pairs = decide(pairs_of(detected, evidence, rules, now, held, most), held)
    documented, maintenance, how = summary(detected, pairs)
    changes = np.minimum(detected["changes_at"], changes_at(detected, evidence, rules, now))
    detected = detected.assign(
        documented=documented, maintenance=maintenance, how=how, changes_at=changes
    )
    return Matched(detected, members, pairs)
