"""The quarter's page, and reports to print, to paste into a TWiki page and as files."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound as NoPage
from werkzeug.wrappers import Response as AnyResponse

from app.core.figures.tables import as_csv, as_workbook_of
from app.core.rules.errors import Invalid, NoSuchPeriod, NotFound
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.figure_files import as_slides
from app.core.web.person import acting
from app.core.web.times import now
from app.matching.web.freshness import FILE, PAGE, fresh_figures
from app.registry.models.registry import Site
from app.registry.services.registry import find_site
from app.reports.pages.files import (
    sheets_of_quarter,
    slides_of_quarter,
    table_of_quarter,
    table_of_report,
)
from app.reports.pages.reports import SIGNS, due_days
from app.reports.pages.rows import figure_url
from app.reports.rules.documents import QUARTER_COLUMNS, QuarterDocument, ReportDocument
from app.reports.rules.twiki import twiki_of_quarter, twiki_of_report
from app.reports.services.documents import document_of_quarter, document_of_report
from app.reports.services.first_quarter import FIRST_QUARTER
from app.reports.services.grid import require_quarter_of_reports

blueprint = Blueprint("report_documents", __name__, url_prefix="/reports")
_TYPES: Final = {
    "csv": "text/csv",
    "pdf": "application/pdf",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "twiki": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OF_QUARTER: Final = "/quarters/<string(length=7):quarter>"
_OF_REPORT: Final = "/<site>/<string(length=7):quarter>"


# ---- the quarter ----


@blueprint.get("/quarters")
def newest() -> AnyResponse:
    """The quarter that ended last."""
    quarter = Quarter.of(now()).previous
    return redirect(url_for("report_documents.quarter_page", quarter=str(quarter)))


@blueprint.get(_OF_QUARTER)
def quarter_page(quarter: str) -> str:
    """The state of each site, its numbers with their rows, and who is missing."""
    stand = fresh_figures()
    document = _quarter(quarter)
    return render_template(
        "reports/quarter.html",
        document=document,
        columns=QUARTER_COLUMNS,
        signs=SIGNS,
        stand=stand,
        previous=document.quarter.previous if document.quarter > FIRST_QUARTER else None,
        next=document.quarter.next if document.quarter.end <= now() else None,
    )


@blueprint.get(f"{_OF_QUARTER}/print")
def quarter_print(quarter: str) -> str:
    """The same made for print, with every signed report behind it."""
    stand = fresh_figures()
    return render_template(
        "reports/quarter_print.html",
        document=_quarter(quarter),
        columns=QUARTER_COLUMNS,
        signs=SIGNS,
        stand=stand,
    )


@blueprint.get(f"{_OF_QUARTER}/twiki")
def quarter_twiki(quarter: str) -> str:
    """The markup of the quarter, to be copied."""
    fresh_figures()
    document = _quarter(quarter)
    return render_template(
        "reports/twiki.html",
        document=document,
        markup=_markup_of_quarter(document),
        back=url_for("report_documents.quarter_page", quarter=quarter),
        file=url_for("report_documents.quarter_file", quarter=quarter, kind="twiki"),
    )


@blueprint.get(f"{_OF_QUARTER}.<any(csv, xlsx, pptx, pdf, twiki):kind>")
def quarter_file(quarter: str, kind: str) -> Response:
    """The quarter as a file."""
    fresh_figures(FILE)
    document = _quarter(quarter)
    name = f"lhcopn-reports-{quarter}"
    if kind == "twiki":
        return _file(_markup_of_quarter(document), kind, name)
    if kind == "pdf":
        from app.reports.documents.pdf import quarter_as_pdf

        address = url_for("report_documents.quarter_page", quarter=quarter)
        return _file(quarter_as_pdf(document, _public(address)), kind, name)
    if kind == "csv":
        return _file(as_csv(table_of_quarter(document)), kind, name)
    if kind == "pptx":
        return _file(as_slides(slides_of_quarter(document)), kind, name)
    return _file(as_workbook_of(sheets_of_quarter(document), document.notes_of_file), kind, name)


def _quarter(text: str) -> QuarterDocument:
    return document_of_quarter(
        db.session(), acting(), _read_quarter(text), now(), due_days=due_days()
    )


def _markup_of_quarter(document: QuarterDocument) -> str:
    quarter = str(document.quarter)
    return twiki_of_quarter(
        document,
        _public(url_for("report_documents.quarter_page", quarter=quarter)),
        [_public(report_url(one.site, quarter)) for one in document.reports],
    )


# ---- one report ----


@blueprint.get(f"{_OF_REPORT}/print")
def report_print(site: str, quarter: str) -> AnyResponse | str:
    """A report made for print."""
    found = _site(site)
    if found.key != site:
        return _to_key(found, quarter)
    stand = fresh_figures()
    return render_template(
        "reports/report_print.html",
        document=_report(found, quarter),
        signs=SIGNS,
        stand=stand,
    )


@blueprint.get(f"{_OF_REPORT}/twiki")
def report_twiki(site: str, quarter: str) -> AnyResponse | str:
    """The markup of a report, to be copied."""
    found = _site(site)
    if found.key != site:
        return _to_key(found, quarter)
    fresh_figures(PAGE)
    document = _report(found, quarter)
    where: dict[str, Any] = {
        "site": site,
        "quarter": quarter,
        "version": request.args.get("version"),
    }
    return render_template(
        "reports/twiki.html",
        document=document,
        markup=_markup_of_report(document),
        back=report_url(site, quarter),
        file=url_for("report_documents.report_file", kind="twiki", **where),
    )


@blueprint.get(f"{_OF_REPORT}.<any(csv, xlsx, pdf, twiki):kind>")
def report_file(site: str, quarter: str, kind: str) -> AnyResponse:
    """A report as a file."""
    found = _site(site)
    if found.key != site:
        return _to_key(found, quarter, kind=kind)
    fresh_figures(FILE)
    document = _report(found, quarter)
    what = "unsigned" if document.version is None else f"v{document.version}"
    name = f"lhcopn-report-{found.key}-{quarter}-{what}"
    if kind == "twiki":
        return _file(_markup_of_report(document), kind, name)
    if kind == "pdf":
        from app.reports.documents.pdf import report_as_pdf

        address = report_url(document.site, str(document.quarter))
        return _file(report_as_pdf(document, _public(address)), kind, name)
    table = table_of_report(document)
    if kind == "csv":
        return _file(as_csv(table), kind, name)
    return _file(as_workbook_of([table], document.notes_of_file), kind, name)


def _report(site: Site, quarter: str) -> ReportDocument:
    return document_of_report(
        db.session(),
        acting(),
        site,
        _read_quarter(quarter),
        now(),
        version=_version(),
        due_days=due_days(),
    )


def _markup_of_report(document: ReportDocument) -> str:
    address = report_url(document.site, str(document.quarter))
    return twiki_of_report(document, _public(address))


def _version() -> int | None:
    text = request.args.get("version", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise NotFound
    return int(text)


def _site(name: str) -> Site:
    found = find_site(db.session(), name) if "\0" not in name else None
    if found is None:
        raise NoPage
    return found


def _to_key(site: Site, quarter: str, **more: str) -> AnyResponse:
    """Any name of a site serves. Of what is asked only the version goes along: other words would be
    taken for parts of the address."""
    given: dict[str, Any] = {"version": request.args.get("version"), **more}
    address = url_for(request.endpoint or "", site=site.key, quarter=quarter, **given)
    return redirect(address)


# ---- what both need ----


def report_url(site: str, quarter: str) -> str:
    """The page of a site's report."""
    return f"/reports/{quote(site, safe='')}/{quarter}"


def _read_quarter(text: str) -> Quarter:
    try:
        quarter = Quarter.parse(text)
    except Invalid as error:
        raise NoSuchPeriod(error.message) from None
    require_quarter_of_reports(db.session(), quarter, now())
    return quarter


def _public(path: str) -> str:
    return f"{current_app.config['PORTAL'].public_url}{path}"


def _file(content: str | bytes, kind: str, name: str) -> Response:
    answer = Response(content, mimetype=_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


@blueprint.app_template_global()
def figure_rows(key: str, site: str, quarter: Quarter, is_t0: bool = False) -> str:
    """The rows behind a figure, as templates ask for them."""
    return figure_url(key, site, quarter, is_t0=is_t0)


@blueprint.app_template_global()
def report_address(site: str, quarter: Quarter | str) -> str:
    """The page of a site's report, as templates ask for it."""
    return report_url(site, str(quarter))
