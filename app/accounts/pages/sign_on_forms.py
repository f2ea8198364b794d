"""The form of the map of sign-on: services say what is allowed."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.accounts.services.sign_on_map import TypedMapRow
from app.core.rules.access import Role
from app.core.rules.language import _
from app.core.web.rows_field import Column, RowsField


class MapForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which entitlement or group gives which role."""

    rows = RowsField(
        _("Rows"),
        (
            Column("pattern", _("Entitlement or group")),
            Column("role", _("Role"), (Role.READER, Role.REPORTER, Role.OPERATOR, Role.ADMIN)),
            Column("site", _("Site"), placeholder="DE-KIT", optional=True),
        ),
        row=_("row"),
        ordered=True,
        description=_(
            "The first matching row sets the role; * matches any text. A reporter gets the"
            " sites of all matching reporter rows."
        ),
    )
    base = HiddenField()

    def typed(self) -> list[TypedMapRow]:
        """The rows in which something was typed."""
        return [TypedMapRow(row["pattern"], row["role"], row["site"]) for row in self.rows.rows()]
