"""The sites and links that a form or filter offers, each with all names under which it is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session, aliased

from app.core.rules.language import _, joined
from app.registry.models.registry import Link, Site, SiteName


@dataclass(frozen=True)
class Option:
    """A site or link to choose, with all names under which it is found."""

    value: str
    names: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    note: str = ""


_A, _B = aliased(Site), aliased(Site)
# columns, and no rows with all that hangs on them: lists and most forms ask
_ALL: Final = union_all(
    select(
        literal("site").label("kind"),
        Site.key.label("value"),
        SiteName.id.label("place"),
        SiteName.name,
        literal("").label("other"),
    ).outerjoin(SiteName, SiteName.site_id == Site.id),
    select(literal("link"), Link.name, literal(0), _A.key, _B.key)
    .join(_A, _A.id == Link.end_a_id)
    .join(_B, _B.id == Link.end_b_id),
).order_by("value", "place")


def choices(session: Session) -> dict[str, Any]:
    """What the templates of lists and forms offer, by one statement."""
    names: dict[str, dict[str, None]] = {}
    links = []
    for kind, value, _place, name, other in session.execute(_ALL):
        if kind == "link":
            ends = (name, other)
            links.append(Option(value, ends, ends, note=joined(_(" to "), ends)))
            continue
        of_site = names.setdefault(value, {})
        if name not in (None, value):
            of_site[name] = None
    sites = [Option(key, tuple(found), note=", ".join(found)) for key, found in names.items()]
    return {"site_options": sites, "link_options": links}
