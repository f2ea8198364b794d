"""The facts of a ticket that decide who is notified, whether it exists or is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class AffectedSite:
    """A site of the registry that a ticket affects."""

    id: int
    key: str
    name: str
    """As the ticket names it."""


@dataclass(frozen=True)
class Concern:
    """The sites and people that a ticket concerns; sites that the registry does not know are left
    out."""

    number: int
    """0 = it does not exist yet."""
    opener: int | None
    """The person who created it."""
    submitter_mail: str
    carbon_copy: str
    responsible: tuple[int, str] | None
    """Key in the database and name of the site."""
    affected: Sequence[AffectedSite]
