"""The sites and links that a form or filter offers, each with all names under which it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.registry.models.registry import Link, Site
from app.registry.services.registry import all_links, all_sites


@dataclass(frozen=True)
class Option:
    """A site or link to choose, with all names under which it is found."""

    value: str
    names: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    note: str = ""


def _site_options(sites: Sequence[Site]) -> list[Option]:
    options = []
    for site in sites:
        names = tuple(dict.fromkeys(n.name for n in site.names if n.name != site.key))
        options.append(Option(site.key, names, note=", ".join(names)))
    return options


def _link_options(links: Sequence[Link]) -> list[Option]:
    options = []
    for link in links:
        ends = (link.end_a.key, link.end_b.key)
        options.append(Option(link.name, ends, ends, note=" to ".join(ends)))
    return options


def choices(session: Session) -> dict[str, Any]:
    """What the templates of lists and forms offer."""
    return {
        "site_options": _site_options(all_sites(session)),
        "link_options": _link_options(all_links(session)),
    }
