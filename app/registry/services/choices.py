"""The sites and links that a form or filter offers, each with all names under which it is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.registry.models.registry import Link, Site, SiteName


@dataclass(frozen=True)
class Option:
    """A site or link to choose, with all names under which it is found."""

    value: str
    names: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    note: str = ""


_A, _B = aliased(Site), aliased(Site)
# columns, and no rows with all that hangs on them: most pages with a form ask
_SITES: Final = (
    select(Site.key, SiteName.name)
    .outerjoin(SiteName, SiteName.site_id == Site.id)
    .order_by(Site.key, SiteName.id)
)
_LINKS: Final = (
    select(Link.name, _A.key, _B.key)
    .join(_A, _A.id == Link.end_a_id)
    .join(_B, _B.id == Link.end_b_id)
    .order_by(Link.name)
)


def _site_options(session: Session) -> list[Option]:
    found: dict[str, dict[str, None]] = {}
    for key, name in session.execute(_SITES):
        names = found.setdefault(key, {})
        if name not in (None, key):
            names[name] = None
    return [Option(key, tuple(names), note=", ".join(names)) for key, names in found.items()]


def _link_options(session: Session) -> list[Option]:
    return [
        Option(name, ends, ends, note=" to ".join(ends))
        for name, *both in session.execute(_LINKS)
        for ends in [tuple(both)]
    ]


def choices(session: Session) -> dict[str, Any]:
    """What the templates of lists and forms offer."""
    return {
        "site_options": _site_options(session),
        "link_options": _link_options(session),
    }
