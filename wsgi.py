"""Where servers and the ``flask`` command find the portal.

``flask`` finds ``create_app``; a server calls ``build_server`` (ASGI, as ``flask serve`` does) or
``build`` (plain WSGI). Both refuse to start without a secret.
"""

from __future__ import annotations

import atexit
import gc
from http import HTTPStatus
from wsgiref.types import WSGIApplication

from flask import Flask

from app import factory
from app.api import limits as api
from app.bridge import Bounds, Bridge
from app.config import Settings
from app.domain.errors import SettingError
from app.security_headers import security_headers
from app.web import limits
from soap_service import application as soap


def create_app() -> Flask:
    """The Flask application with the commands; needs no secret."""
    try:
        return factory.create_app(Settings.from_env())
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None


def build() -> WSGIApplication:
    """All doors as one WSGI application."""
    doors = soap.mount(factory.create_app(_settings()))
    atexit.register(doors.close)
    return doors


def build_server() -> Bridge:
    """The same behind the bridge that lets only whole requests in."""
    bridge = bridge_of(factory.create_app(_settings()))
    # What was made until here lives as long as the process: the collector of garbage went through
    # all of it again and again, in the middle of requests.
    gc.collect()
    gc.freeze()
    return bridge


def bridge_of(flask_app: Flask) -> Bridge:
    """The portal and the SOAP services behind the bridge."""
    settings: Settings = flask_app.config["PORTAL"]
    doors = soap.mount(flask_app)
    return Bridge(
        doors,
        body_limit=_body_limit,
        refusal=_refusal,
        is_heavy=_is_heavy,
        at_end=doors.close,
        bounds=bounds(settings.database_url),
        headers=security_headers(settings.public_url),
    )


def bounds(database_url: str) -> Bounds:
    """What the server may take on, beside this database."""
    return Bounds(at_once=1 if database_url.startswith("sqlite") else 3)


def _settings() -> Settings:
    try:
        return Settings.from_env().for_serving()
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None


def _body_limit(path: str, query: str) -> int:
    if soap.is_ours(path):
        return soap.body_limit(path, query)
    return api.body_limit(path) if api.is_ours(path) else limits.body_limit(path)


def _is_heavy(path: str, query: str, body: bytes) -> bool:
    if soap.is_ours(path):
        return soap.is_heavy(path, query, body)
    return api.is_heavy(path, body)


def _refusal(path: str, query: str, status: HTTPStatus) -> tuple[str, bytes]:
    if soap.is_ours(path):
        return soap.refusal(path, query, status)
    return api.refusal(path, status) if api.is_ours(path) else limits.refusal(path, status)
