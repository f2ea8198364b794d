"""The settings of mail, as ``app.core.settings`` read them: checked, a line for each wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from app.core.catalogues import ENGLISH, languages
from app.core.rules.errors import SettingError
from app.core.rules.mails.mail_addresses import mail_address

NAMES = (
    "MAIL_FROM",
    "MAIL_FOLDER",
    "MAIL_LANGUAGE",
    "MAIL_REPLY_TO",
    "MAIL_UNKNOWN_PER_DAY",
    "MAIL_UNKNOWN_MIB_PER_DAY",
    "MAIL_KNOWN_PER_DAY",
    "MAIL_KNOWN_MIB_PER_DAY",
    "MAIL_WHOLE_DAYS",
    "MAIL_REVIEW_DAYS",
    "MAIL_SMTP",
    "MAIL_TLS",
    "MAIL_USER",
    "MAIL_PASSWORD",
    "MAIL_PASSWORD_FILE",
    "MAIL_TIMEOUT_SECONDS",
    "MAIL_RETRY_SECONDS",
)
TLS = ("none", "starttls", "tls")
DEFAULT_NAME = "LHCOPN tickets"
LONGEST_MAILBOX = 23
"""Characters before the ``@`` to which a ticket, its recipient and a signature are added."""
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ReceivingLimits:
    """How many mails are taken in on a day (UTC), and how long they are stored."""

    unknown_mails: int = 50
    """Of all senders together that answer no address of ours."""
    unknown_mib: int = 100
    known_mails: int = 1000
    """To each address that the portal gave out."""
    known_mib: int = 500
    whole_days: int = 30
    """Until a mail's bytes and files are deleted; its text stays."""
    review_days: int = 90
    """Until a mail is deleted that nobody reviewed."""

    @classmethod
    def of(
        cls, values: Mapping[str, str], whole_number: Callable[[str, str, int, int], int]
    ) -> ReceivingLimits:
        """Check the texts; raises SettingError."""

        def number(name: str, default: int, least: int = 0, most: int = 100_000) -> int:
            return whole_number(name, values.get(name, str(default)), least, most)

        usual = cls()
        return cls(
            unknown_mails=number("MAIL_UNKNOWN_PER_DAY", usual.unknown_mails),
            unknown_mib=number("MAIL_UNKNOWN_MIB_PER_DAY", usual.unknown_mib),
            known_mails=number("MAIL_KNOWN_PER_DAY", usual.known_mails),
            known_mib=number("MAIL_KNOWN_MIB_PER_DAY", usual.known_mib),
            whole_days=number("MAIL_WHOLE_DAYS", usual.whole_days, 1, 3650),
            review_days=number("MAIL_REVIEW_DAYS", usual.review_days, 1, 3650),
        )

    def as_environment(self) -> dict[str, str]:
        """The variables from which these settings are read again."""
        return {
            "MAIL_UNKNOWN_PER_DAY": str(self.unknown_mails),
            "MAIL_UNKNOWN_MIB_PER_DAY": str(self.unknown_mib),
            "MAIL_KNOWN_PER_DAY": str(self.known_mails),
            "MAIL_KNOWN_MIB_PER_DAY": str(self.known_mib),
            "MAIL_WHOLE_DAYS": str(self.whole_days),
            "MAIL_REVIEW_DAYS": str(self.review_days),
        }


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Destination and sender of mails; without ``host`` they are written to the folder."""

    from_name: str = DEFAULT_NAME
    from_address: str = "lhcopn-tickets@localhost"
    folder: str = "instance/mails"
    """Relative to the folder in which the portal writes."""
    host: str = ""
    port: int = 25
    tls: str = "none"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: int = 20
    """Seconds for each step with the server."""
    retry: int = 60
    """Seconds until a mail that was not taken is tried for the second time."""
    language: str = "en"
    """In which mails are written; any but English has a catalogue."""
    reply_to: str = ""
    """The mailbox whose mails ``flask mail receive`` gets; "" = nobody answers the mails."""
    receiving: ReceivingLimits = ReceivingLimits()

    @classmethod
    def of(
        cls,
        values: Mapping[str, str],
        public_url: str,
        whole_number: Callable[[str, str, int, int], int],
        base: Path,
    ) -> MailSettings:
        """Check the texts; raises SettingError."""
        host, port = _server(values.get("MAIL_SMTP"))
        if host and "MAIL_FROM" not in values:
            raise SettingError(
                "MAIL_FROM must be set where MAIL_SMTP is: an address that the server lets us use"
            )
        name, address = _sender(values.get("MAIL_FROM"), public_url)
        tls = values.get("MAIL_TLS", "none")
        if tls not in TLS:
            raise SettingError(f"MAIL_TLS must be one of {', '.join(TLS)}")
        user, password = values.get("MAIL_USER", ""), _password(values, base)
        if bool(user) != bool(password):
            raise SettingError("MAIL_USER and MAIL_PASSWORD (or MAIL_PASSWORD_FILE) go together")
        if user and tls == "none" and host not in _LOCAL_NAMES:
            raise SettingError(
                "MAIL_TLS must be starttls or tls where MAIL_USER is set: the password would be"
                " readable on its way"
            )
        return cls(
            from_name=name,
            from_address=address,
            folder=values.get("MAIL_FOLDER", "instance/mails"),
            host=host,
            port=port,
            tls=tls,
            user=user,
            password=password,
            timeout=whole_number(
                "MAIL_TIMEOUT_SECONDS", values.get("MAIL_TIMEOUT_SECONDS", "20"), 1, 300
            ),
            retry=whole_number(
                "MAIL_RETRY_SECONDS", values.get("MAIL_RETRY_SECONDS", "60"), 1, 3600
            ),
            language=_language(values.get("MAIL_LANGUAGE", ENGLISH)),
            reply_to=_mailbox(values.get("MAIL_REPLY_TO", "")),
            receiving=ReceivingLimits.of(values, whole_number),
        )

    def as_environment(self) -> dict[str, str]:
        """The variables from which these settings are read again."""
        found = {
            "MAIL_FROM": f"{self._quoted_name()} <{self.from_address}>",
            "MAIL_FOLDER": self.folder,
            "MAIL_TLS": self.tls,
            "MAIL_TIMEOUT_SECONDS": str(self.timeout),
            "MAIL_RETRY_SECONDS": str(self.retry),
            "MAIL_LANGUAGE": self.language,
            **self.receiving.as_environment(),
        }
        if self.reply_to:
            found["MAIL_REPLY_TO"] = self.reply_to
        if self.host:
            shown = f"[{self.host}]" if ":" in self.host else self.host
            found["MAIL_SMTP"] = f"{shown}:{self.port}"
        if self.user:
            found |= {"MAIL_USER": self.user, "MAIL_PASSWORD": self.password}
        return found

    def _quoted_name(self) -> str:
        escaped = self.from_name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


def _language(text: str) -> str:
    if text not in (ENGLISH, *languages()):
        raise SettingError(
            "MAIL_LANGUAGE must be en, or a language that has a catalogue in translations/"
        )
    return text


def _mailbox(text: str) -> str:
    address = mail_address(text) or ""
    local = address.rpartition("@")[0]
    if text and (not address or "+" in local or len(local) > LONGEST_MAILBOX):
        raise SettingError(
            "MAIL_REPLY_TO must be the address of a mailbox, with at most"
            f" {LONGEST_MAILBOX} characters before the @ and no +: tickets@site.example"
        )
    return address


def _server(text: str | None) -> tuple[str, int]:
    if text is None:
        return "", 25
    match = _SERVER.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise SettingError("MAIL_SMTP must be HOST:PORT, as in mail.site.example:587")
    return match[1].strip("[]"), int(match[2])


def _sender(text: str | None, public_url: str) -> tuple[str, str]:
    if text is None:
        return DEFAULT_NAME, f"lhcopn-tickets@{_mail_host(public_url)}"
    written = getaddresses([text])
    name, address = written[0][0], mail_address(written[0][1])
    if address is None or len(written) > 1 or not text.isprintable():
        raise SettingError(
            "MAIL_FROM must be a mail address, or a name and one in angle brackets:"
            " LHCOPN tickets <tickets@site.example>"
        )
    return name or DEFAULT_NAME, address


def _mail_host(public_url: str) -> str:
    host = urlsplit(public_url).hostname or "localhost"
    try:
        ip_address(host)
    except ValueError:
        return host
    return "localhost"


def _password(values: Mapping[str, str], base: Path) -> str:
    text, file = values.get("MAIL_PASSWORD"), values.get("MAIL_PASSWORD_FILE")
    if text is not None and file is not None:
        raise SettingError("MAIL_PASSWORD and MAIL_PASSWORD_FILE are both set; set one of them")
    if file is None:
        return text or ""
    try:
        return (base / file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingError(
            "MAIL_PASSWORD_FILE must name a text file that this process can read"
        ) from None
