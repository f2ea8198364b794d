"""Machines with a bare Debian 13 of their own, as the guide finds them.

Each one is a root filesystem made with debootstrap, started by ``systemd-nspawn`` with systemd as
its first process, in a network of its own. They reach each other and this program, but nothing
else: package managers use a proxy in this program, which connects to the packages' servers only.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Final
from urllib.parse import urlsplit

SUITE: Final = "trixie"
FOLDER: Final = Path("/var/tmp/lhcopn-guide")
BASE: Final = FOLDER / SUITE
_ARCHIVES: Final = FOLDER / "archives"
NETWORK: Final = "198.51.100"
"""The first three numbers of the machines' addresses; reserved for examples."""
HERE: Final = f"{NETWORK}.1"
PROXY_PORT: Final = 3128
SOURCE: Final = "/srv/lhcopn-portal.git"
"""Where a machine finds the project's repository."""
_BRIDGE: Final = "lhcopn-guide"
_PACKAGES: Final = ("deb.debian.org", "security.debian.org", "pypi.org", "files.pythonhosted.org")
_CERTIFICATES: Final = Path("/usr/local/share/ca-certificates")
_NEED: Final = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
}
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MachineError(Exception):
    """A machine cannot be made or started."""


@dataclass(frozen=True)
class Done:
    """What a command printed, and how it ended."""

    code: int
    said: str
    seconds: float


@dataclass
class Machine:
    """One machine; the number is the last one of its address."""

    name: str
    number: int
    folder: Path
    hosts: Mapping[str, str]
    where: str = "/root"
    leader: int = 0
    started: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    @property
    def nspawn_name(self) -> str:
        """Of this run alone: what a run that was killed left is not in the way."""
        return f"{self.folder.name}-{self.name}"

    @property
    def root(self) -> Path:
        return self.folder / self.name / "root"

    @property
    def archives(self) -> Path:
        return self.folder / self.name / "upper/var/cache/apt/archives"

    def run(self, script: str, typed: str = "", seconds: float = 900) -> Done:
        """Run commands as root types them, one after another until one fails. The next ones
        start in the folder where these ended."""
        here = "/run/lhcopn-guide-where"
        whole = (
            f"trap 'pwd >{here}' EXIT\nset -e -o pipefail\ncd {shlex.quote(self.where)}\n{script}"
        )
        began = time.monotonic()
        process = subprocess.Popen(
            [*self._inside(), "/bin/bash", "-c", whole],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(typed.encode(), seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            code, said = 124, said + f"\nnot done after {seconds:.0f} s".encode()
        where = subprocess.run(
            [*self._inside(), "/bin/cat", here], capture_output=True, text=True, check=False
        )
        self.where = where.stdout.strip() or self.where
        return Done(code, said.decode(errors="replace"), time.monotonic() - began)

    def _inside(self) -> list[str]:
        if not self.leader:
            raise MachineError(f"{self.name} is not running")
        names = ",".join(["localhost", "127.0.0.1", *self.hosts])
        proxy = f"http://{HERE}:{PROXY_PORT}"
        settings = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": _PATH,
            "TERM": "dumb",
            "DEBIAN_FRONTEND": "noninteractive",
            "http_proxy": proxy,
            "https_proxy": proxy,
            "no_proxy": names,
        }
        if _own_certificates():
            bundle = "/etc/ssl/certs/ca-certificates.crt"
            settings |= {"PIP_CERT": bundle, "SSL_CERT_FILE": bundle}
        words = [f"{name}={value}" for name, value in settings.items()]
        return ["nsenter", f"--target={self.leader}", "--all", "--", "/usr/bin/env", "-i", *words]

    def start(self) -> None:
        """Switch it on, and wait until systemd has started everything. Raises MachineError."""
        self.started += 1
        groups = [group / f"{_BRIDGE}-{self.name}" for group in _groups()]
        for group in groups:
            group.mkdir(exist_ok=True)
        join = "".join(f"echo $$ >{shlex.quote(str(group))}/cgroup.procs; " for group in groups)
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--private-users=no",
            "--capability=CAP_NET_ADMIN",
            f"--directory={self.root}",
            f"--machine={self.nspawn_name}",
            f"--hostname={self.name}",
            f"--network-namespace-path=/run/netns/{_BRIDGE}-{self.name}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            f"--bind={FOLDER}/cache:/root/.cache",
            f"--bind-ro={self.folder}/portal.git:{SOURCE}",
        ]
        log = (self.folder / self.name / "console").open("ab")
        with log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f'{join}exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                start_new_session=True,
            )
        self.processes.append(process)
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError, ValueError, IndexError):
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                self.leader = int(children.split()[0])
                command = ["/bin/systemctl", "is-system-running", "--wait"]
                done = subprocess.run(
                    [*self._inside(), *command], capture_output=True, text=True, check=False
                )
                if done.stdout.strip() in {"running", "degraded"}:
                    return
            time.sleep(0.2)
        code = process.poll()
        self.kill()
        said = (self.folder / self.name / "console").read_text(errors="replace")[-500:]
        raise MachineError(f"{self.name} does not start (exit code {code}): {said}")

    def stop(self) -> None:
        """Switch it off in order. Raises MachineError."""
        process = self.processes[-1]
        subprocess.run(
            [*self._inside(), "/bin/systemctl", "poweroff"], capture_output=True, check=False
        )
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            raise MachineError(f"{self.name} does not stop") from None
        self.leader = 0

    def kill(self) -> None:
        """End what is left of it, and what nspawn leaves of a machine that was not switched off."""
        self.leader = 0
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
                process.wait()
        for kind in ("unix-export", "propagate"):
            place = Path("/run/systemd/nspawn") / kind / self.nspawn_name
            subprocess.run(["umount", place], capture_output=True, check=False)
            with suppress(OSError):
                place.rmdir()


@contextmanager
def running(
    names: Sequence[str], repository: Path, commit: str, hosts: Mapping[str, str]
) -> Iterator[dict[str, Machine]]:
    """Machines with these names, switched on, that find the repository at a commit. ``hosts`` are
    names in their network, and the machine behind each, or nothing for this program. All that they
    leave is removed."""
    prepare()
    folder = FOLDER / f"run-{os.getpid()}"
    numbers = {name: number for number, name in enumerate(names, 11)}
    addresses = {
        host: f"{NETWORK}.{numbers[name]}" if name else HERE for host, name in hosts.items()
    }
    machines = {name: Machine(name, number, folder, addresses) for name, number in numbers.items()}
    lock = (FOLDER / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MachineError("another run uses this machine") from None
    try:
        folder.mkdir()
        _copy_repository(repository, commit, folder / "portal.git")
        with _network(machines.values()), _proxy():
            for machine in machines.values():
                _seed(machine)
                machine.start()
            yield machines
    finally:
        for machine in machines.values():
            machine.kill()
            subprocess.run(["umount", machine.root], capture_output=True, check=False)
            for group in _groups():
                _remove_groups(group / f"{_BRIDGE}-{machine.name}")
            _link(machine.archives, _ARCHIVES)
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _copy_repository(repository: Path, commit: str, clone: Path) -> None:
    git = ["git", "-C", str(repository), "push", "-q", str(clone), f"{commit}:refs/heads/main"]
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(clone)], check=True)
    subprocess.run(git, check=True)


def _link(source: Path, target: Path) -> None:
    """Packages that were fetched once are not fetched again."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.deb"):
        with suppress(FileExistsError):
            (target / file.name).hardlink_to(file)


def prepare() -> None:
    """The programs, and the base that all machines start from; it stays for the next run. Raises
    MachineError."""
    if os.getuid() != 0:
        raise MachineError("machines can be made by root only")
    missing = [package for program, package in _NEED.items() if not shutil.which(program)]
    if missing:
        subprocess.run(
            ["apt-get", "install", "-q", "-y", *missing], check=True, stdout=subprocess.DEVNULL
        )
    (FOLDER / "cache").mkdir(parents=True, exist_ok=True)
    if BASE.exists():
        return
    new = BASE.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    done = subprocess.run(["debootstrap", SUITE, new], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"debootstrap: {done.stdout[-500:]}")
    new.rename(BASE)


def _seed(machine: Machine) -> None:
    """A bare Debian, and what its site gives it: names in the network, and a way to packages."""
    place = machine.folder / machine.name
    for name in ("upper", "work", "root"):
        (place / name).mkdir(parents=True)
    _link(_ARCHIVES, machine.archives)
    layers = f"lowerdir={BASE},upperdir={place}/upper,workdir={place}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, machine.root], check=True)
    etc = machine.root / "etc"
    (etc / "hostname").write_text(machine.name + "\n")
    lines = [f"127.0.0.1 localhost {machine.name}\n"]
    lines += [f"{address} {host}\n" for host, address in machine.hosts.items()]
    (etc / "hosts").write_text("".join(lines))
    (etc / "resolv.conf").write_text("")
    mirror = "http://deb.debian.org/debian"
    (etc / "apt/sources.list").write_text(
        f"deb {mirror} {SUITE} main\ndeb {mirror} {SUITE}-updates main\n"
        f"deb {mirror}-security {SUITE}-security main\n"
    )
    for file in Path("/etc/apt/apt.conf.d").iterdir():
        if "Acquire::Check" in file.read_text():
            shutil.copy(file, etc / "apt/apt.conf.d")
    (machine.root / _CERTIFICATES.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for file in _own_certificates():
        shutil.copy(file, machine.root / _CERTIFICATES.relative_to("/"))
    # The address of the repository in the guide is an example.
    (etc / "gitconfig").write_text(
        f'[url "file://{SOURCE}"]\n\tinsteadOf = https://git.example/lhcopn-portal.git\n'
    )


def _own_certificates() -> list[Path]:
    return sorted(_CERTIFICATES.glob("*.crt")) if _CERTIFICATES.is_dir() else []


def _groups() -> list[Path]:
    """The hierarchies of control groups that systemd uses: one, or two with the older kind."""
    found = []
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(place))
    return found


def _remove_groups(group: Path) -> None:
    for _ in range(50):
        for place, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(place).rmdir()
        if not group.exists():
            return
        time.sleep(0.1)


@contextmanager
def _network(machines: Iterable[Machine]) -> Iterator[None]:
    """A bridge, and a network with one address for each machine."""
    _ip("link", "add", _BRIDGE, "type", "bridge")
    try:
        _ip("address", "add", f"{HERE}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        for machine in machines:
            space, end = f"{_BRIDGE}-{machine.name}", f"guide{machine.number}"
            _ip("netns", "add", space)
            _ip("link", "add", end, "type", "veth", "peer", "name", "host0", "netns", space)
            _ip("link", "set", end, "master", _BRIDGE, "up")
            _ip("-n", space, "address", "add", f"{machine.address}/24", "dev", "host0")
            _ip("-n", space, "link", "set", "host0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
        yield
    finally:
        ends = [["link", "delete", f"guide{machine.number}"] for machine in machines]
        spaces = [["netns", "delete", f"{_BRIDGE}-{machine.name}"] for machine in machines]
        for words in (*ends, *spaces, ["link", "delete", _BRIDGE]):
            subprocess.run(["ip", *words], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class _Proxy(StreamRequestHandler):
    """Passes on what a package manager asks of the packages' servers, and nothing else."""

    def handle(self) -> None:
        first = self.rfile.readline().decode("latin-1")
        method, _, rest = first.partition(" ")
        address, _, protocol = rest.partition(" ")
        whole = urlsplit(address if "//" in address else f"//{address}")
        if whole.hostname not in _PACKAGES:
            self.wfile.write(b"HTTP/1.1 403 not a server of packages\r\nContent-Length: 0\r\n\r\n")
            return
        with _connected(whole.hostname, whole.port or 80) as there:
            if method == "CONNECT":
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 connected\r\n\r\n")
            else:
                # one request for each connection, so that the next one is looked at too
                path = whole._replace(scheme="", netloc="").geturl() or "/"
                there.sendall(f"{method} {path} {protocol.strip()}\r\n".encode())
                there.sendall(b"Connection: close\r\n")
                while (line := self.rfile.readline()).strip():
                    if not line.lower().startswith((b"connection:", b"proxy-connection:")):
                        there.sendall(line)
                there.sendall(b"\r\n")
            back = threading.Thread(target=_pass_on, args=(there, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, there)
            back.join()


def _connected(host: str, port: int) -> socket.socket:
    """A connection; names and servers that cannot be reached at once are tried again."""
    for pause in (1, 2, 4, 8, 16):
        with suppress(OSError):
            return socket.create_connection((host, port), 60)
        time.sleep(pause)
    return socket.create_connection((host, port), 60)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def _proxy() -> Iterator[None]:
    with _Server((HERE, PROXY_PORT), _Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
