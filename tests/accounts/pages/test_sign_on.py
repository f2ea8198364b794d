"""Signing on with a real provider of identities, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.people import Login, User
from app.accounts.models.sign_on import Identity
from app.accounts.pages.login import PROVED_AT
from app.accounts.pages.sign_on import BEGUN
from app.accounts.services import people
from app.accounts.services.sign_on_map import TypedMapRow, rows_in_use, save_map
from app.accounts.web.own_password import SIGN_ON_AGAIN
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.sign_on_settings import SignOnSettings
from tests.accounts.adapters.openid_stand_in import stand_in
from tests.accounts.pages.test_passkeys import give_passkey, options_of
from tests.accounts.pages.test_second_factor import give_code, now_code, set_up
from tests.cast import PASSWORD, SYSTEM, Cast, writer
from tests.harness import identity_provider
from tests.harness.authenticator import Authenticator
from tests.harness.identity_provider import (
    NAME,
    IdentityProvider,
    ProviderVisitor,
    provider_for,
    sign_on_settings,
)
from tests.harness.server import free_port
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

PORTAL = "http://localhost"
OPERATORS = "urn:example:group:lhcopn:operators"
KIT = "urn:example:group:lhcopn:kit"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "curie": {
        "name": "Marie Curie",
        "preferred_username": "mcurie",
        "email": "curie@example.org",
        "email_verified": True,
        "eduperson_entitlement": [OPERATORS],
    },
    "meitner": {"name": "Lise Meitner", "eduperson_entitlement": "urn:example:group:other"},
    # whoever gave these claims wants to be somebody else here
    "mallory": {"preferred_username": "admin", "email": "kit@example.org", "email_verified": True},
}


@pytest.fixture(scope="module")
def running() -> Iterator[IdentityProvider]:
    if not identity_provider.is_there():
        pytest.skip(f"needs {identity_provider.NEED}")
    with provider_for(PORTAL, PEOPLE) as found:
        yield found


@pytest.fixture
def provider(running: IdentityProvider) -> IdentityProvider:
    for name, claims in PEOPLE.items():
        running.says(name, **claims)
    return running


@pytest.fixture
def app(app_with: Callable[..., Flask], provider: IdentityProvider) -> Flask:
    return app_with(public_url=PORTAL, **provider.settings())


@pytest.fixture
def mapped(session: Session, cast: Cast) -> None:
    rows = [
        TypedMapRow(OPERATORS, "operator"),
        TypedMapRow("urn:example:group:lhcopn:k*", "reporter", "DE-KIT"),
    ]
    with transaction(session):
        save_map(session, writer(cast.admin), rows, 0)


def begin(visitor: Visitor, path: str = "/login/sign-on") -> str:
    """The address of the provider to which the portal leads."""
    answer = visitor.get(path)
    assert answer.status_code == 303, answer.text
    assert answer.location is not None
    return answer.location


def come_back(
    visitor: Visitor, name: str, path: str = "/login/sign-on", at: ProviderVisitor | None = None
) -> TestResponse:
    """Sign on as this person; the portal's answer to the way back."""
    at = at or ProviderVisitor(PORTAL)
    return visitor.get(at.come_back(begin(visitor, path), name))


def person(session: Session, name: str) -> User:
    session.rollback()
    return people.find_user(session, name)


def is_refused(answer: TestResponse, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    page = PageReader(answer.text)
    assert words in page.text
    assert {url for url, _text in page.links} >= {"/login", "/login/sign-on"}


def test_the_first_login_makes_a_person_with_the_role_of_the_map(
    app: Flask, session: Session, cast: Cast, mapped: None
) -> None:
    visitor = Visitor(app)
    page = visitor.read("/login?next=/tickets?q%3Dx")
    assert ("/login/sign-on?next=/tickets?q%3Dx", f"Sign in with {NAME}") in page.links
    answer = come_back(visitor, "curie", "/login/sign-on?next=/tickets?q%3Dx")
    assert answer.location == "/tickets?q=x"
    assert visitor.get("/tickets").status_code == 200
    user = person(session, "mcurie")
    assert (user.role, user.mail, user.password_hash) == ("operator", "curie@example.org", "")
    identity = session.scalars(select(Identity)).one()
    assert (identity.subject, identity.full_name) == ("curie", "Marie Curie")
    assert identity.follows_map
    assert session.scalars(select(Login)).one().sign_on


def test_what_the_browser_is_led_with(app: Flask, cast: Cast, provider: IdentityProvider) -> None:
    asked = parse_qs(urlsplit(begin(Visitor(app))).query)
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == [f"{PORTAL}/login/sign-on/done"]
    assert asked["scope"] == ["openid profile email"]
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 32 for name in ("state", "nonce", "code_challenge"))


def test_whom_nobody_mapped_is_a_reader_and_admins_see_the_value(
    app: Flask, session: Session, cast: Cast, mapped: None, visit: Enter
) -> None:
    assert come_back(Visitor(app), "meitner").location == "/"
    assert person(session, "meitner").role == "reader"
    page = visit(cast.admin).read("/admin/sign-on")
    assert "urn:example:group:other 1 person" in page.text
    assert (
        OPERATORS
        not in page.text.partition("Values without a matching row")[2].partition("Vers")[0]
    )


@pytest.fixture
def strict(app_with: Callable[..., Flask], provider: IdentityProvider) -> Flask:
    """A portal as it is by default."""
    given = provider.settings(unmapped=SignOnSettings().unmapped, contact="noc@portal.example")
    return app_with(public_url=PORTAL, **given)


def test_by_default_whom_nobody_mapped_is_refused_with_what_to_do(
    strict: Flask,
    session: Session,
    cast: Cast,
    mapped: None,
    caplog: pytest.LogCaptureFixture,
    visit: Enter,
) -> None:
    visitor, there = Visitor(strict), ProviderVisitor(PORTAL)
    with caplog.at_level("INFO", "portal.security"):
        for _turn in range(2):
            answer = come_back(visitor, "meitner", at=there)
            is_refused(answer, 403, "To get access, write to noc@portal.example")
    assert [getattr(one, "how", "") for one in caplog.records] == ["sign-on: no role"] * 2
    assert "Lise Meitner" in PageReader(answer.text).text
    assert visitor.get("/tickets").status_code == 303
    assert session.scalars(select(User).where(User.name == "meitner")).all() == []
    assert session.scalars(select(Identity)).all() == []
    assert come_back(Visitor(strict), "curie").location == "/"
    session.rollback()
    admin = Visitor(strict)
    with transaction(session):
        admin_id = people.find_user(session, "admin").id
        admin.carry(people.start_login(session, admin_id, datetime.now(UTC)))
    page = admin.read("/admin/sign-on")
    asked = page.text.partition("Refused: no matching row")[2].partition("Current roles")[0]
    assert "Lise Meitner meitner none urn:example:group:other" in asked
    assert "2 times" in asked
    assert "Marie Curie" not in asked
    rows = {
        "rows-pattern": ["urn:example:group:*"],
        "rows-role": ["reader"],
        "rows-site": [""],
        "base": "1",
        "do": "save",
    }
    assert admin.send("/admin/sign-on", rows).status_code == 303
    assert come_back(visitor, "meitner", at=there).location == "/"
    assert "Refused: no matching row" not in admin.read("/admin/sign-on").text


def test_who_loses_the_role_there_keeps_nothing_here(
    strict: Flask, session: Session, cast: Cast, mapped: None, provider: IdentityProvider
) -> None:
    visitor = Visitor(strict)
    come_back(visitor, "curie", "/login/sign-on?again=1")
    visitor.renew_token()
    token = {"name": "laptop", "scopes": "read", "days": "90", "password": ""}
    made = visitor.send("/profile/tokens", token)
    assert made.status_code == 200, made.text
    secret = next(word for word in re.findall(r"lhcopn_[\w-]+", made.text))
    client = strict.test_client()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/sites", headers=bearer).status_code == 200
    provider.says("curie", **{**PEOPLE["curie"], "eduperson_entitlement": []})
    is_refused(come_back(Visitor(strict), "curie"), 403, "none of your groups or entitlements")
    assert visitor.get("/tickets").status_code == 303, "the login of before"
    assert client.get("/api/v1/sites", headers=bearer).status_code == 401
    assert person(session, "mcurie").role == "reader"
    provider.says("curie", **PEOPLE["curie"])
    assert come_back(visitor, "curie").location == "/"
    assert person(session, "mcurie").role == "operator"
    assert client.get("/api/v1/sites", headers=bearer).status_code == 401, "it stays ended"


def test_pages_say_who_signs_on_and_when_its_programs_end(
    strict: Flask, session: Session, cast: Cast, mapped: None
) -> None:
    visitor = Visitor(strict)
    come_back(visitor, "curie")
    session.rollback()
    with transaction(session):
        identity = session.scalars(select(Identity)).one()
        identity.used_at = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    # 30 days later, the default of SIGN_ON_LAPSE_DAYS
    for page in ("/profile", "/profile/tokens"):
        assert "2026-04-05" in visitor.get(page).text, page
    admin = Visitor(strict)
    with transaction(session):
        admin_id = people.find_user(session, "admin").id
        admin.carry(people.start_login(session, admin_id, datetime.now(UTC)))
    row = admin.get("/admin/people").text.partition('href="/admin/people/mcurie"')[2]
    assert "2026-03-06" in row.partition("</tr>")[0].partition('class="c-sign-on"')[2]
    local = admin.get("/admin/people").text.partition('href="/admin/people/kit"')[2]
    assert ">no<" in local.partition("</tr>")[0].partition('class="c-sign-on"')[2]
    for page in ("/profile", "/profile/tokens"):
        assert "unless you sign in again before then" not in admin.read(page).text
        assert "Without another sign-on" not in admin.read(page).text


def test_a_role_that_is_set_here_needs_no_row(
    strict: Flask, session: Session, cast: Cast, mapped: None
) -> None:
    visitor = Visitor(strict)
    link_account(visitor, session, "kit", "meitner")
    assert come_back(Visitor(strict), "meitner").location == "/"
    assert person(session, "kit").role == "reporter"


def test_what_is_taken_away_there_ends_here_at_the_next_login(
    app: Flask, session: Session, cast: Cast, mapped: None, provider: IdentityProvider
) -> None:
    come_back(Visitor(app), "curie")
    provider.says("curie", **{**PEOPLE["curie"], "eduperson_entitlement": [KIT]})
    come_back(Visitor(app), "curie")
    user = person(session, "mcurie")
    assert (user.role, [site.key for site in user.sites]) == ("reporter", ["DE-KIT"])
    provider.says("curie", **{**PEOPLE["curie"], "eduperson_entitlement": []})
    come_back(Visitor(app), "curie")
    user = person(session, "mcurie")
    assert (user.role, list(user.sites)) == ("reader", [])


def test_a_role_that_an_admin_set_by_hand_stays(
    app: Flask, session: Session, cast: Cast, mapped: None, visit: Enter
) -> None:
    come_back(Visitor(app), "curie")
    admin = visit(cast.admin)
    answer = admin.send("/admin/people/mcurie/role", {"role": "reader", "sites": "", "why": ""})
    assert answer.status_code == 303
    come_back(Visitor(app), "curie")
    assert person(session, "mcurie").role == "reader"
    assert admin.send("/admin/people/mcurie/follow-map", {"why": ""}).status_code == 303
    come_back(Visitor(app), "curie")
    assert person(session, "mcurie").role == "operator"


def test_a_name_or_mail_of_somebody_else_takes_nothing_over(
    app: Flask, session: Session, cast: Cast
) -> None:
    with transaction(session):
        kit = people.find_user(session, "kit")
        people.set_mail(session, writer(cast.kit), kit, "kit@example.org")
    come_back(Visitor(app), "mallory")
    user = person(session, "admin-2")
    assert (user.role, user.mail) == ("reader", "kit@example.org")
    assert person(session, "kit").id != user.id
    assert session.scalars(select(Identity.user_id)).all() == [user.id]


def test_a_disabled_person_stays_out(
    app: Flask, session: Session, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    come_back(Visitor(app), "curie")
    with transaction(session):
        people.disable_user(session, SYSTEM, people.find_user(session, "mcurie"))
    visitor = Visitor(app)
    caplog.clear()
    with caplog.at_level("INFO", "portal.security"):
        is_refused(come_back(visitor, "curie"), 403, "Your account is disabled here")
    assert [getattr(record, "how", "") for record in caplog.records] == ["sign-on: disabled"]
    assert visitor.get("/tickets").status_code == 303


def test_a_second_factor_of_ones_own_is_asked_for(app: Flask, session: Session, cast: Cast) -> None:
    visitor = Visitor(app)
    link_account(visitor, session, "kit", "curie")
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    answer = come_back(visitor, "curie", "/login/sign-on?next=/sites")
    assert answer.location == "/login/code?next=/sites"
    assert visitor.get("/tickets").status_code == 303
    assert give_code(visitor, now_code(secret), next="/sites").location == "/sites"
    session.rollback()
    login = session.scalars(select(Login).order_by(Login.id.desc())).first()
    assert login is not None
    assert (login.sign_on, login.second_factor, login.user.name) == (True, True, "kit")


def test_a_passkey_is_the_second_step_of_who_follows_the_map_and_never_the_only_one(
    app: Flask, session: Session, cast: Cast, provider: IdentityProvider
) -> None:
    visitor, device = Visitor(app), Authenticator()
    come_back(visitor, "curie")
    late = visitor.send("/profile/passkeys/options", {})
    assert (late.status_code, late.json) == (422, {"problem": SIGN_ON_AGAIN})
    come_back(visitor, "curie", "/login/sign-on?again=1")
    visitor.renew_token()
    asked = options_of(visitor, "/profile/passkeys/options")["create"]
    fields = {"name": "laptop", "credential": device.create(asked)}
    assert visitor.send("/profile/passkeys", fields).status_code == 200
    alone = give_passkey(Visitor(app), device)
    assert alone.status_code == 401
    assert "Passkey refused" in alone.text
    visitor = Visitor(app)
    assert come_back(visitor, "curie", "/login/sign-on?next=/sites").location is not None
    assert visitor.get("/tickets").status_code == 303
    assert give_passkey(visitor, device, "/login/code/passkey").status_code == 303
    session.rollback()
    login = session.scalars(select(Login).order_by(Login.id.desc())).first()
    assert login is not None
    assert (login.sign_on, login.second_factor) == (True, True)


def link_account(visitor: Visitor, session: Session, name: str, as_whom: str) -> None:
    """Link a local account from the profile, by its password."""
    visitor.send("/login", {"name": name, "password": PASSWORD})
    visitor.renew_token()
    assert visitor.send("/profile/sign-on/link", {"password": PASSWORD}).status_code == 303
    page = visitor.read("/profile/sign-on")
    assert ("/login/sign-on?link=1", f"Continue to {NAME}") in page.links
    # whoever is logged in there is asked anew: it may be somebody else's doing
    at = ProviderVisitor(PORTAL)
    come_back(Visitor(visitor.client.application), "mallory", at=at)
    answer = come_back(visitor, as_whom, "/login/sign-on?link=1", at)
    assert answer.location == "/profile/sign-on"
    session.rollback()


def test_a_local_account_is_linked_keeps_its_role_and_is_unlinked(
    app: Flask, session: Session, cast: Cast, mapped: None
) -> None:
    visitor = Visitor(app)
    link_account(visitor, session, "kit", "curie")
    other = Visitor(app)
    come_back(other, "curie")
    assert "Your profile" in other.read("/profile").text
    assert other.send("/logout", {}).status_code == 303
    user = person(session, "kit")
    assert (user.role, [site.key for site in user.sites]) == ("reporter", ["DE-KIT"])
    assert session.scalars(select(User).where(User.name == "mcurie")).all() == []
    visitor.renew_token()
    wrong = visitor.send("/profile/sign-on/unlink", {"password": "no"})
    assert wrong.status_code == 422
    answer = visitor.send("/profile/sign-on/unlink", {"password": PASSWORD})
    assert answer.status_code == 303, answer.text
    session.rollback()
    assert session.scalars(select(Identity.subject)).all() == ["mallory"]


def test_nobody_links_without_the_password_or_what_is_linked_elsewhere(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    come_back(Visitor(app), "curie")
    visitor = visit(cast.kit)
    assert visitor.get("/login/sign-on?link=1").location == "/profile/sign-on"
    assert visitor.send("/profile/sign-on/link", {"password": "no"}).status_code == 422
    assert visitor.get("/login/sign-on?link=1").location == "/profile/sign-on"
    visitor.send("/profile/sign-on/link", {"password": PASSWORD})
    answer = come_back(visitor, "curie", "/login/sign-on?link=1")
    assert answer.location == "/profile/sign-on"
    assert "is linked to another account here" in visitor.read("/profile/sign-on").text
    session.rollback()
    assert session.scalars(select(Identity)).one().user.name == "mcurie"


def test_an_account_without_a_password_proves_itself_by_a_fresh_sign_on(
    app: Flask, session: Session, cast: Cast
) -> None:
    visitor, at = Visitor(app), ProviderVisitor(PORTAL)
    come_back(visitor, "curie", at=at)
    token = {"name": "laptop", "scopes": "read", "days": "90", "password": ""}
    answer = visitor.send("/profile/tokens", token)
    assert answer.status_code == 422  # the provider may have known curie for hours
    assert "Sign in again first" in answer.text
    again = "/login/sign-on?again=1&next=/profile/sign-on"
    assert (again, "Sign in again") in visitor.read("/profile/sign-on").links
    assert come_back(visitor, "curie", again, at).location == "/profile/sign-on"
    visitor.renew_token()
    assert visitor.send("/profile/tokens", token).status_code == 200
    with visitor.client.session_transaction() as cookie:
        cookie[PROVED_AT] -= 601
    assert visitor.send("/profile/tokens", {**token, "name": "other"}).status_code == 422
    user = person(session, "mcurie")
    with pytest.raises(Invalid, match="only through the sign-on provider"), transaction(session):
        people.set_password(session, SYSTEM, user, "another horse 8")


def test_logout_ends_the_session_at_the_provider_too(app: Flask, cast: Cast) -> None:
    visitor, at = Visitor(app), ProviderVisitor(PORTAL)
    come_back(visitor, "curie", at=at)
    again = Visitor(app)
    assert come_back(again, "nobody asks", at=at).location == "/"  # the provider knows curie
    visitor.renew_token()
    answer = visitor.send("/logout", {})
    assert answer.location == "/logout/sign-on"
    page = visitor.read("/logout/sign-on")
    address = next(url for url, text in page.links if text == f"Log out of {NAME}")
    assert "id_token_hint=" in address
    assert ("meta", "content", f"0; url={address}") in page.attributes
    assert at.come_back(address).partition("?")[0] == "/login"
    assert visitor.get("/logout/sign-on").location == "/login"
    cancelled = again.get(at.come_back(begin(again), ""))  # who it is, is asked again
    is_refused(cancelled, 400, f"{NAME} did not sign you in")
    assert "<b>cancelled" not in cancelled.text


def test_a_login_by_password_ends_here_only(app: Flask, cast: Cast, visit: Enter) -> None:
    visitor = Visitor(app)
    visitor.send("/login", {"name": "kit", "password": PASSWORD})
    visitor.renew_token()
    assert visitor.send("/logout", {}).location == "/login"


def test_a_key_that_is_replaced_under_its_name_is_fetched_once_more(
    app: Flask, cast: Cast, provider: IdentityProvider
) -> None:
    assert come_back(Visitor(app), "curie").location == "/"
    provider.rotate()
    assert come_back(Visitor(app), "curie").location == "/"


def test_a_provider_that_is_gone_leaves_the_local_login(
    app_with: Callable[..., Flask], cast: Cast
) -> None:
    app = app_with(public_url=PORTAL, **sign_on_settings(free_port()))
    visitor = Visitor(app)
    answer = visitor.get("/login/sign-on")
    is_refused(answer, 503, f"{NAME} does not respond")
    assert answer.headers["Retry-After"]
    assert visitor.send("/login", {"name": "kit", "password": PASSWORD}).location == "/"


def test_a_provider_that_is_gone_on_the_way_back(
    app_with: Callable[..., Flask], cast: Cast
) -> None:
    if not identity_provider.is_there():
        pytest.skip(f"needs {identity_provider.NEED}")
    with provider_for(PORTAL, PEOPLE) as provider:
        app = app_with(public_url=PORTAL, **provider.settings())
        visitor = Visitor(app)
        back = ProviderVisitor(PORTAL).come_back(begin(visitor), "curie")
        signed_on = Visitor(app)
        come_back(signed_on, "curie")
        provider.stop()
        is_refused(visitor.get(back), 503, f"{NAME} does not respond")
        assert signed_on.get("/tickets").status_code == 200
        assert signed_on.send("/logout", {}).location == "/logout/sign-on"


def test_a_stolen_answer_a_used_one_and_one_without_its_begin_are_refused(
    app: Flask, session: Session, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    visitor, thief, words = Visitor(app), Visitor(app), "was not started in this browser"
    back = ProviderVisitor(PORTAL).come_back(begin(visitor), "curie")
    with caplog.at_level("INFO", "portal.security"):
        is_refused(thief.get(back), 400, words)
        begin(thief)
        is_refused(thief.get(back), 400, words)
    assert [getattr(record, "how", "") for record in caplog.records] == ["sign-on: state"] * 2
    assert visitor.get(back).location == "/"
    is_refused(visitor.get(back), 400, words)
    is_refused(Visitor(app).get("/login/sign-on/done"), 400, words)
    late = ProviderVisitor(PORTAL).come_back(begin(visitor), "curie")
    with visitor.client.session_transaction() as cookie:
        cookie[BEGUN] = {
            state: (*one[:3], one[3] - 601, *one[4:]) for state, one in cookie[BEGUN].items()
        }
    is_refused(visitor.get(late), 400, words)
    assert len(session.scalars(select(Login)).all()) == 1


def test_of_several_tabs_the_three_newest_may_come_back(app: Flask, cast: Cast) -> None:
    visitor = Visitor(app)
    states = [parse_qs(urlsplit(begin(visitor)).query)["state"][0] for _tab in range(12)]
    with visitor.client.session_transaction() as cookie:
        assert set(cookie[BEGUN]) == set(states[-3:])


@pytest.mark.parametrize(
    ("auth_time", "status"),
    [(0, 200), (-601, 422), (3600, 422), (float("nan"), 422), (float("inf"), 422), (None, 422)],
)
def test_when_the_person_proved_it_to_the_provider(
    app_with: Callable[..., Flask], cast: Cast, auth_time: float | None, status: int
) -> None:
    with stand_in() as said:
        port = urlsplit(said.issuer).port
        assert port is not None
        app = app_with(public_url=PORTAL, **sign_on_settings(port))
        visitor, moment = Visitor(app), int(datetime.now(UTC).timestamp())
        asked = parse_qs(urlsplit(begin(visitor, "/login/sign-on?again=1")).query)
        said.claims |= {"nonce": asked["nonce"][0], "iat": moment, "exp": moment + 300}
        if auth_time is not None:
            said.claims["auth_time"] = moment + auth_time
        said.userinfo["auth_time"] = moment  # which nobody signed
        back = f"/login/sign-on/done?state={asked['state'][0]}&code=x"
        assert visitor.get(back).location == "/"
        token = {"name": "laptop", "scopes": "read", "days": "90", "password": ""}
        assert visitor.send("/profile/tokens", token).status_code == status


def test_a_code_of_another_login_proves_nothing(
    app: Flask, session: Session, cast: Cast, mapped: None
) -> None:
    """Whoever has another's code and a state of its own lacks the other's verifier."""
    thief, victim = Visitor(app), Visitor(app)
    code = parse_qs(urlsplit(ProviderVisitor(PORTAL).come_back(begin(victim), "curie")).query)
    state = parse_qs(urlsplit(begin(thief)).query)["state"][0]
    answer = thief.get(f"/login/sign-on/done?state={state}&code={code['code'][0]}")
    is_refused(answer, 502, "could not be verified")
    assert session.scalars(select(Login)).all() == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("error=access_denied&error_description=%3Cscript%3E", "did not sign you in"),
        ("code=", "did not sign you in"),
        ("code=%00", "did not sign you in"),
        ("code=" + "x" * 5000, "did not sign you in"),
        ("code=x&iss=https://evil.example", "another provider"),
    ],
)
def test_an_answer_that_is_none(app: Flask, cast: Cast, query: str, words: str) -> None:
    visitor = Visitor(app)
    state = parse_qs(urlsplit(begin(visitor)).query)["state"][0]
    answer = visitor.get(f"/login/sign-on/done?state={state}&{query}")
    is_refused(answer, 400, words)
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/no-such-page"]
)
def test_nobody_is_led_to_another_site(app: Flask, cast: Cast, wanted: str) -> None:
    visitor = Visitor(app)
    at = ProviderVisitor(PORTAL)
    url = visitor.client.get("/login/sign-on", query_string={"next": wanted}).location
    assert url is not None
    assert visitor.get(at.come_back(url, "curie")).location == "/"


def test_another_name_of_the_portal_leads_to_the_one_that_is_registered(
    app: Flask, cast: Cast
) -> None:
    answer = Visitor(app).client.get(
        "/login/sign-on?next=/sites&_scheme=ftp", base_url="http://127.0.0.1"
    )
    assert answer.location == f"{PORTAL}/login/sign-on?moved=1&next=/sites"


def test_what_was_typed_stays_in_its_tab(app: Flask, cast: Cast) -> None:
    answer = Visitor(app).send("/tickets/1/comment", {"text": "Typed text"})
    assert answer.status_code == 401
    attributes = PageReader(answer.text).attributes
    assert ("a", "target", "_blank") in attributes
    assert ("a", "rel", "noopener") in attributes


def test_without_a_provider_there_is_no_button_and_no_such_page(
    app_with: Callable[..., Flask], cast: Cast
) -> None:
    visitor = Visitor(app_with())
    assert "Sign in with" not in visitor.read("/login").text
    assert visitor.get("/login/sign-on").status_code == 404
    assert visitor.get("/login/sign-on/done").status_code == 404
    assert visitor.get("/logout/sign-on").location == "/login"


def test_a_form_without_its_rows_takes_no_role_away(
    app: Flask, session: Session, cast: Cast, mapped: None, visit: Enter
) -> None:
    admin = visit(cast.admin)
    whole = admin.read("/admin/sign-on").form("/admin/sign-on").data()
    for name in ("rows-pattern", "rows-role", "rows-site"):
        some = {key: value for key, value in whole.items() if key != name}
        answer = admin.send("/admin/sign-on", {**some, "do": "save"})
        assert answer.status_code == 422
        assert "Rows is missing in the form" in answer.text
    for do in ("save", "preview", ""):
        assert admin.send("/admin/sign-on", {"base": "1", "do": do}).status_code == 422
    session.rollback()
    assert len(rows_in_use(session)) == 2
    none = {"rows-pattern": "", "rows-role": "reader", "rows-site": "", "base": "1", "do": "save"}
    assert admin.send("/admin/sign-on", none).status_code == 303
    session.rollback()
    assert rows_in_use(session) == ()


def test_a_map_is_previewed_before_it_is_saved(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    come_back(Visitor(app), "curie")
    admin = visit(cast.admin)
    fields = {"rows-pattern": [OPERATORS, "x"], "rows-role": ["operator", "reporter"]}
    typed = {**fields, "rows-site": ["", "pic"], "base": "0"}
    answer = admin.send("/admin/sign-on", {**typed, "do": "preview"})
    assert answer.status_code == 200
    text = PageReader(answer.text).text
    assert "nothing is saved yet" in text
    assert f"mcurie {OPERATORS} reader operator" in text
    session.rollback()
    assert person(session, "mcurie").role == "reader"
    assert admin.send("/admin/sign-on", {**typed, "do": "save"}).status_code == 303
    session.rollback()
    page = admin.read("/admin/sign-on")
    assert page.form("/admin/sign-on").values("rows-site") == ["", "ES-PIC"]
    old = admin.send("/admin/sign-on", {**typed, "rows-pattern": ["y", "x"], "do": "save"})
    assert old.status_code == 422
    assert "Version 1 was saved in the meantime" in old.text
    moved = admin.send("/admin/sign-on", {**typed, "do": "up-rows-1"})
    assert PageReader(moved.text).form("/admin/sign-on").values("rows-pattern") == ["x", OPERATORS]
