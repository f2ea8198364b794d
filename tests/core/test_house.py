"""The house as a newcomer meets it: folders that fit on a screen, recipes whose places exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_PROJECT = Path(__file__).parents[2]

_FILES_IN_A_FOLDER = 25
"""The most source files that stand side by side (issue "One way for each thing")."""

_PLACES = ("app/", "soap_service/", "templates/", "tests/", "docs/", "tools/")

_EXAMPLE = "tracker"
"""The partner kind that a recipe takes as its example; it does not exist."""


def _sources(*folders: str, ending: str = ".py") -> list[Path]:
    """The files of these folders that end so, relative to the project."""
    return [
        path.relative_to(_PROJECT)
        for folder in folders
        for path in sorted((_PROJECT / folder).rglob(f"*{ending}"))
        if "node_modules" not in path.parts
    ]


def _recipe_items() -> Iterator[tuple[str, str]]:
    """Each line of the lists under "How to add": the recipe's name and the whole item."""
    _, text = (_PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## How to add", 1)
    recipe, item = "every recipe", ""
    for line in [*text.splitlines(), ""]:
        if item and not line.startswith(" "):
            yield recipe, item
            item = ""
        if line.startswith("**"):
            recipe = line.split("**")[1]
        elif re.match(r"\d+\. |- ", line):
            item = line
        elif item:
            item += " " + line.strip()


def test_no_folder_of_source_files_outgrows_a_screen() -> None:
    """A folder with more files is cut by noun, as `app/commands/events` was."""
    files = Counter(path.parent.as_posix() for path in _sources("app", "soap_service"))
    assert len(files) > 50
    assert {folder: count for folder, count in files.items() if count > _FILES_IN_A_FOLDER} == {}


def test_recipes_name_places_that_exist() -> None:
    """A file that was moved or renamed is moved in CONTRIBUTING's recipes, too."""
    lost, seen = [], 0
    for recipe, item in _recipe_items():
        for quoted in re.findall(r"`([^`\s]+)`", item):
            if not quoted.startswith(_PLACES):
                continue
            seen += 1
            pattern = re.sub(rf"<\w+>|{_EXAMPLE}", "*", quoted)
            if not any(_PROJECT.glob(pattern)):
                lost.append(f"{recipe}: {quoted}")
    assert seen > 70
    assert lost == []


def _names_in_code() -> frozenset[str]:
    """Each word of the sources but this file's, and the name of each source file."""
    sources = [
        path
        for path in [
            *_sources("app", "soap_service", "tests"),
            *_sources("templates", ending=".html"),
        ]
        if path != Path(__file__).relative_to(_PROJECT)
    ]
    words = (re.findall(r"\w+", (_PROJECT / path).read_text(encoding="utf-8")) for path in sources)
    return frozenset({path.name for path in sources}.union(*words))


def test_recipes_name_things_that_the_code_has() -> None:
    """A function, table or class that was renamed is renamed in CONTRIBUTING's recipes, too."""
    known = {*_names_in_code(), _EXAMPLE}
    lost, seen = [], 0
    for recipe, item in _recipe_items():
        for quoted in re.findall(r"`(@?\w+(?:\.\w+)?(?:\([^`]*\))?)`", item):
            is_file = quoted.endswith((".py", ".html"))
            name = quoted if is_file else re.split(r"[.(]", quoted.removeprefix("@"))[0]
            seen += 1
            if name not in known:
                lost.append(f"{recipe}: {quoted}")
    assert seen > 60
    assert lost == []
