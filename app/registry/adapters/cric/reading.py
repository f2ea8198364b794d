"""Reading CRIC's ``rcsite`` JSON (``/api/core/rcsite/query/?json``) from a file or over HTTP.

What it says is untrusted: any shape, any size. A record that cannot be read is left out and
reported; another source raises ``Invalid``. Standard library only.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from app.core.adapters.outbound import Limits, OutboundError, check_url, get
from app.core.rules.errors import Invalid
from app.core.rules.texts import checked_text
from app.registry.adapters.cric.records import CricContent, CricSite, NetRoute, NetSite

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 20 * 1024 * 1024
TIME_OUT: Final = 20.0
"""Seconds that reading over HTTP may take altogether (each wait for bytes the same)."""
_MAX_RECORDS: Final = 20_000
_MAX_ROWS: Final = 200
"""NetSites, NetRoutes, prefixes ... of one record."""
_MAX_LENGTH: Final = 100
_MAX_GBPS: Final = 1_000_000
_LIMITS: Final = Limits(MAX_BYTES, TIME_OUT)
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "lhcopn-portal"}
NOT_READ: Final = "No records of CRIC could be read from this address; the portal's log says why"
_TOO_LARGE = f"The data from CRIC is larger than {MAX_BYTES // 1024 // 1024} MiB; nothing was read"


def is_address(source: str) -> bool:
    """Whether the source is meant as a URL, of whatever scheme."""
    return "://" in source


def parse_address(url: str, private_hosts: Collection[str]) -> CricContent:
    """The records that ``url`` answers, as ``parse``.

    Raises ``Invalid`` in the same words whatever failed: others would reveal to the person who gave
    the address what answers inside of the network. The log has the cause.
    """
    if problem := check_url(url):
        raise Invalid("url", problem)
    try:
        return parse(get(url, _LIMITS, private_hosts, _HEADERS))
    except (OutboundError, Invalid) as error:
        _log.warning(
            "CRIC could not be read", extra={"host": urlsplit(url).netloc, "cause": str(error)}
        )
        raise Invalid("url", NOT_READ) from None


def read_path(path: Path) -> bytes:
    """What a file holds; ``Invalid`` where it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid("file", f"The file cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise Invalid("file", _TOO_LARGE)
    return content


def parse(content: bytes) -> CricContent:
    """The records of a source. Raises ``Invalid`` unless it is a JSON object of objects."""
    if len(content) > MAX_BYTES:
        raise Invalid("file", _TOO_LARGE)
    try:
        source = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid("file", f"The data from CRIC is not JSON: {error.msg} at {where}") from None
    except (ValueError, RecursionError):
        raise Invalid(
            "file",
            "The data from CRIC is not JSON in UTF-8, or has a number that is too large, or is"
            " nested too deeply",
        ) from None
    if not isinstance(source, dict):
        raise Invalid(
            "file", "The data from CRIC must be a JSON object with a record for each site"
        )
    if len(source) > _MAX_RECORDS:
        raise Invalid("file", f"The data from CRIC has more than {_MAX_RECORDS} records")
    sites, faults = [], list[str]()
    for name, record in source.items():
        try:
            sites.append(_Reader(name, record).site())
        except _Unreadable as error:
            faults.append(f"{_shown(name)}: left out, {error}")
    if source and not sites:
        raise Invalid(
            "file", f"No record of the data from CRIC can be read; the first: {faults[0]}"
        )
    return CricContent(len(sites), tuple(sites), tuple(faults))


def _no_number(text: str) -> float:
    raise ValueError(text)


def _shown(name: str) -> str:
    text = "".join(letter for letter in name[:_MAX_LENGTH] if letter.isprintable())
    return text or "(a record without a name)"


class _Unreadable(Exception):
    """What is wrong with a record, in words."""


class _Reader:
    """One record; anything of another shape than CRIC's raises ``_Unreadable``."""

    def __init__(self, name: str, record: object) -> None:
        if not isinstance(record, dict):
            raise _Unreadable("it is not an object")
        self.record: Mapping[str, Any] = record
        self.name = self._text(name, "its name")
        if not self.name:
            raise _Unreadable("its name is empty")

    def site(self) -> CricSite:
        """The record as plain values."""
        return CricSite(
            self.name,
            self._text(self.record.get("country_code"), "country_code").upper(),
            self._texts(self.record.get("federations"), "federations"),
            self._whole(self.record.get("rc_tier_level"), "rc_tier_level"),
            bool(self.record.get("gocdb_pk")),
            tuple(self._netsites()),
            tuple(self._netroutes()),
            self._t1_vos(),
        )

    def _netsites(self) -> Iterator[NetSite]:
        for name, row in self._named("netsites"):
            active = row.get("lhcopn_active", False)
            if not isinstance(active, bool):
                raise _Unreadable(
                    f"lhcopn_active of NetSite {_shown(name)} is neither true nor false"
                )
            yield NetSite(
                name,
                active,
                self._gbps(row.get("lhcopn_bandwidth"), "lhcopn_bandwidth"),
                self._texts(row.get("lhcone_providers"), "lhcone_providers"),
            )

    def _netroutes(self) -> Iterator[NetRoute]:
        for name, row in self._named("netroutes"):
            networks = row.get("networks")
            if not isinstance(networks, dict | None):
                raise _Unreadable(f"networks of NetRoute {_shown(name)} is not an object")
            yield NetRoute(
                name,
                self._text(row.get("netsite"), "netsite"),
                self._whole(row.get("asn"), "asn"),
                self._gbps(row.get("lhcopn_bandwidth_limit"), "lhcopn_bandwidth_limit"),
                self._gbps(row.get("lhcone_bandwidth_limit"), "lhcone_bandwidth_limit"),
                tuple(
                    prefix
                    for family in ("ipv4", "ipv6")
                    for prefix in self._texts((networks or {}).get(family), family)
                ),
            )

    def _t1_vos(self) -> tuple[str, ...]:
        found = []
        for row in self._rows(self.record.get("sites"), "sites"):
            if not isinstance(row, dict):
                raise _Unreadable("an entry of sites is not an object")
            tier = self._whole(row.get("tier_level"), "tier_level")
            vo = self._text(row.get("vo_name"), "vo_name")
            if tier in (0, 1) and vo:
                found.append("LHCb" if vo.lower() == "lhcb" else vo.upper())
        return tuple(sorted(set(found)))

    def _named(self, what: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        rows = self.record.get(what)
        if rows is None:
            return
        if not isinstance(rows, dict) or len(rows) > _MAX_ROWS:
            raise _Unreadable(f"{what} is not an object of at most {_MAX_ROWS} entries")
        for name, row in rows.items():
            if not isinstance(row, dict):
                raise _Unreadable(f"an entry of {what} is not an object")
            yield self._text(name, f"a name in {what}"), row

    def _rows(self, value: Any, what: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > _MAX_ROWS:
            raise _Unreadable(f"{what} is not a list of at most {_MAX_ROWS} entries")
        return value

    def _texts(self, value: Any, what: str) -> tuple[str, ...]:
        texts = (self._text(item, what) for item in self._rows(value, what))
        return tuple(text for text in texts if text)

    def _text(self, value: Any, what: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _Unreadable(f"{what} is not a text")
        try:
            return checked_text(what, value, _MAX_LENGTH).strip()
        except Invalid as error:
            raise _Unreadable(error.message) from None

    def _whole(self, value: Any, what: str) -> int | None:
        if value is None or (type(value) is int and -1 <= value < 2**32):
            return value if value != -1 else None
        raise _Unreadable(f"{what} is not a whole number from 0 to {2**32 - 1}")

    def _gbps(self, value: Any, what: str) -> float | None:
        """-1, 0 and nothing are none."""
        if value is None:
            return None
        if type(value) not in (int, float) or not (-1 <= value <= _MAX_GBPS):
            raise _Unreadable(f"{what} is not a number of Gb/s up to {_MAX_GBPS}")
        return float(value) if value > 0 and math.isfinite(value) else None
