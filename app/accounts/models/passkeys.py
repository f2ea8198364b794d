"""Rows of passkeys, and of their challenges."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import OWN, Base, UtcTime


class Passkey(Base):
    """A key that a person's device holds; this row has its public half."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    credential_id: Mapped[str] = mapped_column(String(1364), unique=True)
    """What the device calls it: at most 1023 bytes, as base64url."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """As COSE (RFC 9052) has it."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """The device's counter at the last use; 0 = it does not count."""
    is_synced: Mapped[bool]
    """Whether it may be copied to other devices of the person; else it is bound to one."""
    transports: Mapped[str] = mapped_column(String(100))
    """How a browser reaches the device, in its own words, separated by blanks."""
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)

    user: Mapped[User] = relationship()


class PasskeyChallenge(Base):
    """Random bytes for a device to sign once, and soon; the cookie holds the row's random id. Of a
    login without a name the cookie holds all, and the row says that it was used."""

    __tablename__ = "passkey_challenges"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    """The person it was created for; None = anybody who can answer."""
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
