"""How a command fails: one line on standard error and an exit code, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.core.database.schema import need_fitting_schema
from app.core.database.sqlite_write_lock import WriteLockTimeout
from app.core.rules.errors import PortalError
from app.core.web.extensions import db


class WrongUsage(click.ClickException):
    """Arguments that a command cannot take, in one line without the usage around it."""

    exit_code = 2


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a caller can mend into click's one line; anything else stays a traceback."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise WrongUsage(_one_line(error.format_message())) from error
    except PortalError as error:
        raise click.ClickException(_one_line(str(error))) from error
    except IntegrityError as error:
        # Two commands at once passed the same check; the database let one of them through.
        raise click.ClickException(
            "somebody entered the same name at the same moment; list what is there now"
        ) from error
    except WriteLockTimeout as error:
        raise click.ClickException(f"DATABASE_URL: {_one_line(str(error))}") from error
    except DatabaseError as error:
        reason = _one_line(str(error.orig))
        raise click.ClickException(f"DATABASE_URL: the database says: {reason}") from error


def _on_fitting_schema(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def checked(*args: Any, **values: Any) -> Any:
        need_fitting_schema(db.engine)
        return callback(*args, **values)

    return checked


class PortalCommand(click.Command):
    """A command with an application context and one-line errors.

    It begins only on a database whose schema fits, unless it looks for itself (``any_schema``).
    """

    def __init__(
        self,
        name: str | None,
        callback: Callable[..., Any] | None = None,
        *,
        any_schema: bool = False,
        **more: Any,
    ) -> None:
        if callback is not None:
            callback = with_appcontext(callback if any_schema else _on_fitting_schema(callback))
        super().__init__(name, callback=callback, **more)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with one_line_errors():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        # here, since help does without the database
        from app.composition import compose_records

        compose_records()
        with one_line_errors():
            return super().invoke(ctx)


class PortalGroup(AppGroup):
    """A group of commands (``flask user ...``) with one-line errors."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with one_line_errors():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors():
            return super().invoke(ctx)


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "no reason given"
