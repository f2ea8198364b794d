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
from app.registry.rules.registry import LinkRole, covers
from app.registry.services.links import name_of_ends
from app.registry.services.record_lists import LINK_LIST, backups_of_link
from app.registry.services.registry import responsible_site_of_link


def _rows(_session: Session, links: Sequence[Link], _day: date) -> Mapping[str, Any]:
    return {"links": [(link, responsible_site_of_link(link)) for link in links]}


def _details(session: Session, link: Link, _view: RecordView, day: date) -> Mapping[str, Any]:
    return {
        "responsible": responsible_site_of_link(link),
        "backups": [
            (other, covers((other.valid_from, other.valid_until), day))
            for other in backups_of_link(session, link)
        ],
    }


def _complete(session: Session, stated: dict[str, Any]) -> None:
    stated["name"] = stated["name"] or name_of_ends(session, stated)


blueprint = RecordPages(
    LINK_LIST,
    LinkForm,
    LinkEditForm,
    {"network": tuple(Network), "role": tuple(LinkRole)},
    _rows,
    _details,
    complete=_complete,
).blueprint()
