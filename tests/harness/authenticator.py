"""A device with passkeys, in software: it answers as WebAuthn Level 3 (sections 6 and 7) has it.

Each part of an answer can be made wrong.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost"
_PRESENT, _VERIFIED, _MAY_SYNC, _SYNCED, _NEW = 1, 4, 8, 16, 64


def text(raw: bytes) -> str:
    """As base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def raw(encoded: str) -> bytes:
    """The bytes of base64url."""
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


@dataclass
class Key:
    """One passkey on the device."""

    id: bytes
    private: ec.EllipticCurvePrivateKey
    handle: str
    count: int = 0


class Authenticator:
    """A device. ``synced``: its passkeys have copies; ``counts``: it counts how often it signs."""

    def __init__(self, *, synced: bool = False, counts: bool = True) -> None:
        self.synced, self.counts = synced, counts
        self.keys: list[Key] = []
        self.new_id = b""
        """The id of what it makes next; else a random one."""

    def create(
        self, options: Mapping[str, Any], *, origin: str = ORIGIN, verified: bool = True
    ) -> str:
        """A new passkey, as the browser tells the page of it."""
        key = Key(
            self.new_id or secrets.token_bytes(32), ec.generate_private_key(ec.SECP256R1()), ""
        )
        key.handle = options["user"]["id"]
        self.keys.append(key)
        point = key.private.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: point.x.to_bytes(32, "big"),
            -3: point.y.to_bytes(32, "big"),
        }
        told = self._told(key, options["rp"]["id"], verified=verified, new=True)
        told += bytes(16) + len(key.id).to_bytes(2, "big") + key.id + cbor2.dumps(cose)
        client = _client("webauthn.create", options["challenge"], origin)
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        response = {
            "clientDataJSON": text(client),
            "attestationObject": text(attested),
            "transports": ["internal", "telepathy"],
        }
        return _answer(key, response)

    def get(
        self,
        options: Mapping[str, Any],
        *,
        key: Key | None = None,
        origin: str = ORIGIN,
        rp_id: str = "",
        verified: bool = True,
        handle: str | None = "",
        signed: bytes = b"",
    ) -> str:
        """The challenge signed by a passkey (the newest), as the browser tells the page of it."""
        key = key or self.keys[-1]
        told = self._told(key, rp_id or options["rpId"], verified=verified)
        client = _client("webauthn.get", options["challenge"], origin)
        content = signed or told + sha256(client).digest()
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(told),
            "signature": text(key.private.sign(content, ec.ECDSA(SHA256()))),
            "userHandle": key.handle if handle == "" else handle,
        }
        return _answer(key, response)

    def _told(self, key: Key, rp_id: str, *, verified: bool, new: bool = False) -> bytes:
        key.count += self.counts
        flags = _PRESENT | (_VERIFIED if verified else 0) | (_NEW if new else 0)
        flags |= _MAY_SYNC | _SYNCED if self.synced else 0
        return sha256(rp_id.encode()).digest() + bytes([flags]) + key.count.to_bytes(4, "big")


def _client(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()


def _answer(key: Key, response: Mapping[str, Any]) -> str:
    return json.dumps(
        {"id": text(key.id), "rawId": text(key.id), "type": "public-key", "response": response}
    )
