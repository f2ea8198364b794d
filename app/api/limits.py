"""How large a request to the API may be, and what is answered where one is refused before Flask.

It must not know any resource but by its address.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Final

PREFIX: Final = "/api"
BODY_LIMIT: Final = 64 * 1024
"""Bytes of the largest request."""
EVENTS: Final = re.compile(r"/api/v1/events(?:/.*)?")
"""Where events are sent to, in any format."""
EVENTS_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of the largest report: 10,000 events of 800 bytes."""
NOTICES: Final = "/api/v1/notices"
"""Where maintenance notices are sent to."""
NOTICES_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of the largest mail."""
WRITTEN: Final = re.compile(r"/api/v1/(?:tickets|reports)(?:/.*)?")
"""Where tickets and reports are written, and files attached to them."""
WRITTEN_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a ticket or report with its texts, as of a page's form; files have 2 MiB."""
_HEAVY: Final = 128 * 1024
"""A report above this size takes much longer than other requests."""
PROBLEM: Final = "application/problem+json"


def is_ours(path: str) -> bool:
    """Whether an address belongs to this door."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def body_limit(path: str) -> int:
    """Bytes that a request to this address may have."""
    if path == NOTICES:
        return NOTICES_LIMIT
    if WRITTEN.fullmatch(path):
        return WRITTEN_LIMIT
    return EVENTS_LIMIT if EVENTS.fullmatch(path) else BODY_LIMIT


def is_heavy(path: str, body: bytes) -> bool:
    """Whether a request takes much longer than others."""
    return len(body) > _HEAVY and body_limit(path) > BODY_LIMIT


def too_large(path: str) -> str:
    """What is answered to a larger one."""
    return f"A request to this address takes at most {body_limit(path) // 1024} kB."


def refusal(path: str, status: HTTPStatus, why: str = "") -> tuple[str, bytes]:
    """Content type and text of a refusal before the application is called."""
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        why = why or too_large(path)
    about = {"detail": why} if why else {}
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, **about}
    return PROBLEM, json.dumps(problem).encode()
