"""Saved filters where the list shows them: which is on, and the current state of what it names."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.tickets.models.desk import SavedFilter
from app.tickets.pages.listing.filter_forms import SaveFilterForm
from app.tickets.pages.listing.filters import address_of
from app.tickets.pages.listing.list import NO_FILTER, ListQuery
from app.tickets.services.lists.saved_filters import may_change, read_by_registry, visible_filters


@dataclass(frozen=True)
class MenuEntry:
    """One saved filter in the menu."""

    id: int
    name: str
    url: str
    shared: bool
    owner: str


@dataclass
class SavedMenu:
    """``changed``: the list shows something else than the filter that is on."""

    mine: list[MenuEntry]
    others: list[MenuEntry]
    may_share: bool
    current: MenuEntry | None = None
    changed: bool = False
    may_change: bool = False
    notes: list[str] = field(default_factory=list)
    form: SaveFilterForm | None = None


def saved_menu(query: ListQuery) -> SavedMenu:
    """The menu for this list. Takes out of ``query`` what the registry does not know any more, if
    a saved filter is on."""
    actor = acting()
    rows = visible_filters(db.session(), actor)
    menu = SavedMenu(
        mine=[_entry(row) for row in rows if row.owner_id == actor.account_id],
        others=[_entry(row) for row in rows if row.owner_id != actor.account_id],
        may_share=actor.is_operator,
    )
    if query.saved:
        found = next((row for row in rows if row.id == query.saved), None)
        if found is None:
            query.saved = 0
            query.problems.append(NO_FILTER)
        else:
            read = read_by_registry(db.session(), query.values, now().date())
            menu.notes = list(read.notes)
            menu.changed = query.own_query() != found.query
            query.values |= {name: list(values) for name, values in read.values.items()}
            menu.current, menu.may_change = _entry(found), may_change(actor, found)
            menu.changed = menu.changed or query.own_query() != found.query
    menu.form = SaveFilterForm(formdata=None, query=query.own_query())
    menu.form.name.id = "filter-name"
    menu.form.name.label.field_id = "filter-name"
    return menu


def _entry(row: SavedFilter) -> MenuEntry:
    return MenuEntry(row.id, row.name, address_of(row), row.shared, row.owner.name)
