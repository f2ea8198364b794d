"""A real provider of identities (npm's oidc-provider) as its own process, and a browser there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener, urlopen

from app.core.sign_on_settings import READER, SignOnSettings
from tests.harness import run
from tests.harness.server import end_group, free_port, wait_until_answering

FOLDER: Final = Path(__file__).parent / "provider"
NEED: Final = "node with oidc-provider (Debian: nodejs npm; then tools/test_programs.sh)"
NAME: Final = "Example SSO"
SECRET: Final = "a-secret-of-the-portal-at-its-provider"
_SECONDS: Final = 30
_FORM: Final = re.compile(r"<form[^>]*>")
_ACTION: Final = re.compile(r'action="([^"]*)"')
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def is_there() -> bool:
    """Whether this machine can run it."""
    return shutil.which("node") is not None and (FOLDER / "node_modules" / "oidc-provider").is_dir()


@dataclass(frozen=True)
class IdentityProvider:
    """A provider that the portal at ``portal`` is a client of."""

    port: int
    portal: str
    process: subprocess.Popen[bytes]

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """What the portal's settings say of it; see ``sign_on_settings``."""
        return sign_on_settings(self.port, **more)

    def says(self, subject: str, **claims: Any) -> None:
        """From now on there is a person of this ``sub``, with these claims."""
        self._tell("people", json.dumps({subject: claims}).encode())

    def rotate(self) -> None:
        """Sign by another key from now on, whose name is that of the key before."""
        self._tell("rotate", b"")

    def stop(self) -> None:
        """End it."""
        end_group(self.process)

    def _tell(self, what: str, content: bytes) -> None:
        with urlopen(f"{self.issuer}/test/{what}", data=content, timeout=_SECONDS):
            pass


def sign_on_settings(port: int, unmapped: str = READER, **more: Any) -> dict[str, Any]:
    """Settings of a portal whose provider listens on this port; most tests need no map."""
    return {
        "sign_on": SignOnSettings(
            issuer=f"http://127.0.0.1:{port}",
            client_id="portal",
            client_secret=SECRET,
            name=NAME,
            unmapped=unmapped,
            **more,
        ),
        "outbound_private_hosts": frozenset({"127.0.0.1"}),
    }


@contextmanager
def provider_for(
    portal: str, people: Mapping[str, Any], port: int | None = None
) -> Iterator[IdentityProvider]:
    """Run one; ``people`` maps each ``sub`` to its claims."""
    port = port or free_port()
    client = {
        "client_id": "portal",
        "client_secret": SECRET,
        "redirect_uris": [f"{portal}/login/sign-on/done"],
        "post_logout_redirect_uris": [f"{portal}/login"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
    }
    log = run.folder() / f"provider-{port}.log"
    told = json.dumps({"port": port, "client": client, "people": dict(people)})
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["node", str(FOLDER / "provider.mjs")],
            env={**os.environ, "PROVIDER": told},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_answering(process, port, log, page="/.well-known/openid-configuration")
        yield IdentityProvider(port, portal, process)
    finally:
        end_group(process)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclass
class ProviderVisitor:
    """A browser at the provider, with its cookies there."""

    portal: str
    jar: CookieJar = field(default_factory=CookieJar)

    def come_back(self, url: str, login: str = "") -> str:
        """Follow ``url``, sign in as ``login`` if asked (nobody = cancel), to the address of the
        portal to which the provider leads back; its path and query."""
        sent: bytes | None = None
        for _step in range(12):
            status, where, body = self._ask(url, sent)
            sent = None
            if where:
                url = urljoin(url, where)
                if url.startswith(self.portal):
                    return url.removeprefix(self.portal)
            else:
                assert status == 200, body
                url, sent = self._filled(url, body, login)
        raise AssertionError("the provider leads nowhere")

    def _filled(self, url: str, body: str, login: str) -> tuple[str, bytes]:
        form = _FORM.search(body)
        assert form, body
        fields = {name: unescape(value) for name, value in _HIDDEN.findall(body)}
        if "/interaction/" in url:
            fields |= {"login": login} if login else {"cancel": "yes"}
        else:
            fields["logout"] = "yes"
        action = _ACTION.search(form[0])
        return urljoin(url, unescape(action[1])) if action else url, urlencode(fields).encode()

    def _ask(self, url: str, sent: bytes | None) -> tuple[int, str, str]:
        opener = build_opener(HTTPCookieProcessor(self.jar), _Stay)
        try:
            with opener.open(Request(url, data=sent), timeout=_SECONDS) as answer:
                return answer.status, "", answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers.get("Location", ""), error.read().decode()
