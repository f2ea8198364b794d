"""What the form of a new ticket proposes; the person's choice wins."""

from __future__ import annotations

from dataclasses import dataclass

from app.tickets.rules.tickets import Impact, Priority


@dataclass(frozen=True)
class ProposedUrgency:
    """Impact and priority, and why in words."""

    impact: Impact
    priority: Priority
    why: str
