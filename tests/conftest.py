"""The fixtures of all tests.

database          URL of a fresh, migrated, empty database; the test runs on SQLite and PostgreSQL
session           a plain Session on it (no application)
app, client       the Flask application on it, and its test client
app_with          makes an application on it with other settings: app_with(copies_per_day=2)
module_database   like ``database``, one per test module
live_server       the real server on ``module_database`` (both databases), one per module
sqlite_server     the real server on SQLite only, one per module: where the database
                  cannot make a difference
supervised_server the same by its own command, with its supervisor and the memory of a real start
browser_page      a strict Chromium page; ``expected_statuses`` is the set of answers from 400 on
                  that the test provokes
plain_page        the same without JavaScript

What a machine lacks is skipped, each test by name on the last lines; with CI=true that fails, but
for what has a make target of its own (make test-rt).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy.orm import Session

from tests.exchange.rt import request_tracker
from tests.harness import between_runs, guardian, hashing, postgres, run, templates
from tests.harness.databases import KINDS, fresh_database
from tests.harness.server import LiveServer, live, test_settings
from tests.stacks.programs import STACKS
from tests.stacks.table import table

if TYPE_CHECKING:  # what few tests need is imported by their fixtures
    from playwright.sync_api import Browser, Page

# How long an example takes is the machine's affair. The examples are the same in each run, so that
# what one finds by chance stops nobody else's change; --hypothesis-profile=search looks for more.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")

hashing.make_cheap()
gc.set_threshold(10_000, 20, 20)  # a search for garbage takes a tenth of a second, and finds little

pytest_plugins = [
    "tests.harness.cost",
    "tests.harness.selection",
    "tests.harness.visits",
    "tests.harness.workers",
]

_RUN = pytest.StashKey[Path]()
_GUARDIAN = pytest.StashKey[Popen[bytes]]()
_SKIPPED: list[tuple[str, str]] = []


def _need(kind: str) -> None:
    if kind == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    _need(request.param)
    with fresh_database(request.param) as url:
        yield url


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Without any table."""
    _need(request.param)
    with fresh_database(request.param, migrated=False) as url:
        yield url


@pytest.fixture(scope="module", params=KINDS)
def module_database(request: pytest.FixtureRequest) -> Iterator[str]:
    _need(request.param)
    with fresh_database(request.param) as url:
        yield url


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    from tests.harness.portal import kept_engine

    with kept_engine(database) as engine, Session(engine) as session:
        yield session


@pytest.fixture
def app(database: str) -> Iterator[Flask]:
    from tests.harness.portal import kept_portal

    with kept_portal(test_settings(database)) as flask_app:
        flask_app.config["TESTING"] = True
        yield flask_app


@pytest.fixture
def app_with(database: str) -> Iterator[Callable[..., Flask]]:
    from tests.harness.portal import kept_portal

    def made(**more: object) -> Flask:
        settings = replace(test_settings(database), **more)  # type: ignore[arg-type]
        return opened.enter_context(kept_portal(settings))

    with ExitStack() as opened:
        yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def live_server(module_database: str) -> Iterator[LiveServer]:
    with live(test_settings(module_database)) as server:
        yield server


@pytest.fixture(scope="module")
def sqlite_server() -> Iterator[LiveServer]:
    with fresh_database("sqlite") as url, live(test_settings(url)) as server:
        yield server


@pytest.fixture(scope="module")
def supervised_server() -> Iterator[LiveServer]:
    with fresh_database("sqlite") as url, live(test_settings(url), supervised=True) as server:
        yield server


# Not for the whole session: while it is open, Playwright's event loop counts as running in this
# thread, and tests that run one of their own cannot.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.harness import browser as chromium

    if chromium.program() is None:
        pytest.skip(f"needs {chromium.NEED}")
    with chromium.launched() as found:
        yield found


@pytest.fixture
def expected_statuses() -> set[int]:
    return set()


@pytest.fixture
def browser_page(browser: Browser, expected_statuses: set[int]) -> Iterator[Page]:
    from tests.harness import browser as chromium

    with chromium.strict_page(browser, expected_statuses) as page:
        yield page


@pytest.fixture
def plain_page(browser: Browser, expected_statuses: set[int]) -> Iterator[Page]:
    from tests.harness import browser as chromium

    with chromium.strict_page(browser, expected_statuses, javascript=False) as page:
        yield page


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    between_runs.begin(config)
    if not _is_worker(config):
        for old in run.abandoned():
            guardian.tidy(old)
        config.stash[_RUN] = run.begin()
        config.stash[_GUARDIAN] = guardian.watch(config.stash[_RUN])
    templates.share()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no search for garbage looks through it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash:
        guardian.tidy(config.stash[_RUN])
        config.stash[_GUARDIAN].wait()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _SKIPPED.append((report.nodeid, reason.removeprefix("Skipped: ")))


def _is_lacking() -> bool:
    """Whether the machine lacks what CI is to have."""
    lacking = any(reason != request_tracker.NEED for _name, reason in _SKIPPED)
    return lacking and os.environ.get("CI") == "true"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_lacking() and not _is_worker(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if _RUN in config.stash and (
        lines := table(config.stash[_RUN], [stack.name for stack in STACKS])
    ):
        terminalreporter.section("SOAP stacks: outcomes and how many steps")
        for line in lines:
            terminalreporter.write_line(line)
    if not _SKIPPED:
        return
    terminalreporter.section("skipped, which fails with CI=true" if _is_lacking() else "skipped")
    for name, reason in _SKIPPED:
        terminalreporter.write_line(f"{name}: {reason}")
