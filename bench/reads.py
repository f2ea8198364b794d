"""TicketGet: the portal against a bare Spyne service, plain SQL, and node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from app.core.folders import PROJECT
from bench import places, raw
from bench.load import Load, drive
from bench.places import LOGIN, PASSWORD, TITLES, Place
from bench.tables import print_table, rate, ratio
from tests.harness.server import free_port

ROUNDS = 3
TICKETS = 2000
"""Different tickets that are asked for."""
_NODE = PROJECT / "bench" / "node"


def measure(place: Place, seconds: float) -> None:
    """Print the table of TicketGet for one database."""
    load = Load("TicketGet", LOGIN, PASSWORD, place.last - TICKETS + 1, place.last)
    found: dict[str, list[float]] = {}
    with ExitStack() as servers:
        portal = servers.enter_context(places.portal(place))
        answer = json.dumps(_elements(portal, load.first))
        bare = servers.enter_context(places.bare(place, {"BENCH_ANSWER": answer}))
        ways: dict[str, Callable[[float], float]] = {
            "portal": lambda time: drive(portal, load, time),
            "bare Spyne, no database": lambda time: drive(bare, load, time),
            "plain SQL, no service": lambda time: raw.read_speed(
                place.url, load.first, load.last, time
            ),
        }
        node = servers.enter_context(_node(place, portal))
        if node is not None:
            address = node
            ways["node soap"] = lambda time: drive(address, load, time)
        for way in ways.values():
            way(1)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                found.setdefault(name, []).append(way(seconds))
    print_table(
        f"TicketGet, {TITLES[place.kind]}: 8 clients, 2 processes, {TICKETS} tickets at random",
        ("what answers", "calls", "portal is times that"),
        [(name, rate(rates), ratio(found["portal"], rates)) for name, rates in found.items()],
    )


def _elements(url: str, number: int) -> dict[str, str]:
    """What the portal answers for a ticket, by element."""
    values = f"<n:GHD_Request_ID>{number}</n:GHD_Request_ID>"
    answer = ask(url, "TicketGet", values)
    return {
        etree.QName(item).localname: item.text or "" for item in etree.fromstring(answer)[-1][0]
    }


def ask(url: str, operation: str, values: str, connection: HTTPConnection | None = None) -> bytes:
    """Call an operation of GGUS; its answer, which must not be a fault."""
    parts = urlsplit(url)
    own = connection or HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    body = envelope(operation, values).encode()
    own.request("POST", parts.path, body, {"Content-Type": "text/xml; charset=utf-8"})
    answer = own.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    if connection is None:
        own.close()
    return content


def envelope(operation: str, values: str) -> str:
    """A call of GGUS with these elements."""
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
        f"<e:Header><n:AuthenticationInfo><n:userName>{LOGIN}</n:userName><n:password>{PASSWORD}"
        f"</n:password></n:AuthenticationInfo></e:Header><e:Body><n:{operation}>{values}"
        f"</n:{operation}></e:Body></e:Envelope>"
    )


@contextmanager
def _node(place: Place, portal: str) -> Iterator[str | None]:
    """The address of the node service; None where node or its packages cannot be had."""
    if not _installed():
        yield None
        return
    parts = urlsplit(portal)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    connection.request("GET", f"{parts.path}?wsdl")
    wsdl = connection.getresponse().read()
    connection.close()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "service.wsdl"
        file.write_bytes(wsdl)
        environ = {
            "NODE_ENV": "production",
            "BENCH_DATABASE": place.url.replace("portal@/", "portal@localhost/"),
            "BENCH_WSDL": str(file),
            "BENCH_PORT": str(port),
            "BENCH_LOGIN": LOGIN,
            "BENCH_PASSWORD": PASSWORD,
        }
        with places.running(["node", str(_NODE / "server.js")], port, environ):
            yield f"http://127.0.0.1:{port}/soap/GGUS"


def _installed() -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if (_NODE / "node_modules" / "soap").exists():
        return True
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"],
        check=False,
        cwd=_NODE,
        env={**os.environ},
        capture_output=True,
    )
    return done.returncode == 0
