"""Tries whether tests see faults: puts one after another into a copy of the project, and runs the
tests nearest to it.

    make faults                        all of tools/faults.toml
    make faults FAULTS="mail lock"     those that name one of these words
    python tools/faults.py --check     only whether each still applies, which a test asks

The checkout itself is never touched. A fault that no test sees is a gap: it gets a test, and
``survived = true`` in the table, where it stays. At the end the tests that saw something run once
more without any fault, so that a test which fails anyway is not taken for one that sees.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = PROJECT / "tools" / "faults.toml"
MAX_SECONDS: Final = 900
"""For the tests of one fault."""
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One mistake in the code: ``old`` is once in ``file``, ``new`` is put in its place."""

    about: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    both: bool = False
    """Whether its tests run on both databases; else on SQLite."""
    survived: bool = False
    """Whether no test that was looked at saw it when it was chosen."""

    def put_into(self, text: str) -> str:
        """The file's text with the fault. Raises ``ValueError`` where it does not apply."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds {text.count(self.old)} times: {self.old!r}")
        faulty = text.replace(self.old, self.new)
        ast.parse(faulty)
        return faulty


def faults(words: Iterable[str] = ()) -> list[Fault]:
    """The faults of the table, or those that name one of the words."""
    known = [Fault(**one) for one in tomllib.loads(TABLE.read_text("utf-8"))["fault"]]
    wanted = [word.casefold() for word in words]
    return [
        one
        for one in known
        if not wanted or any(word in f"{one.about} {one.file}".casefold() for word in wanted)
    ]


@contextmanager
def copy_of_project() -> Iterator[Path]:
    """A copy of the files that git knows or would add, which shares the checkout's .venv."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="portal-faults-") as folder:
        copy = Path(folder) / "portal"
        for name in filter(None, listed.stdout.split("\0")):
            if (PROJECT / name).is_file():  # else it is deleted, and that is not committed yet
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, copy / name)
        (copy / ".venv").symlink_to(PROJECT / ".venv")
        yield copy


def run_tests(copy: Path, tests: Sequence[str], *, both: bool) -> subprocess.CompletedProcess[str]:
    """Run these up to the first that fails. Raises ``TimeoutExpired``."""
    databases = [] if both else ["-k", "not postgresql"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", *databases, *tests],
        cwd=copy,
        env={name: value for name, value in os.environ.items() if name != "DEMO"},
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
    )


def seen_by(copy: Path, fault: Fault) -> str:
    """The first test that fails with the fault, "" if none does.

    Raises ``RuntimeError`` where the tests could not be run at all: it is no such fault.
    """
    path = copy / fault.file
    sound = path.read_text("utf-8")
    path.write_text(fault.put_into(sound), "utf-8")
    try:
        done = run_tests(copy, fault.tests, both=fault.both)
    finally:
        path.write_text(sound, "utf-8")
    if done.returncode == 0:
        return ""
    found = _FAILED.search(done.stdout)
    if done.returncode != 1 or found is None:
        raise RuntimeError(f"{fault.about}: its tests do not run\n{done.stdout}{done.stderr}")
    return found[1]


def check() -> None:
    """Raise where a fault does not apply any more, or its tests are gone."""
    for fault in faults():
        fault.put_into((PROJECT / fault.file).read_text("utf-8"))
        for test in fault.tests:
            if not (PROJECT / test).exists():
                raise ValueError(f"{fault.about}: there is no {test}")


def main(words: Sequence[str]) -> int:
    """Print what saw each fault; 0 if all are seen."""
    if words == ["--check"]:
        check()
        return 0
    wanted = faults(words)
    seen: list[str] = []
    with copy_of_project() as copy:
        for number, fault in enumerate(wanted, 1):
            seen.append(seen_by(copy, fault))
            print(f"{number}/{len(wanted)} {seen[-1] or 'NOT SEEN'}", file=sys.stderr, flush=True)
        tests = sorted({test for test in seen if test})
        sound = run_tests(copy, tests, both=True) if tests else None
    for fault, test in zip(wanted, seen, strict=True):
        mark = " (no test saw it at first)" if fault.survived else ""
        print(f"{fault.file}: {fault.about}{mark}\n    {test or 'NOT SEEN'}")
    missed = seen.count("")
    print(f"\n{len(seen) - missed} of {len(seen)} faults are seen by the tests nearest to them.")
    if sound is not None and sound.returncode != 0:
        print(f"Tests fail without any fault, too:\n{sound.stdout}{sound.stderr}")
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
