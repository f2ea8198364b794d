"""Which impact and priority an event on a link asks for."""

from __future__ import annotations

import pytest

from app.topology.rules.link_states import LinkState
from app.topology.rules.proposals import most_urgent, proposed_urgency

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
            ("reduced redundancy", "urgent", "B0 works"),
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
    named = [(f"B{number}", one) for number, one in enumerate(backups)]
    found = proposed_urgency("L", role, state, named)
    if found is None or expected is None:
        assert (found, expected) == (None, None)
        return
    assert (str(found.impact), str(found.priority)) == expected[:2]
    assert found.why.endswith(expected[2])


def test_of_several_links_the_most_urgent_one_counts() -> None:
    found = [
        proposed_urgency("A", "backup", DOWN, []),
        proposed_urgency("B", "primary", DOWN, []),
        proposed_urgency("C", "primary", DEGRADED, []),
    ]
    worst = most_urgent([one for one in found if one is not None])
    assert worst is not None
    assert worst.why.startswith("B is down")
    assert most_urgent([]) is None
