"""How large a request to the API may be, and what is answered where one is refused before Flask.

It must not know any resource but by its address.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

PREFIX: Final = "/api"
BODY_LIMIT: Final = 64 * 1024
"""Bytes of the largest request."""
PROBLEM: Final = "application/problem+json"


def is_ours(path: str) -> bool:
    """Whether an address belongs to this door."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def refusal(status: HTTPStatus) -> tuple[str, bytes]:
    """Content type and text of a refusal before the application is asked."""
    detail = f"A request takes at most {BODY_LIMIT // 1024} kB."
    about = {"detail": detail} if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE else {}
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, **about}
    return PROBLEM, json.dumps(problem).encode()
