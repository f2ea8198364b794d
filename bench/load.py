"""Drives a service with ``wrk``, which is compiled: it takes little of the cores it shares."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NEED = "wrk (apt-get install wrk)"
CLIENTS = 8
_SCRIPT = Path(__file__).parent / "calls.lua"


@dataclass(frozen=True)
class Load:
    """Who calls which operation on which tickets (their first and last number)."""

    operation: str
    login: str
    password: str
    first: int = 1
    last: int = 1


def installed() -> bool:
    """Whether wrk is there."""
    return shutil.which("wrk") is not None


def drive(url: str, load: Load, seconds: float, clients: int = CLIENTS) -> float:
    """Calls per second of clients on kept connections; fails if one was answered by a fault."""
    told = subprocess.run(
        [
            *("wrk", "--threads=1", f"--connections={clients}", f"--duration={seconds:.0f}s"),
            *("--timeout=20s", f"--script={_SCRIPT}", url, "--", load.operation, load.login),
            *(load.password, str(load.first), str(load.last)),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    ).stdout
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    found = re.search(r"Requests/sec:\s+([0-9.]+)", told)
    assert found is not None, told
    return float(found.group(1))
