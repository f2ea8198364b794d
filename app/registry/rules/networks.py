"""The networks whose links and tickets are stored."""

from __future__ import annotations

from enum import StrEnum


class Network(StrEnum):
    """The two networks whose tickets are stored here."""

    LHCOPN = "LHCOPN"
    LHCONE = "LHCONE"
