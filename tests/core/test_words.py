"""The gate for words: what it reads, what it counts, and that bounds are only lowered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """The exit code and what the copy of the tool in a folder prints."""
    command = [sys.executable, "tools/words.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small project with one word of each kind."""
    for name, text in {
        "templates/page.html": '{# told #}<p title="Told">{{ _("It is told anew") }}</p>',
        "app/room.py": '"""What was told.\n\n``told`` is code."""\n'
        'raise ValueError("Nobody told it")\n\n\n'
        'def told() -> None:\n    """Told."""\n\n\n'
        'def _private() -> None:\n    """Told."""\n',
        "README.md": "People are told.\n\n```\ntold\n```\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (tmp_path / "tools").mkdir()
    shutil.copy(PROJECT / "tools" / "words.py", tmp_path / "tools")
    return tmp_path


def test_texts_that_people_read_are_counted_and_code_is_not(folder: Path) -> None:
    (folder / "tools" / "words.py").rename(folder / "words.py")  # it is no part of the count
    done = subprocess.run(
        [sys.executable, "words.py", "--counts", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines()}
    assert "templates 2 messages 1 contracts 0 documents 1 docstrings 2 names 1" in rows["told"]
    assert "templates 1 messages 0" in rows["anew"]


def test_a_word_more_is_an_error_and_a_bound_never_rises(folder: Path) -> None:
    assert run(folder, "--lower")[0] == 0
    bounds = folder / "tools" / "words.toml"
    before = bounds.read_text("utf-8")
    assert run(folder) == (0, "", "")
    (folder / "SECURITY.md").write_text("They kept it.\n", "utf-8")
    code, _, problem = run(folder)
    assert (code, problem.count("\n")) == (1, 1)
    assert problem.startswith("documents: 'kept' 1 times, allowed 0; write: stored")
    assert run(folder, "--lower")[0] == 0
    assert bounds.read_text("utf-8") == before
    (folder / "SECURITY.md").unlink()
    (folder / "README.md").write_text("People know.\n", "utf-8")
    assert run(folder, "--lower")[0] == 0
    assert bounds.read_text("utf-8") == before.replace('[documents]\n"told" = 1\n', "[documents]\n")


def test_subjects_of_commits_are_checked(folder: Path) -> None:
    identity = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    for command in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "Release 0.3.0"],
        ["commit", "-q", "--allow-empty", "-m", "List sites by name"],
        ["commit", "-q", "--allow-empty", "-m", "Say anew what was told"],
        ["commit", "-q", "--allow-empty", "-m", "List sites by name " + "and again " * 6],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **identity})
    code, _, problems = run(folder, "--commits", "HEAD~3..HEAD")
    longer, worded = problems.splitlines()
    assert code == 1
    assert longer.endswith("longer than 72 characters")
    assert worded.endswith("Say anew what was told: told, anew")
    assert run(folder, "--commits", "HEAD~3..HEAD~2") == (0, "", "")
