"""Checks the files of ``changelog.d``: names, headings and form (``make check``).

``python tools/fragments.py [FOLDER]`` prints each problem on a line and then exits with 1.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
MAX_CHARACTERS: Final = 400
MAX_WIDTH: Final = 120
_OTHERS: Final = frozenset({"README.md", "template.md.jinja"})
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.([a-z]+)\.md")
_BEGINNING: Final = re.compile(r"[A-Z`]")


def kinds() -> tuple[str, ...]:
    """The kinds of fragments that towncrier knows, from ``pyproject.toml``."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    return tuple(one["directory"] for one in settings["tool"]["towncrier"]["type"])


def problems_of(name: str, text: str, known: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with a fragment, in words."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in known:
        yield f"the name must be NAME.KIND.md, lower case, with a kind of: {', '.join(known)}"
    text = text.removesuffix("\n")
    if not _BEGINNING.match(text):
        yield "start with a capital letter, without a bullet or heading"
    if not text.endswith("."):
        yield "end with a full stop and one newline"
    if "\n\n" in text:
        yield "write one paragraph"
    if len(text) > MAX_CHARACTERS:
        yield f"write one or two sentences, at most {MAX_CHARACTERS} characters"
    if any(len(line) > MAX_WIDTH - 2 for line in text.splitlines()):
        yield f"break lines after at most {MAX_WIDTH - 2} characters"


def main(folder: Path) -> int:
    """Print the problems of all files of a folder; the exit code."""
    known, code = kinds(), 0
    for path in sorted(folder.iterdir()):
        if path.name not in _OTHERS:
            for problem in problems_of(path.name, path.read_text("utf-8"), known):
                print(f"changelog.d/{path.name}: {problem}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else PROJECT / "changelog.d"))
