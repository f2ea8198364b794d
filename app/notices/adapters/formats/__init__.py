"""The formats of maintenance notices, a file each.

``find`` of a file here returns what it finds in a sent text: notices, and what only a person can
read with the reason; nothing if the text is not in its format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from app.notices.rules.notices import Notice, SentText, Unread

FORMATS: Final[Sequence[Callable[[SentText], Iterable[Notice | Unread]]]] = [
    import_module(f"{__name__}.{file.name}").find for file in iter_modules(__path__)
]
"""Every format, in the order of the files."""
