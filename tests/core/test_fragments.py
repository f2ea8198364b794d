"""The files of ``changelog.d``: what is refused, and the page that towncrier makes from them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
GOOD = "Search finds sites at the ends of links.\n"


def checked(*folder: Path) -> tuple[int, list[str]]:
    """The exit code, and what is printed."""
    command = [sys.executable, "tools/fragments.py", *map(str, folder)]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    return run.returncode, run.stderr.splitlines()


def test_the_fragments_of_the_project_are_right() -> None:
    assert checked() == (0, [])


def test_wrong_fragments_are_named(tmp_path: Path) -> None:
    wrong = {
        "a.fix.md": (GOOD, "the name must be NAME.KIND.md"),
        "b_b.fixed.md": (GOOD, "the name must be NAME.KIND.md"),
        "c.fixed.txt": (GOOD, "the name must be NAME.KIND.md"),
        "d.fixed.md": (f"- {GOOD}", "start with a capital letter, without a bullet"),
        "e.fixed.md": ("Search finds sites", "end with a full stop"),
        "f.fixed.md": (f"{GOOD}\n{GOOD}", "write one paragraph"),
        "g.fixed.md": (GOOD * 11, "write one or two sentences, at most 400 characters"),
        "h.fixed.md": (f"Search {'x' * 119}.\n", "break lines after at most 118 characters"),
    }
    good = {"README.md": "", "i.new.md": GOOD, "j-1.upgrade.md": "`flask` stops.\n"}
    for name, text in [*((name, text) for name, (text, _) in wrong.items()), *good.items()]:
        (tmp_path / name).write_text(text, "utf-8")
    code, lines = checked(tmp_path)
    assert code == 1
    assert [line.split(": ")[0] for line in lines] == [f"changelog.d/{name}" for name in wrong]
    for line, (_, problem) in zip(lines, wrong.values(), strict=True):
        assert problem in line


def test_a_release_moves_the_fragments_below_the_mark(tmp_path: Path) -> None:
    folder = tmp_path / "changelog.d"
    folder.mkdir()
    shutil.copy(PROJECT / "changelog.d" / "template.md.jinja", folder)
    shutil.copy(PROJECT / "changelog.d" / "README.md", folder)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (folder / "search-index.fixed.md").write_text(GOOD, "utf-8")
    (folder / "links.new.md").write_text("Links have a page.\nIt shows 90 days.\n", "utf-8")
    (folder / "database.upgrade.md").write_text("Stop the portal first.\n", "utf-8")
    head = "# Changes\n\n<!-- released versions, newest first -->\n"
    old = "\n## 0.3.0 (2026-12-01)\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(head + old, "utf-8")
    build = ["build", "--keep", "--version", "0.4.0", "--date", "2027-01-31"]
    subprocess.run(
        [sys.executable, "-m", "towncrier", *build, "--dir", str(tmp_path)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert (tmp_path / "CHANGELOG.md").read_text("utf-8") == (
        f"{head}\n## 0.4.0 (2027-01-31)\n"
        "\n### What you must do when you upgrade\n\n- Stop the portal first.\n"
        "\n### New\n\n- Links have a page.\n  It shows 90 days.\n"
        "\n### Fixed\n\n- Search finds sites at the ends of links.\n"
        f"{old}"
    )
