"""Carriers whose mails circuit-maintenance-parser may read, and what a reading must contain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.calendar.rules.work_status import WorkStatus
from app.core.rules.mails.mail_lines import is_in_reach
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.notices.rules.notices import (
    MAX_ID_LENGTH,
    MAX_OBJECTS,
    MAX_SEQUENCE,
    Circuit,
    Notice,
    clean,
    one_line,
)
from app.tickets.rules.tickets import Impact

_PROVIDERS: Final[Mapping[str, str]] = {
    "amazon.com": "aws",
    "apple.com": "apple",
    "aquacomms.com": "aquacomms",
    "arelion.com": "arelion",
    "att.com": "att",
    "bso.co": "bso",
    "ciriontechnologies.com": "cirion",
    "cogentco.com": "cogent",
    "colt.net": "colt",
    "crowncastle.com": "crowncastle",
    "equinix.com": "equinix",
    "eunetworks.com": "eunetworks",
    "exainfra.net": "gtt",
    "flagtel.com": "flag",
    "globalcloudxchange.com": "globalcloudxchange",
    "google.com": "google",
    "hgc.com.hk": "hgc",
    "lumen.com": "lumen",
    "megaport.com": "megaport",
    "momentumtelecom.com": "momentum",
    "netflix.com": "netflix",
    "ntt.net": "ntt",
    "packetfabric.com": "packetfabric",
    "pccwglobal.com": "pccw",
    "retn.net": "retn",
    "seabornnetworks.com": "seaborn",
    "summitig.net": "summitig",
    "superonline.net": "turkcell",
    "tatacommunications.com": "tata",
    "telstra.com": "telstra",
    "telxius.com": "telxius",
    "tisparkle.com": "sparkle",
    "verizonbusiness.com": "verizon",
    "vodafone.com": "vodafone",
    "windstream.com": "windstream",
    "zayo.com": "zayo",
}
"""The library's name of a carrier, by the domain of its addresses."""
PROVIDERS: Final = tuple(sorted(set(_PROVIDERS.values())))
_IMPACTS: Final[Mapping[str, Impact]] = {
    "OUTAGE": Impact.OUTAGE,
    "DEGRADED": Impact.DEGRADED,
    "REDUCED-REDUNDANCY": Impact.REDUCED,
    "NO-IMPACT": Impact.NONE,
}
"""The library's words, the worst first."""
_UNCHANGED: Final = ("RE-SCHEDULED", "NO-CHANGE")
"""Statuses of the library that leave the state of a ticket as it is."""
_MAX_NOTICES: Final = 50


class NonsenseReading(Exception):
    """What is wrong with an answer of the reader, in words."""


@dataclass(frozen=True)
class CarrierReading:
    """What the library read in a mail."""

    provider: str
    form: str
    """The library's parsers that took part: a carrier with another layout has others."""
    notices: Sequence[Notice]


def provider_of(domain: str) -> str:
    """The library's name of the carrier with such addresses, "" = none."""
    names = domain.casefold().split(".")
    tails = (".".join(names[at:]) for at in range(len(names)))
    return next((_PROVIDERS[tail] for tail in tails if tail in _PROVIDERS), "")


def carrier_reading(provider: str, answer: Any) -> CarrierReading:
    """The reading in an answer of the program. Raises ``NonsenseReading``."""
    try:
        form = "+".join(str(one) for one in answer["form"])
        found = [_notice(provider, one) for one in answer["maintenances"][: _MAX_NOTICES + 1]]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise NonsenseReading("the answer lacks a field or has one of another kind") from None
    if not found or len(found) > _MAX_NOTICES or not 0 < len(form) <= SHORT_TEXT_LIMIT:
        raise NonsenseReading("the answer has no notice, or too many")
    return CarrierReading(provider, form, found)


def as_text(notice: Notice) -> str:
    """A notice as JSON, until a person confirms it."""
    return json.dumps(asdict(notice), default=datetime.isoformat, ensure_ascii=False)


def from_text(text: str) -> Notice:
    """The notice that was stored so."""
    said = json.loads(text)
    for name in ("start", "end", "stamp"):
        said[name] = datetime.fromisoformat(said[name])
    return Notice(
        **{
            **said,
            "maintenance_ids": tuple(said["maintenance_ids"]),
            "circuits": tuple(Circuit(**one) for one in said["circuits"]),
            "ticket_impact": Impact(said["ticket_impact"]),
        }
    )


def _notice(provider: str, said: Mapping[str, Any]) -> Notice:
    number = _short(said["maintenance_id"])
    status = "" if said["status"] in _UNCHANGED else str(WorkStatus(said["status"]))
    start, end, stamp = (_moment(said[name]) for name in ("start", "end", "stamp"))
    sequence = said["sequence"]
    circuits = {
        _short(one["circuit_id"]): str(one["impact"]) for one in said["circuits"][: MAX_OBJECTS + 1]
    }
    is_whole = number and end >= start and len(circuits) <= MAX_OBJECTS
    if not is_whole or not isinstance(sequence, int) or not 0 <= sequence <= MAX_SEQUENCE:
        raise NonsenseReading("a number, a window or the circuits are not possible")
    if unknown := set(circuits.values()) - set(_IMPACTS):
        raise NonsenseReading(f"{_short(min(unknown))} is not an impact")
    impact = next((one for one in _IMPACTS if one in circuits.values()), "")
    uid = _short(said["uid"])
    return Notice(
        provider=provider,
        uid=number if uid in ("", "0") else uid,
        sequence=sequence,
        start=start,
        end=end,
        maintenance_ids=(number,),
        circuits=tuple(Circuit(name, one) for name, one in circuits.items() if name),
        impact=impact,
        status=status,
        stamp=stamp,
        account=_short(said["account"]),
        description=clean(str(said["summary"])).strip(),
        organizer=_short(said["organizer"]).removeprefix("mailto:"),
        ticket_impact=_IMPACTS.get(impact, Impact.OUTAGE),
    )


def _short(value: Any) -> str:
    text = one_line(str(value))
    if len(text) > MAX_ID_LENGTH:
        raise NonsenseReading(f"a field is longer than {MAX_ID_LENGTH} characters")
    return text


def _moment(value: Any) -> datetime:
    moment = datetime.fromtimestamp(int(value), UTC)
    if not is_in_reach(moment):
        raise NonsenseReading(f"the year {moment.year} is out of range")
    return moment
