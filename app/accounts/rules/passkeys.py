"""The relying party of passkeys: the site that browsers bind them to, from the portal's address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class RelyingParty:
    """The portal as browsers know it (WebAuthn Level 3, sections 5.1.2 and 5.8.1)."""

    id: str
    """The host, which passkeys are bound to."""
    origin: str
    """Scheme, host and, where it is not the usual one, port."""


def relying_party(public_url: str) -> RelyingParty | None:
    """The portal at this address; None where browsers have no passkeys: without https (but for
    ``localhost``), and where the host is a number."""
    parts = urlsplit(public_url)
    host = (parts.hostname or "").lower()
    is_local = host == "localhost" or host.endswith(".localhost")
    if not host or _is_number(host) or (parts.scheme != "https" and not is_local):
        return None
    port = f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme)) else ""
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
