"""Passkeys (WebAuthn Level 3, https://www.w3.org/TR/webauthn-3/): adding, checking, removing.

A person's device signs a challenge that was made here, is good once and for five minutes, and
belongs to one purpose and one browser. Each passkey works alone, instead of name and password, and
after the password. Attestation (the device's statement about itself) is not requested.

The library is loaded with the first passkey: few processes see one.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models.passkeys import Passkey, PasskeyChallenge
from app.accounts.models.people import User
from app.accounts.rules.passkeys import RelyingParty
from app.accounts.services.people import PERSON, locked_user, token_hash
from app.accounts.services.second_factor import (
    ISSUER,
    end_codes_without_factor,
    is_on,
    make_codes,
    own_user,
)
from app.accounts.services.security_notices import notify_person
from app.core.database.upsert import upsert
from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CHALLENGE_FOR: Final = timedelta(minutes=5)
MAX_PASSKEYS: Final = 20
NAME_LIMIT: Final = 60
MAX_ANSWER_LENGTH: Final = 16 * 1024
"""Characters of a browser's answer."""
_CHALLENGE_LENGTH: Final = 43
"""Characters of 32 bytes as base64url."""
_MAX_ID_BYTES: Final = 1023
_UNREADABLE: Final = _("The response of your device is invalid or came too late; start again")


class Purpose(StrEnum):
    """What a challenge is signed for; an answer is good for nothing else."""

    ALONE = "alone"
    SECOND = "second"
    CONFIRM = "confirm"
    """Instead of the password that is requested again."""
    ADD = "add"


class Checked(NamedTuple):
    """The result of an answer: the passkey, or None and why not."""

    passkey: Passkey | None
    name: str = ""
    """The account that the answer was for; "" = none is known."""
    how: str = "passkey"
    """For the security log."""


def passkeys_of(session: Session, user_id: int) -> Sequence[Passkey]:
    """A person's passkeys, the oldest first."""
    return session.scalars(
        select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    ).all()


def find_passkey(session: Session, user_id: int, key: int) -> Passkey:
    """One of a person's passkeys; ``NotFound`` otherwise."""
    found = session.scalars(
        select(Passkey).where(Passkey.id == key, Passkey.user_id == user_id)
    ).first()
    if found is None:
        raise NotFound
    return found


def require_room(session: Session, user: User) -> None:
    """Raise ``Invalid`` where a person has as many passkeys as one may have."""
    if len(passkeys_of(session, user.id)) >= MAX_PASSKEYS:
        raise Invalid(
            "name",
            _("You have %(most)s passkeys; remove one before adding another", most=MAX_PASSKEYS),
        )


def begin(
    session: Session, party: RelyingParty, purpose: Purpose, now: datetime, user: User | None = None
) -> tuple[str, dict[str, Any]]:
    """Create a challenge: the part for the signed cookie, and the request to the browser (the JSON
    form of WebAuthn, sections 5.1.8 and 5.1.9). Everybody but ``ALONE`` names its ``user``.

    The cookie keeps the random id of a row; of ``ALONE``, which anybody may ask for, the challenge
    itself and when it ends: a request alone stores nothing here.
    """
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    token, challenge = secrets.token_urlsafe(32), secrets.token_bytes(32)
    if purpose is Purpose.ALONE:
        token = f"{int((now + CHALLENGE_FOR).timestamp())}.{_text(challenge)}"
    else:
        _sweep(session, now)
        session.add(
            PasskeyChallenge(
                token_hash=token_hash(token),
                challenge=challenge,
                purpose=purpose,
                user_id=user.id if user else None,
                expires_at=now + CHALLENGE_FOR,
            )
        )
        session.flush()
    if purpose is Purpose.ADD:
        assert user is not None
        return token, _creation(session, party, challenge, user)
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_milliseconds(),
        allow_credentials=_descriptors(session, user) if user else [],
        user_verification=UserVerificationRequirement.PREFERRED
        if purpose is Purpose.SECOND
        else UserVerificationRequirement.REQUIRED,
    )
    return token, options_to_json_dict(options)


def take_challenge(
    session: Session, token: str, purpose: Purpose, now: datetime, user_id: int | None = None
) -> bytes | None:
    """Use up the challenge that the cookie has as ``token``; None if it is over, was used, or is
    for another purpose or person."""
    if purpose is Purpose.ALONE:
        return _take_alone(session, token, now)
    taken = session.execute(
        delete(PasskeyChallenge)
        .where(PasskeyChallenge.token_hash == token_hash(token))
        .returning(
            PasskeyChallenge.challenge,
            PasskeyChallenge.purpose,
            PasskeyChallenge.user_id,
            PasskeyChallenge.expires_at,
        )
    ).first()
    if taken is None or taken.expires_at <= now:
        return None
    return taken.challenge if (taken.purpose, taken.user_id) == (purpose, user_id) else None


def _take_alone(session: Session, token: str, now: datetime) -> bytes | None:
    """The same of one that the cookie holds itself: the row says until its end that it was used."""
    ends, _dot, text = token.partition(".")
    is_ours = ends.isascii() and ends.isdigit() and len(text) == _CHALLENGE_LENGTH
    if not is_ours or int(ends) <= now.timestamp():
        return None
    challenge = urlsafe_b64decode(f"{text}=")
    _sweep(session, now)
    used = session.scalars(
        upsert(PasskeyChallenge)
        .values(
            token_hash=token_hash(token),
            challenge=challenge,
            purpose=Purpose.ALONE,
            expires_at=now + CHALLENGE_FOR,
        )
        .on_conflict_do_nothing(index_elements=[PasskeyChallenge.token_hash])
        .returning(PasskeyChallenge.id)
    ).first()
    return None if used is None else challenge


def _sweep(session: Session, now: datetime) -> None:
    """Delete what is over, but rows that another writer sweeps: waiting could deadlock."""
    over = (
        select(PasskeyChallenge.id)
        .where(PasskeyChallenge.expires_at <= now)
        .with_for_update(skip_locked=True)
    )
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.id.in_(over)))


def add_passkey(
    session: Session,
    by: Writer,
    user_name: str,
    party: RelyingParty,
    challenge: bytes | None,
    answer: str,
    name: str,
) -> list[str]:
    """Add a passkey to one's own account; the recovery codes, to be shown once, where it is the
    first second factor. The door has required the password, or what replaces it."""
    user = own_user(session, by, user_name)
    checked_text("name", name, NAME_LIMIT, label=_("Name"))
    require_room(session, user)
    was_on = is_on(session, user.id)
    made = _registered(user, party, challenge, answer, name, by.now)
    known = select(Passkey.id).where(Passkey.credential_id == made.credential_id)
    if session.scalar(known) is not None:
        raise Invalid("credential", _("This passkey has already been added"))
    session.add(made)
    session.flush()
    change = _record(session, by, user, FieldChange("passkey", None, name))
    log_on_commit(session, by, "passkey added", PERSON, user.id)
    text = _("The passkey “%(name)s” was added: it logs in to your account", name=name)
    notify_person(session, by, user, change, _("A passkey was added to your account"), text)
    return [] if was_on else make_codes(session, user)


def rename_passkey(session: Session, by: Writer, user_name: str, key: int, name: str) -> None:
    """Give one's own passkey another name; the same one changes nothing."""
    user = own_user(session, by, user_name)
    checked_text("name", name, NAME_LIMIT, label=_("Name"))
    found = find_passkey(session, user.id, key)
    if found.name != name:
        _record(session, by, user, FieldChange("passkey", found.name, name))
        found.name = name


def remove_passkey(session: Session, by: Writer, user_name: str, key: int) -> None:
    """Remove one's own passkey. The door required password and code, or a passkey."""
    user = own_user(session, by, user_name)
    found = find_passkey(session, user.id, key)
    name = found.name
    session.delete(found)
    session.flush()
    end_codes_without_factor(session, user)
    change = _record(session, by, user, FieldChange("passkey", name, None))
    log_on_commit(session, by, "passkey removed", PERSON, user.id)
    text = (
        _("The passkey “%(name)s” was removed", name=name)
        if is_on(session, user.id)
        else _("The passkey “%(name)s” was removed: your password alone logs in", name=name)
    )
    notify_person(session, by, user, change, _("A passkey of your account was removed"), text)


def check(
    session: Session,
    party: RelyingParty,
    challenge: bytes | None,
    answer: str,
    now: datetime,
    purpose: Purpose,
    user: User | None = None,
) -> Checked:
    """Check a device's answer to a challenge that was taken, and write its use.

    ``user``: whose passkey it has to be. Failures have to be counted by the caller, and shown to
    nobody but the log: which passkeys and accounts exist stays secret. Commit in
    either case.
    """
    name = user.name if user else ""
    sent = _parsed(answer)
    if sent is None:
        return Checked(None, name)
    owner = session.scalar(
        select(User.name)
        .join(Passkey, Passkey.user_id == User.id)
        .where(Passkey.credential_id == _text(sent.raw_id))
    )
    if owner is None or (user is not None and owner != user.name):
        return Checked(None, name)
    person = locked_user(session, owner)  # of two answers at once the second sees the first's count
    passkey = session.scalars(
        select(Passkey)
        .where(Passkey.credential_id == _text(sent.raw_id), Passkey.user_id == person.id)
        .execution_options(populate_existing=True)
    ).first()
    if passkey is None or challenge is None or person.disabled_at is not None:
        return Checked(None, owner)
    if purpose is Purpose.ALONE and not person.password_hash:
        # whom a provider of identities logs in: it says at each login who still may
        return Checked(None, owner, "passkey alone of somebody without a password")
    handle = sent.response.user_handle
    if (handle is None and purpose is Purpose.ALONE) or (
        handle is not None and handle != person.passkey_handle.encode()
    ):
        return Checked(None, owner)
    count = _signed_count(party, challenge, sent, passkey, verified=purpose is not Purpose.SECOND)
    if count is None:
        return Checked(None, owner)
    was = passkey.sign_count
    if not passkey.is_synced and (count or was) and count <= was:
        return Checked(None, owner, "passkey with an old counter, maybe a copy")
    passkey.sign_count = count
    passkey.used_at = now
    return Checked(passkey, owner)


def _creation(
    session: Session, party: RelyingParty, challenge: bytes, user: User
) -> dict[str, Any]:
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    user = locked_user(session, user.name)  # of two first ones at once both get one handle
    if not user.passkey_handle:
        user.passkey_handle = secrets.token_urlsafe(32)
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=ISSUER,
        user_id=user.passkey_handle.encode(),
        user_name=user.name,
        challenge=challenge,
        timeout=_milliseconds(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(session, user),
    )
    return options_to_json_dict(options)


def _descriptors(session: Session, user: User) -> list[PublicKeyCredentialDescriptor]:
    from webauthn import base64url_to_bytes
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(one.credential_id),
            transports=[AuthenticatorTransport(way) for way in one.transports.split()],
        )
        for one in passkeys_of(session, user.id)
    ]


def _registered(
    user: User,
    party: RelyingParty,
    challenge: bytes | None,
    answer: str,
    name: str,
    now: datetime,
) -> Passkey:
    """The passkey that a device made; raises ``Invalid`` for anything else."""
    from webauthn import verify_registration_response
    from webauthn.helpers import parse_registration_credential_json
    from webauthn.helpers.structs import CredentialDeviceType

    wrong = Invalid("credential", _UNREADABLE)
    if challenge is None or len(answer) > MAX_ANSWER_LENGTH:
        raise wrong
    try:
        sent = parse_registration_credential_json(answer)
        made = verify_registration_response(
            credential=sent,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001  # whatever the library stumbles over in bytes from outside
        raise wrong from None
    if len(made.credential_id) > _MAX_ID_BYTES or made.credential_id != sent.raw_id:
        raise wrong
    return Passkey(
        user_id=user.id,
        credential_id=_text(made.credential_id),
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        is_synced=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        transports=" ".join(sorted({way.value for way in sent.response.transports or ()})),
        name=name,
        created_at=now,
    )


def _parsed(answer: str) -> Any:
    """A browser's answer, read; None if it is not one."""
    from webauthn.helpers import parse_authentication_credential_json

    if len(answer) > MAX_ANSWER_LENGTH:
        return None
    try:
        return parse_authentication_credential_json(answer)
    except Exception:  # noqa: BLE001  # whatever the library stumbles over in bytes from outside
        return None


def _signed_count(
    party: RelyingParty, challenge: bytes, sent: Any, passkey: Passkey, *, verified: bool
) -> int | None:
    """The device's counter, if this passkey signed the challenge for this portal; else None.

    ``verified``: the device must have asked for a PIN, a finger or a face.
    """
    from webauthn import verify_authentication_response

    try:
        found = verify_authentication_response(
            credential=sent,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared by ``check``, which says so in the log
            require_user_verification=verified,
        )
    except Exception:  # noqa: BLE001  # whatever the library stumbles over in bytes from outside
        return None
    return found.new_sign_count


def _text(credential_id: bytes) -> str:
    return urlsafe_b64encode(credential_id).decode().rstrip("=")


def _milliseconds() -> int:
    return int(CHALLENGE_FOR / timedelta(milliseconds=1))


def _record(session: Session, by: Writer, user: User, field: FieldChange) -> int:
    return record_change(session, by, kind=PERSON, thing_id=user.id, fields=[field])
