"""A mail server in this process, as patient as a machine that is busy needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

from tests.harness.server import free_port

SMTP_TIMEOUT = 60
"""Seconds that the server has to begin, and that a mail's sender waits for a word of it. A sender
that gives up sends the mail again, though it was taken: then it is there twice."""


@contextmanager
def smtp_server(handler: Any, port: int | None = None, **settings: Any) -> Iterator[int]:
    """Let the handler take mails at a port, which is given; ``settings`` are the controller's."""
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=port or free_port(),
        ready_timeout=SMTP_TIMEOUT,
        **settings,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
