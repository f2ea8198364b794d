"""``/.well-known/security.txt``: what it says, and that it is missing while nobody is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from flask import Flask

from app.commands.serve import warnings
from app.core.rules.errors import SettingError
from app.core.security_contact_settings import SecurityContactSettings
from tests.harness.server import test_settings

ADDRESS = "/.well-known/security.txt"
PORTAL = "https://portal.example"


def _settings(contact: str, until: str = "2027-06-30") -> SecurityContactSettings:
    return SecurityContactSettings.of(
        {"SECURITY_CONTACT": contact, "SECURITY_CONTACT_UNTIL": until}
    )


def test_it_names_the_contact_and_the_day_that_somebody_set(
    app_with: Callable[..., Flask],
) -> None:
    contact = _settings("security@example.org")
    app = app_with(security_contact=contact, public_url=PORTAL)
    answer = app.test_client().get(ADDRESS, base_url=PORTAL)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.text == (
        "Contact: mailto:security@example.org\n"
        "Expires: 2027-06-30T23:59:59Z\n"
        "Preferred-Languages: en\n"
        "Canonical: https://portal.example/.well-known/security.txt\n"
    )


def test_without_tls_it_claims_no_address_of_its_own(app_with: Callable[..., Flask]) -> None:
    app = app_with(security_contact=_settings("https://example.org/report?to=portal"))
    answer = app.test_client().get(ADDRESS).text
    assert answer.startswith("Contact: https://example.org/report?to=portal\n")
    assert "Canonical" not in answer


def test_nothing_is_there_where_nobody_is_named(app_with: Callable[..., Flask]) -> None:
    assert app_with().test_client().get(ADDRESS).status_code == 404


@pytest.mark.parametrize(
    ("contact", "until", "words"),
    [
        ("security@example.org", "", "must be set together"),
        ("", "2027-06-30", "must be set together"),
        ("security@example.org", "soon", "SECURITY_CONTACT_UNTIL must be a day"),
        ("http://example.org", "2027-06-30", "SECURITY_CONTACT must be an email address"),
        ("the admin", "2027-06-30", "SECURITY_CONTACT must be an email address"),
        ("a@b.example\nContact: c@d.example", "2027-06-30", "SECURITY_CONTACT must be"),
    ],
)
def test_a_contact_that_readers_could_not_use_is_refused(
    contact: str, until: str, words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        _settings(contact, until)


def test_what_the_processes_of_a_server_read_is_the_same() -> None:
    for settings in (SecurityContactSettings(), _settings("mailto:security@example.org")):
        assert SecurityContactSettings.of(settings.as_environment()) == settings
    assert _settings("a@b.example").until == date(2027, 6, 30)


def test_a_start_says_when_the_day_has_passed() -> None:
    settings = replace(test_settings("sqlite:////x.db"), security_contact=_settings("a@b.example"))
    assert warnings(settings, date(2027, 6, 30)) == ()
    assert warnings(settings, date(2027, 7, 1)) == [
        "SECURITY_CONTACT_UNTIL was 2027-06-30: security.txt has expired. Check the contact, and"
        " set a new day."
    ]
    assert warnings(test_settings("sqlite:////x.db"), date(2027, 7, 1)) == ()
