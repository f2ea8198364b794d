"""What a format is in which a monitoring system reports events to an address of its own.

The formats are files in ``app.events.adapters``. Does not use rows or names of the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.events.rules.events import EventMessage, EventState

MAX_OWN_NAME_LENGTH: Final = 100
"""Longest own name of an event: the registry can store it as another name of a link."""
USUAL_WORDS: Final[Mapping[str, str]] = {
    **{state.value: state.value for state in EventState},
    **dict.fromkeys(("critical", "major", "error", "page"), EventState.DOWN.value),
    **dict.fromkeys(("warning", "minor"), EventState.DEGRADED.value),
}
"""The meaning of usual values of the state's label; a source may have other settings. All other
values mean down."""


@dataclass(frozen=True)
class Labels:
    """Which labels of a source's alerts contain what, and the meaning of their state values."""

    link: str = "link"
    site: str = "site"
    state: str = "state"
    layer: str = "layer"
    words: Mapping[str, str] = field(default_factory=dict)
    """Values of the state's label, in lower case, to states."""

    def state_of(self, value: str) -> str:
        """The state that a value of the state's label means."""
        word = value.strip().casefold()
        return self.words.get(word) or USUAL_WORDS.get(word) or EventState.DOWN.value


@dataclass(frozen=True)
class Report:
    """The content of a body."""

    messages: Sequence[EventMessage]
    truncated: int | None = None
    """Alerts that the sender states it omitted; None = the format does not state this."""


@dataclass(frozen=True)
class Format:
    """One format; programs send it to ``/api/v1/events/NAME``, or to ``.../NAME/SOURCE``."""

    name: str
    """In lower case, at most 20 characters: part of the address, the default name of the source,
    and the stored kind of a source that first reported in this format."""
    title: str
    """The program that sends it, as people call it."""
    things: str
    """What it calls events, in the plural: ``alerts`` names the operations ``reportAlerts`` and
    ``reportAlertsOf``. No other format has it."""
    schema: Mapping[str, Any]
    """JSON schema of a body."""
    example: Any
    """A body without any event, or a small one."""
    read: Callable[[Any, str, Labels, datetime], Report]
    """Reads the JSON of a body, as messages of this source, at this time (UTC). Raises ``Invalid``
    on ``body`` if it is not this format, and ``TooMuch`` if there are more than ``MAX_AT_ONCE``
    messages."""
