"""HTTP calls to systems outside, to addresses that were checked. Standard library only.

A host's name is resolved once, every address that it has is checked, and the connection goes to one
of these: a name that resolves to another address a moment later reaches nothing. Host header,
server name (SNI) and certificate are those of the name. No proxy is used. Addresses that are not
public are called only under the names in OUTBOUND_PRIVATE_HOSTS (decisions, section 11). Each call
carries the ``traceparent`` of the work that makes it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from time import monotonic
from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from app.core.traces import TRACEPARENT, traceparent

MAX_REDIRECTS: Final = 3
_SCHEMES: Final = {"http": 80, "https": 443}
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 64 * 1024
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

_Place = tuple[int, Any]
"""Address family and address, as sockets take them."""


class OutboundError(Exception):
    """A call that was refused or failed. The cause is for the log: shown to who gave the address,
    it would say what there is inside of the network.

    ``is_sent``: the request may have arrived, and the requested action may have been done.
    """

    def __init__(self, reason: str, *, is_sent: bool = False) -> None:
        super().__init__(reason)
        self.is_sent = is_sent


class TooLarge(OutboundError):
    """The response is larger than its limit: the next one would be, too."""


@dataclass(frozen=True)
class Answer:
    """What was answered. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Limits:
    """What a call may take: bytes of the answer, and seconds from the first connection to the last
    byte (the resolver's own time is the system's)."""

    most_bytes: int
    seconds: float


def check_url(url: str) -> str:
    """What is wrong with how an address is written, "" for nothing; without any call."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in _SCHEMES or parts.username is not None:
        return "The address must begin with http:// or https:// and name a host"
    if not url.isascii() or any(letter <= " " or letter == "\x7f" for letter in url):
        return "The address may hold only ASCII letters, without blanks"
    return ""


def is_same_place(one: str, other: str) -> bool:
    """Whether two well written addresses have scheme, host and port in common."""
    return _origin(urlsplit(one)) == _origin(urlsplit(other))


def get(
    url: str, limits: Limits, private_hosts: Collection[str], headers: Mapping[str, str]
) -> bytes:
    """What ``url`` answers with status 200. Raises ``OutboundError`` for everything else.

    ``private_hosts`` are host names in small letters. Redirections are followed within the same
    scheme, host and port only, to the addresses that were checked.
    """
    if problem := check_url(url):
        raise OutboundError(problem)
    first = urlsplit(url)
    places = _checked_places(first, private_hosts)
    ends = monotonic() + limits.seconds
    for _ in range(MAX_REDIRECTS + 1):
        answer = _exchange(urlsplit(url), places, limits, ends, _Request("GET", headers))
        moved = answer.headers.get("location") if answer.status in _MOVED else None
        if moved is None:
            if answer.status != 200:
                raise OutboundError(f"it responded with {answer.status}")
            return answer.content
        url = urljoin(url, moved)
        if check_url(url) or _origin(urlsplit(url)) != _origin(first):
            raise OutboundError("it redirects to another scheme, host or port")
    raise OutboundError(f"it redirects more than {MAX_REDIRECTS} times")


def ask(
    method: str,
    url: str,
    limits: Limits,
    private_hosts: Collection[str],
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Answer:
    """One request to ``url``, and its answer whatever its status; no redirection is followed.
    Raises ``OutboundError`` where there is no whole answer."""
    if problem := check_url(url):
        raise OutboundError(problem)
    parts = urlsplit(url)
    places = _checked_places(parts, private_hosts)
    ends = monotonic() + limits.seconds
    return _exchange(parts, places, limits, ends, _Request(method, headers, body))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public network, and holds no other one that is not."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(inner):
            return False
        if address.ipv4_mapped is not None:
            return True
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, _host(parts), parts.port or _SCHEMES.get(parts.scheme, 0)


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _checked_places(parts: SplitResult, private_hosts: Collection[str]) -> Sequence[_Place]:
    """The addresses of the host; ``OutboundError`` where one of them is not public."""
    _scheme, host, port = _origin(parts)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundError(f"the name cannot be resolved: {error}") from None
    places = [(family, place) for family, _type, _proto, _name, place in found]
    if host not in private_hosts:
        for _family, place in places:
            if not is_public(ip_address(place[0])):
                raise OutboundError(
                    f"{place[0]} is not public, and the host is not in OUTBOUND_PRIVATE_HOSTS"
                )
    return places


def _exchange(
    parts: SplitResult,
    places: Sequence[_Place],
    limits: Limits,
    ends: float,
    request: _Request,
) -> Answer:
    """The answer to one request, whatever its status."""
    scheme, host, port = _origin(parts)
    connection, is_sent = HTTPConnection(host, port), False
    opened = [_connected(places, ends)]
    # each wait for bytes has its own time-out: this one ends them all
    stop = Timer(max(ends - monotonic(), 0), lambda: _shut(opened[-1]))
    stop.daemon = True
    stop.start()
    try:
        if scheme == "https":
            context = ssl.create_default_context()
            opened.append(context.wrap_socket(opened[0], server_hostname=host))
        connection.sock = opened[-1]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        trace = traceparent()
        sent = {**request.headers, TRACEPARENT: trace} if trace else request.headers
        is_sent = True
        connection.request(request.method, target, body=request.body, headers=sent)
        with connection.getresponse() as answer:
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, _bounded(answer, limits, ends))
    except (HTTPException, OSError, ValueError) as error:
        late = monotonic() >= ends
        reason = f"longer than {limits.seconds:g} s" if late else repr(error)
        raise OutboundError(reason, is_sent=is_sent) from None
    except OutboundError as error:
        raise type(error)(str(error), is_sent=is_sent) from None
    finally:
        stop.cancel()
        connection.close()
        for one in opened:
            one.close()


def _connected(places: Sequence[_Place], ends: float) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    cause: OSError | None = None
    for family, place in places:
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.settimeout(max(ends - monotonic(), 0.001))
            found.connect(place)
        except OSError as error:
            found.close()
            cause = error
        else:
            return found
    raise OutboundError(f"no connection: {cause}")


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS's own would answer first


def _bounded(answer: HTTPResponse, limits: Limits, ends: float) -> bytes:
    content = bytearray()
    while chunk := answer.read1(_CHUNK):
        content += chunk
        if len(content) > limits.most_bytes:
            raise TooLarge(f"more than {limits.most_bytes} bytes")
    if monotonic() >= ends:
        raise OutboundError(f"longer than {limits.seconds:g} s")
    return bytes(content)
