"""What the processes of a portal use, read from ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAMES: Final = {
    "app.server.supervisor": "supervisor",
    "app.server.process": "server",
    "worker": "worker",
}
"""Processes by a word of their command."""


@dataclass(frozen=True)
class Usage:
    """A process at one moment: the processor seconds it has used, its memory in MiB, and how many
    files and sockets it has open."""

    name: str
    seconds: float
    memory: float
    descriptors: int


def usages(parent: int) -> Mapping[int, Usage]:
    """The process ``parent`` and those that it started, by their ids."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            pid = int(folder.name)
            if parent in (pid, int(fields[1])):
                words = (folder / "cmdline").read_text().split("\0")
                seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                rollup = (folder / "smaps_rollup").read_text()
                held = len(list((folder / "fd").iterdir()))
                found[pid] = Usage(name_of(words), seconds, proportional(rollup), held)
    return found


def name_of(command: Sequence[str]) -> str:
    """What a process of the portal is, by its command."""
    return next((name for word, name in _NAMES.items() if word in command), "another")


def proportional(rollup: str) -> float:
    """The MiB of a process by its ``smaps_rollup`` (proc(5)): each page divided by the number of
    processes that have it."""
    [line] = [line for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024


def memory(parent: int) -> list[int]:
    """Resident MiB of each server process under ``parent``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(fields[21]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    return [size for size in sorted(found) if size > 40]


def processor_time(parent: int) -> float:
    """Seconds of a processor that the server processes under ``parent`` have used."""
    used = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")
