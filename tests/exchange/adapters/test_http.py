"""A partner's server that answers with anything (F8, A25), over a real socket: each is a failed
call that says whether what was asked may have been done, within its time and its bytes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.core.adapters.outbound import Limits
from app.exchange.adapters import http
from app.exchange.adapters.http import JsonCaller, RecordedCall
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.partner import CallFailed

HOSTS = frozenset({"localhost"})
SECRET = "Token token=secret-of-ours"
SMALL: Limits = Limits(most_bytes=1000, seconds=0.5)
Talk = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LIMITS", SMALL)


@pytest.fixture
def serve() -> Iterator[Callable[[Talk], str]]:
    """Starts a server that talks to its one caller as it is told; its address."""
    opened: list[socket.socket] = []
    threads: list[Thread] = []

    def start(talk: Talk) -> str:
        server = socket.create_server(("localhost", 0))
        opened.append(server)

        def run() -> None:
            try:
                with server.accept()[0] as caller:
                    talk(caller)
            except OSError:
                pass  # it hung up

        threads.append(Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://localhost:{server.getsockname()[1]}"

    yield start
    for one in opened:
        one.close()
    for thread in threads:
        thread.join(timeout=30)


def answering(content: bytes) -> Talk:
    """Reads what is asked, and answers so."""

    def talk(caller: socket.socket) -> None:
        caller.recv(65536)
        caller.sendall(content)

    return talk


def silent(caller: socket.socket) -> None:
    """Reads, says nothing, and waits until the other side hangs up."""
    while caller.recv(65536):
        pass


def dripping(caller: socket.socket) -> None:
    """A byte after the other, for ever."""
    caller.recv(65536)
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    caller.settimeout(0.05)
    while True:
        caller.sendall(b" ")
        try:
            if not caller.recv(1):
                return
        except TimeoutError:
            continue


def reset(caller: socket.socket) -> None:
    """Ends in the middle of its body."""
    caller.recv(65536)
    caller.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id":')


BARE = ("302 There", "403 No", "404 Nothing", "405 Not so")
"""What a proxy answers for the system behind it."""
OWN = b'{"fault": "It is closed"}'
"""An error in the form of the system's own."""


def failure_of(url: str, method: str = "POST") -> tuple[Failure, list[RecordedCall]]:
    """What a call there fails with, and what is kept of it."""
    kept: list[RecordedCall] = []
    headers = {"Authorization": SECRET}
    caller = JsonCaller(
        url, HOSTS, headers, tell=kept.append, is_own_error=lambda found: "fault" in found
    )
    with pytest.raises(CallFailed) as failed:
        caller.call(method, "/api/v1/tickets", {"title": "x"} if method == "POST" else None)
    return failed.value.failure, kept


def whole(status: str, body: bytes = b"", *heads: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *heads]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("talk", "for_write", "for_read"),
    [
        (silent, Outcome.UNKNOWN, Outcome.TRANSIENT),
        (dripping, Outcome.UNKNOWN, Outcome.TRANSIENT),
        (reset, Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(b""), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(b"SSH-2.0-OpenSSH_9\r\n"), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(whole("500 Oops")), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(whole("503 Later")), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(whole("429 Slow")), Outcome.TRANSIENT, Outcome.TRANSIENT),
        (answering(whole("422 No")), Outcome.PERMANENT, Outcome.PERMANENT),
        *((answering(whole(one)),) + 2 * (Outcome.TRANSIENT,) for one in BARE),
        *((answering(whole(one, OWN)),) + 2 * (Outcome.PERMANENT,) for one in BARE),
        *(
            (answering(whole(one, b'{"message": "No"}')),) + 2 * (Outcome.TRANSIENT,)
            for one in BARE
        ),
        (answering(whole("200 OK", b"<html>Log in</html>")), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(whole("200 OK", b"[" * 999)), Outcome.UNKNOWN, Outcome.TRANSIENT),
        (answering(whole("200 OK", b"{" + b" " * 5000)), Outcome.UNKNOWN, Outcome.PERMANENT),
    ],
)
def test_what_a_call_in_vain_leaves_open(
    serve: Callable[[Talk], str], talk: Talk, for_write: Outcome, for_read: Outcome
) -> None:
    failure, kept = failure_of(serve(talk))
    assert failure.outcome is for_write
    assert failure_of(serve(talk), "GET")[0].outcome is for_read
    assert [one.failure for one in kept] == [failure.reason]
    assert "secret-of-ours" not in str(kept)


def test_a_call_that_took_the_longest_that_one_may_says_so(serve: Callable[[Talk], str]) -> None:
    for talk in (silent, dripping):
        assert failure_of(serve(talk))[0].waited >= timedelta(seconds=SMALL.seconds)
    assert not failure_of(serve(reset))[0].waited


def test_a_certificate_that_ended_and_a_name_that_is_gone_are_tried_again(tmp_path: Path) -> None:
    certificate = tmp_path / "ended.pem"
    certificate.write_bytes(_ended())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("localhost", 0)) as server:

        def run() -> None:
            try:
                with context.wrap_socket(server.accept()[0], server_side=True) as caller:
                    caller.recv(1)
            except OSError:
                pass  # the other side does not trust it

        thread = Thread(target=run, daemon=True)
        thread.start()
        failure, _kept = failure_of(f"https://localhost:{server.getsockname()[1]}")
        thread.join(timeout=30)
    assert failure.outcome is Outcome.TRANSIENT
    assert "CERTIFICATE_VERIFY_FAILED" in failure.reason
    gone, _kept = failure_of("http://nobody.invalid")
    assert gone.outcome is Outcome.TRANSIENT
    assert "cannot be resolved" in gone.reason


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://169.254.169.254", "http://[::1]:1"]
)
def test_addresses_inside_are_not_called(address: str) -> None:
    failure, _kept = failure_of(address)
    assert failure.outcome is Outcome.TRANSIENT
    assert "is not public" in failure.reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_when_to_ask_again_is_seconds_or_a_time(
    serve: Callable[[Talk], str], value: str, seconds: int | None
) -> None:
    refusal = whole("503 Later", b"", f"Retry-After: {value}")
    failure, _kept = failure_of(serve(answering(refusal)))
    assert failure.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_file_is_fetched_within_its_size(serve: Callable[[Talk], str]) -> None:
    def caller(content: bytes) -> JsonCaller:
        return JsonCaller(serve(answering(whole("200 OK", content))), HOSTS, {})

    assert caller(b"x" * 100).fetch("/file", 100) == b"x" * 100
    with pytest.raises(CallFailed) as failed:
        caller(b"x" * 101).fetch("/file", 100)
    assert failed.value.failure.outcome is Outcome.PERMANENT


def _ended() -> bytes:
    """A certificate of localhost, with its key, that ended yesterday."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM) + private
