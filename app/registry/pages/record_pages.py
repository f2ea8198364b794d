"""The pages of one kind of record: the list, one record on any day, and what admins do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

from flask import Blueprint, Response, make_response, render_template, request, url_for
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Role, refusal_to_create
from app.core.rules.errors import EditConflict
from app.core.rules.language import _, said_word
from app.core.web.edit_conflicts import seen_version
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import fragment_target, go_to
from app.core.web.panels import panel_values
from app.core.web.person import acting, writer
from app.core.web.rows_field import pressed
from app.registry.models.registry import Link
from app.registry.pages.forms import ConfirmForm, RecordForm, RetireForm
from app.registry.pages.panels import RECORD_PANELS, RECORD_ROWS
from app.registry.pages.records import (
    SHOWN,
    ListAddress,
    RecordView,
    asked_day,
    asked_month,
    clashes_of,
    steps,
    today,
)
from app.registry.rules.registry import covers
from app.registry.services.choices import choices
from app.registry.services.record_history import history_of
from app.registry.services.record_lists import IN_USE, RecordFilter, RecordList, RecordOnDay
from app.registry.services.records import Record, require_manager


@dataclass(frozen=True)
class RecordPages(Generic[Record]):
    """The pages of one kind of record, and in its fields what is particular to the kind.

    Templates are ``registry/<kind>.html``, ``<kind>s.html``, ``_<kind>_rows.html`` and
    ``<kind>_form.html``.
    """

    records: RecordList[Record]
    form: type[RecordForm]
    edit_form: type[RecordForm]
    """The same with the version that the writer saw."""
    filters: Mapping[str, Sequence[str]]
    """The filters of the list besides text, show and sample, with their values."""
    rows: Callable[[Session, Sequence[Record], date], Mapping[str, Any]]
    """What the rows of the list show in addition to the records."""
    links: Callable[[Session, Record], Sequence[Link]]
    """The links of a record, as ``RecordOnDay`` has them."""
    details: Callable[[Session, RecordView, RecordOnDay], Mapping[str, Any]]
    """What the page of a record shows on a day in addition to its facts."""
    complete: Callable[[Session, dict[str, Any]], None] = lambda _session, _stated: None
    """Add to the stated fields of a new record what was left to the portal."""

    def blueprint(self) -> Blueprint:
        """The pages at their addresses."""
        found = Blueprint(self._many, __name__, url_prefix=f"/{self._many}")
        one, both = f"/<{self._key}>", ["GET", "POST"]
        found.add_url_rule("", "listing", self.listing)
        found.add_url_rule("/new", "new", self.new, methods=both)
        found.add_url_rule(one, self._one, self.record)
        found.add_url_rule(f"{one}/edit", "edit", self.edit, methods=both)
        found.add_url_rule(f"{one}/retire", "retire", self.retire, methods=["POST"])
        found.add_url_rule(f"{one}/confirm", "confirm", self.confirm, methods=["POST"])
        return found

    def listing(self) -> str:
        """The records, searched and filtered."""
        address = ListAddress(
            url_for(f"{self._many}.listing"), {**self.filters, "show": SHOWN, "sample": ("yes",)}
        )
        wanted = RecordFilter(
            today(),
            {name: value for name in self.filters if (value := address.given(name))},
            address.given("q"),
            address.given("show", IN_USE),
            bool(address.given("sample")),
        )
        session = db.session()
        found, more = self.records.page(session, wanted, after=address.after)
        context = {
            "address": address,
            "more": address.more(getattr(found[-1], self._key)) if more else "",
            "today": today(),
            self._many: found,
            **self.rows(session, found, today()),
            **panel_values(RECORD_ROWS, found, today()),
        }
        if fragment_target() == "more":
            return render_template(f"registry/_{self._one}_rows.html", **context)
        return render_template(
            f"registry/{self._many}.html",
            **context,
            found=found,
            total=self.records.count(session, wanted),
            filters=self.filters,
            shown=SHOWN,
            **self._names(),
        )

    def new(self) -> Response:
        """Create a record."""
        require_manager(acting())
        form = self.form()
        if request.method == "GET":
            # as the list of unresolved names asks
            form[self._key].data = request.args.get(self._key, "")
            return self._form_page(form, None)
        if pressed(form, request.form.get("do", "")):
            return self._form_page(form, None)
        if form.validate():
            session = db.session()
            with errors_in(form), writing_once(session):
                stated = form.stated()
                self.complete(session, stated)
                made = self.records.verbs.create(
                    session,
                    writer(),
                    stated,
                    sources=form.sources(),
                    why=form.why.data or "",
                )
                key = getattr(made, self._key)
                leads_to(self._at(key))
        if form.errors:
            return self._form_page(form, None, 422)
        return go_to(
            self._at(key),
            _("%(one)s %(key)s created.", one=said_word(self._one).capitalize(), key=key),
        )

    def record(self, **address: str) -> Response:
        """One record, today or as of a day."""
        return self._page(address[self._key])

    def edit(self, **address: str) -> Response:
        """Change a record; when somebody else did so meanwhile, both values are shown."""
        key, verbs = address[self._key], self.records.verbs
        require_manager(acting())
        session = db.session()
        found = verbs.of_key(session, key)
        if request.method == "GET":
            form = self.edit_form(formdata=None, **self.form.shown(verbs.values(found)))
            form.version.data = str(found.version)
            return self._form_page(form, found)
        form = self.edit_form()
        if pressed(form, request.form.get("do", "")):
            return self._form_page(form, found)
        if not form.validate():
            return self._form_page(form, found, 422)
        try:
            with errors_in(form):
                seen = seen_version(form.version.data)
                with transaction(session):
                    before = found.version
                    changed = verbs.change(
                        session,
                        writer(),
                        key,
                        form.stated(),
                        base_version=seen,
                        sources=form.sources(),
                        why=form.why.data or "",
                    )
                    now_called, same = getattr(changed, self._key), changed.version == before
        except EditConflict as error:
            found = verbs.of_key(session, key)
            clashes = clashes_of(form, error, verbs.values(found), seen, history_of(session, found))
            return self._form_page(form, found, 409, clashes=clashes)
        if form.errors:
            return self._form_page(form, verbs.of_key(session, key), 422)
        return go_to(
            self._at(now_called),
            _(
                "%(one)s %(now_called)s is %(how)s.",
                one=said_word(self._one).capitalize(),
                now_called=now_called,
                how=_("as it was") if same else _("saved"),
            ),
        )

    def retire(self, **address: str) -> Response:
        """End a record on a day."""
        key, form = address[self._key], RetireForm()
        require_manager(acting())
        if not form.validate() or form.on.data is None:
            return self._page(key, retire_form=form, status=422)
        session = db.session()
        with errors_in(form, {"valid_until": "on"}), writing_once(session):
            self.records.verbs.retire(session, writer(), key, form.on.data, why=form.why.data or "")
        if form.errors:
            return self._page(key, retire_form=form, status=422)
        return go_to(
            self._at(key),
            _(
                "%(one)s %(key)s retired; its first day out of use is %(data)s.",
                one=said_word(self._one).capitalize(),
                key=key,
                data=form.on.data,
            ),
        )

    def confirm(self, **address: str) -> Response:
        """Say what confirms a sample."""
        key, form = address[self._key], ConfirmForm()
        require_manager(acting())
        if not form.validate():
            return self._page(key, confirm_form=form, status=422)
        session = db.session()
        with errors_in(form), writing_once(session):
            self.records.verbs.confirm(
                session, writer(), key, form.field.data or "", form.source.data or ""
            )
        if form.errors:
            return self._page(key, confirm_form=form, status=422)
        return go_to(self._at(key), _("Confirmed for %(key)s.", key=key))

    @property
    def _one(self) -> str:
        return self.records.verbs.kind.name

    @property
    def _many(self) -> str:
        return f"{self._one}s"

    @property
    def _key(self) -> str:
        return self.records.verbs.kind.key

    def _at(self, key: str) -> str:
        address: dict[str, Any] = {self._key: key}
        return url_for(f"{self._many}.{self._one}", **address)

    def _names(self) -> dict[str, Any]:
        return {"one": self._one, "many": self._many, "admin": acting().role is Role.ADMIN}

    def _form_page(
        self, form: RecordForm, found: Record | None, status: int = 200, **more: Any
    ) -> Response:
        key = None if found is None else getattr(found, self._key)
        page = render_template(
            f"registry/{self._one}_form.html",
            form=form,
            key=key,
            place=url_for(f"{self._many}.new") if key is None else f"{self._at(key)}/edit",
            at=None if key is None else self._at(key),
            **self._names(),
            **choices(db.session()),
            **more,
        )
        return make_response(page, status)

    def _page(
        self,
        key: str,
        *,
        retire_form: RetireForm | None = None,
        confirm_form: ConfirmForm | None = None,
        status: int = 200,
    ) -> Response:
        session = db.session()
        found = self.records.verbs.of_key(session, key)
        day, problem = asked_day()
        view = RecordView(session, found, day)
        shown_day = day or today()
        month, month_problem = asked_month(shown_day)
        about = RecordOnDay(found, self.links(session, found), shown_day, month)
        page = render_template(
            f"registry/{self._one}.html",
            **{self._one: found},
            **self._names(),
            record=found,
            key=key,
            place=self._at(key),
            view=view,
            day=day,
            shown_day=shown_day,
            problem=problem,
            month=month,
            month_problem=month_problem,
            may_create=refusal_to_create(acting()) is None,
            in_use=covers((found.valid_from, found.valid_until), shown_day),
            **self.details(session, view, about),
            **panel_values(RECORD_PANELS, acting(), about),
            steps=steps(history_of(session, found)),
            retire_form=retire_form or RetireForm(formdata=None, on=today()),
            confirm_form=confirm_form or ConfirmForm(formdata=None),
        )
        wrong = problem or month_problem
        return make_response(page, 422 if wrong and status == 200 else status)
