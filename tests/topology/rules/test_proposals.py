"""Which impact and priority an event on a link asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.topology.rules.link_states import LinkState, LinkStatus
from app.topology.rules.proposals import most_urgent, proposed_urgency

NOON = datetime(2013, 3, 6, 12, tzinfo=UTC)
DOWN, DEGRADED, OK = LinkState.DOWN, LinkState.DEGRADED, LinkState.OK


@pytest.mark.parametrize(
    ("role", "state", "backups", "expected"),
    [
        ("primary", DOWN, [], ("outage", "top priority", "it has no recorded backup")),
        ("primary", DOWN, [DOWN], ("outage", "top priority", "none of its backups works")),
        (
            "primary",
            DOWN,
            [LinkState.MAINTENANCE, LinkState.MAINTENANCE_DOWN],
            ("outage", "top priority", "none of its backups works"),
        ),
        ("primary", DOWN, [OK], ("reduced redundancy", "urgent", "its backup B0 works")),
        ("primary", DOWN, [DOWN, DEGRADED], ("reduced redundancy", "urgent", "B1 works")),
        (
            "primary",
            LinkState.MAINTENANCE_DOWN,
            [LinkState.UNMONITORED],
            ("outage", "top priority", "its backup B0 is not monitored"),
        ),
        (
            "primary",
            DOWN,
            [LinkState.UNMONITORED, OK],
            ("reduced redundancy", "urgent", "B1 works"),
        ),
        ("primary", DEGRADED, [OK], ("degraded", "urgent", "L is degraded")),
        ("backup", DEGRADED, [], ("degraded", "urgent", "L is degraded")),
        ("backup", DOWN, [], ("reduced redundancy", "less urgent", "the backup L is down")),
        ("primary", OK, [], None),
        ("primary", LinkState.MAINTENANCE, [], None),
        ("primary", LinkState.UNMONITORED, [DOWN], None),
    ],
)
def test_each_case(
    role: str, state: LinkState, backups: list[LinkState], expected: tuple[str, str, str] | None
) -> None:
    named = [
        (f"B{number}", LinkStatus(one, "", is_watched=one is not LinkState.UNMONITORED))
        for number, one in enumerate(backups)
    ]
    found = proposed_urgency("L", role, state, named, NOON)
    if found is None or expected is None:
        assert (found, expected) == (None, None)
        return
    assert (str(found.impact), str(found.priority)) == expected[:2]
    assert found.why.endswith(expected[2])


@pytest.mark.parametrize(
    ("minutes", "is_watched", "impact", "why"),
    [
        (61, True, "reduced redundancy", "L is down and its backup B works"),
        (60, True, "outage", "L is down and work on its backup B starts within the hour"),
        (61, False, "outage", "L is down and its backup B is not monitored"),
    ],
)
def test_nobody_relies_on_planned_work_or_silence(
    minutes: int, is_watched: bool, impact: str, why: str
) -> None:
    begins = NOON + timedelta(minutes=minutes)
    backup = LinkStatus(LinkState.PLANNED, "", begins, is_watched=is_watched)
    found = proposed_urgency("L", "primary", DOWN, [("B", backup)], NOON)
    assert found is not None
    assert (str(found.impact), found.why) == (impact, why)


def test_of_several_links_the_most_urgent_one_counts() -> None:
    found = [
        proposed_urgency("A", "backup", DOWN, [], NOON),
        proposed_urgency("B", "primary", DOWN, [], NOON),
        proposed_urgency("C", "primary", DEGRADED, [], NOON),
    ]
    worst = most_urgent([one for one in found if one is not None])
    assert worst is not None
    assert worst.why.startswith("B is down")
    assert most_urgent([]) is None
