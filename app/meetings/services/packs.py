"""Verbs of meeting packs: order one, make it step by step or again, fetch its files, delete it.

The worker makes them (``app.meetings.tasks.packs``); the content of the slides is counted by
``app.meetings.services.pack_slides``. A pack whose making was broken off is created again from its
beginning. One whose job was given up has failed, and waits for the chair's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.documents.slides import SlideKind
from app.core.rules.errors import Forbidden, Invalid, InvalidMany, MoveNotAllowed, NotFound
from app.core.rules.quarters import Quarter, period_range
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.jobs.services.queue import enqueue, forget_failed, is_pending
from app.meetings.models.packs import MeetingPack, MeetingPackFile
from app.meetings.rules.packs import (
    MAX_TITLE_LENGTH,
    MAX_WAITING,
    PACK,
    TO_COME,
    PackFile,
    PackState,
    checked_range,
    checked_slides,
    require_chair,
    slides_as_text,
    slides_from_text,
    trouble_in_words,
)

JOB: Final = "meeting_pack"
SHOWN: Final = 50
"""Packs of one page of the list."""


def order_pack(
    session: Session, by: Writer, *, title: str, first: str, last: str, slides: Sequence[str]
) -> MeetingPack:
    """Leave a pack to the worker. Raises ``Forbidden``, and ``InvalidMany`` by field."""
    require_chair(by.actor, "create meeting packs")
    problems: dict[str, str] = {}
    title = title.strip()
    quarters: Sequence[Quarter] = ()
    kinds: Sequence[SlideKind] = ()
    try:
        checked_text("title", title, MAX_TITLE_LENGTH, label="Title")
        if not title:
            raise Invalid("title", "Title is required")
    except Invalid as error:
        problems[error.field] = error.message
    try:
        quarters = checked_range(first, last)
        if quarters[-1].is_future(by.now):
            raise Invalid("last", f"{quarters[-1]} has not started")
    except Invalid as error:
        problems[error.field] = error.message
    try:
        kinds = checked_slides(slides)
    except Invalid as error:
        problems[error.field] = error.message
    if problems:
        raise InvalidMany(problems)
    _require_room(session)
    pack = MeetingPack(
        title=title,
        first_quarter=str(quarters[0]),
        last_quarter=str(quarters[-1]),
        slides=slides_as_text(kinds),
        state=PackState.WAITING,
        user_id=by.actor.account_id,
        author=by.shown_author,
        created_at=by.now,
    )
    session.add(pack)
    session.flush()
    fields = [FieldChange(name, None, value) for name, value in _facts(pack).items()]
    record_change(session, by, kind=PACK, thing_id=pack.id, fields=fields)
    enqueue(session, JOB, {"id": pack.id}, key=key_of(pack.id))
    return pack


def key_of(pack_id: int) -> str:
    """The key of a pack's jobs: it is never made twice at the same time."""
    return f"{JOB} {pack_id}"


def _require_room(session: Session) -> None:
    waiting = select(func.count()).where(MeetingPack.state.in_(TO_COME))
    if (session.scalar(waiting) or 0) >= MAX_WAITING:
        raise Invalid("title", f"{MAX_WAITING} packs are already waiting; delete one, or wait")


def make_again(session: Session, by: Writer, pack_id: int) -> MeetingPack:
    """Leave a pack that failed to the worker once more, with all its tries.

    Raises ``Forbidden``, ``NotFound``, ``MoveNotAllowed`` where it did not fail, and ``Invalid``
    where too many wait.
    """
    require_chair(by.actor, "retry meeting packs")
    pack = _locked(session, pack_id)
    if pack is None:
        raise NotFound
    if pack.state != PackState.FAILED:
        raise MoveNotAllowed(f"Pack {pack_id} is {pack.state}; only a failed pack can be retried")
    _require_room(session)
    record_change(
        session,
        by,
        kind=PACK,
        thing_id=pack.id,
        fields=[FieldChange("state", pack.state, PackState.WAITING)],
    )
    pack.state, pack.done, pack.whole = PackState.WAITING, 0, 0
    pack.doing = pack.trouble = ""
    forget_failed(session, JOB, key_of(pack_id))
    enqueue(session, JOB, {"id": pack_id}, key=key_of(pack_id))
    session.flush()
    return pack


def _facts(pack: MeetingPack) -> Mapping[str, str]:
    return {
        "title": pack.title,
        "first_quarter": pack.first_quarter,
        "last_quarter": pack.last_quarter,
        "slides": pack.slides,
    }


def delete_pack(session: Session, by: Writer, pack_id: int) -> str:
    """Delete a pack and its files, made or not; its title. Raises ``Forbidden``, ``NotFound``."""
    require_chair(by.actor, "delete meeting packs")
    pack = _locked(session, pack_id)
    if pack is None:
        raise NotFound
    title, fields = pack.title, [FieldChange(name, old, None) for name, old in _facts(pack).items()]
    record_change(session, by, kind=PACK, thing_id=pack.id, fields=fields)
    session.execute(delete(MeetingPackFile).where(MeetingPackFile.pack_id == pack_id))
    session.delete(pack)
    forget_failed(session, JOB, key_of(pack_id))
    session.flush()
    return title


# ---- looking ----


@dataclass(frozen=True)
class ShownPack:
    """A pack with the sizes of its files, in bytes."""

    pack: MeetingPack
    sizes: Mapping[str, int]

    @property
    def is_made(self) -> bool:
        """Whether it can be fetched."""
        return self.pack.state == PackState.MADE

    @property
    def is_to_come(self) -> bool:
        """Whether a worker makes it, or will."""
        return self.pack.state in TO_COME

    @property
    def has_failed(self) -> bool:
        """Whether it was given up."""
        return self.pack.state == PackState.FAILED

    @property
    def kinds(self) -> Sequence[SlideKind]:
        """Its slides, in their order."""
        return slides_from_text(self.pack.slides)


def newest_packs(session: Session, actor: Actor, before: int | None = None) -> Sequence[ShownPack]:
    """Up to ``SHOWN`` packs, the newest first; ``before`` = those made before this one."""
    _require_reader(actor)
    query = select(MeetingPack).order_by(MeetingPack.id.desc()).limit(SHOWN)
    if before is not None:
        query = query.where(MeetingPack.id < before)
    packs = session.scalars(query).all()
    sizes = _sizes(session, [pack.id for pack in packs])
    return [ShownPack(pack, sizes.get(pack.id, {})) for pack in packs]


def find_pack(session: Session, actor: Actor, pack_id: int) -> ShownPack:
    """One pack; ``NotFound`` for none."""
    _require_reader(actor)
    pack = session.get(MeetingPack, pack_id)
    if pack is None:
        raise NotFound
    return ShownPack(pack, _sizes(session, [pack_id]).get(pack_id, {}))


def content_of(session: Session, actor: Actor, pack_id: int, kind: PackFile) -> bytes:
    """A file of a pack. ``NotFound`` if none exists, or not yet."""
    find_pack(session, actor, pack_id)
    file = session.get(MeetingPackFile, (pack_id, kind))
    if file is None:
        raise NotFound
    return file.content


def _sizes(session: Session, ids: Sequence[int]) -> Mapping[int, Mapping[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for pack_id, kind, size in session.execute(
        select(MeetingPackFile.pack_id, MeetingPackFile.kind, MeetingPackFile.size).where(
            MeetingPackFile.pack_id.in_(ids)
        )
    ):
        found.setdefault(pack_id, {})[kind] = size
    return found


def _require_reader(actor: Actor) -> None:
    if actor.kind not in (ActorKind.PERSON, ActorKind.SYSTEM):
        raise Forbidden("Only people read meeting packs")


# ---- making ----


@dataclass(frozen=True)
class Order:
    """What is to be made."""

    title: str
    quarters: Sequence[Quarter]
    kinds: Sequence[SlideKind]
    author: str


def begin_pack(session: Session, pack_id: int, steps: int) -> Order | None:
    """Begin to make a pack, from its beginning; None where it is made or gone.

    ``steps``: how many there are in addition to one for each chosen slide.
    """
    pack = _to_make(session, pack_id)
    if pack is None:
        return None
    kinds = slides_from_text(pack.slides)
    pack.state, pack.done, pack.whole = PackState.MAKING, 0, len(kinds) + steps
    quarters = period_range(Quarter.parse(pack.first_quarter), Quarter.parse(pack.last_quarter))
    session.flush()
    return Order(pack.title, quarters, kinds, pack.author)


def note_progress(session: Session, pack_id: int, done: int, doing: str) -> bool:
    """Keep how far it is; False where the pack is gone."""
    pack = _to_make(session, pack_id)
    if pack is None:
        return False
    pack.done, pack.doing = done, doing
    session.flush()
    return True


def note_trouble(session: Session, pack_id: int, why: str) -> None:
    """Keep at which step a try failed, and why; the next one begins again."""
    pack = _to_make(session, pack_id)
    if pack is not None:
        pack.trouble = trouble_in_words(pack.doing, why)
        pack.state, pack.done, pack.doing = PackState.WAITING, 0, ""
        session.flush()


def packs_to_come(session: Session) -> Sequence[int]:
    """The packs that a worker makes or will make."""
    return session.scalars(select(MeetingPack.id).where(MeetingPack.state.in_(TO_COME))).all()


def fail_if_given_up(session: Session, by: Writer, pack_id: int) -> bool:
    """A pack that is to come and has no job (any more) has failed; whether it was so.

    The code that finishes a pack writes it before its job goes, and needs the row that is locked
    here.
    """
    pack = _locked(session, pack_id)
    if pack is None or pack.state not in TO_COME or is_pending(session, JOB, key_of(pack_id)):
        return False
    if pack.state == PackState.MAKING or not pack.trouble:  # else the last try has told why
        pack.trouble = trouble_in_words(pack.doing, _ENDED)
    fields = [FieldChange("state", pack.state, PackState.FAILED)]
    pack.state, pack.done, pack.whole, pack.doing = PackState.FAILED, 0, 0, ""
    record_change(session, by, kind=PACK, thing_id=pack.id, fields=fields)
    session.flush()
    return True


_ENDED: Final = (
    "the worker stopped, probably because it ran out of memory; try fewer quarters or slides"
)


def keep_pack(
    session: Session,
    by: Writer,
    pack_id: int,
    files: Mapping[PackFile, bytes],
    *,
    pages: int,
    computed_at: datetime | None,
) -> bool:
    """Keep what was made; False, and nothing, where the pack is gone or another worker made it."""
    pack = _to_make(session, pack_id)
    if pack is None:
        return False
    for kind, content in files.items():
        session.add(MeetingPackFile(pack_id=pack_id, kind=kind, size=len(content), content=content))
    pack.state, pack.made_at, pack.computed_at = PackState.MADE, by.now, computed_at
    pack.done, pack.doing, pack.trouble, pack.pages = pack.whole, "", "", pages
    fields = [
        FieldChange("state", None, PackState.MADE),
        FieldChange("pages", None, str(pages)),
    ]
    record_change(session, by, kind=PACK, thing_id=pack.id, fields=fields)
    return True


def _to_make(session: Session, pack_id: int) -> MeetingPack | None:
    pack = _locked(session, pack_id)
    return None if pack is None or pack.state == PackState.MADE else pack


def _locked(session: Session, pack_id: int) -> MeetingPack | None:
    return session.get(MeetingPack, pack_id, with_for_update=True, populate_existing=True)
