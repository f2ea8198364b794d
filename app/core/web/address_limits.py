"""How much work without a login one network address may cause: rows, password checks, calls out.

A request above the limit is answered 429 with Retry-After before any of that work, and is one line
of the security log for each address and minute. The limits leave room for thirty people behind one
address. Each server process counts for itself, so all of them together let through as many times
the limit as there are; nginx limits in front of them (``deploy/nginx``). The address is the one
that the trusted proxies name (TRUSTED_PROXIES), an IPv6 address counts as its /64.

It must not know any page: the view says what it is counted as.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from math import ceil
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar

from flask import Flask, Response, current_app, jsonify, request

from app.core.rules.addresses import network_of
from app.core.rules.language import _
from app.core.web.errors import message_page, typed_values
from app.core.web.person import log_here, remote

WINDOW: Final = 60.0
"""Seconds."""
LOGIN: Final = "login"
"""Passwords, codes, passkeys and one-time links."""
SIGN_ON: Final = "sign-on"
"""The way to the provider of identities and back."""
HOOK: Final = "hook"
"""Webhooks of partners whose signature is wrong; those with a right one are not counted."""
UNSUBSCRIBE: Final = "unsubscribe"
"""The links in mails that stop them."""
ALLOWED: Final = {LOGIN: 240, SIGN_ON: 180, HOOK: 60, UNSUBSCRIBE: 60}
"""Requests of one address within a minute, by what they are counted as."""
LIMITED: Final = "limited_by_address"
_EXTENSION: Final = "address_limits"
_MAX_KEPT: Final = 10_000
"""Addresses that are remembered; beyond it the one that came first is forgotten."""

View = TypeVar("View", bound=Callable[..., Any])


class Counted(NamedTuple):
    """The result of counting one request."""

    wait: int = 0
    """Seconds until the address may send again; 0 = the request is let through."""
    is_first: bool = False
    """Whether it is the first of this minute that is refused."""


class AddressLimits:
    """What each address sent within a minute, of one process."""

    def __init__(self, most_kept: int = _MAX_KEPT) -> None:
        self._most_kept = most_kept
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        """When the minute of an address began, and its requests since."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._counts)

    def count(self, what: str, address: str, now: float, *, only_look: bool = False) -> Counted:
        """Count a request, or only look whether one would be refused; ``now``: seconds of a steady
        clock."""
        key = what, network_of(address)
        with self._lock:
            began, requests = self._counts.get(key, (now, 0))
            if now >= began + WINDOW:
                began, requests = now, 0
                self._counts.pop(key, None)
            refused = requests >= ALLOWED[what]
            if not refused and only_look:
                return Counted()
            if key not in self._counts and len(self._counts) >= self._most_kept:
                self._counts.popitem(last=False)
            self._counts[key] = began, requests + 1
        if not refused:
            return Counted()
        return Counted(ceil(began + WINDOW - now), requests == ALLOWED[what])


def limited(what: str, *, methods: tuple[str, ...] = ("POST",)) -> Callable[[View], View]:
    """Count requests to a view by these methods, one for each address, as ``what``."""

    def mark(view: View) -> View:
        @wraps(view)
        def counted(*args: Any, **more: Any) -> Any:
            refused = refused_here(what) if request.method in methods else None
            return view(*args, **more) if refused is None else refused

        setattr(counted, LIMITED, (what, methods))
        return counted  # type: ignore[return-value]

    return mark


def refused_here(what: str, *, only_look: bool = False) -> Response | None:
    """Count this request; the answer where it is one too many. With ``only_look`` it is not counted
    unless it is refused."""
    limits: AddressLimits = current_app.extensions[_EXTENSION]
    counted = limits.count(what, remote(), monotonic(), only_look=only_look)
    if not counted.wait:
        return None
    if counted.is_first:
        log_here("too many requests", "", "address", what)
    words = _(
        "Too many requests came from your network address within a minute. Wait %(seconds)s s and"
        " try again.",
        seconds=counted.wait,
    )
    if request.path.endswith("/options"):  # asked by a script, see static/passkeys.js
        answer = jsonify(problem=words)
        answer.status_code = 429
    elif what == HOOK:
        answer = Response(f"429 Too Many Requests\n{words}\n", 429, content_type="text/plain")
    else:
        kept = [(name, value) for name, value in typed_values() if name.startswith("kept.")]
        answer = message_page(429, words, kept)
    answer.headers["Retry-After"] = str(counted.wait)
    return answer


def register(flask_app: Flask) -> None:
    """Begin to count."""
    flask_app.extensions[_EXTENSION] = AddressLimits()
