"""Duty rules on hand-computed cases: files in, what each rule asks for out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calendar.rules.lhc_calendar import Period, PeriodKind, running_at, running_spans
from app.core.figures.frames import quarters_of
from app.duties.figures.duties import (
    Beginnings,
    Duties,
    Events,
    Judged,
    judge,
    microseconds,
    spans_of,
    summed,
)
from app.duties.figures.outages import (
    EVER,
    NEVER,
    Downs,
    LinkFacts,
    Losses,
    SiteFacts,
    complement,
    covered,
    joined,
    losses_of,
)
from app.duties.rules.duties import (
    R2009,
    Clause,
    ClauseKind,
    Role,
    Rule,
    rule_of_text,
)
from tests.duties.proposal import R2013

CASES: Final = sorted((Path(__file__).parent / "cases").glob("*.json"))
Case = Mapping[str, Any]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text if len(text) > 10 else f"{text}T00:00Z").astimezone(UTC)


def at(text: str) -> int:
    return microseconds(moment(text))


class Laid:
    """A case as the floor takes it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.sites = {"T0": 1, **{name: n for n, name in enumerate(case.get("t1", ["A"]), 2)}}
        self.links = {name: n for n, name in enumerate(case["links"], 101)}
        self.periods = [
            Period(name, PeriodKind(kind), moment(begin), moment(end))
            for name, kind, begin, end in case["lhc"]
        ]
        self.rules = {
            "R2009": R2009,
            "R2013": R2013,
            **{
                name: rule_of_text(json.dumps(rule))
                for name, rule in case.get("composed", {}).items()
            },
        }
        self.losses = losses_of(self._links(), self._sites(), self._downs().get)

    def _links(self) -> list[LinkFacts]:
        return [
            LinkFacts(
                self.links[name],
                one.get("network", "LHCOPN"),
                one["role"],
                (self.sites[one["ends"][0]], self.sites[one["ends"][1]]),
                self.links.get(one.get("backs_up", "")),
                at(one["from"]) if "from" in one else int(EVER),
                at(one["until"]) if "until" in one else int(NEVER),
            )
            for name, one in self.case["links"].items()
        ]

    def in_use(self, one: Case) -> bool:
        link, start = self.case["links"][one["link"]], at(min(p[1] for p in one["periods"]))
        begins = at(link["from"]) if "from" in link else EVER
        return bool(begins <= start < (at(link["until"]) if "until" in link else NEVER))

    def _sites(self) -> list[SiteFacts]:
        days = self.case.get("t1_days", {})
        found = [SiteFacts(1, is_t0=True)]
        for name, number in self.sites.items():
            if number > 1:
                begin, end = days.get(name, ["2009-02-01", "2100-01-01"])
                found.append(SiteFacts(number, at(begin), at(end)))
        return found

    def _downs(self) -> dict[int, Downs]:
        found: dict[int, list[tuple[int, int, int]]] = {}
        for one in self.case["events"]:
            for state, start, end in one["periods"]:
                if state == "down":
                    rows = found.setdefault(self.links[one["link"]], [])
                    rows.append((at(start), at(end), one["id"]))
        return {
            link: Downs(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))
            for link, rows in found.items()
        }

    def events(self) -> Events:
        rows = self.case["events"]
        links = [self.case["links"][one["link"]] for one in rows]
        return Events(
            np.array([one["id"] for one in rows], np.int64),
            np.array([at(min(p[1] for p in one["periods"])) for one in rows], np.int64),
            np.array([at(max(p[2] for p in one["periods"])) for one in rows], np.int64),
            np.array([any(p[0] == "down" for p in one["periods"]) for one in rows]),
            np.array([link.get("network", "LHCOPN") == "LHCOPN" for link in links]),
            np.array([link["role"] == "backup" for link in links]),
            np.array(["T0" in link["ends"] for link in links]),
            np.array([any(end != "T0" for end in link["ends"]) for link in links]),
            np.array([one.get("maintenance", False) for one in rows]),
            np.array([self.in_use(one) for one in rows]),
        )

    def beginnings(self) -> Beginnings:
        rows = [
            (self.links[one["link"]], at(period[1]), one["id"])
            for one in self.case["events"]
            for period in one["periods"]
        ]
        return Beginnings(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))

    def judged(self, rule: Rule) -> Duties:
        running = spans_of(running_spans(self.periods))
        return judge(rule, self.events(), self.beginnings(), self.losses, running)


def _time(microseconds_: int) -> datetime:
    return datetime.fromtimestamp(int(microseconds_) / 1_000_000, UTC)


def as_written(laid: Laid, duties: Duties) -> list[dict[str, Any]]:
    names = {number: name for name, number in laid.sites.items()}
    found = []
    for event, clause, amount, unsure, lost in zip(
        duties.events,
        duties.clauses,
        duties.amounts,
        duties.is_unsure,
        duties.lost_sites,
        strict=True,
    ):
        row: dict[str, Any] = {"event": int(event), "clause": int(clause), "amount": int(amount)}
        if lost >= 0:
            row["lost"] = names[int(lost)]
        if unsure:
            row["unsure"] = True
        found.append(row)
    return found


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_each_case_asks_for_what_was_computed_by_hand(file: Path) -> None:
    case = json.loads(file.read_text("utf-8"))
    laid = Laid(case)
    assert {
        name: as_written(laid, laid.judged(laid.rules[name])) for name in case["expected"]
    } == case["expected"], case["why"]


def test_each_case_is_the_same_in_any_order() -> None:
    for file in CASES:
        case = json.loads(file.read_text("utf-8"))
        there = Laid(case)
        links = dict(reversed(case["links"].items()))
        laid = Laid({**case, "links": links})
        laid.sites = there.sites
        for rule in there.rules.values():
            assert as_written(laid, laid.judged(rule)) == as_written(there, there.judged(rule))


# ---------- spans

SPANS: Final = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=8)


def _set(spans: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    starts = np.array([start for start, _ in spans], np.int64)
    return joined(starts, starts + np.array([length for _, length in spans], np.int64))


def _holds(spans: tuple[Any, Any], tick: int) -> bool:
    return any(start <= tick < end for start, end in zip(*spans, strict=True))


@given(st.lists(SPANS, min_size=1, max_size=4), st.integers(1, 4))
def test_spans_cover_each_moment_as_often_as_counted(
    sets: list[list[tuple[int, int]]], times: int
) -> None:
    spans = [_set(one) for one in sets]
    found = covered(spans, times)
    for tick in range(45):
        expected = sum(any(s <= tick < s + n for s, n in one) for one in sets) >= times
        assert _holds(found, tick) is expected
        assert _holds(complement(*found), tick) is not expected
    starts, ends = found
    assert (starts[1:] > ends[:-1]).all()


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200), st.booleans()), max_size=6),
    st.integers(-5, 260),
)
def test_running_spans_say_the_same_as_the_calendar_of_each_moment(
    rows: list[tuple[int, int, bool]], day: int
) -> None:
    first = datetime(2012, 1, 1, tzinfo=UTC)
    day_of = [datetime.fromtimestamp(first.timestamp() + n * 86_400, UTC) for n in range(-5, 300)]
    periods = [
        Period(
            str(number),
            PeriodKind.STOP if halts else PeriodKind.PHYSICS,
            day_of[5 + begin],
            None if length == 200 else day_of[5 + begin + length],
        )
        for number, (begin, length, halts) in enumerate(rows)
    ]
    spans = running_spans(periods)
    moment_ = day_of[5 + day]
    runs = any(begin <= moment_ and (end is None or moment_ < end) for begin, end in spans)
    assert runs is (running_at(moment_, periods) is not None)


# ---------- flaps


def _storms(beginnings: Sequence[datetime], more_than: int) -> Sequence[datetime]:
    """The first moment of each series of starts with more than ``more_than`` in ten minutes."""
    found, last = [], -1
    for position in range(len(beginnings) - more_than):
        until = position + more_than
        if beginnings[until] - beginnings[position] <= timedelta(minutes=10):
            if position > last:  # spans that share a start are one storm
                found.append(beginnings[position])
            last = until
    return found


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 3))
def test_many_links_storm_as_one_does(minutes: list[int], more_than: int) -> None:
    starts = np.array(sorted(minutes), np.int64) * 60_000_000
    ids = np.arange(1, len(starts) + 1)
    facts = {
        name: np.ones(len(ids), np.bool_)
        for name in (
            "is_down",
            "is_lhcopn",
            "is_backup",
            "at_t0",
            "at_t1",
            "is_maintenance",
            "in_use",
        )
    }
    events = Events(ids, starts, starts, **facts)
    rule = Rule((Clause(ClauseKind.FLAPS, minutes=10, flaps=more_than, role=Role.BACKUP),))
    none = np.array([], np.int64)
    losses = Losses(none, none, none, np.array([], np.bool_), none)
    other = Beginnings(  # another link flaps all the time, and changes nothing
        np.concatenate((np.full(len(ids), 7), np.full(60, 8))),
        np.concatenate((starts, np.arange(60) * 60_000_000)),
        np.concatenate((ids, np.full(60, 9999))),
    )
    found = judge(rule, events, other, losses, (none, none))
    begins = _storms([_time(one) for one in starts], more_than)
    assert sorted(_time(starts[event - 1]) for event in found.events) == sorted(begins)


# ---------- sums


def test_a_duty_of_two_t1s_counts_for_both_and_once_in_the_whole() -> None:
    judged = Judged(
        links=np.array([9, 9, 9]),
        starts=np.array([at("2012-03-31T23:59:59Z"), at("2012-04-01"), at("2012-04-02")]),
        there_at=np.array([at("2012-04-01"), at("2012-04-03"), int(NEVER)]),
        due_at=np.array([at("2012-04-02"), at("2012-04-02"), at("2012-04-03")]),
        is_unsure=np.array([False, True, False]),
        lost_sites=np.array([-1, 2, -1]),
        t1_a=np.array([2, 2, 2]),
        t1_b=np.array([-1, 3, -1]),
    )
    assert summed(judged).to_dict("split")["data"] == [
        [9, 0, 8048, 1, 1, 0, 0, 0],
        [9, 0, 8049, 2, 1, 1, 1, 1],
        [9, 2, 8048, 1, 1, 0, 0, 0],
        [9, 2, 8049, 2, 1, 1, 1, 1],
        [9, 3, 8049, 1, 1, 1, 1, 1],
    ]


def test_quarters_are_those_of_utc() -> None:
    moments = ["1969-12-31T23:59:59Z", "1970-01-01", "2012-02-29", "2012-12-31T23:59:59Z"]
    assert quarters_of(np.array([at(one) for one in moments])).tolist() == [
        1969 * 4 + 3,
        1970 * 4,
        2012 * 4,
        2012 * 4 + 3,
    ]
