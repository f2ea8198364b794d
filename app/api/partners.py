"""Partners and their accounts, for administrators: switches, disabling, secrets.

A secret is in the one answer that made it, and nowhere else. Tokens are not here: no token manages
tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, fields, validate

from app.accounts.models.partners import Partner, PartnerAccount
from app.accounts.services import partners as verbs
from app.accounts.services.calls import MAX_LOGIN_LENGTH, use_of
from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import (
    MAX_SITES,
    Moment,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    behind_key,
    page_limit,
    page_next,
    sent_choice,
    sent_flag,
    sent_names,
    sent_text,
)
from app.core.rules.access import CONTRACT_YEARS, TicketAccess, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope

_ADMIN: Final = (Scope.ADMIN,)
_SEE: Final = _("see and manage partners")
_SWITCHES: Final = ("access", "read_only", "internal", "contract_year")


class PartnersQuery(Schema):
    """Where a page of partners begins."""

    after = behind_key()
    limit = page_limit()


class FoundPartner(Schema):
    """A partner with the logins of its accounts."""

    code = a_text("The code.")
    created = Moment("Creation time.")
    accounts = a_list(str, "Logins of the partner's accounts, disabled ones included.")


class PartnerPage(Schema):
    """One page of partners, by code."""

    items = a_list(FoundPartner)
    next = page_next()


class AccountSecretRow(Schema):
    """What is known of a live secret."""

    id = a_number("The id.")
    created = Moment("Creation time.")


class Account(Schema):
    """One account of a partner."""

    login = a_text("The account's name in requests.")
    partner = a_text("The partner's code.")
    access = a_text("The tickets that the account sees.", choices=TicketAccess)
    read_only = a_flag("The account is read-only.")
    internal = a_flag("Whether the account reads internal entries.")
    contract_year = a_number("Year of the GGUS contract of the account's client.")
    sites = a_list(str, "Keys of the sites for which the account accepts or refuses changes.")
    created = Moment("Creation time.")
    disabled = Moment("When the account was disabled; else null.", allow_none=True)
    last_call = Moment("The last call to the native or SOAP service, or null.", allow_none=True)
    secrets = a_list(AccountSecretRow, "Active secrets, oldest first: at most two.")


class AccountChange(Schema):
    """What an account may: a field that is absent stays."""

    access = sent_choice(
        "Own: created by an account of this partner, or shared with the partner.", TicketAccess
    )
    read_only = sent_flag("The account is read-only.")
    internal = sent_flag("Whether the account reads internal entries of others.")
    contract_year = fields.Integer(
        strict=True,
        validate=validate.OneOf(list(CONTRACT_YEARS), error="takes {choices}"),
        metadata=about("Year of the GGUS contract of the account's client."),
    )
    sites = sent_names(
        "Sites for which the account accepts or refuses changes, by any of their names.", MAX_SITES
    )


class NewAccount(AccountChange):
    """An account, and its partner where the code is new. Absent: own, read and write, hidden, the
    newest contract, no sites."""

    partner = sent_text(
        "The partner's code: letters, digits and . _ @ + -.", verbs.MAX_CODE_LENGTH, required=True
    )
    login = sent_text(
        "The account's name: letters, digits and . _ @ + -.", MAX_LOGIN_LENGTH, required=True
    )


class NewAccountSecret(Schema):
    """A secret that was made."""

    login = a_text("The account's name.")
    id = a_number("The secret's id, needed to end it.")
    secret = a_text("Shown once: null when a request is repeated.", null=True)


@operation("GET", "/v1/partners", scopes=_ADMIN, query=PartnersQuery, answer=PartnerPage)
def list_partners(call: Call) -> Mapping[str, Any]:
    """List partners and their accounts."""
    require_admin(call.actor, _SEE)
    after, limit = call.query.get("after", ""), call.query["limit"]
    every = sorted(verbs.all_partners(session()), key=lambda one: one.code)
    found = [one for one in every if one.code > after][: limit + 1]
    return {
        "items": [_partner(one) for one in found[:limit]],
        "next": next_page(found[limit - 1].code if len(found) > limit else None),
    }


@operation("GET", "/v1/partners/{code}", scopes=_ADMIN, answer=FoundPartner)
def get_partner(call: Call) -> Mapping[str, Any]:
    """Get a partner by code."""
    require_admin(call.actor, _SEE)
    for one in verbs.all_partners(session()):
        if one.code == call.key:
            return _partner(one)
    raise NotFound(_("There is no partner of this code"))


@operation(
    "POST",
    "/v1/accounts",
    scopes=_ADMIN,
    body=NewAccount,
    answer=NewAccountSecret,
    once=("secret",),
    location=lambda made: f"/v1/accounts/{made['login']}",
)
def create_account(call: Call) -> Mapping[str, Any]:
    """Create a partner account."""
    sent, secret = dict(call.body), verbs.new_secret()
    sent.setdefault("access", TicketAccess.OWN)
    code, login = sent.pop("partner"), sent.pop("login")
    try:
        account = verbs.create_partner_account(session(), call.writer, code, login, secret, **sent)
    except Invalid as error:
        raise Invalid("partner" if error.field == "code" else error.field, error.message) from None
    return _new_secret(account, secret)


@operation("GET", "/v1/accounts/{login}", scopes=_ADMIN, answer=Account)
def get_account(call: Call) -> Mapping[str, Any]:
    """Get a partner account."""
    return _account(call, _found(call))


@operation(
    "PATCH",
    "/v1/accounts/{login}",
    scopes=_ADMIN,
    body=AccountChange,
    answer=Account,
    of=get_account,
)
def change_account(call: Call) -> Mapping[str, Any]:
    """Set the rights of a partner account."""
    account = _found(call)
    verbs.change_account(session(), call.writer, account, **call.body)
    return _account(call, account)


@operation("POST", "/v1/accounts/{login}/disable", scopes=_ADMIN, answer=Account, of=get_account)
def disable_account(call: Call) -> Mapping[str, Any]:
    """Disable a partner account immediately."""
    account = _found(call)
    verbs.disable_account(session(), call.writer, account)
    return _account(call, account)


@operation("POST", "/v1/accounts/{login}/enable", scopes=_ADMIN, answer=Account, of=get_account)
def enable_account(call: Call) -> Mapping[str, Any]:
    """Re-enable a partner account."""
    account = _found(call)
    verbs.enable_account(session(), call.writer, account)
    return _account(call, account)


def _found(call: Call) -> PartnerAccount:
    require_admin(call.actor, _SEE)
    return verbs.find_account(session(), call.keys["login"])


def _new_secret(account: PartnerAccount, secret: str) -> Mapping[str, Any]:
    newest = verbs.live_secrets(session(), account)[-1]
    return {"login": account.login, "id": newest.id, "secret": secret}


@operation(
    "POST",
    "/v1/accounts/{login}/secrets",
    scopes=_ADMIN,
    answer=NewAccountSecret,
    once=("secret",),
    location=lambda made: f"/v1/accounts/{made['login']}",
)
def add_secret(call: Call) -> Mapping[str, Any]:
    """Add a second active secret."""
    account, secret = _found(call), verbs.new_secret()
    verbs.add_secret(session(), call.writer, account, secret)
    return _new_secret(account, secret)


@operation(
    "DELETE", "/v1/accounts/{login}/secrets/{secret}", scopes=_ADMIN, answer=Account, of=get_account
)
def end_secret(call: Call) -> Mapping[str, Any]:
    """Revoke one of two active secrets."""
    account = _found(call)
    verbs.end_secret(session(), call.writer, account, call.number("secret"))
    return _account(call, account)


def _partner(partner: Partner) -> Mapping[str, Any]:
    return {
        "code": partner.code,
        "created": partner.created_at,
        "accounts": [account.login for account in partner.accounts],
    }


def _account(call: Call, account: PartnerAccount) -> Mapping[str, Any]:
    used = use_of(session(), [account.id], call.now)[account.id]
    return {
        "login": account.login,
        "partner": account.partner.code,
        **{name: getattr(account, name) for name in _SWITCHES},
        "sites": [site.key for site in account.sites],
        "created": account.created_at,
        "disabled": account.disabled_at,
        "last_call": used.last_at,
        "secrets": [
            {"id": one.id, "created": one.created_at}
            for one in verbs.live_secrets(session(), account)
        ],
    }
