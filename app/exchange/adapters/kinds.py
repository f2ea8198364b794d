"""The kinds of partner systems that the portal knows, each a folder next to this module.

A folder ``<kind>`` has ``KIND``, its traits, in ``__init__.py``, and ``open_client`` in
``client.py``, which is loaded by the first connection of that kind that is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from app.exchange.adapters.access import Access
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.partner import PartnerSystem

_FOLDERS: Final = (
    "zammad",
    "mail",
    "rt",
    "servicenow",
    "ggus",
)
"""In the order of the form for a new connection."""


def _kind_of_folder(name: str) -> PartnerKind:
    kind: PartnerKind = import_module(f"{__package__}.{name}").KIND
    return kind


KINDS: Final[Mapping[str, PartnerKind]] = {name: _kind_of_folder(name) for name in _FOLDERS}
"""The traits of each kind, by the name that connections store."""


def kind_named(name: str) -> PartnerKind:
    """The traits of a connection's kind."""
    return KINDS[name]


def open_client(name: str, access: Access) -> PartnerSystem:
    """The client of a connection of this kind."""
    client: PartnerSystem = import_module(f"{__package__}.{name}.client").open_client(access)
    return client
