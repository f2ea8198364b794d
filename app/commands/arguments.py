"""What commands read: texts and times on the command line, passwords on standard input.

A password is never an argument: those can be seen by everybody on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import click

from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text, read_time

_MAX_BYTES = 64 * 1024


class TextArgument(click.ParamType[str]):
    """A text of at most 255 characters that any database and partner can hold."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        try:
            return checked_text("text", value, SHORT_TEXT_LIMIT, label="The text")
        except Invalid as error:
            self.fail(error.message, param, ctx)


class TimeArgument(click.ParamType[datetime]):
    """A time as every door takes it; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The aware time."""
        if isinstance(value, datetime):
            return value
        try:
            return read_time("time", value, label="It")
        except Invalid as error:
            self.fail(error.message, param, ctx)


TEXT = TextArgument()
TIME = TimeArgument()

password_stdin = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from standard input (required; there is no other way).",
)


def read_password(*, from_stdin: bool) -> str:
    """The password on standard input without one newline at its end.

    Raises ``SettingError`` if it was not requested, is empty or is not UTF-8 text.
    """
    if not from_stdin:
        raise SettingError("--password-stdin is required: the password is read from standard input")
    if sys.stdin is None:
        raise SettingError("--password-stdin: standard input is closed; send the password there")
    content = sys.stdin.buffer.read(_MAX_BYTES)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingError("The password on standard input is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SettingError("Standard input is empty; it must hold the password")
    return text


def file_content(path: Path, most: int) -> bytes:
    """At most so many first bytes of a file. Raises ``Invalid`` if it cannot be read."""
    try:
        with path.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        raise Invalid("file", f"The file cannot be read: {error.strerror}") from None


def command_writer(author: str = "") -> Writer:
    """The portal itself, acting now through a command. ``author`` is shown instead."""
    return Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime.now(UTC), author=author)


def system_user() -> str:
    """The account on this machine under which the command runs; "" if it has no name."""
    try:
        return getuser()
    except (KeyError, OSError):  # Python 3.13 raises the second
        return ""


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns under their heads; an empty cell is a dash."""
    cells = [heads, *[tuple(cell or "-" for cell in row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
