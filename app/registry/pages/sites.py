"""Pages of sites: what is particular to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.registry.models.registry import Site
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
    RecordOnDay,
    links_of_site,
    links_per_site,
)


def _rows(session: Session, sites: Sequence[Site], day: date) -> Mapping[str, Any]:
    return {"links": links_per_site(session, sites, day)}


def _details(_session: Session, view: RecordView, about: RecordOnDay) -> Mapping[str, Any]:
    site, links = about.row, about.links_in_use
    assert isinstance(site, Site)
    tier = common((site.tier_since, site.tier_until), (site.valid_from, site.valid_until))
    return {
        "new_ticket": {"site": site.key},
        "tier_then": site.tier is not None and covers(tier, about.day),
        "names": [
            (name, covers((name.valid_from, name.valid_until), about.day))
            for name in names_from_text(view.texts["names"] or "")
        ],
        "links": links,
        "other_links": [link for link in about.links if link not in links],
    }


blueprint = RecordPages(
    SITE_LIST,
    SiteForm,
    SiteEditForm,
    {"tier": (T0, T1, PAST_T1, NO_TIER)},
    _rows,
    links_of_site,
    _details,
).blueprint()
