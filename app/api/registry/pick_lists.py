"""Sites and links to pick while one types in another system: the external data source of Zammad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.api.caller import session
from app.api.operations import Call, operation
from app.api.registry.schemas import PickList, PickQuery
from app.core.rules.scopes import Scope
from app.registry.services.pick_lists import links_to_pick, sites_to_pick

_SCOPES: Final = (Scope.READ, Scope.REGISTRY)


@operation("GET", "/v1/pick/links", scopes=_SCOPES, query=PickQuery, answer=PickList)
def pick_links(call: Call) -> Mapping[str, Any]:
    """Find links for a pick list."""
    return {"items": links_to_pick(session(), call.query["search"], call.now.date())}


@operation("GET", "/v1/pick/sites", scopes=_SCOPES, query=PickQuery, answer=PickList)
def pick_sites(call: Call) -> Mapping[str, Any]:
    """Find sites for a pick list."""
    return {"items": sites_to_pick(session(), call.query["search"], call.now.date())}
