"""The composition root: puts settings, extensions, database and doors together.

Nothing below may import this module.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import (  # tables: relationships are by name, so every table must be known
    api,
    browser,
    cli,
    tables,  # noqa: F401
)
from app.api.limits import PREFIX
from app.core.database.transactions import STATEMENT_TIMEOUT, configure_engine
from app.core.log import configure_logging
from app.core.services.refusals import Refusals
from app.core.settings import PROJECT, Settings, instance_folder
from app.core.web.extensions import csrf, db, htmx, login_manager, migrate
from app.core.web.requests.proxies import behind_proxies
from app.core.web.requests.request_ids import with_request_id

API = "portal_api"
"""Where the application keeps the programs' door, for whoever wants to know its addresses."""
POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 10}
"""Connections per server process: one for each thread that may need one
(``app/server/asgi_adapter.py``), and seconds that a thread waits for one."""


def create_app(settings: Settings, statement_timeout: int = STATEMENT_TIMEOUT) -> Flask:
    """The portal's Flask application: the browsers' and the programs' doors and the commands.

    ``statement_timeout`` is what a statement may take on PostgreSQL, in seconds. Without a secret
    in ``settings`` commands work and sessions do not; servers call ``settings.for_serving()``
    before.
    """
    configure_logging()
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
    flask_app.extensions["refusals"] = Refusals()
    db.init_app(flask_app)
    migrate.init_app(flask_app, db, directory=str(PROJECT / "migrations"))
    csrf.init_app(flask_app)
    login_manager.init_app(flask_app)
    htmx.init_app(flask_app)
    with flask_app.app_context():
        configure_engine(db.engine, statement_timeout)
        _mount_api(
            flask_app,
            api.build(
                db.engine,
                flask_app.extensions["refusals"],
                settings.report_due_days,
                settings.public_url,
            ),
        )
    flask_app.wsgi_app = behind_proxies(  # type: ignore[assignment, method-assign]
        flask_app.wsgi_app, settings.trusted_proxies
    )
    flask_app.wsgi_app = with_request_id(  # type: ignore[assignment, method-assign]
        flask_app.wsgi_app
    )
    browser.register(flask_app)
    cli.register(flask_app)
    return flask_app


def _mount_api(flask_app: Flask, programs: Flask) -> None:
    """Answer what is below /api by the programs' door."""
    flask_app.extensions[API] = programs
    flask_app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        flask_app.wsgi_app, {PREFIX: programs}
    )
