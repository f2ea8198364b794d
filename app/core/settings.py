"""The settings: the only module that reads the process environment.

Every setting has a meaning and a default in ``.env.example``; a test compares the two. It must not
know the database, Flask or the doors: it turns text into checked values, and says in one line what
is wrong with one.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.folders import BASE
from app.core.mail_settings import NAMES as MAIL_NAMES
from app.core.mail_settings import MailSettings
from app.core.metrics_settings import NAMES as METRICS_NAMES
from app.core.metrics_settings import MetricsSettings
from app.core.rules.access import USUAL_COPIES_PER_DAY
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.quarters import USUAL_DUE_DAYS, Quarter
from app.core.rules.secret_keys import SecretKey
from app.core.security_contact_settings import NAMES as SECURITY_CONTACT_NAMES
from app.core.security_contact_settings import SecurityContactSettings
from app.core.sign_on_settings import NAMES as SIGN_ON_NAMES
from app.core.sign_on_settings import SignOnSettings

NAMES = (
    "DATABASE_URL",
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "SECRET_KEY",
    "SECRET_KEY_FILE",
    "OLD_SECRET_KEY",
    "OLD_SECRET_KEY_FILE",
    "ARS_SERVER",
    "TRUSTED_PROXIES",
    "SAME_CALLS_PER_MINUTE",
    "API_CALLS_PER_MINUTE",
    "CALLS_KEPT_DAYS",
    "MAILS_KEPT_DAYS",
    "REFUSALS_KEPT_DAYS",
    "DEMO",
    "WORKER",
    "LOG_FORMAT",
    "REPORT_DUE_DAYS",
    "OUTBOUND_PRIVATE_HOSTS",
    "LOGIN_IDLE_HOURS",
    "COPIES_PER_DAY",
    "REPORTS_FROM",
    "CARRIER_READER",
    *MAIL_NAMES,
    *SIGN_ON_NAMES,
    *METRICS_NAMES,
    *SECURITY_CONTACT_NAMES,
)
"""Every setting there is."""
_REMOVED = frozenset({"KEPT_ANSWERS"})

WORKERS = 2
"""Server processes."""

MAX_LISTENERS = 600
"""Open pages that one process notifies of changes; others poll every 30 s."""

KEPT_DAYS = 365
"""For which mails, calls and refusals are stored by default; tickets, their history and signed
reports are for ever."""

MIN_SECRET_LENGTH = 32
"""Characters that a secret must have: 16 random bytes written in hexadecimal."""

_KNOWN_SECRETS = frozenset(
    {"changeme", "change-me", "secret", "default", "dev", "please-change-me"}
)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. ``public_url`` has no slash at its end; ``database_url`` is absolute."""

    database_url: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    allowed_hosts: tuple[str, ...] = ()
    """Names and addresses, in small letters, to which it answers besides that of ``public_url``."""
    secret_key: str | None = field(default=None, repr=False)
    old_secret_key: str | None = field(default=None, repr=False)
    """The secret key before a change: what was written with it is read, nothing is written."""
    ars_server: str = "ggus"
    trusted_proxies: int = 0
    same_calls_per_minute: int = 600
    """Of all server processes together; 0 = no limit."""
    api_calls_per_minute: int = 600
    """Of one API token, at all server processes together; 0 = no limit."""
    calls_kept_days: int = KEPT_DAYS
    mails_kept_days: int = KEPT_DAYS
    refusals_kept_days: int = KEPT_DAYS
    demo: bool = False
    worker: bool = True
    """Whether ``flask serve`` also starts a worker."""
    log_format: str = "lines"
    """lines or json."""
    report_due_days: int = USUAL_DUE_DAYS
    """Days from a quarter's end to the day by which its reports are due."""
    outbound_private_hosts: frozenset[str] = frozenset()
    """Hosts that calls out may reach at addresses that are not public, in small letters."""
    login_idle_hours: int = 4
    """After so many hours without use a person's login ends; 0 = it may lie unused."""
    copies_per_day: int = USUAL_COPIES_PER_DAY
    """Outside addresses that an account may name for carbon copies on one day (UTC)."""
    reports_from: Quarter | None = None
    """The first quarter for which reports are required; None = the one fixed at the first start."""
    carrier_reader: Path | None = None
    """The interpreter of the carrier reader's environment; None = carriers' mails are not read."""
    mail: MailSettings = field(default_factory=MailSettings)
    sign_on: SignOnSettings = field(default_factory=SignOnSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    security_contact: SecurityContactSettings = field(default_factory=SecurityContactSettings)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check every setting; an empty one counts as not set.

        Raises SettingError with one line that names the variable and what is allowed. A missing
        secret is no error here: commands need none, see ``for_serving``.
        """
        given = os.environ if environ is None else environ
        _refuse_misspelt(given)
        values = {name: value for name in NAMES if (value := given.get(name, "").strip())}
        host = _host(values.get("HOST", "127.0.0.1"))
        port = _whole_number("PORT", values.get("PORT", "8000"), 1, 65535)
        demo = _switch("DEMO", values.get("DEMO", "0"))
        if demo:
            _refuse_public_demo(host)
        public_url = _public_url(values.get("PUBLIC_URL"), host, port)
        return cls(
            database_url=_database_url(values.get("DATABASE_URL")),
            host=host,
            port=port,
            public_url=public_url,
            allowed_hosts=_allowed_hosts(values.get("ALLOWED_HOSTS", "")),
            secret_key=_secret("SECRET_KEY", values),
            old_secret_key=_old_secret(values),
            ars_server=_ars_server(values.get("ARS_SERVER", "ggus")),
            trusted_proxies=_whole_number(
                "TRUSTED_PROXIES", values.get("TRUSTED_PROXIES", "0"), 0, 9
            ),
            same_calls_per_minute=_whole_number(
                "SAME_CALLS_PER_MINUTE", values.get("SAME_CALLS_PER_MINUTE", "600"), 0, 100_000
            ),
            api_calls_per_minute=_whole_number(
                "API_CALLS_PER_MINUTE", values.get("API_CALLS_PER_MINUTE", "600"), 0, 100_000
            ),
            calls_kept_days=_kept_days("CALLS_KEPT_DAYS", values),
            mails_kept_days=_kept_days("MAILS_KEPT_DAYS", values),
            refusals_kept_days=_kept_days("REFUSALS_KEPT_DAYS", values),
            demo=demo,
            worker=_switch("WORKER", values.get("WORKER", "1")),
            log_format=_log_format(values.get("LOG_FORMAT", "lines")),
            report_due_days=_whole_number(
                "REPORT_DUE_DAYS", values.get("REPORT_DUE_DAYS", str(USUAL_DUE_DAYS)), 1, 365
            ),
            outbound_private_hosts=_host_names(
                "OUTBOUND_PRIVATE_HOSTS", values.get("OUTBOUND_PRIVATE_HOSTS", "")
            ),
            login_idle_hours=_whole_number(
                "LOGIN_IDLE_HOURS", values.get("LOGIN_IDLE_HOURS", "4"), 0, 12
            ),
            copies_per_day=_whole_number(
                "COPIES_PER_DAY",
                values.get("COPIES_PER_DAY", str(USUAL_COPIES_PER_DAY)),
                0,
                100_000,
            ),
            reports_from=_quarter("REPORTS_FROM", values.get("REPORTS_FROM")),
            carrier_reader=(BASE / path) if (path := values.get("CARRIER_READER")) else None,
            mail=MailSettings.of(values, public_url, _whole_number, BASE),
            sign_on=SignOnSettings.of(values, BASE),
            metrics=MetricsSettings.of(values),
            security_contact=SecurityContactSettings.of(values),
        )

    @property
    def key(self) -> SecretKey | None:
        """The secret key as bytes, with the old one; None = no secret is set."""
        if self.secret_key is None:
            return None
        old = self.old_secret_key
        return SecretKey(self.secret_key.encode(), old.encode() if old is not None else None)

    def for_trying(self) -> Settings:
        """These settings; without a secret, they are those of a demo.

        Raises SettingError if others could reach that demo.
        """
        if self.secret_key is not None or self.demo:
            return self
        _refuse_public_demo(self.host)
        return replace(self, demo=True)

    def for_serving(self) -> Settings:
        """These settings with a secret: the given one, or in demo mode one made on first use.

        Raises SettingError if none exists and this is no demo.
        """
        if self.secret_key is not None:
            return self
        if not self.demo:
            raise SettingError(
                "SECRET_KEY or SECRET_KEY_FILE must be set to a random text of at least"
                f" {MIN_SECRET_LENGTH} characters; DEMO=1 makes its own"
            )
        return replace(self, secret_key=_demo_secret(instance_folder() / "demo-secret"))


def instance_folder() -> Path:
    """Where the embedded database and the demo's secret lie; made when missing."""
    folder = BASE / "instance"
    folder.mkdir(mode=0o750, exist_ok=True)
    return folder


_MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(256 * 1024)}
"""For glibc: the memory of a large body goes back to the system when the request is over. Without
it, sixteen bodies of 4 MiB at once left 250 MiB with two processes."""


def environment_of_children() -> dict[str, str]:
    """The environment of this process, for a program that it starts (``pg_dump``, ``psql``)."""
    return dict(os.environ)


def handed_over_sockets() -> int:
    """How many sockets the service manager handed to this process, as sd_listen_fds(3) defines it.

    The variables are gone afterwards, so that no process started later takes them for its own.
    """
    process, number = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    return int(number) if process == str(os.getpid()) and number.isdecimal() else 0


def service_manager() -> tuple[str, float] | None:
    """Where systemd listens for signs of life of this process, and within how many seconds it wants
    them (0 = it does not), as sd_notify(3) and sd_watchdog_enabled(3) define it; None = nowhere."""
    address, process = os.environ.get("NOTIFY_SOCKET", ""), os.environ.get("WATCHDOG_PID", "")
    interval = os.environ.get("WATCHDOG_USEC", "")
    if not address.startswith(("/", "@")):
        return None
    is_ours = process in ("", str(os.getpid())) and interval.isdecimal()
    return address, int(interval) / 1_000_000 if is_ours else 0.0


def process_environment(settings: Settings) -> dict[str, str]:
    """The environment for a server process that is to see exactly these settings."""
    environ = _MEMORY | {name: value for name, value in os.environ.items() if name not in NAMES}
    environ |= {
        "DATABASE_URL": settings.database_url,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "PUBLIC_URL": settings.public_url,
        "ALLOWED_HOSTS": ",".join(settings.allowed_hosts),
        "ARS_SERVER": settings.ars_server,
        "TRUSTED_PROXIES": str(settings.trusted_proxies),
        "SAME_CALLS_PER_MINUTE": str(settings.same_calls_per_minute),
        "API_CALLS_PER_MINUTE": str(settings.api_calls_per_minute),
        "CALLS_KEPT_DAYS": str(settings.calls_kept_days),
        "MAILS_KEPT_DAYS": str(settings.mails_kept_days),
        "REFUSALS_KEPT_DAYS": str(settings.refusals_kept_days),
        "DEMO": "1" if settings.demo else "0",
        "WORKER": "1" if settings.worker else "0",
        "LOG_FORMAT": settings.log_format,
        "REPORT_DUE_DAYS": str(settings.report_due_days),
        "OUTBOUND_PRIVATE_HOSTS": ",".join(sorted(settings.outbound_private_hosts)),
        "LOGIN_IDLE_HOURS": str(settings.login_idle_hours),
        "COPIES_PER_DAY": str(settings.copies_per_day),
        "CARRIER_READER": str(settings.carrier_reader or ""),
        **settings.mail.as_environment(),
        **settings.sign_on.as_environment(),
        **settings.metrics.as_environment(),
        **settings.security_contact.as_environment(),
    }
    if settings.reports_from is not None:
        environ["REPORTS_FROM"] = str(settings.reports_from)
    if settings.secret_key is not None:
        environ["SECRET_KEY"] = settings.secret_key
    if settings.old_secret_key is not None:
        environ["OLD_SECRET_KEY"] = settings.old_secret_key
    return environ


_NEARLY = 0.87
"""How alike a name and a setting's are (difflib's ratio) where one is taken for a slip of the
other: one wrong, missing or additional character in five. The usual names of systemd, CI and shells
stay below (a test lists them)."""
_MIN_SLIP_LENGTH = 5
"""Characters: what is shorter is near many words."""


def _refuse_misspelt(names: Iterable[str]) -> None:
    """Raise SettingError for a name that is almost a setting's, or was one: it would be ignored
    silently."""
    for name in sorted(names):
        upper = name.upper()
        if upper in _REMOVED:
            raise SettingError(
                f"{name} is no longer a setting of the portal; remove it from the environment"
            )
        if len(name) < _MIN_SLIP_LENGTH or name in NAMES:
            continue
        for meant in difflib.get_close_matches(upper, NAMES, n=1, cutoff=_NEARLY):
            # with a word of its own before or behind it is the name of something else
            if not upper.startswith(f"{meant}_") and not upper.endswith(f"_{meant}"):
                raise SettingError(
                    f"{name} is not a setting of the portal, but {meant} is: set {meant}, or remove"
                    f" {name} from the environment"
                )


def _host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if _HOST_NAME.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
            return text
    raise SettingError("HOST must be an IP address or a host name to listen on")


def _refuse_public_demo(host: str) -> None:
    if not is_loopback(host):
        raise SettingError(
            "HOST must be a loopback address (127.0.0.1, ::1 or localhost) for the demo (DEMO=1,"
            " or `run` without SECRET_KEY): its passwords are public"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; host names other than localhost are not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _whole_number(name: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _log_format(text: str) -> str:
    if text not in ("lines", "json"):
        raise SettingError("LOG_FORMAT must be lines or json")
    return text


def _host_names(name: str, text: str) -> frozenset[str]:
    """Host names, or addresses, between commas; in small letters."""
    hosts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return frozenset(_host(host).lower() for host in hosts)
    except SettingError:
        raise SettingError(f"{name} must be host names with commas between them") from None


def _kept_days(name: str, values: Mapping[str, str]) -> int:
    return _whole_number(name, values.get(name, str(KEPT_DAYS)), 1, 3650)


def _quarter(name: str, text: str | None) -> Quarter | None:
    try:
        return None if text is None else Quarter.parse(text)
    except Invalid:
        raise SettingError(f"{name} must be a quarter such as 2012-Q4") from None


def _switch(name: str, text: str) -> bool:
    if text not in {"0", "1"}:
        raise SettingError(f"{name} must be 0 or 1")
    return text == "1"


def _ars_server(text: str) -> str:
    if not _SERVER_NAME.fullmatch(text):
        raise SettingError(
            "ARS_SERVER must be 1 to 64 letters, digits, dots, dashes or underscores"
        )
    return text


def _public_url(text: str | None, host: str, port: int) -> str:
    if text is None:
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    problem = SettingError(
        "PUBLIC_URL must be http:// or https:// with a host and at most a port,"
        " without a path, query or user name"
    )
    try:
        parts = urlsplit(text)
        number = parts.port
    except ValueError:
        raise problem from None
    name = parts.hostname or ""
    if (
        parts.scheme not in {"http", "https"}
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or text.endswith(("?", "#"))
        or number == 0
        or parts.netloc.endswith(":")
    ):
        raise problem
    try:
        host = _host(name)
    except SettingError:
        raise problem from None
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{number}" if number else "")


def _allowed_hosts(text: str) -> tuple[str, ...]:
    try:
        return tuple(_host(name.strip()).lower() for name in text.split(",") if name.strip())
    except SettingError:
        raise SettingError(
            "ALLOWED_HOSTS must be host names or IP addresses, separated by commas, without ports"
        ) from None


def _database_url(text: str | None) -> str:
    """An absolute URL: the path of an SQLite file begins in ``BASE``, wherever one stands."""
    if text is None:
        return _sqlite_url(instance_folder() / "portal.db")
    url = _parsed(text)
    if url is not None and url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not (url.host or not url.database or url.database == ":memory:" or url.query):
            return _sqlite_url(BASE / url.database)
    elif (found := postgresql_url(text)) is not None:
        return found
    raise SettingError("DATABASE_URL must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")


def postgresql_url(text: str) -> str | None:
    """The URL with the driver that the portal uses; None if it names no PostgreSQL database."""
    url = _parsed(text)
    if url is None or not url.database:
        return None
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        return None
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _parsed(text: str) -> URL | None:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _sqlite_url(path: Path) -> str:
    if not path.parent.is_dir():
        raise SettingError("DATABASE_URL names a file in a folder that does not exist")
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _secret(name: str, values: Mapping[str, str]) -> str | None:
    """The secret of this name, or the content of the file that ``NAME_FILE`` names."""
    in_file = f"{name}_FILE"
    text, file = values.get(name), values.get(in_file)
    if text is not None and file is not None:
        raise SettingError(f"{name} and {in_file} are both set; set one of them")
    if file is not None:
        name = in_file
        try:
            text = (BASE / file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingError(
                f"{in_file} must name a text file that this process can read"
            ) from None
        if not text:
            raise SettingError(f"{in_file} names an empty file; it must hold the secret")
    if text is None:
        return None
    if text.lower() in _KNOWN_SECRETS:
        raise SettingError(f"{name} is a well-known default; choose a random text")
    if len(text) < MIN_SECRET_LENGTH:
        raise SettingError(f"{name} must hold at least {MIN_SECRET_LENGTH} characters")
    if len(set(text)) < 8:
        raise SettingError(f"{name} must be random: it has fewer than 8 different characters")
    return text


def _old_secret(values: Mapping[str, str]) -> str | None:
    old = _secret("OLD_SECRET_KEY", values)
    if old is None:
        return None
    new = _secret("SECRET_KEY", values)
    if new is None:
        raise SettingError("OLD_SECRET_KEY is set, but not SECRET_KEY; set the new secret there")
    if new == old:
        raise SettingError("OLD_SECRET_KEY is the same as SECRET_KEY; set the one before it")
    return old


def _demo_secret(path: Path) -> str:
    """The secret in ``path``, made on first use, readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        text = path.read_text("ascii").strip()
        if len(text) >= MIN_SECRET_LENGTH:
            return text
        path.unlink()
        return _demo_secret(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        text = secrets.token_hex(32)
        file.write(text)
    return text
