"""``flask sites``, ``flask links`` and ``flask cric``."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select

from app.registry.models.registry import Site, SourceRun
from tests import cric_sample
from tests.commands.test_commands import changes, done, refused, registry
from tests.harness.commands import flask
from tests.harness.databases import open_session

__all__ = ["registry"]


def test_an_export_is_imported_as_no_change(registry: str, tmp_path: Path) -> None:
    before = changes(registry)
    for kind, count in (("sites", 17), ("links", 10)):
        for form in ("csv", "json"):
            file = tmp_path / f"{kind}.{form}"
            assert done(registry, kind, "export", str(file)) == f"All {kind} are in {file}.\n"
            said = done(registry, kind, "import", str(file))
            assert said == f"Done: 0 new, 0 changed, {count} unchanged ({kind}).\n"
    assert changes(registry) == before
    printed = done(registry, "links", "export", "-", "--format", "json")
    assert len(json.loads(printed)["links"]) == 10
    assert done(registry, "sites", "import", "-", stdin=done(registry, "sites", "export", "-"))


def test_a_dry_run_tells_the_difference_and_writes_nothing(registry: str, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("key,country,time_zone\nDE-KIT,DE,Europe/Zurich\nFR-NEW,FR,Europe/Paris\n")
    before = changes(registry)
    told = (
        "DE-KIT: time_zone: Europe/Berlin -> Europe/Zurich\n"
        "FR-NEW: new: country FR, time_zone Europe/Paris\n"
    )
    dry = done(registry, "sites", "import", str(file), "--dry-run")
    assert (
        dry == f"{told}Nothing was written; it would be: 1 new, 1 changed, 0 unchanged (sites).\n"
    )
    assert changes(registry) == before
    assert done(registry, "sites", "import", str(file)).startswith(told)
    with open_session(registry) as session:
        zone = session.scalar(select(Site.time_zone).where(Site.key == "DE-KIT"))
    assert zone == "Europe/Zurich"


def test_every_wrong_line_is_printed(registry: str, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("key,country\nDE-KIT,XX\nES-PIC,YY\n")
    before = changes(registry)
    ran = flask(registry, "sites", "import", str(file))
    assert ran.returncode == 1
    assert ran.stdout == b""
    lines = ran.stderr.decode().splitlines()
    assert lines[0].startswith('line 2, column country, "XX": ')
    assert lines[1].startswith('line 3, column country, "YY": ')
    assert lines[2] == "Error: The file has 2 wrong places; nothing was written"
    assert changes(registry) == before


def test_files_that_are_not_there_are_one_line(registry: str, tmp_path: Path) -> None:
    assert "cannot be read" in refused(registry, "sites", "import", str(tmp_path / "none.csv"))
    assert "cannot be written" in refused(registry, "links", "export", str(tmp_path / "no/x.csv"))


def test_cric_is_read_by_command(registry: str, tmp_path: Path) -> None:
    file = tmp_path / "cric.json"
    file.write_bytes(cric_sample.CONTENT)
    before = changes(registry)
    said = done(registry, "cric", "import", str(file), "--dry-run")
    assert "tier2.example: false lhcopn_active flag" in said
    assert "NetSite and NetRoute disagree: NetSite CH-CERN 2100 Gb/s" in said
    assert said.endswith("Nothing was written.\n")
    assert changes(registry) == before
    assert "new proposals" in done(registry, "cric", "import", str(file))
    file.write_text("{}")
    assert "is empty; nothing was changed" in refused(
        registry, "cric", "import", str(file), "--dry-run"
    )
    ran = flask(registry, "cric", "import", str(file))
    assert ran.returncode == 1
    assert ran.stderr.decode().splitlines() == [
        "Error: The data from CRIC is empty; nothing was changed"
    ]
    with open_session(registry) as session:
        runs = session.scalars(select(SourceRun).order_by(SourceRun.id))
        assert [bool(run.alarm) for run in runs] == [False, True]
    file.write_text("no JSON")
    assert "not JSON" in refused(registry, "cric", "import", str(file))
    assert "must begin with http" in refused(registry, "cric", "import", "file:///etc/passwd")
