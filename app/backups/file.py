"""The one file of a backup: a manifest of what it holds, and the database.

A zip of two members, the manifest first: a cut copy is recognised by the manifest's name, and the
checksums of a zip reveal damage. It knows no database.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.core.rules.errors import SettingError

FORMAT: Final = 1
"""Raised when an older version could not read the file any more."""
WRONG: Final = "FILE is damaged: what it holds is not what its manifest says, in"
"""And which table."""
_MANIFEST: Final = "lhcopn-portal-backup.json"
_DATA: Final = "database"
_BLOCK: Final = 1 << 20
_MAX_MANIFEST: Final = 1 << 20
_UNREADABLE: Final = (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What the zip library raises for damage; the last one for a member that it takes to be encrypted
or of an unknown method."""


@dataclass(frozen=True)
class TableSum:
    """What a table holds: rows, and a sum over the rows that does not depend on their order."""

    rows: int
    sum: str


class RowSum:
    """Sums up the rows of one table, in any order: each as Python writes its values in ASCII."""

    def __init__(self) -> None:
        self._rows = self._total = 0

    def add(self, row: Sequence[Any]) -> None:
        """One row more; equal rows are of the same length and types."""
        digest = hashlib.blake2b(ascii(tuple(row)).encode("ascii"), digest_size=8).digest()
        self._total += int.from_bytes(digest)
        self._rows += 1

    @property
    def found(self) -> TableSum:
        """What was added so far."""
        return TableSum(self._rows, str(self._total))


@dataclass(frozen=True)
class Manifest:
    """What a backup is of: kind of database, revision of its schema, when it was made (ISO 8601,
    UTC), what each table holds."""

    database: str
    revision: str
    made_at: str
    tables: Mapping[str, TableSum]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


def need_free_place(file: Path) -> None:
    """Raise SettingError where a file is there already, or none can be."""
    if os.path.lexists(file):
        raise SettingError(f"{file} is there already; a backup overwrites nothing")
    if not file.parent.is_dir():
        raise SettingError(f"{file.parent} is not a folder")


def write_backup(whole: Path, manifest: Manifest, data: Iterable[bytes]) -> None:
    """Write a new file, readable by its owner only, and see it on disk."""
    content = {
        "format": FORMAT,
        "database": manifest.database,
        "revision": manifest.revision,
        "made_at": manifest.made_at,
        "tables": {
            name: {"rows": table.rows, "sum": table.sum} for name, table in manifest.tables.items()
        },
    }
    descriptor = os.open(whole, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(_MANIFEST, json.dumps(content, indent=1))
            with archive.open(_DATA, "w", force_zip64=True) as member:
                for block in data:
                    member.write(block)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(whole: Path, file: Path) -> None:
    """Give a file that is whole its name, unless something has that name by now."""
    try:
        os.link(whole, file)
    except FileExistsError:
        raise SettingError(f"{file} is there already; a backup overwrites nothing") from None
    except OSError:  # a file system without hard links
        need_free_place(file)
        whole.rename(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Backup:
    """A backup that is open for reading."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.manifest = _read_manifest(archive)

    def data(self) -> Iterator[bytes]:
        """The database, block by block. Raises SettingError where it is damaged, at the latest
        behind the last block."""
        try:
            with self._archive.open(_DATA) as member:
                while block := member.read(_BLOCK):
                    yield block
        except _UNREADABLE as error:
            raise _damaged() from error


@contextmanager
def reading_backup(file: Path) -> Iterator[Backup]:
    """Open a backup. Raises SettingError if it is not one, cut, or of a newer version."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise SettingError(f"{file}: {error.strerror}") from None
    with stream:
        head = stream.read(30 + len(_MANIFEST))
        if not head.startswith(b"PK\x03\x04") or not head.endswith(_MANIFEST.encode()):
            raise SettingError(f"{file} is not a backup of the portal")
        try:
            archive = zipfile.ZipFile(stream)
        except zipfile.BadZipFile as error:
            raise _damaged() from error
        with archive:
            yield Backup(archive)


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST:
            raise _damaged()
        content: Any = json.loads(archive.read(_MANIFEST))
        if content["format"] > FORMAT:
            raise SettingError("FILE is a backup of a newer version of the portal; start that one")
        return Manifest(
            database=str(content["database"]),
            revision=str(content["revision"]),
            made_at=str(content["made_at"]),
            tables={
                str(name): TableSum(int(table["rows"]), str(table["sum"]))
                for name, table in content["tables"].items()
            },
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise _damaged() from error
    except _UNREADABLE as error:
        raise _damaged() from error


def _damaged() -> SettingError:
    return SettingError("FILE is damaged or incomplete")
