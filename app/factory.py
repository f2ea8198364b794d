"""The composition root: puts settings, extensions, database and doors together.

Nothing below may import this module.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import api, browser
from app.api.limits import PREFIX, is_ours
from app.composition import compose_records
from app.core.database.transactions import STATEMENT_TIMEOUT
from app.core.services.refusals import Refusals
from app.core.settings import Settings
from app.core.web import address_limits
from app.core.web.application import plain_application
from app.core.web.extensions import csrf, db, htmx, login_manager
from app.core.web.requests.proxies import behind_proxies
from app.core.web.requests.request_ids import with_request_id
from app.metrics.web import name_operations

API = "portal_api"
"""Where the application keeps the programs' door, for anyone who wants to know its addresses."""


def create_app(settings: Settings, statement_timeout: int = STATEMENT_TIMEOUT) -> Flask:
    """The portal's Flask application: the browsers' and the programs' doors.

    ``statement_timeout`` is what a statement may take on PostgreSQL, in seconds. Without a secret
    in ``settings`` sessions do not work; servers call ``settings.for_serving()`` before.
    """
    compose_records()
    flask_app = plain_application(settings, statement_timeout)
    flask_app.extensions["refusals"] = Refusals()
    address_limits.register(flask_app)
    csrf.init_app(flask_app)
    login_manager.init_app(flask_app)
    htmx.init_app(flask_app)
    with flask_app.app_context():
        _mount_api(
            flask_app,
            api.build(db.engine, flask_app.extensions["refusals"], settings),
        )
    flask_app.wsgi_app = behind_proxies(  # type: ignore[assignment, method-assign]
        flask_app.wsgi_app, settings.trusted_proxies
    )
    flask_app.wsgi_app = with_request_id(  # type: ignore[assignment, method-assign]
        flask_app.wsgi_app, lambda path: "rest" if is_ours(path) else "pages"
    )
    browser.register(flask_app)
    return flask_app


def _mount_api(flask_app: Flask, programs: Flask) -> None:
    """Answer what is below /api by the programs' door."""
    flask_app.extensions[API] = programs
    name_operations(programs)
    flask_app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        flask_app.wsgi_app, {PREFIX: programs}
    )
