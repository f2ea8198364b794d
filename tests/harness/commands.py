"""``flask ...`` as administrators run it: in a process of its own, or, far cheaper, in this one.

A start of the interpreter with all of the portal costs some three seconds of processor time, and
the suite runs about 250 commands. In this process a command gets the same arguments, environment,
folder and standard input, an application of its own, and its exit code and both of its outputs are
told alike: the log on standard error included, and the traceback of an error that nobody caught.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from contextvars import Context
from typing import Any, Final

from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup

import wsgi
from app.core.folders import PROJECT
from app.core.log import LineFormatter
from app.core.settings import process_environment
from app.core.web.extensions import db
from tests.harness.server import test_settings

OWN_PROCESS: Final = frozenset({"serve", "worker"})
"""Commands that take their process over: signals, other processes."""


def flask(
    database: str,
    *arguments: str | bytes,
    stdin: str | bytes = b"",
    own_process: bool = False,
    **settings: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run one command on a database, without any secret in the environment, unless ``settings``
    have one: they are variables of its environment.

    ``own_process`` asks for a process of its own. Commands beside others (threads) get one anyway,
    since a process has one standard output, and those whose arguments are bytes, which only the
    interpreter's start can read.
    """
    environment = process_environment(test_settings(database))
    del environment["SECRET_KEY"]
    environment |= settings
    content = stdin.encode() if isinstance(stdin, str) else stdin
    beside_others = threading.current_thread() is not threading.main_thread()
    as_bytes = any(isinstance(word, bytes) for word in arguments)
    if own_process or beside_others or as_bytes or OWN_PROCESS & set(arguments[:1]):
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=PROJECT,
            env=environment,
            input=content,
            capture_output=True,
            check=False,
            timeout=100,
        )
    words = [str(word) for word in arguments]
    # whatever application the test is in is not the command's
    result = Context().run(_invoke, words, environment, content)
    errors = result.stderr_bytes
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        errors += "".join(traceback.format_exception(result.exception)).encode()
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout_bytes, errors)


def _invoke(words: Sequence[str], environment: dict[str, str], content: bytes) -> Result:
    made: list[Flask] = []

    def create_app() -> Flask:
        made.append(wsgi.create_app())
        for handler in _own_handlers():
            handler.setStream(sys.stderr)
        return made[-1]

    gone = {name: None for name in os.environ if name not in environment}
    runner = CliRunner(env={**gone, **environment, "FLASK_RUN_FROM_CLI": "true"})
    with chdir(PROJECT), _streams_of_the_log_kept():
        try:
            return runner.invoke(FlaskGroup(create_app=create_app), list(words), input=content)
        finally:
            for flask_app in made:
                if "sqlalchemy" not in flask_app.extensions:
                    continue  # no command was loaded
                with flask_app.app_context():
                    db.session.remove()
                    db.engine.dispose()


def _own_handlers() -> list[logging.StreamHandler[Any]]:
    return [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler.formatter, LineFormatter)
        and isinstance(handler, logging.StreamHandler)
    ]


@contextmanager
def _streams_of_the_log_kept() -> Iterator[None]:
    before = [(handler, handler.stream) for handler in _own_handlers()]
    try:
        yield
    finally:
        for handler in _own_handlers():
            handler.setStream(dict(before).get(handler, sys.stderr))
