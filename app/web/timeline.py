"""A ticket's story, read from the change log: who, when, through which door, what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.access import Actor, may_read_internal
from app.domain.acknowledgements import ACKNOWLEDGEMENT
from app.domain.attachments import id_in_label
from app.domain.relations import RELATION_FIELDS
from app.domain.ticket_content import LABELS
from app.models import Change
from app.services.attachments import ATTACHMENT
from app.services.timeline import CONTACT_FIELDS

_OPERATORS_ONLY = (CONTACT_FIELDS - {"carbon_copy"}) | {"internal_comment", "to_check"}
"""The carbon copy of a ticket is a fact on its page: who may write there sets it."""
_DOORS = {
    "portal": "in the portal",
    "soap": "over SOAP",
    "native": "over SOAP, service LHCOPN",
    "api": "over the API",
    "command": "by command",
    "system": "by the portal itself",
}
_COMMENTS = ("public_comment", "internal_comment")


@dataclass(frozen=True)
class FieldLine:
    """One field that changed; None = not set."""

    label: str
    old: str | None
    new: str | None
    names_ticket: bool
    """Whether the values are numbers of tickets."""


@dataclass(frozen=True)
class Entry:
    """One change as the timeline shows it. ``version`` is its anchor."""

    version: int
    at: datetime
    author: str
    account: str
    door: str
    what: str
    icon: str
    comment: str
    internal_comment: str
    changes: Sequence[FieldLine]
    attachment: str
    """The id and name of the file that was attached or removed, or ""."""
    fresh: bool

    @property
    def attachment_key(self) -> str:
        """The public id of that file."""
        return id_in_label(self.attachment)

    @property
    def internal(self) -> bool:
        """Whether only operators and admins see its text."""
        return bool(self.internal_comment) and not self.comment


def entries_of(changes: Iterable[Change], actor: Actor, *, fresh: int = 0) -> list[Entry]:
    """The entries that this person may see, oldest first; ``fresh`` is the version just written."""
    sees_internal = may_read_internal(actor)
    entries = []
    for change in changes:
        fields = [
            item for item in change.fields if sees_internal or item.field not in _OPERATORS_ONLY
        ]
        if fields or change.version == 1:
            entries.append(_entry(change, fields, fresh=change.version == fresh))
    return entries


def _entry(change: Change, fields: Sequence[object], *, fresh: bool) -> Entry:
    found = {item.field: item for item in change.fields if item in fields}
    comment = found["public_comment"].new or "" if "public_comment" in found else ""
    internal = found["internal_comment"].new or "" if "internal_comment" in found else ""
    first = change.version == 1
    lines = [
        FieldLine(LABELS.get(name, name), item.old, item.new, name in RELATION_FIELDS)
        for name, item in found.items()
        if name not in (*_COMMENTS, ATTACHMENT) and not first
    ]
    state, file = found.get("state"), found.get(ATTACHMENT)
    if first:
        what, icon = "opened the ticket", "plus"
    elif state is not None and state.new:
        what, icon = f"moved it to {state.new}", state.new.replace(" ", "-")
        lines = [line for line in lines if line.label != LABELS["state"]]
    elif comment:
        what, icon = "commented", "comment"
    elif internal:
        what, icon = "wrote an internal note", "lock"
    elif ACKNOWLEDGEMENT in found:
        what, icon = "answered to the change", "ok"
    elif RELATION_FIELDS & set(found):
        what, icon = "changed related tickets", "portal"
    elif file is not None:
        what, icon = "attached" if file.new else "removed", "file"
    else:
        what, icon = "changed", "pencil"
    return Entry(
        version=change.version,
        at=change.at,
        author=change.author,
        account=change.actor_account,
        door=_DOORS.get(change.door, change.door),
        what=what,
        icon=icon,
        comment=comment,
        internal_comment=internal,
        changes=lines,
        attachment=(file.new or file.old or "") if file is not None else "",
        fresh=fresh,
    )
