"""Links: a list by filter, and one by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.caller import session
from app.api.operations import Operation, Query, next_page
from app.api.schemas import Link, LinkPage, LinksQuery, OneQuery
from app.core.rules.access import Actor
from app.core.rules.scopes import Scope
from app.registry.services.lists import Wanted, link_of_name, links_wanted


def list_links(_actor: Actor, query: Query, _key: str) -> Mapping[str, Any]:
    """One page of links."""
    limit = query["limit"]
    wanted = Wanted(
        limit=limit + 1,
        after=query.get("after", ""),
        q=query.get("q", ""),
        network=query.get("network", ""),
        on=query.get("on"),
    )
    found = links_wanted(session(), wanted, query.get("site", ""))
    last = found[limit - 1].row.name if len(found) > limit else None
    return {"items": found[:limit], "next": next_page(last)}


def get_link(_actor: Actor, query: Query, key: str) -> Mapping[str, Any]:
    """One link."""
    return vars(link_of_name(session(), key, query.get("on")))


_SCOPES = (Scope.READ, Scope.REGISTRY)
OPERATIONS = (
    Operation("listLinks", "/v1/links", "Links", _SCOPES, LinksQuery, LinkPage, list_links),
    Operation("getLink", "/v1/links/{key}", "One link", _SCOPES, OneQuery, Link, get_link),
)
