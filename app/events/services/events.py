"""Operations on reported events: record reports, once each; correct and close them.

An event is identified by its source and the source's own id. The same message again changes
nothing, another one corrects the event, and each change is one row of the log. Callers with the
same source are serialized, so that a message that arrives twice at the same time is stored once.
Rows are written by the thousand. Does not depend on matching.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from app.core.database.bulk_rows import insert_rows
from app.core.database.expressions import texts_as_rows
from app.core.database.upsert import upsert
from app.core.rules.access import Actor, Writer, require_report
from app.core.rules.errors import TooMuch
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change, record_changes, take_number
from app.events.models.events import Event, EventSource
from app.events.rules.events import (
    MAX_AT_ONCE,
    MAX_SOURCES,
    Content,
    EventMessage,
    as_text,
    wrong_times,
)
from app.events.services.hearing import hear, heard_in_file, may_report_for
from app.events.services.names import SOME, EventNames, names_of_links, names_of_sites, some_of
from app.tickets.rules.tickets import Layer

EVENT: Final = "event"
"""The kind in the change log; the thing is the event's id."""
SOURCE: Final = "event source"
_events = cast(Table, Event.__table__)
_CONTENT: Final = (
    *("link_id", "site_id", "link_text", "site_text"),
    *("state", "start", "end", "layer", "detail"),
)
_KEY: Final = ("id", "version", "source_id", "source_key")
_COLUMNS: Final = (
    *("id", "source_id", "source_key", *_CONTENT),
    *("version", "created_at", "changed_at"),
)


class Heard(StrEnum):
    """What a report says about its sources themselves."""

    NOW = "now"
    """They are calling now."""
    THEN = "then"
    """It is a record of the past: they were alive at the newest time in it."""
    NOT = "not"
    """Nothing: it comes from a person."""


class EventResult(StrEnum):
    """The result of a message."""

    NEW = "new"
    CHANGED = "changed"
    """It closes or corrects an event."""
    SAME = "same"
    """It contains nothing new."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one message."""

    message: EventMessage
    result: EventResult
    event_id: int | None = None
    """The event; None if the message is wrong, or new and only examined."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """Names that are stored as unresolved, in words."""
    before: Content | None = None
    """The previous content, if it changes."""
    after: Content | None = None
    version: int = 0
    """The resulting version."""
    overtaken: bool = False
    """It states that an event is ongoing which has ended by now: it is late, and changes
    nothing."""

    @property
    def remarks(self) -> Sequence[str]:
        """What a person should know in addition to the result, in words."""
        if self.overtaken:
            return (
                *self.notes,
                _("reported as ongoing, but the event has ended and is not reopened"),
            )
        return self.notes


@dataclass(frozen=True)
class Reported:
    """The result of a call."""

    outcomes: Sequence[Outcome]
    counts: Mapping[EventResult, int] = field(default_factory=dict)
    unresolved: int = 0
    """How many of the events have an unknown name."""

    @property
    def sources(self) -> Sequence[str]:
        """The sources that these messages name, at most as many as allowed in one call."""
        names = {outcome.message.source for outcome in self.outcomes}
        usable = (one for one in sorted(names) if one and one.isprintable())
        return [*islice(usable, MAX_SOURCES)]

    @property
    def problems(self) -> Sequence[Problem]:
        """All errors, in the order of the messages."""
        return [problem for outcome in self.outcomes for problem in outcome.problems]


class EventsLeft(BadFile):
    """Some messages are wrong, and skipping them was not requested: nothing was written."""

    def __init__(self, reported: Reported) -> None:
        super().__init__(reported.problems)
        self.reported = reported


def examine_events(
    session: Session,
    actor: Actor,
    now: datetime,
    messages: Sequence[EventMessage],
    *,
    keep_unresolved: bool = False,
    limit: int = MAX_AT_ONCE,
) -> Reported:
    """What would happen to each message, in order; nothing is written.

    ``keep_unresolved``: unknown links and sites are stored as they were sent, otherwise they are
    errors. Raises ``Forbidden``, and ``TooMuch`` above ``limit`` messages or 50 sources.
    """
    require_report(actor)
    names = _source_names(messages, limit)
    sources = {
        row.name: row
        for row in session.scalars(select(EventSource).where(EventSource.name.in_(names)))
    }
    looking = _Looking(session, actor, now, sources, keep_unresolved)
    return _reported(looking.outcomes(messages))


def report_events(
    session: Session,
    by: Writer,
    messages: Sequence[EventMessage],
    *,
    kind: str = "api",
    heard: Heard = Heard.NOW,
    source: str = "",
    only_good: bool = False,
    keep_unresolved: bool = False,
    limit: int = MAX_AT_ONCE,
) -> Reported:
    """Store messages, all or nothing within the caller's transaction; see ``examine_events``.

    ``only_good`` skips wrong messages, which otherwise raise ``EventsLeft``. ``kind`` is how a new
    source reports: api, soap, file, hand or the name of a format. ``source`` is recorded as calling
    even if no message names it. ``EventsLeft`` rolls back the record of the call: the interface
    then calls ``hear_sources``.
    """
    require_report(by.actor)
    names = _source_names(messages, limit)
    if source:
        names = sorted({*names, source})
    sources, made = _locked_sources(session, by, names, kind)
    looking = _Looking(session, by.actor, by.now, sources, keep_unresolved)
    outcomes = looking.outcomes(messages)
    if looking.lock(outcomes):
        outcomes = looking.outcomes_again(messages)
    found = _reported(outcomes)
    if found.counts.get(EventResult.WRONG) and not only_good:
        raise EventsLeft(found)
    outcomes = _write(session, by, sources, outcomes)
    _hear(session, by, sources, messages, heard)
    for name in made:
        record_change(
            session,
            by,
            kind=SOURCE,
            thing_id=sources[name].id,
            version=1,
            fields=[FieldChange("name", None, name), FieldChange("kind", None, kind)],
        )
    return replace(found, outcomes=outcomes)


def _reported(outcomes: Sequence[Outcome]) -> Reported:
    unresolved = sum(1 for outcome in outcomes if outcome.notes)
    return Reported(outcomes, Counter(outcome.result for outcome in outcomes), unresolved)


# ---- sources ----


def _source_names(messages: Sequence[EventMessage], limit: int) -> Sequence[str]:
    """The sources of readable messages, by name."""
    if len(messages) > limit:
        raise TooMuch(
            _(
                "These are %(count)s events; one call takes at most %(limit)s. Split it",
                count=len(messages),
                limit=limit,
            )
        )
    names = sorted({message.source for message in messages if not message.problems})
    if len(names) > MAX_SOURCES:
        raise TooMuch(
            _(
                "These are %(count)s sources; one call takes at most %(max_sources)s",
                count=len(names),
                max_sources=MAX_SOURCES,
            )
        )
    return names


def _locked_sources(
    session: Session, by: Writer, names: Sequence[str], kind: str
) -> tuple[dict[str, EventSource], Sequence[str]]:
    """The sources, and which of them are new; all are locked until the transaction ends.

    In the order of their names, and before any lock of the change log, so that two callers with the
    same sources never deadlock.
    """
    found: dict[str, EventSource] = {}
    made = []
    for name in names:
        new_id = insert_missing_source(session, by, name, kind)
        found[name] = session.scalars(
            select(EventSource)
            .where(EventSource.name == name)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if new_id is not None:
            made.append(name)
    return found, made


def _hear(
    session: Session,
    by: Writer,
    sources: Mapping[str, EventSource],
    messages: Sequence[EventMessage],
    heard: Heard,
) -> None:
    """Record that the sources, which are locked, are heard."""
    if heard is Heard.NOW:
        for source in sources.values():
            if may_report_for(by.actor, source.partner_id):
                hear(session, source, by.now)
    elif heard is Heard.THEN:
        newest: dict[str, datetime] = {}
        for message in messages:
            for moment in (message.start, message.end):
                if moment is not None and message.source in sources and moment <= by.now:
                    newest[message.source] = max(moment, newest.get(message.source, moment))
        for name, moment in newest.items():
            heard_in_file(sources[name], moment)


def insert_missing_source(session: Session, by: Writer, name: str, kind: str) -> int | None:
    """Create a source unless one with this name exists; return its key if it was created. Writes no
    change."""
    if session.scalar(select(EventSource.id).where(EventSource.name == name)) is not None:
        return None
    statement = (
        upsert(EventSource)
        .values(name=name, kind=kind, partner_id=by.actor.partner_id, created_at=by.now, version=1)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(EventSource.id)
    )
    return cast("int | None", session.scalar(statement))


# ---- the result of a message ----


class _Looking:
    """Compares messages with what is known."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        now: datetime,
        sources: Mapping[str, EventSource],
        keep_unresolved: bool,
    ) -> None:
        self._session = session
        self._actor = actor
        self._now = now
        self._sources = sources
        self._keeps = keep_unresolved
        self._seen: dict[tuple[str, str], EventMessage] = {}
        """Source and id, to the first message about them."""

    def outcomes(self, messages: Sequence[EventMessage]) -> Sequence[Outcome]:
        self._names = EventNames(
            self._session,
            {message.link for message in messages if message.link},
            {message.site for message in messages if message.site},
        )
        self._known = self._events_of(messages)
        return self.outcomes_again(messages)

    def outcomes_again(self, messages: Sequence[EventMessage]) -> Sequence[Outcome]:
        """The outcomes, given what is known by now."""
        return [self._outcome(message) for message in messages]

    def lock(self, outcomes: Sequence[Outcome]) -> bool:
        """Lock the events that would change; return whether a person changed some of them
        meanwhile, for example by withdrawing one or resolving a name, so that they must be
        examined again."""
        ids = {outcome.event_id for outcome in outcomes if outcome.result is EventResult.CHANGED}
        every = sorted(number for number in ids if number is not None)
        columns = [_events.c[name] for name in (*_KEY, *_CONTENT)]
        differs = False
        for start in range(0, len(every), SOME):
            query = select(*columns).where(_events.c.id.in_(every[start : start + SOME]))
            # matching results that refer to them are being written
            locked = query.order_by(_events.c.id).with_for_update(key_share=True)
            for row in self._session.execute(locked):
                known = (row[0], row[1], Content(*row[4:]))
                differs = differs or self._known[row[2], row[3]] != known
                self._known[row[2], row[3]] = known
        return differs

    def _events_of(
        self, messages: Sequence[EventMessage]
    ) -> dict[tuple[int, str], tuple[int, int, Content]]:
        """Id, version and content of the known events, by source and its id."""
        keys: dict[int, set[str]] = {}
        for message in messages:
            source = self._sources.get(message.source)
            if source is not None:
                keys.setdefault(source.id, set()).add(message.source_id)
        columns = [_events.c[name] for name in (*_KEY, *_CONTENT)]
        return {
            (row[2], row[3]): (row[0], row[1], Content(*row[4:]))
            for source, wanted in keys.items()
            for some in some_of(wanted)
            for row in self._session.execute(
                select(*columns).where(
                    _events.c.source_id == source, _events.c.source_key.in_(texts_as_rows(some))
                )
            )
        }

    def _outcome(self, message: EventMessage) -> Outcome:
        if message.problems:
            return Outcome(message, EventResult.WRONG, problems=message.problems)
        first = self._seen.setdefault((message.source, message.source_id), message)
        is_repeat = first is not message
        if is_repeat and _said(first) != _said(message):
            allowed = _(
                "an id only once; %(where)s has different values for it",
                where=first.where,
            )
            problem = Problem(message.where, "source_id", message.source_id, allowed)
            return Outcome(message, EventResult.WRONG, problems=(problem,))
        source = self._sources.get(message.source)
        if source is not None and not may_report_for(self._actor, source.partner_id):
            allowed = _("a name that no other partner uses; this source belongs to another partner")
            problem = Problem(message.where, "source", message.source, allowed)
            return Outcome(message, EventResult.WRONG, problems=(problem,))
        known = self._known.get((source.id, message.source_id)) if source is not None else None
        result, event_id, version, old = EventResult.NEW, None, 1, None
        if known is not None:
            event_id, version, old = known
            if _is_overtaken(message, old):
                return Outcome(message, EventResult.SAME, event_id, overtaken=True)
        elif is_repeat:
            result = EventResult.SAME  # the same as an earlier new one
        after, problems, notes = self._after(message, old)
        if after is None or problems:
            return Outcome(message, EventResult.WRONG, event_id, tuple(problems))
        if old is not None:
            if after == old:
                return Outcome(message, EventResult.SAME, event_id, notes=tuple(notes))
            result, version = EventResult.CHANGED, version + 1
            if is_repeat:
                result = EventResult.SAME  # as above: the first one corrects it
        return Outcome(message, result, event_id, (), tuple(notes), old, after, version)

    def _after(
        self, message: EventMessage, old: Content | None
    ) -> tuple[Content | None, list[Problem], list[str]]:
        """The content after a message: its values, and the previous ones of the rest."""
        problems: list[Problem] = []
        notes: list[str] = []
        start = message.start
        if old is not None and (start is None or message.retold):
            start = old.start
        state = message.state or (old.state if old is not None else None)
        for column, value, allowed in (
            ("state", state, _("down, degraded or unmonitored")),
            ("start", start, _("when it started, in ISO 8601 with its zone")),
        ):
            if value is None:
                needed = _(
                    "%(allowed)s: required in the first message of an event", allowed=allowed
                )
                problems.append(Problem(message.where, column, "", needed))
        if start is None or state is None:
            return None, problems, notes
        end = _end_after(message, old)
        for column, allowed in wrong_times(start, end, self._now):
            moment = start if column == "start" else end
            problems.append(Problem(message.where, column, as_text(moment), allowed))
        link, link_text = self._meant(message, "link", old, start, problems, notes)
        site, site_text = self._meant(message, "site", old, start, problems, notes)
        if not problems and not (link or link_text or site or site_text):
            problems.append(Problem(message.where, "link", "", _("a link or a site")))
        layer = message.layer or (old.layer if old is not None else str(Layer.UNKNOWN))
        detail = message.detail
        if detail is None or (message.retold and old is not None):
            detail = old.detail if old is not None else ""
        after = Content(link, site, link_text, site_text, state, start, end, layer, detail)
        return after, problems, notes

    def _meant(
        self,
        message: EventMessage,
        kind: str,
        old: Content | None,
        start: datetime,
        problems: list[Problem],
        notes: list[str],
    ) -> tuple[int | None, str]:
        """Key of the link or site that a message means, and the text that is stored with it."""
        name = message.link if kind == "link" else message.site
        known = text = None
        if old is not None:
            known, text = (old.link, old.link_text) if kind == "link" else (old.site, old.site_text)
        if name is None or (name and name == text and known is not None):
            return known, text or ""  # not stated, or resolved since
        if not name:
            return None, ""
        find = self._names.link if kind == "link" else self._names.site
        meant = find(name, start.date())
        is_same_name = bool(name == text)
        if meant.known is not None:
            return meant.known, name if is_same_name else ""
        if self._keeps or is_same_name:
            notes.append(
                _(
                    "unknown %(kind)s %(name)s; stored as sent",
                    kind=kind,
                    name=name,
                )
            )
            return None, name
        problems.append(Problem(message.where, kind, name, meant.why))
        return None, ""


def _said(message: EventMessage) -> Sequence[object]:
    """The content of a message, wherever it is in the list."""
    times = (message.start, message.end, message.is_open)
    return (message.link, message.site, message.state, *times, message.layer, message.detail)


def _is_overtaken(message: EventMessage, old: Content) -> bool:
    """Whether a message that an event is ongoing was sent before the one that ended it.

    Messages have no time of their own, so one that reopens an event cannot be distinguished from a
    late or repeated one; a false end is corrected by the next message, a false reopening by
    nothing. A start after the end cannot have been reported before: that is a correction. Repeated
    messages have a rule of their own (``EventMessage.retold``).
    """
    if old.end is None or not message.is_open or message.reopens or message.retold:
        return False
    return message.start is None or message.start <= old.end


def _end_after(message: EventMessage, old: Content | None) -> datetime | None:
    if old is None:
        return message.end
    if message.end is not None:
        return message.end
    if message.is_open and not message.retold:
        return None
    return old.end


# ---- writing ----


def _write(
    session: Session, by: Writer, sources: Mapping[str, EventSource], outcomes: Sequence[Outcome]
) -> Sequence[Outcome]:
    """Write new and changed events, with one change of the log for each."""
    new = [place for place, outcome in enumerate(outcomes) if outcome.result is EventResult.NEW]
    changed = [outcome for outcome in outcomes if outcome.result is EventResult.CHANGED]
    if not new and not changed:
        return outcomes
    # in one order, whichever other transactions lock some of them
    changed.sort(key=lambda outcome: outcome.event_id or 0)
    contents = [
        content
        for outcome in outcomes
        if outcome.after is not None
        for content in (outcome.before, outcome.after)
        if content is not None
    ]
    words = Words.of(session, contents)
    if changed:
        session.execute(
            update(_events)
            .where(_events.c.id == bindparam("event_id"))
            .values(
                version=bindparam("new_version"),
                changed_at=bindparam("now"),
                **{name: bindparam(f"new_{name}") for name in _CONTENT},
            ),
            [
                {
                    "event_id": outcome.event_id,
                    "new_version": outcome.version,
                    "now": by.now,
                    **{f"new_{name}": value for name, value in _row(outcome).items()},
                }
                for outcome in changed
            ],
        )
    with_ids = list(outcomes)
    if new:
        first = take_number(session, EVENT, len(new)) - len(new) + 1
        for number, place in enumerate(new, first):
            with_ids[place] = replace(outcomes[place], event_id=number)
        insert_rows(
            session,
            Event,
            _COLUMNS,
            [
                (
                    outcome.event_id,
                    sources[outcome.message.source].id,
                    outcome.message.source_id,
                    *_row(outcome).values(),
                    1,
                    by.now,
                    by.now,
                )
                for outcome in (with_ids[place] for place in new)
            ],
        )
    record_changes(
        session,
        by,
        EVENT,
        [
            (outcome.event_id or 0, outcome.version, [*_logged(words, outcome)])
            for outcome in (*changed, *(with_ids[place] for place in new))
        ],
    )
    return with_ids


def _row(outcome: Outcome) -> dict[str, Any]:
    after = outcome.after
    assert after is not None
    values = (
        *(after.link, after.site, after.link_text, after.site_text),
        *(after.state, after.start, after.end, after.layer, after.detail),
    )
    return dict(zip(_CONTENT, values, strict=True))


def _logged(words: Words, outcome: Outcome) -> Iterable[FieldChange]:
    """The content of the logged change: everything for a new event, else the difference."""
    assert outcome.after is not None
    after = words.of_content(outcome.after)
    if outcome.before is None:
        yield FieldChange("source", None, outcome.message.source)
        yield FieldChange("source_id", None, outcome.message.source_id)
        for name, text in after.items():
            if text and (name, text) != ("layer", Layer.UNKNOWN):
                yield FieldChange(name, None, text)
        return
    before = words.of_content(outcome.before)
    for name, text in after.items():
        if before[name] != text:
            yield FieldChange(name, before[name] or None, text or None)


@dataclass(frozen=True)
class Words:
    """The names of links and sites, to write contents in words."""

    links: Mapping[int, str]
    sites: Mapping[int, str]

    @classmethod
    def of(cls, session: Session, contents: Collection[Content]) -> Words:
        """Those of these contents."""
        return cls(
            names_of_links(session, {item.link for item in contents if item.link is not None}),
            names_of_sites(session, {item.site for item in contents if item.site is not None}),
        )

    def of_content(self, content: Content) -> dict[str, str]:
        """The columns of an event file, without the first two."""
        return {
            "link": content.link_text if content.link is None else self.links[content.link],
            "site": content.site_text if content.site is None else self.sites[content.site],
            "state": content.state,
            "start": as_text(content.start),
            "end": as_text(content.end),
            "layer": content.layer,
            "detail": content.detail,
        }
