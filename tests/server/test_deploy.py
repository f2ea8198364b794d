"""``deploy/``: nginx with the file as it is before the real portal, and the units of systemd."""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app.accounts.models.people import Login
from app.api import limits as api
from app.core.folders import PROJECT
from app.core.settings import NAMES
from app.core.web.requests import limits as pages
from app.core.web.requests.security_headers import security_headers
from app.events.models.imports import EventImport
from soap_service import application as soap
from tests.cast import PASSWORD, enter
from tests.harness.databases import fresh_database
from tests.harness.nginx import DEPLOY, NAME, NEED, Proxy, nginx, program, seed
from tests.harness.server import LiveServer, end_group, free_port, live, test_settings
from tests.harness.until import until
from tests.harness.visitor import PageReader
from tests.soap_service.wire import elements, envelope, login

UNITS = sorted((DEPLOY / "systemd").iterdir())
PREFIX = "/opt/lhcopn-portal"
"""Where the units look for the portal."""
MIB = 1024 * 1024

needs_nginx = pytest.mark.skipif(program() is None, reason=f"needs {NEED}")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd (apt-get install systemd)"
)


@pytest.fixture(scope="module")
def portal() -> Iterator[LiveServer]:
    """The real server as ``deploy/portal.env`` sets it."""
    port = free_port()
    with fresh_database("sqlite") as url:
        settings = replace(test_settings(url), trusted_proxies=1)
        with live(settings, f"https://{NAME}:{port}") as server:
            with server.session() as session:
                enter(session)
            yield server


@pytest.fixture(scope="module")
def proxy(portal: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    port = int(portal.settings.public_url.rpartition(":")[2])
    with nginx(tmp_path_factory.mktemp("nginx"), portal.port, port) as found:
        yield found


def _log_in(proxy: Proxy, sender: str, **headers: str) -> dict[str, str]:
    """A cookie of an operator."""
    page, text = proxy.ask("GET", "/login", sender=sender)
    cookie = (page.headers["Set-Cookie"] or "").split(";")[0]
    form = PageReader(text.decode()).form("/login")
    sent = f"csrf_token={form.values('csrf_token')[0]}&name=operator&password={PASSWORD}&next="
    more = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"https://{NAME}:{proxy.port}/login",
        **headers,
    }
    answer, _ = proxy.ask("POST", "/login", sent.replace(" ", "+").encode(), more, sender)
    assert answer.status == 303, answer.status
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


@needs_nginx
def test_pages_and_who_asks(proxy: Proxy, portal: LiveServer) -> None:
    """The portal sees https, and the address of the client whatever the client says it is."""
    page, _ = proxy.ask("GET", "/login")
    assert page.status == 200
    assert page.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert "Secure" in page.headers["Set-Cookie"]
    cookie = _log_in(proxy, "127.0.0.7", **{"X-Forwarded-For": "192.0.2.9", "Forwarded": "for=_x"})
    home, text = proxy.ask("GET", "/tickets", headers=cookie, sender="127.0.0.7")
    assert home.status == 200, text
    with portal.session() as session:
        assert "127.0.0.7" in session.scalars(select(Login.remote)).all()


@needs_nginx
def test_plain_http_is_led_to_https(proxy: Proxy) -> None:
    with closing(socket.create_connection(("127.0.0.1", proxy.plain_port), timeout=60)) as peer:
        peer.sendall(
            f"GET /links?a=1 HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: peer.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 308 ")
    assert f"Location: https://{NAME}/links?a=1" in answer


@needs_nginx
@pytest.mark.parametrize("host", ["evil.example", "", f"{NAME}.evil.example", "127.0.0.1"])
def test_another_host_is_refused(proxy: Proxy, host: str) -> None:
    answer, body = proxy.ask("GET", "/login", headers={"Host": host})
    assert answer.status == 400
    assert b"password" not in body


@needs_nginx
def test_fifty_logins_in_a_second_from_one_address(proxy: Proxy) -> None:
    """Ten at once and one more a second are let through; nobody else and nothing else is counted.

    What is let through lacks a token, and is refused by the portal with 400.
    """

    def attempt(_number: int) -> int:
        answer, _body = proxy.ask("POST", "/login", b"name=a", sender="127.0.0.8")
        return answer.status

    begun = time.monotonic()
    with ThreadPoolExecutor(10) as many:
        counted = Counter(many.map(attempt, range(50)))
    let_through = 11 + int(time.monotonic() - begun) + 1
    assert set(counted) == {400, 429}
    assert 50 - let_through <= counted[429] <= 39
    last, _ = proxy.ask("POST", "/login", b"name=a", sender="127.0.0.9")
    assert last.status == 400, "another address"
    page, _ = proxy.ask("GET", "/login", sender="127.0.0.8")
    assert page.status == 200, "another method"


@needs_nginx
def test_who_tries_too_often_is_told_when_to_try_again(proxy: Proxy) -> None:
    for _ in range(60):
        answer, _ = proxy.ask("POST", "/login", b"name=a", sender="127.0.0.10")
        if answer.status == 429:
            break
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@needs_nginx
@pytest.mark.parametrize(("method", "path"), [("GET", "/login/sign-on"), ("POST", "/reset")])
def test_the_other_steps_of_a_login(proxy: Proxy, method: str, path: str) -> None:
    """Thirty people behind one address are let through; a stranger is not for long."""
    begun = time.monotonic()
    with ThreadPoolExecutor(10) as many:
        sender = "127.0.0.13"
        asked = many.map(
            lambda _turn: proxy.ask(method, path, b"", {}, sender)[0].status, range(140)
        )
        counted = Counter(asked)
    let_through = 140 - counted[429]
    assert 1 <= let_through <= 61 + 5 * (1 + time.monotonic() - begun)
    assert counted[429] > 0
    assert proxy.ask(method, path, b"", {}, "127.0.0.14")[0].status != 429


OWN_HEADERS = security_headers(f"https://{NAME}")


@needs_nginx
def test_each_answer_has_the_headers_once_whoever_makes_it(proxy: Proxy) -> None:
    page, _ = proxy.ask("GET", "/login")
    for name in OWN_HEADERS:
        assert len(page.headers.get_all(name) or ()) == 1, name
    assert "'self'" in page.headers["Content-Security-Policy"], "the portal's own"
    too_large, _ = proxy.ask("POST", "/login", b"", {"Content-Length": str(5 * MIB)})
    line_of_no_use, _ = proxy.ask("GET", "/login", headers={"X-Long": "x" * 70_000})
    elsewhere, _ = proxy.ask("GET", "/login", headers={"Host": "evil.example"})
    for answer, status in ((too_large, 413), (line_of_no_use, 400), (elsewhere, 400)):
        assert answer.status == status
        said = {name: answer.headers.get_all(name) for name in OWN_HEADERS}
        del said["Strict-Transport-Security"]  # of names that are ours
        assert said == {
            name: [value]
            for name, value in OWN_HEADERS.items()
            if name != "Strict-Transport-Security"
        }
    for _ in range(300):
        answer, _ = proxy.ask("POST", "/login", b"name=a", sender="127.0.0.15")
        if answer.status == 429:
            break
    assert answer.status == 429
    assert {name: answer.headers.get_all(name) for name in OWN_HEADERS} == {
        name: [value] for name, value in OWN_HEADERS.items()
    }


@needs_nginx
def test_an_attachment_over_soap(proxy: Proxy) -> None:
    """A request of 3 MiB arrives: the portal itself says that a file has at most 2 MiB."""
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

    def call(operation: str, service: str, values: dict[str, str]) -> tuple[int, str]:
        text = envelope(
            operation, elements(values), header=login("ggus", PASSWORD), service=service
        )
        answer, body = proxy.ask("POST", f"/soap/{service}", text.encode(), headers)
        return answer.status, body.decode()

    status, text = call(
        "TicketCreate",
        "GGUS",
        {
            "GHD_Short_Description": "no traffic",
            "GHD_Last_Modifier": "x",
            "GHD_Last_Login": "x",
        },
    )
    assert status == 200, text
    number = re.search(r">(\d+)</", text)
    assert number is not None

    def attach(size: int) -> tuple[int, str]:
        data = base64.b64encode(os.urandom(size)).decode()
        return call(
            "AddAttachment",
            "GGUS_ATTACH",
            {
                "GAT_Attachment_Name": "line.log",
                "GAT_Attachment_Data": data,
                "GAT_Attachment_Orig_Size": str(size),
                "GAT_Request_ID": number[1],
                "GAT_Last_Modifier": "x",
                "GAT_Last_Login": "x",
            },
        )

    status, text = attach(2 * MIB)
    assert status == 200, text
    assert "ATT" in text
    status, text = attach(int(2.9 * MIB))
    assert status == 500
    assert "faultstring" in text
    assert "2" in text


@needs_nginx
def test_a_file_of_events_of_8_mib(proxy: Proxy, portal: LiveServer) -> None:
    cookie = _log_in(proxy, "127.0.0.11")
    page, text = proxy.ask("GET", "/events/import", headers=cookie)
    cookie = {"Cookie": page.headers["Set-Cookie"].split(";")[0]}
    form = PageReader(text.decode()).form("/events/import")
    line = "CERN-PIC-LHCOPN-001,down,2026-11-02T03:10:00Z,2026-11-02T05:00:00Z,nagios,{},{}\n"
    lines = "".join(line.format(number, "x" * 700) for number in range(11_000))
    content = ("link,state,start,end,source,source_id,detail\n" + lines).encode()
    content = content[: 8 * MIB]
    fields = {name: values[0] for name, values in form.data().items() if values}
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
        if name != "file"
    ]
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="e.csv"\r\n\r\n'
    body = b"".join([*parts, head, content, b"\r\n--B--\r\n"])
    more = {
        **cookie,
        "Content-Type": "multipart/form-data; boundary=B",
        "Referer": f"https://{NAME}:{proxy.port}/events/import",
    }
    answer, text = proxy.ask("POST", "/events/import", body, more)
    assert answer.status == 303, text
    with portal.session() as session:
        assert session.scalars(select(EventImport.size)).all() == [8 * MIB]


PATHS = (
    "/",
    "/login",
    "/tickets/new",
    "/tickets/7/attachments",
    "/reports/DE-KIT/2013-Q1",
    "/reports/DE-KIT/2013-Q1/attachments",
    "/events",
    "/events/import",
    "/notices",
    "/notices/confirm",
    "/admin/imports",
    "/admin/imports/tickets",
    "/admin/cric",
    "/admin/people",
    "/soap/GGUS",
    "/soap/GGUS_HISTORY",
    "/soap/GGUS_ATTACH",
    "/soap/LHCOPN",
    "/arsys/services/ARService?server=ggus&webService=GGUS_ATTACH",
    "/arsys/WSDL/public/ggus/GGUS",
    "/api/v1/sites",
    "/api/v1/tickets",
    "/api/v1/tickets/7/attachments?name=trace.txt",
    "/api/v1/reports/DE-KIT/2013-Q1/draft",
    "/exchange/7/map/import",
    "/hooks/zammad/GGUS-TEST",
    "/api/v1/notices",
    "/api/v1/events",
    "/api/v1/events/alertmanager",
    "/api/v1/events/alertmanager/x",
)


def _limit(path: str, query: str = "") -> int:
    if soap.is_ours(path):
        return soap.body_limit(path, query)
    return api.body_limit(path) if api.is_ours(path) else pages.body_limit(path, of_login=True)


@needs_nginx
@pytest.mark.parametrize("path", PATHS)
def test_bodies_are_as_large_as_the_portal_takes(proxy: Proxy, path: str) -> None:
    """Whoever waits for "100 Continue" hears it at the portal's limit, and 413 one byte above."""
    limit = _limit(*path.split("?"))

    def heard(size: int) -> bytes:
        connection = proxy.connect("127.0.0.12")
        assert connection.sock is not None
        with closing(connection.sock) as peer:
            head = f"PUT {path} HTTP/1.1\r\nHost: {NAME}:{proxy.port}\r\nContent-Length: {size}\r\n"
            peer.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            return peer.recv(4096)[:12]

    assert heard(limit) == b"HTTP/1.1 100"
    assert heard(limit + 1) == b"HTTP/1.1 413"


@needs_nginx
def test_event_streams_are_passed_on_at_once_and_an_absent_portal_is_503(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as upstream,
        nginx(tmp_path, upstream.getsockname()[1], free_port()) as proxy,
    ):
        connection = proxy.connect()
        connection.request("GET", "/live?since=1", headers={"Accept": "text/event-stream"})
        peer, _ = upstream.accept()
        with peer:
            asked = peer.recv(65536).decode()
            assert asked.startswith("GET /live?since=1 HTTP/1.1\r\n")
            peer.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n"
            )
            answer = connection.getresponse()
            assert answer.readline() == b"data: first\n", "while the portal goes on"
        connection.close()
        upstream.close()
        for path in ("/login", "/tickets", "/live"):
            answer, _ = proxy.ask("GET", path)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "10"


@needs_nginx
def test_the_three_local_files_as_they_are(tmp_path: Path) -> None:
    """In a network of its own, where ports 80 and 443 are free."""
    seed(tmp_path)
    alone = ["unshare", "--net", *(["--user", "--map-root-user"] * (os.getuid() != 0))]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to a network of its own (unshare)")
    found = program()
    assert found is not None
    command = [*alone, found, "-t", "-p", str(tmp_path), "-c", "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def _unit(name: str) -> str:
    return (DEPLOY / "systemd" / name).read_text().replace(PREFIX, str(PROJECT))


def _command(name: str) -> list[str]:
    """ExecStart of a unit."""
    (line,) = re.findall(r"^ExecStart=(.*)$", _unit(name), re.MULTILINE)
    return shlex.split(line)


@needs_systemd
def test_the_units_are_right(tmp_path: Path) -> None:
    """``systemd-analyze verify`` says nothing; only the portal's folder is another."""
    units = []
    for unit in UNITS:
        units.append(tmp_path / unit.name)
        units[-1].write_text(_unit(unit.name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)],
        capture_output=True,
        text=True,
        check=False,
    )
    # systemd below 254 does not know how pauses grow
    said = [
        line for line in done.stderr.splitlines() if not re.search("RestartSteps|MaxDelay", line)
    ]
    assert (done.returncode, said) == (0, [])


def _environment(database: str, port: int) -> dict[str, str]:
    """``deploy/portal.env`` with another address, database and secret."""
    lines = (DEPLOY / "portal.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert settings.keys() <= set(NAMES)
    assert settings["WORKER"] == "0"
    del settings["SECRET_KEY_FILE"]
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    own = {"DATABASE_URL": database, "PORT": str(port), "SECRET_KEY": "0123456789abcdef" * 2}
    return kept | settings | own


@needs_systemd
def test_what_the_units_start(tmp_path: Path) -> None:
    """Both commands as written, the server on the socket that systemd's own program holds: it
    answers, is ready once the worker of the other unit is there, and is replaced on a signal."""
    port = free_port()
    log = tmp_path / "log"
    with fresh_database("sqlite") as database, log.open("wb") as out:
        environment = _environment(database, port)
        passed_on = [f"--setenv={name}" for name in environment]
        hold = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", *passed_on]
        server, worker = (
            subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            for command in (
                [*hold, *_command("lhcopn-portal.service")],
                _command("lhcopn-portal-worker.service"),
            )
        )
        try:
            until(lambda: _status(port, "/healthz") == 200 or server.poll() is not None)
            assert server.poll() is None, log.read_text()
            until(lambda: '"worker_seen_seconds":null' not in _text(port, "/readyz"))
            assert "python" in Path(f"/proc/{server.pid}/cmdline").read_text(), (
                "it became the server"
            )
            (reload,) = re.findall(
                r"^ExecReload=/bin/kill -(\w+) ", _unit("lhcopn-portal.service"), re.M
            )
            server.send_signal(getattr(signal, f"SIG{reload}"))
            until(lambda: _status(port, "/healthz") == 200 and b"are replaced" in log.read_bytes())
        finally:
            end_group(worker)
            end_group(server)
        assert b"Traceback" not in log.read_bytes()


def _text(port: int, path: str) -> str:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: peer.recv(4096), b"")).decode()


def _status(port: int, path: str) -> int:
    try:
        return int((_text(port, path).split() or ["", "0"])[1])
    except OSError:
        return 0
