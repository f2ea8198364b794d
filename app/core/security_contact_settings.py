"""The settings of ``/.well-known/security.txt``: where somebody reports a vulnerability."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.core.rules.errors import SettingError

NAMES = ("SECURITY_CONTACT", "SECURITY_CONTACT_UNTIL")
_ADDRESS = re.compile(r"(?:mailto:)?([!-9;=?A-~]+@[A-Za-z0-9][A-Za-z0-9.-]*)")
_PAGE = re.compile(r"https://[!-~]+")


@dataclass(frozen=True, slots=True)
class SecurityContactSettings:
    """``address`` is a ``mailto:`` or ``https:`` address, "" = nobody is named."""

    address: str = ""
    until: date | None = None
    """The last day for which a person confirmed the address; None if nobody is named."""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> SecurityContactSettings:
        """Read both. Raises SettingError with one line that names the variable."""
        contact, until = (values.get(name, "") for name in NAMES)
        if bool(contact) != bool(until):
            raise SettingError(
                "SECURITY_CONTACT and SECURITY_CONTACT_UNTIL must be set together: security.txt"
                " says until which day the contact is valid"
            )
        return cls(_address(contact), _day(until)) if contact else cls()

    def as_environment(self) -> dict[str, str]:
        """These settings as the variables that they are read from."""
        return {
            "SECURITY_CONTACT": self.address,
            "SECURITY_CONTACT_UNTIL": self.until.isoformat() if self.until else "",
        }


def _address(text: str) -> str:
    if found := _ADDRESS.fullmatch(text):
        return f"mailto:{found[1]}"
    if _PAGE.fullmatch(text):
        return text
    raise SettingError("SECURITY_CONTACT must be an email address or an https:// address")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError("SECURITY_CONTACT_UNTIL must be a day such as 2027-06-30") from None
