"""How often a worker looks, and how long it is believed to live after it was seen last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Pace:
    """All in seconds. Tests of killed workers take shorter leases."""

    look: float = 0.5
    """Between two looks at the change log, at timed work and at the queue."""
    beat: float = 10.0
    """Between two signs of life."""
    lease: float = 60.0
    """How long what a worker holds stays its own after its last sign of life."""
    grace: float = 8.0
    """How long a worker that is to end waits for what it is in the middle of."""

    @property
    def lease_time(self) -> timedelta:
        """The lease as a time."""
        return timedelta(seconds=self.lease)


PACE = Pace()
