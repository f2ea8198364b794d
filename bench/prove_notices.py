"""``make prove-notices``: published mails of carriers, as this portal drafts them.

Each sample goes the way of a mail: the notice room's reader, then the carrier reader's process.
Prints ``docs/proofs/notices.md``. The samples are not part of this project: the folder that is
given is a checkout of the library's repository.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from app.core.folders import PROJECT
from app.core.rules.errors import Invalid
from app.notices.adapters.carriers import NotRead, read_carrier_mail
from app.notices.adapters.files import read
from app.notices.rules.carriers import PROVIDERS, provider_of
from app.notices.rules.notices import Notice
from bench.tables import print_machine, print_table

_HEAD: Final = """# Notices as carriers write them

`make prove-notices SAMPLES=FOLDER` writes this page. FOLDER is a checkout of
networktocode/circuit-maintenance-parser (Apache-2.0), whose `tests/unit/data` has mails of carriers
with their expected results; they are not part of this project. Each sample is read as a mail is: by
the portal's own readers, then by circuit-maintenance-parser in its own process and limits, without
a network. So the expected results are those of the library's authors: what this page shows is what
the portal makes of them, not whether the authors are right.

- **read**: the portal drafted a window.
- **right**: window, number, circuits and status are those of the expected result, for every notice
  in the sample.
- **wrong**: drafted with another value. "(window)" counts those with another window.
- **unknown**: drafted, and no whole expected result is published.
- **waits**: nothing was drafted; a person reads the text.
- **by sender**: the carrier follows from the address of the sender. Many senders were removed from
  the samples; for the others the carrier's name was taken from the folder, which a portal does not
  do: such a mail waits for a person.
- **taken**: what would be imported without a person if the first right draft of each carrier and
  form were confirmed, in the order of the names; **wrong windows taken** are those among them with
  another window.
"""


@dataclass
class Row:
    """The counts of one carrier."""

    samples: int = 0
    read: int = 0
    right: int = 0
    wrong: int = 0
    wrong_windows: int = 0
    unknown: int = 0
    waits: int = 0
    by_sender: int = 0
    taken: int = 0
    wrong_taken: int = 0

    def cells(self) -> Sequence[str]:
        """The row of the table."""
        wrong = f"{self.wrong} ({self.wrong_windows})" if self.wrong_windows else str(self.wrong)
        return tuple(
            map(
                str,
                (
                    *(self.samples, self.read, self.right, wrong, self.unknown, self.waits),
                    *(self.by_sender, self.taken, self.wrong_taken),
                ),
            )
        )


@dataclass(frozen=True)
class Case:
    """A sample as a mail, and what is expected of it (None = nothing whole is published)."""

    name: str
    provider: str
    mail: bytes
    expected: Sequence[Mapping[str, Any]] | None
    is_whole: bool = True
    """Whether the expected values must be all; otherwise those that are named."""


@dataclass(frozen=True)
class Drafted:
    """What the portal made of a sample."""

    form: str = ""
    notices: Sequence[Notice] = field(default_factory=tuple)


def main() -> None:
    """Print the page."""
    tests = Path(sys.argv[1]).resolve() / "tests" / "unit"
    usual = PROJECT / ".venv" / "carriers" / "bin" / "python"
    python = Path(sys.argv[2]) if len(sys.argv) > 2 else usual
    if not (tests / "data").is_dir() or not python.exists():
        sys.exit("make: no samples there, or no carrier reader; run `make carriers`")
    print(_HEAD, flush=True)
    print_machine()
    print(f"Library: {_library(python)}.\n", flush=True)
    for title, cases in (("Whole mails", _mails(tests)), ("Readings", _readings(tests))):
        _print(title, list(cases), python)


def _library(python: Path) -> str:
    (found,) = (python.parents[1]).glob("lib/python*/site-packages/circuit_maintenance_parser-*")
    name = found.name.removesuffix(".dist-info").replace("_", "-")
    return f"{name.rpartition('-')[0]} {name.rpartition('-')[2]}"


def _print(title: str, cases: Sequence[Case], python: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        drafts = list(threads.map(lambda case: _draft(case, python), cases))
    rows: defaultdict[str, Row] = defaultdict(Row)
    trusted: set[tuple[str, str]] = set()
    details: list[str] = []
    for case, drafted in zip(cases, drafts, strict=True):
        row = rows[case.provider]
        row.samples += 1
        row.by_sender += bool(provider_of(read(case.mail).sender_domain))
        if not drafted.notices:
            row.waits += 1
            details.append(f"{case.name}: waits")
            continue
        row.read += 1
        state = _state(case, drafted)
        key = (case.provider, drafted.form)
        if key in trusted or not drafted.form:
            row.taken += 1
            row.wrong_taken += state == "wrong window"
        elif state == "right":
            trusted.add(key)
        if state == "right":
            row.right += 1
        elif state == "unknown":
            row.unknown += 1
        else:
            row.wrong += 1
            row.wrong_windows += state == "wrong window"
        if state != "right":
            details.append(f"{case.name}: {state}")
    whole = Row()
    for row in rows.values():
        for name, value in vars(row).items():
            setattr(whole, name, getattr(whole, name) + value)
    named = [(name, *row.cells()) for name, row in sorted(rows.items())]
    print_table(
        f"{title} ({whole.samples})",
        (
            "carrier",
            "samples",
            "read",
            "right",
            "wrong",
            "unknown",
            "waits",
            "by sender",
            "taken",
            "wrong windows taken",
        ),
        [*named, ("all", *whole.cells())],
    )
    print(f"Not right: {'; '.join(details)}.\n" if details else "", flush=True)


def _draft(case: Case, python: Path) -> Drafted:
    try:
        found = read(case.mail).found
    except Invalid:
        return Drafted()
    own = [one for one in found if isinstance(one, Notice)]
    if own:
        return Drafted("", own)
    if case.provider not in PROVIDERS:
        return Drafted()
    try:
        reading = read_carrier_mail(python, case.provider, case.mail)
    except NotRead:
        return Drafted()
    return Drafted(reading.form, reading.notices)


def _state(case: Case, drafted: Drafted) -> str:
    if case.expected is None:
        return "unknown"
    if len(case.expected) != len(drafted.notices):
        windows = {(said.get("start"), said.get("end")) for said in case.expected}
        is_known = all(
            (int(one.start.timestamp()), int(one.end.timestamp())) in windows
            for one in drafted.notices
        )
        return "wrong values" if is_known or windows == {(None, None)} else "wrong window"
    states = {
        _one(said, notice) for said, notice in zip(case.expected, drafted.notices, strict=True)
    }
    return next(one for one in ("wrong window", "wrong values", "right") if one in states)


def _one(said: Mapping[str, Any], notice: Notice) -> str:
    window = {"start": notice.start, "end": notice.end}
    if any(said[name] != int(at.timestamp()) for name, at in window.items() if name in said):
        return "wrong window"
    circuits = sorted(" ".join(one["circuit_id"].split()) for one in said.get("circuits", ()))
    status = "" if said.get("status") in ("RE-SCHEDULED", "NO-CHANGE") else said.get("status")
    is_right = (
        said.get("maintenance_id", notice.maintenance_ids[0]).strip() in notice.maintenance_ids
        and ("circuits" not in said or sorted({*circuits}) == sorted(_ids(notice)))
        and ("status" not in said or status == notice.status)
    )
    return "right" if is_right else "wrong values"


def _ids(notice: Notice) -> Sequence[str]:
    return [one.object_id for one in notice.circuits]


# --- samples -------------------------------------------------------------------------------------


def _mails(tests: Path) -> Iterator[Case]:
    """Every whole mail, with the expected result of the test that reads it whole."""
    expected = {
        files[0][1]: results for _name, files, results in _whole_cases(tests) if len(files) == 1
    }
    for path in sorted((tests / "data").rglob("*.eml")):
        results = expected.get(path)
        said = None if results is None else _merged(results)
        yield Case(path.name, path.parent.name, path.read_bytes(), said)


def _readings(tests: Path) -> Iterator[Case]:
    """Every case of the tests of single parsers: a part of a mail, put into a mail of its kind."""
    for name, path, result in _part_cases(tests):
        said = json.loads(result.read_text(encoding="utf-8"))
        items = said if isinstance(said, list) else [said]
        mail = path.read_bytes() if path.suffix == ".eml" else _wrapped(name, path)
        yield Case(f"{name} of {path.name}", path.parent.name, mail, items, is_whole=False)


def _wrapped(parser: str, path: Path) -> bytes:
    mail = EmailMessage()
    content = path.read_bytes()
    mail["Date"] = "Thu, 4 Feb 2021 10:00:00 +0000"
    is_subject = "Subject" in parser
    mail["Subject"] = " ".join(content.decode().split()) if is_subject else "Works"
    if is_subject:
        mail.set_content("")
    elif parser == "ICal":
        mail.set_content("")
        mail.add_attachment(content, maintype="text", subtype="calendar")
    elif path.suffix == ".xlsx":
        kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        mail.set_content("")
        mail.add_attachment(content, maintype="application", subtype=kind)
    elif path.suffix == ".csv":
        mail.set_content("")
        mail.add_attachment(content, maintype="application", subtype="csv")
    else:
        text = content.decode(errors="replace")
        mail.set_content(text, subtype="html" if "Html" in parser else "plain")
    return mail.as_bytes()


def _merged(results: Sequence[Path]) -> Sequence[Mapping[str, Any]]:
    """One expected result of the parts of it, as the library's own test merges them."""
    merged: list[dict[str, Any]] = []
    for path in results:
        said = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(said, dict):
            for one in merged[:1]:
                one.update(said)
        elif not merged:
            merged = said
        else:
            for one, more in zip(merged, said, strict=True):
                one.update(more)
    return merged


def _cases(path: Path, function: str) -> Iterator[ast.Tuple]:
    """The parameters of a test, which is not run."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            (call,) = node.decorator_list
            assert isinstance(call, ast.Call)
            table = call.args[1]
            assert isinstance(table, ast.List)
            yield from (one for one in table.elts if isinstance(one, ast.Tuple))


def _path(node: ast.expr, tests: Path) -> Path | None:
    if not isinstance(node, ast.Call):
        return None
    names = [one.value for one in node.args if isinstance(one, ast.Constant)]
    return tests.joinpath(*map(str, names))


def _whole_cases(
    tests: Path,
) -> Iterator[tuple[str, Sequence[tuple[str, Path]], Sequence[Path]]]:
    for one in _cases(tests / "test_e2e.py", "test_provider_get_maintenances"):
        provider, files, results = one.elts
        assert isinstance(files, ast.List)
        assert isinstance(results, ast.List)
        found = []
        for each in files.elts:
            assert isinstance(each, ast.Tuple)
            path = _path(each.elts[1], tests)
            if path is not None:
                found.append((ast.unparse(each.elts[0]), path))
        expected = [path for each in results.elts if (path := _path(each, tests)) is not None]
        if found and expected:
            yield ast.unparse(provider), found, expected


def _part_cases(tests: Path) -> Iterator[tuple[str, Path, Path]]:
    for one in _cases(tests / "test_parsers.py", "test_parsers"):
        parser, sample, result = one.elts
        paths = _path(sample, tests), _path(result, tests)
        if paths[0] is not None and paths[1] is not None:
            yield ast.unparse(parser), paths[0], paths[1]


if __name__ == "__main__":
    main()
