"""Tidies up after a test run, however it ended: ``python -m tests.harness.guardian FOLDER PID``.

pytest itself tidies when it ends in order or by Ctrl-C. SIGTERM, SIGKILL or a lack of memory ends
it without a word, and leaves its servers, its browsers and its database cluster; this process, in a
session of its own, sees that and ends them.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.harness import postgres, run


def watch(folder: Path) -> subprocess.Popen[bytes]:
    """Start the guardian of this process, whose run has this folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.harness.guardian", str(folder), str(os.getpid())],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def tidy(folder: Path) -> None:
    """End all that a run has left: its cluster, its processes (the guardian too), its folder."""
    postgres.stop(folder)
    run.end(folder)


def main() -> None:
    """Wait for the end of a process, then tidy."""
    folder, process = sys.argv[1:]
    with suppress(ProcessLookupError):
        select.select([os.pidfd_open(int(process))], [], [])
    tidy(Path(folder))


if __name__ == "__main__":
    main()
