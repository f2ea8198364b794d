"""``make audit``: nothing is called fine that was not looked up."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from app.core.folders import PROJECT

SCRIPT = PROJECT / "tools" / "audit.py"
AUDIT = runpy.run_path(str(SCRIPT))
accepted, outcome = AUDIT["accepted"], AUDIT["outcome"]
FLASK = {"name": "flask", "version": "3.1", "vulns": []}
WEAK = {
    "name": "spyne",
    "version": "2.14",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-9"], "fix_versions": ["2.15"]}],
}
UNKNOWN = {"name": "zeep", "skip_reason": "Dependency not found on PyPI and could not be audited"}
ENTRY = """
[[accepted]]
id = "CVE-9"
package = "spyne"
reason = "not reachable"
until = 2027-06-30
"""


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([FLASK], 0, "1 packages checked: no advisory that is not accepted."),
        ([FLASK, WEAK], 1, "spyne 2.14: CVE-9, PYSEC-1; mended in 2.15"),
        ([FLASK, UNKNOWN], 3, "Not checked: 1 of 2 packages, such as zeep."),
        ([WEAK, UNKNOWN], 1, "Not checked: 1 of 2 packages, such as zeep."),
        ([{"name": "flask", "version": "3.1"}], 3, "Not checked: 1 of 1 packages"),
        ([], 3, "Not checked: 0 of 0 packages."),
    ],
)
def test_what_is_said_of_packages(packages: list[Any], code: int, words: str) -> None:
    found, lines = outcome(packages, set())
    assert found == code
    assert words in "\n".join(lines)
    assert ("packages checked" in "".join(lines)) == (code == 0)


def test_an_accepted_advisory_until_its_day() -> None:
    passed_over = accepted(ENTRY, date(2027, 6, 30))
    assert outcome([WEAK], passed_over)[0] == 0
    assert accepted(ENTRY, date(2027, 7, 1)) == set()
    assert outcome([{**WEAK, "name": "other"}], passed_over)[0] == 1
    for missing in ("reason", "until"):
        some = "\n".join(line for line in ENTRY.splitlines() if not line.startswith(missing))
        with pytest.raises(KeyError):
            accepted(some, date(2027, 1, 1))


def test_the_list_of_this_project_can_be_read() -> None:
    accepted(AUDIT["ACCEPTED"].read_text("utf-8"), date(2026, 12, 1))


@pytest.mark.parametrize("program", ["/no/such/program", "/bin/true", "/bin/echo"])
def test_a_program_that_looks_nothing_up_is_no_green(program: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("Not checked: ")
    assert "packages checked" not in done.stdout
