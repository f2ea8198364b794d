"""``flask downtimes import``: a list replaces the one before, or nothing is written."""

from __future__ import annotations

from pathlib import Path

from tests.commands.test_commands import done, refused
from tests.commands.test_notices import portal

__all__ = ["portal"]
SAMPLE = Path(__file__).parents[1] / "evidence" / "osg_sample.yaml"
NEW = "3 downtimes: 3 new, 0 changed, 0 as before; 0 removed, which the list no longer contains\n"


def test_a_list_is_imported_and_tried_before(portal: str, tmp_path: Path) -> None:
    words = ("downtimes", "import", str(SAMPLE), "--site", "DE-KIT")
    assert done(portal, *words, "--dry-run") == f"{NEW}Nothing was written.\n"
    assert done(portal, *words) == NEW
    assert "0 new, 0 changed, 3 as before" in done(portal, *words)
    assert "No site in the registry has this name" in refused(
        portal, "downtimes", "import", str(SAMPLE), "--site", "DE-KAT"
    )
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SAMPLE.read_text().replace("Mar 02", "Mor 02"))
    said = refused(portal, "downtimes", "import", str(wrong), "--site", "DE-KIT")
    assert "Entry 3 (ID 1005301): StartTime: must be a time" in said
    assert "cannot be read" in refused(
        portal, "downtimes", "import", str(tmp_path / "none"), "--site", "DE-KIT"
    )
