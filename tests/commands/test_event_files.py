"""``flask events import|export``."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.database.transactions import transaction
from app.reference.seed import seed_reference
from tests.commands.test_commands import by, changes, done, refused
from tests.harness.commands import flask
from tests.harness.databases import fresh_database, open_session

LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "source;source_id;link;state;start;end;detail\n"


@pytest.fixture
def portal() -> Iterator[str]:
    """A portal with reference data; the database makes no difference to a command."""
    with fresh_database("sqlite") as url:
        with open_session(url) as session, transaction(session):
            seed_reference(session, by(datetime.now(UTC)))
        yield url


def row(number: int, **changed: str) -> str:
    cells = {
        "source": "psnr",
        "source_id": str(number),
        "link": LINK,
        "state": "down",
        "start": "2012-03-01T10:00:00Z",
        "end": "2012-03-01T12:00:00Z",
        "detail": "",
        **changed,
    }
    return ";".join(cells.values()) + "\n"


def test_a_dry_run_tells_each_line_and_an_import_brings_them_once(
    portal: str, tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    file.write_text(f"{HEAD}{row(1, detail='=1+1')}{row(2)}{row(1, detail='=1+1')}")
    before = changes(portal)
    dry = done(portal, "events", "import", str(file), "--dry-run")
    assert dry.splitlines() == [
        "line 2: psnr 1 would be new",
        "line 3: psnr 2 would be new",
        "line 4: psnr 1 is known; same as line 2",
        "Nothing was written; it would be: 2 new, 1 known.",
    ]
    assert changes(portal) == before
    said = done(portal, "events", "import", str(file))
    assert said == "Done: 2 new, 1 known (import 1).\n"
    assert done(portal, "events", "import", str(file)) == "Done: 3 known.\n"
    packed = tmp_path / "events.csv.gz"
    packed.write_bytes(gzip.compress(f"{HEAD}{row(2, end='2012-03-01T13:00:00Z')}".encode()))
    assert done(portal, "events", "import", str(packed)).startswith("Done: 1 corrected")
    out = tmp_path / "out.csv"
    assert done(portal, "events", "export", str(out)) == f"The reported events are in {out}.\n"
    with out.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [(one["source_id"], one["end"], one["detail"]) for one in rows] == [
        ("1", "2012-03-01T12:00:00Z", "'=1+1"),
        ("2", "2012-03-01T13:00:00Z", ""),
    ]
    assert done(portal, "events", "import", str(out)) == "Done: 2 known.\n"


def test_wrong_lines_keep_out_all_or_are_left_out(portal: str, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    unknown = row(3, link="CERN-GRIDKA-LHCOPN-01")
    file.write_text(f"{HEAD}{row(1)}{row(2, start='2012-03-01T10:00:00')}{unknown}")
    ran = flask(portal, "events", "import", str(file))
    assert (ran.returncode, ran.stdout) == (1, b"")
    told = ran.stderr.decode().splitlines()
    assert told[0].startswith('line 3, column start, "2012-03-01T10:00:00": an ISO 8601 time')
    assert told[1].startswith('line 4, column link, "CERN-GRIDKA-LHCOPN-01": the id of a')
    assert "nearest: CERN-GRIDKA-LHCOPN-001" in told[1]
    assert told[2].startswith("Error: The file has wrong lines; nothing was written")
    assert flask(portal, "events", "import", str(file), "--dry-run").returncode == 1
    zone = ("--zone", "Europe/Berlin")
    ran = flask(portal, "events", "import", str(file), *zone, "--keep-unknown")
    assert ran.stdout.decode() == "Done: 3 new, 1 of them unresolved (import 1).\n"
    text = done(portal, "events", "export", "-")
    assert "psnr,2,CERN-GRIDKA-LHCOPN-001,,down,2012-03-01T09:00:00Z" in text
    assert "psnr,3,CERN-GRIDKA-LHCOPN-01,,down" in text
    file.write_text(f"{HEAD}{row(4)}{row(5, state='up')}")
    ran = flask(portal, "events", "import", str(file), "--only-good")
    assert ran.stdout.decode() == "Done: 1 new, 1 wrong (import 2).\n"


def test_files_that_cannot_be_used_are_refused_in_one_line(portal: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.csv")
    assert "cannot be read" in refused(portal, "events", "import", missing)
    nowhere = str(tmp_path / "no" / "x.csv")
    assert "cannot be written" in refused(portal, "events", "export", nowhere)
    file = tmp_path / "events.csv"
    file.write_bytes(b"\x1f\x8b\x08broken")
    assert "The gzip file is damaged" in refused(portal, "events", "import", str(file))
    file.write_bytes(f"{HEAD}{row(1, detail='Störung')}".encode("latin-1"))
    ran = flask(portal, "events", "import", str(file))
    assert "line 2: this is not UTF-8" in ran.stderr.decode()
    assert done(portal, "events", "import", str(file), "--encoding", "windows-1252")
    said = refused(portal, "events", "import", str(file), "--zone", "Berlin")
    assert "is not a time zone" in said


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_file_of_more_than_50_000_lines_is_refused(
    portal: str, tmp_path: Path, dry: tuple[str, ...]
) -> None:
    file, before = tmp_path / "events.csv", changes(portal)
    file.write_text(HEAD + "".join(map(row, range(50_001))))
    told = refused(portal, "events", "import", str(file), *dry)
    assert "The file has 50,001 lines; an import takes at most 50,000. Split it" in told
    assert changes(portal) == before
