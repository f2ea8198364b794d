"""What the portal writes is its own user's alone: tickets, hashes of passwords, texts of mails.

The embedded database lies in a folder that others may list, and a copy of it is worth as much as
the portal itself.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from app.core.folders import BASE
from app.core.settings import Settings

UMASK: Final = 0o077
"""Takes all rights of group and others off what a process makes."""
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
"""Of an SQLite file's name."""


def keep_files_private(settings: Settings) -> None:
    """Make this process write for its own user only, and take rights of others off what is there:
    the file of SQLite and the folder of mails.

    What belongs to somebody else is left as it is, and so is a folder that all may write to: it is
    no folder of the portal alone.
    """
    os.umask(UMASK)
    paths = [BASE / settings.mail.folder]
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and url.database:
        paths += [Path(url.database + companion) for companion in _COMPANIONS]
    for path in paths:
        with suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & UMASK and not mode & stat.S_ISVTX:
                path.chmod(mode & ~UMASK)
