"""Pages of sites: what is particular to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.registry.models.registry import Link, Site
from app.registry.pages.forms import SiteEditForm, SiteForm
from app.registry.pages.record_pages import RecordPages
from app.registry.pages.records import RecordView
from app.registry.rules.registry import common, covers, names_from_text
from app.registry.services.record_lists import (
    NO_TIER,
    PAST_T1,
    SITE_LIST,
    T0,
    T1,
    links_of_site,
    links_per_site,
)


def _rows(session: Session, sites: Sequence[Site], day: date) -> Mapping[str, Any]:
    return {"links": links_per_site(session, sites, day)}


def _details(session: Session, site: Site, view: RecordView, day: date) -> Mapping[str, Any]:
    def is_then(row: Any) -> bool:
        return covers((row.valid_from, row.valid_until), day)

    tier = common((site.tier_since, site.tier_until), (site.valid_from, site.valid_until))
    links: Sequence[Link] = links_of_site(session, site)
    return {
        "tier_then": site.tier is not None and covers(tier, day),
        "names": [(name, is_then(name)) for name in names_from_text(view.texts["names"] or "")],
        "links": [link for link in links if is_then(link)],
        "other_links": [link for link in links if not is_then(link)],
    }


blueprint = RecordPages(
    SITE_LIST, SiteForm, SiteEditForm, {"tier": (T0, T1, PAST_T1, NO_TIER)}, _rows, _details
).blueprint()
