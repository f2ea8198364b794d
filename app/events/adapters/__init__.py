"""The formats in which monitoring systems report events, a file each.

A file here describes its format in ``FORMAT``; the addresses of REST, the list of sources and the
stored kind of a source follow from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from app.events.rules.formats import Format

FORMATS: Final[Mapping[str, Format]] = {
    found.name: found
    for found in (
        import_module(f"{__name__}.{file.name}").FORMAT for file in iter_modules(__path__)
    )
}
"""Every format by its name, in the order of the files."""
