"""What the bench reads from /proc."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.processes import name_of, proportional, usages

_ROLLUP = """\
55d0c0a00000-7ffd7d3f0000 ---p 00000000 00:00 0                          [rollup]
Rss:              163840 kB
Pss:              131072 kB
Pss_Dirty:        129840 kB
Pss_Anon:         126000 kB
Swap:                 64 kB
SwapPss:              32 kB
"""


def test_memory_is_the_part_of_the_pages_that_is_the_process_own() -> None:
    assert proportional(_ROLLUP) == 128.0


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "app.server.supervisor", "[[5], 2]"], "supervisor"),
        (["python", "-m", "app.server.process", "5", "7"], "server"),
        (["python", "-m", "wsgi", "worker", "--with-parent", "--beats", "9"], "worker"),
        (["python", "-m", "app.worker.child", "app.meetings.tasks.packs:make_pack"], "another"),
    ],
)
def test_processes_are_named_by_their_commands(command: list[str], name: str) -> None:
    assert name_of(command) == name


def test_a_process_is_measured_with_what_it_started() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = usages(os.getpid())
        assert {os.getpid(), child.pid} <= {*found}
        assert found[os.getpid()].memory > 1
        assert found[os.getpid()].seconds > 0
        child.communicate(b"\n")
