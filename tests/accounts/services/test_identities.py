"""Identities: found by issuer and subject only, with the role of the map, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.models.sign_on import Identity
from app.accounts.rules.sign_on import Claimed
from app.accounts.services import identities, people
from app.accounts.services.reset_links import make_reset_link
from app.accounts.services.sign_on_map import TypedMapRow, map_in_use, rows_in_use, save_map
from app.core.database.transactions import transaction
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid
from app.mail.models.mails import MailMessage
from tests.accounts.services.test_people import newest
from tests.cast import SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine

CURIE = Claimed(
    "https://sso.example", "s-1", "mcurie", "Marie Curie", "curie@example.org", ("noc",), "a.b.c"
)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def sign_on(session: Session, said: Claimed) -> User:
    with transaction(session):
        found = identities.sign_on(session, SYSTEM, said, refuse_unmapped=False)
    assert found is not None
    return found


def map_rows(session: Session, cast: Cast, *rows: TypedMapRow) -> None:
    with transaction(session):
        before = map_in_use(session)
        save_map(session, writer(cast.admin), rows, before.version if before else 0)


def test_two_issuers_are_two_people(session: Session, cast: Cast) -> None:
    first = sign_on(session, CURIE)
    other = sign_on(session, replace(CURIE, issuer="https://other.example"))
    assert (first.name, other.name) == ("mcurie", "mcurie-2")
    assert sign_on(session, CURIE).id == first.id
    assert first.mail == other.mail == "curie@example.org"


@pytest.mark.parametrize("name", ["admin", "ADMIN", "kit", "portal"])
def test_no_name_is_taken_over(session: Session, cast: Cast, name: str) -> None:
    assert sign_on(session, replace(CURIE, login_name=name)).name == f"{name}-2"


def test_many_first_logins_at_once_make_one_person(
    session: Session, cast: Cast, database: str
) -> None:
    barrier = Barrier(8)

    def one(_number: int) -> str:
        engine = open_engine(database)
        try:
            with Session(engine) as own:
                barrier.wait(timeout=60)
                return sign_on(own, CURIE).name
        finally:
            engine.dispose()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(one, range(8))) == {"mcurie"}
    assert session.scalar(select(func.count()).select_from(Identity)) == 1


def test_the_mail_follows_until_it_is_changed_here(session: Session, cast: Cast) -> None:
    user = sign_on(session, CURIE)
    sign_on(session, replace(CURIE, mail="new@example.org"))
    assert user.mail == "new@example.org"
    with transaction(session):
        people.set_mail(session, SYSTEM, user, "own@example.org")
    sign_on(session, replace(CURIE, mail="newer@example.org"))
    assert people.find_user(session, "mcurie").mail == "own@example.org"


def test_the_role_follows_the_map_and_each_change_is_logged(session: Session, cast: Cast) -> None:
    map_rows(session, cast, TypedMapRow("noc", "admin"), TypedMapRow("kit", "reporter", "GRIDKA"))
    assert sign_on(session, CURIE).role == "admin"
    assert newest(session, "mcurie") == [("role", "reader", "admin")]
    user = sign_on(session, replace(CURIE, values=("kit",)))
    assert (user.role, [site.key for site in user.sites]) == ("reporter", ["DE-KIT"])
    assert newest(session, "mcurie") == [("role", "admin", "reporter"), ("sites", None, "DE-KIT")]
    map_rows(session, cast)
    assert rows_in_use(session) == ()
    user = sign_on(session, replace(CURIE, values=("kit",)))
    assert (user.role, list(user.sites)) == ("reader", [])


def test_a_local_admin_that_is_linked_stays_one(session: Session, cast: Cast) -> None:
    map_rows(session, cast, TypedMapRow("noc", "reader"))
    with transaction(session):
        identities.link(session, writer(cast.admin), "admin", CURIE)
    assert sign_on(session, CURIE).role == "admin"
    assert people.find_user(session, "admin").password_hash


def test_the_last_admin_with_a_password_does_not_follow(session: Session, cast: Cast) -> None:
    with transaction(session):
        identities.link(session, writer(cast.admin), "admin", CURIE)
    with pytest.raises(Invalid, match="last admin"), transaction(session):
        identities.follow_map(session, writer(cast.admin), "admin", on=True)


def test_who_follows_has_no_password_and_gets_none(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        people.set_mail(session, SYSTEM, people.find_user(session, "kit"), "kit@example.org")
        identities.link(session, writer(cast.kit), "kit", CURIE)
        identities.follow_map(session, by, "kit", on=True, why="moved to the institute's login")
    user = people.find_user(session, "kit")
    assert user.password_hash == ""
    assert newest(session, "kit") == [
        ("role_follows", "set here", "sign-on map"),
        ("password", "set", None),
        ("why", None, "moved to the institute's login"),
    ]
    subjects = session.scalars(select(MailMessage.subject)).all()
    assert sum("Your password was removed" in subject for subject in subjects) == 1
    with (
        pytest.raises(Invalid, match="logs in only through the sign-on provider"),
        transaction(session),
    ):
        make_reset_link(session, by, "kit")
    with (
        pytest.raises(Invalid, match="logs in only through the sign-on provider"),
        transaction(session),
    ):
        people.set_password(session, SYSTEM, user, "another horse 8")
    assert sign_on(session, replace(CURIE, values=())).role == "reader"
    with transaction(session):
        assert people.change_person(session, by, "kit", "reader")  # as it is, but set here now
        assert people.change_person(session, by, "kit", "operator")
        make_reset_link(session, by, "kit")
    assert sign_on(session, CURIE).role == "operator"


def test_an_identity_belongs_to_one_account_and_an_account_has_one(
    session: Session, cast: Cast
) -> None:
    with transaction(session):
        identities.link(session, writer(cast.kit), "kit", CURIE)
        identities.link(session, writer(cast.kit), "kit", CURIE)  # twice changes nothing
    with pytest.raises(Invalid, match="another account"), transaction(session):
        identities.link(session, writer(cast.pic), "pic", CURIE)
    with pytest.raises(Invalid, match="another sign-on"), transaction(session):
        identities.link(session, writer(cast.kit), "kit", replace(CURIE, subject="s-2"))
    with pytest.raises(Forbidden), transaction(session):
        identities.link(session, writer(cast.pic), "kit", replace(CURIE, subject="s-2"))
    assert newest(session, "kit") == [("sign_on", None, "s-1")]


def test_unlinking(session: Session, cast: Cast) -> None:
    user = sign_on(session, CURIE)
    own = writer(people.actor_of_user(user))
    with pytest.raises(Invalid, match="You could not log in"), transaction(session):
        identities.unlink(session, own, "mcurie", CURIE.issuer)
    with pytest.raises(Forbidden), transaction(session):
        identities.unlink(session, writer(cast.operator), "mcurie", CURIE.issuer)
    with transaction(session):
        identities.unlink(session, writer(cast.admin), "mcurie", CURIE.issuer, why="left")
    assert newest(session, "mcurie") == [("sign_on", "s-1", None), ("why", None, "left")]
    assert sign_on(session, CURIE).name == "mcurie-2"


def test_a_disabled_person_and_a_site_that_is_gone(session: Session, cast: Cast) -> None:
    map_rows(session, cast, TypedMapRow("noc", "reporter", "pic"))
    user = sign_on(session, CURIE)
    assert user.role == "reporter"
    with transaction(session):
        people.disable_user(session, writer(cast.admin), user)
    with pytest.raises(AuthenticationFailed), transaction(session):
        identities.sign_on(session, SYSTEM, CURIE, refuse_unmapped=True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (TypedMapRow("", "reader"), "needs a value"),
        (TypedMapRow("x" * 501, "reader"), "at most 500 characters"),
        (TypedMapRow("x\x00", "reader"), "control"),
        (TypedMapRow("x", "root"), "allowed values"),
        (TypedMapRow("x", "operator", "pic"), "only a reporter"),
        (TypedMapRow("x", "reporter"), "needs a site"),
        (TypedMapRow("x", "reporter", "nowhere"), "No site has this name"),
        (TypedMapRow("x", "reporter", "\x00"), "control"),
    ],
)
def test_rows_that_are_none(session: Session, cast: Cast, row: TypedMapRow, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error, transaction(session):
        save_map(session, writer(cast.admin), [TypedMapRow("fine", "reader"), row], 0)
    assert "Row 2" in error.value.message
    session.rollback()
    assert rows_in_use(session) == ()


def test_a_map_has_versions_and_of_two_savers_one_is_told(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        assert save_map(session, by, [TypedMapRow("noc", "operator")], 0) == 1
        assert save_map(session, by, [TypedMapRow("noc", "operator")], 1) == 1
    with pytest.raises(Invalid, match="Version 1 was saved in the meantime"), transaction(session):
        save_map(session, by, [TypedMapRow("x", "reader")], 0)
    with pytest.raises(Forbidden), transaction(session):
        save_map(session, writer(cast.operator), [], 1)
    with pytest.raises(Invalid, match="At most 100"), transaction(session):
        save_map(session, by, [TypedMapRow("x", "reader")] * 101, 1)
