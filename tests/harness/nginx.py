"""nginx from Debian with the file of ``deploy/nginx``, as it is, before a server of 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.folders import PROJECT
from tests.harness.server import free_port
from tests.harness.until import until

DEPLOY: Final = PROJECT / "deploy"
NAME: Final = "portal.example"
"""The name in the files of ``deploy``."""
NEED: Final = "nginx (apt-get install nginx-light)"
_MAIN = """
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include lhcopn-portal.conf;
}}
"""


def program() -> str | None:
    """Where nginx is."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class Proxy:
    """Where nginx listens, and what it trusts itself with."""

    port: int
    plain_port: int
    certificate: Path

    def connect(self, sender: str = "127.0.0.1") -> http.client.HTTPConnection:
        """A connection over TLS, whose certificate is checked, from this address."""
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout=60, source_address=(sender, 0)
        )
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPConnection(NAME, self.port, timeout=60)
        connection.sock = context.wrap_socket(plain, server_hostname=NAME)
        return connection

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        sender: str = "127.0.0.1",
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request, and its answer."""
        connection = self.connect(sender)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@contextmanager
def nginx(folder: Path, upstream: int | str, port: int) -> Iterator[Proxy]:
    """nginx before the port ``upstream``, or before these ``server`` lines. Of what is in
    ``deploy/nginx`` only the three files are others that say where to listen, under which names,
    and where the portal is."""
    local = seed(folder)
    plain_port = free_port()
    (local / "listen.conf").write_text(
        f"listen 127.0.0.1:{plain_port};\nlisten 127.0.0.1:{port} ssl;\n"
        "ssl_certificate lhcopn-portal/fullchain.pem;\n"
        "ssl_certificate_key lhcopn-portal/privkey.pem;\n"
    )
    servers = f"server 127.0.0.1:{upstream} max_fails=0;\n"
    (local / "upstream.conf").write_text(upstream if isinstance(upstream, str) else servers)
    found = program()
    assert found is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [found, "-p", str(folder), "-c", "nginx.conf"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _listens(port) or process.poll() is not None, 30)
        assert process.poll() is None, (folder / "log").read_text()
        yield Proxy(port, plain_port, local / "fullchain.pem")
    finally:
        process.terminate()
        process.wait(30)


def seed(folder: Path) -> Path:
    """nginx's folder with the files as they are, and a certificate; the folder of the three."""
    shutil.copy(DEPLOY / "nginx" / "lhcopn-portal.conf", folder)
    local = folder / "lhcopn-portal"
    shutil.copytree(DEPLOY / "nginx" / "lhcopn-portal", local)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(user=user))
    _make_certificate(local)
    return local


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "privkey.pem").write_bytes(private)
