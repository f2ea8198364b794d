"""``make release``: commits a version with its dated changelog, and builds what people install.

    tools/release.py VERSION SIGNING_KEY

It refuses whatever a release could not be repeated from. Then it commits "Release VERSION"
(version and ``CHANGELOG.md``), and from the files of that commit alone it writes to ``dist/``: the
wheel, its requirements with hashes, a CycloneDX list of what it requires, checksums, and their
signature.

While its commit is the newest one and has no tag, the same command builds again from it, for
instance after ``git commit --amend`` with a better text in ``CHANGELOG.md``. Nothing is published,
and no tag is created: it prints these last steps.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
DIST: Final = PROJECT / "dist"
SIGNER: Final = "lhcopn-portal"
"""The name of the signer in ``allowed_signers``, and the namespace of the signature: a signature
that the same key made for something else is not one of a release."""
SUMS: Final = "SHA256SUMS"
_PYTHON: Final = PROJECT / ".venv" / "release" / "bin" / "python"
"""Has what builds; called with -m, since its scripts name the folder where they were installed."""
_VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Refused(Exception):
    """Why there is no release, in one line."""


def _git(*words: str) -> str:
    """What git says, in the project's folder."""
    done = subprocess.run(["git", *words], cwd=PROJECT, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def _run(*words: str | Path, folder: Path = PROJECT, **environment: str) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=os.environ | environment,
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise Refused(f"{Path(words[0]).name} failed, see above")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def check(version: str, key: str) -> bool:
    """Whether the version is committed already, without a tag. Raises ``Refused`` if it cannot be
    released."""
    if not _VERSION.fullmatch(version) or not key:
        raise Refused(
            "name the version and the key that signs it:"
            " make release VERSION=0.4.0 SIGNING_KEY=~/.ssh/id_ed25519"
        )
    if not Path(key).is_file():
        raise Refused(f"SIGNING_KEY: there is no file {key}")
    changed = _git("status", "--porcelain").splitlines()
    if changed:
        raise Refused(f"commit or remove your changes first: {', '.join(changed[:3])}")
    if _git("tag", "--list", f"v{version}"):
        raise Refused(f"{version} was released: there is a tag v{version}; choose another version")
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    if re.search(rf"^## {re.escape(version)} \(", changelog, re.MULTILINE):
        if _git("log", "-1", "--format=%s") == f"Release {version}":
            return True
        raise Refused(f"CHANGELOG.md has a date for {version} already; choose another version")
    now = str(tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    if _numbers(version) <= _numbers(now):
        raise Refused(f"{version} is not newer than {now}, the version in pyproject.toml")
    if not any((PROJECT / "changelog.d").glob("*.*.md")):
        raise Refused("changelog.d has no fragment: nothing changed that people can see")
    return False


def commit(version: str) -> None:
    """Write the version, move the fragments below its date (UTC), and commit both."""
    path = PROJECT / "pyproject.toml"
    text, count = re.subn(
        r'^version = "[^"]+"$', f'version = "{version}"', path.read_text("utf-8"), flags=re.M
    )
    assert count == 1, "pyproject.toml has one version"
    path.write_text(text, "utf-8")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    towncrier = (sys.executable, "-m", "towncrier", "build", "--yes")
    _run(*towncrier, "--version", version, "--date", today)
    _git("add", "pyproject.toml", "CHANGELOG.md", "changelog.d")
    _git("commit", "--quiet", "-m", f"Release {version}")


def build(version: str) -> Path:
    """Write the files of the newest commit's release, without a signature; their folder."""
    folder = DIST / f"lhcopn-portal-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    name = f"lhcopn_portal-{version}"
    with TemporaryDirectory() as made:
        source = Path(made)
        export = subprocess.run(
            ["git", "archive", "HEAD"], cwd=PROJECT, check=True, stdout=subprocess.PIPE
        )
        with tarfile.open(fileobj=BytesIO(export.stdout)) as files:
            files.extractall(source, filter="data")
        if (source / "translations").is_dir():
            _run(sys.executable, "-m", "babel.messages.frontend", "-q", "compile", "-d",
                 "translations", folder=source)  # fmt: skip
        # with the commit's time in it, the wheel of a commit is the same wherever it is built
        when = _git("log", "-1", "--format=%ct")
        wheel = ("-m", "hatchling", "build", "-t", "wheel", "-d", folder)
        _run(_PYTHON, *wheel, folder=source, SOURCE_DATE_EPOCH=when)
        shutil.copy(source / "requirements.txt", folder / f"{name}-requirements.txt")
        listing = ("--output-format", "JSON", "--output-reproducible", "--spec-version", "1.6")
        _run(
            *(_PYTHON, "-m", "cyclonedx_py", "requirements", "requirements.txt"),
            *("--pyproject", "pyproject.toml", "--mc-type", "application", *listing),
            *("--output-file", folder / f"{name}.cdx.json"),
            folder=source,
        )
    lines = [f"{sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in _files(folder)]
    (folder / SUMS).write_text("\n".join(lines) + "\n", "ascii")
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if not file.name.startswith(SUMS))


def sign(folder: Path, key: str) -> None:
    """Sign the checksums; ssh-keygen asks for the key's passphrase if it has one."""
    _run("ssh-keygen", "-q", "-Y", "sign", "-n", SIGNER, "-f", key, folder / SUMS)


def next_steps(version: str, folder: Path, key: str) -> str:
    """What is left to a person."""
    public = Path(f"{key.removesuffix('.pub')}.pub")
    line = public.read_text().strip() if public.is_file() else "(the line of its .pub file)"
    values: Mapping[str, str] = {
        "version": version,
        "folder": str(folder.relative_to(PROJECT)),
        "signer": f'{SIGNER} namespaces="{SIGNER}" {line}',
    }
    return _NEXT.format_map(values)


_NEXT: Final = """\
{folder} has the release. What is left to you:
 1. Read CHANGELOG.md: the most important lines first. If you change it, run
    `git commit --all --amend --no-edit` and the same `make release` again.
 2. Run `make test-all` on this commit.
 3. git tag -a v{version} -m "Release {version}" && git push && git push origin v{version}
 4. Publish all files of {folder} together.
 5. At the first release with this key, publish its line for allowed_signers somewhere else than
    these files (SUPPORT.md says how it is used):
    {signer}
"""


def main(version: str, key: str) -> int:
    """Release; the exit code."""
    key = str(Path(key).expanduser()) if key else ""
    try:
        if not check(version, key):
            commit(version)
        folder = build(version)
        sign(folder, key)
    except Refused as why:
        print(f"make: {why}", file=sys.stderr)
        return 1
    print(next_steps(version, folder, key), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
