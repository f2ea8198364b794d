"""A start with another SECRET_KEY than the one with which stored secrets were encrypted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from app.commands.serve import use_key
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid, SettingError
from app.core.services.sealing import key_fits, publish_key
from app.core.settings import Settings
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.secrets import LOGIN, add_secret, live_secrets, opened
from tests.cast import Cast, writer
from tests.harness.server import test_settings

FIRST = test_settings("sqlite://")
OTHER = replace(FIRST, secret_key="another-secret-of-at-least-32-characters")


def key_of(settings: Settings) -> bytes:
    return (settings.secret_key or "").encode()


def start(session: Session, settings: Settings, *, new_key: bool = False) -> list[str]:
    with transaction(session):
        told = use_key(session, settings, new_key=new_key)
        publish_key(session, key_of(settings))
    return list(told)


def test_where_nothing_is_encrypted_any_key_will_do(session: Session) -> None:
    for settings in (FIRST, FIRST, OTHER):
        assert start(session, settings) == []
        assert key_fits(session, key_of(settings))
        session.rollback()


def test_a_wrong_key_ends_the_start_in_one_line_and_changes_nothing(
    session: Session, cast: Cast
) -> None:
    start(session, FIRST)
    with transaction(session):
        by, url = writer(cast.admin), "https://b.example"
        made = connect(session, by, "NREN-A", "zammad", url=url, direction="both")
        add_secret(session, by, made, LOGIN, "a token of theirs", key_of(FIRST))
    with pytest.raises(SettingError) as refused:
        start(session, OTHER)
    assert str(refused.value) == (
        "SECRET_KEY is not the one with which 1 stored secrets were encrypted (connection NREN-A"
        " zammad); set that one, or, if SECRET_KEY was changed on purpose, set it as"
        " OLD_SECRET_KEY, or `flask serve --new-key` where it is lost: each of them is then to be"
        " set again"
    )
    assert key_fits(session, key_of(FIRST))
    session.rollback()
    assert start(session, OTHER, new_key=True) == ["connection NREN-A zammad"]
    assert start(session, OTHER) == [], "said once"
    assert key_fits(session, key_of(OTHER))


def test_a_start_with_both_keys_loses_nothing(session: Session, cast: Cast) -> None:
    start(session, FIRST)
    with transaction(session):
        by, url = writer(cast.admin), "https://b.example"
        made = connect(session, by, "NREN-A", "zammad", url=url, direction="both")
        add_secret(session, by, made, LOGIN, "a token of theirs", key_of(FIRST))
    both = replace(OTHER, old_secret_key=FIRST.secret_key)
    with transaction(session):
        assert use_key(session, both, new_key=False) == ()
        assert both.key is not None
        publish_key(session, both.key)
    assert key_fits(session, key_of(OTHER)), "what is set from now on needs the new key"
    session.rollback()
    (row,) = live_secrets(session, made, LOGIN)
    assert opened(row, both.key) == "a token of theirs"


def test_nobody_replaces_the_key_by_the_way(session: Session, cast: Cast) -> None:
    """A server with another key, beside the right one, that is given a secret on its page."""
    start(session, FIRST)
    with transaction(session):
        by, url = writer(cast.admin), "https://b.example"
        made = connect(session, by, "NREN-A", "zammad", url=url, direction="both")
    with pytest.raises(Invalid, match="SECRET_KEY is not the one"), transaction(session):
        add_secret(session, writer(cast.admin), made, LOGIN, "a token", key_of(OTHER))
    assert key_fits(session, key_of(FIRST))
