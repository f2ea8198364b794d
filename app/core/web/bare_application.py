"""A Flask application with settings alone: enough to name the commands, and to be completed."""

from __future__ import annotations

from flask import Flask

from app.core.folders import PACKAGE, PROJECT
from app.core.log import configure_logging
from app.core.settings import Settings, instance_folder


def bare_application(settings: Settings) -> Flask:
    """Without extensions and without a database: ``complete`` of ``application.py`` adds them."""
    configure_logging(settings.log_format)
    flask_app = Flask(
        "app",
        root_path=str(PACKAGE),
        instance_path=str(instance_folder()),
        template_folder=str(PROJECT / "templates"),
        static_folder=str(PROJECT / "static"),
    )
    flask_app.config.from_mapping(PORTAL=settings)
    return flask_app
