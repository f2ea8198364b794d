"""``flask tickets export|import``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from app.core.database.transactions import transaction
from app.reference.seed import seed_reference
from tests.commands.test_commands import by, changes, done, refused
from tests.harness.commands import flask
from tests.harness.databases import fresh_database, open_session

HEAD = "number;title;state;created;sites\n"


@pytest.fixture
def portal() -> Iterator[str]:
    """A portal with reference data; the database makes no difference to a command."""
    with fresh_database("sqlite") as url:
        with open_session(url) as session, transaction(session):
            seed_reference(session, by(datetime.now(UTC)))
        yield url


def test_a_dry_run_tells_each_line_and_an_import_brings_them(portal: str, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    file.write_text(f"{HEAD}7;=down;closed;2011-01-02;FZK-LCG3\n8;up;new;2011-01-03;\n")
    before = changes(portal)
    dry = done(portal, "tickets", "import", str(file), "--dry-run", "--source", "old desk")
    assert dry.splitlines() == [
        "line 2: 7 would be created; site FZK-LCG3 is not known; stored as text; nearest: FZK-LCG2",
        "line 3: 8 would be created",
        "Nothing was written; it would be: 2 new.",
    ]
    assert changes(portal) == before
    for brought in ("2 new, tickets 1 to 2", "2 imported before"):
        said = done(portal, "tickets", "import", str(file), "--source", "old desk")
        assert said == f"Done: {brought}.\n"
    again = done(portal, "tickets", "import", str(file), "--dry-run", "--source", "old desk")
    assert again.splitlines()[0] == "line 2: 7 is ticket 1 already"
    out = tmp_path / "out.csv"
    assert done(portal, "tickets", "export", str(out)) == f"2 tickets are in {out}.\n"
    with out.open(newline="") as text:
        assert [row["title"] for row in csv.DictReader(text)] == ["'=down", "up"]
    printed = done(portal, "tickets", "export", "-", own_process=True)
    assert printed == out.read_bytes().decode()
    book = tmp_path / "out.xlsx"
    done(portal, "tickets", "export", str(book))
    assert load_workbook(book).worksheets[0]["B2"].value == "=down"
    document = tmp_path / "out.xml"
    assert done(portal, "tickets", "export", str(document)) == f"2 tickets are in {document}.\n"
    printed = done(portal, "tickets", "export", "-", "--format", "nttdm", own_process=True)
    assert printed == document.read_text()
    said = done(portal, "tickets", "import", str(document), "--source", "a copy")
    assert said == "Done: 2 new, tickets 3 to 4.\n"
    document.write_text("<!DOCTYPE a><a/>")
    ran = flask(portal, "tickets", "import", str(document))
    assert ran.returncode == 1
    assert "a document type declaration is not accepted" in ran.stderr.decode()


def test_wrong_lines_and_parts(portal: str, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    file.write_text(f"{HEAD}7;down;foo;2011-01-02;\n8;up;new;2011-01-03;\n")
    before = changes(portal)
    for more in ((), ("--in-parts",)):
        ran = flask(portal, "tickets", "import", str(file), *more)
        assert (ran.returncode, ran.stdout) == (1, b"")
        told = ran.stderr.decode().splitlines()
        assert told[0].startswith('line 2, column state, "foo": one of new, assigned,')
        assert told[1] == "Error: The file has 1 wrong place; nothing was written"
    dry = flask(portal, "tickets", "import", str(file), "--dry-run")
    assert dry.returncode == 1
    assert "it would be: 1 new, 1 wrong" in dry.stdout.decode()
    assert changes(portal) == before
    ran = flask(portal, "tickets", "import", str(file), "--only-good", "--in-parts")
    assert ran.returncode == 0
    assert ran.stdout.decode() == "Done: 1 new, 1 wrong, tickets 1 to 1.\n"
    file.write_text(f"{HEAD}8;another;new;2011-01-03;\n")
    ran = flask(portal, "tickets", "import", str(file))
    assert "give its name with --source" in ran.stderr.decode()
    file.write_text(HEAD + "9;up;new;2011-01-03;\n" * 50_001)
    for more in ((), ("--in-parts",), ("--dry-run",)):
        said = refused(portal, "tickets", "import", str(file), *more)
        assert "The file has 50,001 lines; an import takes at most 50,000. Split it" in said


def test_files_that_cannot_be_used_are_refused_in_one_line(portal: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.csv")
    assert "cannot be read" in refused(portal, "tickets", "import", missing)
    nowhere = str(tmp_path / "no" / "x.csv")
    assert "cannot be written" in refused(portal, "tickets", "export", nowhere)
    file = tmp_path / "latin.csv"
    file.write_bytes(f"{HEAD}7;Stoerung;new;2011-01-02;\n".replace("oe", "ö").encode("latin-1"))
    ran = flask(portal, "tickets", "import", str(file))
    assert "or choose windows-1252" in ran.stderr.decode()
    assert done(portal, "tickets", "import", str(file), "--encoding", "windows-1252")
    assert "--encoding" in refused(portal, "tickets", "import", str(file), "--encoding", "ebcdic")
    assert "Enter the name of the old system" in refused(
        portal, "tickets", "import", str(file), "--source", " "
    )
