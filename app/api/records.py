"""Sites and links: lists by filter, and one by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.api.caller import session
from app.api.operations import Call, Operation, Query, next_page
from app.api.schemas import Link, LinkPage, LinksQuery, OneQuery, Site, SitePage, SitesQuery
from app.core.rules.access import Actor, may_read_contacts
from app.core.rules.scopes import Scope
from app.registry.rules.registry import covers
from app.registry.services.lists import (
    ListedLink,
    ListedSite,
    Wanted,
    link_of_name,
    links_wanted,
    site_of_key,
    sites_wanted,
)
from app.topology.rules.link_states import LinkStatus
from app.topology.services.link_states import link_states

_FILTERS: Final = ("after", "q", "network", "on")


def _wanted(query: Query) -> Wanted:
    """One record more than the page shows says whether there are more."""
    given = {name: query[name] for name in _FILTERS if name in query}
    return Wanted(limit=query["limit"] + 1, **given)


def _wire(
    actor: Actor, found: ListedSite | ListedLink, states: Mapping[int, LinkStatus]
) -> Mapping[str, Any]:
    content = dict(vars(found))
    if isinstance(found, ListedLink):
        content["state"] = states.get(found.row.id)
    elif may_read_contacts(actor):
        content["contacts"] = found.row.contacts
    return content


def _states(found: Sequence[ListedSite | ListedLink]) -> Mapping[int, LinkStatus]:
    """The state now of those links that are in use now."""
    moment = datetime.now(UTC)
    links = [
        one.row.id
        for one in found
        if isinstance(one, ListedLink)
        and covers((one.row.valid_from, one.row.valid_until), moment.date())
    ]
    return link_states(session(), links, moment)


def _page(
    actor: Actor, found: Sequence[ListedSite] | Sequence[ListedLink], query: Query
) -> Mapping[str, Any]:
    limit, last = query["limit"], None
    if len(found) > limit:
        row = found[limit - 1].row
        last = row.name if isinstance(found[0], ListedLink) else row.key
    states = _states(found[:limit])
    return {"items": [_wire(actor, one, states) for one in found[:limit]], "next": next_page(last)}


def list_sites(call: Call) -> Mapping[str, Any]:
    """One page of sites."""
    query = call.query
    return _page(call.actor, sites_wanted(session(), _wanted(query), query.get("tier")), query)


def get_site(call: Call) -> Mapping[str, Any]:
    """One site."""
    return _wire(call.actor, site_of_key(session(), call.key, call.query.get("on")), {})


def list_links(call: Call) -> Mapping[str, Any]:
    """One page of links."""
    query = call.query
    return _page(call.actor, links_wanted(session(), _wanted(query), query.get("site", "")), query)


def get_link(call: Call) -> Mapping[str, Any]:
    """One link."""
    found = link_of_name(session(), call.key, call.query.get("on"))
    return _wire(call.actor, found, _states([found]))


_SCOPES = (Scope.READ, Scope.REGISTRY)
OPERATIONS = (
    Operation("listSites", "/v1/sites", "Sites", _SCOPES, SitesQuery, SitePage, list_sites),
    Operation("getSite", "/v1/sites/{key}", "One site", _SCOPES, OneQuery, Site, get_site),
    Operation("listLinks", "/v1/links", "Links", _SCOPES, LinksQuery, LinkPage, list_links),
    Operation("getLink", "/v1/links/{key}", "One link", _SCOPES, OneQuery, Link, get_link),
)
