"""Saved filters of the list of tickets: private ones of a person, and shared ones.

They are a person's own arrangement, as the theme is, and no thing of the change log. A filter is
stored as the query of the list's address, which the portal's door has read and written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor, Role, Writer, require_operator
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.registry.models.registry import Link, LinkName
from app.registry.services.registry import find_site
from app.tickets.models.desk import SavedFilter

NAME_LIMIT = 80
QUERY_LIMIT = 4000
MAX_FILTERS = 100
"""Saved filters that one person may have."""
_NOT_ONE = _("Saved filter not found")


def visible_to(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """The conditions of the filters that this person may use."""
    mine_or_shared = or_(SavedFilter.owner_id == actor.account_id, SavedFilter.shared)
    return SavedFilter.deleted_at.is_(None), mine_or_shared


def visible_filters(session: Session, actor: Actor) -> Sequence[SavedFilter]:
    """One's own and those that are shared, one's own first, each by name."""
    rows = session.scalars(
        select(SavedFilter)
        .where(
            *visible_to(actor),
        )
        .order_by(func.lower(SavedFilter.name), SavedFilter.id)
    )
    return sorted(rows, key=lambda row: row.owner_id != actor.account_id)


def find_filter(session: Session, actor: Actor, key: int, *, deleted: bool = False) -> SavedFilter:
    """A filter that this person may use; another's private one is ``NotFound`` as an unknown one.

    ``deleted`` asks for a deleted one, which only those find who may put it back.
    """
    row = session.get(SavedFilter, key)
    if row is None or (row.deleted_at is not None) is not deleted:
        raise NotFound(_NOT_ONE)
    mine_or_shared = row.owner_id == actor.account_id or row.shared
    if not (may_change(actor, row) if deleted else mine_or_shared):
        raise NotFound(_NOT_ONE)
    return row


def may_change(actor: Actor, row: SavedFilter) -> bool:
    """Its owner may; admins may change what is shared, as its owner may be gone."""
    return row.owner_id == actor.account_id or (row.shared and actor.role is Role.ADMIN)


def save_filter(
    session: Session, by: Writer, name: str, query: str, *, shared: bool
) -> SavedFilter:
    """Keep a filter under a name; raises ``Invalid``, or ``Forbidden`` to share without a right."""
    owner = _locked_owner(session, by.actor.account_id)
    _check_shared(by.actor, shared=shared)
    mine = select(func.count()).where(
        SavedFilter.owner_id == owner, SavedFilter.deleted_at.is_(None)
    )
    if (session.scalar(mine) or 0) >= MAX_FILTERS:
        raise Invalid(
            "name",
            _(
                "At most %(max_filters)s saved filters are allowed; delete one first",
                max_filters=MAX_FILTERS,
            ),
        )
    row = SavedFilter(
        owner_id=owner,
        name=_free_name(session, owner, name),
        shared=shared,
        query=_checked_query(query),
        changed_at=by.now,
    )
    session.add(row)
    session.flush()
    return row


def change_filter(
    session: Session, by: Writer, key: int, name: str, *, shared: bool
) -> SavedFilter:
    """Give a filter another name, or share it or not."""
    row = _of_ones_own(session, by.actor, key)
    if shared is not row.shared:
        _check_shared(by.actor, shared=shared)
    owner = _locked_owner(session, row.owner_id)
    row.name = _free_name(session, owner, name, besides=row.id)
    row.shared, row.changed_at = shared, by.now
    session.flush()
    return row


def replace_filter(session: Session, by: Writer, key: int, query: str) -> SavedFilter:
    """Let a filter show something else under its name."""
    row = _of_ones_own(session, by.actor, key)
    row.query, row.changed_at = _checked_query(query), by.now
    session.flush()
    return row


def delete_filter(session: Session, by: Writer, key: int) -> SavedFilter:
    """Delete a filter; ``restore_filter`` puts it back."""
    row = _of_ones_own(session, by.actor, key)
    row.deleted_at = by.now
    session.flush()
    return row


def restore_filter(session: Session, by: Writer, key: int) -> SavedFilter:
    """Put back what was deleted; ``Invalid`` if its name was given to another one since."""
    row = find_filter(session, by.actor, key, deleted=True)
    owner = _locked_owner(session, row.owner_id)
    row.name = _free_name(session, owner, row.name, besides=row.id)
    row.deleted_at = None
    session.flush()
    return row


def _of_ones_own(session: Session, actor: Actor, key: int) -> SavedFilter:
    row = find_filter(session, actor, key)
    if not may_change(actor, row):
        raise Forbidden(
            _("Only its owner and admins may change a shared filter; save one of your own")
        )
    return row


def _check_shared(actor: Actor, *, shared: bool) -> None:
    if shared:
        require_operator(actor, _("share a filter"))


def _locked_owner(session: Session, key: int | None) -> int:
    """The person's key; until the transaction ends nobody else gives a name to its filters."""
    found = session.scalar(select(User.id).where(User.id == key).with_for_update(key_share=True))
    if found is None:
        raise Forbidden(_("Only a person may save filters"))
    return found


def _free_name(session: Session, owner: int, name: str, *, besides: int | None = None) -> str:
    name = " ".join(checked_text("name", name, 4 * NAME_LIMIT, label=_("Name")).split())
    if not name:
        raise Invalid("name", _("Name is required"))
    checked_text("name", name, NAME_LIMIT, label=_("Name"))
    other = SavedFilter.id != besides if besides is not None else ~false()
    taken = session.scalar(
        select(SavedFilter.id).where(
            SavedFilter.owner_id == owner,
            SavedFilter.deleted_at.is_(None),
            SavedFilter.name == name,
            other,
        )
    )
    if taken is not None:
        raise Invalid(
            "name",
            _("Another saved filter has this name; choose another name, or update that filter"),
        )
    return name


def _checked_query(query: str) -> str:
    if len(query) > QUERY_LIMIT:
        raise Invalid(
            "query",
            _(
                "The URL of the filter has %(count)s characters;"
                " at most %(query_limit)s can be saved",
                count=len(query),
                query_limit=QUERY_LIMIT,
            ),
        )
    return query


@dataclass(frozen=True)
class ResolvedFilter:
    """What the registry says today of a filter's names: the values to use, and words."""

    values: Mapping[str, Sequence[str]]
    notes: Sequence[str]


def read_by_registry(
    session: Session, values: Mapping[str, Sequence[str]], today: date
) -> ResolvedFilter:
    """What happened to the sites and links that a filter names.

    A link that has another id now is looked for under that one; what is no longer known is left
    out, but for affected sites: tickets may name them as text. ``values`` maps the list's
    parameters (site, affected, responsible, link) to names.
    """
    notes: list[str] = []
    read: dict[str, list[str]] = {}
    for field in ("site", "affected", "responsible"):
        for name in values.get(field, ()):
            site = find_site(session, name)
            if site is not None:
                read.setdefault(field, []).append(name)
                if site.valid_until is not None and site.valid_until <= today:
                    notes.append(_retired("site", name, site.valid_until))
                elif name != site.key and all(name != other.name for other in site.names):
                    notes.append(_("Site %(name)s is now called %(key)s", name=name, key=site.key))
            elif field != "responsible":
                read.setdefault(field, []).append(name)
                notes.append(
                    _(
                        "Unknown site %(name)s: only tickets with exactly this name are shown",
                        name=name,
                    )
                )
            else:
                read.setdefault(field, [])
                notes.append(_("Site %(name)s no longer exists; the filter ignores it", name=name))
    for name in values.get("link", ()):
        kept = read.setdefault("link", [])
        link = session.scalars(select(Link).where(Link.name == name)).first()
        if link is None:
            link = session.scalars(
                select(Link).join(LinkName).where(LinkName.name == name.upper())
            ).first()
            if link is None:
                notes.append(_("Link %(name)s no longer exists; the filter ignores it", name=name))
                continue
            notes.append(_("Link %(name)s is now called %(name2)s", name=name, name2=link.name))
        if link.valid_until is not None and link.valid_until <= today:
            notes.append(_retired("link", link.name, link.valid_until))
        kept.append(link.name)
    return ResolvedFilter(read, list(dict.fromkeys(notes)))


def _retired(kind: str, name: str, day: date) -> str:
    return _(
        "The %(kind)s %(name)s was retired on %(day)s; its tickets are still shown",
        kind=kind,
        name=name,
        day=day,
    )
