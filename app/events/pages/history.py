"""The history on an event's page: reported, closed, corrected, matched, withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core.models.changes import Change
from app.core.rules.access import door_words
from app.core.rules.language import _

LABELS: Final = {
    "link": _("Link"),
    "site": _("Site"),
    "state": _("State"),
    "start": _("Start"),
    "end": _("End"),
    "layer": _("Layer"),
    "detail": _("Notes"),
    "source": _("Source"),
    "source_id": _("Source id"),
}


@dataclass(frozen=True)
class Line:
    """A changed field; None = not set."""

    label: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class HistoryEntry:
    """A change. ``version`` is its anchor."""

    version: int
    at: datetime
    author: str
    door: str
    what: str
    icon: str
    reason: str
    lines: Sequence[Line]


def history_entries(changes: Iterable[Change]) -> Sequence[HistoryEntry]:
    """The entries of these changes, in order."""
    return [_entry(change) for change in changes]


def _shown(field: str, text: str | None) -> str | None:
    """A logged value as pages show it: times in UTC, with seconds because sources correct them."""
    if text is None or field not in ("start", "end"):
        return text
    return text.replace("T", " ").replace("Z", " UTC")


def _entry(change: Change) -> HistoryEntry:
    found = {item.field: item for item in change.fields}
    lines = [
        Line(LABELS[item.field], _shown(item.field, item.old), _shown(item.field, item.new))
        for item in change.fields
        if item.field in LABELS
    ]
    match, withdrawn, end = found.get("match"), found.get("withdrawn"), found.get("end")
    if change.version == 1:
        what, icon, lines = _("reported it"), "plus", []
    elif withdrawn is not None:
        what, icon = (
            (_("withdrew it"), "cross") if withdrawn.new else (_("restored it"), "reopened")
        )
    elif match is not None and match.new:
        what, icon = match.new, "comment"
    elif match is not None:
        what, icon = _("undid: %(old)s", old=match.old), "comment"
    elif end is not None and end.old is None and len(lines) == 1:
        what, icon = _("closed it"), "closed"
    else:
        what, icon = _("corrected it"), "pencil"
    reason = found["reason"].new or "" if "reason" in found else ""
    return HistoryEntry(
        change.version,
        change.at,
        change.author,
        door_words(change.door),
        what,
        icon,
        reason,
        lines,
    )
