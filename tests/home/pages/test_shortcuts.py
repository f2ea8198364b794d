"""The sheet of the keyboard tells of each key that the script carries out, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

from app.home.pages.shortcuts import GROUPS

SCRIPT = Path(__file__).parents[3] / "static" / "keys.js"


def test_the_sheet_tells_of_the_keys_that_there_are() -> None:
    script = SCRIPT.read_text()
    places = re.search(r"const PLACES = \{(.*?)\};", script)
    keys = re.search(r"const KEYS = \{(.*?)\n  \};", script, re.DOTALL)
    assert places is not None
    assert keys is not None
    there = {f"g {key}" for key in re.findall(r"(\w): \"", places[1])}
    there |= set(re.findall(r"^    \"?([?/.\w])\"?: ", keys[1], re.MULTILINE))
    told = [key for _group, rows in GROUPS for key, _words in rows]
    assert set(told) == there | {"Esc", "Ctrl Enter", "Ctrl K"}
    assert len(told) == len(set(told))
