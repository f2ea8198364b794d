"""A Flask application with settings and database, and no door yet: for servers and commands."""

from __future__ import annotations

from flask import Flask

from app.core.catalogues import catalogue_of
from app.core.database.transactions import configure_engine
from app.core.log import configure_logging
from app.core.rules.language import write_mails
from app.core.settings import PROJECT, Settings, instance_folder
from app.core.web.extensions import db

POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 10}
"""Connections per server process: one for each thread that may need one
(``app/server/asgi_adapter.py``), and seconds that a thread waits for one."""


def plain_application(settings: Settings, statement_timeout: int) -> Flask:
    """``statement_timeout`` is what a statement may take on PostgreSQL, in seconds."""
    configure_logging()
    write_mails(catalogue_of(settings.mail.language))
    flask_app = Flask(
        "app",
        root_path=str(PROJECT / "app"),
        instance_path=str(instance_folder()),
        template_folder=str(PROJECT / "templates"),
        static_folder=str(PROJECT / "static"),
    )
    secure = settings.public_url.startswith("https://")
    flask_app.config.from_mapping(
        PORTAL=settings,
        SECRET_KEY=settings.secret_key,
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
    db.init_app(flask_app)
    with flask_app.app_context():
        configure_engine(db.engine, statement_timeout)
    return flask_app
