"""What a process loads: each library that is large, where it is used and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.folders import PROJECT
from app.core.settings import process_environment
from tests.harness.server import test_settings

LARGE = {
    "pandas.core",
    "xlsxwriter.workbook",
    "icalendar.cal",
    "segno.encoder",
    "cryptography",
    "webauthn",
    "pptx",
    "fpdf",
    "fontTools",
    "authlib",
    "joserfc",
}
DOORS = {"spyne", "apispec", "marshmallow", "app.browser", "app.api", "app.serving", "granian"}


def loaded_by(program: str, database: str = "sqlite:////nowhere.db") -> set[str]:
    """The modules that a new interpreter has after this program."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint('loaded', *sys.modules)"],
        cwd=PROJECT,
        env=process_environment(test_settings(database)),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("program", "others"),
    [
        ("import wsgi, app.serving, app.server.process", {"alembic", "psycopg", "procrastinate"}),
        ("import app.worker.process", {"alembic", "psycopg", "procrastinate", *DOORS}),
    ],
    ids=["server", "worker"],
)
def test_a_process_begins_without_what_few_need(program: str, others: set[str]) -> None:
    assert loaded_by(program) & (LARGE | others) == set()


def test_a_command_loads_no_door_and_no_other_command(tmp_path: Path) -> None:
    ran = (
        "from flask.cli import main\n"
        "import sys\n"
        "sys.argv = ['flask', 'user', 'list']\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert ended.code == 1  # a database without tables\n"
    )
    loaded = loaded_by(ran, f"sqlite:///{tmp_path / 'empty.db'}")
    others = {"alembic", "numpy", "psycopg", "app.demo", "app.worker"}
    assert loaded & (LARGE | DOORS | others) == set()
    commands = {name for name in loaded if name.startswith("app.commands.")}
    assert commands == {"app.commands.arguments", "app.commands.base", "app.commands.user"}


@pytest.mark.parametrize("library", ["pandas", "xlsxwriter", "icalendar", "segno"])
def test_several_threads_may_be_the_first_to_use_a_library(library: str) -> None:
    used = {
        "pandas": "DataFrame",
        "xlsxwriter": "Workbook",
        "icalendar": "Calendar",
        "segno": "make",
    }[library]
    program = (
        f"import app, {library}\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        f"    found = set(threads.map(lambda _: {library}.{used}, range(8)))\n"
        "assert len(found) == 1\n"
        f"before = {library}\n"
        f"import {library}\n"
        f"assert {library} is not before and {library}.{used} is before.{used}"
    )
    assert library in loaded_by(program)
