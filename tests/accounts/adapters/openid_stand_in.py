"""A provider that says whatever a test wants: what no real one would sign."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from app.accounts.adapters.openid import Client, OpenIdProvider

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
SECRET = "a-secret-of-the-client-of-the-tests"
NONCE = "the-nonce-of-this-login"
KEYS = [RSAKey.generate_key(2048, {"kid": "first"}) for _ in range(2)]
"""Two keys of one name."""


def encoded(content: bytes) -> str:
    """As in a token."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class StandIn:
    """Its answers: ``document``, ``claims`` and so on are what a test changes before it asks."""

    issuer: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: KEYS[0])
    published: RSAKey = field(default_factory=lambda: KEYS[0])
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "first"})
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: Any = field(default_factory=lambda: {"sub": "curie", "groups": ["noc"]})
    token: dict[str, Any] = field(default_factory=dict)
    """What its answer with tokens has besides, or instead."""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Whole answers instead, by path."""
    held: dict[str, Event] = field(default_factory=dict)
    """Codes that are not answered before their event."""
    asked: list[str] = field(default_factory=list)

    def begin(self, issuer: str) -> None:
        """Say what an honest provider says, at this address."""
        self.issuer = issuer
        self.document = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/auth",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "userinfo_endpoint": f"{issuer}/userinfo",
        }
        self.claims = {
            "iss": issuer,
            "sub": "curie",
            "aud": "portal",
            "nonce": NONCE,
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 300,
        }

    def provider(self, **more: Any) -> OpenIdProvider:
        """The portal's side of it."""
        given = {
            "issuer": self.issuer,
            "client_id": "portal",
            "client_secret": SECRET,
            "scopes": "openid",
            "redirect_uri": "http://localhost/login/sign-on/done",
            "private_hosts": frozenset({"127.0.0.1"}),
        }
        return OpenIdProvider(Client(**{**given, **more}))

    def id_token(self) -> str:
        """The claims, signed as the header says."""
        return jwt.encode(self.header, self.claims, self.key)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and content."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        found: Any = {
            "/.well-known/openid-configuration": self.document,
            "/jwks": {"keys": [self.published.as_dict(private=False)]},
            "/userinfo": self.userinfo,
        }.get(path)
        if path == "/token":
            found = {"access_token": "opaque", "token_type": "Bearer"}
            found |= self.token or {"id_token": self.id_token()}
        return 200, json.dumps(found).encode()


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """One on a port of its own."""
    said = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size).decode()
            status, content = said.answer(self.path)
            for code, event in said.held.items():
                if f"code={code}&" in f"{body}&":
                    event.wait(60)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815  # as the library calls it

        def log_message(self, *_args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))  # how often it looks for its end
    thread.start()
    said.begin(f"http://127.0.0.1:{server.server_port}")
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
