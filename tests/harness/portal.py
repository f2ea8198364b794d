"""The Flask application in this process, with nothing left open afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app.core.settings import Settings
from app.core.web.extensions import db
from app.factory import create_app


@contextmanager
def portal(settings: Settings) -> Iterator[Flask]:
    """An application whose connections to the database are closed in the end."""
    made = create_app(settings)
    try:
        yield made
    finally:
        close(made)


def close(made: Flask) -> None:
    """Close an application's connections to the database."""
    with made.app_context():
        db.session.remove()
        db.engine.dispose()
