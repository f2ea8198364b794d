"""``make prove-guide``: follow ``deploy/README.md`` on bare machines.

The guide is that of the last commit, which the page names. Whatever happens, the page
``docs/proofs/guide.md`` is written with what held and what did not; the exit code is 1 if anything
did not.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.guide.blocks import Block, read
from bench.guide.checks import Site
from bench.guide.client import Wrong, mail_server
from bench.guide.forms import FORMS, Check, Form
from bench.guide.machines import BASE, HERE, Machine, running

PROJECT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = PROJECT / "docs" / "proofs" / "guide.md"
_HOLDS: Final = "holds"
_FAILED: Final = "**failed**"
_HEAD: Final = """# The guide for servers, followed

`make prove-guide` writes this page. It follows [deploy/README.md](../../deploy/README.md) on
machines with a bare Debian 13: each is a root filesystem made with debootstrap, with systemd as its
first process (in systemd-nspawn) and a network of its own. Root runs every block of commands as it
is on the page, in order; what a person types is given on standard input. A block fails if one of
its commands does. The machines reach each other, a mail server and, through a proxy, the servers of
packages, but no other address.
"""


@dataclass
class Result:
    """The rows of one form, and how many checks were tried before the guide was followed."""

    steps: list[tuple[str, ...]] = field(default_factory=list)
    checks: list[tuple[str, ...]] = field(default_factory=list)
    tried: int = 0
    complete: bool = False

    @property
    def is_good(self) -> bool:
        rows = [*self.steps, *self.checks]
        return self.complete and not any(cell.startswith(_FAILED) for row in rows for cell in row)


def main() -> int:
    """Follow the guide; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.guide")
    parser.add_argument("--forms", default="one,several", help="one, several, or both by commas")
    parser.add_argument("--draft", action="store_true", help="print the page, do not write it")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that machines are ended, too
    if _git("status", "--porcelain") and not given.draft:
        print("guide: commit your changes first; the page names a commit", file=sys.stderr)
        return 2
    commit = _git("rev-parse", "HEAD")
    blocks = read(_git("show", f"{commit}:deploy/README.md"))
    names = given.forms.split(",")
    results = {form: Result() for form in FORMS if form.key in names}
    if len(results) != len(names):
        parser.error(f"unknown form in {given.forms}")
    try:
        for form, result in results.items():
            _follow(form, commit, blocks, result)
    finally:
        text = _page(commit, results)
        if given.draft:
            print(text)
        else:
            PAGE.write_text(text)
    return int(not all(result.is_good for result in results.values()))


def _follow(form: Form, commit: str, blocks: Sequence[Block], result: Result) -> None:
    """Run the guide on the machines of a form, and look at what there is then."""
    try:
        with (
            running(form.machines, PROJECT, commit, form.hosts) as machines,
            mail_server(HERE) as box,
        ):
            form.prepare(machines)
            site = Site(machines, machines[form.front], machines[form.portal], box, blocks)
            _try_before(site, form, result)
            for block in blocks:
                if block.is_commands and (names := form.machines_of(block)):
                    _run(block, [machines[name] for name in names], result)
            for check in (*form.checks(site), *form.interruptions(site)):
                result.checks.append((check.title, *_carried_out(check)))
        result.complete = True
    except Exception:  # noqa: BLE001 -- what it was is in the page, which is written
        result.checks.append(("the proof itself", _FAILED, _in_a_cell(traceback.format_exc())))
        traceback.print_exc()


def _run(block: Block, machines: Sequence[Machine], result: Result) -> None:
    """Run a block, on all of its machines at once."""
    where = f"{block.heading}, line {block.line}"
    if block.not_run:
        result.steps.append((where, _names(machines), f"not run: {block.not_run}", ""))
        return
    with ThreadPoolExecutor(len(machines)) as pool:
        done = list(pool.map(lambda machine: machine.run(block.text, block.typed), machines))
    said, seconds = "as it says", max(each.seconds for each in done)
    for machine, each in zip(machines, done, strict=True):
        print(f"== {machine.name}: {where}: {each.code}", file=sys.stderr)
        if each.code:
            print(each.said, file=sys.stderr)
            said = f"{_FAILED} on {machine.name}: exit code {each.code}, {_in_a_cell(each.said)}"
    result.steps.append((where, _names(machines), said, f"{seconds:.0f} s"))


def _try_before(site: Site, form: Form, result: Result) -> None:
    """A check that holds on a bare machine proves nothing, unless it says so of itself."""
    patience, site.patience = site.patience, 0
    for check in form.checks(site):
        result.tried += 1
        verdict, said = _carried_out(check)
        if (verdict == _HOLDS) != check.holds_before:
            result.checks.append((f"before the guide, {check.title}", _FAILED, said))
    site.patience = patience


def _carried_out(check: Check) -> tuple[str, str]:
    """Whether a check holds, and what it found. Whatever it raises, it failed."""
    try:
        verdict, said = _HOLDS, check.check()
    except Wrong as error:
        verdict, said = _FAILED, str(error)
    except Exception as error:  # noqa: BLE001 -- a check that cannot be made has failed
        verdict, said = _FAILED, f"{type(error).__name__}: {error}"
    print(f"== {check.title}: {verdict}: {said}", file=sys.stderr)
    return verdict, _in_a_cell(said)


def _names(machines: Sequence[Machine]) -> str:
    return ", ".join(machine.name for machine in machines)


def _in_a_cell(said: str) -> str:
    """What fits into a table: the last lines."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = " / ".join(lines[-3:])[-300:] or "nothing printed"
    return text.replace("|", "\\|").replace("<", "&lt;")


def _page(commit: str, results: Mapping[Form, Result]) -> str:
    return "\n".join([_HEAD, _machine(commit), *(_section(*each) for each in results.items())])


def _machine(commit: str) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}, commit {commit[:8]}, Debian {_debian()}, a machine of"
        f" {os.cpu_count()} cores and {memory:.0f} GiB (load {os.getloadavg()[2]:.0f}), Linux"
        f" {platform.release().partition('-')[0]}.\n"
    )


def _debian() -> str:
    with suppress(OSError):
        return (BASE / "etc" / "debian_version").read_text().strip()
    return "(not made)"


def _section(form: Form, result: Result) -> str:
    steps = [row for row in result.steps if not row[2].startswith("not run")]
    failed = sum(row[2].startswith(_FAILED) for row in steps)
    held = sum(row[1] == _HOLDS for row in result.checks)
    lines = [
        f"## {form.title}\n",
        f"{len(steps)} blocks were run, and {failed} of them failed. {held} of {len(result.checks)}"
        " checks hold." + ("" if result.complete else " The run ended early."),
        f"{result.tried} checks were also tried before the guide was followed, and must fail,"
        " except that no unit has failed there either.\n",
        *_table(("block", "machines", "result", "time"), result.steps),
        "",
        *_table(("check", "result", "what was found"), result.checks),
        "",
    ]
    return "\n".join(lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
