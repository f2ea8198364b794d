"""The manual: a page for each role, from ``docs/manual/``, shown like the partner's guide."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from app.core.rules.access import Role
from app.core.rules.language import _
from app.core.web.person import acting
from app.home.pages.guide import MANUAL, view_of

blueprint = Blueprint("manual", __name__)
_OF_ROLE: Final = {
    Role.READER: "reader",
    Role.OPERATOR: "operator",
    Role.REPORTER: "site",
    Role.ADMIN: "administrator",
}

for _file in MANUAL:
    blueprint.add_url_rule(_file.path, _file.endpoint, view_of(_file, MANUAL, _("Manual")))


@blueprint.get("/manual")
def own() -> AnyResponse:
    """To the page for one's own role."""
    return redirect("/manual/" + _OF_ROLE[acting().role or Role.READER])
