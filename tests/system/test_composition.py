"""Every hook between rooms is set in the one file that lists them."""

from __future__ import annotations

import re
from typing import Final

from app.core.folders import PROJECT

_DEFINED: Final = re.compile(r'\bHook\(\s*"(\w+)"\s*\)')
_SET: Final = re.compile(r"^    (\w+)\.set\(", re.MULTILINE)


def test_composition_sets_every_hook_and_nobody_else_sets_one() -> None:
    composition = PROJECT / "app" / "composition.py"
    defined = [
        name
        for path in (PROJECT / "app").rglob("*.py")
        for name in _DEFINED.findall(path.read_text())
    ]
    assert len(defined) == len({*defined}) > 10
    assert {*_SET.findall(composition.read_text())} == {*defined}
    others = {
        path.name
        for path in (PROJECT / "app").rglob("*.py")
        if path != composition
        and set(re.findall(r"\b([A-Z_]+)\.set\(", path.read_text())) & {*defined}
    }
    assert not others
