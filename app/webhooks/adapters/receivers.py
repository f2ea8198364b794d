"""Posts a message to a receiver: limits, no redirects, and the result in the portal's words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Final, TypeAlias

from app.core.adapters.outbound import Answer, Limits, OutboundError, TooLarge, ask
from app.core.rules.texts import storable_text
from app.webhooks.rules.delivering import Attempt, Failure

LIMITS: Final = Limits(most_bytes=64 * 1024, seconds=10)
_SHOWN: Final = 1000
"""Characters of an answer that are stored."""
Transport: TypeAlias = Callable[..., Answer]
"""See ``app.core.adapters.outbound.ask``."""
_log = logging.getLogger(__name__)


def post(
    url: str,
    content: bytes,
    signed: Mapping[str, str],
    private_hosts: Collection[str],
    transport: Transport = ask,
) -> Attempt:
    """Post a message once. The cause of a failed connection is only logged: it would reveal what
    exists inside the network."""
    headers = {"Content-Type": "application/json", "User-Agent": "lhcopn-portal", **signed}
    began, asked = monotonic(), content.decode()
    try:
        answer = transport("POST", url, LIMITS, private_hosts, headers, content)
    except OutboundError as error:
        took = monotonic() - began
        _log.info("a webhook was not delivered", extra={"why": str(error)})
        return Attempt(None, "", round(took * 1000), _why(error, took), asked=asked)
    shown = storable_text(answer.content[: 4 * _SHOWN].decode(errors="replace"), _SHOWN)
    return Attempt(
        answer.status,
        shown,
        round((monotonic() - began) * 1000),
        _failure(answer.status),
        _retry_after(answer.headers.get("retry-after", "")),
        asked,
    )


def _why(error: OutboundError, took: float) -> Failure:
    if isinstance(error, TooLarge):
        return Failure.LARGE
    if not error.is_sent:
        return Failure.CONNECTION
    return Failure.TIME if took >= LIMITS.seconds else Failure.BROKEN


def _failure(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    return Failure.REDIRECT if 300 <= status < 400 else Failure.STATUS


def _retry_after(value: str) -> timedelta | None:
    """The pause that the receiver requested, in seconds or until a time (RFC 9110, 10.2.3)."""
    if value.isascii() and value.isdecimal() and len(value) < 9:
        return timedelta(seconds=int(value))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(until - datetime.now(UTC), timedelta(0))
