"""What the lines of a long file said of each id, so that a later line can be held against it.

Of each id two numbers and a line are kept, in a database of its own that lies on disk as soon as it
is larger than a few megabytes: the memory that a file takes does not grow with its lines.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import Final

_CACHE: Final = 8 * 1024
"""KiB that stay in memory; the ids of some 250,000 lines."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an earlier line said of the same id."""

    line: int
    same: bool
    """Whether it said the same."""


class LinesSeen:
    """The ids of one file so far. Ids and contents are kept as numbers of 64 bits: that two of a
    million differ and have the same one is as likely as one in thirty million."""

    def __init__(self) -> None:
        # "": a file without a name, made when it is needed, gone when it is closed; whoever leaves
        # a file half read may have it closed by another thread
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{_CACHE}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (id INTEGER PRIMARY KEY, content INTEGER, line INTEGER)",
            "BEGIN",
        ):
            self._rows.execute(statement)

    def add(self, line: int, key: tuple[object, ...], content: tuple[object, ...]) -> Seen | None:
        """Keep what a line says of an id, unless an earlier one spoke of it: then what that was."""
        known, said = _number_of(key), _number_of(content)
        kept = self._rows.execute(
            "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (known, said, line)
        )
        if kept.rowcount:
            return None
        first, before = self._rows.execute(
            "SELECT line, content FROM seen WHERE id = ?", (known,)
        ).fetchone()
        return Seen(first, before == said)

    def close(self) -> None:
        """Forget everything."""
        self._rows.close()


def _number_of(said: tuple[object, ...]) -> int:
    text = "\x1f".join(map(str, said)).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)
