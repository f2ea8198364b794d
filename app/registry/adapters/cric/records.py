"""The records of WLCG's site database CRIC, as far as the portal reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetSite:
    """A network site: bandwidths in Gb/s, None where CRIC has none (-1)."""

    name: str
    lhcopn_active: bool
    lhcopn_gbps: float | None
    providers: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetRoute:
    """The ASN and prefixes of a NetSite, with its limit on each network in Gb/s."""

    name: str
    netsite: str
    asn: int | None
    lhcopn_gbps: float | None
    lhcone_gbps: float | None
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CricSite:
    """One record of CRIC's ``rcsite``."""

    name: str
    country: str = ""
    federations: tuple[str, ...] = ()
    tier: int | None = None
    in_gocdb: bool = False
    netsites: tuple[NetSite, ...] = ()
    netroutes: tuple[NetRoute, ...] = ()
    t1_vos: tuple[str, ...] = ()
    """Experiments of which CRIC has a tier 0 or 1 site there, such as ATLAS."""

    @property
    def lhcopn_active(self) -> bool:
        """Whether any NetSite claims to be on the LHCOPN."""
        return any(netsite.lhcopn_active for netsite in self.netsites)


@dataclass(frozen=True)
class CricContent:
    """A whole source: how many records it holds, those that could be read, what is wrong."""

    count: int
    sites: tuple[CricSite, ...]
    faults: tuple[str, ...] = ()
