"""Mail addresses: what is one, and how two are compared.

Only what every mail server takes (RFC 5321 without quoted local parts and address literals, ASCII
before the ``@``); a host name in other letters is written in its ASCII form (IDNA). None begins
with a dash: a program to which it is handed as an argument would take it for an option.
"""

from __future__ import annotations

import re

MAILTO = "mailto:"
"""The scheme of an address as a URL."""
MAIL_LIMIT = 254
"""Longest address (RFC 5321, errata 1690)."""
_LOCAL_LIMIT = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"(?!-){_ATOM}(\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_SEPARATOR = re.compile(r"[;,]")


def mail_address(text: str) -> str | None:
    """The address as it is in an envelope, or None if ``text`` is not one."""
    local, at, host = text.strip().rpartition("@")
    if not at or len(local) > _LOCAL_LIMIT or not _LOCAL.fullmatch(local):
        return None
    try:
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if not _HOST.fullmatch(plain) or len(local) + 1 + len(plain) > MAIL_LIMIT:
        return None
    return f"{local}@{plain}"


def address_parts(text: str) -> list[str]:
    """The parts of a list of addresses that is separated by ``;`` or ``,``, addresses or not."""
    return [part.strip() for part in _SEPARATOR.split(text) if part.strip()]


def address_key(address: str) -> str:
    """The form in which addresses are compared: lower case, as no known server is
    case-sensitive."""
    return address.casefold()
