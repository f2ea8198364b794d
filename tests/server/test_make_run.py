"""``make run`` in a copy of the project with an empty ``instance/``: what a newcomer types."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from app.core.folders import PROJECT
from app.core.settings import NAMES
from tests.harness import postgres
from tests.harness.databases import fresh_database
from tests.harness.server import end_group, free_port, wait_until_answering
from tests.harness.until import until

_PARTS = ("app", "soap_service", "migrations", "templates", "static", "tools")
_FILES = (
    "wsgi.py",
    "Makefile",
    "pyproject.toml",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-uv.txt",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project that uses this environment."""
    home = tmp_path / "portal"
    home.mkdir()
    for part in _PARTS:
        shutil.copytree(
            PROJECT / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    for name in _FILES:
        shutil.copy(PROJECT / name, home / name)
    (home / ".venv").symlink_to(PROJECT / ".venv")
    return home


def _environment(**settings: str) -> dict[str, str]:
    dropped = {*NAMES, "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | settings


@contextmanager
def _running(clone: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    """``make run``, answering: its process, its URL, and what it had printed by then."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A run in the background ignores Ctrl-C, and would hand that on to the portal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    port = int(settings.setdefault("PORT", str(free_port())))
    log = clone / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=_environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_answering(process, port, log, seconds=120)
        yield process, f"http://127.0.0.1:{port}", log.read_text()
    finally:
        end_group(process)


def _run(clone: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=clone,
        env=_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def _flask(clone: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return _run(clone, str(clone / ".venv" / "bin" / "flask"), *words, **settings)


def _answer(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.status, response.read().decode("utf-8")


def test_it_says_where_it_is_and_serves(clone: Path) -> None:
    with _running(clone) as (_, url, printed):
        assert f"Portal: {url}/" in printed
        assert "Demo login: operator / " in printed
        wsdls = re.findall(r"^WSDL: (\S+)$", printed, re.MULTILINE)
        assert f"{url}/arsys/WSDL/public/ggus/GGUS" in wsdls
        assert f"{url}/soap/GGUS_HISTORY?wsdl" in wsdls
        for wsdl in wsdls:
            status, text = _answer(wsdl)
            assert status == 200
            assert url in text
        status, text = _answer(f"{url}/")
        assert status == 200
        assert "<form" in text
        assert printed.index("Writing demo data") < printed.index("Portal: ")
        until(lambda: f"Ready: {url}/ answers after " in (clone / "log").read_text())
        said = (clone / "log").read_text()
        assert said.index("WSDL: ") < said.index("Ready: ")
        until(lambda: len(_workers(clone)) == 1)  # some seconds later, beside the server
    secret = clone / "instance" / "demo-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    with _running(clone) as (_, _, printed):
        assert "Demo login: operator / " in printed
        assert "installing" not in printed, "what is there is not installed again"
        assert "Bringing" not in printed
        assert "Writing" not in printed


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_with_all_its_processes(clone: Path, way: signal.Signals) -> None:
    secret = "0123456789abcdef" * 2
    with _running(clone, DEMO="0", SECRET_KEY=secret) as (process, url, printed):
        assert "Demo login" not in printed
        until(lambda: len(_workers(clone)) == 1)
        (worker,) = _workers(clone)
        if way == signal.SIGINT:
            os.killpg(process.pid, way)  # as a terminal does it
        else:
            process.send_signal(way)  # as a service manager does it
        process.wait(timeout=60)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        with pytest.raises(OSError, match="refused"):
            _answer(url)
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
        assert "Traceback" not in (clone / "log").read_text()


def _workers(clone: Path) -> list[int]:
    """The process numbers of the workers that live."""
    with closing(sqlite3.connect(clone / "instance" / "portal.db")) as database:
        rows = database.execute("SELECT pid FROM workers WHERE ended_at IS NULL ORDER BY seen_at")
        return [pid for (pid,) in rows]


def test_whatever_dies_is_replaced_and_nothing_holds_the_port(clone: Path) -> None:
    """kill -9 of the worker, of a server process twice within seconds, of their parent."""
    port = free_port()
    with _running(clone, PORT=str(port)) as (process, url, _printed):
        until(lambda: len(_workers(clone)) == 1)
        (first,) = _workers(clone)
        os.kill(first, signal.SIGKILL)
        until(lambda: _workers(clone)[-1] != first)
        until(lambda: len(_servers(process.pid)) == 2)
        healthy, dying = _servers(process.pid)
        for _ in range(2):
            os.kill(dying, signal.SIGKILL)
            assert _answer(f"{url}/login")[0] == 200
            until(partial(_is_replaced, process.pid, dying))
            (dying,) = {*_servers(process.pid)} - {healthy, dying}
        everything = [*_servers(process.pid), _workers(clone)[-1]]
        os.kill(_parent(healthy), signal.SIGKILL)  # which can tell nobody
        process.wait(60)
        until(lambda: not any(map(_lives, everything)))
    with _running(clone, PORT=str(port)) as (_, url, _printed):
        assert _answer(f"{url}/login")[0] == 200


def _is_replaced(parent: int, dead: int) -> bool:
    return len({*_servers(parent)} - {dead}) == 2


def _servers(pid: int) -> list[int]:
    """The server processes below this one; numbers of processes start again, so in no order."""
    found = []
    for child in _children(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:  # it ended
            continue
        if (b"app.server.process" in words or b"granian" in words) and not _children(child):
            found.append(child)
        found += _servers(child)
    return [pid for pid in found if _lives(pid)]


def _children(pid: int) -> list[int]:
    with suppress(OSError):  # it ended
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # also one that ends while it is read
        return False
    return state != "Z"  # dead, but not yet buried


def test_without_a_worker_the_server_runs_alone(clone: Path) -> None:
    with _running(clone, WORKER="0") as (process, _, _):
        (supervisor,) = _children(process.pid)
        children = [Path(f"/proc/{one}/cmdline").read_bytes() for one in _children(supervisor)]
        assert len(children) == 2
        assert all(b"app.server.process" in words for words in children)


def test_on_an_empty_postgresql(clone: Path) -> None:
    if postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with (
        fresh_database("postgresql", migrated=False) as database,
        _running(clone, DATABASE_URL=database) as (_, url, printed),
    ):
        assert "Demo login: operator / " in printed
        assert _answer(f"{url}/login")[0] == 200
        assert not (clone / "instance" / "portal.db").exists()


def test_a_taken_port_is_one_line(clone: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _flask(clone, "serve", DEMO="1", PORT=port)
    _is_one_line(done, "PORT")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "SECRET_KEY"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY_FILE": "missing"}, "SECRET_KEY_FILE"),
        ({"DEMO": "1", "HOST": "0.0.0.0"}, "HOST"),
        ({"DEMO": "1", "HOST": "host.invalid"}, "HOST"),
        ({"DEMO": "1", "PORT": "abc"}, "PORT"),
        ({"DEMO": "1", "DATABASE_URL": "mysql://h/d"}, "DATABASE_URL"),
        ({"DEMO": "1", "DATABASE_URL": "sqlite:////proc/portal.db"}, "DATABASE_URL"),
        ({"DEMO": "1", "DATABASE_URL": "postgresql://u@127.0.0.1:1/d"}, "DATABASE_URL"),
    ],
)
def test_it_refuses_to_start_in_one_line(
    clone: Path, settings: Mapping[str, str], named: str
) -> None:
    own = {"PORT": str(free_port())}  # the default may be that of a test beside this one
    _is_one_line(_flask(clone, "serve", **{**own, **settings}), named)


def test_demo_logins_are_never_served_to_others(clone: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    for words in (("db", "upgrade"), ("seed", "reference"), ("seed", "demo")):
        assert _flask(clone, *words, DATABASE_URL=url).returncode == 0
    served = _flask(
        clone,
        "serve",
        DATABASE_URL=url,
        HOST="0.0.0.0",
        PORT=str(free_port()),
        SECRET_KEY=secrets.token_hex(32),
    )
    _is_one_line(served, "DATABASE_URL")


@pytest.mark.parametrize("words", [("user", "list"), ("--help",), ("db", "current")])
def test_a_bad_setting_ends_every_command_in_one_line(clone: Path, words: tuple[str, ...]) -> None:
    _is_one_line(_flask(clone, *words, PORT="abc"), "PORT")


def test_commands_need_no_secret(clone: Path) -> None:
    assert _flask(clone, "db", "upgrade").returncode == 0
    assert _flask(clone, "seed", "reference").returncode == 0
    assert _flask(clone, "user", "list").returncode == 0


def test_a_command_before_the_tables_exist_is_one_line(clone: Path) -> None:
    done = _flask(clone, "user", "list")
    _is_one_line(done, "flask db upgrade")


def _is_one_line(done: subprocess.CompletedProcess[str], named: str) -> None:
    assert done.returncode != 0
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    assert named in lines[0]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder at the head of the PATH, to stand in for what a machine has."""
    folder = tmp_path / "commands"
    folder.mkdir()
    return folder


def _command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _venv(clone: Path, commands: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    path = f"{commands}:{os.environ['PATH']}"
    return _run(clone, "tools/venv.sh", "run", PATH=path, **settings)


@pytest.mark.parametrize("python", ["no-such-python", "/bin/false", "/bin/true"])
def test_a_python_that_does_not_fit_is_named(clone: Path, commands: Path, python: str) -> None:
    done = _venv(clone, commands, PYTHON=python)
    assert done.returncode != 0
    assert done.stderr.startswith(f"make: PYTHON={python} ")
    assert (clone / ".venv" / "bin" / "flask").exists()


def test_a_dead_name_on_the_path_is_passed_over(clone: Path, commands: Path) -> None:
    (clone / ".venv").unlink()
    for name in ("python3", "python3.14", "python3.13", "python3.12"):
        _command(commands, name, "exit 127")
    _command(commands, "python3.11", 'case "$2" in *ensurepip*) exit 1;; *) echo 3.11;; esac')
    _command(commands, "id", "echo 1000")
    done = _venv(clone, commands)
    assert "sudo apt-get install python3.11-venv" in done.stderr


def test_what_a_virtual_environment_lacks_is_installed_or_named(
    clone: Path, commands: Path
) -> None:
    (clone / ".venv").unlink()
    _command(commands, "python3", 'case "$2" in *ensurepip*) exit 1;; *) echo 3.12;; esac')
    _command(commands, "id", "echo 0")
    _command(commands, "apt-get", f'echo "$@" >>{commands}/asked; test "$1" = update')
    done = _venv(clone, commands)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "make: could not install python3.12-venv;"
        " run: apt-get update && apt-get install python3.12-venv"
    )
    assert (commands / "asked").read_text().splitlines()[-1] == "install -q -y python3.12-venv"


_VENVS_PYTHON = """
echo "$@" >>said
case "$*" in
-c*) echo 3.13 ;;
*config*) printf '%s\\n' "$PIP_SAYS" ;;
*requirements-uv.txt*)
    test -n "$UV_DOES" || exit 1
    mkdir -p .venv/uv/bin
    printf '#!/bin/sh\\necho uv "$@" $UV_DEFAULT_INDEX $UV_INDEX $SSL_CERT_FILE >>said; %s' \
        "$UV_DOES" >.venv/uv/bin/uv
    chmod +x .venv/uv/bin/uv ;;
esac
"""
"""The interpreter of an environment that notes what it is asked, and fetches a uv that does so."""


def _installed(clone: Path, commands: Path, more: str = ":", **settings: str) -> list[str]:
    """The lines of what pip and uv were asked to install in a new environment."""
    (clone / ".venv").unlink()
    _command(clone, "venvs-python", _VENVS_PYTHON)
    made = f"mkdir -p .venv/bin; touch .venv/pyvenv.cfg; cp venvs-python .venv/bin/python; {more}"
    _command(commands, "python3", f'case "$*" in *ensurepip*) ;; -c*) echo 3.13;; *) {made};; esac')
    done = _venv(clone, commands, **{"UV_DOES": "", "PIP_SAYS": ""} | settings)
    assert done.returncode == 0, done.stderr
    assert not (clone / ".venv" / "uv").exists()
    said = (clone / "said").read_text().splitlines()
    return [line for line in said if line.startswith("uv ") or "-r requirements.txt" in line]


_UV = "uv pip install --python .venv/bin/python --require-hashes -r requirements.txt"
_PIP = "-m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt"


def test_uv_installs_the_pinned_requirements(clone: Path, commands: Path) -> None:
    assert _installed(clone, commands, UV_DOES="exit 0", SSL_CERT_FILE="") == [_UV]


def test_uv_asks_the_index_that_pip_was_told_of(clone: Path, commands: Path) -> None:
    says = (
        ":env:.cert='/own.pem'\nglobal.index-url='https://old.example/simple'\n"
        "global.extra-index-url='\\nhttps://a.example/s\\nhttps://b.example/s'\n"
        "install.index-url='https://mirror.example/simple'"
    )
    asked = "https://mirror.example/simple https://a.example/s https://b.example/s /own.pem"
    found = _installed(clone, commands, UV_DOES="exit 0", PIP_SAYS=says, SSL_CERT_FILE="")
    assert found == [f"{_UV} {asked}"]


def test_what_uv_was_told_itself_holds(clone: Path, commands: Path) -> None:
    told = {"UV_DEFAULT_INDEX": "https://uv.example/simple", "SSL_CERT_FILE": "/uv.pem"}
    says = "global.cert='/own.pem'\nglobal.index-url='https://mirror.example/simple'"
    found = _installed(clone, commands, UV_DOES="exit 0", PIP_SAYS=says, **told)
    assert found == [f"{_UV} https://uv.example/simple /uv.pem"]


def test_pip_installs_where_uv_cannot_be_had(clone: Path, commands: Path) -> None:
    assert _installed(clone, commands) == [_PIP]


def test_pip_installs_where_uv_fails(clone: Path, commands: Path) -> None:
    assert _installed(clone, commands, UV_DOES="exit 2", SSL_CERT_FILE="") == [_UV, _PIP]


def test_uv_asks_no_index_where_pip_may_ask_none(clone: Path, commands: Path) -> None:
    says = ":env:.no-index='1'"
    assert _installed(clone, commands, UV_DOES="exit 0", PIP_SAYS=says) == [_PIP]


def test_an_uv_that_is_there_already_is_used(clone: Path, commands: Path) -> None:
    """As after ``make test``: pip would take it for installed and fetch nothing."""
    made = "printf '#!/bin/sh\\necho uv \"$@\" >>said' >.venv/bin/uv; chmod +x .venv/bin/uv"
    assert _installed(clone, commands, made) == [_UV]
