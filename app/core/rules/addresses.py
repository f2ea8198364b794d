"""Addresses of the network, as the audit keeps them."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address


def kept_address(text: str | None) -> str:
    """An IPv4 or IPv6 address in its canonical form, or "" for anything else.

    A proxy may pass anything on, such as ``unknown``; of ``fe80::1%eth0`` the zone is left out.
    """
    try:
        return str(ip_address((text or "").strip().partition("%")[0]))
    except ValueError:
        return ""


def network_of(text: str) -> str:
    """The key under which requests of an address are counted: an IPv4 address for itself, an IPv6
    address for its /64, which one subscriber has as a whole (RFC 6177). "" for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))
