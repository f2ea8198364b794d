"""The portal as servers take it: all doors together, on a database whose schema fits.

``build_server`` is for ASGI, ``build`` for plain WSGI; both refuse to start without a secret.
"""

from __future__ import annotations

import atexit
import logging
import re
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Final
from wsgiref.types import WSGIApplication

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import configure_mappers

from app import factory
from app.api import limits as api
from app.core.database.schema import need_fitting_schema
from app.core.private_files import keep_files_private
from app.core.rules.errors import SettingError
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.requests import limits
from app.core.web.requests.hosts import ANY_HOST, NOT_OURS, is_known
from app.core.web.requests.security_headers import security_headers
from app.core.web.requests.session_cookie import holds_login
from app.home.pages import live
from app.jobs.rules.jobs import reason_of
from app.metrics.web import METER, Meter
from app.server.asgi_adapter import Bridge
from app.statistics.services.cache import current_facts
from app.statistics.services.events import EVENT_FACTS
from app.statistics.services.tickets import TICKET_FACTS
from soap_service import application as soap

_log = logging.getLogger(__name__)
_FIRST_PAGES: Final = (
    "accounts/login.html",
    "events/list.html",
    "home/page.html",
    "tickets/detail.html",
    "tickets/list.html",
    "topology/page.html",
)
_NAMED: Final = re.compile(r'"([\w/]+\.html)"')
"""Templates that one includes, imports or extends."""


def build() -> WSGIApplication:
    """All doors as one WSGI application."""
    flask_app = _application(_settings())
    doors = soap.mount(flask_app)
    atexit.register(doors.close)
    return _counted(flask_app, doors)


def build_server() -> Bridge:
    """The same behind the bridge that lets only whole requests in."""
    flask_app = _application(_settings())
    reading = Thread(target=read_facts, args=(flask_app,), name="facts", daemon=True)
    bridge = bridge_of(flask_app, reads=reading)
    reading.start()
    return bridge


def read_facts(flask_app: Flask) -> None:
    """Read what figures need during the first requests: nobody waits for the first page of them,
    which would take some 4 s with 100,000 tickets."""
    try:
        with flask_app.app_context():
            current_facts(db.session(), TICKET_FACTS)
            current_facts(db.session(), EVENT_FACTS)
    except Exception as error:  # noqa: BLE001  # whoever asks first reads them, and is told
        _log.warning("facts of figures not read", extra={"error": reason_of(error)})


def warm(flask_app: Flask) -> None:
    """Do what the first page of a process would wait for: relate the tables, and compile the
    templates of the pages that people open most, some ten milliseconds each."""
    configure_mappers()
    templates = flask_app.jinja_env
    assert templates.loader is not None
    left, compiled = list(_FIRST_PAGES), set[str]()
    while left:
        name = left.pop()
        if name not in compiled:
            compiled.add(name)
            templates.get_template(name)
            source, _file, _is_current = templates.loader.get_source(templates, name)
            left += _NAMED.findall(source)


def bridge_of(flask_app: Flask, reads: Thread | None = None) -> Bridge:
    """The portal and the SOAP services behind the bridge, whose end waits for what ``reads``: a
    connection in use is not closed, and SQLite's log would stay next to the file."""
    settings: Settings = flask_app.config["PORTAL"]
    doors = soap.mount(flask_app)
    feed = live.feed_of(flask_app)

    def end() -> None:
        feed.close()
        doors.close()
        if reads is not None:
            reads.join()
        with flask_app.app_context():
            db.engine.dispose()  # SQLite writes its log into the file when the last one closes it

    return Bridge(
        _counted(flask_app, doors),
        body_limit=partial(_body_limit, flask_app),
        refusal=_refusal,
        host_problem=partial(_host_problem, settings),
        is_heavy=_is_heavy,
        end_pushed=feed.close,
        at_end=end,
        headers=security_headers(settings.public_url),
    )


def _counted(flask_app: Flask, doors: WSGIApplication) -> WSGIApplication:
    meter: Meter = flask_app.extensions[METER]
    return meter.counted(doors, _door_of)


def _door_of(path: str) -> str:
    if soap.is_ours(path):
        return "soap"
    return "rest" if api.is_ours(path) else "pages"


def _application(settings: Settings) -> Flask:
    """The Flask application of a server, on a database whose schema fits."""
    keep_files_private(settings)
    flask_app = factory.create_app(settings)
    with flask_app.app_context():
        try:
            need_fitting_schema(db.engine)
        except SettingError as error:
            db.engine.dispose()
            raise SystemExit(f"Error: {error}") from None
        except SQLAlchemyError as error:  # it is away: pages say so until it is back
            _log.warning("schema not checked", extra={"error": type(error).__name__})
    warm(flask_app)
    return flask_app


def _settings() -> Settings:
    try:
        return Settings.from_env().for_serving()
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None


def _body_limit(flask_app: Flask, path: str, query: str, cookies: str) -> int:
    if soap.is_ours(path):
        return soap.body_limit(path, query)
    if api.is_ours(path):
        return api.body_limit(path)
    return limits.body_limit(path, of_login=holds_login(flask_app, cookies))


def _is_heavy(path: str, query: str, body: bytes) -> bool:
    if soap.is_ours(path):
        return soap.is_heavy(path, query, body)
    return api.is_heavy(path, body)


def _host_problem(settings: Settings, path: str, host: str) -> str:
    return "" if path in ANY_HOST or is_known(settings, host) else NOT_OURS


def _refusal(path: str, query: str, status: HTTPStatus, why: str) -> tuple[str, bytes]:
    if soap.is_ours(path):
        return soap.refusal(path, query, status, why)
    if api.is_ours(path):
        return api.refusal(path, status, why)
    return limits.refusal(path, status, why)
