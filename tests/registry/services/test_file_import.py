"""Imports of sites and links: all or nothing, through the verbs, with a change each."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules.errors import Forbidden
from app.core.rules.file_problems import BadFile
from app.core.services.changes import changes_of
from app.registry.models.registry import FactSource, Link, Site
from app.registry.rules.files import (
    FieldDifference,
    FileFormat,
    RegistryChanged,
    What,
    written,
)
from app.registry.rules.records import Records
from app.registry.rules.registry import CircuitValue, SiteNameValue
from app.registry.services.file_import import Imported, all_values, import_file, registry_state
from app.registry.services.links import link_of_name, link_values
from app.registry.services.sites import change_site, site_of_key, site_values
from tests.cast import NOON, Cast, enter, writer


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def imported(session: Session, cast: Cast, kind: Records, text: str, **more: object) -> Imported:
    with transaction(session):
        return import_file(session, writer(cast.admin), kind, text.encode(), **more)  # type: ignore[arg-type]


def problems_of(session: Session, cast: Cast, kind: Records, text: str) -> list[str]:
    before = changes(session)
    with pytest.raises(BadFile) as caught:
        imported(session, cast, kind, text)
    assert changes(session) == before
    return [str(problem) for problem in caught.value.problems]


def changes(session: Session) -> int:
    count = session.scalar(select(func.count()).select_from(Change)) or 0
    session.rollback()
    return count


SITES = (
    "key,country,time_zone,tier,tier_since,names,asns\n"
    "DE-KIT,DE,Europe/Berlin,1,2010-01-01,LHCOPN:DE-KIT;GOCDB:FZK-LCG2;short:GRIDKA,58069\n"
    "FR-NEW,FR,Europe/Paris,,,GOCDB:NEW-LCG2,789\n"
    "ES-PIC,ES,Europe/Madrid,1,2009-02-01,short:PIC;GOCDB:pic,\n"
)


def test_a_new_t1_of_a_file_without_its_day_is_one_from_today_on(
    session: Session, cast: Cast
) -> None:
    text = "key,country,time_zone,tier\nXX-NEW,CH,UTC,1\n"
    imported(session, cast, Records.SITES, text)
    assert site_of_key(session, "XX-NEW").tier_since == NOON.date()


def test_new_and_changed_sites_each_leave_one_change(session: Session, cast: Cast) -> None:
    before = changes(session)
    done = imported(session, cast, Records.SITES, SITES, why="Yearly check")
    assert [record.what for record in done.records] == [What.CHANGED, What.NEW, What.UNCHANGED]
    assert done.records[0].fields == (
        FieldDifference("tier_since", "2009-02-01", "2010-01-01"),
        FieldDifference("asns", "", "58069"),
    )
    assert changes(session) == before + 2
    kit = site_of_key(session, "DE-KIT")
    assert (kit.tier_since, kit.version) == (date(2010, 1, 1), 2)
    (change,) = changes_of(session, "site", kit.id)
    assert [(item.field, item.old, item.new) for item in change.fields] == [
        ("tier_since", "2009-02-01", "2010-01-01"),
        ("asns", None, "58069"),
        ("why", None, "Yearly check"),
    ]
    assert (change.actor_account, change.version) == ("admin", 2)
    new = site_values(site_of_key(session, "FR-NEW"))
    assert new["names"] == (SiteNameValue("LHCOPN", "FR-NEW"), SiteNameValue("GOCDB", "NEW-LCG2"))
    # once more: nothing to do
    again = imported(session, cast, Records.SITES, SITES)
    assert {record.what for record in again.records} == {What.UNCHANGED}
    assert changes(session) == before + 2


def test_links_name_sites_by_any_name_and_links_further_down(session: Session, cast: Cast) -> None:
    text = (
        "name,network,end_a,end_b,role,backs_up,responsible_site,circuits\n"
        "B-002,LHCOPN,CERN,FZK-LCG2,backup,B-001,GRIDKA,NREN-X|c1;NREN-Y\n"
        "B-001,LHCOPN,CERN-PROD,DE-KIT,primary,,,\n"
    )
    done = imported(session, cast, Records.LINKS, text)
    assert [record.key for record in done.records] == ["B-002", "B-001"]
    values = link_values(link_of_name(session, "B-002"))
    assert (values["end_a"], values["end_b"]) == ("CH-CERN", "DE-KIT")
    assert (values["backs_up"], values["responsible_site"]) == ("B-001", "DE-KIT")
    assert values["circuits"] == (CircuitValue("NREN-X", "c1"), CircuitValue("NREN-Y"))
    again = imported(session, cast, Records.LINKS, text)
    assert {record.what for record in again.records} == {What.UNCHANGED}


@pytest.mark.parametrize("kind", Records)
@pytest.mark.parametrize("form", FileFormat)
def test_an_export_imported_again_is_no_change(
    session: Session, cast: Cast, kind: Records, form: FileFormat
) -> None:
    imported(session, cast, Records.SITES, SITES)
    imported(session, cast, Records.LINKS, "name,network,end_a,end_b\nL-1,LHCONE,pic,DE-KIT\n")
    before = changes(session)
    text = "".join(written(kind, form, all_values(session, kind)))
    done = imported(session, cast, kind, text)
    assert {record.what for record in done.records} == {What.UNCHANGED}
    assert len(done.records) == {Records.SITES: 4, Records.LINKS: 3}[kind]
    assert changes(session) == before


def test_a_name_may_move_from_a_site_further_down(session: Session, cast: Cast) -> None:
    text = (
        "key,names\n"
        "DE-KIT,LHCOPN:DE-KIT;GOCDB:FZK-LCG2;GOCDB:pic@2020-01-01..\n"
        "ES-PIC,LHCOPN:ES-PIC;GOCDB:pic@..2020-01-01\n"
    )
    imported(session, cast, Records.SITES, text)
    kit = site_values(site_of_key(session, "DE-KIT"))
    assert SiteNameValue("GOCDB", "pic", date(2020, 1, 1)) in kit["names"]


def test_one_bad_line_and_nothing_is_written(session: Session, cast: Cast) -> None:
    text = (
        "key,country,time_zone,names,valid_from,valid_until\n"
        "FR-NEW,FR,Europe/Paris,,,\n"
        "XX-1,,,,,\n"
        "DE-KIT,DE,Europe/Berlin,GOCDB:pic,2008-01-01,2007-01-01\n"
        "XX-2,DE,Europe/Berlin,GOCDB:pic,,\n"
    )
    assert problems_of(session, cast, Records.SITES, text)[:2] == [
        'line 3, column country: "" is not a country code; use ISO 3166, such as CH',
        'line 3, column time_zone: "" is not a time zone; use an IANA name, such as Europe/Berlin',
    ]
    text = text.replace("XX-1,,,,,\n", "")
    assert problems_of(session, cast, Records.SITES, text) == [
        'line 3, column valid_until, "2007-01-01": The site ends on 2007-01-01, not after its'
        " first day, 2008-01-01; a later day is allowed",
        "line 3, column tier_since: Tier since 2009-02-01: the site ends on 2007-01-01",
        'line 4, column names, "LHCOPN:XX-2;GOCDB:pic": Name "pic" belongs to ES-PIC at the same'
        " time; end it there first, or set dates",
    ]
    session.rollback()
    assert session.scalar(select(Site).where(Site.key == "FR-NEW")) is None


def test_links_that_cannot_be_are_refused_line_by_line(session: Session, cast: Cast) -> None:
    text = (
        "name,network,end_a,end_b,backs_up\n"
        "A-1,LHCOPN,CERN,DE-KIT,A-2\n"
        "A-2,LHCOPN,CERN,DE-KIT,A-1\n"
        "A-3,LHCOPN,CERN,Atlantis,\n"
        "cern-pic-lhcopn-001,LHCOPN,CERN,DE-KIT,\n"
        "A-4,LHCOPN,CERN,CERN-PROD,NO-SUCH\n"
    )
    found = problems_of(session, cast, Records.LINKS, text)
    assert [line.split('"')[0] for line in found] == [
        "line 2, column backs_up, ",
        "line 3, column backs_up, ",
        "line 4, column end_b, ",
        "line 5, column name, ",
        "line 6, column backs_up, ",
    ]
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Link)) == 2


def test_what_is_missing_of_a_new_record_is_named(session: Session, cast: Cast) -> None:
    assert problems_of(session, cast, Records.SITES, "key,country\nFR-NEW,FR\n") == [
        "line 2, column time_zone: This is required"
    ]


def test_a_site_in_use_is_not_retired_by_a_file(session: Session, cast: Cast) -> None:
    (found,) = problems_of(session, cast, Records.SITES, "key,valid_until\nDE-KIT,2020-01-01\n")
    assert "links in use (CERN-GRIDKA-LHCOPN-001)" in found


def test_a_dry_run_refuses_the_same_and_leaves_nothing(session: Session, cast: Cast) -> None:
    before = changes(session)
    with dry_run(session):
        done = import_file(session, writer(cast.admin), Records.SITES, SITES.encode())
    assert done.count(What.NEW) == 1
    assert changes(session) == before
    assert session.scalar(select(Site).where(Site.key == "FR-NEW")) is None
    bad = SITES.replace("short:PIC", "short:CERN")
    with pytest.raises(BadFile), dry_run(session):
        import_file(session, writer(cast.admin), Records.SITES, bad.encode())


def test_a_registry_that_changed_since_asks_for_another_look(session: Session, cast: Cast) -> None:
    seen = registry_state(session)
    session.rollback()
    with transaction(session):
        change_site(session, writer(cast.admin), "ES-PIC", {"asns": (43115,)})
    before = changes(session)
    with pytest.raises(RegistryChanged):
        imported(session, cast, Records.SITES, SITES, base=seen)
    assert changes(session) == before
    imported(session, cast, Records.SITES, SITES, base=registry_state(session))


def test_a_stated_source_is_that_of_what_changed(session: Session, cast: Cast) -> None:
    imported(session, cast, Records.SITES, SITES, source="Operations list of 2026")
    kit = site_of_key(session, "DE-KIT")
    rows = session.scalars(
        select(FactSource).where(FactSource.kind == "site", FactSource.thing_id == kit.id)
    )
    assert {row.field: row.source for row in rows} == {
        "tier": "Operations list of 2026",
        "asns": "Operations list of 2026",
    }


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_import(session: Session, cast: Cast, who: str) -> None:
    with (
        pytest.raises(Forbidden, match="Only admins may import sites and links"),
        transaction(session),
    ):
        import_file(session, writer(getattr(cast, who)), Records.SITES, SITES.encode())


def test_statements_that_read_do_not_grow_with_the_file(session: Session, cast: Cast) -> None:
    counts = []
    for many in (3, 30):
        imported(
            session,
            cast,
            Records.SITES,
            "key,country,time_zone,names\n"
            + "".join(f"S{many}-{n},DE,Europe/Berlin,GOCDB:g{many}-{n}\n" for n in range(many)),
        )
        session.expunge_all()
        counts.append(_reads_of(session, cast, many))
    assert counts[0] == counts[1]


def _reads_of(session: Session, cast: Cast, many: int) -> int:
    reads = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            reads.append(statement)

    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    try:
        imported(
            session,
            cast,
            Records.LINKS,
            "name,network,end_a,end_b\n"
            + "".join(f"L{many}-{n},LHCOPN,CERN,g{many}-{n}\n" for n in range(many)),
        )
    finally:
        event.remove(bind, "before_cursor_execute", note)
    return len(reads)


def test_each_change_says_what_is_new(session: Session, cast: Cast) -> None:
    imported(session, cast, Records.SITES, SITES)
    session.rollback()
    new = session.scalars(select(Site).where(Site.key == "FR-NEW")).one()
    fields = session.scalars(
        select(ChangedField).join(Change).where(Change.kind == "site", Change.thing_id == new.id)
    ).all()
    assert {(item.field, item.old) for item in fields} == {
        (field, None) for field in ("key", "country", "time_zone", "names", "asns")
    }
    assert session.scalars(select(Change.at).where(Change.thing_id == new.id)).first() == NOON


def test_a_chain_of_backups_ends_in_any_order(session: Session, cast: Cast) -> None:
    """Each can end only after those that back it up, wherever they stand in the file."""
    names = [f"L{number}" for number in range(6)]
    head = "name,network,end_a,end_b,role,backs_up\n"
    lines = [
        f"{name},LHCOPN,CERN,GRIDKA,backup,{before}\n"
        for name, before in zip(names, ("", *names), strict=False)
    ]
    imported(session, cast, Records.LINKS, head + "".join(lines))
    ends = "name,valid_until\n" + "".join(f"{name},2013-01-01\n" for name in names)
    told: list[tuple[int, int]] = []
    done = imported(session, cast, Records.LINKS, ends, progress=lambda *step: told.append(step))
    assert done.count(What.CHANGED) == 6
    assert told == [], "nothing is told of what is refused at first"
