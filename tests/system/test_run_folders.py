"""Whatever a run of the tests left is ended, and its folder is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness import run
from tests.harness.until import until

# Its first thread ends, so that the process has no environment any more; another writes on.
_WRITES_ON = """
import ctypes, itertools, pathlib, sys, threading
folder = pathlib.Path(sys.argv[1])
def write():
    for number in itertools.count():
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").touch()
threading.Thread(target=write).start()
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[__import__("platform").machine()]
ctypes.CDLL(None).syscall(SYS_EXIT, 0)
"""


def test_a_process_whose_first_thread_has_ended_is_ended_too(tmp_path: Path) -> None:
    folder = tmp_path / "portal-tests-x"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _WRITES_ON, folder / "written"],
        env={**os.environ, "PORTAL_TEST_RUN": str(folder)},
    ) as process:
        until(lambda: _first_thread_has_ended(process.pid))
        until((folder / "written" / "0").exists)
        try:
            run.end(folder)
            process.wait(20)  # fails if it was not killed
            assert not folder.exists()
        finally:
            process.kill()


def _first_thread_has_ended(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
