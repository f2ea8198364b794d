"""What the tests cost: processor time by folder and of the most expensive files, ``pytest --cost``.

Counted is each test's own process with its children that ended: their set-up, call and clean-up.
The processes that are forked (``loaded``) and the PostgreSQL server of the run have a line each:
they serve many tests.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from app.core.folders import PROJECT
from tests.harness import loaded, postgres, run

_FILES: Final = 60
_BY_FILE: Counter[str] = Counter()
_TESTS: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cost", action="store_true", help="tell the processor time by folder")


def _seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    before = _seconds()
    result = yield
    name = str(item.path.relative_to(PROJECT))
    _BY_FILE[name] += _seconds() - before  # type: ignore[assignment]  # seconds, not whole
    _TESTS[name] += 1
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--cost") and _BY_FILE:
        told = json.dumps({"seconds": _BY_FILE, "tests": _TESTS, "forked": loaded.seconds()})
        (run.folder() / f"cost-{os.getpid()}.json").write_text(told)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("--cost"):
        return
    folders: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    files: Counter[str] = Counter()
    forked = 0.0
    for file in run.folder().glob("cost-*.json"):
        told = json.loads(file.read_text())
        forked += told["forked"]
        for name, seconds in told["seconds"].items():
            folders[_folder(name)] += seconds
            files[name] += seconds
        for name, number in told["tests"].items():
            tests[_folder(name)] += number
    terminalreporter.section("processor seconds by folder")
    for name, seconds in folders.most_common():
        terminalreporter.write_line(f"{seconds:8.1f}  {tests[name]:5}  {name}")
    terminalreporter.write_line(f"{sum(folders.values()):8.1f}  {sum(tests.values()):5}  together")
    terminalreporter.write_line(
        f"{forked:8.1f}         servers, workers and writers that were forked"
    )
    terminalreporter.write_line(f"{postgres.seconds():8.1f}         the PostgreSQL server")
    for name, seconds in files.most_common(_FILES):
        terminalreporter.write_line(f"{seconds:8.1f}         {name}")


def _folder(file: str) -> str:
    return "/".join(Path(file).parts[:3][:-1]) or file
