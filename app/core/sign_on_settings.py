"""The settings of sign-on with OpenID Connect, as ``app.core.settings`` read them: all that is
needed or nothing, and a line for each wrong one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from app.core.rules.errors import SettingError

NAMES = (
    "SIGN_ON_ISSUER",
    "SIGN_ON_CLIENT_ID",
    "SIGN_ON_CLIENT_SECRET",
    "SIGN_ON_CLIENT_SECRET_FILE",
    "SIGN_ON_NAME",
    "SIGN_ON_SCOPES",
    "SIGN_ON_CLAIMS",
    "SIGN_ON_UNMAPPED",
    "SIGN_ON_CONTACT",
    "SIGN_ON_LAPSE_DAYS",
)
SCOPES = "openid profile email"
CLAIMS = "eduperson_entitlement groups"
REFUSE, READER = "refuse", "reader"
"""What happens to a person without a matching row in the map."""
LAPSE_DAYS = 30
_MAX_NAME = 40
_MAX_CONTACT = 200
_MAX_LAPSE_DAYS = 3650
_WORD = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class SignOnSettings:
    """The provider that people may log in with; without ``issuer`` there is no provider."""

    issuer: str = ""
    """As the provider's discovery document has it, a slash at its end included."""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = ""
    """What people call the provider, on the button."""
    scopes: str = SCOPES
    claims: tuple[str, ...] = tuple(CLAIMS.split())
    """Which claims hold entitlements or groups; a dot leads into a claim that is an object."""
    unmapped: str = REFUSE
    """``REFUSE`` or ``READER``: what happens to a person without a matching row in the map."""
    contact: str = ""
    """The contact for people without a role, in words or an address; "" = not set."""
    lapse_days: int = LAPSE_DAYS
    """Days without a sign-on after which the API tokens and the calendar address of a person whose
    role follows the map end; 0 = never."""

    def __bool__(self) -> bool:
        return bool(self.issuer)

    @classmethod
    def of(cls, values: Mapping[str, str], base: Path) -> SignOnSettings:
        """Check the texts; raises SettingError."""
        usual = {
            "SIGN_ON_SCOPES": SCOPES,
            "SIGN_ON_CLAIMS": CLAIMS,
            "SIGN_ON_UNMAPPED": REFUSE,
            "SIGN_ON_LAPSE_DAYS": str(LAPSE_DAYS),
        }
        given = [name for name in NAMES if name in values and values[name] != usual.get(name)]
        if not given:
            return cls()
        secret = _secret(values, base)
        needed = {
            "SIGN_ON_ISSUER": values.get("SIGN_ON_ISSUER"),
            "SIGN_ON_CLIENT_ID": values.get("SIGN_ON_CLIENT_ID"),
            "SIGN_ON_CLIENT_SECRET (or SIGN_ON_CLIENT_SECRET_FILE)": secret,
            "SIGN_ON_NAME": values.get("SIGN_ON_NAME"),
        }
        if missing := [name for name, value in needed.items() if not value]:
            raise SettingError(
                f"{given[0]} is set, so sign-on also needs {', '.join(missing)};"
                " without sign-on set none of them"
            )
        scopes = values.get("SIGN_ON_SCOPES", SCOPES).split()
        if "openid" not in scopes or not all(_WORD.fullmatch(word) for word in scopes):
            raise SettingError(
                "SIGN_ON_SCOPES must be words with blanks between them, one of them openid"
            )
        claims = values.get("SIGN_ON_CLAIMS", CLAIMS).split()
        if not all(_WORD.fullmatch(word) for word in claims):
            raise SettingError("SIGN_ON_CLAIMS must be names of claims with blanks between them")
        if not _WORD.fullmatch(values["SIGN_ON_CLIENT_ID"]):
            raise SettingError("SIGN_ON_CLIENT_ID must be one word, as the provider gave it")
        if not _WORD.fullmatch(secret):
            raise SettingError("SIGN_ON_CLIENT_SECRET must be one word, as the provider gave it")
        name = values["SIGN_ON_NAME"]
        if len(name) > _MAX_NAME or not name.isprintable():
            raise SettingError(f"SIGN_ON_NAME must be one line of at most {_MAX_NAME} characters")
        unmapped = values.get("SIGN_ON_UNMAPPED", REFUSE)
        if unmapped not in (REFUSE, READER):
            raise SettingError("SIGN_ON_UNMAPPED must be refuse or reader")
        contact = values.get("SIGN_ON_CONTACT", "")
        if len(contact) > _MAX_CONTACT or not contact.isprintable():
            raise SettingError(
                f"SIGN_ON_CONTACT must be one line of at most {_MAX_CONTACT} characters"
            )
        return cls(
            issuer=_issuer(values["SIGN_ON_ISSUER"]),
            client_id=values["SIGN_ON_CLIENT_ID"],
            client_secret=secret,
            name=name,
            scopes=" ".join(scopes),
            claims=tuple(claims),
            unmapped=unmapped,
            contact=contact,
            lapse_days=_days(values.get("SIGN_ON_LAPSE_DAYS", str(LAPSE_DAYS))),
        )

    def as_environment(self) -> dict[str, str]:
        """The variables from which these settings are read again."""
        if not self:
            return {}
        return {
            "SIGN_ON_ISSUER": self.issuer,
            "SIGN_ON_CLIENT_ID": self.client_id,
            "SIGN_ON_CLIENT_SECRET": self.client_secret,
            "SIGN_ON_NAME": self.name,
            "SIGN_ON_SCOPES": self.scopes,
            "SIGN_ON_CLAIMS": " ".join(self.claims),
            "SIGN_ON_UNMAPPED": self.unmapped,
            "SIGN_ON_CONTACT": self.contact,
            "SIGN_ON_LAPSE_DAYS": str(self.lapse_days),
        }


def _days(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > _MAX_LAPSE_DAYS:
        raise SettingError(f"SIGN_ON_LAPSE_DAYS must be a whole number from 0 to {_MAX_LAPSE_DAYS}")
    return int(text)


def _issuer(text: str) -> str:
    problem = SettingError(
        "SIGN_ON_ISSUER must be the provider's https:// address, without a query and without"
        " /.well-known/openid-configuration (http:// only on this machine)"
    )
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        parts.port  # noqa: B018  # raises where it is none
    except ValueError:
        raise problem from None
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    if (
        not is_secure
        or not host
        or not _WORD.fullmatch(text)
        or "@" in parts.netloc
        or "?" in text
        or "#" in text
        or "/.well-known/" in text
    ):
        raise problem
    return text


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret(values: Mapping[str, str], base: Path) -> str:
    text, file = values.get("SIGN_ON_CLIENT_SECRET"), values.get("SIGN_ON_CLIENT_SECRET_FILE")
    if text is not None and file is not None:
        raise SettingError(
            "SIGN_ON_CLIENT_SECRET and SIGN_ON_CLIENT_SECRET_FILE are both set; set one of them"
        )
    if file is None:
        return text or ""
    try:
        return (base / file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingError(
            "SIGN_ON_CLIENT_SECRET_FILE must name a text file that this process can read"
        ) from None
