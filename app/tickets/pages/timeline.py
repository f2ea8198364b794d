"""A ticket's story as its page shows it: who, when, through which door, what.

``services.timeline`` alone decides what may be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.rules.access import ActorKind, Door, door_words
from app.core.rules.language import _, said_word
from app.core.rules.texts import read_time
from app.core.services.changes import FieldChange
from app.tickets.pages.words import moved_words, undone_words
from app.tickets.rules.acknowledgements import ACKNOWLEDGEMENT
from app.tickets.rules.attachments import id_in_label
from app.tickets.rules.content import LABELS, TIMES
from app.tickets.rules.merging import MERGED_COMMENT
from app.tickets.rules.relations import RELATION_FIELDS, RelationRole
from app.tickets.rules.reminders import REMINDER
from app.tickets.rules.undo import is_undo
from app.tickets.services.attachments import ATTACHMENT
from app.tickets.services.merging import MergedStory
from app.tickets.services.timeline import TimelineStep


@dataclass(frozen=True)
class FieldLine:
    """One field that changed; None = not set, times are UTC."""

    label: str
    old: str | datetime | None
    new: str | datetime | None
    names_ticket: bool
    """Whether the values are numbers of tickets."""


@dataclass(frozen=True)
class TimelineEntry:
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
    rich: bool
    """Written in the portal: its texts may hold Markdown."""
    duplicate: int = 0
    """The duplicate in which it was written; 0 = in the ticket itself."""

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"d{self.duplicate}-{self.version}" if self.duplicate else f"c{self.version}"

    @property
    def attachment_key(self) -> str:
        """The public id of that file."""
        return id_in_label(self.attachment)

    @property
    def internal(self) -> bool:
        """Whether only operators and admins see its text."""
        return bool(self.internal_comment) and not self.comment


def rich_fields(steps: Iterable[TimelineStep]) -> frozenset[str]:
    """The fields whose present value was written in the portal; undoing only puts one back."""
    doors: dict[tuple[str, str | None], str] = {}
    present: dict[str, str | None] = {}
    for step in steps:
        for item in step.fields:
            doors.setdefault((item.field, item.new), step.door)
            present[item.field] = item.new
    return frozenset(field for field, text in present.items() if doors[field, text] == Door.PORTAL)


def _answered(logged: str | None) -> str:
    """An answer to a change in words: ``accepted the change for CH-CERN``."""
    site, _blank, rest = (logged or "").partition(" ")
    answer = rest.partition(":")[0]
    return (
        _("%(answer)s the change for %(site)s", answer=said_word(answer), site=site)
        if answer
        else _("withdrew a response")
    )


def entries_of(steps: Iterable[TimelineStep], *, fresh: int = 0) -> list[TimelineEntry]:
    """The entries of these steps; ``fresh`` is the version just written."""
    found = list(steps)
    return [
        _entry(step, fresh=step.version == fresh, undoes=_undoes(before, step))
        for before, step in zip([None, *found], found, strict=False)
    ]


def _undoes(before: TimelineStep | None, step: TimelineStep) -> bool:
    """Whether a step took back the move of the step before it."""
    if (
        before is None
        or step.actor_kind != ActorKind.PERSON
        or (step.public_comment or step.internal_comment)
    ):
        return False
    if (before.version + 1, before.actor_kind, before.account) != (
        step.version,
        step.actor_kind,
        step.account,
    ):
        return False
    old, new = ({item.field: (item.old, item.new) for item in one.fields} for one in (before, step))
    return is_undo(old, new, step.at - before.at)


def with_stories(
    entries: Sequence[TimelineEntry], stories: Iterable[MergedStory]
) -> list[TimelineEntry]:
    """The entries of a ticket with those of its duplicates between them, by their time.

    Of a duplicate all that somebody wrote: description, comments, solution, files. How its fields
    went is on its own page.
    """
    from_stories = [one for story in stories for one in _entries_of(story)]
    return (
        sorted([*entries, *from_stories], key=lambda entry: entry.at)
        if from_stories
        else [*entries]
    )


_WRITTEN = (LABELS["title"], LABELS["description"], LABELS["solution"])


def _entries_of(story: MergedStory) -> Iterator[TimelineEntry]:
    for entry in entries_of(story.steps):
        if entry.comment == MERGED_COMMENT:
            continue
        comment, rich = entry.comment, entry.rich
        if entry.version == 1:
            comment = "\n\n".join(text for text in (story.description, comment) if text)
            rich = "description" in rich_fields(story.steps)
        lines = [line for line in entry.changes if line.label in _WRITTEN]
        if entry.version == 1 or comment or entry.internal_comment or entry.attachment or lines:
            yield replace(entry, duplicate=story.number, comment=comment, rich=rich, changes=lines)


def _line(name: str, item: FieldChange) -> FieldLine:
    old, new = (
        read_time(name, text) if text and name in TIMES else text for text in (item.old, item.new)
    )
    return FieldLine(LABELS.get(name, name), old, new, name in RELATION_FIELDS)


def _entry(step: TimelineStep, *, fresh: bool, undoes: bool) -> TimelineEntry:
    found = {item.field: item for item in step.fields}
    comment, internal = step.public_comment, step.internal_comment
    first = step.version == 1
    lines = [_line(name, item) for name, item in found.items() if name != ATTACHMENT and not first]
    state, file = found.get("state"), found.get(ATTACHMENT)
    if first:
        what, icon = _("opened the ticket"), "plus"
    elif undoes and state is not None and state.old:
        what, icon = undone_words(state.old), "reopened"
    elif state is not None and state.new:
        what, icon = moved_words(state.new), state.new.replace(" ", "-")
        lines = [line for line in lines if line.label != LABELS["state"] and line.old != line.new]
        if RelationRole.DUPLICATE_OF in found:
            merged = found[RelationRole.DUPLICATE_OF].new is not None
            what = "merged this ticket into another" if merged else "unmerged it from its original"
    elif comment:
        what, icon = _("commented"), "comment"
    elif internal:
        what, icon = _("wrote an internal note"), "lock"
    elif ACKNOWLEDGEMENT in found:
        what, icon = _answered(found[ACKNOWLEDGEMENT].new), "ok"
    elif REMINDER in found:
        what, icon = _("sent a reminder: waiting for a reply"), "waiting-for-reply"
    elif RELATION_FIELDS & set(found):
        what, icon = _("changed linked tickets"), "portal"
    elif file is not None:
        what, icon = _("attached") if file.new else _("removed"), "file"
    else:
        what, icon = _("edited"), "pencil"
    return TimelineEntry(
        version=step.version,
        at=step.at,
        author=step.author,
        account=step.account,
        door=door_words(step.door),
        what=what,
        icon=icon,
        comment=comment,
        internal_comment=internal,
        changes=lines,
        attachment=(file.new or file.old or "") if file is not None else "",
        fresh=fresh,
        rich=step.door == Door.PORTAL,
    )
