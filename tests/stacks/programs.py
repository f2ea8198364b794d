"""The client programs, one for each SOAP stack, and what each needs.

A program takes address and credentials from the environment and prints one line of JSON for each
step: its name, the operation, the outcome (ok, fault, error) and what the stack made of the answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, which
from typing import Any

from tests.harness import run

CLIENTS = Path(__file__).resolve().parent / "clients"
NODE_MODULES = CLIENTS / "node" / "node_modules"
_SECONDS = 120


@dataclass(frozen=True)
class Step:
    """One call as a stack saw it."""

    operation: str
    outcome: str
    seen: Any


@dataclass(frozen=True)
class Stack:
    """A stack: how its program is started, and what must be installed for it."""

    name: str
    need: str
    is_there: Callable[[], bool]
    command: Callable[[str], Sequence[str]]
    """Makes the command, given the portal's URL; compiles what has to be compiled."""


def _there(*command: str) -> bool:
    """Whether a command can be run, and says so."""
    if which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _python(name: str) -> Callable[[str], Sequence[str]]:
    return lambda _url: (sys.executable, str(CLIENTS / name / f"portal_{name}.py"))


def gsoap_program(source: Path, url: str, services: Sequence[str]) -> Path:
    """Compile ``source`` against the WSDLs of ``services`` as the server answers them now."""
    folder = run.folder() / f"gsoap-{source.stem}"
    folder.mkdir()
    copy(source, folder)
    wsdls = [f"{url}/arsys/WSDL/public/ggus/{service}" for service in services]
    for command in (
        ["wsdl2h", "-o", "portal.h", *wsdls],
        ["soapcpp2", "-j", "-C", "-x", "-w", "portal.h"],
    ):
        run_logged(command, folder=folder)
    sources = sorted(path.name for path in folder.glob("*.cpp"))
    compilers = [["g++", "-std=c++17", "-O0", "-w", "-c", name] for name in sources]
    with ThreadPoolExecutor(max_workers=2) as both:
        list(both.map(lambda command: run_logged(command, folder=folder), compilers))
    objects = [f"{Path(name).stem}.o" for name in sources]
    run_logged(["g++", "-o", "program", *objects, "-lgsoap++"], folder=folder)
    return folder / "program"


def _gsoap(url: str) -> Sequence[str]:
    services = ("GGUS", "GGUS_HISTORY", "GGUS_ATTACH")
    return (str(gsoap_program(CLIENTS / "gsoap" / "client.cpp", url, services)),)


STACKS = (
    Stack("suds", "suds-community", lambda: True, _python("suds")),
    Stack("zeep", "zeep", lambda: True, _python("zeep")),
    Stack(
        "php",
        "php with ext-soap (Debian: php-cli php-soap)",
        lambda: _there("php", "-r", "exit(class_exists('SoapClient') ? 0 : 1);"),
        lambda _url: ("php", str(CLIENTS / "php" / "client.php")),
    ),
    Stack(
        "perl",
        "perl with SOAP::Lite (Debian: perl libsoap-lite-perl)",
        lambda: _there("perl", "-MSOAP::Lite", "-MJSON::PP", "-e", "1"),
        lambda _url: ("perl", str(CLIENTS / "perl" / "client.pl")),
    ),
    Stack(
        "node",
        "node with soap (Debian: nodejs npm; then tools/test_programs.sh)",
        lambda: _there("node", "-e", "") and (NODE_MODULES / "soap").is_dir(),
        lambda _url: ("node", str(CLIENTS / "node" / "client.mjs")),
    ),
    Stack(
        "gsoap",
        "gSOAP and a C++ compiler (Debian: gsoap libgsoap-dev g++)",
        lambda: (
            which("wsdl2h") is not None
            and which("g++") is not None
            and Path("/usr/include/stdsoap2.h").exists()
        ),
        _gsoap,
    ),
)


def program_environment(url: str, login: str, password: str) -> Mapping[str, str]:
    """The environment of a program: where the portal is and who calls, and nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "LANG": "C.UTF-8",
        "PORTAL_URL": url,
        "PORTAL_LOGIN": login,
        "PORTAL_PASSWORD": password,
    }


def run_logged(
    command: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a program and give its output; what it warns of is shown only when it fails."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode(errors="replace")[-4000:]
    return ended.stdout.decode()


def run_sequence(command: Sequence[str], env: Mapping[str, str]) -> Mapping[str, Step]:
    """Run a client program; its steps by name, in their order."""
    steps = {}
    for line in run_logged(command, env=env).splitlines():
        said = json.loads(line)
        steps[said["step"]] = Step(said["operation"], said["outcome"], said["seen"])
    return steps
