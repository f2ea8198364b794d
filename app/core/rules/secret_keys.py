"""The portal's secret key, and an old one that is still read while SECRET_KEY is changed.

Both travel as one value, so that no reader can forget the old one: as ``bytes`` it is the new key,
with which everything is written.
"""

from __future__ import annotations

from typing import Self


class SecretKey(bytes):
    """The portal's secret key; ``old`` is the one before it, None = not set."""

    old: bytes | None

    def __new__(cls, key: bytes, old: bytes | None = None) -> Self:
        """``key`` as bytes, with the old one."""
        made = super().__new__(cls, key)
        made.old = old
        return made


def keys_to_read(key: bytes) -> tuple[bytes, ...]:
    """The keys with which a stored or signed value may have been written, the new one first."""
    old = key.old if isinstance(key, SecretKey) else None
    return (bytes(key),) if old is None else (bytes(key), old)
