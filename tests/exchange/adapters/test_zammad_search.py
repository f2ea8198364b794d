"""Zammad's search, which lags, has pages, and may be one for words alone: what is found by it, and
what the connection test says of it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from app.core.adapters.outbound import Answer
from app.demo.partner_system import PORTAL, Misbehaviour, StandIn
from app.exchange.adapters.zammad import client as adapter
from app.exchange.adapters.zammad.ggus import GGUS_PROFILE
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Outcome
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.marks import Mark, marked
from tests.exchange.adapters.zammad_calls import ADDRESS, NOW, TOKEN, answer_of, before, zammad

STEPS = [
    "Reachable",
    "Logged in",
    "Zammad 0 (a stand-in); the portal follows the documentation of 6.4 and was not tried with a"
    " real Zammad",
    "May read",
    "May write",
    "Search behaves as expected",
    "Round trip on a test ticket",
]


class Clock:
    """The partner's clock."""

    def __init__(self) -> None:
        self.now = NOW - timedelta(hours=1)

    def __call__(self) -> datetime:
        """What it says."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def partner(clock: Clock) -> StandIn:
    return StandIn(TOKEN, now=clock)


def test_all_is_well(partner: StandIn, clock: Clock) -> None:
    partner.open("An old one", "It was down.", group="Network")
    clock.now = NOW
    checks = list(before(partner).test())
    assert [(one.what, one.problem) for one in checks] == [(step, "") for step in STEPS]


def test_a_search_that_lags_is_tried_again_with_the_same_ticket(
    partner: StandIn, clock: Clock
) -> None:
    partner.errs = Misbehaviour(search_lag=30)
    clock.now = NOW
    checks = {one.what: one for one in before(partner).test()}
    assert checks["Search behaves as expected"].ticket == "1001"
    assert "does not find ticket 1001" in checks["Search behaves as expected"].problem
    clock.now = NOW + timedelta(seconds=31)
    assert not any(one.problem for one in before(partner, now=clock.now).test("1001"))
    assert list(partner.tickets) == [1001]
    assert not any(one.ticket for one in before(partner, now=clock.now).test("1001"))
    gone = list(before(partner, now=clock.now).test("1999"))[-1]
    assert (gone.what, gone.problem) == ("May write", "It responded with 404: Not Found")


def test_a_version_that_is_not_named_is_said(partner: StandIn, clock: Clock) -> None:
    def refusing(method: str, address: str, *_: object) -> Answer:
        path = address.removeprefix(ADDRESS)
        if path == "/api/v1/version":
            return Answer(403, {}, b"")
        return answer_of(partner, method, address, {"Authorization": f"Token token={TOKEN}"}, None)

    partner.open("An old one", "It was down.", group="Network")
    clock.now = NOW
    assert (
        list(itertools.islice(zammad(refusing).test(), 3))[2].what
        == "It does not name its version; the portal follows the documentation of 6.4"
    )


def test_a_second_test_writes_on_the_same_ticket(partner: StandIn, clock: Clock) -> None:
    partner.open("An old one", "It was down.", group="Network")
    clock.now = NOW
    for _ in range(3):
        assert not any(one.problem for one in before(partner).test())
    assert len(partner.tickets) == 2
    assert len(partner.tickets[1002].articles) == 4


def test_each_step_that_fails_is_the_last(partner: StandIn) -> None:
    partner.token = "another"
    checks = list(before(partner).test())
    assert [one.what for one in checks] == STEPS[:2]
    assert checks[1].problem == "It responded with 401: Unauthorized"
    partner.token, partner.errs = TOKEN, Misbehaviour(refuse=1)
    assert [one.what for one in before(partner).test()] == STEPS[:1]


def test_what_the_map_and_the_group_name_must_be_there(partner: StandIn) -> None:
    states = Profile(group="Network", maps={"state": (ValueRow("new", "brand new"),)})
    assert "It has no state brand new" in list(before(partner, states).test())[-1].problem
    group = list(before(partner, Profile(group="Nobody's")).test())[-1]
    assert group.what == "May read"
    assert "It has no group Nobody's for us; it has Network, Users" in group.problem
    assert not any(
        one.problem for one in before(partner, GGUS_PROFILE).test() if one.what == "May read"
    )


def test_a_search_for_words_alone_is_named_and_nothing_is_read_by_it(
    partner: StandIn, clock: Clock
) -> None:
    partner.open("An old one", "It was down.", group="Network")
    partner.errs = Misbehaviour(search_lies=True)
    clock.now = NOW
    checks = {one.what: one for one in before(partner).test()}
    lie = checks["Search behaves as expected"]
    assert lie.for_reading
    assert "does not find ticket 1001" in lie.problem
    assert checks["Round trip on a test ticket"].problem == ""
    with pytest.raises(CallFailed) as refused:
        before(partner).changed("")
    assert refused.value.failure.outcome is Outcome.PERMANENT


def test_our_reference_counts_in_its_place_alone(partner: StandIn) -> None:
    ours = partner.open("Ours", marked("It is down.", Mark(12, 1, "anna")), PORTAL)
    partner.open("Theirs", "As LHCOPN#12 said: (anna via LHCOPN#12/1)")
    partner.open("A copy", marked("It is down.", Mark(12, 1, "anna")))
    other = partner.open("Another of ours", marked("See LHCOPN#12", Mark(13, 1, "anna")), PORTAL)
    partner.comment(other, marked("Like LHCOPN#12", Mark(13, 2, "anna")), PORTAL)
    partner.open("And one", marked("It is down.", Mark(123, 1, "anna")), PORTAL)
    assert before(partner).find("LHCOPN#12") == [str(ours)]
    twin = partner.open("Twin", marked("It is down.", Mark(12, 1, "anna")), PORTAL)
    assert sorted(before(partner).find("LHCOPN#12")) == [str(ours), str(twin)]
    into = partner.open("Elsewhere", "It is known.")
    partner.merge(twin, into)
    assert sorted(before(partner).find("LHCOPN#12")) == [str(ours), str(into)]


def test_our_reference_is_found_where_the_search_is_for_words_alone(partner: StandIn) -> None:
    ours = partner.open("Ours", marked("It is down.", Mark(12, 1, "anna")), PORTAL)
    partner.open("Another", marked("It is down.", Mark(123, 1, "anna")), PORTAL)
    partner.errs = Misbehaviour(search_lies=True)
    assert before(partner).find("LHCOPN#12") == [str(ours)]
    assert before(partner).find("LHCOPN#1") == []


@pytest.mark.parametrize("words_alone", [False, True])
def test_a_short_number_is_found_among_many_longer_ones(
    partner: StandIn, *, words_alone: bool
) -> None:
    partner.errs = Misbehaviour(search_lies=words_alone)
    for number in range(400, 401 + adapter.MOST_LOOKED_AT):
        partner.open("Ours", marked("It is down.", Mark(number, 1, "anna")), PORTAL)
    assert before(partner).find("LHCOPN#4") == []
    ours = partner.open("Ours", marked("It is down.", Mark(4, 1, "anna")), PORTAL)
    assert before(partner).find("LHCOPN#4") == [str(ours)]


def test_how_many_are_read_for_a_reference_is_bounded(partner: StandIn) -> None:
    ours = partner.open("Ours", marked("It is down.", Mark(12, 1, "anna")), PORTAL)
    for number in range(adapter.PAGE + 50):
        partner.open(f"Quotes {number}", "LHCOPN#12/1 is about it")
    partner.calls.clear()
    assert before(partner).find("LHCOPN#12") == [str(ours)]
    read = [call for call in partner.calls if "by_ticket" in call]
    assert len(read) == adapter.MOST_LOOKED_AT
    assert read[0].endswith(f"/{ours}")
    for _ in range(adapter.MOST_LOOKED_AT):
        partner.open("Ours, too", "LHCOPN#12/1 is about it", PORTAL)
    with pytest.raises(CallFailed) as refused:  # none of them is no answer
        before(partner).find("LHCOPN#12")
    assert refused.value.failure.outcome is Outcome.PERMANENT


def _read_all(partner: StandIn, cursor: str, clock: Clock) -> tuple[list[str], str, int]:
    """All ids of one pull, where it ended, and how many searches it took."""
    ids: list[str] = []
    for count in range(1, 1000):
        changed = before(partner, now=clock.now).changed(cursor)
        ids += changed.ids
        assert changed.more is (cursor != changed.cursor and "|" in changed.cursor)
        cursor = changed.cursor
        if not changed.more:
            return ids, cursor, count
    raise AssertionError("it never ends")


def test_a_ticket_of_the_year_2999_hides_nothing(partner: StandIn, clock: Clock) -> None:
    key = partner.open("Late", "text", group="Network")
    partner.tickets[key].updated = datetime.fromisoformat("2999-01-01T00:00:00+00:00")
    clock.now = NOW
    _ids, cursor, _count = _read_all(partner, "", clock)
    assert datetime.fromisoformat(cursor) <= NOW + timedelta(minutes=1)
    clock.now = NOW + timedelta(hours=1)
    new = partner.open("New", "text", group="Network")
    ids, cursor, _count = _read_all(partner, cursor, clock)
    assert str(new) in ids
    assert datetime.fromisoformat(cursor) <= clock.now + timedelta(minutes=1)


def test_pages_have_no_gap_where_more_than_one_has_equal_times(
    partner: StandIn, clock: Clock
) -> None:
    made = [partner.open("Early", "text", group="Network")]
    clock.now = NOW + timedelta(minutes=1)
    made += [partner.open(f"Same {n}", "text", group="Network") for n in range(3 * adapter.PAGE)]
    clock.now += timedelta(seconds=5)
    made += [partner.open(f"Later {n}", "text", group="Network") for n in range(10)]
    clock.now = NOW + timedelta(minutes=5)
    ids, cursor, _count = _read_all(partner, (NOW - timedelta(hours=1)).isoformat(), clock)
    assert set(ids) == {str(one) for one in made}
    assert datetime.fromisoformat(cursor) == NOW + timedelta(minutes=1, seconds=5)


def test_pages_have_no_gap_while_tickets_change_between_two_of_them(
    partner: StandIn, clock: Clock
) -> None:
    made = []
    for number in range(5 * adapter.PAGE):
        clock.now = NOW - timedelta(minutes=50) + timedelta(seconds=number)
        made.append(partner.open(f"Ticket {number}", "text", group="Network"))
    clock.now = NOW
    cursor, seen = (NOW - timedelta(hours=1)).isoformat(), set()
    for turn in range(100):
        changed = before(partner, now=clock.now).changed(cursor)
        seen |= set(changed.ids)
        if not changed.more:
            break
        cursor = changed.cursor
        clock.now += timedelta(seconds=1)
        for key in made[turn * 10 : turn * 10 + 10]:  # some that were read, and are now the last
            partner.comment(key, "again")
    assert seen == {str(one) for one in made}


def test_the_overlap_finds_what_the_search_told_late(partner: StandIn, clock: Clock) -> None:
    partner.open("First", "text", group="Network")
    clock.now = NOW
    partner.errs = Misbehaviour(search_lag=600)
    late = partner.open("Late", "text", group="Network")
    partner.errs = Misbehaviour()
    clock.now = NOW + timedelta(minutes=1)
    partner.open("After it", "text", group="Network")
    ids, cursor, _count = _read_all(partner, NOW.isoformat(), clock)
    assert str(late) not in ids
    clock.now = NOW + timedelta(minutes=11)
    ids, cursor, _count = _read_all(partner, cursor, clock)
    assert str(late) in ids


@pytest.mark.parametrize("skew", [-10, 10])
def test_a_clock_that_is_wrong_by_ten_minutes_makes_no_gap(
    partner: StandIn, clock: Clock, skew: int
) -> None:
    partner.open("An old one", "text", group="Network")
    seen: set[str] = set()
    made, cursor, ours = set(), "", NOW
    for _ in range(30):
        clock.now = ours + timedelta(minutes=skew)
        made.add(str(partner.open("New", "text", group="Network")))
        ours += timedelta(minutes=1)
        clock.now = ours + timedelta(minutes=skew)
        changed = before(partner, now=ours).changed(cursor)
        seen |= set(changed.ids)
        cursor = changed.cursor
    assert made <= seen


def test_the_change_of_summer_time_is_none_in_utc(partner: StandIn, clock: Clock) -> None:
    change = datetime.fromisoformat("2026-03-29T01:00:00+00:00")
    partner.open("An old one", "text", group="Network")
    made, seen, cursor = set(), set(), (change - timedelta(minutes=30)).isoformat()
    for minute in range(-29, 30):
        clock.now = change + timedelta(minutes=minute)
        made.add(str(partner.open("New", "text", group="Network")))
        ids, cursor, _count = _read_all(partner, cursor, clock)
        seen |= set(ids)
    assert made <= seen


def test_more_hits_are_read_than_a_search_gives(
    partner: StandIn, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE", 10)
    partner.window = 100
    for number in range(1_050):
        clock.now = NOW - timedelta(minutes=50) + timedelta(seconds=number // 7)
        partner.open(f"Ticket {number}", "text", group="Network")
    ids, _cursor, _count = _read_all(partner, (NOW - timedelta(hours=1)).isoformat(), clock)
    assert len(set(ids)) == 1_050


@pytest.mark.parametrize("year", [1, 9999])
def test_a_time_that_nobody_can_mean_hides_nothing(
    partner: StandIn, clock: Clock, year: int
) -> None:
    made = {str(partner.open("One", "text", group="Network")) for _ in range(3)}
    odd = partner.open("Odd", "text", group="Network")
    partner.tickets[odd].updated = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    ids, cursor, _count = _read_all(partner, (NOW - timedelta(hours=2)).isoformat(), clock)
    assert made <= set(ids)
    clock.now = NOW + timedelta(minutes=1)
    new = partner.open("New", "text", group="Network")
    ids, cursor, _count = _read_all(partner, cursor, clock)
    assert str(new) in ids


def test_a_group_with_a_quote_in_its_name_asks_for_nothing_else(partner: StandIn) -> None:
    partner.groups.append('Net" OR id:>0')
    profile = Profile(group='Net" OR id:>0')
    query = before(partner, profile)._within(NOW)
    assert query.endswith('AND group.name:"Net\\" OR id:>0"')


EXTRAS = Profile(
    group="Network", extras={"wlcg_sites": "{sites}", "area": "Other", "vo_support": "{vo}"}
)


def test_fields_of_their_own_are_read_and_not_tried(partner: StandIn, clock: Clock) -> None:
    partner.open("An old one", "It was down.", group="Network")
    clock.now = NOW
    partner.own_fields = {"wlcg_sites": (), "area": ("Other",)}
    last = list(before(partner, EXTRAS).test())[-2:]
    assert [(one.what, one.problem) for one in last] == [
        ("It has the fields that are filled: wlcg_sites, area", ""),
        ("It lacks fields, which are not sent: vo_support", ""),
    ]
    assert {tuple(one.fields or ()) for one in last} == {("wlcg_sites", "area")}
    assert all(ticket.own == {} for ticket in partner.tickets.values())
    partner.own_fields = {}
    (lacking,) = list(before(partner, EXTRAS).test())[-1:]
    assert lacking.fields == []


def beginning(**extras: str) -> Outgoing:
    text = marked("It is down.", Mark(12, 1, "anna"))
    return Outgoing(12, 1, EntryKind.TICKET, text, values={"title": "Down"}, extras=extras)


def test_a_ticket_is_created_with_fields_of_their_own(partner: StandIn) -> None:
    partner.own_fields = {"wlcg_sites": (), "area": ("Other",)}
    made = before(partner).create(beginning(wlcg_sites="CERN-PROD, pic", area="Other"))
    assert partner.tickets[int(made.id)].own == {"wlcg_sites": "CERN-PROD, pic", "area": "Other"}
    assert made.remark == ""


def test_a_refused_field_does_not_keep_a_ticket_back(partner: StandIn) -> None:
    partner.own_fields = {"area": ("Network",)}
    made = before(partner).create(beginning(area="Other"))
    assert made.remark == "Created without area: It responded with 422: Unprocessable Entity"
    assert [ticket.own for ticket in partner.tickets.values()] == [{}]


def test_a_field_that_was_not_kept_is_named(partner: StandIn) -> None:
    made = before(partner).create(beginning(wlcg_sites="CERN-PROD"))
    assert made.remark == "It did not store wlcg_sites"


def test_a_field_never_stands_for_one_that_every_ticket_has(partner: StandIn) -> None:
    made = before(partner).create(beginning(title="Another", group="Users"))
    ticket = partner.tickets[int(made.id)]
    assert (ticket.title, ticket.group) == ("Down", "Network")
