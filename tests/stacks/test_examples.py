"""The examples of the partner's guide run exactly as they are printed there.

All of them send the same origin id, so that each language is answered the same ticket.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from shutil import copy

import pytest

from app.core.folders import PROJECT
from app.core.settings import process_environment
from tests.soap_service.wire import PASSWORD, Wire
from tests.stacks.programs import NODE_MODULES, STACKS, program_environment, run_logged
from tests.stacks.table import recorded

EXAMPLES = PROJECT / "docs" / "examples"
STACK_OF = {"py": "zeep", "php": "php", "pl": "perl", "mjs": "node", "cpp": "gsoap"}
INTERPRETERS = {"py": sys.executable, "php": "php", "pl": "perl", "mjs": "node"}
GUIDE = (PROJECT / "docs" / "partners-guide.md").read_text()


def test_the_command_of_the_guide_makes_an_account_that_the_example_uses(
    sqlite_wire: Wire,
) -> None:
    """From no account to the first ticket, by the guide's own lines."""
    (line,) = re.findall(r"^ +\.venv/bin/(flask partner create .*)$", GUIDE, re.MULTILINE)
    settings = sqlite_wire.server.settings
    words = [sys.executable, "-m", *line.split()]
    said = run_logged(words, folder=PROJECT, env=process_environment(settings))
    secret = said.strip().rpartition(" ")[2]
    login = line.partition("--login ")[2].split()[0]
    env = program_environment(sqlite_wire.server.url, login, secret)
    opened = run_logged([sys.executable, str(EXAMPLES / "first_ticket.py")], env=env)
    number = opened.split()[1]
    assert sqlite_wire.get(number)["GHD_Origin_SG"] == "NREN-X"


def test_every_example_is_run() -> None:
    assert {path.suffix[1:] for path in EXAMPLES.glob("first_ticket.*")} == set(STACK_OF)


@pytest.mark.parametrize("suffix", STACK_OF)
def test_the_guide_prints_the_example(suffix: str) -> None:
    text = (EXAMPLES / f"first_ticket.{suffix}").read_text()
    assert f"\n{text}```\n" in GUIDE


@pytest.mark.parametrize("suffix", STACK_OF)
def test_the_example_opens_a_ticket(suffix: str, sqlite_wire: Wire, tmp_path: Path) -> None:
    """One ticket for all of them: the origin id is the same."""
    (stack,) = [stack for stack in STACKS if stack.name == STACK_OF[suffix]]
    with recorded(stack.name, "first ticket of the guide"):
        if not stack.is_there():
            pytest.skip(f"needs {stack.need}")
        example = Path(copy(EXAMPLES / f"first_ticket.{suffix}", tmp_path))
        env = program_environment(sqlite_wire.server.url, "opn", PASSWORD)
        if suffix == "mjs":
            (tmp_path / "node_modules").symlink_to(NODE_MODULES)
        if suffix == "cpp":
            _build, *commands = re.findall(r"^// (.*)$", example.read_text(), re.MULTILINE)
            run_logged(["sh", "-ec", "\n".join(commands)], folder=tmp_path, env=env)
            command = [str(tmp_path / "first_ticket")]
        else:
            command = [INTERPRETERS[suffix], str(example)]
        said = run_logged(command, folder=tmp_path, env=env)
        found = re.fullmatch(r"Ticket ([0-9]+) is new: CERN-RAL-LHCOPN-001 down\n", said)
        assert found, said
        got = sqlite_wire.get(found[1])
        assert got["GHD_Description"] == "No light since 09:05 UTC.\nThe provider was called."
        assert got["GHD_Last_Modifier"] == "NOC (via NREN-X)"
        counted = sqlite_wire.count()
        assert run_logged(command, folder=tmp_path, env=env) == said
        assert sqlite_wire.count() == counted
