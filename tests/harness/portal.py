"""The Flask application in this process, with nothing left open afterwards.

To make one costs as much as ten pages, and so do the templates and statements that it compiles
anew. So those of some settings are kept for the next test with the same settings and database,
which finds them as just made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

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
from tests.harness.databases import open_engine, sync_nothing

_KEPT: Final = 8
"""Applications that are kept, each with its settings, and engines."""
_EVENTS: Final = (
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("engine_connect", "begin", "commit", "rollback"),
)
_EVENTS_OF_POOLS: Final = ("connect", "checkout", "checkin")
_applications: list[tuple[Settings, Flask]] = []
_engines: dict[str, Engine] = {}


@contextmanager
def portal(settings: Settings) -> Iterator[Flask]:
    """An application whose connections to the database are closed in the end."""
    made = _made(settings)
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
def kept_portal(settings: Settings) -> Iterator[Flask]:
    """The application with these settings, as just made."""
    made = _taken(settings)
    if made is None:
        made = _made(settings)
    else:
        refusals = Refusals()
        programs = made.extensions[API].extensions
        made.extensions["refusals"] = programs["refusals"] = refusals
        programs.pop(LISTS, None)
        made.extensions.pop("sign_on", None)
        address_limits.register(made)
        made.extensions[STARTED] = datetime.now(UTC)
    made.config["TESTING"] = False
    before = _state(made)
    try:
        yield made
    finally:
        close(made)
        with made.app_context():
            _forget_facts(db.engine)
        made.config["TESTING"] = False
        if _state(made) == before:
            _applications.append((settings, made))
            del _applications[:-_KEPT]


def _made(settings: Settings) -> Flask:
    made = create_app(settings)
    cli.register(made)
    with made.app_context():
        sync_nothing(db.engine)
    return made


def _taken(settings: Settings) -> Flask | None:
    for index, (known, made) in enumerate(_applications):
        if known == settings:
            del _applications[index]
            return made
    return None


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
            while len(_engines) >= _KEPT:
                del _engines[next(iter(_engines))]
            _engines[url] = engine


def _forget_facts(engine: Engine) -> None:
    cache._cached.pop(engine, None)  # it follows a log that begins anew


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
