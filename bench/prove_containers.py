"""``make prove-containers``: each scenario of ``deploy/containers``, started, filled, backed up,
destroyed with its volumes, restored and compared.

The containers are those of the last commit, which the page names. ``ENGINE`` and ``COMPOSE`` name
the programs (docker, docker compose), ``BUILD`` has more options of the build. Whatever happens,
the page ``docs/proofs/containers.md`` is written; the exit code is 1 if a step failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from app.core.folders import PROJECT
from bench.guide.client import NAME, PASSWORD, Visitor, Wrong
from tests.soap_service.wire import in_order

PAGE: Final = PROJECT / "docs" / "proofs" / "containers.md"
_ENGINE: Final = shlex.split(os.environ.get("ENGINE") or "docker")
_COMPOSE: Final = shlex.split(os.environ.get("COMPOSE") or "docker compose")
_BUILD: Final = shlex.split(os.environ.get("BUILD") or "")
_IMAGE: Final = os.environ.get("PORTAL_IMAGE") or "lhcopn-portal"
_NAME: Final = "prove-lhcopn-portal"
_TICKETS: Final = 50
_HEALTHY_WITHIN: Final = 240
_CAPABILITIES: Final = "0000000000000000"
_PARTNER: Final = ("ggus-proof", "an exchange of secrets 71")
_FILE: Final = "".join(f"line {number} of a trace\n" for number in range(5000))
_HEAD: Final = """# The containers, started, destroyed and restored

`make prove-containers` writes this page. It builds the image of
[deploy/containers](../../deploy/containers/README.md), and runs each scenario with the commands of
that page. "healthy" is what the image's HEALTHCHECK says. A step fails if one of its commands does,
or if something is not as it says; the steps after it are then not run.
"""


@dataclass(frozen=True)
class Scenario:
    """One that the page offers: its files, and the services that are the portal."""

    title: str
    files: Sequence[str]
    web: Sequence[str]
    workers: Sequence[str] = ()

    @property
    def has_nginx(self) -> bool:
        return len(self.web) > 1


SCENARIOS: Final = {
    "sqlite": Scenario("SQLite", ("compose.yaml",), ("portal",)),
    "postgresql": Scenario(
        "PostgreSQL", ("compose.yaml", "postgresql.yaml"), ("portal",), ("worker",)
    ),
    "two": Scenario(
        "two web nodes",
        ("compose.yaml", "postgresql.yaml", "two-web-nodes.yaml"),
        ("portal", "web2"),
        ("worker", "worker2"),
    ),
}


@dataclass(frozen=True)
class Content:
    """What the portal says of itself: its tickets over REST and as a file, and an attachment."""

    tickets: int
    over_rest: str
    as_file: str
    attachment: str


@dataclass
class Running:
    """A scenario in a folder of its own, what it found so far, and what it has to find again."""

    scenario: Scenario
    folder: Path
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    ports: Sequence[int] = field(default_factory=lambda: free_ports(3))
    token: str = ""
    rows: str = ""
    content: Content | None = None
    is_complete: bool = False

    def compose(self, *words: str, typed: str = "") -> str:
        """What the compose program prints. Raises Wrong if it fails."""
        return run([*_COMPOSE, "-p", _NAME, *words], self.folder, self.environ, typed)

    def flask(self, *words: str, typed: str = "") -> str:
        """What a command of the portal prints, in a running container."""
        return self.compose("exec", "-T", "portal", "flask", *words, typed=typed)

    @property
    def environ(self) -> Mapping[str, str]:
        names = ("LISTEN", "LISTEN_HTTP", "LISTEN_HTTPS")
        ports = zip(names, self.ports, strict=True)
        return {
            **os.environ,
            **{name: f"127.0.0.1:{port}" for name, port in ports},
            "PORTAL_IMAGE": _IMAGE,
            "COMPOSE_FILE": ":".join(self.scenario.files),
        }

    @property
    def port(self) -> int:
        """Where people and partners come in."""
        return self.ports[2 if self.scenario.has_nginx else 0]

    def visitor(self) -> Visitor:
        file = self.folder / "nginx" / "fullchain.pem"
        certificate = file.read_text() if self.scenario.has_nginx else ""
        return Visitor("127.0.0.1", certificate, self.port)

    def step(self, title: str, work: Callable[[], str]) -> None:
        """Do it, and note how it ended. Raises Wrong if it failed."""
        began = time.monotonic()
        try:
            said = work()
        except (Wrong, OSError, ValueError, KeyError) as error:
            said = f"{type(error).__name__}: {error}"
            self.steps.append((title, "**failed**", in_a_cell(said)))
            print(f"== {self.scenario.title}: {title}: failed: {said}", file=sys.stderr)
            raise Wrong(title) from error
        said = f"{said} ({time.monotonic() - began:.0f} s)"
        self.steps.append((title, "holds", in_a_cell(said)))
        print(f"== {self.scenario.title}: {title}: {said}", file=sys.stderr)


def main() -> int:
    """Prove the scenarios; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove_containers")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="some of them, by commas")
    parser.add_argument("--draft", action="store_true", help="print the page, do not write it")
    given = parser.parse_args()
    names = given.scenarios.split(",")
    if not SCENARIOS.keys() >= set(names):
        parser.error(f"unknown scenario in {given.scenarios}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that containers are removed, too
    commit = run(["git", "rev-parse", "HEAD"], PROJECT).strip()
    parts, every = [_HEAD, _machine(commit)], list[Running]()
    try:
        with TemporaryDirectory(prefix="prove-containers-") as folder:
            parts.append(f"{_image(Path(folder), commit)}\n")
            for name in names:
                every.append(Running(SCENARIOS[name], Path(folder) / name / "containers"))
                _prove(every[-1])
    except Wrong as error:
        parts.append(f"The run ended early: {error}\n")
    finally:
        text = "\n".join([*parts, *map(_section, every), _not_shown()])
        if given.draft:
            print(text)
        else:
            PAGE.write_text(text)
    complete = [running.scenario for running in every if running.is_complete]
    return int(complete != [SCENARIOS[name] for name in names])


def _image(folder: Path, commit: str) -> str:
    """Build the image from the files of a commit, and lay these files out for each scenario."""
    began = time.monotonic()
    files = folder / "files"
    files.mkdir()
    run(["sh", "-c", f"git archive {commit} | tar -x -C {files}"], PROJECT)
    image_format = ["--format", "docker"] if _is_podman() else []
    words = ["-t", _IMAGE, "-f", "deploy/containers/Containerfile", "."]
    run([*_ENGINE, "build", *image_format, *_BUILD, *words], files)
    size = int(run([*_ENGINE, "image", "inspect", "-f", "{{.Size}}", _IMAGE], files))
    for name in SCENARIOS:
        shutil.copytree(files / "deploy", folder / name)
    seconds = time.monotonic() - began
    return f"The image was built in {seconds:.0f} s, and has {size / 2**20:,.0f} MiB."


def _prove(running: Running) -> None:
    """Run a scenario, and remove its containers and volumes."""
    try:
        with suppress(Wrong):
            _run_steps(running)
            running.is_complete = True
    finally:
        running.compose("down", "-v")


def _section(running: Running) -> str:
    """A scenario's part of the page."""
    title, files = running.scenario.title, ":".join(running.scenario.files)
    held = sum(result == "holds" for _, result, _ in running.steps)
    heads = ("step", "result", "what was found")
    lines = [
        f"## {title[:1].upper()}{title[1:]}\n",
        f"`{files}`: {held} of {len(running.steps)} steps hold."
        + ("\n" if running.is_complete else " The run ended early.\n"),
        *("| " + " | ".join(row) + " |" for row in (heads, ("---",) * 3, *running.steps)),
        "",
    ]
    return "\n".join(lines)


def _run_steps(running: Running) -> None:
    scenario, step = running.scenario, running.step
    portals = [*scenario.web, *scenario.workers]
    _prepare(running)
    step("start", lambda: _started(running))
    step("no root, read-only", lambda: _confined(running, portals))
    step("first administrator", lambda: _administrator(running))
    step("log in", lambda: _logged_in(running))
    step(f"{_TICKETS} tickets over REST, a file, a ticket over SOAP", lambda: _filled(running))
    step("remove and create the containers", lambda: _replaced(running))
    step("backup", lambda: _backed_up(running))
    step("trial restore of the backup", lambda: _verified(running))
    step("destroy containers and volumes", lambda: _destroyed(running))
    step("start again: nothing is there", lambda: _is_empty(running))
    step("restore", lambda: _restored(running, portals))
    step("start on the restored database", lambda: _started(running))
    step("compare", lambda: _compared(running))
    step("log in with the old password", lambda: _logged_in(running))
    step("a new ticket over SOAP", lambda: _ticket_over_soap(running, _TICKETS + 2))
    if scenario.has_nginx:
        for turn, web in enumerate(scenario.web, 3):
            step(f"without {web}", partial(_without, running, web, _TICKETS + turn))


def _prepare(running: Running) -> None:
    """What the page says to do before the first start."""
    folder, url = running.folder, f"http://{NAME}:{running.port}"
    password = run(["openssl", "rand", "-hex", "24"], folder).strip()
    if running.scenario.has_nginx:
        url = url.replace("http:", "https:")
        shutil.copytree(folder.parent / "nginx" / "lhcopn-portal", folder / "nginx")
        servers = (f"server {web}:8000;\n" for web in running.scenario.web)
        (folder / "nginx" / "upstream.conf").write_text("".join(servers))
        words = f"-x509 -newkey rsa:3072 -noenc -days 30 -subj /CN={NAME}"
        names = f"-addext subjectAltName=DNS:{NAME}"
        files = "-out nginx/fullchain.pem -keyout nginx/privkey.pem"
        run(["openssl", "req", *f"{words} {names} {files}".split()], folder)
    settings = {"PUBLIC_URL": url, "TRUSTED_PROXIES": "1", "POSTGRES_PASSWORD": password}
    lines = (f"{name}={value}\n" for name, value in settings.items())
    (folder / ".env").write_text("".join(lines))
    (folder / "secret").write_text(run(["openssl", "rand", "-hex", "32"], folder))
    run(["sh", "-c", "chown 10001 secret; chmod 400 secret .env"], folder)
    run(["install", "-d", "-o", "10001", "-m", "700", "backups"], folder)


def _started(running: Running) -> str:
    running.compose("up", "-d")
    return _healthy(running, running.scenario.web)


def _healthy(running: Running, services: Sequence[str]) -> str:
    """Wait until the health checks say so, and the portal answers from outside."""
    until = time.monotonic() + _HEALTHY_WITHIN
    for service in services:
        while (found := _health(running, service)) != "healthy":
            if time.monotonic() > until:
                logs = run([*_ENGINE, "logs", "--tail", "3", _container(service)], running.folder)
                raise Wrong(f"{service} is {found}: {logs}")
            time.sleep(1)
    while True:
        with suppress(OSError, Wrong):
            if (answer := running.visitor().ask("GET", "/readyz")).status == 200:
                break
        if time.monotonic() > until:
            raise Wrong("healthy, but /readyz does not answer 200 from outside")
        time.sleep(1)
    return f"{', '.join(services)} healthy; /readyz answers {answer.status}"


def _health(running: Running, service: str) -> str:
    container = _container(service)
    if _is_podman() and not _has_systemd():
        with suppress(Wrong):
            run([*_ENGINE, "healthcheck", "run", container], running.folder)
    words = [*_ENGINE, "inspect", "-f", "{{.State.Status}} {{.State.Health.Status}}", container]
    state, _, health = run(words, running.folder).strip().partition(" ")
    return health if state == "running" else state


def _container(service: str) -> str:
    """The id of a service's container."""
    label = f"label=com.docker.compose.service={service}"
    project = f"label=com.docker.compose.project={_NAME}"
    words = [*_ENGINE, "ps", "-aq", "--filter", label, "--filter", project]
    found = run(words, PROJECT).split()
    if len(found) != 1:
        raise Wrong(f"{len(found)} containers of {service}")
    return found[0]


def _confined(running: Running, services: Sequence[str]) -> str:
    """What the kernel says of the first process of each container, and of its root."""
    for service in services:
        script = "cat /proc/1/status /proc/mounts"
        said = running.compose("exec", "-T", service, "sh", "-c", script)
        (users,) = re.findall(r"^Uid:\s+(.*)$", said, re.MULTILINE)
        (may,) = re.findall(r"^CapBnd:\s+(\w+)$", said, re.MULTILINE)
        (no_more,) = re.findall(r"^NoNewPrivs:\s+(\d)$", said, re.MULTILINE)
        (options,) = re.findall(r"^\S+ / \S+ (\S+)", said, re.MULTILINE)
        found = (set(users.split()), may, no_more, options.split(",")[0])
        if found != ({"10001"}, _CAPABILITIES, "1", "ro"):
            raise Wrong(f"{service}: {found}")
    return f"{', '.join(services)}: user 10001, no capability, root mounted read-only"


def _administrator(running: Running) -> str:
    words = ("user", "create", "admin", "--role", "admin", "--password-stdin")
    return last_line(running.flask(*words, typed=f"{PASSWORD}\n"))


def _logged_in(running: Running) -> str:
    visitor = running.visitor()
    visitor.log_in("admin")
    page = visitor.ask("GET", "/admin/people")
    if page.status != 200:
        raise Wrong(f"/admin/people answers {page.status}")
    return "/admin/people opens"


def _filled(running: Running) -> str:
    words = ("--scope", "tickets", "--scope", "read", "--expires", "1")
    running.token = running.flask("token", "create", "proof", *words).split()[-1]
    for number in range(1, _TICKETS + 1):
        ticket = {"title": f"no traffic on link {number}", "description": "x" * 20 * number}
        _rest(running, "POST", "/tickets", json.dumps(ticket), "application/json")
    where = "/tickets/1/attachments?name=trace.txt"
    _rest(running, "POST", where, _FILE, "application/octet-stream")
    words = ("GGUS-PROOF", "--login", _PARTNER[0], "--access", "all", "--password-stdin")
    running.flask("partner", "create", *words, typed=f"{_PARTNER[1]}\n")
    _ticket_over_soap(running, _TICKETS + 1)
    running.content = _content(running)
    return f"{running.content.tickets} tickets are read over REST"


def _ticket_over_soap(running: Running, expected: int) -> str:
    sent = {
        "GHD_Short_Description": f"ticket {expected} over SOAP",
        "GHD_Description": "written over SOAP",
        "GHD_Last_Modifier": "noc-proof",
        "GHD_Last_Login": "noc-proof",
    }
    visitor = running.visitor()
    said = visitor.call("TicketCreate", in_order("TicketCreate", sent), *_PARTNER)
    number = re.search(r"Request.ID[^>]*>([^<]+)<", said)
    if number is None or number[1] != str(expected):
        raise Wrong(f"the number is not {expected}: {said[-200:]}")
    said = visitor.call("TicketGet", {"GHD_Request_ID": number[1]}, *_PARTNER)
    if sent["GHD_Short_Description"] not in said:
        raise Wrong(f"TicketGet does not answer ticket {expected}")
    return f"TicketCreate and TicketGet answer ticket {expected}"


def _content(running: Running) -> Content:
    rows: list[Any] = []
    address = "/tickets?expand=all&limit=100"
    while address:
        found = json.loads(_rest(running, "GET", address))
        rows += found["items"]
        address = (found["next"] or "").rpartition("/api/v1")[2]
    (attachment,) = next(row for row in rows if row["number"] == 1)["ticket"]["attachments"]
    return Content(
        len(rows),
        _digest(json.dumps(rows, sort_keys=True)),
        _digest(running.flask("tickets", "export", "-")),
        _digest(_rest(running, "GET", f"/attachments/{attachment['id']}")),
    )


def _rest(running: Running, method: str, path: str, body: str | None = None, kind: str = "") -> str:
    headers = {"Authorization": f"Bearer {running.token}"} | (
        {"Content-Type": kind} if kind else {}
    )
    answer = running.visitor().ask(method, f"/api/v1{path}", body, headers)
    if answer.status not in (200, 201):
        raise Wrong(f"{method} {path} answers {answer.status} {answer.text[:200]}")
    return answer.text


def _replaced(running: Running) -> str:
    """What an update does."""
    running.compose("down")
    said = _started(running)
    if _content(running) != running.content:
        raise Wrong("the tickets are not those from before")
    return f"{said}; the tickets are those from before"


def _backed_up(running: Running) -> str:
    said = last_line(running.flask("backup", "/backups/proof"))
    running.rows = _rows(said)
    file = (running.folder / "backups" / "proof").stat()
    if file.st_mode & 0o777 != 0o600:
        raise Wrong(f"the backup has the mode {file.st_mode & 0o777:o}")
    return f"{said} {file.st_size:,} bytes, mode 600"


def _verified(running: Running) -> str:
    place = "TMPDIR=/opt/lhcopn-portal/instance"
    words = ("exec", "-T", "-e", place, "portal", "flask", "verify-backup", "/backups")
    said = last_line(running.compose(*words))
    if _rows(said) != running.rows:
        raise Wrong(f"{running.rows} in the backup: {said}")
    return said


def _destroyed(running: Running) -> str:
    running.compose("down", "-v")
    volumes = run([*_ENGINE, "volume", "ls", "-q", "--filter", f"name={_NAME}"], PROJECT).split()
    project = f"label=com.docker.compose.project={_NAME}"
    containers = run([*_ENGINE, "ps", "-aq", "--filter", project], PROJECT).split()
    if volumes or containers:
        raise Wrong(f"left: {volumes} {containers}")
    return "no container and no volume is left"


def _is_empty(running: Running) -> str:
    said = _started(running)
    lines = running.flask("tickets", "export", "-").splitlines()
    people = running.flask("user", "list")
    if len(lines) > 1 or "admin" in people:
        raise Wrong(f"{len(lines)} lines of tickets, people {people}")
    return f"{said}; no ticket, no person"


def _restored(running: Running, portals: Sequence[str]) -> str:
    running.compose("stop", *portals)
    words = ("run", "--rm", "-T", "--no-deps", "portal", "restore", "/backups/proof", "--force")
    said = last_line(running.compose(*words))
    if _rows(said) != running.rows:
        raise Wrong(f"{running.rows} in the backup: {said}")
    return said


def _compared(running: Running) -> str:
    found = _content(running)
    if found != running.content:
        raise Wrong(f"before {running.content}, after {found}")
    return (
        f"{found.tickets} tickets, equal over REST ({found.over_rest}) and as a file"
        f" ({found.as_file}); the attachment, too"
    )


def _without(running: Running, web: str, number: int) -> str:
    running.compose("stop", web)
    said = _ticket_over_soap(running, number)
    running.compose("start", web)
    _healthy(running, [web])
    time.sleep(10)  # nginx avoids a lost web node for so long
    return f"{said}; {web} is healthy again"


def _rows(said: str) -> str:
    found = re.search(r"[\d,]+ rows of \d+ tables", said)
    if found is None:
        raise Wrong(f"no number of rows: {said}")
    return found[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str] | None = None,
    typed: str = "",
) -> str:
    """What a command prints. Raises Wrong if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    if done.returncode:
        said = in_a_cell(done.stdout + done.stderr)
        raise Wrong(f"`{shlex.join(command[:8])}`: exit code {done.returncode}, {said}")
    return done.stdout


def free_ports(count: int) -> Sequence[int]:
    """Ports of this machine on which nobody listens."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing printed"


def in_a_cell(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-400:].replace("|", "\\|").replace("<", "&lt;")


def _is_podman() -> bool:
    return "podman" in run([*_ENGINE, "--version"], PROJECT)


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _machine(commit: str) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    engine = run([*_ENGINE, "--version"], PROJECT).strip()
    compose = run([*_COMPOSE, "version"], PROJECT).splitlines()[0]
    return (
        f"{now}, commit {commit[:8]}, {engine}, {compose}, a machine of {os.cpu_count()} cores and"
        f" {memory:.0f} GiB (load {os.getloadavg()[2]:.0f}), Linux"
        f" {platform.release().partition('-')[0]}.\n"
    )


def _not_shown() -> str:
    """What this run does not show."""
    lines = ["Other engines and other versions were not tried, and Podman without root neither."]
    if "BASE=" in " ".join(_BUILD):
        lines.append("The base of the image was another than the Containerfile names.")
    for name, service in (("POSTGRES_IMAGE", "PostgreSQL"), ("NGINX_IMAGE", "nginx")):
        if os.environ.get(name):
            lines.append(f"The image of {service} was another than the compose file names.")
    if _is_podman() and not _has_systemd():
        lines.append(
            "Podman starts health checks with timers of systemd, which did not run here: this"
            " program started each check with `podman healthcheck run`."
        )
    return "\n".join(["## What this does not show\n", *(f"- {line}" for line in lines), ""])


if __name__ == "__main__":
    sys.exit(main())
