"""Forgetting a person: name, addresses, tokens and sessions go, and what they did stays under a
neutral name.

The columns declare what they contain (``app.core.models.base``), and a test fails for a column of
texts about which nobody has decided. Rooms above change what only they can read
(``PERSON_FORGOTTEN``). Texts that people wrote are not changed; ``remaining`` finds those with the
name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    String,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.accounts.models.api_requests import ApiRequest
from app.accounts.models.copies import CopiesOfDay
from app.accounts.models.people import ApiToken, FailedLogins, TokenSecret, User
from app.accounts.models.sign_on import Identity, SignOnRequest
from app.accounts.rules.former import REMOVED, Former
from app.accounts.services.credentials import forget_failures
from app.accounts.services.people import PERSON, lock_admins, locked_user, require_another_admin
from app.accounts.services.personal_secrets import TOKENS, end_personal_secrets
from app.core.models.base import ADDRESS, ADDRESSES, COPY, NAME, OWN, SENTENCE, Base
from app.core.models.changes import Change, ChangedField, Refusal
from app.core.rules.access import ActorKind, Role, Writer, require_admin
from app.core.rules.hooks import Hook
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import address_key, address_parts
from app.core.services.changes import FieldChange, record_change
from app.registry.models.registry import Site, SiteContact

PERSON_FORGOTTEN: Final[Hook[[Session, Writer, Former], Mapping[str, int]]] = Hook(
    "PERSON_FORGOTTEN"
)
"""Rewrite or delete what a room above stores of this person; rows by kind, in words."""
_REWRITES: Final[Sequence[tuple[Mapping[Any, Any], Callable[[Former, str], str]]]] = (
    (ADDRESSES, Former.items),
    (SENTENCE, Former.sentence),
    (COPY, Former.words),
)
"""What replaces the person in texts, by what their column declares."""
_LOGGED_NAMES: Final = (
    *("person_in_charge", "submitter_name", "submitter_login", "submitter_mail", "carbon_copy"),
    *("repeated_mail", "repeated_carbon_copy", "people", "person", "address"),
)
"""Fields of the change log whose values are names of people, or addresses; ..."""
_LOGGED_SENTENCES: Final = ("state", "why", "reason", "source")
"""... whose values may be sentences of the portal."""
_SAID_OF_A_PERSON: Final = (
    *("role", "sites", "disabled", "password", "second_factor", "time_zone", "updates", "mails"),
    *("logins", "recovery_code", "recovery_codes", "role_follows", "forgotten"),
)
"""Fields of the changes of a person whose values do not say who it is."""
_WORDS: Final = 20
"""Columns of at most so many characters hold states and kinds."""


class Forgotten(NamedTuple):
    """A person who was forgotten."""

    former: Former
    changed: Mapping[str, int]
    """Rows that were changed or deleted, by kind, in words."""
    shared: Mapping[str, str]
    """Addresses of the person that stay, each with who else uses it."""


def forget_person(session: Session, by: Writer, name: str) -> Forgotten:
    """Forget the person of this login name, for good.

    Raises ``NotFound`` for an unknown name, ``Invalid`` where nobody would be left who can
    administer the portal.
    """
    require_admin(by.actor, _("forget people"))
    lock_admins(session)
    user = locked_user(session, name)
    if user.role == Role.ADMIN and user.disabled_at is None:
        require_another_admin(session, user, "name")
    former, shared = _former(session, user)
    done: Counter[str] = Counter()
    end_personal_secrets(session, by, user)
    session.flush()
    done["sessions, second factors, sign-ons and personal settings"] += _delete_own(session, former)
    done["API tokens"] += _empty_tokens(session, former)
    done["entries of the change log"] += _rewrite_log(session, former)
    done["refusals and failed logins"] += _rewrite_refusals(session, former)
    done["names and addresses in other records"] += _rewrite_columns(session, former)
    for counted in PERSON_FORGOTTEN.all(session, by, former):
        done.update(counted)
    _empty_account(session, by, former)
    fields = [FieldChange("forgotten", "no", "yes")]
    record_change(session, by, kind=PERSON, thing_id=former.user_id, fields=fields)
    session.flush()
    session.expire_all()
    return Forgotten(former, {kind: count for kind, count in done.items() if count}, shared)


def remaining(session: Session, former: Former) -> Mapping[str, int]:
    """How many rows still contain the name, an address or a full name as a word, by table and
    column. The content of files is not searched."""
    found: Counter[str] = Counter()
    for table in Base.metadata.tables.values():
        for one in table.columns:
            if not isinstance(one.type, String) or 0 < (one.type.length or 0) <= _WORDS:
                continue
            for text in session.scalars(select(one).where(_contains(one, former))):
                if former.occurs_in(text):
                    found[f"{table.name}.{one.name}"] += 1
    return found


def _former(session: Session, user: User) -> tuple[Former, Mapping[str, str]]:
    """The person, with every address that the portal knows or knew and that nobody else uses, such
    as a mailing list of a site; and the others, each with who uses it."""
    signed_on = session.scalars(select(Identity).where(Identity.user_id == user.id)).all()
    logged = session.execute(
        select(ChangedField.old, ChangedField.new)
        .join(Change, Change.id == ChangedField.change_id)
        .where(Change.kind == PERSON, Change.thing_id == user.id, ChangedField.field == "mail")
    )
    known = {user.mail, *(text or "" for both in logged for text in both)}
    known.update(one.mail for one in signed_on)
    addresses = {address_key(text) for text in known if "@" in text}
    shared: dict[str, str] = {}
    contacts = select(SiteContact.mail, Site.key).join(Site, Site.id == SiteContact.site_id)
    for text, site in session.execute(contacts.where(SiteContact.mail != "")):
        for address in addresses.intersection(map(address_key, address_parts(text))):
            shared[address] = f"contact of {site}"
    others = select(User.mail, User.name).where(User.id != user.id, User.mail != "")
    for text, name in session.execute(others):
        if address_key(text) in addresses:
            shared[address_key(text)] = f"address of {name}"
    full_names = frozenset(one.full_name for one in signed_on if one.full_name)
    former = Former(user.id, user.name, frozenset(addresses - shared.keys()), full_names)
    return former, shared


def _contains(one: Any, former: Former) -> ColumnElement[bool]:
    texts = {text.lower() for text in (former.name, *former.addresses, *former.full_names)}
    return or_(*(func.lower(one).contains(text, autoescape=True) for text in sorted(texts)))


def _delete_own(session: Session, former: Former) -> int:
    identities = select(Identity.full_name, Identity.subject).where(
        Identity.user_id == former.user_id
    )
    names = {text for row in session.execute(identities) for text in row if text}
    changed = _count(
        session,
        delete(SignOnRequest).where(
            or_(
                SignOnRequest.login_name == former.name,
                SignOnRequest.subject.in_(names),
                SignOnRequest.full_name.in_(names),
                func.lower(SignOnRequest.mail).in_(former.addresses),
            )
        ),
    )
    for table in Base.metadata.tables.values():
        for one in table.columns:
            if one.info == OWN:
                changed += _count(session, delete(table).where(one == former.user_id))
    copies = and_(CopiesOfDay.kind == PERSON, CopiesOfDay.account_id == former.user_id)
    return changed + _count(session, delete(CopiesOfDay).where(copies))


def _empty_tokens(session: Session, former: Former) -> int:
    """Their rows stay, ended and without a secret: the change log refers to them."""
    tokens = select(ApiToken.id).where(ApiToken.user_id == former.user_id)
    session.execute(delete(ApiRequest).where(ApiRequest.token_id.in_(tokens)))
    session.execute(delete(TokenSecret).where(TokenSecret.token_id.in_(tokens)))
    keys = session.scalars(tokens).all()
    for key in keys:
        values = {"name": f"{former.neutral}, token {key}", "used_from": ""}
        session.execute(update(ApiToken).where(ApiToken.id == key).values(values))
    hide_logged(session, TOKENS, keys, ("name",))
    return len(keys)


def hide_logged(session: Session, kind: str, keys: Any, names: tuple[str, ...]) -> int:
    """Replace what the log says of these fields of these things."""
    of_these = select(Change.id).where(Change.kind == kind, Change.thing_id.in_(keys))
    rows = (ChangedField.change_id.in_(of_these), ChangedField.field.in_(names))
    return sum(
        _count(session, update(ChangedField).where(*rows, one.is_not(None)).values({one: REMOVED}))
        for one in (ChangedField.old, ChangedField.new)
    )


def _rewrite_columns(session: Session, former: Former) -> int:
    changed = 0
    for table in Base.metadata.tables.values():
        for one in table.columns:
            if one.info == NAME:
                is_it = or_(one == former.name, func.lower(one).in_(former.addresses))
                new = former.neutral
                if table is Change.__table__:  # a partner's is what it says of its own people
                    is_it = and_(is_it, table.c.partner_id.is_(None))
            elif one.info == ADDRESS:
                is_it, new = func.lower(one).in_(former.addresses), ""
            else:
                for declared, rewrite in _REWRITES:
                    if one.info == declared:
                        changed += _rewrite_texts(session, table, one, former, rewrite)
                continue
            changed += _count(session, update(table).where(is_it).values({one.name: new}))
    return changed


def _rewrite_texts(
    session: Session,
    table: Table,
    one: Column[Any],
    former: Former,
    rewrite: Callable[[Former, str], str],
) -> int:
    keys = list(table.primary_key.columns)
    longest = one.type.length if isinstance(one.type, String) else None
    changed = 0
    for text, *key in session.execute(select(one, *keys).where(_contains(one, former))).all():
        if (new := rewrite(former, text)[:longest]) != text:
            is_row = and_(*(part == value for part, value in zip(keys, key, strict=True)))
            session.execute(update(table).where(is_row).values({one.name: new}))
            changed += 1
    return changed


def _rewrite_log(session: Session, former: Former) -> int:
    own = and_(Change.actor_kind == ActorKind.PERSON, Change.actor_id == former.user_id)
    values = {"actor_account": former.neutral, "remote": ""}
    changed = _count(session, update(Change).where(own).values(values))
    of_person = select(Change.id).where(Change.kind == PERSON, Change.thing_id == former.user_id)
    rows = (
        ChangedField.change_id.in_(of_person),
        ChangedField.field.not_in(_SAID_OF_A_PERSON),
    )
    for one in (ChangedField.old, ChangedField.new):
        hidden = update(ChangedField).where(*rows, one.is_not(None)).values({one: REMOVED})
        changed += _count(session, hidden)
    logged: Sequence[tuple[tuple[str, ...], Callable[[str], str]]] = (
        (_LOGGED_NAMES, lambda text: former.items(text, REMOVED)),
        (_LOGGED_SENTENCES, former.sentence),
    )
    for fields, rewrite in logged:
        found = session.execute(
            select(ChangedField.id, ChangedField.old, ChangedField.new).where(
                ChangedField.field.in_(fields),
                or_(_contains(ChangedField.old, former), _contains(ChangedField.new, former)),
            )
        ).all()
        for key, *both in found:
            old, new = (None if text is None else rewrite(text) for text in both)
            if [old, new] != both:
                row = update(ChangedField).where(ChangedField.id == key).values(old=old, new=new)
                changed += _count(session, row)
    return changed


def _rewrite_refusals(session: Session, former: Former) -> int:
    own = and_(Refusal.actor_kind == ActorKind.PERSON, Refusal.actor_id == former.user_id)
    values = {"actor_account": former.neutral, "remote": ""}
    changed = _count(session, update(Refusal).where(own).values(values))
    failed = and_(FailedLogins.kind == ActorKind.PERSON, FailedLogins.account == former.name)
    forget_failures(session, former.name)
    values = {"account": former.neutral, "remote": ""}
    return changed + _count(session, update(FailedLogins).where(failed).values(values))


def _empty_account(session: Session, by: Writer, former: Former) -> None:
    """The row stays, so that its key is never given out again."""
    values = {
        "name": former.neutral,
        "role": Role.READER.value,
        "password_hash": "",
        "time_zone": "UTC",
        "mail": "",
        "mail_choice": "never",
        "totp_secret": "",
        "totp_since": None,
        "passkey_handle": "",
        "list_columns": "",
        "visited_at": None,
        "seen_until": None,
        "disabled_at": session.get_one(User, former.user_id).disabled_at or by.now,
    }
    session.execute(update(User).where(User.id == former.user_id).values(values))


def _count(session: Session, statement: Any) -> int:
    done = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(done, CursorResult)
    return done.rowcount
