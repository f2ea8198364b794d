"""How tickets are linked to each other, and the rules for it.

A relation is stored once and seen from both tickets: each has a role towards the other. Parents and
children are those of GGUS (``GHD_Parent_Child_Relation``); a duplicate lends its links, sites and
interval to its master.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.core.rules.errors import Invalid
from app.core.rules.language import _


class RelationRole(StrEnum):
    """What the other ticket is to this one; also the name of the field in the change log."""

    PARENT = "parent"
    CHILD = "child"
    DUPLICATE_OF = "duplicate_of"
    """This one is a duplicate of the other, which is its master."""
    DUPLICATE = "duplicate"
    """The other is a duplicate of this one."""
    RELATED = "related"


class BondKind(StrEnum):
    """The kinds of relation, named after the role of the first ticket."""

    CHILD = "child"
    DUPLICATE = "duplicate"
    RELATED = "related"


_KINDS = {
    RelationRole.PARENT: BondKind.CHILD,
    RelationRole.CHILD: BondKind.CHILD,
    RelationRole.DUPLICATE_OF: BondKind.DUPLICATE,
    RelationRole.DUPLICATE: BondKind.DUPLICATE,
    RelationRole.RELATED: BondKind.RELATED,
}
_OPPOSITES = {
    RelationRole.PARENT: RelationRole.CHILD,
    RelationRole.CHILD: RelationRole.PARENT,
    RelationRole.DUPLICATE_OF: RelationRole.DUPLICATE,
    RelationRole.DUPLICATE: RelationRole.DUPLICATE_OF,
    RelationRole.RELATED: RelationRole.RELATED,
}

RELATION_FIELDS = frozenset(RelationRole)
"""Fields of the change log whose value is another ticket's number: shown only to who may read
that ticket."""


def opposite(role: RelationRole) -> RelationRole:
    """The same bond as the other ticket sees it."""
    return _OPPOSITES[role]


@dataclass(frozen=True)
class Bond:
    """One bond of two tickets. ``ticket`` is the child, the duplicate, or the lower number of two
    related ones; ``other`` the parent, the master, or the higher number."""

    kind: BondKind
    ticket: int
    other: int

    def role_for(self, number: int) -> RelationRole:
        """What the other end of this bond is to the ticket ``number``, which is one end."""
        if self.kind is BondKind.RELATED:
            return RelationRole.RELATED
        if self.kind is BondKind.CHILD:
            return RelationRole.PARENT if number == self.ticket else RelationRole.CHILD
        return RelationRole.DUPLICATE_OF if number == self.ticket else RelationRole.DUPLICATE


def bond_of(number: int, role: RelationRole, other: int) -> Bond:
    """The bond by which ``other`` is ``role`` to ``number``; ``Invalid`` for one and the same."""
    if number == other:
        raise Invalid("other", _("A ticket cannot be related to itself; name another ticket"))
    kind = _KINDS[role]
    if kind is BondKind.RELATED:
        return Bond(kind, min(number, other), max(number, other))
    if role in (RelationRole.PARENT, RelationRole.DUPLICATE_OF):
        return Bond(kind, number, other)
    return Bond(kind, other, number)


def check_bond(wanted: Bond, standing: Collection[Bond], above: Collection[int]) -> None:
    """Raise ``Invalid`` (field ``other``) if this bond may not be added.

    ``standing`` holds at least the bonds of both tickets, ``above`` the parent of the parent to
    be, its parent and so on. One parent and one master at most; no circles of parents; a master
    is no duplicate, so that duplicates have no circles either.
    """
    same_kind = [bond for bond in standing if bond.kind is wanted.kind]
    if wanted.kind is BondKind.CHILD:
        if any(bond.ticket == wanted.ticket for bond in same_kind):
            raise Invalid("other", _("The child already has a parent; remove that link first"))
        if wanted.ticket in above:
            raise Invalid(
                "other", _("The parent is a descendant of the child; that would be a circle")
            )
    elif wanted.kind is BondKind.DUPLICATE:
        if any(bond.ticket == wanted.ticket for bond in same_kind):
            raise Invalid(
                "other", _("The duplicate already has an original; remove that link first")
            )
        if any(bond.ticket == wanted.other for bond in same_kind):
            raise Invalid(
                "other",
                _("The original is a duplicate itself; choose the ticket that it duplicates"),
            )
        if any(bond.other == wanted.ticket for bond in same_kind):
            raise Invalid(
                "other",
                _("The duplicate has duplicates itself; first relate those to the original"),
            )
