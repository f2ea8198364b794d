"""When the names of a site or link change, what is found by them follows, by the worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy.orm import Session

from app.core.services.changes import FieldChange
from app.jobs.services.queue import enqueue

JOB: Final = "names in the search"
"""The job's name; its arguments are ``kind`` (site, link) and ``id``. It always begins with the
first ticket: one that continued behind another would block a later change's job."""

_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "site": frozenset({"key", "names", "prefixes"}),
    "link": frozenset({"name", "aliases", "circuits", "end_a", "end_b"}),
}
"""Fields of a record, as the change log names them, by which its tickets are found."""


def names_changed(kind: str, changed: Iterable[FieldChange]) -> bool:
    """Whether the tickets of a record are found by other names after this change."""
    return any(item.field in _NAMES[kind] for item in changed)


def let_words_follow(session: Session, kind: str, record_id: int) -> None:
    """Leave it to the worker to write the words of a record's tickets."""
    key = f"{JOB}: {kind} {record_id}"
    enqueue(session, JOB, {"kind": kind, "id": record_id}, key=key)
