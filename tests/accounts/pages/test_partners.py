"""The admins' pages of partners and their accounts."""

from __future__ import annotations

import base64
import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import AccountSecret, Partner, PartnerAccount
from app.accounts.pages.account_calls import PER_PAGE
from app.accounts.services.calls import CallRecord, record_calls
from app.accounts.services.credentials import attempt
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import ActorKind
from app.core.rules.errors import AuthenticationFailed
from tests.cast import PASSWORD, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

PARTNERS = "/partners"
GOOD = {
    "password": PASSWORD,
    "code": "NREN-NEW",
    "login": "nren-new",
    "access": "own",
    "rights": "read and write",
    "internal": "hidden",
    "contract_year": "2016",
    "sites": "",
}


def page_of(cast: Cast) -> str:
    return f"{PARTNERS}/accounts/{cast.ggus.account_id}"


def verifies(session: Session, login: str, secret: str) -> bool:
    session.rollback()
    tried = attempt(session, ActorKind.PARTNER, login, secret, datetime.now(UTC), b"k" * 32)
    session.rollback()
    try:
        tried.verified_account()
    except AuthenticationFailed:
        return False
    return True


def decoded(cookie: str) -> str:
    """What whoever holds the cookie reads in it."""
    content = cookie.lstrip(".").partition(".")[0]
    raw = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
    return (zlib.decompress(raw) if cookie.startswith(".") else raw).decode()


def secret_in(page: str) -> str:
    found = re.search(r'id="new-secret" value="([A-Za-z0-9_-]{43})"', page)
    assert found is not None
    return found[1]


def everything_logged(session: Session) -> str:
    session.rollback()
    texts = session.execute(select(ChangedField.old, ChangedField.new)).all()
    return repr(texts) + repr(session.scalars(select(Change.claims)).all())


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_know_the_pages(cast: Cast, session: Session, visit: Enter, who: str) -> None:
    visitor = visit(getattr(cast, who))
    changes = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    page = page_of(cast)
    for path in (PARTNERS, f"{PARTNERS}/new", page):
        answer = visitor.get(path)
        assert answer.status_code == 403
        assert "Only admins may see and manage partners" in PageReader(answer.text).text
    for path in ("new", "switches", "add-secret", "end-secret", "disable", "enable"):
        target = f"{PARTNERS}/new" if path == "new" else f"{page}/{path}"
        assert visitor.send(target, GOOD).status_code == 403
    assert session.scalar(select(func.count()).select_from(Change)) == changes
    assert (PARTNERS, "Admin") not in visitor.read("/tickets").links
    assert Visitor(visitor.client.application).get(PARTNERS).location.startswith("/login")


def test_admins_find_them_in_the_top_bar(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    assert "/admin" in [address for address, _ in visitor.read("/tickets").links]
    assert PARTNERS in [address for address, _ in visitor.read("/admin").links]
    page = visitor.read(PARTNERS)
    for word in ("GGUS-TEST", "ggus", "nren_a", "all tickets, internal, 2016", "never"):
        assert word in page.text
    assert visitor.get(f"{PARTNERS}/accounts/999").status_code == 404


def test_a_partner_and_its_first_account_in_one_form(
    cast: Cast, session: Session, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = visit(cast.admin)
    sent = visitor.send(f"{PARTNERS}/new", {**GOOD, "sites": ["FZK-LCG2", "ES-PIC"]})
    assert sent.status_code == 303
    # on its way it lies in the cookie, but cannot be read there
    sealed = visitor.cookie
    answer = visitor.get(sent.location)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    secret = secret_in(answer.text)
    assert verifies(session, "nren-new", secret)
    made = session.scalars(select(PartnerAccount).where(PartnerAccount.login == "nren-new")).one()
    assert made.partner.code == "NREN-NEW"
    assert [site.key for site in made.sites] == ["DE-KIT", "ES-PIC"]
    # sent again, as a reload would: refused, and nothing is shown
    again = visitor.send(f"{PARTNERS}/new", GOOD)
    assert again.status_code == 422
    assert "An account with this login already exists" in PageReader(again.text).text
    for text in (
        sent.text,
        again.text,
        sealed,
        decoded(sealed),
        visitor.get(sent.location).text,  # loaded again
        visitor.get(f"{PARTNERS}/accounts/{made.id}").text,
        visitor.get(PARTNERS).text,
        everything_logged(session),
        caplog.text,
    ):
        assert secret not in text
    # a second account of the same partner
    second = visitor.send(f"{PARTNERS}/new", {**GOOD, "login": "nren-two"})
    assert second.status_code == 303
    # another page, or another account's, does not take it
    assert "new-secret" not in visitor.get(page_of(cast)).text
    assert "new-secret" not in visitor.get(sent.location).text
    assert "new-secret" in visitor.get(second.location).text
    session.rollback()
    assert session.scalar(select(func.count()).where(Partner.code == "NREN-NEW")) == 1


def test_a_secret_is_rotated_without_a_gap(
    cast: Cast, session: Session, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    visitor, page = visit(cast.admin), page_of(cast)
    assert "Add a second secret" in visitor.read(page).text
    added = visitor.send(f"{page}/add-secret", {"password": PASSWORD})
    assert (added.status_code, added.location) == (303, page)
    secret = secret_in(visitor.get(page).text)
    assert verifies(session, "ggus", secret)
    assert verifies(session, "ggus", PASSWORD)
    again = visitor.send(f"{page}/add-secret", {"password": PASSWORD})
    assert again.status_code == 422
    assert "at most 2 active secrets" in PageReader(again.text).text
    shown = visitor.read(page)
    assert "Add a second secret" not in shown.text
    form = shown.form(f"{page}/end-secret")
    ended = visitor.send(f"{page}/end-secret", {"secret": form.values("secret")})
    assert (ended.status_code, ended.location) == (303, page)
    assert verifies(session, "ggus", secret)
    assert not verifies(session, "ggus", PASSWORD)
    # a form that was open elsewhere does not end the other one
    late = visitor.send(f"{page}/end-secret", {"secret": form.values("secret")})
    assert late.status_code == 422
    (live,) = session.scalars(
        select(AccountSecret.id).where(
            AccountSecret.account_id == cast.ggus.account_id, AccountSecret.ended_at.is_(None)
        )
    )
    session.rollback()
    last = visitor.send(f"{page}/end-secret", {"secret": str(live)})
    assert last.status_code == 422
    assert "the only active secret" in PageReader(last.text).text
    assert verifies(session, "ggus", secret)
    text = visitor.get(page).text
    assert "ended a secret" in PageReader(text).text
    for place in (text, everything_logged(session), caplog.text):
        assert secret not in place


@pytest.mark.parametrize("password", ["", "wrong", None])
def test_no_secret_without_the_password(
    cast: Cast, session: Session, visit: Enter, password: str | None
) -> None:
    """A stolen cookie alone makes none."""
    visitor, page = visit(cast.admin), page_of(cast)
    given = {} if password is None else {"password": password}
    before = session.scalar(select(func.count()).select_from(AccountSecret))
    session.rollback()
    for path, fields in ((f"{PARTNERS}/new", GOOD), (f"{page}/add-secret", {})):
        sent = {name: value for name, value in fields.items() if name != "password"} | given
        answer = visitor.send(path, sent)
        assert answer.status_code == 422
        assert "password" in " ".join(PageReader(answer.text).alerts)
    assert "new-secret" not in visitor.get(page).text
    assert session.scalar(select(func.count()).select_from(AccountSecret)) == before


def test_a_secret_of_another_account_is_not_ended(
    cast: Cast, session: Session, visit: Enter
) -> None:
    other = session.scalars(
        select(AccountSecret.id).where(AccountSecret.account_id == cast.nren_a.account_id)
    ).one()
    session.rollback()
    visitor, page = visit(cast.admin), page_of(cast)
    visitor.send(f"{page}/add-secret", {"password": PASSWORD})
    assert visitor.send(f"{page}/end-secret", {"secret": str(other)}).status_code == 422
    assert verifies(session, "nren_a", PASSWORD)


def test_an_account_is_disabled_and_enabled(cast: Cast, session: Session, visit: Enter) -> None:
    visitor, page = visit(cast.admin), page_of(cast)
    assert "Disable account ggus" in visitor.read(page).text
    assert visitor.send(f"{page}/disable", {}).status_code == 303
    assert not verifies(session, "ggus", PASSWORD)
    shown = visitor.read(page)
    assert "Account ggus is disabled" in shown.text
    assert "Enable account ggus" in shown.text
    assert visitor.send(f"{page}/enable", {}).status_code == 303
    assert verifies(session, "ggus", PASSWORD)


def test_switches_are_saved_and_stand_in_the_audit(
    cast: Cast, session: Session, visit: Enter
) -> None:
    visitor, page = visit(cast.admin), page_of(cast)
    form = visitor.read(page).form(f"{page}/switches")
    assert form.values("access") == ["all"]
    assert form.values("internal") == ["shown"]
    wanted = {
        "access": "own",
        "rights": "read only",
        "internal": "hidden",
        "contract_year": "2012",
        "sites": ["GRIDKA"],
    }
    assert visitor.send(f"{page}/switches", wanted).status_code == 303
    row = session.get_one(PartnerAccount, cast.ggus.account_id)
    assert (row.access, row.read_only, row.internal, row.contract_year) == (
        "own",
        True,
        False,
        2012,
    )
    assert [site.key for site in row.sites] == ["DE-KIT"]
    session.rollback()
    text = visitor.read(page).text
    for words in ("access all own", "read only no yes", "contract year 2016 2012", "sites DE-KIT"):
        assert words in text
    changes = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    assert visitor.send(f"{page}/switches", {**wanted, "sites": ["DE-KIT"]}).status_code == 303
    assert "unchanged" in visitor.read(page).text
    assert session.scalar(select(func.count()).select_from(Change)) == changes
    session.rollback()
    refused = visitor.send(f"{page}/switches", {**wanted, "sites": ["NOWHERE"]})
    assert refused.status_code == 422
    assert "No site has this name" in PageReader(refused.text).text


def seed_calls(session: Session, cast: Cast, count: int) -> None:
    now = datetime.now(UTC)
    assert cast.ggus.account_id is not None
    with transaction(session):
        record_calls(
            session,
            [
                CallRecord(
                    cast.ggus.account_id,
                    now - timedelta(seconds=number),
                    "GGUS",
                    "OpCreate" if number % 3 == 0 else "TicketGet",
                    302 if number % 10 == 5 else None,
                    1234,
                    700,
                    1900,
                )
                for number in range(count)
            ],
        )


def test_an_account_without_calls_says_what_next(cast: Cast, visit: Enter) -> None:
    text = visit(cast.admin).read(page_of(cast)).text
    assert "This account has never called" in text
    assert "Calls appear here within five seconds" in text


def test_calls_with_their_outcome_filtered_and_paged(
    cast: Cast, session: Session, visit: Enter
) -> None:
    count = 2 * PER_PAGE + 20
    seed_calls(session, cast, count)
    visitor, page = visit(cast.admin), page_of(cast)
    first = visitor.get(page).text
    text = PageReader(first).text
    assert "carried out" in text
    assert "fault 302" in text
    assert "no such entry, an entry that the account may not read" in text  # what it means
    assert ("#fault-302", "fault 302") in PageReader(first).links
    seen = 0
    path = page
    while path:
        reader = visitor.read(path)
        seen += reader.text.count("1.9 kB")
        path = next((url for url, word in reader.links if "Show older calls" in word), "")
    assert seen == count
    faults = visitor.read(f"{page}?faults=yes&operation=TicketGet")
    assert "carried out" not in faults.text
    assert faults.text.count("fault 302") == sum(
        number % 10 == 5 and number % 3 != 0 for number in range(count)
    )
    nothing = visitor.read(f"{page}?operation=TicketModify")
    assert "No recorded call matches" in nothing.text
    rows = visitor.get(
        next(url for url, word in PageReader(first).links if "Show older calls" in word),
        {"HX-Request": "true", "HX-Target": "more"},
    ).text
    assert "<html" not in rows
    assert rows.count("<tr") == PER_PAGE + 1


@pytest.mark.parametrize(
    "query",
    [
        "faults=1",
        "operation=" + "x" * 41,
        "operation=a%00b",
        "after=nonsense",
        "after=" + "A" * 3000,
        "after=WyIyMDI2LTAxLTAxIiwxXQ",
    ],
)
def test_a_parameter_that_cannot_be_used_is_named_and_left_out(
    cast: Cast, session: Session, visit: Enter, query: str
) -> None:
    seed_calls(session, cast, 3)
    answer = visit(cast.admin).get(f"{page_of(cast)}?{query}")
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert "Ignored filter in the URL" in page.text
    assert page.text.count("1.9 kB") == 3


def test_the_list_counts_days_and_faults(
    app: Flask, cast: Cast, session: Session, visit: Enter
) -> None:
    seed_calls(session, cast, 40)
    page = visit(cast.admin).read(PARTNERS)
    labels = [
        value for tag, name, value in page.attributes if name == "aria-label" and tag == "svg"
    ]
    counts = [[int(number) for number in re.findall(r"\d+", text)] for text in labels]
    assert [len(days) for days in counts] == [7, 7, 7]
    assert sorted(sum(days) for days in counts) == [0, 0, 40]
