"""The Flask application in this process, with nothing left open afterwards.

To make one costs as much as ten pages, and so do the templates and statements that it compiles
anew. So those of an address are kept for the next test whose database has it, which finds them as
just made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from flask import Flask
from sqlalchemy import Engine

from app import cli
from app.api.caller import LISTS
from app.core.database.sqlite_write_lock import WriteLock
from app.core.database.transactions import write_lock_of
from app.core.services.refusals import Refusals
from app.core.settings import Settings
from app.core.web import address_limits
from app.core.web.extensions import db
from app.factory import API, create_app
from app.home.pages.health import STARTED
from app.statistics.services import cache
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

_KEPT: Final = 4
"""Addresses whose application and engine are kept; a process seldom uses more than two."""
_EVENTS: Final = (
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("engine_connect", "begin", "commit", "rollback"),
)
_EVENTS_OF_POOLS: Final = ("connect", "checkout", "checkin")
T = TypeVar("T")
_applications: dict[str, Flask] = {}
_engines: dict[str, Engine] = {}


@contextmanager
def portal(settings: Settings) -> Iterator[Flask]:
    """An application whose connections to the database are closed in the end."""
    made = create_app(settings)
    cli.register(made)
    try:
        yield made
    finally:
        close(made)


def close(made: Flask) -> None:
    """Close an application's connections to the database."""
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@contextmanager
def kept_portal(url: str) -> Iterator[Flask]:
    """The application with the settings of tests on this database, as just made."""
    made = _applications.pop(url, None)
    if made is None:
        made = create_app(test_settings(url))
        cli.register(made)
        made.config["TESTING"] = True
    else:
        refusals = Refusals()
        programs = made.extensions[API].extensions
        made.extensions["refusals"] = programs["refusals"] = refusals
        programs.pop(LISTS, None)
        address_limits.register(made)
        made.extensions[STARTED] = datetime.now(UTC)
    before = _state(made)
    try:
        yield made
    finally:
        close(made)
        with made.app_context():
            _forget_facts(db.engine)
        if _state(made) == before:
            _keep(_applications, url, made)


@contextmanager
def kept_engine(url: str) -> Iterator[Engine]:
    """An engine set up as the portal does it, as just made."""
    engine = _engines.pop(url, None) or open_engine(url)
    before = _state_of_engine(engine)
    try:
        yield engine
    finally:
        engine.dispose()
        _forget_facts(engine)
        if _state_of_engine(engine) == before:
            _keep(_engines, url, engine)


def _forget_facts(engine: Engine) -> None:
    cache._cached.pop(engine, None)  # it follows a log that begins anew


def _keep(kept: dict[str, T], url: str, one: T) -> None:
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[url] = one


def _state(made: Flask) -> list[Any]:
    """What a test may have changed of an application, and the next one must not get."""
    with made.app_context():
        engine = _state_of_engine(db.engine)
    return [made.wsgi_app, {**made.config}, {**made.view_functions}, engine]


def _state_of_engine(engine: Engine) -> list[Any]:
    """The same of an engine: who listens to it, and whether somebody writes."""
    lock = write_lock_of(engine)
    return [
        isinstance(lock, WriteLock) and lock.is_taken,
        *([*getattr(engine.dispatch, name)] for name in _EVENTS),
        *([*getattr(engine.pool.dispatch, name)] for name in _EVENTS_OF_POOLS),
    ]
