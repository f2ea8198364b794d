"""The formats in which monitoring systems report events: a file each, or a folder each.

A file describes its format in ``FORMAT``. A folder describes it in ``mapping.toml``, without code
of its own; its other files are the page of the guide (``guide.md``) and samples: the notification
that raises an event, the one that clears it, and what is stored then, by which the format is
tested. The addresses of REST, the list of sources and the stored kind of a source follow from that.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from app.events.rules.formats import Format
from app.events.rules.mapping import KeyMapping

FOLDERS: Final = sorted(found.parent for found in Path(__file__).parent.glob("*/mapping.toml"))


def _mapped(folder: Path) -> Format:
    mapping = KeyMapping(**tomllib.loads((folder / "mapping.toml").read_text("utf-8")))
    return mapping.format_of(folder.name, json.loads((folder / "raised.json").read_text("utf-8")))


_FOUND: Final = (
    *(import_module(f"{__name__}.{file.name}").FORMAT for file in iter_modules(__path__)),
    *map(_mapped, FOLDERS),
)
FORMATS: Final[Mapping[str, Format]] = {
    found.name: found for found in sorted(_FOUND, key=lambda one: one.name)
}
"""Every format by its name."""
