"""A throw-away PostgreSQL cluster: one per run, reached through a socket in its own folder.

Its server refuses to run as root, so root starts it as ``postgres`` or ``nobody``. Nothing is
synced to disk: it is thrown away, and no test here is about power failures.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harness import between_runs, run

NEED = "PostgreSQL's server programs (apt-get install postgresql)"

_NOT_SYNCED: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


def programs() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, the newest version there is."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parent.parent.name),
    )
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found and shutil.which("pg_ctl") else None


def ensure_started(
    *, durable: bool = False, prepare: Callable[[Path], object] | None = None
) -> Path:
    """Start this run's cluster unless it runs; gives the folder of its socket.

    ``durable``: as it comes from the packet, with each commit synced; for measuring. ``prepare`` is
    called once it runs, with that folder: what it leaves is kept for the next run.
    """
    home = run.folder() / "pg"
    with run.alone("postgres"):
        if not (home / "data" / "postmaster.pid").exists():
            home.mkdir(mode=0o700)
            own(home)
            if prepare is not None:
                _prepare(home, prepare)
            else:
                _make(home)
            _start(home, {} if durable else _NOT_SYNCED)
    return home


def stop(folder_of_run: Path) -> None:
    """Stop the cluster of a run, if there is one."""
    data = folder_of_run / "pg" / "data"
    bin_folder = programs()
    if bin_folder and (data / "postmaster.pid").exists():
        call([bin_folder / "pg_ctl", "stop", "-D", data, "-m", "immediate", "-w"], check=False)


def seconds() -> float:
    """The processor time so far of this run's server and of its ended connections, in seconds."""
    file = run.folder() / "pg" / "data" / "postmaster.pid"
    if not file.exists():
        return 0.0
    process = file.read_text().splitlines()[0]
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    # user and system time, its own and its children's: fields 14 to 17 of proc(5)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def url(socket_folder: Path, name: str) -> str:
    """The DATABASE_URL of a database in the cluster."""
    return f"postgresql+psycopg://portal@/{name}?host={socket_folder}"


def _prepare(home: Path, prepare: Callable[[Path], object]) -> None:
    """The prepared cluster of an earlier run, or one that is made now."""
    kept = between_runs.migrated(f"postgresql{bin_folder().parent.name}")
    if kept is not None and kept.exists():
        data = shutil.copytree(kept, home / "data")
        own(data, *data.rglob("*"))
        return
    _make(home)
    if kept is not None:
        _start(home, _NOT_SYNCED)
        prepare(home)
        call([bin_folder() / "pg_ctl", "stop", "-D", home / "data", "-m", "fast", "-w"])
        between_runs.keep(home / "data", kept)


def bin_folder() -> Path:
    """The folder with the server's programs, which must be there."""
    found = programs()
    assert found is not None
    return found


def own(*paths: Path) -> None:
    """Give them to the account of the server."""
    if os.geteuid() == 0:
        account = _account()
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _make(home: Path) -> None:
    call(
        [
            *(bin_folder() / "initdb", "-D", home / "data", "-U", "portal"),
            *("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"),
        ]
    )


def _start(home: Path, more: Mapping[str, str]) -> None:
    data = home / "data"
    options = {
        "listen_addresses": "",
        "unix_socket_directories": home,
        "max_connections": 200,
        "log_min_messages": "fatal",
        **more,
    }
    given = " ".join(f"-c {name}='{value}'" for name, value in options.items())
    call([bin_folder() / "pg_ctl", "start", "-D", data, "-w", "-l", home / "log", "-o", given])


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither a user postgres nor a user nobody exists")


def call(command: list[object], *, check: bool = True) -> None:
    """Run one of them under the server's account. Raises RuntimeError if it fails."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        account = _account()
        words = [
            "setpriv",
            f"--reuid={account.pw_uid}",
            f"--regid={account.pw_gid}",
            "--clear-groups",
            *words,
        ]
    done = subprocess.run(
        words,
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
        stderr=subprocess.DEVNULL,
        timeout=200,
    )
    if check and done.returncode:
        raise RuntimeError(f"{words[-1]} ended with {done.returncode}: {' '.join(words)}")
