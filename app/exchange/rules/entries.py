"""Entries: the units that a pair exchanges."""

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
    """The first entry of a ticket: its title, description and values."""
    COMMENT = "comment"
    INTERNAL = "internal comment"
    FIELDS = "fields"
    """Values of fields, including the state, that were changed in one step."""
    ATTACHMENT = "attachment"


class EntryState(StrEnum):
    """What happened to an entry."""

    WAITING = "waiting"
    """Ours: still to be sent."""
    SENT = "sent"
    """Ours: a call carried it."""
    APPLIED = "applied"
    """Theirs: stored here."""
    RECORDED = "recorded"
    """Theirs: sent by the partner, and not allowed here."""
    ASKED = "asked"
    """Both sides changed a field, and a person has to choose."""
    SKIPPED = "skipped"
    """Skipped by a person, or because the partner has no field for it, it is no longer our value,
    or a person decides about it; ``reason`` says which."""
    GAVE_WAY = "gave way"
    """Ours: its values were replaced by the partner's before any call carried them."""


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
"""Exchanged fields, as far as the kind of partner knows them."""
PLACES: Final = ("links", "sites")
"""Our location fields; they are only sent, never received."""


@dataclass(frozen=True)
class Outgoing:
    """An entry of ours as it is sent. ``values`` in our words, as in the change log; ``text`` with
    the line that names its author."""

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
    """What, where and when, as in ``text``: preserved if the text is cut."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """The partner's own fields, in its words, for a new ticket."""


def digest_of_entry(kind: str, text: str, values: Mapping[str, Any] | None = None) -> str:
    """The digest of an entry in its chain: of its kind, its normalized text and its values, so that
    both sides have the same digest even if white space changed on the way."""
    content = [kind, normalised(text), sorted((values or {}).items())]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def parts_of(
    fields: Mapping[str, str | None],
    *,
    is_new: bool,
    internal: bool,
    solution_as_text: bool = False,
    moves: str = "",
    said: Collection[str] = (),
) -> Sequence[tuple[EntryKind, Mapping[str, str]]]:
    """The entries of one change of a ticket, in sending order: its fields by name with their new
    values. ``internal``: internal comments are sent, too. ``solution_as_text``: the other side
    has no field for it, so it is sent as a text, before the state that it explains. ``moves``:
    the text about changed facts, which is sent, too; ``said`` are the names of these facts."""
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
