"""Verifying names and passwords of people and partners, slowly for anyone who guesses.

Only failures count, per account name (unknown names alike), never per address. From the 21st
failure within 10 s an account is answered "too many attempts" for 5 s after its newest failure,
except for credentials that were verified shortly before: the genuine client continues. All of this
lies in the database, so that it holds across processes.

A door calls ``attempt`` (reads and hashes only), then ``record_attempt`` in a write transaction if
the attempt asks for it, then takes ``attempt.account`` or raises ``attempt.error``.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, bindparam, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models.partners import AccountSecret, PartnerAccount
from app.accounts.models.people import FailedLogins, LoginFailure, User, VerifiedCredential
from app.accounts.rules.passwords import MAX_PASSWORD_LENGTH
from app.core.database.upsert import upsert
from app.core.rules.access import ActorKind
from app.core.rules.errors import AuthenticationFailed, TooManyAttempts

FAILURES_ALLOWED = 20
FAILURE_WINDOW = timedelta(seconds=10)
BLOCKED_FOR = timedelta(seconds=5)
VERIFIED_FOR = timedelta(minutes=5)
"""How long a verified credential is remembered since its last use, so that hashing does not cost
every call. A new password, an ended secret or a disabled account is noticed at once all the same:
the stored hash is part of what is remembered, and the account is read at each call."""
REFRESH_AFTER = timedelta(minutes=1)

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id with 19 MiB, t=2, p=1."""
_HASHING = threading.BoundedSemaphore(2)
"""At most two at a time per process."""
_HASHING_WAIT_SECONDS = 10


class NameBound:
    """Lets at most ``most`` different names in at once; one that is in may come again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Enter with this name; False if too many others are in."""
        with self._lock:
            admitted = name in self._inside or len(self._inside) < self._most
            if admitted:
                self._inside[name] += 1
        try:
            yield admitted
        finally:
            if admitted:
                with self._lock:
                    self._inside[name] -= 1
                    if not self._inside[name]:
                        del self._inside[name]


NAMES_HASHED = NameBound(12)
"""Names whose password is hashed or waits for it, per process. Each waits in one of the server's 16
threads; the others stay free for anyone who needs no hashing, however many names somebody
invents."""
_NOBODY = _HASHER.hash("nobody has this password")
"""Hashed for unknown names, so that they cost what known ones cost."""
_SECRETS_OF_A_PARTNER = 2
_verified = VerifiedCredential.__table__
REMEMBERED = (
    select(_verified.c.digest)
    .where(
        _verified.c.digest.in_((bindparam("first"), bindparam("second"))),
        _verified.c.at >= bindparam("since"),
    )
    .limit(1)
    .scalar_subquery()
)
"""SQL: a digest that was verified so shortly before that nothing is to be recorded. Its values are
those of ``remembered_by``."""


@dataclass(frozen=True)
class Attempt:
    """The result of one try: the account's key, or the error; and what is to be recorded."""

    name_digest: str
    account_id: int | None = None
    error: AuthenticationFailed | None = None
    verified_digest: str | None = None
    failed_as: tuple[ActorKind, str] | None = None
    """The kind and name that a wrong password was given for; None where none was looked at."""
    stored_hash: str = field(default="", repr=False)
    """The hash that the password was found right by: by now there may be another one."""

    @property
    def needs_record(self) -> bool:
        """Whether ``record_attempt`` has anything to write."""
        return self.failed_as is not None or self.verified_digest is not None

    def verified_account(self) -> int:
        """The account's key, or raise what is wrong."""
        if self.account_id is None:
            raise self.error or AuthenticationFailed()
        return self.account_id


def hash_password(password: str) -> str:
    """The argon2id hash of a password, for storing."""
    return _HASHER.hash(password)


def attempt(
    session: Session, kind: ActorKind, name: str, password: str, now: datetime, key: bytes
) -> Attempt:
    """Try a name and password of a person or a partner's account. Writes nothing.

    ``key`` is the portal's secret: it keys the digest of a remembered credential.
    """
    name_digest = _name_digest(kind, name)
    account_id, hashes = _stored(session, kind, name)
    if len(password) > MAX_PASSWORD_LENGTH:
        hashes = []  # nobody has such a password; it costs what any wrong one costs
    digests = {_credential_digest(key, kind, name, stored, password): stored for stored in hashes}
    known = _without_hashing(session, name_digest, account_id, digests, now)
    if known is not None:
        return known
    session.rollback()  # hashing takes long, and so may waiting for it; no snapshot is held
    with NAMES_HASHED.hold(name_digest) as admitted:
        if not admitted or not _HASHING.acquire(timeout=_HASHING_WAIT_SECONDS):
            return Attempt(name_digest, error=TooManyAttempts())
        try:
            # one of those that waited for may have been the same credential, or one guess too many
            known = _without_hashing(session, name_digest, account_id, digests, now)
            if known is not None:
                return known
            session.rollback()
            tries = _SECRETS_OF_A_PARTNER if kind is ActorKind.PARTNER else 1
            matching = _matching(hashes, password, tries)
        finally:
            _HASHING.release()
    if matching is None or account_id is None:
        return Attempt(name_digest, error=AuthenticationFailed(), failed_as=(kind, name))
    return Attempt(
        name_digest,
        account_id,
        verified_digest=[*digests][matching],
        stored_hash=hashes[matching],
    )


def attempt_without_password(
    session: Session, name: str, now: datetime, *, purpose: str
) -> Attempt:
    """A person's failed try of what is no password and costs no hashing, such as a second factor's
    code. Too many of them block their ``purpose`` alone; the audit counts them as failed logins.

    To be recorded, unless too many failed before it.
    """
    digest = _name_digest(purpose, name)
    if _is_blocked(session, digest, now):
        return Attempt(digest, error=TooManyAttempts())
    return Attempt(digest, error=AuthenticationFailed(), failed_as=(ActorKind.PERSON, name))


def remembered_by(
    kind: ActorKind, name: str, password: str, hashes: Sequence[str], now: datetime, key: bytes
) -> dict[str, Any]:
    """The values of ``REMEMBERED`` for these credentials, if ``hashes`` are the stored ones."""
    digests = [_credential_digest(key, kind, name, stored, password) for stored in hashes]
    first, second = (digests[0], digests[-1]) if digests else ("", "")
    return {"first": first, "second": second, "since": now - REFRESH_AFTER}


def _without_hashing(
    session: Session,
    name_digest: str,
    account_id: int | None,
    digests: Mapping[str, str],
    now: datetime,
) -> Attempt | None:
    """What can be said at once: verified shortly before, or too many attempts. ``digests`` map
    what may be remembered to the stored hash that it belongs to."""
    if account_id is not None and digests:
        remembered = session.execute(
            select(VerifiedCredential.digest, VerifiedCredential.at).where(
                VerifiedCredential.digest.in_(digests),
                VerifiedCredential.at > now - VERIFIED_FOR,
            )
        ).first()
        if remembered is not None:
            stale = remembered.at < now - REFRESH_AFTER
            return Attempt(
                name_digest,
                account_id,
                verified_digest=remembered.digest if stale else None,
                stored_hash=digests[remembered.digest],
            )
    if _is_blocked(session, name_digest, now):
        return Attempt(name_digest, error=TooManyAttempts())
    return None


def record_attempt(session: Session, tried: Attempt, now: datetime, remote: str = "") -> Attempt:
    """Count a failure, or remember a verified credential. Returns the attempt as it counts now:

    the failure that is the 21st within 10 s is answered "too many attempts" itself. ``remote`` is
    the address that it came from, for the audit.
    """
    if tried.verified_digest is not None:
        session.execute(
            upsert(VerifiedCredential)
            .values(digest=tried.verified_digest, at=now)
            .on_conflict_do_update(index_elements=[VerifiedCredential.digest], set_={"at": now})
        )
        _forget(session, VerifiedCredential.digest, VerifiedCredential.at < now - VERIFIED_FOR)
    if tried.failed_as is not None:
        _forget(session, LoginFailure.id, LoginFailure.at < now - 6 * FAILURE_WINDOW)
        session.add(LoginFailure(account=tried.name_digest, at=now))
        session.flush()
        count_failed_login(session, *tried.failed_as, now, remote)
        if _is_blocked(session, tried.name_digest, now):
            return replace(tried, error=TooManyAttempts())
    return tried


def known_name(session: Session, kind: ActorKind, name: str) -> str:
    """The name if an account has it, disabled or not, else "": it may be a mistyped secret, which
    neither the audit nor the security log keeps."""
    known = (
        select(User.id).where(User.name == name)
        if kind is ActorKind.PERSON
        else select(PartnerAccount.id).where(PartnerAccount.login == name)
    )
    return name if session.scalar(known) is not None else ""


def count_failed_login(
    session: Session, kind: ActorKind, name: str, now: datetime, remote: str = ""
) -> None:
    """Count one failed login in the audit: per account and minute (UTC).

    Names that no account has are counted together, under "": they may be mistyped secrets.
    """
    account = known_name(session, kind, name)
    counted = upsert(FailedLogins).values(
        kind=kind,
        account=account,
        minute=now.replace(second=0, microsecond=0),
        failures=1,
        remote=remote,
    )
    session.execute(
        counted.on_conflict_do_update(
            index_elements=[FailedLogins.kind, FailedLogins.account, FailedLogins.minute],
            set_={"failures": FailedLogins.failures + 1, "remote": remote},
        )
    )


def forget_failures(session: Session, name: str) -> None:
    """Delete the failed logins of a person that slow down the next ones."""
    digest = _name_digest(ActorKind.PERSON, name)
    session.execute(delete(LoginFailure).where(LoginFailure.account == digest))


def _forget(
    session: Session, key: InstrumentedAttribute[Any], outdated: ColumnElement[bool]
) -> None:
    """Delete outdated rows, but those that another writer holds: waiting could deadlock."""
    row = key.class_
    free = select(key).where(outdated).with_for_update(skip_locked=True)
    session.execute(delete(row).where(key.in_(free)))


def _stored(session: Session, kind: ActorKind, name: str) -> tuple[int | None, list[str]]:
    """The enabled account of this name and its live hashes."""
    if kind is ActorKind.PERSON:
        person = session.execute(
            select(User.id, User.password_hash).where(User.name == name, User.disabled_at.is_(None))
        ).first()
        if person is None or not person.password_hash:  # none was set yet
            return None, []
        return person.id, [person.password_hash]
    rows = session.execute(
        select(PartnerAccount.id, AccountSecret.password_hash)
        .join(AccountSecret, AccountSecret.account_id == PartnerAccount.id)
        .where(
            PartnerAccount.login == name,
            PartnerAccount.disabled_at.is_(None),
            AccountSecret.ended_at.is_(None),
        )
        .order_by(AccountSecret.id)
    ).all()
    return (rows[0].id if rows else None), [row.password_hash for row in rows]


def _name_digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "replace")).hexdigest()


def _credential_digest(key: bytes, kind: ActorKind, name: str, stored: str, password: str) -> str:
    parts = b"\0".join(part.encode("utf-8", "replace") for part in (kind, name, stored, password))
    return hmac.new(key, parts, hashlib.sha256).hexdigest()


def _is_blocked(session: Session, name_digest: str, now: datetime) -> bool:
    newest = session.scalar(
        select(func.max(LoginFailure.at)).where(LoginFailure.account == name_digest)
    )
    if newest is None or now - newest >= BLOCKED_FOR:
        return False
    count = session.scalar(
        select(func.count()).where(
            LoginFailure.account == name_digest, LoginFailure.at > newest - FAILURE_WINDOW
        )
    )
    return (count or 0) > FAILURES_ALLOWED


def _matching(hashes: list[str], password: str, tries: int) -> int | None:
    """The position of the hash that fits, after ``tries`` hashings at the least on failure."""
    for position, stored in enumerate([*hashes, *[_NOBODY] * (tries - len(hashes))]):
        try:
            _HASHER.verify(stored, password[:MAX_PASSWORD_LENGTH])
        except VerifyMismatchError:
            continue
        if position < len(hashes):
            return position
    return None
