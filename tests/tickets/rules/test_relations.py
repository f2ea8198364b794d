"""The rules of bonds between tickets, whatever the order in which they are made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid
from app.tickets.rules.relations import Bond, BondKind, RelationRole, bond_of, check_bond, opposite

ROLES = list(RelationRole)
_wishes = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(ROLES), st.integers(1, 6)), max_size=40
)


def above(number: int, bonds: set[Bond]) -> list[int]:
    """The parents above a ticket, found one by one; fails where they go round in a circle."""
    found: list[int] = []
    parents = {bond.ticket: bond.other for bond in bonds if bond.kind is BondKind.CHILD}
    while number in parents:
        number = parents[number]
        assert number not in found, "a circle of parents"
        found.append(number)
    return found


@given(_wishes)
def test_no_order_of_wishes_breaks_a_rule(wishes: list[tuple[int, RelationRole, int]]) -> None:
    bonds: set[Bond] = set()
    for number, role, other in wishes:
        try:
            wanted = bond_of(number, role, other)
            check_bond(wanted, bonds, above(wanted.other, bonds))
        except Invalid:
            continue
        bonds.add(wanted)
    for number in range(1, 7):
        assert number not in above(number, bonds)
    assert not [bond for bond in bonds if bond.ticket == bond.other]
    for kind in (BondKind.CHILD, BondKind.DUPLICATE):
        firsts = [bond.ticket for bond in bonds if bond.kind is kind]
        assert len(firsts) == len(set(firsts)), f"two {kind} bonds of one ticket"
    masters = {bond.other for bond in bonds if bond.kind is BondKind.DUPLICATE}
    assert not masters & {bond.ticket for bond in bonds if bond.kind is BondKind.DUPLICATE}


@given(st.integers(1, 9), st.sampled_from(ROLES), st.integers(1, 9))
def test_both_ends_see_one_bond(number: int, role: RelationRole, other: int) -> None:
    if number == other:
        with pytest.raises(Invalid):
            bond_of(number, role, other)
        return
    bond = bond_of(number, role, other)
    assert bond == bond_of(other, opposite(role), number)
    assert bond.role_for(number) is role
    assert bond.role_for(other) is opposite(role)


PARENT, OF = RelationRole.PARENT, RelationRole.DUPLICATE_OF


@pytest.mark.parametrize(
    ("standing", "wanted", "words"),
    [
        ([(1, PARENT, 2)], (1, PARENT, 3), "already has a parent"),
        ([(1, PARENT, 2)], (2, PARENT, 1), "circle"),
        ([(1, PARENT, 2), (2, PARENT, 3)], (3, PARENT, 1), "circle"),
        ([(1, OF, 2)], (1, OF, 3), "already has an original"),
        ([(1, OF, 2)], (3, OF, 1), "duplicate itself"),
        ([(1, OF, 2)], (2, OF, 3), "has duplicates itself"),
        ([(1, OF, 2)], (2, OF, 1), "duplicate itself"),
    ],
)
def test_what_is_refused_says_why(
    standing: list[tuple[int, RelationRole, int]],
    wanted: tuple[int, RelationRole, int],
    words: str,
) -> None:
    bonds = {bond_of(*each) for each in standing}
    bond = bond_of(*wanted)
    with pytest.raises(Invalid, match=words):
        check_bond(bond, bonds, above(bond.other, bonds))


def test_a_parent_may_have_several_children_and_a_master_several_duplicates() -> None:
    bonds = {bond_of(1, PARENT, 9), bond_of(1, OF, 8)}
    check_bond(bond_of(2, PARENT, 9), bonds, ())
    check_bond(bond_of(2, OF, 8), bonds, ())
    check_bond(bond_of(1, RelationRole.RELATED, 9), bonds, ())
