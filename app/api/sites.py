"""Sites: a list by filter, and one by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.caller import session
from app.api.operations import Operation, Query, next_page
from app.api.schemas import OneQuery, Site, SitePage, SitesQuery
from app.core.rules.access import Actor, may_read_contacts
from app.core.rules.scopes import Scope
from app.registry.services.lists import ListedSite, Wanted, site_of_key, sites_wanted


def _wire(actor: Actor, found: ListedSite) -> Mapping[str, Any]:
    content: dict[str, Any] = {
        "row": found.row,
        "names": found.names,
        "tier": found.tier,
        "asns": found.asns,
        "facts": found.facts,
    }
    if may_read_contacts(actor):
        content["contacts"] = found.row.contacts
    return content


def list_sites(actor: Actor, query: Query, _key: str) -> Mapping[str, Any]:
    """One page of sites."""
    limit = query["limit"]
    wanted = Wanted(
        limit=limit + 1,
        after=query.get("after", ""),
        q=query.get("q", ""),
        network=query.get("network", ""),
        on=query.get("on"),
    )
    found = sites_wanted(session(), wanted, query.get("tier"))
    last = found[limit - 1].row.key if len(found) > limit else None
    return {"items": [_wire(actor, one) for one in found[:limit]], "next": next_page(last)}


def get_site(actor: Actor, query: Query, key: str) -> Mapping[str, Any]:
    """One site."""
    return _wire(actor, site_of_key(session(), key, query.get("on")))


_SCOPES = (Scope.READ, Scope.REGISTRY)
OPERATIONS = (
    Operation("listSites", "/v1/sites", "Sites", _SCOPES, SitesQuery, SitePage, list_sites),
    Operation("getSite", "/v1/sites/{key}", "One site", _SCOPES, OneQuery, Site, get_site),
)
