"""The calendar's pages: which windows they show, and the conflicts in words with their tickets."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.meetings.models.teleconferences import Teleconference
from app.reference.seed import seed_reference
from app.registry.models.registry import Link
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

GRIDKA, SECOND, PIC = (
    "CERN-GRIDKA-LHCOPN-001",
    "CERN-GRIDKA-LHCOPN-002",
    "CERN-PIC-LHCOPN-001",
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def planned(session: Session, cast: Cast, opened: Open) -> dict[str, int]:
    """Work in March 2013, while LS1, and one in September 2012, in a season of physics."""
    with transaction(session):
        seed_reference(session, SYSTEM)
        first, pic = (
            session.scalars(select(Link).where(Link.name == name)).one() for name in (GRIDKA, PIC)
        )
        session.add(
            Link(
                name=SECOND,
                network="LHCOPN",
                end_a=first.end_a,
                end_b=first.end_b,
                backs_up=first,
                role="backup",
            )
        )
        session.add(
            Link(
                name="GRIDKA-PIC-LHCONE-001",
                network="LHCONE",
                end_a=first.end_b,
                end_b=pic.end_b,
            )
        )

    def work(title: str, start: str, end: str, **more: object) -> int:
        fields = {"category": "maintenance", "title": title, **more}
        return opened(window_start=at(start), window_end=at(end), **fields)

    numbers = {
        "first": work("Fibre moved", "2013-03-05 22:00", "2013-03-06 04:00", links=[GRIDKA]),
        "backup": work("Card", "2013-03-06 02:00", "2013-03-06 06:00", links=[SECOND]),
        "touching": work("After it", "2013-03-06 06:00", "2013-03-06 07:00", links=[GRIDKA]),
        "lhcone": work(
            "Other net",
            "2013-03-06 03:00",
            "2013-03-06 03:30",
            links=["GRIDKA-PIC-LHCONE-001"],
            network="LHCONE",
        ),
        "cancelled": work("Not done", "2013-03-06 02:00", "2013-03-06 06:00", links=[GRIDKA]),
        "change": work(
            "Prefixes",
            "2013-03-31 23:00",
            "2013-04-01 01:00",
            category="change",
            sites=["DE-KIT", "ES-PIC"],
        ),
        "in_season": work("Busy", "2012-09-03 08:00", "2012-09-03 09:00", links=[PIC]),
        "incident": work(
            "No work", "2013-03-06 02:00", "2013-03-06 06:00", links=[GRIDKA], category="incident"
        ),
    }
    by = writer(cast.operator)
    with transaction(session):
        change_ticket(session, by, numbers["cancelled"], {"state": "unsolved"})
        change_ticket(session, by, numbers["cancelled"], {"state": "closed"})
        change_ticket(session, by, numbers["touching"], {"state": "solved", "solution": "Done."})
        change_ticket(session, by, numbers["touching"], {"state": "closed"})
        acknowledge_change(session, writer(cast.kit, NOON), numbers["change"], "DE-KIT", "accepted")
    return numbers


def shown(page: PageReader) -> set[int]:
    paths = [to.removeprefix("/tickets/") for to, _word in page.links]
    return {int(path) for path in paths if path.isdigit()}


def test_a_month_shows_its_windows_and_why_they_collide(
    cast: Cast, visit: Enter, planned: dict[str, int]
) -> None:
    visitor = visit(cast.reader)
    for path in ("/calendar?month=2013-03", "/calendar/links?month=2013-03"):
        page = visitor.read(path)
        of_march = set(planned.values()) - {planned["in_season"], planned["incident"]}
        assert shown(page) == of_march, path
        assert "6 windows · 3 conflicts" in page.text
        assert (
            f"{GRIDKA} and its backup {SECOND} at the same time: #{planned['first']} and"
            f" #{planned['backup']} , 2013-03-06 02:00 to 04:00 UTC"
        ) in page.text.replace("  ", " ")
        for one, other in ((planned["first"], GRIDKA), (planned["backup"], SECOND)):
            assert (
                f"{other} and GRIDKA-PIC-LHCONE-001, links of DE-KIT, at the same time:"
                f" #{one} and #{planned['lhcone']} , 2013-03-06 03:00 to 03:30 UTC"
            ) in page.text
        assert "While the LHC runs" not in page.text
    month = visitor.read("/calendar?month=2013-03")
    assert "1/2 accepted" in month.text
    assert month.text.count("cancelled") == 2  # the one window, and the line that explains it
    assert "22:00 →" in month.text
    assert "→ 04:00" in month.text
    assert "23:00 →" in month.text  # over the end of the month


def test_work_while_the_lhc_runs_is_marked(
    cast: Cast, visit: Enter, planned: dict[str, int]
) -> None:
    page = visit(cast.reader).read("/calendar?month=2012-09")
    assert shown(page) == {planned["in_season"]}
    assert "the detectors are taking data (Physics 2012)" in page.text
    assert "conflict" not in page.text
    # another month is headed by what the LHC does then, this one by what it does now
    assert "The LHC in September 2012: Physics 2012, running" in page.text
    told = visit(cast.reader).read("/calendar?month=2013-02").text
    assert "The LHC in February 2013: " in told
    assert "; from 14 February on LS1, not running" in told
    assert "The LHC in" not in visit(cast.reader).read("/calendar").text


@pytest.mark.parametrize(
    ("query", "names", "conflicts"),
    [
        (f"link={SECOND}", {"backup", "first", "lhcone"}, 2),  # with what it collides
        (f"link={PIC}", set(), 0),
        ("site=pic", {"lhcone", "change"}, 0),
        ("network=LHCONE", {"lhcone", "first", "backup"}, 2),
        ("site=FZK-LCG2&network=LHCONE", {"lhcone", "first", "backup"}, 2),
    ],
)
def test_filters(
    cast: Cast,
    visit: Enter,
    planned: dict[str, int],
    query: str,
    names: set[str],
    conflicts: int,
) -> None:
    page = visit(cast.reader).read(f"/calendar?month=2013-03&{query}")
    assert shown(page) == {planned[name] for name in names}
    assert (f"{conflicts} conflict" in page.text) is bool(conflicts)
    if not names:
        assert "No window for this filter in March 2013" in page.text


def test_empty_and_bad_input(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    page = visitor.read("/calendar?month=2031-01")
    assert "No window in January 2031" in page.text
    assert ("/calendar?month=2030-12", "Previous") in page.links
    assert ("/calendar?month=2031-02", "Next") in page.links
    assert ("/calendar", "Today") in page.links
    wrong = {
        "month": ("2013-13", "2013-3", "soon", "0000-01", "9999-99", "٢٠١٣-٠٣", "2013-03-01"),
        "site": ("nobody", "x" * 300, "a\0b", "<script>"),
        "link": ("none", "x" * 300, "a\0b", "' or 1=1"),
        "network": ("both", "<b>"),
    }
    for name, values in wrong.items():
        for value in values:
            for path in ("/calendar", "/calendar/links"):
                answer = visitor.get(f"{path}?{name}={quote(value)}")
                assert answer.status_code == 422, (name, value)
                page = PageReader(answer.text)
                assert name.capitalize() in "".join(page.alerts), value
                if name in ("site", "link") and value == wrong[name][0]:
                    assert value in page.form("").values(name)  # kept, to put right


def test_the_lhc_page_tells_every_date_with_its_standing(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    assert "The calendar is empty" in visitor.read("/calendar/lhc").text
    with transaction(session):
        seed_reference(session, SYSTEM)
    page = visitor.read("/calendar/lhc")
    assert "Physics 2015 physics from 2015-06-03 10:40 to 2015-12-13 sample home.cern" in page.text
    assert "2026-06-29 06:00 planned to 2030-06 planned" in page.text


def test_the_agenda_tells_fourteen_days_and_marks_conflicts(
    session: Session, cast: Cast, visit: Enter, planned: dict[str, int]
) -> None:
    with transaction(session):
        session.add(
            Teleconference(
                uid="one",
                state="set",
                reason="Fibres",
                quarter="2013-Q1",
                requested_at=NOON,
                requested_by="Operator",
                starts_at=at("2013-03-07 14:00"),
                length=60,
            )
        )
    visitor = visit(cast.reader)
    page = visitor.read("/calendar/agenda?from=2013-03-01")
    of_march = set(planned.values()) - {planned["in_season"], planned["incident"]}
    assert shown(page) == of_march - {planned["change"]}
    assert "1 March to 14 March 2013" in page.text
    days = page.text[page.text.index("Friday 1 March") : page.text.index("Find a free window")]
    assert days.startswith(
        "Friday 1 March LHC LS1: the detectors are not taking data Saturday 2 March to"
    )
    assert "Saturday 2 March to Monday 4 March Nothing planned Tuesday 5 March 22:00 →" in days
    assert f"→ 04:00 #{planned['first']} Fibre moved maintenance {GRIDKA} conflict" in days
    assert "Thursday 7 March 14:00–15:00 Teleconference 2013-Q1 Friday 8 March to" in days
    urls = {word: url for url, word in page.links}
    assert urls["Previous"] == "/calendar/agenda?from=2013-02-15"
    assert urls["Next"] == "/calendar/agenda?from=2013-03-15"
    assert (
        "LS1 starts: the detectors are not taking data"
        in visitor.read("/calendar/agenda?from=2013-02-10").text
    )

    one = visitor.read(f"/calendar/agenda?from=2013-03-01&link={SECOND}")
    assert shown(one) >= {planned["backup"], planned["first"]}  # with what it collides
    assert "Teleconference" not in one.text
    for query in ("from=soon", "from=9999-01-01", "site=nobody"):
        assert visitor.get(f"/calendar/agenda?{query}").status_code == 422, query
    assert "Nothing planned" in visitor.read("/calendar/agenda").text
