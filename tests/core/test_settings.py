"""Settings: defaults, what each refuses in one line, and that .env.example tells the truth."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from app.core import settings as config
from app.core.folders import PROJECT
from app.core.rules.errors import SettingError
from app.core.rules.secret_keys import keys_to_read
from app.core.settings import NAMES, Settings, process_environment

RANDOM = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, so that no test writes into the real one."""
    monkeypatch.setattr(config, "BASE", tmp_path)
    return tmp_path


def test_defaults(project: Path) -> None:
    assert Settings.from_env({}) == Settings(
        database_url=f"sqlite:///{project}/instance/portal.db",
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
        secret_key=None,
        ars_server="ggus",
        trusted_proxies=0,
        same_calls_per_minute=600,
        calls_kept_days=365,
        mails_kept_days=365,
        refusals_kept_days=365,
        demo=False,
    )


def test_an_empty_value_counts_as_not_set(project: Path) -> None:
    assert Settings.from_env(dict.fromkeys(NAMES, " ")) == Settings.from_env({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", text) for text in ("abc", "0", "70000", "-1", "80.5", "٨٠٠٠", "1" * 5000)),
        *(("DEMO", text) for text in ("yes", "true", "2")),
        *(("WORKER", text) for text in ("yes", "2", "-1")),
        *(("LOG_FORMAT", text) for text in ("JSON", "text", "json lines")),
        *(("HOST", text) for text in ("a b", "999.1.1.1", "http://x", "-x", "x\ny")),
        *(("ALLOWED_HOSTS", text) for text in ("*", "a b", "a:80", "http://a", "a,-b", "a/b")),
        *(("TRUSTED_PROXIES", text) for text in ("-1", "many", "10", "10.0.0.0/8")),
        *(("SAME_CALLS_PER_MINUTE", text) for text in ("-1", "many", "100001", "1.5")),
        *(
            (name, text)
            for name in ("CALLS_KEPT_DAYS", "MAILS_KEPT_DAYS", "REFUSALS_KEPT_DAYS")
            for text in ("0", "-1", "for ever", "3651")
        ),
        *(
            (name, text)
            for name in ("MAIL_WHOLE_DAYS", "MAIL_REVIEW_DAYS")
            for text in ("0", "3651")
        ),
        *(
            (f"MAIL_{name}_PER_DAY", text)
            for name in ("UNKNOWN", "UNKNOWN_MIB", "KNOWN", "KNOWN_MIB")
            for text in ("-1", "100001", "many")
        ),
        *(("REPORTS_FROM", text) for text in ("2012", "2012-Q5", "2012-12", "now", "12-Q4")),
        *(("ARS_SERVER", text) for text in ("a b", "a/b", "<x>", "x" * 65)),
        *(
            ("PUBLIC_URL", text)
            for text in (
                *("ftp://portal.example", "portal.example", "http://", "https://portal.example/x"),
                *("https://portal.example?x=1", "https://a:b@portal.example", "http://x:99999"),
                *(
                    "http://x:0",
                    "http://x:",
                    "http://a b",
                    "http://x#y",
                    "http://[::1",
                    "http://x?",
                ),
            )
        ),
        *(
            ("DATABASE_URL", text)
            for text in (
                *("mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://x"),
                *("postgresql+psycopg2://x/y", "sqlite:///no-such-folder/portal.db", "://"),
            )
        ),
        *(("SECRET_KEY", text) for text in ("changeme", "short", "x" * 64)),
        ("SECRET_KEY_FILE", "no-such-file"),
        ("OLD_SECRET_KEY", "short"),
        ("OLD_SECRET_KEY", "0123456789abcdef" * 2),  # without a new one
        ("OLD_SECRET_KEY_FILE", "no-such-file"),
        *(("OUTBOUND_PRIVATE_HOSTS", text) for text in ("a b", "http://x", "x;y", "-x", "x:80")),
        *(("MAIL_SMTP", text) for text in ("mail", "mail:0", "mail:smtp", "a b:25", "mail:70000")),
        *(("MAIL_FROM", text) for text in ("nobody", "a@b\nBcc: c@d", "<>", "a@b, c@d")),
        ("MAIL_TLS", "yes"),
        ("MAIL_USER", "portal"),
        ("MAIL_PASSWORD_FILE", "no-such-file"),
        *(("MAIL_TIMEOUT_SECONDS", text) for text in ("0", "301", "soon")),
        *(("MAIL_RETRY_SECONDS", text) for text in ("0", "3601")),
        ("SIGN_ON_ISSUER", "https://sso.example"),
        ("SIGN_ON_NAME", "Example SSO"),
        ("SIGN_ON_CLIENT_SECRET", "hidden"),
        ("SIGN_ON_CLIENT_SECRET_FILE", "no-such-file"),
        ("SIGN_ON_SCOPES", "openid groups"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(
    project: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_env({name: value})
    text = str(caught.value)
    assert name in text
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASEURL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("database_url", "DATABASE_URL"),
        ("PORTT", "PORT"),
        ("SECRETKEY", "SECRET_KEY"),
        ("SECRET_KEYFILE", "SECRET_KEY_FILE"),
        ("PUBLC_URL", "PUBLIC_URL"),
        ("TRUSTED_PROXYS", "TRUSTED_PROXIES"),
        ("MAIL_SMPT", "MAIL_SMTP"),
        ("CALL_KEPT_DAYS", "CALLS_KEPT_DAYS"),
    ],
)
def test_a_name_that_nearly_is_a_setting_is_one_line_that_names_the_right_one(
    project: Path, name: str, meant: str
) -> None:
    """Passed over, ``DATABSE_URL`` starts a portal with an empty database of its own."""
    with pytest.raises(SettingError) as caught:
        Settings.from_env({name: "x"})
    assert str(caught.value) == (
        f"{name} is not a setting of the portal, but {meant} is: set {meant}, or remove {name} from"
        " the environment"
    )


def test_a_setting_that_is_gone_ends_the_start_with_one_line() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_env({"KEPT_ANSWERS": "0"})
    assert str(caught.value) == (
        "KEPT_ANSWERS is no longer a setting of the portal; remove it from the environment"
    )


USUAL_NAMES = """
    BASH BASH_ENV COLORTERM COLUMNS DBUS_SESSION_BUS_ADDRESS DEBIAN_FRONTEND DESKTOP_SESSION
    DISPLAY EDITOR EMAIL ENV EUID GID GROUP GROUPS HISTFILE HISTSIZE HOME HOST HOSTNAME HOSTTYPE
    IFS INFOPATH INPUTRC LANG LANGUAGE LC_ALL LC_CTYPE LC_MESSAGES LC_TIME LESS LESSOPEN LINES
    LOGNAME LS_COLORS MACHTYPE MAIL MAILCHECK MAILPATH MAILTO MANPATH NAME OLDPWD OSTYPE PAGER
    PATH PPID PS1 PS4 PWD RANDOM REMOTEHOST SECONDS SHELL SHLVL SSH_AUTH_SOCK SSH_CLIENT
    SSH_CONNECTION SSH_TTY SUDO_COMMAND SUDO_GID SUDO_UID SUDO_USER TEMP TERM TMP TMPDIR TMUX TZ
    UID UMASK USER USERNAME VENDOR VISUAL XAUTHORITY XDG_CONFIG_HOME XDG_DATA_DIRS
    XDG_RUNTIME_DIR XDG_SESSION_ID _ CACHE_DIRECTORY CONFIGURATION_DIRECTORY
    CREDENTIALS_DIRECTORY EXIT_CODE EXIT_STATUS FDSTORE INVOCATION_ID JOURNAL_STREAM
    LISTEN_FDNAMES LISTEN_FDS LISTEN_PID LOGS_DIRECTORY MAINPID MANAGERPID MEMORY_PRESSURE_WATCH
    MEMORY_PRESSURE_WRITE MONITOR_EXIT_CODE MONITOR_UNIT NOTIFY_SOCKET PIDFILE REMOTE_ADDR
    REMOTE_PORT RUNTIME_DIRECTORY SERVICE_RESULT STATE_DIRECTORY SYSTEMD_EXEC_PID
    SYSTEMD_LOG_LEVEL SYSTEMD_NSS_DYNAMIC_BYPASS TRIGGER_UNIT WATCHDOG_PID WATCHDOG_USEC
    BUILDKITE BUILD_ID BUILD_NUMBER BUILD_URL CI CIRCLECI CI_COMMIT_SHA CI_JOB_ID CI_JOB_TOKEN
    CI_PIPELINE_URL CI_PROJECT_URL CI_REGISTRY CI_REPOSITORY_URL CI_RUNNER_ID CI_SERVER
    CI_SERVER_HOST CI_SERVER_NAME CI_SERVER_PORT CI_SERVER_URL EXECUTOR_NUMBER GITHUB_ACTIONS
    GITHUB_ENV GITHUB_SERVER_URL GITHUB_TOKEN GITHUB_WORKSPACE GITLAB_CI JENKINS_URL JOB_NAME
    JOB_URL NODE_NAME PYTEST_CURRENT_TEST PYTEST_XDIST_WORKER PYTEST_XDIST_WORKER_COUNT
    RUNNER_NAME RUNNER_OS RUNNER_TEMP TOX_ENV_NAME TRAVIS WORKSPACE ALL_PROXY FTP_PROXY
    HTTPS_PROXY HTTP_PROXY NO_PROXY all_proxy http_proxy https_proxy no_proxy DB_HOST DB_NAME
    DB_PASSWORD DB_PORT DB_USER DATABASE DATABASE_HOST DATABASE_NAME DATABASE_PORT MYSQL_HOST
    PGDATA PGDATABASE PGHOST PGHOSTADDR PGOPTIONS PGPASSFILE PGPASSWORD PGPORT PGSERVICE
    PGSSLMODE PGUSER POSTGRES_DB POSTGRES_HOST POSTGRES_PASSWORD POSTGRES_PORT POSTGRES_USER
    REDIS_HOST REDIS_PORT REDIS_URL SQLALCHEMY_DATABASE_URI TEST_DATABASE_URL DEV_DATABASE_URL
    FLASK_APP FLASK_DEBUG FLASK_ENV FLASK_RUN_HOST FLASK_RUN_PORT FLASK_SECRET_KEY
    SECRET_KEY_BASE DJANGO_SECRET_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY GRANIAN_HOST
    GRANIAN_PORT GRANIAN_WORKERS GUNICORN_CMD_ARGS UVICORN_HOST UVICORN_PORT WEB_CONCURRENCY
    WORKDIR WORKER_ID MAIL_PORT MAIL_SERVER MAIL_USERNAME MAIL_USE_SSL MAIL_USE_TLS SMTP_HOST
    SMTP_PASSWORD SMTP_PORT SMTP_SERVER SMTP_USER KUBERNETES_PORT KUBERNETES_PORT_443_TCP_ADDR
    KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT DOCKER_HOST CONTAINER_NAME POD_NAME
    POD_NAMESPACE POSTGRES_PORT_5432_TCP PORTAL_PORT PORTAL_SERVICE_HOST container GPG_KEY
    GLIBC_TUNABLES LD_LIBRARY_PATH LD_PRELOAD MAKEFLAGS MAKELEVEL MALLOC_ARENA_MAX
    MALLOC_MMAP_THRESHOLD_ MFLAGS NODE_ENV NODE_PATH OMP_NUM_THREADS PERL5LIB PIP_INDEX_URL
    PYENV_ROOT PYTHON PYTHONHASHSEED PYTHONHOME PYTHONIOENCODING PYTHONPATH PYTHONUNBUFFERED
    PYTHON_VERSION SSL_CERT_DIR SSL_CERT_FILE VIRTUAL_ENV VIRTUAL_ENV_PROMPT
"""
"""Of shells, systemd (systemd.exec(5)), CI services, PostgreSQL, proxies, containers, and of other
programs on the same machine."""


def test_the_usual_names_of_an_environment_are_no_slips(project: Path) -> None:
    rest = {name: "x" for name in USUAL_NAMES.split() if name not in NAMES}
    assert Settings.from_env(rest) == Settings.from_env({})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://portal.example/", "https://portal.example"),
        ("http://portal.example:8443", "http://portal.example:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_public_url(project: Path, value: str, expected: str) -> None:
    assert Settings.from_env({"PUBLIC_URL": value}).public_url == expected


def test_allowed_hosts(project: Path) -> None:
    text = "Portal.example, 192.0.2.7,,[2001:DB8::1] "
    found = Settings.from_env({"ALLOWED_HOSTS": text})
    assert found.allowed_hosts == ("portal.example", "192.0.2.7", "2001:db8::1")
    again = Settings.from_env(process_environment(found))
    assert again.allowed_hosts == found.allowed_hosts


def test_public_url_follows_host_and_port(project: Path) -> None:
    assert Settings.from_env({"HOST": "::1", "PORT": "81"}).public_url == "http://[::1]:81"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("postgresql://u:p%40@h/d", "postgresql+psycopg://u:p%40@h/d"),
        (
            "postgresql+psycopg://h/d?connect_timeout=3",
            "postgresql+psycopg://h/d?connect_timeout=3",
        ),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
    ],
)
def test_database_url(project: Path, value: str, expected: str) -> None:
    assert Settings.from_env({"DATABASE_URL": value}).database_url == expected


def test_a_relative_sqlite_file_is_seen_from_the_project(project: Path) -> None:
    settings = Settings.from_env({"DATABASE_URL": "sqlite:///my.db"})
    assert settings.database_url == f"sqlite:///{project}/my.db"


def test_secret_from_a_file(project: Path) -> None:
    (project / "key").write_text(RANDOM + "\n")
    assert Settings.from_env({"SECRET_KEY_FILE": "key"}).secret_key == RANDOM


def test_an_empty_secret_file_is_refused(project: Path) -> None:
    (project / "key").write_text("\n")
    with pytest.raises(SettingError, match="SECRET_KEY_FILE names an empty file"):
        Settings.from_env({"SECRET_KEY_FILE": "key"})


def test_both_secrets_are_refused(project: Path) -> None:
    with pytest.raises(SettingError, match="set one of them"):
        Settings.from_env({"SECRET_KEY": RANDOM, "SECRET_KEY_FILE": "key"})


def test_an_old_secret_is_read_in_addition_to_the_new_one(project: Path) -> None:
    (project / "old").write_text("fedcba9876543210" * 2 + "\n")
    settings = Settings.from_env({"SECRET_KEY": RANDOM, "OLD_SECRET_KEY_FILE": "old"})
    assert settings.key == RANDOM.encode()
    assert keys_to_read(settings.key) == (RANDOM.encode(), b"fedcba9876543210" * 2)
    assert "fedcba9876543210" not in repr(settings)
    alone = Settings.from_env({"SECRET_KEY": RANDOM})
    assert alone.key is not None
    assert keys_to_read(alone.key) == (RANDOM.encode(),)


def test_an_old_secret_that_is_the_new_one_is_refused(project: Path) -> None:
    with pytest.raises(SettingError, match="OLD_SECRET_KEY is the same as SECRET_KEY"):
        Settings.from_env({"SECRET_KEY": RANDOM, "OLD_SECRET_KEY": RANDOM})


def test_serving_needs_a_secret(project: Path) -> None:
    with pytest.raises(SettingError, match="SECRET_KEY"):
        Settings.from_env({}).for_serving()
    assert Settings.from_env({"SECRET_KEY": RANDOM}).for_serving().secret_key == RANDOM


def test_the_demo_makes_its_own_secret_once(project: Path) -> None:
    demo = Settings.from_env({"DEMO": "1"})
    secret = demo.for_serving().secret_key
    assert secret is not None
    assert len(secret) == 64
    assert demo.for_serving().secret_key == secret
    mode = (project / "instance" / "demo-secret").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_what_is_tried_without_a_secret_is_a_demo_for_this_machine(project: Path) -> None:
    assert Settings.from_env({}).for_trying() == Settings.from_env({"DEMO": "1"})
    with_secret = Settings.from_env({"SECRET_KEY": RANDOM, "HOST": "0.0.0.0"})
    assert with_secret.for_trying() == with_secret
    with pytest.raises(SettingError, match="HOST must be a loopback address"):
        Settings.from_env({"HOST": "0.0.0.0"}).for_trying()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "portal.example"])
def test_the_demo_stays_on_loopback(project: Path, host: str) -> None:
    with pytest.raises(SettingError, match="HOST must be a loopback address"):
        Settings.from_env({"DEMO": "1", "HOST": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses(project: Path, host: str) -> None:
    assert Settings.from_env({"DEMO": "1", "HOST": host}).demo


def test_secrets_do_not_show_in_a_settings_text(project: Path) -> None:
    given = {"SECRET_KEY": RANDOM, "DATABASE_URL": "postgresql://u:hidden@h/d"}
    text = repr(Settings.from_env(given))
    assert RANDOM not in text
    assert "hidden" not in text


MAIL = {"MAIL_SMTP": "[::1]:587", "MAIL_FROM": '"Tickets, \\"LHCOPN\\" ü" <a@b.example>'}


def test_a_process_is_given_the_mail_settings_as_they_are(project: Path) -> None:
    login = {"MAIL_TLS": "starttls", "MAIL_USER": "portal", "MAIL_PASSWORD": "hidden words"}
    settings = Settings.from_env(MAIL | login)
    assert settings.mail.from_name == 'Tickets, "LHCOPN" ü'
    assert Settings.from_env(process_environment(settings)).mail == settings.mail
    assert "hidden words" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"MAIL_SMTP": "mail.example:25"}, "MAIL_FROM"),
        (MAIL | {"MAIL_USER": "x", "MAIL_PASSWORD": "y", "MAIL_SMTP": "m.example:25"}, "MAIL_TLS"),
        ({"MAIL_PASSWORD": "x", "MAIL_PASSWORD_FILE": "y"}, "MAIL_PASSWORD"),
    ],
)
def test_mail_settings_that_do_not_go_together(
    project: Path, given: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingError, match=named):
        Settings.from_env(given)


def test_the_example_lists_every_setting_with_its_default(project: Path) -> None:
    text = (PROJECT / ".env.example").read_text("utf-8")
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert tuple(example) == NAMES
    (project / "instance").mkdir()
    assert Settings.from_env(example) == Settings.from_env({})


SIGN_ON = {
    "SIGN_ON_ISSUER": "https://sso.example/realms/x/",
    "SIGN_ON_CLIENT_ID": "portal",
    "SIGN_ON_CLIENT_SECRET": "hidden-words",
    "SIGN_ON_NAME": "Example SSO",
}


def test_no_setting_is_lost_on_the_way_to_a_process(project: Path) -> None:
    """``flask serve`` reads the environment, and its server processes read what it hands them."""
    given = {
        "DATABASE_URL": "postgresql+psycopg://portal@db/portal",
        "HOST": "127.0.0.2",
        "PORT": "8001",
        "PUBLIC_URL": "https://portal.example",
        "ALLOWED_HOSTS": "other.example",
        "SECRET_KEY": "0123456789abcdef" * 2,
        "OLD_SECRET_KEY": "0123456789ABCDEF" * 2,
        "ARS_SERVER": "other",
        "TRUSTED_PROXIES": "2",
        "SAME_CALLS_PER_MINUTE": "11",
        "API_CALLS_PER_MINUTE": "12",
        "CALLS_KEPT_DAYS": "13",
        "MAILS_KEPT_DAYS": "14",
        "REFUSALS_KEPT_DAYS": "15",
        "DEMO": "1",
        "WORKER": "0",
        "LOG_FORMAT": "json",
        "REPORT_DUE_DAYS": "16",
        "OUTBOUND_PRIVATE_HOSTS": "partner.example",
        "LOGIN_IDLE_HOURS": "5",
        "COPIES_PER_DAY": "17",
        "REPORTS_FROM": "2013-Q2",
        "MAIL_FROM": "Portal <portal@example.org>",
        "MAIL_SMTP": "mail.example:587",
        "MAIL_TLS": "starttls",
        "MAIL_USER": "portal",
        "MAIL_PASSWORD": "a secret",
        "MAIL_FOLDER": "instance/others",
        "MAIL_TIMEOUT_SECONDS": "18",
        "MAIL_RETRY_SECONDS": "19",
        "MAIL_REPLY_TO": "answers@example.org",
        "MAIL_UNKNOWN_PER_DAY": "21",
        "MAIL_UNKNOWN_MIB_PER_DAY": "22",
        "MAIL_KNOWN_PER_DAY": "23",
        "MAIL_KNOWN_MIB_PER_DAY": "24",
        "MAIL_WHOLE_DAYS": "25",
        "MAIL_REVIEW_DAYS": "26",
        "SIGN_ON_ISSUER": "https://provider.example",
        "SIGN_ON_CLIENT_ID": "portal",
        "SIGN_ON_CLIENT_SECRET": "another-secret",
        "SIGN_ON_NAME": "Provider",
        "SIGN_ON_SCOPES": "openid",
        "SIGN_ON_CLAIMS": "groups",
        "SIGN_ON_UNMAPPED": "reader",
        "SIGN_ON_CONTACT": "help@example.org",
        "SIGN_ON_LAPSE_DAYS": "27",
        "METRICS_TOKEN": "fedcba9876543210" * 2,
        "METRICS_FROM": "10.0.0.0/8",
        "SECURITY_CONTACT": "mailto:security@example.org",
        "SECURITY_CONTACT_UNTIL": "2027-06-30",
        "CARRIER_READER": "/opt/reader/bin/python",
    }
    others = {
        *("SECRET_KEY_FILE", "OLD_SECRET_KEY_FILE", "MAIL_PASSWORD_FILE"),
        "SIGN_ON_CLIENT_SECRET_FILE",
    }
    one_language = {"MAIL_LANGUAGE"}  # a test has no second one to choose
    assert given.keys() | others | one_language == {*NAMES}, "a new setting belongs here"
    settings = Settings.from_env(given)
    assert Settings.from_env(process_environment(settings)) == settings
    for name in given.keys() - {"DEMO", "MAIL_USER", "MAIL_PASSWORD"}:
        left = {key: value for key, value in given.items() if key != name}
        try:
            without = Settings.from_env(left)
        except SettingError:
            continue  # the others need it
        assert without != settings, f"{name} is set to its default here, which shows nothing"


def test_sign_on_is_set_whole_or_not_at_all(project: Path) -> None:
    settings = Settings.from_env(SIGN_ON)
    assert settings.sign_on.issuer == "https://sso.example/realms/x/"
    assert settings.sign_on.claims == ("eduperson_entitlement", "groups")
    assert (settings.sign_on.unmapped, settings.sign_on.contact) == ("refuse", "")
    assert settings.sign_on.lapse_days == 30
    assert Settings.from_env(process_environment(settings)).sign_on == settings.sign_on
    assert "hidden-words" not in repr(settings)
    assert not Settings.from_env({}).sign_on
    for name in SIGN_ON:
        half = {key: value for key, value in SIGN_ON.items() if key != name}
        with pytest.raises(SettingError, match=f"sign-on also needs {name}"):
            Settings.from_env(half)


def test_the_secret_of_sign_on_may_be_a_file(project: Path) -> None:
    (project / "secret").write_text("hidden-words\n")
    given = {**SIGN_ON, "SIGN_ON_CLIENT_SECRET": "", "SIGN_ON_CLIENT_SECRET_FILE": "secret"}
    assert Settings.from_env(given).sign_on.client_secret == "hidden-words"
    with pytest.raises(SettingError, match="both set"):
        Settings.from_env({**given, "SIGN_ON_CLIENT_SECRET": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("SIGN_ON_ISSUER", text)
            for text in (
                "sso.example",
                "http://sso.example",
                "https://",
                "https://user@sso.example",
                "https://sso.example?x=1",
                "https://sso.example/#x",
                "https://sso.example/.well-known/openid-configuration",
                "https://sso.example:99999",
                "https://sso exam ple",
            )
        ),
        ("SIGN_ON_CLIENT_ID", "two words"),
        ("SIGN_ON_CLIENT_SECRET", "zwei Wörter"),
        ("SIGN_ON_NAME", "x" * 41),
        ("SIGN_ON_SCOPES", "profile email"),
        ("SIGN_ON_CLAIMS", "groupés"),
        ("SIGN_ON_UNMAPPED", "admin"),
        ("SIGN_ON_UNMAPPED", "Refuse"),
        ("SIGN_ON_CONTACT", "x" * 201),
        ("SIGN_ON_LAPSE_DAYS", "3651"),
        ("SIGN_ON_LAPSE_DAYS", "-1"),
    ],
)
def test_a_bad_setting_of_sign_on(project: Path, name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        Settings.from_env({**SIGN_ON, name: value})
    assert "\n" not in str(caught.value)


def test_a_provider_on_this_machine_needs_no_tls(project: Path) -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:8080"):
        assert Settings.from_env({**SIGN_ON, "SIGN_ON_ISSUER": f"http://{host}"}).sign_on
