"""Calls to partners over HTTP with JSON: with limits, distinguished outcomes, and records."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode

from app.core.adapters.outbound import Answer, Limits, OutboundError, TooLarge, ask
from app.exchange.rules.failures import Failure, Outcome, outcome_of_status
from app.exchange.rules.partner import CallFailed

LONGEST_CALL: Final = timedelta(seconds=30)
"""A request to write has taken effect there after this time at the latest, with or without an
answer."""
LIMITS: Final = Limits(most_bytes=16 * 1024 * 1024, seconds=10)
"""Limits of a call, from connecting to the last byte, however slowly it arrives: the worker is
blocked meanwhile."""
_SHOWN: Final = 4000
"""Characters of a request and of an answer that are stored for people."""


@dataclass(frozen=True)
class RecordedCall:
    """A call as recorded for people, without secrets."""

    what: str
    request: str
    answered: str
    milliseconds: int
    failure: str = ""


def _nobody(_call: RecordedCall) -> None:
    return None


def _is_never(_found: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class JsonCaller:
    """Exchanges JSON with one partner. ``secret_headers`` are sent and never recorded."""

    url: str
    private_hosts: Collection[str]
    secret_headers: Mapping[str, str]
    tell: Callable[[RecordedCall], None] = field(default=_nobody)
    transport: Callable[..., Answer] = field(default=ask)
    """See ``app.core.adapters.outbound.ask``."""
    mask: Callable[[str], str] = field(default=str)
    """Removes secrets from a reason that people see: a partner may repeat what it was sent."""
    is_own_error: Callable[[Mapping[str, Any]], bool] = field(default=_is_never)
    """Whether an object is an error in the format of the partner's kind of system."""

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> Any:
        """The answer as JSON. Raises ``CallFailed``; for calls that write, an answer that is not
        JSON means an unknown outcome."""
        sent = json.dumps(body).encode() if body is not None else None
        request = json.dumps(body, ensure_ascii=False) if body else ""
        return self._json(method, path, query, sent, "application/json", request)

    def upload(
        self, path: str, content: bytes, media_type: str, query: Mapping[str, str | int]
    ) -> Any:
        """Send a file as a whole body. Answer and errors: see ``call``."""
        request = f"{len(content)} bytes, {media_type}"
        return self._json("POST", path, query, content, media_type, request)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        sent: bytes | None,
        media_type: str,
        request: str,
    ) -> Any:
        writes = method not in ("GET", "HEAD")
        address = self.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "User-Agent": "lhcopn-portal"}
        if sent is not None:
            headers["Content-Type"] = media_type
        began, what = monotonic(), f"{method} {path}"
        answer = self._ask(method, address, headers, sent, what, request, LIMITS)
        shown = answer.content[: 4 * _SHOWN].decode(errors="replace")
        try:
            found = self._read(answer, writes=writes)
        except CallFailed as error:
            self._tell(what, request, f"{answer.status} {shown}", began, error.failure.reason)
            raise CallFailed(self._masked(error.failure)) from None
        self._tell(what, request, f"{answer.status} {shown}", began, "")
        return found

    def notify(self, content: bytes, signed: Mapping[str, str]) -> None:
        """Post a JSON message to the address itself; any successful answer is enough."""
        began, request = monotonic(), content.decode()
        headers = {"Content-Type": "application/json", "User-Agent": "lhcopn-portal", **signed}
        what = "POST the webhook"
        answer = self._ask("POST", self.url, headers, content, what, request, LIMITS)
        shown = f"{answer.status} {answer.content[: 4 * _SHOWN].decode(errors='replace')}"
        failure = None if 200 <= answer.status < 300 else self._refusal(answer, writes=True)
        self._tell(what, request, shown, began, failure.reason if failure is not None else "")
        if failure is not None:
            raise CallFailed(self._masked(failure))

    def fetch(self, path: str, most_bytes: int) -> bytes:
        """Fetch a file. Raises ``CallFailed``, also if it is larger."""
        began, what = monotonic(), f"GET {path}"
        limits = Limits(most_bytes, LIMITS.seconds)
        headers = {"Accept": "*/*", "User-Agent": "lhcopn-portal"}
        answer = self._ask("GET", self.url.rstrip("/") + path, headers, None, what, "", limits)
        shown, failure = f"{answer.status}, {len(answer.content)} bytes", None
        if not 200 <= answer.status < 300:
            failure = self._refusal(answer, writes=False)
        self._tell(what, "", shown, began, failure.reason if failure is not None else "")
        if failure is not None:
            raise CallFailed(self._masked(failure))
        return answer.content

    def _ask(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        sent: bytes | None,
        what: str,
        request: str,
        limits: Limits,
    ) -> Answer:
        began, writes = monotonic(), method not in ("GET", "HEAD")
        all_headers = {**headers, **self.secret_headers}
        try:
            return self.transport(method, address, limits, self.private_hosts, all_headers, sent)
        except OutboundError as error:
            outcome = Outcome.PERMANENT if isinstance(error, TooLarge) else Outcome.TRANSIENT
            if writes and error.is_sent:
                outcome = Outcome.UNKNOWN
            self._tell(what, request, "", began, str(error))
            raise CallFailed(Failure(outcome, str(error), waited=waited(began, limits))) from None

    def _read(self, answer: Answer, *, writes: bool) -> Any:
        if not 200 <= answer.status < 300:
            raise CallFailed(self._refusal(answer, writes=writes))
        if not answer.content.strip():
            return None
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError):
            outcome = Outcome.UNKNOWN if writes else Outcome.TRANSIENT
            kind = answer.headers.get("content-type", "nothing that says what it is")
            reason = f"It responded with {kind[:100]} instead of JSON"
            raise CallFailed(Failure(outcome, reason, status=answer.status)) from None

    def _refusal(self, answer: Answer, *, writes: bool) -> Failure:
        """What a status other than success means."""
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError):
            found = None
        is_own = isinstance(found, dict) and self.is_own_error(found)
        outcome = outcome_of_status(answer.status, is_own=is_own)
        if not writes and outcome is Outcome.UNKNOWN:
            outcome = Outcome.TRANSIENT
        reason = f"It responded with {answer.status}{_words(found)}"
        return Failure(outcome, reason, _retry_after(answer), answer.status)

    def _masked(self, failure: Failure) -> Failure:
        return replace(failure, reason=self.mask(failure.reason))

    def _tell(self, what: str, request: str, answered: str, began: float, failure: str) -> None:
        took = round((monotonic() - began) * 1000)
        self.tell(RecordedCall(what, request[:_SHOWN], answered[:_SHOWN], took, failure))


def waited(began: float, limits: Limits) -> timedelta:
    """See ``Failure.waited``, for a call without an answer."""
    took = monotonic() - began
    return timedelta(seconds=took if took >= limits.seconds else 0)


def _words(found: Any) -> str:
    """The reason for a refusal in a JSON answer, shortened to a line."""
    inner = found.get("error") if isinstance(found, dict) else None
    found = inner if isinstance(inner, dict) else found  # ServiceNow
    if isinstance(found, dict):
        for name in ("error_human", "error", "message"):
            if isinstance(found.get(name), str):
                words = f"{found[name]} {found.get('detail') or ''}"
                return f": {' '.join(words.split())[:200]}"
    return ""


def _retry_after(answer: Answer) -> timedelta | None:
    """The requested pause, in seconds or until a time (RFC 9110, 10.2.3)."""
    value = answer.headers.get("retry-after", "")
    if value.isascii() and value.isdecimal() and len(value) < 9:
        return timedelta(seconds=int(value))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(until - datetime.now(UTC), timedelta(0))
