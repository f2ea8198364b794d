"""A Flask application with settings and database, and no door yet: for servers and commands."""

from __future__ import annotations

from flask import Flask

from app.core.catalogues import catalogue_of
from app.core.database.transactions import configure_engine
from app.core.rules.language import write_mails
from app.core.settings import Settings
from app.core.web.bare_application import bare_application
from app.core.web.extensions import db

POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 10}
"""Connections per server process: one for each thread that may need one
(``app/server/asgi_adapter.py``), and seconds that a thread waits for one."""


def plain_application(settings: Settings, statement_timeout: int) -> Flask:
    """``statement_timeout`` is what a statement may take on PostgreSQL, in seconds."""
    flask_app = bare_application(settings)
    complete(flask_app, statement_timeout)
    return flask_app


def complete(flask_app: Flask, statement_timeout: int) -> None:
    """Give a bare application what a plain one has."""
    settings: Settings = flask_app.config["PORTAL"]
    write_mails(catalogue_of(settings.mail.language))
    secure = settings.public_url.startswith("https://")
    flask_app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        # for the cookies of open browsers; Flask signs with the new key
        SECRET_KEY_FALLBACKS=[settings.old_secret_key] if settings.old_secret_key else None,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=(
            # what a statement was given (addresses, texts, hashes) never stands in a log
            {"hide_parameters": True} | POOL
        ),
        SESSION_COOKIE_NAME="portal",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        # The token lives as long as its session; a page that was open for a day still works.
        WTF_CSRF_TIME_LIMIT=None,
    )
    if settings.old_secret_key:
        # for forms of open pages; itsdangerous reads with each of them and signs with the last one
        keys = [settings.old_secret_key, settings.secret_key]
        flask_app.config["WTF_CSRF_SECRET_KEY"] = keys
    db.init_app(flask_app)
    with flask_app.app_context():
        configure_engine(db.engine, statement_timeout)
