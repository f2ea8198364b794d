"""Mails that were written to keep the portal busy, and a login beside each.

``python -m tests.exchange.hostile_mail`` starts the real server and a worker on SQLite and on
PostgreSQL, hands each mail to ``flask mail receive``, with the portal's secret in its environment
and without, and logs in again and again until the mail is decided. It prints a table, and 1 is its
exit code if a login took a second or a mail was not decided as it should.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.client import HTTPConnection, HTTPResponse
from http.cookiejar import CookieJar
from itertools import count
from time import monotonic, process_time
from typing import Final
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPHandler, Request, build_opener

from sqlalchemy import select

from app.core.folders import PROJECT
from app.core.settings import process_environment
from app.exchange.adapters.html_text import TooComplex, plain_of
from app.exchange.models.incoming_mails import IncomingMail
from tests.cast import PASSWORD, enter
from tests.harness import run
from tests.harness.databases import KINDS, fresh_database
from tests.harness.server import LiveServer, end_group, live, test_settings

LONGEST_LOGIN: Final = 1.0
"""Seconds."""
LONGEST_REFUSAL: Final = 0.1
"""Seconds of processor time for HTML with 200,000 attributes."""
_TOKEN: Final = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def bomb(attributes: int) -> str:
    """HTML with one tag of so many attributes."""
    return "<p " + " ".join(f"a{count}=1" for count in range(attributes)) + ">We dig</p>"


def _mail(name: str, html: str, parts: int = 1) -> bytes:
    head = f"From: a@b.example\r\nTo: t@c.example\r\nMessage-ID: <{name}@b.example>\r\n"
    head += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    part = f"--x\r\nContent-Type: text/html\r\n\r\n{html}\r\n"
    return (head + part * parts + "--x--\r\n").encode()


def _mails() -> Mapping[str, bytes]:
    nested = "".join(
        f"Content-Type: multipart/mixed; boundary=b{count}\r\n\r\n--b{count}\r\n"
        for count in range(49)
    )
    return {
        "60,000 attributes": _mail("attributes", bomb(60_000)),
        "200,000 attributes, seven times": _mail("seven", bomb(200_000), 7),
        "49 parts in each other, 15 MiB": b"From: a@b.example\r\nMessage-ID: <nested@b.example>\r\n"
        + nested.encode()
        + b"a\n" * (15 * 512 * 1024),
        "a report of 15 MiB": b"From: a@b.example\r\nMessage-ID: <report@b.example>\r\n"
        + b"Content-Type: message/delivery-status\r\n\r\n"
        + b"\n" * (15 * 1024 * 1024),
    }


class _From(HTTPHandler):
    """Opens addresses from an address of this machine that nobody had before: one address is
    allowed fewer logins a minute than this makes."""

    _last = count(1)

    def http_open(self, req: Request) -> HTTPResponse:
        high, low = divmod(next(self._last), 250)
        own = (f"127.1.{high}.{low + 1}", 0)
        return self.do_open(partial(HTTPConnection, source_address=own), req)


def _log_in(server: LiveServer) -> float:
    """How many seconds a login takes, from its page to the one behind it."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()), _From)
    start = monotonic()
    page = opener.open(f"{server.url}/login", timeout=120).read().decode()
    token = _TOKEN.search(page)
    assert token is not None
    values = {"csrf_token": unescape(token[1]), "name": "operator", "password": PASSWORD}
    with opener.open(
        f"{server.url}/login", urlencode({**values, "next": ""}).encode(), timeout=120
    ) as answer:
        assert not answer.url.endswith("/login"), answer.url
    return monotonic() - start


@contextmanager
def _working(server: LiveServer) -> Iterator[None]:
    with (run.folder() / f"worker-{server.port}.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "worker"],
            cwd=PROJECT,
            env=process_environment(server.settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            end_group(process)


def _receive(server: LiveServer, mail: bytes, codes: list[int], *, with_secret: bool) -> None:
    environment = process_environment(server.settings)
    if not with_secret:
        del environment["SECRET_KEY"]
    command = [sys.executable, "-m", "flask", "mail", "receive"]
    ran = subprocess.run(
        command, cwd=PROJECT, env=environment, input=mail, capture_output=True, check=False
    )
    codes.append(ran.returncode)
    sys.stderr.buffer.write(ran.stderr)


def _state(server: LiveServer, content: bytes) -> str:
    with server.session() as session:
        row = select(IncomingMail.state).where(IncomingMail.content == content)
        return session.scalars(row).first() or "not there"


def _decided(server: LiveServer, mail: bytes) -> bool:
    return _state(server, mail) not in ("not there", "received")


def rows(kind: str) -> Iterator[tuple[str, bool]]:
    """The lines of the table for one kind of database, and whether each is as it should be."""
    with (
        fresh_database(kind) as url,
        live(test_settings(url), supervised=True) as server,
        _working(server),
    ):
        with server.session() as session:
            enter(session)
        for _ in range(5):
            _log_in(server)  # the first pages of a process are slow by themselves
        yield f"{kind} | - | none | - | {max(_log_in(server) for _ in range(10)):.2f} | -", True
        for with_secret in (True, False):
            for name, content in _mails().items():
                mail = content.replace(b"@b.example>", b"-%d@b.example>" % with_secret)
                slowest, codes = 0.0, list[int]()
                start = monotonic()
                thread = threading.Thread(
                    target=_receive, args=(server, mail, codes), kwargs={"with_secret": with_secret}
                )
                thread.start()
                while thread.is_alive():
                    slowest = max(slowest, _log_in(server))
                thread.join()
                assert codes == [0], codes
                while not _decided(server, mail):
                    slowest = max(slowest, _log_in(server))
                slowest = max(slowest, _log_in(server))
                took, state = monotonic() - start, _state(server, mail)
                line = f"{kind} | {'yes' if with_secret else 'no'} | {name}, {len(mail):,} bytes"
                good = slowest < LONGEST_LOGIN and state == "needs review"
                yield f"{line} | {took:.1f} | {slowest:.2f} | {state}", good


def refusal() -> float:
    """Seconds of processor time until HTML with 200,000 attributes is refused."""
    html = bomb(200_000)
    start = process_time()
    try:
        plain_of(html)
    except TooComplex:
        return process_time() - start
    raise AssertionError("it was read")


def main() -> int:
    """Print the figures; 1 if one of them is bad."""
    bad = 0
    print("| database | SECRET_KEY | mail | decided after s | slowest login s | state |")
    print("|---|---|---|---:|---:|---|")
    folder = run.begin()
    try:
        for kind in KINDS:
            for line, good in rows(kind):
                bad += not good
                print(f"| {line} |", flush=True)
    finally:
        run.end(folder)
    seconds = refusal()
    bad += seconds >= LONGEST_REFUSAL
    print(f"\n200,000 attributes are refused after {seconds:.3f} s. {bad} figures are bad.")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
