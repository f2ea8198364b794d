"""What crosses a pair, one thing at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.tickets.rules.fields import ENTRIES
from app.tickets.rules.marks import normalised


class EntryKind(StrEnum):
    """Kinds of entries."""

    TICKET = "ticket"
    """The beginning of a ticket: its title, description and values."""
    COMMENT = "comment"
    INTERNAL = "internal comment"
    FIELDS = "fields"
    """Values of fields, the state among them, that were changed in one step."""
    ATTACHMENT = "attachment"


class EntryState(StrEnum):
    """What happened to an entry."""

    WAITING = "waiting"
    """Ours: still to be sent."""
    SENT = "sent"
    """Ours: a call carried it."""
    APPLIED = "applied"
    """Theirs: is here."""
    RECORDED = "recorded"
    """Theirs: told by the partner, and not allowed here."""
    ASKED = "asked"
    """Both sides changed a field, and a person has to choose."""
    SKIPPED = "skipped"
    """Left out by a person, or because the partner has no place for it, or it is not our value any
    more, or a person decides about it; ``reason`` says which."""
    GAVE_WAY = "gave way"
    """Ours: its values were given up for the partner's, and no call carried them."""


EXCHANGED: Final = (
    "title",
    "description",
    "solution",
    "state",
    "priority",
    "category",
    "layer",
    "impact",
    "event_start",
    "event_detected",
    "event_end",
    "window_start",
    "window_end",
    "estimated_end",
)
"""Fields that cross, as far as the kind of partner knows them."""
PLACES: Final = ("links", "sites")
"""Fields of ours that say where; they cross from here alone."""


@dataclass(frozen=True)
class Outgoing:
    """An entry of ours as a partner is given it. ``values`` in our words, as the log writes them;
    ``text`` with the line that says whose it is."""

    number: int
    sequence: int
    kind: EntryKind
    text: str = ""
    author: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    """Name of the attachment."""
    content: bytes = b""
    facts: str = ""
    """What, where and when, as ``text`` says it: it is kept where a text is cut."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """Fields of the partner's own, in their words, for a ticket that is created."""


def digest_of_entry(kind: str, text: str, values: Mapping[str, Any] | None = None) -> str:
    """The digest of an entry in its chain: of its kind, its normalised text and its values, so
    that both sides have the same whatever happened to white space on the way."""
    told = [kind, normalised(text), sorted((values or {}).items())]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def parts_of(
    fields: Mapping[str, str | None],
    *,
    is_new: bool,
    internal: bool,
    solution_as_text: bool = False,
    moves: str = "",
    said: Collection[str] = (),
) -> Sequence[tuple[EntryKind, Mapping[str, str]]]:
    """The entries of one change of a ticket, in the order in which they are sent: its fields by
    name with their new values. ``internal``: internal comments go out, too. ``solution_as_text``:
    the other side has no field for it, so that it is said, before the state that it explains.
    ``moves``: what happened to facts, which is said, too; ``said`` are their names."""
    names = [name for name in (*EXCHANGED, *PLACES) if name in fields and name not in said]
    values = {name: fields[name] or "" for name in names}
    parts: list[tuple[EntryKind, Mapping[str, str]]] = []
    if is_new:
        parts.append((EntryKind.TICKET, values))
    public, hidden = ENTRIES
    if fields.get(public):
        parts.append((EntryKind.COMMENT, {"text": fields[public] or ""}))
    if internal and fields.get(hidden):
        parts.append((EntryKind.INTERNAL, {"text": fields[hidden] or ""}))
    if fields.get("attachment"):
        parts.append((EntryKind.ATTACHMENT, {"file": fields["attachment"] or ""}))
    if solution_as_text and (solution := fields.get("solution")):
        parts.append((EntryKind.COMMENT, {"text": f"Solution: {solution}"}))
    if moves:
        parts.append((EntryKind.COMMENT, {"text": moves}))
    if values and not is_new:
        parts.append((EntryKind.FIELDS, values))
    return parts
