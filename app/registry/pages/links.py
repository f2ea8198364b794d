"""Pages of links: what is particular to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.registry.models.registry import Link
from app.registry.pages.forms import LinkEditForm, LinkForm
from app.registry.pages.record_pages import RecordPages
from app.registry.pages.records import RecordView
from app.registry.rules.networks import Network
from app.registry.rules.registry import LinkRole
from app.registry.services.links import name_of_ends
from app.registry.services.record_lists import (
    LINK_LIST,
    RecordOnDay,
    backups_of_link,
    contacts_of_sites,
)
from app.registry.services.registry import responsible_site_of_link


def _rows(_session: Session, links: Sequence[Link], _day: date) -> Mapping[str, Any]:
    return {"links": [(link, responsible_site_of_link(link)) for link in links]}


def _links(session: Session, link: Link) -> Sequence[Link]:
    primary = [] if link.backs_up is None else [link.backs_up]
    return [link, *backups_of_link(session, link), *primary]


def _details(session: Session, _view: RecordView, about: RecordOnDay) -> Mapping[str, Any]:
    link, *others = about.links
    return {
        "new_ticket": {
            "link": link.name,
            "site": [end.key for end in (link.end_a, link.end_b) if end.tier == 1]
            or [link.end_a.key, link.end_b.key],
        },
        "responsible": responsible_site_of_link(link),
        "backups": [other for other in others if other.backs_up_id == link.id],
        "contacts": contacts_of_sites(session, (link.end_a_id, link.end_b_id)),
    }


def _complete(session: Session, stated: dict[str, Any]) -> None:
    stated["name"] = stated["name"] or name_of_ends(session, stated)


blueprint = RecordPages(
    LINK_LIST,
    LinkForm,
    LinkEditForm,
    {"network": tuple(Network), "role": tuple(LinkRole)},
    _rows,
    _links,
    _details,
    complete=_complete,
).blueprint()
