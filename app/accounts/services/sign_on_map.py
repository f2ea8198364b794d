"""The map of entitlements or groups to roles and sites: its versions, and who would get what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.sign_on import SignOnMap
from app.accounts.rules.sign_on import (
    MAX_PATTERN,
    MAX_ROWS,
    MapRow,
    rows_as_json,
    rows_of_json,
)
from app.accounts.services.people import lock_admins
from app.core.rules.access import Role, Writer, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_choice, checked_text
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit
from app.registry.services.registry import find_site, require_site

SETTING = "setting"
_MAP_ID = 2
"""What the change log calls the map; 1 is the demand of a second factor."""


class TypedMapRow(NamedTuple):
    """A row as it was typed; ``site`` takes any of a site's names."""

    pattern: str
    role: str
    site: str = ""


def rows_in_use(session: Session) -> tuple[MapRow, ...]:
    """The rows of the newest version, in order."""
    newest = map_in_use(session)
    return rows_of_json(newest.content) if newest is not None else ()


def map_in_use(session: Session) -> SignOnMap | None:
    """The newest version, or None before the first."""
    return session.scalars(select(SignOnMap).order_by(SignOnMap.version.desc()).limit(1)).first()


def versions_of_map(session: Session, limit: int) -> Sequence[SignOnMap]:
    """The newest versions, the newest first."""
    return session.scalars(select(SignOnMap).order_by(SignOnMap.version.desc()).limit(limit)).all()


def checked_rows(session: Session, rows: Sequence[TypedMapRow]) -> tuple[MapRow, ...]:
    """The rows, with the keys of their sites; raises ``Invalid`` that names the row."""
    if len(rows) > MAX_ROWS:
        raise Invalid("rows", _("At most %(number)s rows are allowed", number=MAX_ROWS))
    return tuple(_checked(session, number, row) for number, row in enumerate(rows, 1))


def save_map(session: Session, by: Writer, rows: Sequence[TypedMapRow], base: int) -> int:
    """Make a new version; its number, or that of the present one if nothing differs.

    ``base`` is the version that was edited: raises ``Invalid`` where another one is in use by now.
    """
    require_admin(by.actor, _("change which roles sign-on gives"))
    wanted = checked_rows(session, rows)
    lock_admins(session)  # two who save at once come one after the other
    newest = map_in_use(session)
    version = newest.version if newest is not None else 0
    if version != base:
        raise Invalid(
            "base",
            _(
                "Version %(version)s was saved in the meantime. Compare it with your rows"
                " below, and save again to replace it",
                version=version,
            ),
        )
    before = rows_of_json(newest.content) if newest is not None else ()
    if wanted == before:
        return version
    session.add(
        SignOnMap(
            version=version + 1,
            content=rows_as_json(wanted),
            author=by.actor.account,
            at=by.now,
        )
    )
    fields = [FieldChange("sign_on_map", "\n".join(map(str, before)), "\n".join(map(str, wanted)))]
    record_change(session, by, kind=SETTING, thing_id=_MAP_ID, fields=fields)
    log_on_commit(session, by, "sign-on map changed", SETTING, version + 1)
    return version + 1


def known_sites(session: Session, keys: Iterable[str]) -> list[str]:
    """Of these keys of sites those that are sites still."""
    return [key for key in keys if find_site(session, key) is not None]


def _checked(session: Session, number: int, row: TypedMapRow) -> MapRow:
    label = _("Row %(number)s", number=number)
    checked_text("rows", row.pattern, MAX_PATTERN, label=label)
    if not row.pattern.isprintable():
        raise Invalid("rows", _("%(label)s: enter one line of text", label=label))
    if not row.pattern:
        raise Invalid("rows", _("%(label)s needs a value or pattern", label=label))
    checked_choice("rows", row.role, Role, label)
    if row.role != Role.REPORTER:
        if row.site:
            raise Invalid("rows", _("%(label)s: only a reporter has a site", label=label))
        return MapRow(row.pattern, row.role)
    if not row.site:
        raise Invalid("rows", _("%(label)s: a reporter needs a site", label=label))
    checked_text("rows", row.site, MAX_PATTERN, label=label)
    try:
        site = require_site(session, row.site, "rows")
    except Invalid as error:
        raise Invalid("rows", _("%(label)s: %(why)s", label=label, why=error.message)) from None
    return MapRow(row.pattern, row.role, site.key)
