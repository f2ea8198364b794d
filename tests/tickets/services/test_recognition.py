"""The database finds the names that may stand in a text: the same are recognised as of all names.

All names of this registry, in texts of all kinds, on both databases.
"""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.reference.seed import seed_reference
from app.registry.models.registry import Link, Site, SiteName
from app.registry.rules.recognition import bare_title, recognised_links, recognised_sites
from app.registry.services.registry import link_names_in, site_keys_in
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import SYSTEM

DAY = date(2026, 11, 25)
ODD = ("Zürich ring 1", "A B-LHCOPN-001", "(spare)", "cern-ral-lhcopn-002", "*", "K-1", "x.y/z")
TEXTS = (
    "CERN-RAL-LHCOPN-001 down",
    "cern-ral-LHCOPN-001, CERN-RAL-LHCOPN-002.",
    "ZÜRICH RING 1 and zürich ring 1; a b-lhcopn-001",
    "B-LHCOPN-001 alone",
    "(SPARE) then spare",
    "\u212a-1 is no K, k-1 is",
    "CERN-\u0131N2P3-LHCOPN-001",
    "x.y/z * x.y/z-1",
    "DE-KIT: FZK-LCG2 and NIKHEF-ELPROD, pic, PIC, de-kit",
    "see https://example.org/DE-KIT and DE-KITwww.example.org NDGF-T1www.x",
    "",
    " ".join(f"word{number}" for number in range(12_000)) + " CERN-RAL-LHCOPN-001",
)


@pytest.fixture
def registry(session: Session) -> Session:
    with transaction(session):
        seed_reference(session, SYSTEM)
        cern, kit = (
            session.scalars(select(Site).where(Site.key == key)).one()
            for key in ("CH-CERN", "DE-KIT")
        )
        for name in ODD:
            session.add(Link(name=name, network="LHCONE", end_a=cern, end_b=kit))
        kit.names.append(SiteName(system="GOCDB", name="Karlsruhe (KIT)"))
    return session


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_same_is_recognised_as_with_all_names(registry: Session, text: str) -> None:
    every_link = registry.scalars(select(Link.name)).all()
    pairs = registry.execute(select(SiteName.name, Site.key).join(Site))
    every_site: dict[str, str] = {row[0]: row[1] for row in pairs}
    few = link_names_in(registry, (text, text))
    assert set(few) <= set(every_link)
    assert recognised_links([text], few) == recognised_links([text], every_link)
    title = text[-255:]
    of_title = link_names_in(registry, (title,))
    sites = site_keys_in(registry, bare_title(title, of_title), DAY)
    assert recognised_sites(title, sites, of_title) == recognised_sites(
        title, every_site, every_link
    )


def test_few_names_are_read_however_many_there_are(registry: Session) -> None:
    with transaction(registry):
        cern = registry.scalars(select(Site.id)).first()
        rows = [
            {"name": f"CERN-X-LHCOPN-{number}", "network": "LHCOPN", "end_a_id": cern,
             "end_b_id": cern}
            for number in range(2_000)
        ]  # fmt: skip
        registry.execute(insert(Link), rows)
    read = link_names_in(registry, ("CERN-X-LHCOPN-17 is down", "no more"))
    assert sorted(read) == ["*", "CERN-X-LHCOPN-17", "Zürich ring 1"]
    statements: list[str] = []
    engine = registry.get_bind()

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    with transaction(registry):
        ticket = open_ticket(
            registry, SYSTEM, NewTicket(title="CERN-X-LHCOPN-17 down at DE-KIT", description="x")
        )
    event.remove(engine, "before_cursor_execute", note)
    assert [item.link.name for item in ticket.affected_links] == ["CERN-X-LHCOPN-17"]
    assert [item.name for item in ticket.affected_sites] == ["DE-KIT"]
    assert [text for text in statements if "FROM links" in text and "WHERE" not in text] == []


def test_the_word_follows_the_name(registry: Session) -> None:
    with transaction(registry):
        link = registry.scalars(select(Link).where(Link.name == "K-1")).one()
        link.name = "New-Name 2"
    assert "New-Name 2" in link_names_in(registry, ("new-name",))
    assert link.word == "NEW-NAME"
