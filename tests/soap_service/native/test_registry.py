"""Sites, links and the account through the native service."""

from __future__ import annotations

from datetime import date

from app.accounts.services.partners import find_account
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.registry.models.registry import Link, Site
from app.registry.services.registry import find_site
from tests.cast import NOON
from tests.soap_service.native.client import LINK, Native

BY = Writer(SYSTEM, Door.COMMAND, NOON)


def test_sites_come_with_all_their_names(native: Native) -> None:
    with native.wire.server.session() as session, transaction(session):
        kit = find_site(session, "DE-KIT")
        assert kit is not None
        kit.names[0].valid_from = date(2009, 2, 1)
        kit.names[0].valid_until = date(2030, 1, 1)
        count = session.query(Site).count()
    sites = {site["key"]: site for site in native.call("ListSites")}
    assert len(sites) == count
    assert list(sites) == sorted(sites)
    kit_told = sites["DE-KIT"]
    assert kit_told["names"][0] == {
        "system": "LHCOPN",
        "name": "DE-KIT",
        "validFrom": date(2009, 2, 1),
        "validUntil": date(2030, 1, 1),
    }
    assert {name["name"] for name in kit_told["names"]} >= {"FZK-LCG2", "GRIDKA"}
    assert (kit_told["country"], kit_told["timeZone"], kit_told["tier"]) == (
        "DE",
        "Europe/Berlin",
        1,
    )
    assert isinstance(kit_told["sample"], bool)


def test_links_come_with_their_ends_and_by_network(native: Native) -> None:
    with native.wire.server.session() as session, transaction(session):
        link = session.query(Link).filter_by(name=LINK).one()
        link.valid_until = date(2030, 1, 1)
        kit = find_site(session, "DE-KIT")
        cern = find_site(session, "CH-CERN")
        if not session.query(Link).filter_by(name="ONE").count():
            backup = {"backs_up": link, "role": "backup", "sample": True}
            session.add(Link(name="ONE", network="LHCONE", end_a=kit, end_b=cern, **backup))
    links = {link["name"]: link for link in native.call("ListLinks")}
    told = links[LINK]
    assert {name: told[name] for name in told if name != "bandwidthGbps"} == {
        "name": LINK,
        "network": "LHCOPN",
        "endA": "CH-CERN",
        "endB": "DE-KIT",
        "role": "primary",
        "backsUp": None,
        "responsibleSite": "DE-KIT",
        "validFrom": None,
        "validUntil": date(2030, 1, 1),
        "sample": False,
    }
    assert links["ONE"]["backsUp"] == LINK
    (one,) = native.call("ListLinks", network="LHCONE")
    assert one == links["ONE"]


def test_an_account_learns_what_it_may_do(native: Native) -> None:
    assert native.call("GetAccount", user="kit") == {
        "partner": "KIT",
        "login": "kit",
        "access": "all",
        "readOnly": False,
        "internal": False,
        "contractYear": 2016,
        "sites": ["DE-KIT"],
        "limits": {
            "requestBytes": 4194304,
            "attachmentBytes": 2097152,
            "rows": 500,
            "sameCallsPerMinute": 600,
        },
    }
    told = native.call("GetAccount", user="reader")
    assert (told["partner"], told["readOnly"], told["sites"]) == ("OTHER", True, [])
    assert native.call("GetAccount", user="other")["access"] == "own"
    with native.wire.server.session() as session:
        assert find_account(session, "kit").contract_year == 2016
