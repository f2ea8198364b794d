"""One fault: clients write before, while and after it; then all is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from bench.faults.checker import Checked, check
from bench.faults.clients import Clients
from bench.faults.health import SILENT, Health, Said
from bench.faults.site import Site
from bench.undone import undone

BEFORE: Final = 40
"""Calls that are acknowledged before the fault, and as many after it."""
AGAIN_WITHIN: Final = 120.0
"""Seconds in which every node must be ready and every client served after the fault has ended."""
UNSAID: Final = 15.0
"""Seconds for which clients may be refused by everybody while every node says that it is ready: it
tries to write every 5 s, and is asked four times a second."""


@dataclass
class Trial:
    """What a fault is done to, and what was seen. Times are monotonic seconds."""

    site: Site
    clients: Clients
    health: Health
    began: float = 0.0
    ended: float = 0.0
    again: float = 0.0
    """When all was well again."""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def need(self, *, holds: bool, what: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(what)


@dataclass(frozen=True)
class Outcome:
    """A row of the page."""

    name: str
    trial: Trial
    checked: Checked
    left: Sequence[str]

    @property
    def wrong(self) -> Sequence[str]:
        """All that does not hold, in words."""
        checked = self.checked
        return [
            *self.trial.wrong,
            *(f"refused: {text}" for text in self.trial.clients.refused),
            *(f"lost: {text}" for text in checked.lost),
            *(f"doubled: {text}" for text in checked.doubled),
            *(f"repeated: {text}" for text in checked.otherwise),
            *(f"not done: {text}" for text in self.left),
        ]

    @property
    def longest(self) -> float:
        """Seconds between two acknowledged calls, at most, from the fault on."""
        times = sorted(one.at for one in self.trial.clients.acknowledged)
        late = [at for at in times if at >= self.trial.began]
        return max(
            (after - before for before, after in zip([self.trial.began, *late], late)),  # noqa: B905
            default=0.0,
        )

    @property
    def reasons(self) -> Sequence[Said]:
        """What nodes said from the fault on until all was well again."""
        return self.trial.health.reasons(self.trial.began, self.trial.again)


def tried(
    name: str,
    site: Site,
    token: str,
    fault: Callable[[Trial], None],
    *,
    modifications: bool = True,
) -> Outcome:
    """Do the fault while clients write, wait until all is well, and check every acknowledged call.

    ``modifications``: see ``checker.check``.
    """
    trial = Trial(site, Clients(site.proxy, token, f"{name}:"), Health(site.webs))
    with _watched(trial):
        trial.need(holds=trial.health.wait_ready(180), what="not ready before the fault")
        trial.clients.start()
        served = trial.clients.wait_for(BEFORE, 120)
        trial.need(holds=served, what="clients were not served before the fault")
        trial.began = monotonic()
        fault(trial)
        trial.ended = monotonic()
        served = trial.clients.wait_for(BEFORE, AGAIN_WITHIN)
        trial.need(holds=served, what=f"clients were not served {AGAIN_WITHIN:.0f} s later")
        ready = trial.health.wait_ready(AGAIN_WITHIN)
        trial.need(holds=ready, what=f"not every node was ready {AGAIN_WITHIN:.0f} s later")
        trial.again = monotonic()
        answered = trial.clients.stop(AGAIN_WITHIN)
        trial.need(holds=answered, what="a call was never answered")
        left = undone(site.url, AGAIN_WITHIN)
        checked = check(trial.clients, site.url, modifications=modifications)
    found = Outcome(name, trial, checked, left)
    if found.longest > UNSAID and not any(one.what for one in found.reasons):
        trial.wrong.append(f"no node said why nobody was served for {found.longest:.0f} s")
    return found


@contextmanager
def _watched(trial: Trial) -> Iterator[None]:
    trial.health.start()
    try:
        yield
    finally:
        trial.clients.stop(0)
        trial.health.stop()


def in_words(outcome: Outcome) -> str:
    """What nodes said, each reason once, with the seconds after the fault began."""
    first: dict[str, float] = {}
    for one in outcome.reasons:
        first.setdefault(one.what, one.at - outcome.trial.began)
    texts = [f"{what} ({seconds:.1f} s)" for what, seconds in first.items() if what != SILENT]
    if SILENT in first:
        texts.append(f"{SILENT} ({first[SILENT]:.1f} s)")
    return "; ".join(texts) or "ready all the time"
