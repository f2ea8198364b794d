"""Pages of sites: found by anything they are called, shown on any day, changed by admins only."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.reference.seed import seed_reference
from app.registry.models.registry import Site
from app.registry.rules.registry import ContactValue, SiteNameValue
from app.registry.services.links import change_link, create_link, retire_link
from app.registry.services.record_lists import PAGE
from app.registry.services.sites import change_site, create_site, site_of_key, site_values
from tests.cast import SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

KIT = "/sites/DE-KIT"
PIC_LINK = "CERN-PIC-LHCOPN-001"


def _lay(session: Session, cast: Cast, **stated: object) -> None:
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", stated)


def _sites_of(page: PageReader) -> list[str]:
    found = [
        word for address, word in page.links if address.startswith("/sites/") and word != "New site"
    ]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_all_read_and_only_admins_write(
    cast: Cast, session: Session, visit: Enter, who: str
) -> None:
    visitor = visit(getattr(cast, who))
    before = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    for path in ("/sites", KIT, f"{KIT}?on=2013-01-01"):
        page = visitor.read(path)
        assert not [address for address, _ in page.links if address.endswith(("/new", "/edit"))]
        assert not [
            form
            for form in page.forms
            if form.action.startswith("/sites/") and form.method == "post"
        ]
    for path in ("/sites/new", f"{KIT}/edit"):
        answer = visitor.get(path)
        assert answer.status_code == 403
        assert "Only admins may change sites and links" in PageReader(answer.text).text
    for path in ("/sites/new", f"{KIT}/edit", f"{KIT}/retire", f"{KIT}/confirm"):
        assert visitor.send(path, {"on": "2013-01-01", "why": "x"}).status_code == 403
    assert session.scalar(select(func.count()).select_from(Change)) == before
    assert Visitor(visitor.client.application).get(KIT).location.startswith("/login")
    assert visitor.get("/sites/NOWHERE").status_code == 404
    assert visitor.get("/sites/FZK-LCG2").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=fzk", ["DE-KIT"]),
        ("q=PIC", ["ES-PIC"]),
        ("q=58069", ["DE-KIT"]),
        ("q=as58069", ["DE-KIT"]),
        ("q=5806", []),
        ("q=192.0.2", ["DE-KIT"]),
        ("q=%25", []),
        ("q=_", []),
        ("q=kit+cern", []),
        ("q=ch+prod", ["CH-CERN"]),
        ("tier=T0", ["CH-CERN"]),
        ("tier=T1", ["DE-KIT", "ES-PIC"]),
        ("tier=past+T1", ["OLD"]),
        ("tier=none", ["OLD"]),
        ("show=retired", ["GONE"]),
        ("show=all", ["CH-CERN", "DE-KIT", "ES-PIC", "GONE", "OLD"]),
        ("sample=yes", ["ES-PIC"]),
        ("", ["CH-CERN", "DE-KIT", "ES-PIC", "OLD"]),
    ],
)
def test_found_by_any_name_number_or_filter(
    cast: Cast, session: Session, visit: Enter, query: str, found: list[str]
) -> None:
    _lay(session, cast, asns=(58069,), prefixes=(("LHCONE", "192.0.2.0/24"),))
    place = {"country": "TW", "time_zone": "Asia/Taipei"}
    with transaction(session):
        by = writer(cast.admin)
        since = {"tier": 1, "tier_since": date(2009, 2, 1), "tier_until": date(2013, 1, 1)}
        create_site(session, by, {"key": "OLD", **place, **since})
        create_site(session, by, {"key": "GONE", **place, "valid_until": date(2013, 1, 1)})
        site_of_key(session, "ES-PIC").sample = True
    page = visit(cast.reader).read(f"/sites?{query}")
    assert _sites_of(page) == found
    assert f"{len(found)} site" in page.text


def test_a_filter_that_cannot_be_used_is_named(cast: Cast, visit: Enter) -> None:
    page = visit(cast.reader).read("/sites?tier=T9&q=pic")
    assert "Tier: choose one of: T0, T1, past T1, none" in page.text
    assert _sites_of(page) == ["ES-PIC"]
    assert "No site matches" in visit(cast.reader).read("/sites?q=nothing").text


def test_many_come_by_pages(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        for number in range(PAGE + 5):
            session.add(Site(key=f"L{number:03}", country="CH", time_zone="UTC"))
    visitor = visit(cast.reader)
    page = visitor.read("/sites?show=all")
    assert f"{PAGE + 8} sites" in page.text
    more = next(address for address, word in page.links if word == "Show more")
    second = visitor.read(more)
    assert "<html" in visitor.get(more).text
    fragment = visitor.get(more, {"HX-Request": "true", "HX-Target": "more"}).text
    assert "<html" not in fragment
    both = _sites_of(page) + _sites_of(second)
    assert len(both) == len(set(both)) == PAGE + 8
    assert both == sorted(both)
    assert _sites_of(PageReader(fragment)) == _sites_of(second)


def test_a_page_shows_facts_sources_names_links_and_tickets(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    with transaction(session):
        change_site(
            session,
            writer(cast.admin),
            "DE-KIT",
            {
                "asns": (58069,),
                "prefixes": (("LHCOPN", "192.0.2.0/24"),),
                "contacts": (ContactValue("network", "Sample NOC", "noc@kit.example"),),
                "bandwidth_gbps": 200.0,
            },
            sources={"asns": "RIPE database"},
            why="checked with the site",
        )
    open_one = opened(sites=("DE-KIT",))
    visitor = visit(cast.reader)
    page = visitor.read(KIT)
    for words in (
        "T1 since 2009-02-01",
        "FZK-LCG2",
        "58069 RIPE database",
        "LHCOPN 192.0.2.0/24",
        "200 Gb/s edited by admin",
        "network: Sample NOC, noc@kit.example",
        "because: checked with the site",
        "admin in the portal",
    ):
        assert words in page.text, words
    links = dict(page.links)
    assert "1 open" in links["/tickets?site=DE-KIT"]
    assert links["/tickets?state=closed&site=DE-KIT"] == "0 no longer open"
    assert f"/tickets/{open_one}" in links
    assert "/links/CERN-GRIDKA-LHCOPN-001" in links
    assert _tickets(visitor, "/tickets?site=DE-KIT") == 1


def _tickets(visitor: Visitor, path: str) -> int:
    return len(
        [a for a, _ in visitor.read(path).links if a.startswith("/tickets/") and a[9:].isdigit()]
    )


def test_as_of_a_day(cast: Cast, session: Session, visit: Enter) -> None:
    """Names and links are known for their days; bandwidth as it was recorded on that day."""
    names = (
        SiteNameValue("LHCOPN", "DE-KIT"),
        SiteNameValue("GOCDB", "FZK-LCG2", None, date(2013, 1, 1)),
        SiteNameValue("GOCDB", "KIT-NEW", date(2013, 1, 1)),
    )
    for day, gbps in (("2013-04-01", 10.0), ("2013-04-01", 20.0), ("2013-05-01", 100.0)):
        with transaction(session):
            by = writer(cast.admin, datetime.fromisoformat(f"{day}T23:59:59+00:00"))
            change_site(session, by, "DE-KIT", {"bandwidth_gbps": gbps, "names": names})
    with transaction(session):
        retire_link(session, writer(cast.admin), "CERN-GRIDKA-LHCOPN-001", date(2013, 2, 1))
    visitor = visit(cast.reader)
    for day, words in (
        ("2013-03-31", "Bandwidth not known"),
        ("2013-04-01", "20 Gb/s"),
        ("2013-04-30", "20 Gb/s"),
        ("2013-05-01", "100 Gb/s"),
    ):
        page = visitor.read(f"{KIT}?on={day}")
        assert f"As of {day} (end of the day, UTC), not today" in page.text
        assert words in page.text, day
    then, before = visitor.read(f"{KIT}?on=2013-01-31"), visitor.read(f"{KIT}?on=2012-12-31")
    assert "FZK-LCG2 not then" in then.text
    assert "KIT-NEW not then" in before.text
    assert "/links/CERN-GRIDKA-LHCOPN-001?on=2013-01-31" in dict(then.links)
    assert "/links/CERN-GRIDKA-LHCOPN-001?on=2013-02-01" not in dict(
        visitor.read(f"{KIT}?on=2013-02-01").links
    )
    assert "No T1 then" in visitor.read(f"{KIT}?on=2009-01-31").text
    assert "As of" in visitor.read(KIT).text
    assert "not today" not in visitor.read(KIT).text
    for wrong in ("yesterday", "2999-01-01", "2013-02-30"):
        answer = visitor.get(f"{KIT}?on={wrong}")
        assert answer.status_code == 422
        assert "As of" in PageReader(answer.text).alerts[0]


def test_before_anything_was_recorded_the_first_record_is_shown(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        create_site(
            session,
            writer(cast.admin),
            {"key": "XX", "country": "CH", "time_zone": "UTC", "bandwidth_gbps": 10.0},
        )
    page = visit(cast.reader).read("/sites/XX?on=2012-01-01")
    assert "No records before 2013-03-06 12:00 UTC" in page.text
    assert "10 Gb/s" in page.text


def test_nl_t1_is_one_site_and_asgc_a_t1_of_the_past(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_reference(session, SYSTEM)
    visitor = visit(cast.reader)
    page = visitor.read("/sites?q=sara")
    assert _sites_of(page) == ["NL-T1"]
    text = visitor.read("/sites/NL-T1").text
    assert "GOCDB SARA-MATRIX" in text
    assert "GOCDB NIKHEF-ELPROD" in text
    assert _sites_of(visitor.read("/sites?tier=past+T1")) == ["TW-ASGC"]
    assert "No T1 now" in visitor.read("/sites/TW-ASGC").text
    text = visitor.read("/sites/TW-ASGC?on=2013-06-01").text
    assert "Links on 2013-06-01 none in use T1 since" in text
    for key in ("NRC-KI-T1", "CN-IHEP"):
        assert re.search("Links now [^.]*? T1 since", visitor.read(f"/sites/{key}").text)


def _form(visitor: Visitor, path: str) -> dict[str, list[str]]:
    data = visitor.read(path).form(path).data()
    data.pop("csrf_token")
    return data


def test_a_site_is_made_by_rows_without_a_script(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    assert ("/sites/new", "New site") in visitor.read("/sites").links
    data = _form(visitor, "/sites/new")
    data |= {"key": ["XX-LAB"], "country": ["CH"], "time_zone": ["Europe/Zurich"], "tier": ["T1"]}
    data["names-name"] = ["LAB-A"]
    data["asns-asn"] = ["AS64512"]
    answer = visitor.send("/sites/new", {**data, "do": "add-names"})
    assert answer.status_code == 200
    data = PageReader(answer.text).form("/sites/new").data()
    assert data["names-name"] == ["LAB-A", ""]
    data |= {"names-name": ["LAB-A", "LAB-B"], "names-system": ["GOCDB", "CRIC"]}
    data |= {"names-from": ["2012-01-01", ""], "do": ["add-asns"]}
    data = PageReader(visitor.send("/sites/new", data).text).form("/sites/new").data()
    data |= {"asns-asn": ["64512", "64513"], "do": ["remove-asns-0"]}
    data = PageReader(visitor.send("/sites/new", data).text).form("/sites/new").data()
    assert data["asns-asn"] == ["64513"]
    assert session.scalars(select(Site).where(Site.key == "XX-LAB")).first() is None
    session.rollback()
    began = datetime.now(UTC).date()
    answer = visitor.send(
        "/sites/new", {**data, "do": "save", "why": "joined", "source": "MoU", "nrens": "A; B;"}
    )
    assert (answer.status_code, answer.location) == (303, "/sites/XX-LAB")
    values = site_values(site_of_key(session, "XX-LAB"))
    assert values["names"] == (
        SiteNameValue("LHCOPN", "XX-LAB"),
        SiteNameValue("GOCDB", "LAB-A", date(2012, 1, 1)),
        SiteNameValue("CRIC", "LAB-B"),
    )
    assert (values["asns"], values["tier"], values["nrens"]) == ((64513,), 1, ("A", "B"))
    assert began <= values["tier_since"] <= datetime.now(UTC).date(), "nobody said since when"
    page = visitor.read("/sites/XX-LAB")
    assert "Site XX-LAB created" in page.text
    assert "64513 MoU" in page.text


def test_an_edit_that_changes_nothing_writes_nothing(
    session: Session, cast: Cast, visit: Enter
) -> None:
    _lay(
        session,
        cast,
        contacts=(ContactValue("network", "Sample NOC", "noc@kit.example", "+00 0"),),
        prefixes=(("LHCOPN", "2001:db8::/32"),),
        bandwidth_gbps=2.5,
        vos=("ATLAS", "CMS"),
    )
    visitor = visit(cast.admin)
    answer = visitor.send(f"{KIT}/edit", {**_form(visitor, f"{KIT}/edit"), "do": "save"})
    assert (answer.status_code, answer.location) == (303, KIT)
    assert "DE-KIT is as it was" in visitor.read(KIT).text
    assert site_of_key(session, "DE-KIT").version == 2


def test_what_is_wrong_is_said_at_the_field_and_all_is_kept(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    data = _form(visitor, f"{KIT}/edit") | {"do": ["save"]}
    for change, words in (
        ({"names-name": ["DE-KIT", "pic", "GRIDKA"]}, 'Name "pic" belongs to ES-PIC'),
        ({"asns-asn": ["0"]}, '"0" is not an ASN'),
        ({"prefixes-prefix": ["192.0.2.1/24"]}, "use 192.0.2.0/24"),
        ({"valid_until": ["2013-01-01"], "valid_from": ["2013-01-01"]}, "not after its first day"),
        ({"valid_from": ["2010-01-01"]}, "before the site's first day"),
        ({"valid_until": ["2013-01-01"]}, "links in use (CERN-GRIDKA-LHCOPN-001)"),
        ({"country": ["Germany"]}, "ISO 3166"),
        ({"key": ["a/b"]}, "slash"),
    ):
        answer = visitor.send(f"{KIT}/edit", {**data, **change})
        assert answer.status_code == 422, change
        page = PageReader(answer.text)
        assert words in " ".join(page.alerts), change
        for name, values in change.items():
            assert page.form(f"{KIT}/edit").values(name) == values
    assert site_of_key(session, "DE-KIT").version == 1


def test_two_admins_edit_one_site(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    mine = _form(visitor, f"{KIT}/edit") | {"do": ["save"], "bandwidth_gbps": ["40"]}
    mine |= {"nrens": ["DFN"]}
    _lay(session, cast, bandwidth_gbps=100.0, vos=("ATLAS",))
    answer = visitor.send(f"{KIT}/edit", mine)
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Bandwidth stored now: 100 yours: 40" in page.text
    form = page.form(f"{KIT}/edit")
    assert form.values("vos") == ["ATLAS"], "what only the other changed is taken over"
    assert form.values("bandwidth_gbps") == ["40"]
    assert form.values("version") == ["2"]
    session.rollback()
    assert site_of_key(session, "DE-KIT").bandwidth_gbps == 100
    session.rollback()
    answer = visitor.send(f"{KIT}/edit", {**form.data(), "do": "save"})
    assert answer.status_code == 303
    values = site_values(site_of_key(session, "DE-KIT"))
    assert (values["bandwidth_gbps"], values["vos"], values["nrens"]) == (40, ("ATLAS",), ("DFN",))


def test_retiring_asks_for_a_day_and_a_reason(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    visitor = visit(cast.admin)
    number = opened(sites=("ES-PIC",))
    path = "/sites/ES-PIC/retire"
    for sent, words in (
        ({"on": "", "why": "moved"}, "First day out of use is required"),
        ({"on": "2013-03-01", "why": ""}, "Reason is required"),
        (
            {"on": "2013-03-01", "why": "moved"},
            f"links in use ({PIC_LINK}) and open tickets ({number})",
        ),
    ):
        answer = visitor.send(path, sent)
        assert answer.status_code == 422
        assert words in PageReader(answer.text).text
    with transaction(session):
        change_link(session, writer(cast.admin), PIC_LINK, {"end_b": "DE-KIT"})
    visitor.send(f"/tickets/{number}/move", {"state": "solved", "solution": "x", "version": "1"})
    answer = visitor.send(path, {"on": "2013-03-01", "why": "moved"})
    assert answer.status_code == 303
    page = visitor.read("/sites/ES-PIC")
    assert "because: moved" in page.text
    assert "Not in use" in page.text
    assert path not in [form.action for form in page.forms]
    assert "ES-PIC" not in _sites_of(visitor.read("/sites"))


def test_a_sample_is_confirmed(session: Session, cast: Cast, visit: Enter) -> None:
    with transaction(session):
        seed_reference(session, SYSTEM)
    visitor = visit(cast.admin)
    path = "/sites/TW-ASGC"
    assert "sample" in visitor.read(path).text
    answer = visitor.send(f"{path}/confirm", {"field": "tier", "source": ""})
    assert answer.status_code == 422
    assert "Source is required" in PageReader(answer.text).text
    answer = visitor.send(f"{path}/confirm", {"field": "tier", "source": "MoU"})
    assert (answer.status_code, answer.location) == (303, path)
    page = visitor.read(path)
    assert "until 2023-10-01 MoU" in page.text
    assert "TW-ASGC" not in _sites_of(visitor.read("/sites?sample=yes"))


def test_any_key_has_a_page(session: Session, cast: Cast, visit: Enter) -> None:
    key = 'Ü?#%&+ <b>"x\\'
    with transaction(session):
        create_site(session, writer(cast.admin), {"key": key, "country": "CH", "time_zone": "UTC"})
        create_link(
            session,
            writer(cast.admin),
            {"name": f"L {key}", "network": "LHCONE", "end_a": key, "end_b": "pic"},
        )
    visitor = visit(cast.admin)
    address = next(a for a, word in visitor.read("/sites").links if word == key)
    page = visitor.read(address)
    assert key in page.text
    edit = next(a for a, word in page.links if word == "Edit")
    answer = visitor.send(edit, {**_form_of(visitor, edit), "vos": "CMS", "do": "save"})
    assert answer.status_code == 303
    assert "CMS" in visitor.read(answer.location).text
    link = next(a for a, word in page.links if word == f"L {key}")
    assert key in visitor.read(link).text


def _form_of(visitor: Visitor, path: str) -> dict[str, list[str]]:
    data = visitor.read(path).forms
    found = next(form for form in data if form.method == "post" and "key" in form.names)
    return {name: values for name, values in found.data().items() if name != "csrf_token"}
