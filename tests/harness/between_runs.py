"""What is the same in each run is kept in pytest's cache: migrated databases.

``make clean`` and ``pytest --cache-clear`` remove it. Outside of pytest nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from app.core.folders import PROJECT

_MADE_BY: Final = (
    PROJECT / "requirements.txt",
    Path(__file__).with_name("databases.py"),
    Path(__file__).with_name("postgres.py"),
)
_folders: list[Path] = []


def begin(config: pytest.Config) -> None:
    """Keep what this run makes, unless pytest keeps nothing."""
    if config.pluginmanager.hasplugin("cacheprovider") and config.cache is not None:
        folder = config.cache.mkdir("portal")
        if os.access(folder, os.W_OK):
            _folders.append(folder)


def migrated(kind: str) -> Path | None:
    """Where the migrated database of this kind is kept, whether it is there or not yet; None where
    nothing is kept. Its name tells what it was made from."""
    if not _folders:
        return None
    made_from = hashlib.sha256()
    for file in (*sorted((PROJECT / "migrations").rglob("*")), *_MADE_BY):
        if file.suffix in (".py", ".sql", ".txt"):
            made_from.update(file.read_bytes())
    return _folders[-1] / f"{kind}-{made_from.hexdigest()[:16]}"


def keep(made: Path, kept: Path) -> None:
    """Keep a file or folder, in the place of earlier ones of its kind."""
    making = kept.with_name(f"making-{os.getpid()}")
    (shutil.copytree if made.is_dir() else shutil.copyfile)(made, making)
    kind = kept.name.rpartition("-")[0]
    for old in {*kept.parent.glob(f"{kind}-*")} - {kept}:
        _remove(old)
    try:
        making.rename(kept)
    except OSError:  # another run was first
        _remove(making)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
