"""The signed versions of a report: each as it was signed, and the difference of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, make_response, render_template, request

from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.person import acting
from app.reports.models.reports import ReportForm, ReportVersion
from app.reports.pages.discussion import files_of_version
from app.reports.pages.form_context import PLACE, ReportContext, blueprint, report_context
from app.reports.pages.form_fields import Fields, fields_of, with_notice, with_values
from app.reports.rules.differences import (
    EventDifference,
    answers_that_differ,
    events_that_differ,
    labels_of,
)
from app.reports.rules.form import Form
from app.reports.rules.numbers import ChangedFigure, ReportNumbers, changed_since
from app.reports.services.event_explanations import other_words
from app.reports.services.forms import content_of
from app.reports.services.reports import fields_of_version, numbers_of_version, require_see


@dataclass(frozen=True)
class SignedView:
    """A version as a page shows it: frozen, with what has changed since."""

    version: ReportVersion
    numbers: ReportNumbers
    fields: Fields
    changed: Mapping[str, ChangedFigure]
    """By the figure's key."""
    events: Sequence[EventDifference]
    """That came to those without a ticket since, or went from them."""


def signed_view(place: ReportContext, version: ReportVersion, now: ReportNumbers) -> SignedView:
    """``now``: what the portal counts today."""
    frozen = numbers_of_version(version)
    values = fields_of_version(version)
    others = other_words(db.session(), values, frozen)
    fields = fields_of(_form_of(version), frozen, place.rows_behind(frozen), others=others)
    return SignedView(
        version,
        frozen,
        with_values(fields, values).changed(lambda one: with_notice(one, place.quarter)),
        {one.key: one for one in changed_since(frozen, now)},
        events_that_differ(frozen, now),
    )


@blueprint.get(f"{PLACE}/versions/<int(max=999999999):number>")
def version(site: str, quarter: str, number: int) -> Response:
    """One version, as it was signed."""
    place = _known(site, quarter)
    found = _numbered(place, number)
    page = render_template(
        "reports/form/report_version.html",
        place=place,
        report=place.stored,
        versions=place.stored.versions,
        signed=signed_view(place, found, place.numbers()),
        **files_of_version(place, number),
    )
    return make_response(page)


@blueprint.get(f"{PLACE}/difference")
def difference(site: str, quarter: str) -> Response:
    """What differs between two versions; without ``from`` and ``to`` between the newest two."""
    place = _known(site, quarter)
    versions = place.stored.versions
    newest = versions[-1].number if versions else 0
    old, new = (
        _numbered(place, _asked(name, usual))
        for name, usual in (("from", newest - 1), ("to", newest))
    )
    numbers = numbers_of_version(old), numbers_of_version(new)
    labels = labels_of([_form_of(new), _form_of(old)], numbers)
    page = render_template(
        "reports/form/report_difference.html",
        place=place,
        versions=versions,
        old=old,
        new=new,
        figures=changed_since(*numbers),
        events=events_that_differ(*numbers),
        answers=answers_that_differ(fields_of_version(old), fields_of_version(new), labels),
    )
    return make_response(page)


def _known(site: str, quarter: str) -> ReportContext:
    place = report_context(site, quarter)
    require_see(acting(), place.site.id, place.report)
    return place


def _numbered(place: ReportContext, number: int) -> ReportVersion:
    found = next((one for one in place.stored.versions if one.number == number), None)
    if found is None:
        raise NotFound(_("Version not found"))
    return found


def _asked(name: str, usual: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return usual
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _form_of(version: ReportVersion) -> Form:
    return content_of(db.session().get_one(ReportForm, version.form_number))
