"""Known weaknesses of what the portal installs: pip-audit over the pinned requirements.

    tools/audit.py PIP_AUDIT    the path of the program, see `make audit`

Exit code 0: every package was looked up, and there is no advisory that is not accepted. 1: there is
one. 3: not checked, as a package could not be looked up: no advisory database answered, or it did
not know the package. pip-audit itself reports "no known vulnerabilities" then and ends with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parent.parent
FILES: Final = tuple(sorted(PROJECT.glob("requirements*.txt")))
ACCEPTED: Final = PROJECT / "tools" / "accepted_advisories.toml"
FINE, FOUND, NOT_CHECKED = 0, 1, 3
_SECONDS: Final = 600


def accepted(text: str, today: date) -> set[tuple[str, str]]:
    """Package and id of the advisories that are accepted on this day; raises KeyError where an
    entry lacks its reason or its day."""
    entries = tomllib.loads(text).get("accepted", [])
    for entry in entries:
        if not entry["reason"].strip():
            raise KeyError("reason")
    return {(entry["package"], entry["id"]) for entry in entries if today <= entry["until"]}


def outcome(
    packages: Iterable[Mapping[str, Any]], passed_over: set[tuple[str, str]]
) -> tuple[int, Sequence[str]]:
    """Exit code and lines of what pip-audit says of packages (its JSON, ``dependencies``)."""
    found, unknown, known = [], set(), set()
    for package in packages:
        name = f"{package['name']} {package.get('version', '')}".strip()
        if "vulns" not in package or package.get("skip_reason"):
            unknown.add(name)
            continue
        known.add(name)
        for advisory in package["vulns"]:
            ids = {advisory["id"], *advisory.get("aliases", ())}
            if not any((package["name"], one) in passed_over for one in ids):
                fixed = ", ".join(advisory.get("fix_versions", ())) or "no version yet"
                found.append(f"{name}: {', '.join(sorted(ids))}; mended in {fixed}")
    lines = sorted(set(found))
    if unknown or not known:
        some = f", such as {min(unknown)}" if unknown else ""
        lines.append(f"Not checked: {len(unknown)} of {len(known | unknown)} packages{some}.")
    elif not found:
        lines.append(f"{len(known)} packages checked: no advisory that is not accepted.")
    if found:
        return FOUND, lines
    return (NOT_CHECKED if unknown or not known else FINE), lines


def _said(program: str, file: Path) -> list[Mapping[str, Any]]:
    """What pip-audit says of one file; nothing where it says nothing that can be read."""
    command = [program, "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    try:
        done = subprocess.run(
            [*command, "--format=json", "-r", str(file)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        found: list[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return [{"name": file.name, "skip_reason": "no answer"}]
    return found


def main(program: str) -> int:
    """Look everything up, and say the result."""
    packages = [one for file in FILES for one in _said(program, file)]
    passed_over = accepted(ACCEPTED.read_text("utf-8"), datetime.now(UTC).date())
    code, lines = outcome(packages, passed_over)
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
