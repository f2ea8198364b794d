"""Reads the notifications of a monitoring system whose format is a mapping: which key of a JSON
object has which fact of an event.

The mapping is the file ``mapping.toml`` of a folder in ``app.events.adapters``. One body is one
message about one event. Everything that can be stored is stored, because nobody can correct what a
program sends by itself. Does not use rows or names of the registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.core.rules.errors import Invalid
from app.core.rules.file_problems import Problem
from app.core.rules.texts import storable_text
from app.events.rules.events import LIMITS, EventMessage, layer_of, read_moment
from app.events.rules.formats import MAX_OWN_NAME_LENGTH, Format, Labels, Report


@dataclass(frozen=True)
class KeyMapping:
    """The content of a ``mapping.toml``, whose comments say where the facts come from."""

    title: str
    things: str
    """As of ``Format``."""
    id: str
    """The key with the id of the event: the same when it is raised and when it is cleared, and
    another one in the next outage."""
    link: str
    site: str
    state: str
    layer: str
    start: str
    end: str
    """Keys of the other facts. If the start and the end have the same key, its value is the time
    of the notification."""
    detail: Sequence[str]
    """Keys of texts; the first one also names an event without a link and site."""
    phase: str
    """The key that says whether the event is ongoing; the next three are its values."""
    raised: Sequence[str]
    cleared: Sequence[str]
    ignored: Sequence[str]
    states: Mapping[str, str]
    """Values of ``state``, in lower case, to states. The settings of a source come first."""
    missing: Sequence[str]
    """What the system sends instead of a value that it does not have."""

    def format_of(self, name: str, example: Any) -> Format:
        """The format of this name."""
        text = {"type": ["string", "integer", "null"]}
        facts = (self.link, self.site, self.state, self.layer, self.start, self.end, *self.detail)
        phases = [*self.raised, *self.cleared, *self.ignored]
        schema = {
            "type": "object",
            "description": f"A notification of {self.title}, as the guide sets it up.",
            "properties": {
                self.id: {"type": "string", "minLength": 1},
                self.phase: {"type": "string", "enum": phases},
                **dict.fromkeys(facts, text),
            },
            "required": [self.id, self.phase],
        }
        return Format(name, self.title, self.things, schema, example, self.read)

    def read(self, content: Any, source: str, labels: Labels, now: datetime) -> Report:
        """Read a body as a message of this source. Raises ``Invalid`` on ``body``."""
        if not isinstance(content, dict) or self.phase not in content:
            raise Invalid("body", f"Not a notification of {self.title}: no {self.phase}")
        said = {key: self._text(value) for key, value in content.items()}
        phase = said[self.phase]
        if phase in self.ignored:
            return Report([])
        return Report([self._message(said, phase, source, labels, now)])

    def _message(
        self, said: Mapping[str, str], phase: str, source: str, labels: Labels, now: datetime
    ) -> EventMessage:
        problems: list[Problem] = []

        def wrong(column: str, allowed: str) -> None:
            value = storable_text(said.get(column, ""), 255)
            problems.append(Problem("the notification", column, value, allowed))

        def moment(column: str) -> datetime | None:
            try:
                return min(_moment(said.get(column, "")), now)  # for a clock that is fast
            except ValueError as error:
                wrong(column, str(error))
                return None

        is_open = phase in self.raised
        if not is_open and phase not in self.cleared:
            wrong(self.phase, f"one of {', '.join([*self.raised, *self.cleared])}")
        if not said.get(self.id):
            wrong(self.id, "the id of the event")
        has_start = is_open or (self.start != self.end and said.get(self.start))
        start = moment(self.start) if has_start else None
        end = None if is_open else moment(self.end)
        if start is not None and end is not None:
            end = max(start, end)
        detail = [said[key] for key in self.detail if said.get(key)]
        link = storable_text(said.get(self.link, ""), LIMITS["link"])
        site = storable_text(said.get(self.site, ""), LIMITS["site"])
        if not link and not site:
            own = detail[0] if detail else f"{self.title} {said.get(self.id)}"
            link = storable_text(own, MAX_OWN_NAME_LENGTH)
        return EventMessage(
            0,
            "the notification",
            source,
            storable_text(said.get(self.id, ""), LIMITS["source_id"]),
            link=link,
            site=site,
            state=self._state(said.get(self.state, ""), labels) if has_start else None,
            start=start,
            end=end,
            is_open=is_open,
            layer=layer_of(said.get(self.layer, "")),
            detail=storable_text("\n".join(detail), LIMITS["detail"]),
            problems=tuple(problems),
            retold=True,
        )

    def _state(self, value: str, labels: Labels) -> str:
        word = value.casefold()
        is_set = word in labels.words or word not in self.states
        return labels.state_of(word) if is_set else self.states[word]

    def _text(self, value: Any) -> str:
        """A text or number of the body; "" if it is missing, or a variable without a value."""
        text = str(value).strip() if isinstance(value, str | int) else ""
        is_variable = text.startswith("{") and text.endswith("}")
        return "" if is_variable or text in self.missing else text


def _moment(text: str) -> datetime:
    """Seconds since 1970, or ISO 8601 with a zone. Raises ``ValueError``."""
    if text.isascii() and text.isdigit() and len(text) <= 10:
        text = datetime.fromtimestamp(int(text), UTC).isoformat()
    return read_moment(text)
