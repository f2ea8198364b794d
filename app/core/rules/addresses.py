"""Addresses of the network, as the audit keeps them."""

from __future__ import annotations

from ipaddress import ip_address


def kept_address(text: str | None) -> str:
    """An IPv4 or IPv6 address in its canonical form, or "" for what is none.

    A proxy may pass anything on, such as ``unknown``; of ``fe80::1%eth0`` the zone is left out.
    """
    try:
        return str(ip_address((text or "").strip().partition("%")[0]))
    except ValueError:
        return ""
