"""``make release``: what it refuses, what it builds, and that this starts without a checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app.core.folders import PROJECT
from app.core.settings import NAMES
from tests.harness.server import end_group, free_port, wait_until_answering
from tests.harness.until import until

VERSION = "9.8.7"
_WITHOUT = {*NAMES, "PYTHONPATH", "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV"}


def _environment(**more: str) -> Mapping[str, str]:
    """That of a maintainer, whose commits have a name."""
    kept = {name: value for name, value in os.environ.items() if name not in _WITHOUT}
    who = {"NAME": "Maintainer", "EMAIL": "maintainer@example.org"}
    roles = {f"GIT_{role}_{what}": who[what] for role in ("AUTHOR", "COMMITTER") for what in who}
    return {**kept, **roles, "GIT_CONFIG_GLOBAL": os.devnull, **more}


def _run(folder: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=_environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def _done(folder: Path, *words: str | Path) -> str:
    done = _run(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def _commit(folder: Path) -> None:
    """Make a repository of a folder, with one commit."""
    _done(folder, "git", "init", "-q")
    _done(folder, "git", "add", "--all")
    _done(folder, "git", "commit", "-q", "-m", "Begin")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The private key of a maintainer."""
    made = tmp_path / "key"
    _done(tmp_path, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "maintainer", "-f", made)
    return made


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository with nothing but what a release is refused for."""
    home = tmp_path / "small"
    for folder in ("tools", "changelog.d"):
        (home / folder).mkdir(parents=True)
    shutil.copy(PROJECT / "tools" / "release.py", home / "tools")
    (home / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    (home / "CHANGELOG.md").write_text(
        "# Changes\n\n## 0.3.0 (2026-12-01)\n\n## 0.4.0 (2026-12-31)\n"
    )
    (home / "changelog.d" / "links.new.md").write_text("Links have a page.\n")
    _commit(home)
    return home


def _refused(home: Path, version: str, key: str | Path) -> str:
    """The one line with which it refuses; nothing was committed and nothing built."""
    before = _done(home, "git", "rev-parse", "HEAD")
    done = _run(home, sys.executable, "tools/release.py", version, key)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("make: ")
    assert done.stderr.count("\n") == 1
    assert _done(home, "git", "rev-parse", "HEAD") == before
    assert not (home / "dist").exists()
    return done.stderr.removeprefix("make: ").strip()


@pytest.mark.parametrize("version", ["", "0.5", "v0.5.0", "0.5.0rc1", "0.05.0"])
def test_what_is_not_a_version_is_refused(small: Path, key: Path, version: str) -> None:
    assert _refused(small, version, key).startswith("name the version and the key")


def test_without_a_key_there_is_no_release(small: Path, tmp_path: Path) -> None:
    assert _refused(small, "0.5.0", "").startswith("name the version and the key")
    missing = tmp_path / "missing"
    assert _refused(small, "0.5.0", missing) == f"SIGNING_KEY: there is no file {missing}"


@pytest.mark.parametrize("name", ["CHANGELOG.md", "new-file"])
def test_what_is_not_committed_is_refused(small: Path, key: Path, name: str) -> None:
    (small / name).write_text("changed\n")
    said = _refused(small, "0.5.0", key)
    assert said.startswith("commit or remove your changes first: ")
    assert name in said


def test_a_version_that_is_out_already_is_refused(small: Path, key: Path) -> None:
    assert _refused(small, "0.4.0", key) == (
        "CHANGELOG.md has a date for 0.4.0 already; choose another version"
    )
    assert _refused(small, "0.2.9", key) == (
        "0.2.9 is not newer than 0.3.0, the version in pyproject.toml"
    )
    _done(small, "git", "tag", "v0.5.0")
    assert _refused(small, "0.5.0", key).startswith("0.5.0 was released: there is a tag v0.5.0")


def test_a_released_commit_is_not_built_again_under_its_tag(small: Path, key: Path) -> None:
    _done(small, "git", "commit", "-q", "--allow-empty", "-m", "Release 0.4.0")
    _done(small, "git", "tag", "v0.4.0")
    assert "there is a tag v0.4.0" in _refused(small, "0.4.0", key)


def test_a_release_of_nothing_is_refused(small: Path, key: Path) -> None:
    _done(small, "git", "rm", "-q", "changelog.d/links.new.md")
    _done(small, "git", "commit", "-q", "-m", "Remove it")
    assert _refused(small, "0.5.0", key) == (
        "changelog.d has no fragment: nothing changed that people can see"
    )


def test_the_wheel_is_built_with_the_pinned_hatchling() -> None:
    """``[build-system]`` is for others who build it; ``make release`` uses its own environment."""
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    pinned = (PROJECT / "requirements-release.txt").read_text()
    assert [f"{one} \\" in pinned for one in wanted] == [True]


# A release of this project, installed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This project as the only commit of a repository of its own, and with this environment."""
    home = tmp_path / "portal"
    for name in _done(PROJECT, "git", "ls-files", "-z").split("\0"):
        source = PROJECT / name
        if name and source.is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, home / name)
    (home / "changelog.d" / "a-release.new.md").write_text("A test of releases.\n")
    _commit(home)
    (home / ".venv").symlink_to(PROJECT / ".venv")
    return home


def _commands_of_support(folder: Path) -> list[str]:
    """The blocks of commands in SUPPORT.md, for this version and folder."""
    text = (PROJECT / "SUPPORT.md").read_text().replace("0.4.0", VERSION)
    blocks: list[str] = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block.replace("/opt/lhcopn-portal", str(folder)) for block in blocks]


@pytest.mark.timeout(1500)  # pip fetches some hundred megabytes
def test_a_release_starts_where_there_is_no_checkout(
    checkout: Path, key: Path, tmp_path: Path
) -> None:
    release = ("make", "release", f"VERSION={VERSION}", f"SIGNING_KEY={key}")
    said = _done(checkout, *release)
    assert "git tag -a v9.8.7" in said
    assert _done(checkout, "git", "log", "-1", "--format=%s") == f"Release {VERSION}"
    assert _done(checkout, "git", "status", "--porcelain") == ""
    today = datetime.now(UTC)
    assert f"\n## {VERSION} ({today:%Y-%m-%d})\n" in (checkout / "CHANGELOG.md").read_text()
    files = checkout / "dist" / f"lhcopn-portal-{VERSION}"
    wheel = f"lhcopn_portal-{VERSION}-py3-none-any.whl"
    _is_listed(files / f"lhcopn_portal-{VERSION}.cdx.json")

    line, verify, install = _commands_of_support(tmp_path)
    signer = line.split(" ssh-ed25519")[0]
    assert f"{signer} {key.with_suffix('.pub').read_text().strip()}" in said
    (files / "allowed_signers").write_text(f"{signer} {key.with_suffix('.pub').read_text()}")
    verified = _done(files, "sh", "-ec", verify)
    assert verified.startswith('Good "lhcopn-portal" signature')
    assert f"{wheel}: OK" in verified

    first = sha256((files / wheel).read_bytes()).hexdigest()
    _done(checkout, *release)  # once more, as somebody does who changed the changelog
    assert sha256((files / wheel).read_bytes()).hexdigest() == first
    assert not (files / "allowed_signers").exists(), "the folder has only the release"

    _done(files, "sh", "-ec", install)
    shutil.rmtree(checkout)
    place = tmp_path / "empty"
    place.mkdir()
    command = tmp_path / "venv" / "bin" / "lhcopn-portal"
    assert _done(place, command, "--version") == f"lhcopn-portal, version {VERSION}"
    with _running(command, place) as (url, printed):
        assert f"Database: {place}/instance/portal.db" in printed
        _people_and_programs_are_served(url, printed)
        until(lambda: _workers(place) == 1)
        assert "operator" in _done(place, command, "user", "list")
        _done(place, command, "backup", "copy")
    assert {path.name for path in place.iterdir()} == {"instance", "copy", "log"}
    assert "Traceback" not in (place / "log").read_text()


def _is_listed(file: Path) -> None:
    """What the wheel requires is in its list of packages, in the same version."""
    listed = json.loads(file.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    about = listed["metadata"]["component"]
    assert (about["name"], about["version"]) == ("lhcopn-portal", VERSION)
    pinned = re.findall(r"^([\w.-]+)==([\w.]+)", (PROJECT / "requirements.txt").read_text(), re.M)
    assert len(pinned) > 50
    found = {(one["name"], one["version"]) for one in listed["components"]}
    assert found == {*pinned}


def test_a_signature_of_other_files_or_another_key_does_not_verify(
    key: Path, tmp_path: Path
) -> None:
    _line, verify, _install = _commands_of_support(tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    (files / "a").write_text("a")
    sums = files / "SHA256SUMS"
    sums.write_text(f"{sha256(b'a').hexdigest()}  a\n")
    own = f'lhcopn-portal namespaces="lhcopn-portal" {key.with_suffix(".pub").read_text()}'
    (files / "allowed_signers").write_text(own)

    def verified(namespace: str = "lhcopn-portal", signer: Path = key) -> bool:
        (files / "SHA256SUMS.sig").unlink(missing_ok=True)
        _done(files, "ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", signer, sums)
        return _run(files, "sh", "-ec", verify).returncode == 0

    assert verified()
    (files / "a").write_text("b")
    assert _run(files, "sh", "-ec", verify).returncode != 0, "a file is another one"
    (files / "a").write_text("a")
    assert not verified(namespace="file"), "made for something else"
    stranger = tmp_path / "stranger"
    _done(tmp_path, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger)
    assert not verified(signer=stranger)


@contextmanager
def _running(command: Path, place: Path) -> Iterator[tuple[str, str]]:
    """``lhcopn-portal run`` in a folder, answering; its URL, and what it had printed by then."""
    port = free_port()
    log = place / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [command, "run"],
            cwd=place,
            env=_environment(PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_answering(process, port, log)
        yield f"http://127.0.0.1:{port}", log.read_text()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        end_group(process)


def _people_and_programs_are_served(url: str, printed: str) -> None:
    """A login, a page with its style sheet and script, the guide, the manual, each WSDL."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(address: str, form: Mapping[str, str] | None = None) -> str:
        body = urlencode(form).encode() if form else None
        with browser.open(address, body, timeout=60) as answer:
            text: bytes = answer.read()
            return text.decode()

    (password,) = re.findall(r"^Demo login: operator / (\S+)", printed, re.MULTILINE)
    login = get(f"{url}/login")
    hidden = dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]*)"', login))
    page = get(f"{url}/login", {**hidden, "name": "operator", "password": password})
    assert "Log out" in page
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert "{" in get(f"{url}{sheet}")
    for address, words in (
        ("/tickets", "Demo data"),
        ("/guide", "TicketCreate"),
        ("/guide/faults", "302"),
        ("/manual/reader", "/static/manual/"),
    ):
        assert words in get(f"{url}{address}"), address
    wsdls = re.findall(r"^WSDL: (\S+)$", printed, re.MULTILINE)
    assert len(wsdls) > 3
    for wsdl in wsdls:
        assert "definitions" in get(wsdl)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{url}/.well-known/security.txt")


def _workers(place: Path) -> int:
    """How many workers live."""
    with closing(sqlite3.connect(place / "instance" / "portal.db")) as database:
        count: int
        (count,) = database.execute(
            "SELECT count(*) FROM workers WHERE ended_at IS NULL"
        ).fetchone()
        return count
