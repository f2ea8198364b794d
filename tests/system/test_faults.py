"""The faults of ``make faults`` follow the code: one that applies no more would see nothing."""

from __future__ import annotations

import subprocess
import sys

from app.core.folders import PROJECT


def test_every_fault_still_applies() -> None:
    done = subprocess.run(
        [sys.executable, "tools/faults.py", "--check"], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
