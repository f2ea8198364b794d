"""Large libraries that few processes need: loaded when they are used, not when a module names them.

Modules import them as any other (``import pandas as pd``) and reach into them by attribute; a name
taken out of one (``from xlsxwriter import Workbook``) loads it at once. It is Python's own
``importlib.util.LazyLoader`` in short, but for threads: in Python 3.11 the second of two that use a
module for the first time may see it half loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import Lock
from types import ModuleType
from typing import Any, Final

LATE: Final = frozenset({"icalendar", "pandas", "segno", "xlsxwriter"})
"""None of them builds on another: a library must never meet one that is not loaded."""
_used: Final[set[str]] = set()
_lock: Final = Lock()


class _Late(ModuleType):
    """Stands for a library that is loaded when something of it is requested."""

    def __getattr__(self, name: str) -> Any:
        is_special = name.startswith("__") and self.__name__ not in _used
        # whoever only looks at all modules loads none; __path__ is asked for to find a part of it
        if is_special and (name != "__path__" or sys.modules.get(self.__name__) is not self):
            raise AttributeError(name)
        value = getattr(_load(self.__name__), name)
        self.__dict__[name] = value
        return value


def _load(library: str) -> ModuleType:
    with _lock:
        if library not in _used:
            _used.add(library)
            sys.modules.pop(library, None)
    return import_module(library)  # Python's own locks: nobody gets a half loaded one


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in LATE and name not in _used else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Late(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: that is what is put off."""


def load_late() -> None:
    """Put the loading of them off, from now on, in this process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
