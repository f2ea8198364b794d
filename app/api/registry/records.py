"""Sites and links: lists by filter, one by its key; administrators create and change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from app.api.caller import session
from app.api.operations import Call, Query, next_page, operation
from app.api.registry.schemas import (
    Link,
    LinkPage,
    LinksQuery,
    OneQuery,
    Site,
    SitePage,
    SitesQuery,
)
from app.api.registry.written_schemas import LinkChange, NewLink, NewSite, SiteChange
from app.core.rules.access import Actor, ActorKind, TicketAccess, may_read_contacts
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

_SCOPES: Final = (Scope.READ, Scope.REGISTRY)
_WRITE: Final = (Scope.REGISTRY,)
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
    if actor.kind is ActorKind.PARTNER and actor.access is not TicketAccess.ALL:
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


@operation("GET", "/v1/sites", scopes=_SCOPES, query=SitesQuery, answer=SitePage)
def list_sites(call: Call) -> Mapping[str, Any]:
    """List sites."""
    query = call.query
    return _page(call.actor, sites_wanted(session(), _wanted(query), query.get("tier")), query)


@operation(
    "POST",
    "/v1/sites",
    scopes=_WRITE,
    body=NewSite,
    answer=Site,
    location=lambda made: f"/v1/sites/{quote(made['row'].key, safe='')}",
)
def create_site(call: Call) -> Mapping[str, Any]:
    """Create a site."""
    stated, said = _stated(call)
    made = SITES.create(session(), call.writer, stated, **said)
    return _site(call, made.key)


@operation("GET", "/v1/sites/{key}", scopes=_SCOPES, query=OneQuery, answer=Site)
def get_site(call: Call) -> Mapping[str, Any]:
    """Get a site."""
    return _wire(call.actor, site_of_key(session(), call.key, call.query.get("on")), {})


@operation("PATCH", "/v1/sites/{key}", scopes=_WRITE, body=SiteChange, answer=Site, of=get_site)
def change_site(call: Call) -> Mapping[str, Any]:
    """Change or retire a site."""
    return _site(call, _changed(call, SITES).key)


@operation("GET", "/v1/links", scopes=_SCOPES, query=LinksQuery, answer=LinkPage)
def list_links(call: Call) -> Mapping[str, Any]:
    """List links."""
    query = call.query
    return _page(call.actor, links_wanted(session(), _wanted(query), query.get("site", "")), query)


@operation(
    "POST",
    "/v1/links",
    scopes=_WRITE,
    body=NewLink,
    answer=Link,
    location=lambda made: f"/v1/links/{quote(made['row'].name, safe='')}",
)
def create_link(call: Call) -> Mapping[str, Any]:
    """Create a link."""
    require_manager(call.actor)
    stated, said = _stated(call)
    stated["name"] = stated.get("name") or name_of_ends(session(), stated)
    made = LINKS.create(session(), call.writer, stated, **said)
    return _link(call, made.name)


@operation("GET", "/v1/links/{key}", scopes=_SCOPES, query=OneQuery, answer=Link)
def get_link(call: Call) -> Mapping[str, Any]:
    """Get a link."""
    found = link_of_name(session(), call.key, call.query.get("on"))
    return _wire(call.actor, found, _states(call.actor, [found]))


@operation("PATCH", "/v1/links/{key}", scopes=_WRITE, body=LinkChange, answer=Link, of=get_link)
def change_link(call: Call) -> Mapping[str, Any]:
    """Change or retire a link."""
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
