"""Finds the link of a provider's circuit id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.notices.models.notices import MaintenanceNotice, NoticeCircuit
from app.notices.rules.notices import Circuit, Notice
from app.registry.models.registry import Link, LinkCircuit, LinkName

_AT_ONCE: Final = 500
"""Names in one query."""


def resolved_circuits(session: Session, notice: Notice) -> list[NoticeCircuit]:
    """Rows of the notice's circuits, each with its link if it is known."""
    found = _links_by_id(session, notice.provider_key, notice.uid, notice.circuits)
    rows = []
    for position, one in enumerate(notice.circuits):
        link, by_hand = found.get(one.object_id.casefold(), (None, False))
        rows.append(
            NoticeCircuit(
                position=position,
                object_id=one.object_id,
                impact=one.impact,
                link=link,
                link_id=None if link is None else link.id,
                by_hand=by_hand,
            )
        )
    return rows


def _links_by_id(
    session: Session, provider_key: str, uid: str, circuits: Sequence[Circuit]
) -> dict[str, tuple[Link, bool]]:
    """The link of each id that identifies one, and whether a person assigned it for this
    maintenance.

    An id is a circuit id of the registry, else a link id or another name of a link; case is
    ignored. If several links match, the one of this provider counts; if several remain, none does.
    """
    ids = sorted({one.object_id.casefold() for one in circuits})
    found: dict[str, tuple[Link, bool]] = {}
    for some in (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)):
        found |= {key: (link, False) for key, link in _named(session, some)}
        candidates: dict[str, dict[int, tuple[Link, str]]] = {}
        rows = session.execute(
            select(LinkCircuit.circuit_id, LinkCircuit.provider, Link)
            .join(Link, Link.id == LinkCircuit.link_id)
            .where(func.lower(LinkCircuit.circuit_id).in_(some))
        )
        for circuit_id, provider, link in rows:
            candidates.setdefault(circuit_id.casefold(), {})[link.id] = (link, provider.casefold())
        for key, links in candidates.items():
            own = [link for link, provider in links.values() if provider == provider_key]
            chosen = own or [link for link, _ in links.values()]
            if len(chosen) == 1:
                found[key] = (chosen[0], False)
            else:
                found.pop(key, None)
        settled = session.execute(
            select(NoticeCircuit.object_id, Link)
            .join(MaintenanceNotice, MaintenanceNotice.id == NoticeCircuit.notice_id)
            .join(Link, Link.id == NoticeCircuit.link_id)
            .where(
                MaintenanceNotice.provider_key == provider_key,
                MaintenanceNotice.uid == uid,
                NoticeCircuit.by_hand.is_(True),
                func.lower(NoticeCircuit.object_id).in_(some),
            )
            .order_by(MaintenanceNotice.id)
        )
        found |= {key.casefold(): (link, True) for key, link in settled}
    return found


def _named(session: Session, names: Sequence[str]) -> Iterable[tuple[str, Link]]:
    own = session.scalars(select(Link).where(func.lower(Link.name).in_(names)))
    yield from ((link.name.casefold(), link) for link in own)
    others = session.execute(
        select(LinkName.name, Link)
        .join(Link, Link.id == LinkName.link_id)
        .where(func.lower(LinkName.name).in_(names))
    )
    yield from ((name.casefold(), link) for name, link in others)
