"""Sites and links: lists by filter, one by its key; administrators create and change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from app.api.caller import session
from app.api.operations import Call, Operation, Query, next_page
from app.api.record_schemas import LinkChange, NewLink, NewSite, SiteChange
from app.api.schemas import (
    Link,
    LinkPage,
    LinksQuery,
    NoQuery,
    OneQuery,
    Site,
    SitePage,
    SitesQuery,
)
from app.core.rules.access import Actor, Kind, TicketAccess, may_read_contacts
from app.core.rules.errors import EditConflict, StaleVersion
from app.core.rules.scopes import Scope
from app.registry.rules.registry import covers
from app.registry.services.links import LINKS, name_of_ends
from app.registry.services.lists import (
    ListedLink,
    ListedSite,
    Wanted,
    link_of_name,
    links_wanted,
    site_of_key,
    sites_wanted,
)
from app.registry.services.records import Record, RecordVerbs, require_manager
from app.registry.services.sites import SITES
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


def _states(actor: Actor, found: Sequence[ListedSite | ListedLink]) -> Mapping[int, LinkStatus]:
    """The state now of those links that are in use now: it names tickets, so that an account that
    reads its own only is told none."""
    if actor.kind is Kind.PARTNER and actor.access is not TicketAccess.ALL:
        return {}
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
    states = _states(actor, found[:limit])
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
    return _wire(call.actor, found, _states(call.actor, [found]))


def create_site(call: Call) -> Mapping[str, Any]:
    """Create a site."""
    stated, said = _stated(call)
    made = SITES.create(session(), call.writer, stated, **said)
    return _site(call, made.key)


def change_site(call: Call) -> Mapping[str, Any]:
    """Change a site, or end it."""
    return _site(call, _changed(call, SITES).key)


def create_link(call: Call) -> Mapping[str, Any]:
    """Create a link."""
    require_manager(call.actor)
    stated, said = _stated(call)
    stated["name"] = stated.get("name") or name_of_ends(session(), stated)
    made = LINKS.create(session(), call.writer, stated, **said)
    return _link(call, made.name)


def change_link(call: Call) -> Mapping[str, Any]:
    """Change a link, or end it."""
    return _link(call, _changed(call, LINKS).name)


def _changed(call: Call, verbs: RecordVerbs[Record]) -> Record:
    stated, said = _stated(call)
    try:
        return verbs.change(
            session(), call.writer, call.key, stated, base_version=call.version, **said
        )
    except EditConflict as error:
        raise StaleVersion(error.current_version) from error


def _stated(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields, and where they come from and why they change."""
    stated = dict(call.body)
    return stated, {"sources": stated.pop("sources"), "why": stated.pop("why")}


def _site(call: Call, key: str) -> Mapping[str, Any]:
    session().expire_all()  # what the record's rows were before
    return _wire(call.actor, site_of_key(session(), key), {})


def _link(call: Call, name: str) -> Mapping[str, Any]:
    session().expire_all()
    found = link_of_name(session(), name)
    return {**vars(found), "state": _states(call.actor, [found]).get(found.row.id)}


_SCOPES = (Scope.READ, Scope.REGISTRY)
_WRITE = (Scope.REGISTRY,)
GET_SITE = Operation("getSite", "/v1/sites/{key}", "Get a site", _SCOPES, OneQuery, Site, get_site)
GET_LINK = Operation("getLink", "/v1/links/{key}", "Get a link", _SCOPES, OneQuery, Link, get_link)
OPERATIONS = (
    Operation("listSites", "/v1/sites", "List sites", _SCOPES, SitesQuery, SitePage, list_sites),
    Operation(
        "createSite",
        "/v1/sites",
        "Create a site",
        _WRITE,
        NoQuery,
        Site,
        create_site,
        method="POST",
        body=NewSite,
        location=lambda made: f"/v1/sites/{quote(made['row'].key, safe='')}",
    ),
    GET_SITE,
    Operation(
        "changeSite",
        "/v1/sites/{key}",
        "Change or retire a site",
        _WRITE,
        NoQuery,
        Site,
        change_site,
        method="PATCH",
        body=SiteChange,
        of=GET_SITE,
    ),
    Operation("listLinks", "/v1/links", "List links", _SCOPES, LinksQuery, LinkPage, list_links),
    Operation(
        "createLink",
        "/v1/links",
        "Create a link",
        _WRITE,
        NoQuery,
        Link,
        create_link,
        method="POST",
        body=NewLink,
        location=lambda made: f"/v1/links/{quote(made['row'].name, safe='')}",
    ),
    GET_LINK,
    Operation(
        "changeLink",
        "/v1/links/{key}",
        "Change or retire a link",
        _WRITE,
        NoQuery,
        Link,
        change_link,
        method="PATCH",
        body=LinkChange,
        of=GET_LINK,
    ),
)
