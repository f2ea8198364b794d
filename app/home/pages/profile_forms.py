"""Forms of the profile."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    StringField,
)

from app.accounts.services.people import UPDATES
from app.accounts.web.new_password import ResetForm
from app.core.rules.language import _
from app.core.web.forms import (
    Choice,
    Radio,
    one_line,
    options,
    own_password,
    sent,
)
from app.mail.services.choices import CHOICES


class PasswordForm(ResetForm):
    """The old and a new password."""

    old = own_password(_("Current password"))


class MailForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Where mails go."""

    mail = StringField(
        _("Email address"),
        [sent],
        filters=[one_line],
        description=_("At most 254 characters. Leave empty for none."),
        render_kw={"autocomplete": "email", "inputmode": "email"},
    )
    password = own_password()


class MailsForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which mails about tickets one gets."""

    choice = Radio(_("Notifications"), choices=CHOICES)


class UpdatesForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """How open pages hear of changes."""

    updates = Radio(_("Updates"), choices=UPDATES)


class EndLoginForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which login ends."""

    login = HiddenField("Login")


class ZoneForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The zone in which times are shown after UTC."""

    time_zone = Choice(
        _("Time zone"),
        choices=lambda: options(*sorted(available_timezones())),
        description=_(
            "Times are shown in UTC, with the time in this zone in brackets. Times that you type"
            " are read in this zone, except full dates with a time: those are read as UTC."
        ),
    )


class ThemeForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """How the pages look."""

    theme = Choice(_("Theme"), choices=options(_("light"), _("dark"), empty=_("system")))
