"""Pages of due tickets, of the rules and of what they would have asked for."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.duties.models.duties import DutyForce, DutyRuleVersion
from app.tickets.services.lifecycle import change_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK, report

LATE = datetime(2013, 7, 1, tzinfo=UTC)
CLAUSE = {
    "hours": "24",
    "clauses-kind": "down",
    "clauses-length": "at least",
    "clauses-minutes": "10",
    "clauses-flaps": "",
    "clauses-role": "any",
    "clauses-scope": "T1",
    "clauses-lhc": "always",
    "clauses-maintenance": "counts",
}


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def hrefs(page: PageReader) -> list[str]:
    return [href for href, _text in page.links]


@pytest.fixture
def events(session: Session, cast: Cast) -> tuple[int, int]:
    """Two hours on DE-KIT's link in each of two quarters."""
    return (
        report(session, cast, "5 10:00", "5 12:00", now=LATE),
        report(session, cast, "2013-04-05 10:00", "2013-04-05 12:00", now=LATE),
    )


def test_a_due_ticket_is_one_click_away_and_then_is_there(
    cast: Cast, visit: Enter, events: tuple[int, int]
) -> None:
    visitor = visit(cast.kit)
    page = visitor.read("/duty?quarter=2013-Q1")
    assert "1 event" in page.text
    assert "a link is down or degraded for more than 60 minutes" in page.text
    place = f"/tickets/new?event={events[0]}"
    assert place in hrefs(page)
    form = next(one for one in visitor.read(place).forms if "tickets/new" in one.action)
    assert form.values("title") == [f"{LINK} down"]
    assert form.values("links") == [LINK]
    assert form.values("sites") == ["DE-KIT"]
    assert (form.values("event_start"), form.values("event_end")) == (
        ["2013-03-05 10:00"],
        ["2013-03-05 12:00"],
    )
    assert "Rule R2009 requires a ticket" in form.values("description")[0]
    answer = visitor.send(form.action, {**form.data(), "do": "save"})
    assert answer.status_code == 303, answer.text
    assert "No such event" in visitor.read("/duty?quarter=2013-Q1").text, (
        "a person reads own writes"
    )
    assert "1 event" in visitor.read("/duty?quarter=2013-Q1&state=late").text


def test_the_obligations_of_what_is_ongoing_name_the_ticket_of_the_site(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    begun = f"{now - timedelta(hours=3):%Y-%m-%d %H:%M}"
    event = report(session, cast, begun, None, now=now)
    number = opened(sites=("DE-KIT",), now=now)
    visitor, write = visit(cast.kit), f"/tickets/new?event={event}"
    for place in ("/duty", f"/events/{event}", "/"):
        page = visitor.read(place)
        assert f"#{number}" in page.text, place
        assert "ticket of the site" in page.text, place
        assert write in hrefs(page), place
        assert "ticket on time" not in page.text, place
    assert "on time</span>" not in visitor.get("/duty").text
    assert "already" not in visitor.read(write).text
    own = opened(links=(LINK,), now=now)
    assert "on time</span>" in visitor.get("/duty?state=met").text
    for place, standing in (("/duty?state=met", "on time"), (f"/events/{event}", "ticket on time")):
        page = visitor.read(place)
        assert standing in page.text, place
        assert "same link, both ongoing" in page.text, place
        assert write not in hrefs(page), place
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator, now), own, wanted)
    for place in ("/duty?state=met", f"/events/{event}"):
        page = visitor.read(place)
        assert f"#{own}" in page.text, place
        assert "solved" in page.text, place
        assert "overlap 0 s" not in page.text, place
    assert "its ticket is no longer open" in visitor.read(write).text


def test_two_people_do_not_write_the_ticket_of_one_event_unknowingly(
    cast: Cast, visit: Enter, events: tuple[int, int]
) -> None:
    place = f"/tickets/new?event={events[0]}"
    first, second = visit(cast.kit), visit(cast.operator)
    forms = [
        next(one for one in each.read(place).forms if "tickets/new" in one.action)
        for each in (first, second)
    ]
    written = first.send(forms[0].action, {**forms[0].data(), "do": "save"})
    assert written.status_code == 303, written.text
    number = written.headers["Location"].rsplit("/", 1)[1]

    answer = second.send(forms[1].action, {**forms[1].data(), "do": "save"})
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "There is already a ticket for this event" in " ".join(page.alerts)
    assert f"/tickets/{number}" in hrefs(page)
    again = next(one for one in page.forms if "tickets/new" in one.action)
    assert again.values("title") == [f"{LINK} down"], "what was typed is kept"
    assert second.send(again.action, {**again.data(), "do": "save"}).status_code == 303

    third = first.read(place)
    assert "There are already tickets for this event" in " ".join(third.alerts)


def test_the_list_begins_with_the_last_four_quarters_and_counts_the_older_ones(
    cast: Cast, visit: Enter, session: Session, events: tuple[int, int]
) -> None:
    now = datetime.now(UTC)
    first = Quarter.of(now).after(-3)

    def reported(begin: datetime) -> int:
        begin = begin.replace(tzinfo=None)
        end = begin + timedelta(hours=2)
        return report(session, cast, begin.isoformat(), end.isoformat(), now=now)

    oldest = reported(first.begin)
    before = reported(first.begin - timedelta(hours=5))
    visitor = visit(cast.kit)

    def listed(url: str) -> tuple[PageReader, list[str]]:
        page = visitor.read(url)
        found = [one.removeprefix("/events/") for one in hrefs(page) if one[8:].isdigit()]
        return page, [one for one in found if one.isdigit()]

    page, rows = listed("/duty")
    assert rows == [str(oldest)]
    assert f"From quarter {first}" in page.text, "what is left out is said"
    older = f"/duty?to={first.previous}"
    assert (older, "3 older ones") in page.links
    page, rows = listed(older)
    assert rows == [*map(str, (before, *reversed(events)))]
    assert "older ones" not in page.text
    page, rows = listed("/duty?from=all")
    assert rows == [*map(str, (oldest, before, *reversed(events)))]
    assert "From quarter" not in page.text.partition("Add filter")[0]
    assert listed("/duty?from=&to=")[1] == rows, "as the form sends what was emptied"
    assert len(read_csv(visitor.get("/duty.csv").text)) == 1, "the file is the list"
    assert len(read_csv(visitor.get("/duty.csv?from=all").text)) == 4

    # the tab of the list of events asks, and tells, the same
    def tab(word: str, page: PageReader) -> str:
        return next(href for href, text in page.links if text.partition(" 1")[0] == word)

    page, rows = listed(tab("Ticket required", visitor.read("/events")))
    assert rows == [str(oldest)]
    assert f"From {first} Required ticket not created (missing or due)" in page.text
    assert (f"/events?view=detected&to={first.previous}&due=open", "3 older ones") in page.links
    same = next(href for href in hrefs(page) if href.startswith("/duty?"))
    assert listed(same)[1] == rows
    assert tab("Detected", page) == "/events?view=detected", "its quarters go with the tab"
    page, rows = listed(f"/events?to={first.previous}&due=open")
    assert rows == [*map(str, (before, *reversed(events)))]
    assert "older ones" not in page.text
    assert f"/duty?state=open&to={first.previous}" in hrefs(page)
    assert "/duty?state=missing&from=all" in hrefs(visitor.read("/events?due=missing"))
    assert tab("Ticket required", visitor.read("/events?quarter=2013-Q1")) == (
        "/events?view=detected&quarter=2013-Q1&due=open"
    ), "a time that somebody chose stays"
    for visitor in (visit(cast.kit), visit(cast.operator)):
        home = visitor.read("/")
        assert "Required tickets not created 1" in home.text
        place = next(
            url
            for url, words in home.links
            if words == "Required tickets not created" and "duty" in url
        )
        assert [url for url in hrefs(visitor.read(place)) if url[8:].isdigit()] == [
            f"/events/{oldest}"
        ]


def test_what_if_its_csv_and_its_rows_say_the_same(
    cast: Cast, visit: Enter, events: tuple[int, int]
) -> None:
    visitor = visit(cast.reader)
    rows = read_csv(visitor.get("/statistics/what-if.csv?from=2012-Q4&to=2013-Q3").text)
    found = {(row["rule"], row["site"], row["quarter"]): row for row in rows}
    assert len(found) == len(rows) == 2 * 4 * 4, "two rules, three sites and the total, 4 quarters"
    assert found["R2009", "DE-KIT", "2013-Q1"]["asked"] == "1"
    assert found["R2009", "DE-KIT", "2013-Q3"]["asked"] == "0"
    assert found["R2009", "DE-KIT", "2012-Q4"]["asked"] == "", "no source was seen yet"
    assert found["R2009", "ES-PIC", "2013-Q1"]["asked"] == "", "nor ever on a link of this site"
    assert found["R2009", "TOTAL", "2013-Q2"]["missing"] == "1"
    page = visitor.read("/statistics/what-if?from=2012-Q4&to=2013-Q3")
    assert "no data" in page.text
    for quarter, event in zip(("2013-Q1", "2013-Q2"), events, strict=True):
        rows = read_csv(
            visitor.get(
                f"/duty.csv?state=all&rule=R2009&from={quarter}&to={quarter}&end=DE-KIT"
            ).text
        )
        assert [row["event"] for row in rows] == [str(event)]


def test_a_rule_is_composed_looked_at_put_in_force_and_undone(
    cast: Cast, visit: Enter, session: Session
) -> None:
    begin = (datetime.now(UTC) - timedelta(hours=3)).replace(microsecond=0, tzinfo=None)
    event = report(
        session,
        cast,
        begin.isoformat(),
        (begin + timedelta(minutes=10)).isoformat(),
        now=datetime.now(UTC),
    )
    visitor = visit(cast.admin)
    seen = visitor.send("/duty/rules/new", {"name": "Short", "do": "preview", **CLAUSE})
    assert "would have required 1 ticket " in PageReader(seen.text).text
    assert "Nothing is saved yet" in seen.text
    assert (
        visitor.send("/duty/rules/new", {"name": "Short", "do": "save", **CLAUSE}).status_code
        == 303
    )
    page = visitor.read("/duty/rules")
    assert "a link at a T1 is down for at least 10 minutes" in page.text
    assert "Nothing is due" in visitor.read("/duty").text
    version = session.scalars(
        select(DutyRuleVersion.id).order_by(DutyRuleVersion.id.desc())
    ).first()
    place = f"/duty/rules/versions/{version}/force"
    refused = visitor.send(place, {"at": "", "reason": " "})
    assert refused.status_code == 422
    assert "Reason is required" in refused.text
    at = f"{begin - timedelta(hours=1):%Y-%m-%d %H:%M}"
    assert visitor.send(place, {"at": at, "reason": "A try"}).status_code == 303
    assert f"/events/{event}" in hrefs(visitor.read("/duty"))
    session.rollback()
    force = session.scalars(select(DutyForce.id).order_by(DutyForce.id.desc())).first()
    assert visitor.send(f"/duty/rules/forces/{force}/undo", {}).status_code == 303
    assert "Nothing is due" in visitor.read("/duty").text
    again = visitor.send(f"/duty/rules/forces/{force}/undo", {})
    assert again.status_code == 422
    assert "This has already been undone" in again.text


def test_two_rules_do_not_differ_by_capital_letters_alone(cast: Cast, visit: Enter) -> None:
    answer = visit(cast.admin).send("/duty/rules/new", {"name": "r2009", "do": "save", **CLAUSE})
    assert answer.status_code == 422
    assert "A rule with this name already exists: R2009" in PageReader(answer.text).text


def test_what_is_wrong_with_a_rule_is_said_and_what_was_typed_stays(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    wrong = {**CLAUSE, "hours": "x", "clauses-kind": "flaps", "clauses-minutes": "12.5"}
    answer = visitor.send("/duty/rules/new", {"name": "<b>", "do": "save", **wrong})
    assert answer.status_code == 422
    text = PageReader(answer.text).text
    assert "Hours to create the ticket: enter a whole number from 1 to 744" in text
    assert "Clause 1: Minutes: enter a whole number from 1 to" in text
    assert 'value="12.5"' in answer.text
    assert "<b>" not in answer.text.partition("<form")[2].partition("Name</label>")[2][:300]
    added = visitor.send("/duty/rules/new", {"name": "x", "do": "add-clauses", **CLAUSE})
    assert added.text.count('name="clauses-minutes"') == 2
    for more in (
        {"clauses-scope": "Mars"},
        {"clauses-kind": "loss of service", "clauses-role": "backup"},
    ):
        assert (
            visitor.send(
                "/duty/rules/new", {"name": "x", "do": "save", **CLAUSE, **more}
            ).status_code
            == 422
        )


@pytest.mark.parametrize(
    "query",
    [
        "state=gone",
        "site=NOWHERE",
        "end=%00",
        "rule=R1999",
        "from=2013-Q5",
        "from=2013-Q2&to=2013-Q1",
        "link=nothing",
        "losses=maybe",
        "after=yesterday",
        "quarter=x",
    ],
)
def test_a_part_of_an_address_that_cannot_be_used_is_named(
    cast: Cast, visit: Enter, query: str
) -> None:
    visitor = visit(cast.reader)
    answer = visitor.get(f"/duty?{query}")
    assert answer.status_code == 422
    assert "Ignored filter in the URL" in answer.text
    assert visitor.get(f"/duty.csv?{query}").status_code == 422


@pytest.mark.parametrize("query", ["rule=x", "from=x", "to=2013", "from=1990-Q1&to=2020-Q1"])
def test_what_if_names_what_it_left_out(cast: Cast, visit: Enter, query: str) -> None:
    visitor = visit(cast.reader)
    assert visitor.get(f"/statistics/what-if?{query}").status_code == 422
    assert visitor.get(f"/statistics/what-if.csv?{query}").status_code == 422


def test_a_ticket_of_an_unknown_event_is_not_begun(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    for number in ("999999", "x", "9" * 30, "-1"):
        assert visitor.get(f"/tickets/new?event={number}").status_code == 404


def test_the_calendar_of_the_lhc_is_kept_by_admins(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    stated = {
        "name": "Physics 2031",
        "kind": "physics",
        "begin": "2031-04",
        "begin_standing": "planned",
        "end": "2031-11-30",
        "end_standing": "sample",
        "source": "",
        "note": "",
        "why": "",
    }
    refused = visitor.send("/calendar/lhc/new", stated)
    assert refused.status_code == 422
    assert "Source: enter one" in refused.text
    stated["source"] = "A plan"
    assert visitor.send("/calendar/lhc/new", stated).status_code == 303
    page = visitor.read("/calendar/lhc")
    assert "Physics 2031" in page.text
    place = next(link for link in hrefs(page) if link.endswith("/edit"))
    form = next(one for one in visitor.read(place).forms if one.action == place)
    assert form.values("begin") == ["2031-04"]
    changed = {**form.data(), "begin": "2031-05-01", "why": "A newer plan"}
    assert visitor.send(place, changed).status_code == 303
    second = visitor.send(place, {**changed, "begin": "2031-06-01"})
    assert second.status_code == 422, "the version that this form saw is old by now"
    assert "Somebody else changed this period in the meantime" in second.text
    assert "A newer plan" in visitor.read("/calendar/lhc").text
    for wrong in ({"begin": "31.3."}, {"end": "2031-01"}, {"kind": "rest"}, {"name": ""}):
        assert visitor.send("/calendar/lhc/new", {**stated, **wrong}).status_code == 422
    assert visitor.send("/calendar/lhc/new", stated).status_code == 422, "the name is taken"
    remove = place.replace("/edit", "/remove")
    assert visitor.send(remove, {"why": ""}).status_code == 422
    assert visitor.send(remove, {"why": "A slip"}).status_code == 303
    assert visitor.get(place).status_code == 404
