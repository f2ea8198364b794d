"""The second factor: time-based codes (RFC 6238), recovery codes, and whether admins need one.

A passkey is one, too (``passkeys``); recovery codes replace either of them.

The secret lies encrypted with a key made from the portal's secret: a copy of the database alone
makes no codes. Without the secret of the portal they are unreadable; recovery codes still
work, and an admin can remove a second factor.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyotp
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.accounts.models.passkeys import Passkey
from app.accounts.models.people import FailedLogins, RecoveryCode, User
from app.accounts.services.credentials import Attempt, attempt_without_password, record_attempt
from app.accounts.services.people import PERSON, lock_admins, locked_user, with_reason
from app.accounts.services.security_notices import notify_person
from app.core.models.changes import PortalFact
from app.core.rules.access import ActorKind, Role, Writer, require_admin
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.language import _
from app.core.rules.secret_keys import keys_to_read
from app.core.services.changes import FieldChange, record_change
from app.core.services.resealing import SealedColumn
from app.core.services.security_log import log_on_commit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ISSUER = "LHCOPN tickets"
"""What an authenticator app shows above the account."""
RECOVERY_CODES = 10
STEPS_ASIDE = 1
"""Codes of so many steps of 30 s before and after now are taken: clocks differ."""
SETTING = "setting"
DEMAND = "second_factor_of_admins"
"""The row of ``portal_facts`` that says that admins need a second factor."""
_DEMAND_ID = 1
_DIGITS = re.compile(r"[0-9]+")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")
_NONCE = 12
_PURPOSE = "second factor"
"""Wrong codes block codes only, and wrong passwords none of them: who does not know the password
keeps nobody from giving the code."""
WRONG_CODE = _("This code is wrong, expired or already used; enter the one that the app shows now")
WRONG_RECOVERY_CODE = _("This recovery code is wrong or already used")
MANY_FAILURES = 100
MANY_WITHIN = timedelta(days=1)
"""From so many failed logins of a person within this time on, one code is not enough."""
TWO_CODES = _(
    "Too many failed logins of this account today: enter two codes, the one that the app shows"
    " now and the next one"
)


def begin_setup(session: Session, by: Writer, name: str, key: bytes) -> None:
    """Make a new secret for oneself; it is in use only when a first code confirmed it.

    ``key`` is the portal's secret.
    """
    user = own_user(session, by, name)
    if user.totp_since is not None:
        raise Invalid(
            "code", _("A second factor is already on; turn it off before you set up another")
        )
    user.totp_secret = _encrypted(pyotp.random_base32(), user, key)
    user.totp_step = 0


def secret_of(user: User, key: bytes) -> str:
    """The secret as text that an app takes (base32); raises ``Invalid`` if it is unreadable."""
    secret = _opened(user, key)
    if secret is None:
        raise Invalid(
            "code",
            _(
                "The portal's secret key has changed since this second factor was set up, so"
                " its codes cannot be checked. Use a recovery code, or ask an admin to turn"
                " off the second factor"
            ),
        )
    return secret


def address_of(user: User, key: bytes) -> str:
    """The ``otpauth:`` address that a QR code carries to an app."""
    return pyotp.TOTP(secret_of(user, key)).provisioning_uri(name=user.name, issuer_name=ISSUER)


def confirm_setup(session: Session, by: Writer, name: str, code: str, key: bytes) -> list[str]:
    """Take the new secret in use with its first code; the recovery codes, to be shown once, or none
    where there are some since a passkey was added."""
    user = own_user(session, by, name)
    if not user.totp_secret or user.totp_since is not None:
        raise Invalid("code", _("The setup was not started; start again"))
    if not _take_totp(session, user, _plain(code), by.now, key, codes=1):
        raise Invalid("code", WRONG_CODE)
    user.totp_since = by.now
    change = _record(session, by, user, [FieldChange("second_factor", "off", "on")])
    log_on_commit(session, by, "second factor on", PERSON, user.id)
    text = _("A second factor was set up: after your password you enter a code")
    notify_person(session, by, user, change, _("Your second factor was set up"), text)
    return [] if has_passkey(session, user.id) else make_codes(session, user)


def try_code(session: Session, by: Writer, user: User, code: str, key: bytes) -> Attempt:
    """Try a person's code, or recovery code, and use it up. ``by`` is that person.

    Wrong ones count as failed logins of the person, so commit in either case, then use
    ``verified_account()``. Raises ``Invalid`` where the secret is unreadable.
    """
    user = locked_user(session, user.name)  # of several at once with one code the first counts
    refused = attempt_without_password(session, user.name, by.now, purpose=_PURPOSE)
    if refused.failed_as is None:
        return refused
    plain = _plain(code)
    needed = 2 if needs_two_codes(session, user.name, by.now) else 1
    if (
        _take_recovery(session, by, user, plain)
        if _RECOVERY.fullmatch(plain)
        else user.totp_since is not None
        and _take_totp(session, user, plain, by.now, key, codes=needed)
    ):
        return Attempt(refused.name_digest, user.id)
    return record_attempt(session, refused, by.now, by.remote)


def needs_two_codes(session: Session, name: str, now: datetime) -> bool:
    """Whether so many logins of this person failed that one code is guessed too easily.

    Two codes that follow each other are not guessed, and keep nobody out who has the app.
    """
    failures = session.scalar(
        select(func.sum(FailedLogins.failures)).where(
            FailedLogins.kind == ActorKind.PERSON,
            FailedLogins.account == name,
            FailedLogins.minute > now - MANY_WITHIN,
        )
    )
    return (failures or 0) >= MANY_FAILURES


def wrong_code(session: Session, name: str, now: datetime) -> str:
    """What to say of a code that was not taken."""
    person = select(User.id, User.totp_since).where(User.name == name)
    found = session.execute(person).first()
    if found is not None and found.totp_since is None and has_passkey(session, found.id):
        return WRONG_RECOVERY_CODE
    return TWO_CODES if needs_two_codes(session, name, now) else WRONG_CODE


def codes_left(session: Session, user: User) -> int:
    """How many recovery codes are unused."""
    return (
        session.scalar(
            select(func.count()).where(
                RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
            )
        )
        or 0
    )


def new_recovery_codes(session: Session, by: Writer, name: str) -> list[str]:
    """Replace one's recovery codes; to be shown once. The door required password and code, or
    a passkey."""
    user = own_user(session, by, name)
    if not is_on(session, user.id):
        raise Invalid("code", _("The second factor is off"))
    change = _record(session, by, user, [FieldChange("recovery_codes", None, "recreated")])
    log_on_commit(session, by, "recovery codes created", PERSON, user.id)
    text = _(
        "New recovery codes for your second factor were created; the previous ones no longer work"
    )
    notify_person(session, by, user, change, _("Your recovery codes were changed"), text)
    return make_codes(session, user)


def turn_off(session: Session, by: Writer, name: str) -> None:
    """Turn one's own codes of an app off; passkeys stay. The door has required password and code
    before."""
    user = own_user(session, by, name)
    if user.totp_since is not None:
        _clear(session, by, user, "")


def take_off(session: Session, by: Writer, name: str, *, why: str = "") -> bool:
    """Take every second factor, passkeys too, off somebody who lost it; False if none existed."""
    require_admin(by.actor, _("turn off second factors"))
    user = locked_user(session, name)
    removed = session.scalars(
        delete(Passkey).where(Passkey.user_id == user.id).returning(Passkey.name)
    ).all()
    if user.totp_since is None and not user.totp_secret and not removed:
        return False
    _clear(session, by, user, why, removed)
    return True


def admins_need_it(session: Session) -> bool:
    """Whether admins must have a second factor."""
    return session.get(PortalFact, DEMAND) is not None


def has_passkey(session: Session, user_id: int) -> bool:
    """Whether a person has a passkey."""
    return session.scalar(select(exists().where(Passkey.user_id == user_id))) or False


def people_with_passkeys(session: Session) -> frozenset[int]:
    """The keys of all people who have a passkey."""
    return frozenset(session.scalars(select(Passkey.user_id).distinct()))


def is_on(session: Session, user_id: int) -> bool:
    """Whether a person's password is not enough to log in."""
    user = session.get_one(User, user_id)
    return user.totp_since is not None or has_passkey(session, user_id)


def must_set_up(session: Session, user: User) -> bool:
    """Whether this person may do nothing before setting up a second factor."""
    return (
        user.role == Role.ADMIN
        and user.totp_since is None
        and admins_need_it(session)
        and not has_passkey(session, user.id)
    )


def demand_of_admins(session: Session, by: Writer, *, on: bool, why: str = "") -> bool:
    """Say whether admins need a second factor; False if it was like that."""
    require_admin(by.actor, _("require a second factor"))
    lock_admins(session)  # two who say it at once come one after the other
    fact = session.get(PortalFact, DEMAND, populate_existing=True)
    if on == (fact is not None):
        return False
    if fact is None:
        session.add(PortalFact(name=DEMAND, value="yes"))
    else:
        session.delete(fact)
    words = ("no", "yes") if on else ("yes", "no")
    fields = with_reason([FieldChange(DEMAND, *words)], why)
    record_change(session, by, kind=SETTING, thing_id=_DEMAND_ID, fields=fields)
    what, how = "second factor of admins", "needed" if on else "not needed"
    log_on_commit(session, by, what, SETTING, _DEMAND_ID, how=how)
    return True


def own_user(session: Session, by: Writer, name: str) -> User:
    """The person of this name, locked; ``Forbidden`` if somebody else acts."""
    user = locked_user(session, name)
    if by.actor.kind is not ActorKind.PERSON or by.actor.account_id != user.id:
        raise Forbidden(_("You can set up only your own second factor"))
    return user


def _clear(
    session: Session, by: Writer, user: User, why: str, passkeys: Sequence[str] = ()
) -> None:
    """End the codes of the app; ``passkeys`` are the names of those that were removed with them."""
    fields = [FieldChange("passkey", label, None) for label in passkeys]
    if user.totp_since is not None or user.totp_secret:
        was = "on" if user.totp_since is not None else _("being set up")
        fields.append(FieldChange("second_factor", was, "off"))
    user.totp_secret = ""
    user.totp_since = None
    user.totp_step = 0
    session.flush()
    end_codes_without_factor(session, user)
    change = _record(session, by, user, with_reason(fields, why))
    log_on_commit(session, by, "second factor off", PERSON, user.id)
    text = (
        _("Your second factor was turned off: your password alone logs in")
        if not is_on(session, user.id)
        else _("Your authenticator app was turned off; your passkeys remain your second factor")
    )
    notify_person(session, by, user, change, _("Your second factor was turned off"), text)


def end_codes_without_factor(session: Session, user: User) -> None:
    """Delete the recovery codes if there is no second factor left for them to replace."""
    if not is_on(session, user.id):
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def _plain(code: str) -> str:
    """A code as it was meant: apps and people write blanks and dashes in between."""
    return re.sub(r"[\s-]", "", code).upper()


def _take_totp(
    session: Session, user: User, code: str, now: datetime, key: bytes, *, codes: int
) -> bool:
    """Use up the code of one of these 90 s, or so many that follow each other and end there.

    A step that was used, or is before one, is never taken again.
    """
    totp = pyotp.TOTP(secret_of(user, key))
    if not _DIGITS.fullmatch(code) or len(code) != codes * totp.digits:
        return False
    current = int(now.timestamp()) // totp.interval
    for step in range(current - STEPS_ASIDE, current + STEPS_ASIDE + 1):
        first = step - codes + 1
        right = "".join(totp.generate_otp(one) for one in range(first, step + 1))
        if hmac.compare_digest(right, code):
            taken = session.scalars(
                update(User)
                .where(User.id == user.id, User.totp_step < first)
                .values(totp_step=step)
                .returning(User.id)
            ).first()
            if taken is not None:
                return True
    return False


def _take_recovery(session: Session, by: Writer, user: User, code: str) -> bool:
    taken = session.scalars(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == _code_hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=by.now)
        .returning(RecoveryCode.id)
    ).first()
    if taken is None:
        return False
    left = _("used, %(session)s left", session=codes_left(session, user))
    _record(session, by, user, [FieldChange("recovery_code", None, left)])
    return True


def make_codes(session: Session, user: User) -> list[str]:
    """New recovery codes in place of all that were; to be shown once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_code_hash(code)) for code in codes)
    return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in codes]


def _code_hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()  # 80 random bits: nothing to guess


def _record(session: Session, by: Writer, user: User, fields: Sequence[FieldChange]) -> int:
    return record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)


def _opened(user: User, key: bytes) -> str | None:
    """The secret as text; None where neither ``key`` nor the old one opens it."""
    from cryptography.exceptions import InvalidTag  # 7 MiB, which few logins need

    for one in keys_to_read(key):
        with suppress(InvalidTag, ValueError):
            sealed = base64.b64decode(user.totp_secret)
            opened = _cipher(one).decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(user))
            return opened.decode()
    return None


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), length=32, salt=None, info=b"portal: secrets of second factors")
    return AESGCM(derived.derive(key))


def _place(user: User) -> bytes:
    """Bound to the ciphertext: a row's secret copied to another person's row does not open."""
    return f"user {user.id}".encode()


def _encrypted(secret: str, user: User, key: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(
        nonce + _cipher(key).encrypt(nonce, secret.encode(), _place(user))
    ).decode()


SEALED: Final = SealedColumn(
    "second factors",
    User.totp_secret,
    read=_opened,
    write=_encrypted,
    name=lambda _session, user: f"second factor of {user.name}",
)
"""For ``flask reseal``."""
