"""Tokens: made, rotated, ended; who acts with one; what the change log keeps of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import ApiToken, TokenSecret
from app.accounts.services import tokens
from app.accounts.services.partners import (
    create_partner_account,
    disable_account,
    enable_account,
)
from app.accounts.services.people import disable_user, enable_user, find_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules import access
from app.core.rules.access import Actor, ActorKind, Role
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid
from app.core.rules.scopes import Scope
from app.core.services.changes import changes_of
from app.registry.services.sites import change_site
from tests.cast import NOON, SYSTEM, Cast, enter, writer

DAY = timedelta(days=1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def made(
    session: Session, actor: Actor, *scopes: str, days: int = 90, own: bool = False
) -> tuple[ApiToken, str]:
    verb = tokens.create_own_token if own else tokens.create_token
    with transaction(session):
        new = verb(session, writer(actor), "nms", scopes or ("read",), days)
        return new.token, new.secret


def acts(session: Session, secret: str, at: datetime = NOON) -> Actor | None:
    session.rollback()
    try:
        return tokens.use_of_secret(session, secret, at).actor
    except AuthenticationFailed:
        return None
    finally:
        session.rollback()


def test_a_systems_token_acts_by_its_scopes(session: Session, cast: Cast) -> None:
    token, secret = made(session, cast.admin, "registry", "read")
    assert re.fullmatch(r"lhcopn_[A-Za-z0-9_-]{43}", secret)
    assert acts(session, secret) == Actor(
        kind=ActorKind.TOKEN,
        account="nms",
        account_id=token.id,
        scopes=frozenset({Scope.READ, Scope.REGISTRY}),
    )
    kept = session.scalars(select(TokenSecret.secret_hash)).one()
    logged = repr(session.execute(select(ChangedField.old, ChangedField.new)).all())
    assert secret not in kept + logged
    assert kept not in logged
    (change,) = changes_of(session, "token", token.id)
    assert [(item.field, item.new) for item in change.fields] == [
        ("name", "nms"),
        ("scopes", "registry read"),
        ("secret_until", "2013-06-04 12:00Z"),
    ]


def test_a_token_that_outlived_its_disabled_person_is_nobodys(session: Session, cast: Cast) -> None:
    """Who was disabled by an earlier version still has one in the database."""
    _token, secret = made(session, cast.kit, own=True)
    assert acts(session, secret) is not None
    with transaction(session):
        find_user(session, "kit").disabled_at = NOON
    assert acts(session, secret) is None


def test_wrong_secrets_are_nobodys(session: Session, cast: Cast) -> None:
    _token, secret = made(session, cast.admin)
    for wrong in (
        "",
        "lhcopn_",
        secret[:-1],
        secret + "A",
        secret.upper(),
        secret.removeprefix("lhcopn_"),
        "lhcopn_" + "\ud800",
        "lhcopn_\0",
        "x" * 100_000,
    ):
        assert acts(session, wrong) is None, wrong


def test_it_ends_to_the_second_when_it_expires(session: Session, cast: Cast) -> None:
    _token, secret = made(session, cast.admin, days=7)
    assert acts(session, secret, NOON + 7 * DAY - timedelta(seconds=1)) is not None
    assert acts(session, secret, NOON + 7 * DAY) is None


def test_it_is_rotated_without_a_gap(session: Session, cast: Cast) -> None:
    token, first = made(session, cast.admin, days=10)
    later = writer(cast.admin, NOON + DAY)
    with pytest.raises(Invalid, match="no second active secret"), transaction(session):
        tokens.end_older_secret(session, later, token)
    with transaction(session):
        second = tokens.rotate_token(session, later, token).secret
    assert acts(session, first, NOON + DAY)
    assert acts(session, second, NOON + DAY)
    with pytest.raises(Invalid, match="at most 2 active secrets"), transaction(session):
        tokens.rotate_token(session, later, token)
    # the first expires after ten days, the second lives as long from its own making
    assert acts(session, first, NOON + 10 * DAY) is None
    assert acts(session, second, NOON + 11 * DAY - timedelta(seconds=1))
    assert acts(session, second, NOON + 11 * DAY) is None
    with transaction(session):
        tokens.end_older_secret(session, later, token)
    assert acts(session, first, NOON + DAY) is None
    assert acts(session, second, NOON + DAY)
    with transaction(session):
        third = tokens.rotate_token(session, later, token, 400).secret
        tokens.end_token(session, later, token)
    assert [acts(session, one, NOON + DAY) for one in (first, second, third)] == [None] * 3
    with pytest.raises(Invalid, match="has ended"), transaction(session):
        tokens.rotate_token(session, later, token)
    with transaction(session):
        tokens.end_token(session, later, token)  # a second time is no change
    assert [
        [item.field for item in change.fields] for change in changes_of(session, "token", token.id)
    ] == [
        ["name", "scopes", "secret_until"],
        ["secret_until"],
        ["older_secret"],
        ["secret_until"],
        ["ended"],
    ]


def test_a_persons_token_dies_with_the_person(session: Session, cast: Cast) -> None:
    token, secret = made(session, cast.kit, own=True)
    assert token.name == "kit/nms"
    actor = acts(session, secret)
    assert actor is not None
    assert (actor.kind, actor.account, actor.role) == (ActorKind.PERSON, "kit", Role.REPORTER)
    assert actor.site_ids == cast.kit.site_ids
    with transaction(session):
        disable_user(session, SYSTEM, find_user(session, "kit"))
    assert acts(session, secret) is None
    with transaction(session):
        enable_user(session, SYSTEM, find_user(session, "kit"))
    assert acts(session, secret) is None  # it has ended for good


@pytest.mark.parametrize(
    ("scopes", "days", "field"),
    [
        ((), 90, "scope"),
        (("read", "everything"), 90, "scope"),
        (("read",), 0, "expires"),
        (("read",), 401, "expires"),
        (("read",), -1, "expires"),
    ],
)
def test_what_is_not_allowed_is_said_at_the_field(
    session: Session, cast: Cast, scopes: tuple[str, ...], days: int, field: str
) -> None:
    for verb in (tokens.create_token, tokens.create_own_token):
        with pytest.raises(Invalid) as caught, transaction(session):
            verb(session, writer(cast.admin), "nms", scopes, days)
        assert caught.value.field == field
    assert session.scalars(select(ApiToken)).all() == []


def test_a_name_is_taken_once_and_twenty_are_enough(session: Session, cast: Cast) -> None:
    made(session, cast.admin)
    with pytest.raises(Invalid, match="already"), transaction(session):
        tokens.create_token(session, writer(cast.admin), "nms", ["read"], 1)
    for bad in ("kit/nms", "", "a b", "\u00fc"):
        with pytest.raises(Invalid), transaction(session):
            tokens.create_token(session, writer(cast.admin), bad, ["read"], 1)
    with transaction(session):
        for number in range(tokens.MAX_OWN):
            tokens.create_own_token(session, writer(cast.kit), f"t{number}", ["read"], 1)
    with pytest.raises(Invalid, match="20 active tokens"), transaction(session):
        tokens.create_own_token(session, writer(cast.kit), "more", ["read"], 1)
    with transaction(session):  # those that expired are not counted
        by = writer(cast.kit, NOON + DAY)
        tokens.create_own_token(session, by, "more", ["read"], 1)


def test_only_admins_and_its_person_manage_a_token(session: Session, cast: Cast) -> None:
    token, _secret = made(session, cast.kit, own=True)
    of_system, _secret = made(session, cast.admin)
    for actor in (cast.operator, cast.pic, cast.reader, cast.ggus):
        for verb in (tokens.rotate_token, tokens.end_older_secret, tokens.end_token):
            for one in (token, of_system):
                with pytest.raises(Forbidden), transaction(session):
                    verb(session, writer(actor), one)
        with pytest.raises(Forbidden), transaction(session):
            tokens.create_token(session, writer(actor), "x", ["read"], 1)
    with pytest.raises(Forbidden), transaction(session):
        tokens.end_token(session, writer(cast.kit), of_system)
    for other in (writer(cast.admin), SYSTEM):  # whoever has a secret of it acts as that person
        with pytest.raises(Forbidden, match="You cannot add"), transaction(session):
            tokens.rotate_token(session, other, token)
    with transaction(session):
        tokens.rotate_token(session, writer(cast.kit), token)
        tokens.end_token(session, writer(cast.admin), token)


def test_no_token_makes_or_manages_tokens(session: Session, cast: Cast) -> None:
    scopes = [scope.value for scope in Scope]
    _own, own = made(session, cast.admin, *scopes, own=True)
    of_system, secret = made(session, cast.admin, *scopes[:-1])
    for actor in (acts(session, own), acts(session, secret)):
        assert actor is not None
        by = writer(actor)
        with pytest.raises(Forbidden), transaction(session):
            tokens.create_own_token(session, by, "x", ["read"], 1)
        with pytest.raises(Forbidden), transaction(session):
            tokens.create_token(session, by, "x", ["read"], 1)
        with pytest.raises(Forbidden), transaction(session):
            tokens.rotate_token(session, by, of_system)
        with pytest.raises(Forbidden, match="Tokens cannot"), transaction(session):
            tokens.end_token(session, by, of_system)


def test_only_an_administrators_token_administers_and_with_its_scope(
    session: Session, cast: Cast
) -> None:
    scopes = [scope.value for scope in Scope if scope is not Scope.ADMIN]
    _token, of_system = made(session, cast.admin, *scopes)
    for secret in (of_system, made(session, cast.operator, "admin", "registry", own=True)[1]):
        actor = acts(session, secret)
        assert actor is not None
        with pytest.raises(Forbidden, match="Only admins"), transaction(session):
            change_site(session, writer(actor), "DE-KIT", {"vos": ("CMS",)})
    with transaction(session):
        own = {
            scope: tokens.create_own_token(session, writer(cast.admin), scope, [scope], 9).secret
            for scope in ("read", "registry", "admin")
        }
    registry, reading = acts(session, own["registry"]), acts(session, own["read"])
    assert registry is not None
    assert reading is not None
    with transaction(session):
        change_site(session, writer(registry), "DE-KIT", {"vos": ("CMS",)})
    with pytest.raises(Forbidden, match="lacks the scope registry"), transaction(session):
        change_site(session, writer(reading), "DE-KIT", {"vos": ("ATLAS",)})
    with pytest.raises(Forbidden, match="lacks the scope admin"):
        access.require_admin(reading, "do that")
    with pytest.raises(Invalid, match="scope admin"), transaction(session):
        tokens.create_token(session, writer(cast.admin), "nms2", ["admin"], 9)


def test_a_partners_token_acts_as_its_account(session: Session, cast: Cast) -> None:
    with transaction(session):
        by = writer(cast.admin)
        account = create_partner_account(
            session, by, "NREN-Q", "nren-q", "0123456789abcdef01", access="own"
        )
        secret = tokens.create_token(session, by, "q", ["tickets"], 9, "nren-q").secret
    actor = acts(session, secret)
    assert actor is not None
    assert (actor.kind, actor.partner_code, actor.account) == (
        ActorKind.PARTNER,
        "NREN-Q",
        "nren-q",
    )
    assert actor.scopes == frozenset({Scope.TICKETS})
    with transaction(session):
        disable_account(session, writer(cast.admin), account)
    assert acts(session, secret) is None
    with transaction(session):
        enable_account(session, writer(cast.admin), account)
    assert acts(session, secret) is None, "it stays ended"
    with pytest.raises(Invalid, match="No partner"), transaction(session):
        tokens.create_token(session, writer(cast.admin), "r", ["tickets"], 9, "nobody")


def test_tickets_need_the_scope_and_the_rights_of_the_person(session: Session, cast: Cast) -> None:
    def refusal(actor: Actor | None) -> str | None:
        assert actor is not None
        return access.refusal_to_create(actor)

    with transaction(session):
        made_by = {
            (who, scope): tokens.create_own_token(
                session, writer(getattr(cast, who)), scope, [scope], 9
            ).secret
            for who in ("operator", "reader")
            for scope in ("tickets", "read")
        }
    assert refusal(acts(session, made_by["operator", "tickets"])) is None
    assert refusal(acts(session, made_by["operator", "read"])) == (
        "This token lacks the scope tickets"
    )
    assert "reader" in (refusal(acts(session, made_by["reader", "tickets"])) or "")


def test_the_last_use_is_noted_once_a_minute(session: Session, cast: Cast) -> None:
    token, secret = made(session, cast.admin)
    changes = len(session.scalars(select(Change.id)).all())
    noted = []
    for seconds in (0, 30, 59, 60, 90, 121):
        now = NOON + timedelta(seconds=seconds)
        session.rollback()
        use = tokens.use_of_secret(session, secret, now)
        if use.is_due:
            with transaction(session):
                tokens.note_use(session, use, now, "192.0.2.7")
            noted.append(seconds)
    assert noted == [0, 60, 121]
    session.refresh(token)
    assert token.used_at == NOON + timedelta(seconds=121)
    assert token.used_from == "192.0.2.7"
    assert len(session.scalars(select(Change.id)).all()) == changes  # a use is no change
