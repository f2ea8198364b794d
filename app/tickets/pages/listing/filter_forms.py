"""The forms of saved filters; what is allowed is said by the service."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, StringField

from app.core.rules.access import may_read_internal
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.web.forms import Radio, one_line, required, sent
from app.core.web.person import acting
from app.tickets.pages.listing.list import ListQuery
from app.tickets.services.lists.saved_filters import QUERY_LIMIT

PRIVATE, SHARED = "private", "shared"
_USE: Any = {PRIVATE: _("only you"), SHARED: _("everybody")}


class FilterForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What a saved filter is called, and who may use it."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_("Short name, such as “Open tickets at DE-KIT”."),
        render_kw={"autocomplete": "off", "maxlength": 80},
    )
    use = Radio(
        _("Visible to"),
        choices=_USE,
        validators=[sent],
        default=PRIVATE,
    )


class SaveFilterForm(FilterForm):
    """The filter of a list, to keep under a name."""

    query = HiddenField("Filter")


class ReplaceFilterForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What a saved filter shows from now on."""

    query = HiddenField("Filter")


def read_query(text: str) -> ListQuery:
    """What a form sends as the query of a list's address; ``Invalid`` where it cannot be read, or
    asks for what only operators may know."""
    try:
        pairs = parse_qsl(text, strict_parsing=bool(text), errors="strict", max_num_fields=500)
    except ValueError:
        pairs = []
        if text:
            raise Invalid("query", _("Filter cannot be read; go back to the list")) from None
    query = ListQuery(MultiDict(pairs), sees_internal=may_read_internal(acting()))
    if len(text) > QUERY_LIMIT or query.problems:
        raise Invalid(
            "query",
            joined("; ", query.problems)
            or _(
                "Filter is longer than %(query_limit)s characters; use fewer values",
                query_limit=QUERY_LIMIT,
            ),
        )
    return query
