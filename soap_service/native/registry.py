"""The operations on the registry: sites and links."""

from __future__ import annotations

from typing import Any, Final

from app.registry.services.registry import all_links, all_sites, responsible_site_of_link
from soap_service.native.answers import Values, ends
from soap_service.native.kinds import (
    many,
    optional,
)
from soap_service.native.models import (
    LINK,
    NETWORK,
    SITE,
)
from soap_service.native.operations import NativeCall, Operation


def _sites(call: NativeCall, _sent: Any) -> Values:
    return {
        "sites": [
            {
                "key": site.key,
                "country": site.country,
                "timeZone": site.time_zone,
                "tier": site.tier,
                "tierSince": site.tier_since,
                "tierUntil": site.tier_until,
                "names": [
                    {
                        "system": name.system,
                        "name": name.name,
                        "validFrom": name.valid_from,
                        "validUntil": name.valid_until,
                    }
                    for name in site.names
                ],
                "sample": site.sample,
            }
            for site in all_sites(call.session)
        ]
    }


def _links(call: NativeCall, sent: Any) -> Values:
    return {
        "links": [
            {
                **ends(link),
                "name": link.name,
                "network": link.network,
                "role": link.role,
                "backsUp": link.backs_up.name if link.backs_up is not None else None,
                "responsibleSite": responsible_site_of_link(link).key,
                "bandwidthGbps": link.bandwidth_gbps,
                "validFrom": link.valid_from,
                "validUntil": link.valid_until,
                "sample": link.sample,
            }
            for link in all_links(call.session)
            if sent.network in (None, link.network)
        ]
    }


OPERATIONS: Final = (
    Operation(
        "ListSites",
        "Returns all sites with all their names.",
        (),
        (many("sites", SITE, "the sites, by key"),),
        _sites,
    ),
    Operation(
        "ListLinks",
        "Returns all links.",
        (optional("network", NETWORK, "only links of this network"),),
        (many("links", LINK, "the links, by id"),),
        _links,
    ),
)
