"""``flask notices import``: files and standard input in, one line for each notice out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.cast import enter
from tests.commands.test_commands import changes, done, refused
from tests.harness.commands import flask
from tests.harness.databases import fresh_database, open_engine

SAMPLES = Path(__file__).parents[1] / "notices_sample"


@pytest.fixture
def portal() -> Iterator[str]:
    """A portal with the cast; the database makes no difference to a command."""
    with fresh_database("sqlite") as url:
        engine = open_engine(url)
        with Session(engine) as session:
            enter(session)
        engine.dispose()
        yield url


def test_files_and_standard_input(portal: str) -> None:
    before = changes(portal)
    file = str(SAMPLES / "new.ics")
    title = "Fibre work near Lyon, span 4"
    unknown = "unknown circuits: EC-77001"
    assert done(portal, "notices", "import", file, "--dry-run") == (
        f"made: {title}: a new ticket; {unknown}\nNothing was written.\n"
    )
    assert changes(portal) == before
    assert done(portal, "notices", "import", file) == (
        f"notice 1: made: {title}: Ticket 1 created; {unknown}\n"
    )
    assert "Already known" in done(portal, "notices", "import", str(SAMPLES / "new.eml"))
    cancel = (SAMPLES / "cancel.ics").read_text("utf-8")
    assert "Ticket 1 is set to unsolved" in done(portal, "notices", "import", "-", stdin=cancel)
    plain = (SAMPLES / "plain.eml").read_bytes()
    ran = flask(portal, "notices", "import", "-", stdin=plain)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"notice 3: to read: Scheduled maintenance: PIC access line" in ran.stdout


def test_what_is_no_notice_at_all(portal: str) -> None:
    assert "The file is empty" in refused(portal, "notices", "import", "-")
    assert "cannot be read" in refused(portal, "notices", "import", "/no/such/file")
