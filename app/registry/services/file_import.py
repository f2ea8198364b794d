"""Files of sites and links in and out: the difference to the registry, and writing it.

Each record that differs goes through the verb of its kind, so that an import can do nothing that a
person could not do on a page, and leaves the same change log. All names are looked up in memory:
the statements that read do not grow with the file.

It must not know where a file comes from. To get only the difference, roll back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Actor, Writer, require_admin
from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _
from app.registry.rules.files import (
    FileFormat,
    Read,
    RecordDifference,
    RegistryChanged,
    Values,
    What,
    compared,
    read_file,
)
from app.registry.rules.records import Records, cell_of
from app.registry.services.links import LINKS
from app.registry.services.records import RecordVerbs
from app.registry.services.registry import EVERY_FACT, LINK, SITE, LoadedLookup
from app.registry.services.sites import SITES

_VERBS: Final[Mapping[Records, RecordVerbs[Any]]] = {Records.SITES: SITES, Records.LINKS: LINKS}
_ROUNDS: Final = 3
"""How often what is refused is tried, every other time from the end: a name may be given up, or a
backup end, further down."""
_REPORTED_EACH: Final = 500

Progress = Callable[[int, int], None]
"""Receives the number of changed records written so far."""


@dataclass(frozen=True)
class Imported:
    """What a file changes, record by record in its order."""

    records: tuple[RecordDifference, ...]
    base: int
    """The registry's state before (see ``registry_state``)."""

    def count(self, what: What) -> int:
        """How many records are new, changed or unchanged."""
        return sum(record.what is what for record in self.records)


def registry_state(session: Session) -> int:
    """A number that another change of any site or link makes another one."""
    newest = session.scalar(select(func.max(Change.id)).where(Change.kind.in_((SITE, LINK))))
    return newest or 0


def require_import(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may import."""
    require_admin(actor, _("import sites and links"))


def all_values(session: Session, kind: Records) -> Iterator[Values]:
    """Every record of a kind with all its fields, by its name."""
    verbs = _VERBS[kind]
    rows = session.scalars(select(verbs.row).order_by(verbs.key).options(*verbs.loads))
    yield from map(verbs.values, rows)


def import_file(
    session: Session,
    by: Writer,
    kind: Records,
    content: bytes,
    form: FileFormat | None = None,
    *,
    base: int | None = None,
    source: str = "",
    why: str = "",
    progress: Progress | None = None,
) -> Imported:
    """Write what a file changes, all or nothing (within the caller's transaction).

    ``base`` is the state of the registry to which somebody saw the difference: another one raises
    ``RegistryChanged``. ``source`` says where the facts that change come from. Raises
    ``Forbidden``, and ``BadFile`` which names line, column, value and what is allowed.
    """
    require_import(by.actor)
    reads = read_file(kind, content, form)
    lookup = LoadedLookup(session)
    state = registry_state(session)
    if base is not None and base != state:
        raise RegistryChanged
    records = tuple(_difference(kind, lookup, read) for read in reads)
    changing = [record for record in records if record.what is not What.UNCHANGED]
    work = _ordered(changing)
    done, problems = 0, dict[str, list[Problem]]()
    for _round in range(_ROUNDS):
        refused = []
        for record in work:
            try:
                _write(session, by, kind, record, lookup, source, why)
            except Invalid as error:
                refused.append(record)
                problems[record.place] = _problems(record, error)
            else:
                problems.pop(record.place, None)
                done += 1
                if progress is not None and done % _REPORTED_EACH == 0:
                    progress(done, len(changing))
        if not refused or len(refused) == len(work):
            break
        work = refused[::-1]
    if problems:
        found = [problem for record in records for problem in problems.get(record.place, ())]
        raise BadFile(found)
    return Imported(records, state)


def _difference(kind: Records, lookup: LoadedLookup, read: Read) -> RecordDifference:
    """A record as its verb would store it, beside that of the registry."""
    verbs, values = _VERBS[kind], dict(read.values)
    with suppress(InvalidMany):  # an unknown name stays as it is: the verb will say so
        verbs.named(lookup, values)
    row = verbs.find(lookup, values[kind.kind.key])
    return compared(kind, Read(read.place, values), None if row is None else verbs.values(row))


def _ordered(records: list[RecordDifference]) -> list[RecordDifference]:
    """Each record after that of the same file that it backs up."""
    by_name = {record.key: record for record in records}
    ordered: dict[str, RecordDifference] = {}
    for record in records:
        chain: dict[str, RecordDifference] = {}
        step: RecordDifference | None = record
        while step is not None and step.key not in ordered and step.key not in chain:
            chain[step.key] = step
            step = by_name.get(step.stated.get("backs_up", ""))
        ordered.update(reversed(chain.items()))
    return list(ordered.values())


def _write(
    session: Session,
    by: Writer,
    kind: Records,
    record: RecordDifference,
    lookup: LoadedLookup,
    source: str,
    why: str,
) -> None:
    stated: Mapping[str, Any] = record.stated
    more: dict[str, Any] = {"why": why, "lookup": lookup}
    if source:
        more["sources"] = {EVERY_FACT: source}
    if record.what is What.NEW:
        _VERBS[kind].create(session, by, stated, **more)
    else:
        _VERBS[kind].change(session, by, record.key, stated, **more)


def _problems(record: RecordDifference, error: Invalid) -> list[Problem]:
    words = error.problems if isinstance(error, InvalidMany) else {error.field: error.message}
    return [
        Problem(
            record.place,
            field,
            cell_of(field, record.stated[field]) if field in record.stated else "",
            text,
        )
        for field, text in words.items()
    ]
