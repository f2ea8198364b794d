"""Every field of every form with what nobody should send: words, nothing stored, nothing lost.

The fields come from the form classes themselves; a form that is not listed here fails a test.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from wtforms import (
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from app.accounts.models.people import Login
from app.accounts.pages import partner_forms, passkey_forms, people_forms, token_forms
from app.accounts.web.new_password import ResetForm
from app.accounts.web.own_password import AskPasswordForm
from app.calendar.pages import lhc_editing
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.web.errors import FORM_KEY
from app.core.web.forms import UtcTimeField
from app.core.web.rows_field import RowsField
from app.events.pages import forms as event_forms
from app.events.pages import sources as event_sources
from app.exchange.pages import forms as exchange_forms
from app.home.pages import profile_forms
from app.meetings.pages import packs as meeting_packs
from app.names.pages import unresolved_forms
from app.registry.pages import forms as registry_forms
from app.reports.pages import reminders as report_reminders
from app.tickets.models.tickets import Ticket
from app.tickets.pages import forms
from app.tickets.pages.listing import bulk_forms, filter_forms
from app.tickets.rules.fields import BY_NAME
from app.webhooks.pages import forms as webhook_forms
from tests.cast import PASSWORD, Cast, writer
from tests.exchange.seeded import seed_connection
from tests.harness.examples import some_of
from tests.harness.visitor import Fields, Form, PageReader
from tests.harness.visits import Enter, Open
from tests.webhooks.seeded import seed_webhook

TICKET = "/tickets/1"
UNKNOWN = "A site that nobody knows"
ACCOUNT = "/partners/accounts/1"
PERSON = "/admin/people/pic"
SITE = "/sites/DE-KIT"
LINK = "/links/CERN-GRIDKA-LHCOPN-001"
PLACES: dict[type[FlaskForm], str] = {
    forms.TicketForm: "/tickets/new",
    forms.EditForm: f"{TICKET}/edit",
    forms.CommentForm: f"{TICKET}/comment",
    forms.MoveForm: f"{TICKET}/move",
    forms.UndoForm: f"{TICKET}/undo",
    forms.HandForm: f"{TICKET}/hand",
    forms.RelationForm: f"{TICKET}/relate",
    forms.UnrelateForm: f"{TICKET}/unrelate",
    forms.MergeForm: f"{TICKET}/merge",
    forms.SeparateForm: f"{TICKET}/separate",
    forms.AnswerForm: f"{TICKET}/acknowledge",
    forms.ReminderForm: f"{TICKET}/remind",
    profile_forms.ZoneForm: "/profile/time-zone",
    profile_forms.ThemeForm: "/profile/theme",
    profile_forms.PasswordForm: "/profile/password",
    people_forms.LoginForm: "/login",
    partner_forms.NewAccountForm: "/partners/new",
    partner_forms.SwitchesForm: f"{ACCOUNT}/switches",
    partner_forms.EndSecretForm: f"{ACCOUNT}/end-secret",
    people_forms.NewPersonForm: "/admin/new-person",
    people_forms.RoleForm: f"{PERSON}/role",
    people_forms.WhyForm: f"{PERSON}/disable",
    people_forms.LinkForm: f"{PERSON}/link",
    people_forms.DemandForm: "/admin/second-factor",
    profile_forms.MailForm: "/profile/mail",
    profile_forms.MailsForm: "/profile/mails",
    profile_forms.UpdatesForm: "/profile/updates",
    profile_forms.EndLoginForm: "/profile/end-login",
    AskPasswordForm: "/profile/second-factor/begin",
    people_forms.ConfirmForm: "/profile/second-factor/confirm",
    people_forms.CodesForm: "/profile/second-factor/codes",
    people_forms.OffForm: "/profile/second-factor/off",
    registry_forms.SiteForm: "/sites/new",
    registry_forms.SiteEditForm: f"{SITE}/edit",
    registry_forms.LinkForm: "/links/new",
    registry_forms.LinkEditForm: f"{LINK}/edit",
    registry_forms.RetireForm: f"{SITE}/retire",
    registry_forms.ConfirmForm: f"{SITE}/confirm",
    unresolved_forms.AliasForm: "/admin/unresolved/alias",
    unresolved_forms.NameForm: "/admin/unresolved/dismiss",
    unresolved_forms.UnitForm: "/admin/unresolved/unit",
    token_forms.TokenForm: "/admin/tokens",
    token_forms.OwnTokenForm: "/profile/tokens",
    filter_forms.SaveFilterForm: "/filters",
    filter_forms.FilterForm: "/filters/1/change",
    filter_forms.ReplaceFilterForm: "/filters/1/replace",
    event_forms.EventForm: "/events/new",
    event_sources.SourceForm: "/events/sources/new",
    lhc_editing.PeriodForm: "/calendar/lhc/new",
    bulk_forms.BulkForm: "/tickets/bulk/preview",
    bulk_forms.UndoBulkForm: "/tickets/bulk/1/undo",
    meeting_packs.PackForm: "/reports/packs",
    report_reminders.QuietForm: "/reports/quiet",
    exchange_forms.ConnectionForm: "/exchange/1/edit",
    webhook_forms.WebhookForm: "/webhooks/1/edit",
    webhook_forms.NewWebhookForm: "/webhooks/new",
}
WAITING = {
    people_forms.AskCodeForm,
    ResetForm,
    passkey_forms.PasskeyLoginForm,
    passkey_forms.ConfirmedForm,
    passkey_forms.AddPasskeyForm,
    passkey_forms.PasskeyNameForm,
}
"""Open only to a login, a link or a device that waits: tried in test_second_factor, test_reset and
test_passkeys."""
SWITCHES = {
    "access": "own",
    "rights": "read only",
    "internal": "shown",
    "contract_year": "2013",
    "sites": "DE-KIT",
}
GOOD: dict[type[FlaskForm], dict[str, str]] = {
    forms.TicketForm: {"title": "Typed title", "description": "Typed text"},
    forms.EditForm: {"title": "Typed title", "description": "Typed text"},
    forms.CommentForm: {"kind": "public", "text": "Typed text", "solution": "Typed solution"},
    forms.MoveForm: {"state": "solved", "solution": "Typed solution"},
    forms.UndoForm: {"field": "links", "name": "CERN-GRIDKA-LHCOPN-001"},
    forms.HandForm: {"partner": "NREN-A"},
    forms.RelationForm: {"role": "related", "other": "2"},
    forms.UnrelateForm: {"role": "related", "other": "2"},
    forms.MergeForm: {"master": "2"},
    forms.SeparateForm: {"role": "duplicate", "other": "2"},
    forms.ReminderForm: {"due_at": "in 3 days", "note": "Typed note"},
    forms.AnswerForm: {"site": "DE-KIT", "answer": "refused", "reason": "Typed reason"},
    profile_forms.ZoneForm: {"time_zone": "Europe/Zurich"},
    profile_forms.ThemeForm: {"theme": "dark"},
    profile_forms.PasswordForm: {
        "old": PASSWORD,
        "new": "another horse 8",
        "again": "another horse 8",
    },
    people_forms.LoginForm: {"name": "operator", "password": PASSWORD},
    report_reminders.QuietForm: {"who": "site DE-KIT", "reason": "Typed reason"},
    meeting_packs.PackForm: {
        "title": "Typed title",
        "first": "2012-Q1",
        "last": "2012-Q2",
        "slides": "matching",
    },
    partner_forms.NewAccountForm: {
        "code": "NREN-C",
        "login": "nren_c",
        "password": PASSWORD,
        **SWITCHES,
    },
    partner_forms.SwitchesForm: SWITCHES,
    partner_forms.EndSecretForm: {"secret": "1"},
    people_forms.LinkForm: {"why": "Typed reason", "password": PASSWORD},
    people_forms.NewPersonForm: {
        "password": PASSWORD,
        "name": "noc",
        "mail": "noc@example.org",
        "role": "reporter",
        "sites": "DE-KIT",
        "why": "Typed reason",
    },
    people_forms.RoleForm: {"role": "reporter", "sites": "DE-KIT", "why": "Typed reason"},
    people_forms.WhyForm: {"why": "Typed reason"},
    people_forms.DemandForm: {"demand": "yes", "why": "Typed reason"},
    profile_forms.MailForm: {"mail": "noc@example.org", "password": PASSWORD},
    profile_forms.MailsForm: {"choice": "digest"},
    profile_forms.UpdatesForm: {"updates": "off"},
    profile_forms.EndLoginForm: {"login": "1"},
    people_forms.ConfirmForm: {"one_time_code": "123456"},
    AskPasswordForm: {"password": PASSWORD},
    people_forms.CodesForm: {"password": PASSWORD, "one_time_code": "123456"},
    people_forms.OffForm: {"password": PASSWORD, "one_time_code": "123456"},
    registry_forms.SiteForm: {"key": "XX-LAB", "country": "CH", "time_zone": "Europe/Zurich"},
    registry_forms.SiteEditForm: {"why": "Typed reason"},
    registry_forms.LinkForm: {"name": "XX-1", "end_a": "CERN", "end_b": "pic"},
    registry_forms.LinkEditForm: {"why": "Typed reason"},
    registry_forms.RetireForm: {"on": "2026-01-31", "why": "Typed reason"},
    registry_forms.ConfirmForm: {"field": "tier", "source": "Typed source"},
    unresolved_forms.AliasForm: {
        "kind": "site",
        "name": UNKNOWN,
        "target": "DE-KIT",
        "system": "GOCDB",
        "why": "Typed reason",
    },
    unresolved_forms.NameForm: {"kind": "site", "name": UNKNOWN, "why": "Typed reason"},
    unresolved_forms.UnitForm: {"unit": "Typed unit", "why": "Typed reason"},
    token_forms.TokenForm: {"name": "nms", "scopes": "read", "days": "90", "password": PASSWORD},
    token_forms.OwnTokenForm: {
        "name": "laptop",
        "scopes": "read",
        "days": "90",
        "password": PASSWORD,
    },
    filter_forms.SaveFilterForm: {"name": "Typed name", "use": "private", "query": "q=x"},
    filter_forms.FilterForm: {"name": "Typed name", "use": "shared"},
    filter_forms.ReplaceFilterForm: {"query": "q=x"},
    bulk_forms.BulkForm: {"n": "1", "state": "in progress", "public_comment": "Typed text"},
    bulk_forms.UndoBulkForm: {"reason": "Typed reason"},
    event_forms.EventForm: {"link": "CERN-GRIDKA-LHCOPN-001", "start": "2026-01-31 09:00"},
    event_sources.SourceForm: {"name": "Typed name"},
    lhc_editing.PeriodForm: {
        "name": "Typed name",
        "begin": "2031-03",
        "begin_standing": "planned",
        "end_standing": "planned",
        "source": "Typed source",
    },
    exchange_forms.ConnectionForm: {
        "url": "https://helpdesk.example.org",
        "direction": "push",
        "internal": "sent",
        "password": PASSWORD,
    },
    **{
        kind: {"name": "Typed name", "url": "https://noc.example.org/typed", "password": PASSWORD}
        for kind in (webhook_forms.WebhookForm, webhook_forms.NewWebhookForm)
    },
}
REFUSED: dict[tuple[type[FlaskForm], str], set[int]] = {
    (forms.UndoForm, "name"): {404},
    **{
        (kind, name): {404}
        for kind in (unresolved_forms.AliasForm, unresolved_forms.NameForm)
        for name in ("kind", "name")
    },
    (profile_forms.ThemeForm, "theme"): {
        303
    },  # a button of every page: says so on the page it stands on
    (people_forms.LoginForm, "name"): {401, 422},
    (people_forms.LoginForm, "password"): {401, 422, 429},
}
"""Answers other than 422 to bad values."""
PLAIN = {
    forms.UndoForm,
    forms.UnrelateForm,
    forms.SeparateForm,
    unresolved_forms.AliasForm,
    unresolved_forms.NameForm,
    filter_forms.ReplaceFilterForm,
}
"""Whose refusals may be a page that shows what was typed, to copy."""
SECRET = {"old", "new", "again", "password", "one_time_code", "remote_secret"}
UNREADABLE = (b"bad \xff bytes", b"half a pair \xed\xa0\x80", b"overlong \xc0\xaf", b"cut \xe2\x82")
CONTROL = ("a\x01b", "a\0b", "a\x0bb", "a\x7fb\x00c", "a\ufffeb")
TIMES = (
    "yesterday",
    "2026-02-30",
    "2026-13-01 10:00",
    "2026-01-31 25:00",
    "2026-01-31 10:00+99:00",
    "31.01.2026",
    "0001-01-01",
    "1769850000",
    "2026-01-31 10:00\0",
    "\u0662\u0660\u0662\u0666-01-31",
    "9" * 5000,
)


def classes() -> list[type[FlaskForm]]:
    return [
        kind
        for module in (
            bulk_forms,
            filter_forms,
            forms,
            partner_forms,
            people_forms,
            profile_forms,
            registry_forms,
            token_forms,
            unresolved_forms,
        )
        for _name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, FlaskForm) and kind not in (FlaskForm, registry_forms.RecordForm)
    ] + [
        event_forms.EventForm,
        event_sources.SourceForm,
        lhc_editing.PeriodForm,
        meeting_packs.PackForm,
        report_reminders.QuietForm,
        exchange_forms.ConnectionForm,
        webhook_forms.WebhookForm,
        webhook_forms.NewWebhookForm,
    ]


OF_EDITING = {(event_forms.EventForm, "version"), (lhc_editing.PeriodForm, "version")}
"""What only the page for changing an old one reads of a form."""


def fields(app: Flask, kind: type[FlaskForm]) -> list[Field]:
    with app.test_request_context():
        return [
            field
            for field in kind()
            if field.name not in ("csrf_token", "next") and (kind, field.name) not in OF_EDITING
        ]


ROWS: dict[str, dict[str, str]] = {
    "names-system": {"names-name": "x"},
    "names-name": {},
    "names-from": {"names-name": "x"},
    "names-until": {"names-name": "x"},
    "asns-asn": {},
    "prefixes-network": {"prefixes-prefix": "192.0.2.0/24"},
    "prefixes-prefix": {},
    "contacts-role": {"contacts-name": "x"},
    "contacts-name": {},
    "contacts-mail": {"contacts-name": "x"},
    "contacts-phone": {"contacts-name": "x"},
    "circuits-provider": {},
    "circuits-circuit_id": {"circuits-provider": "x"},
}
"""What else a row holds, for each input of a row."""


def bad_rows(field: RowsField) -> Iterator[dict[str, str]]:
    """Rows that are refused for one of their inputs."""
    for column in field.columns:
        part = f"{field.name}-{column.name}"
        presets = {
            f"{field.name}-{other.name}": other.choices[0] if other.choices else ""
            for other in field.columns
        }
        for bad in ("x" * 300, "a;b", *CONTROL, "x\ny"):
            yield {**presets, **ROWS[part], part: bad}


def bad_values(kind: type[FlaskForm], field: Field) -> Iterator[str | dict[str, str]]:
    """Values that this field must refuse, by what the field is."""
    if isinstance(field, RowsField):
        yield from bad_rows(field)
    elif isinstance(field, registry_forms.DayField):
        yield from (*TIMES, "2026-01-31 10:00", "3000-01-01")
    elif isinstance(field, registry_forms.GbpsField):
        yield from ("much", "-1", "0", "nan", "inf", "1e999", "1_0", "10,5", "\u0661", "9" * 5000)
    else:
        yield from bad_texts(kind, field)


CHOSEN: dict[str, tuple[str, ...]] = {
    "links": ("CERN-NOWHERE-LHCOPN-001", "x" * 5000),
    "sites": ("x" * 256,),
    "asked_sites": ("No Such Site", "x" * 256),
    "scopes": ("nonsense", "x" * 5000, "READ"),
    "kinds": ("nonsense", "x" * 5000, "TICKET.CREATED"),
    "slides": ("nonsense", "x" * 5000, "MATCHING"),
}
"""What is bad, beside control characters, where several are chosen."""


def bad_texts(kind: type[FlaskForm], field: Field) -> Iterator[str]:
    """The same for a field of one text."""
    name = field.name
    if isinstance(field, UtcTimeField):
        yield from TIMES
    elif isinstance(field, RadioField | SelectField) and not isinstance(field, SelectMultipleField):
        yield from ("nonsense", "x" * 5000, "a\0b", "<b>", "INCIDENT")
        if name not in ("network", "responsible_site", "theme") and kind is not bulk_forms.BulkForm:
            yield ""
    elif name in CHOSEN:
        yield from (*CHOSEN[name], *CONTROL)
    elif name == "references":
        yield from ("only one part", ";;", "a;b;c;d", f"p; {'x' * 256}", f"{'p' * 256}; 1")
        yield from (f"p; 1; http://example.org/{'u' * 256}", *(f"p; {bad}" for bad in CONTROL))
    elif isinstance(field, HiddenField):
        yield from ("nonsense", "a\0b", "x" * 5000)
    elif isinstance(field, IntegerField):
        yield from ("", "x", "-1", "0", "1.5", "9" * 30, *CONTROL)
    elif name == "remote_secret":  # theirs: as short as they like, and none where the old one stays
        yield from ("x" * 4001, *CONTROL)
    elif isinstance(field, PasswordField):
        yield from ("", "short", "x" * 1025, *(f"another {bad} horse" for bad in CONTROL))
    elif isinstance(field, StringField | TextAreaField):
        limit = BY_NAME.get(name, BY_NAME["public_comment"]).limit
        yield from ("x" * (limit + 1), *CONTROL)
        if name == "carbon_copy":
            yield from ("no address", "a@b c@d", "a@b;;@")
    else:
        raise AssertionError(f"{kind.__name__}.{name}: say what is bad for {type(field).__name__}")


def stored(session: Session) -> Sequence[object]:
    session.rollback()
    return [
        session.scalar(select(func.count()).select_from(Change)),
        session.scalar(select(func.count()).select_from(Ticket)),
        session.execute(select(Ticket.version, Ticket.title, Ticket.state)).all(),
        session.scalar(select(func.count()).where(Login.ended_at.is_not(None))),
    ]


def test_every_form_is_tried(app: Flask) -> None:
    assert set(classes()) - WAITING == set(PLACES) == set(GOOD)
    paths = {
        path.replace("/1/", "/<int(max=2147483647):number>/")
        .replace("/pic/", "/<person>/")
        .replace(SITE, "/sites/<key>")
        .replace(LINK, "/links/<name>")
        for path in PLACES.values()
    }
    paths |= {f"/links/<name>/{form}" for form in ("retire", "confirm")}  # those of sites
    posted = {str(rule) for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    # what takes nothing but a button
    buttons = (
        *(
            "/logout",
            "/checked",
            "/take",
            "/undo-move",
            "/add-secret",
            "/disable",
            "/enable",
            "/remove",
        ),
        *("/accept", "/refuse", "/reopen"),
        *("/delete", "/restore"),
        *("/make", "/run"),
        "/take-out",
        *("/watch", "/again", "/undo", "/unsubscribe/<token>"),  # see test_mails
        "/hooks/<kind>/<connection>",  # no form: see tests/exchange/pages/test_hooks.py
        *("/take-back", "/follow"),  # the name and a reason, as dismissing does
        *("/begin", "/end-other-logins"),
        *("/follow-map", "/leave-map", "/unlink"),  # test_sign_on
        *("/rotate", "/end-older", "/end"),
        *("/end-logins", "/take-off-second-factor", "/link"),  # a reason, as disabling does
        *("/login/code", "/reset"),  # see WAITING
    )
    key = "<int(max=2147483647):number>"
    # tried in tests of their own: test_attachments, test_imports, test_ticket_imports, test_cric
    elsewhere = {
        "/tickets/<int(max=2147483647):number>/attachments",
        "/tickets/<int(max=2147483647):number>/set",  # test_in_place tries this
        "/admin/imports",
        "/admin/imports/confirm",
        "/admin/imports/tickets",
        "/admin/imports/tickets/confirm",
        "/admin/cric",
        "/admin/sign-on",  # test_identities, test_sign_on
        *(f"/login/{what}passkey{more}" for what in ("", "code/") for more in ("", "/options")),
        *(f"/profile/passkeys{what}" for what in ("", "/codes", "/confirm", "/options")),
        *(f"/profile/passkeys/{key}/{what}" for what in ("remove-by-passkey", "rename")),
        "/tickets/columns",  # test_filters tries this
        "/tickets/seen",  # test_visits tries this
        "/tickets/bulk",  # test_bulk tries this
        "/shortcuts",  # test_profile tries this
        *(f"/events/{key}/{what}" for what in ("edit", "withdraw")),  # test_events
        f"/events/{key}/unlink",  # test_matching, as link and undo
        "/events/import",  # test_event_imports
        *(f"/events/imports/{key}/{what}" for what in ("drop", "withdraw", "write")),
        f"/events/sources/{key}",  # the form is that of a new one
        *(
            f"/reports/<site>/<quarter>/{what}" for what in ("attachments", "comment")
        ),  # test_report_writing
        # test_report_form
        *(f"/reports/<site>/<quarter>{what}" for what in ("", "/fields/<name>", "/submit")),
        "/mails/incoming/dismiss",
        *(f"/mails/incoming/{key}/{what}" for what in ("add", "dismiss")),  # test_incoming_mails
        "/notices",  # test_notices
        "/notices/confirm",
        *(f"/notices/{key}/{what}" for what in ("circuits", "dismiss", "ticket", "update")),
        f"/notices/{key}/reading",
        f"/notices/forms/{key}/withdraw",
        "/reports/teleconferences/new",  # test_teleconferences
        *(f"/reports/teleconferences/series/{what}" for what in ("cancel", "resume")),
        *(
            f"/reports/teleconferences/{key}/{what}"
            for what in ("set", "decline", "cancel", "held", "join", "leave", "people", "points")
        ),
        "/reports/reminders",  # test_report_reminders
        "/statistics/matching/rules",  # test_matching
        f"/calendar/lhc/{key}/edit",  # the form is that of a new one
        "/reports/forms/new",  # a button
        f"/reports/forms/{key}/publish",  # test_report_forms, as questions
        *(f"/reports/forms/{key}/questions/{what}" for what in ("new", "<key>")),
        *(f"/reports/forms/{key}/questions/<key>/{what}" for what in ("move", "retire")),
        "/duty/rules/new",  # test_duty
        f"/duty/rules/{key}/revise",
        f"/duty/rules/forces/{key}/retire",
        f"/duty/rules/versions/{key}/force",
        # test_webhooks
        *(f"/webhooks/{key}/{what}" for what in ("end-secret", "off", "on", "test")),
        "/exchange/new",  # test_connections, test_maps, test_ticket_panel of the exchange
        *(
            f"/exchange/{key}/{what}"
            for what in ("compare", "end-secret", "map", "map/import", "map/roll-back")
        ),
        *(f"/exchange/{key}/{what}" for what in ("end", "pause", "resume", "share", "test")),
        *(f"/exchange/pairs/{key}/{what}" for what in ("end", "leave", "resume", "theirs")),
        f"/exchange/unpaired/{key}/leave",
        *(f"/exchange/entries/{key}/{what}" for what in ("choose", "replay", "skip")),
    }
    assert {rule for rule in posted - paths - elsewhere if not rule.endswith(buttons)} == set()


@pytest.mark.parametrize("kind", [*PLACES], ids=lambda kind: kind.__name__)
def test_every_field_refuses_what_it_cannot_take(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, kind: type[FlaskForm]
) -> None:
    opened(title="CERN-GRIDKA-LHCOPN-001 moves", category="change", sites=("DE-KIT", UNKNOWN))
    visitor = visit(cast.admin)
    visitor.send("/filters", {"name": "Mine", "use": "private", "query": ""})
    with transaction(session):
        seed_connection(session, "GGUS-TEST")
        seed_webhook(session, writer(cast.admin))
    visitor.send("/tickets/bulk", {"n": "1:1", "key": "k" * 32, "priority": "urgent"})
    path = PLACES[kind]
    shown = kind not in (
        forms.HandForm,
        forms.UndoForm,
        profile_forms.ThemeForm,
        forms.MoveForm,
        forms.UnrelateForm,
        forms.SeparateForm,
        forms.AnswerForm,
        people_forms.LoginForm,
        partner_forms.EndSecretForm,
        people_forms.WhyForm,
        people_forms.LinkForm,
        profile_forms.EndLoginForm,
        AskPasswordForm,
        people_forms.ConfirmForm,
        people_forms.CodesForm,
        people_forms.OffForm,
        registry_forms.RetireForm,
        registry_forms.ConfirmForm,
        unresolved_forms.AliasForm,
        unresolved_forms.NameForm,
        filter_forms.ReplaceFilterForm,
    )
    shown_at = {
        filter_forms.SaveFilterForm: "/tickets",
        filter_forms.FilterForm: "/filters",
        bulk_forms.BulkForm: "/tickets/bulk?n=1",
        bulk_forms.UndoBulkForm: "/tickets/bulk/1",
        forms.CommentForm: TICKET,
        forms.RelationForm: TICKET,
        forms.MergeForm: TICKET,
        forms.ReminderForm: TICKET,
        profile_forms.ZoneForm: "/profile",
        profile_forms.PasswordForm: "/profile",
        profile_forms.MailForm: "/profile",
        profile_forms.MailsForm: "/profile",
        profile_forms.UpdatesForm: "/profile",
        people_forms.RoleForm: PERSON,
        people_forms.DemandForm: "/admin/people",
        partner_forms.SwitchesForm: ACCOUNT,
        unresolved_forms.UnitForm: "/admin/unresolved?kind=unit",
    }
    data: dict[str, str | Sequence[str]] = {}
    if shown:
        data |= visitor.read(shown_at.get(kind, path)).form(path).data()
        data.pop("csrf_token")
    data |= GOOD[kind]
    before = stored(session)
    there = 0
    for turn, field in enumerate(fields(app, kind)):
        values = [*bad_values(kind, field)]
        there += len(values)
        for bad in some_of(values, turn):
            sent = {**data, **(bad if isinstance(bad, dict) else {field.name: bad})}
            if kind is forms.CommentForm and field.name in ("solution", "event_end"):
                sent["kind"] = "solve"
            if field.name == "asked_sites":  # no other category has it
                sent |= {"category": "change", "sites": "DE-KIT"}
            answer = visitor.send(path, sent)
            where = (field.name, str(bad)[:400])
            assert answer.status_code in REFUSED.get((kind, field.name), {422}), where
            if kind is profile_forms.ThemeForm:
                assert "theme=" not in answer.headers.get("Set-Cookie", "")
                continue
            page = PageReader(answer.text)
            words = " ".join("".join(page.alerts).split()) or page.text
            assert words, where
            assert len(words) < 2000 or kind in PLAIN, where
            if not isinstance(field, HiddenField) and kind is not people_forms.LoginForm:
                assert str(field.label.text).lower() in words.lower(), (where, words)
            for name in SECRET & set(sent):
                assert not sent[name] or f'value="{sent[name]}"' not in answer.text
            if (kind, field.name) == (forms.EditForm, "version"):
                assert "Typed text" in page.text  # nothing is stored; what was typed is listed
            elif shown:
                everything_is_kept(page.form(path), sent, field, where)
    assert there >= 3
    assert stored(session) == before


def everything_is_kept(form: Form, sent: Fields, wrong: Field, where: object) -> None:
    """What was sent stands in the form again, but for a choice that does not exist."""
    a_choice = isinstance(wrong, RadioField | SelectField)
    for name, value in sent.items():
        if name in SECRET or name not in form.names or (name == wrong.name and a_choice):
            continue
        if name == FORM_KEY:  # each form that is shown has one of its own
            continue
        expected = [value] if isinstance(value, str) else [str(one) for one in value]
        kept = form.values(name)
        if name == "sites" and "" not in expected and "" in kept:
            kept.remove("")  # which the page sends along, so that a list of none is sent too
        assert sorted(kept) == sorted(one.replace("\r\n", "\n") for one in expected), (where, name)


def test_bytes_that_are_no_text_are_refused(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="CERN-GRIDKA-LHCOPN-001 down")
    visitor = visit(cast.admin)
    before = stored(session)
    token = visitor.token().encode()
    for kind, path in PLACES.items():
        names = [field.name for field in fields(app, kind)]
        for turn, name in enumerate(names):
            for raw in some_of(UNREADABLE, turn):
                answer = visitor.send(path, {**GOOD[kind], name: raw})
                assert answer.status_code == 400, (path, name, raw)
                assert "UTF-8" in answer.text
        first = names[0].encode()
        answer = visitor.send_raw(path, b"csrf_token=" + token + b"&" + first + b"=\xff")
        assert answer.status_code == 400
        answer = visitor.send_raw(path + "?x=%FF", b"csrf_token=" + token)
        assert answer.status_code == 400
        part = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        parts = part % (b"csrf_token", token) + part % (first, b"\xff") + b"--x--\r\n"
        answer = visitor.client.post(
            path, data=parts, content_type="multipart/form-data; boundary=x"
        )
        assert answer.status_code == 415
    assert stored(session) == before


def test_ends_before_starts_are_refused_and_all_problems_are_told_at_once(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened()
    visitor = visit(cast.admin)
    before = stored(session)
    for path in (f"{TICKET}/edit", "/tickets/new"):
        data = visitor.read(path).form(path).data() | {
            "title": ["t"],
            "event_start": ["2026-01-31 09:05"],
            "event_end": ["2026-01-31 09:04"],
            "event_detected": ["2026-01-31 09:00"],
            "window_start": ["2026-01-31 10:00"],
            "window_end": ["2026-01-31 10:00+01:00"],
        }
        del data["csrf_token"]
        answer = visitor.send(path, data)
        assert answer.status_code == 422
        page = PageReader(answer.text)
        for words in (
            "The event ends before it starts",
            "The event was detected before it started",
            "The window ends before it starts",
        ):
            assert words in page.text, words
        assert page.form(path).values("window_end") == ["2026-01-31 10:00+01:00"]
        answer = visitor.send(
            path, {**data, "unit": "x" * 51, "carbon_copy": "nobody", "title": ""}
        )
        page = PageReader(answer.text)
        assert answer.status_code == 422
        assert "Title is required" in page.text
        empty_title = page.form(path)
        assert empty_title.values("unit") == ["x" * 51]
    assert stored(session) == before


def test_the_longest_texts_are_stored_exactly(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    data = visitor.read("/tickets/new").form("/tickets/new").data()
    del data["csrf_token"]
    longest = {
        "title": "\U0001f6a7" * 255,
        "description": "\U0001d7d9" * 4000,
        "unit": "\u202e" + "u" * 49,
        "person_in_charge": "p" * 254,
        "related_issue": "https://" + "r" * 117,
    }
    answer = visitor.send("/tickets/new", {**data, **longest})
    assert answer.status_code == 303
    ticket = session.get_one(Ticket, 1)
    for name, text in longest.items():
        assert getattr(ticket, name) == text
    session.rollback()
    answer = visitor.send(f"{TICKET}/comment", {"kind": "public", "text": "c" * 100_000})
    assert answer.status_code == 303
    too_large = visitor.send("/tickets/new", {**data, "description": "d" * (4 * 1024 * 1024)})
    assert too_large.status_code == 413
    assert "4 MiB" in too_large.text


def test_a_profile_is_changed_by_good_values_only(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    answer = visitor.send("/profile/time-zone", {"time_zone": "Asia/Kathmandu"})
    assert answer.status_code == 303
    page = visitor.read("/profile")
    assert "Asia/Kathmandu" in page.text
    new = "another horse 8"
    for old, first, second, words in (
        ("wrong word", new, new, "This is not your password"),
        (PASSWORD, new, "another one 99", "The two new passwords differ"),
        (PASSWORD, "short", "short", "A password has at least 10 characters"),
    ):
        answer = visitor.send("/profile/password", {"old": old, "new": first, "again": second})
        assert answer.status_code == 422
        assert words in PageReader(answer.text).text
    assert PASSWORD not in answer.text
    assert session.scalar(select(func.count()).where(Login.ended_at.is_not(None))) == 0
