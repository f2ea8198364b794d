"""The faults, each on a site of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from app.core.database.schema import known_revisions, revision_of
from app.core.folders import PROJECT
from app.core.settings import process_environment
from bench.faults.site import Node, Site, running_site
from bench.faults.trial import Outcome, Trial, tried
from bench.places import another, fill
from bench.prove_upgrade import BEGINS, LOUD, RELEASE, checked_out, fill_by_release
from bench.rest import new_token
from tests.harness import clusters, run
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.until import until

TICKETS: Final = 500
LEFT_OUT: Final = 10.0
"""Seconds for which nginx leaves a server out (``fail_timeout``); the guide says to wait for it."""
FULL: Final = 30.0
"""Seconds for which a disk stays full."""
FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_DISK: Final = "400m"
_JUMP: Final = "+7200"
"""Seconds by which a clock jumps, as libfaketime reads it."""


def nodes_killed() -> Outcome:
    """Each web node and each worker is killed in turn, while the others serve."""

    def fault(trial: Trial) -> None:
        for node in trial.site.nodes:
            node.kill()
            until(lambda node=node: node.restarts > 0)  # type: ignore[misc]
            if node.port:
                sleep(1)  # so that health has seen it
                trial.need(holds=trial.health.wait_ready(120), what=f"{node.name} did not return")
                sleep(LEFT_OUT)

    with _on_postgresql("killed") as (site, token):
        return tried("Web nodes and workers killed in turn", site, token, fault)


def failed_over() -> Outcome:
    """The database's server is killed, and its synchronous replica promoted two seconds later."""
    with clusters.pair(run.folder() / "failover") as servers:

        def fault(trial: Trial) -> None:
            servers.first.kill()
            sleep(2)
            servers.replica.promote()
            trial.notes.append(_restarts(trial.site))

        place = fill(servers.url, TICKETS)
        token = new_token(place)
        with running_site(servers.url) as site:
            return tried("Failover to a replica", site, token, fault)


def disk_full_postgresql() -> Outcome:
    """The disk of PostgreSQL is full for half a minute."""
    with small_disk("pgdisk") as folder, clusters.single(folder / "pg") as server:

        def fault(trial: Trial) -> None:
            _keep_full(folder, trial)
            if not server.is_running():
                trial.notes.append("PostgreSQL had ended and was started")
                server.start()

        place = fill(server.url, TICKETS)
        token = new_token(place)
        with running_site(server.url) as site:
            return tried("Disk full, PostgreSQL", site, token, fault)


def disk_full_sqlite() -> Outcome:
    """The disk of the SQLite file is full for half a minute."""
    with small_disk("sqlitedisk") as folder:
        place = fill(f"sqlite:///{folder / 'portal.db'}", TICKETS)
        token = new_token(place)
        with running_site(place.url, webs=1, workers=1) as site:
            return tried("Disk full, SQLite", site, token, lambda trial: _keep_full(folder, trial))


def clock_jumped() -> Outcome:
    """The clock of one web node, then of all nodes, jumps two hours ahead, and back."""
    clock = run.folder() / "clock"
    own_clock = run.folder() / "clock-of-web1"
    for file in (clock, own_clock):
        file.write_text("+0\n")
    environ = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }

    def fault(trial: Trial) -> None:
        for files in ((own_clock,), (own_clock, clock)):
            for offset in (_JUMP, "+0"):
                for file in files:
                    file.write_text(f"{offset}\n")
                sleep(5)
                served = trial.clients.wait_for(10, 60)
                trial.need(holds=served, what=f"nobody was served with {files[-1].name} {offset}")

    with _on_postgresql("clock", environ) as (site, token):
        site.webs[0].stop()
        site.webs[0].environ = {**site.webs[0].environ, "FAKETIME_TIMESTAMP_FILE": str(own_clock)}
        site.webs[0].start()
        return tried("Clocks jump by two hours and back", site, token, fault, modifications=False)


def migration_interrupted() -> Outcome:
    """The portal is updated from the newest release; the migration is killed half-way, then both
    web nodes of the new version start at once, and the first is killed, too."""
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    _version, commit = RELEASE.findall(changelog)[0]
    url = another("postgresql", "migrated")

    def fault(trial: Trial) -> None:
        for node in trial.site.nodes:
            node.stop()
            node.checkout = PROJECT
        trial.notes.append(_upgrade_killed(url))
        for node in trial.site.nodes:
            node.start()
        first = trial.site.webs[0]
        until(lambda: b"Running upgrade" in first.log.read_bytes() or _is_newest(url))
        first.kill()

    with checked_out(commit) as checkout:
        fill_by_release(checkout, url, TICKETS)
        with running_site(url, checkout=checkout) as site:
            return tried("Migration interrupted", site, "", fault)


ALL: Final[Mapping[str, Callable[[], Outcome]]] = {
    "nodes": nodes_killed,
    "failover": failed_over,
    "disk-postgresql": disk_full_postgresql,
    "disk-sqlite": disk_full_sqlite,
    "clock": clock_jumped,
    "migration": migration_interrupted,
}
"""The scenarios by the word that asks for them."""


# ---- parts ----


@contextmanager
def _on_postgresql(name: str, more: Mapping[str, str] | None = None) -> Iterator[tuple[Site, str]]:
    place = fill(another("postgresql", name), TICKETS)
    token = new_token(place)
    with running_site(place.url, more=more) as site:
        yield site, token


@contextmanager
def small_disk(name: str) -> Iterator[Path]:
    """A file system of its own in memory."""
    folder = run.folder() / name
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0777", "tmpfs", str(folder)]
    subprocess.run(words, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(balloon: Path) -> None:
    """Write into a file until its disk takes no more."""
    with suppress(OSError), balloon.open("ab", buffering=0) as file:
        while file.write(bytes(1024 * 1024)):
            pass


def _keep_full(folder: Path, trial: Trial) -> None:
    """Take all that is free, and give it back later."""
    balloon = folder / "balloon"
    began = monotonic()
    while monotonic() - began < FULL:
        fill_up(balloon)  # what others free meanwhile is taken, too
        sleep(0.2)
    said = [one for one in trial.health.reasons(trial.began, monotonic()) if one.what]
    trial.need(holds=bool(said), what="no node said that the disk is full")
    balloon.unlink()


def _upgrade_killed(url: str) -> str:
    """Kill the upgrade when half of the migrations have begun; which revision is there then."""
    half = (len(known_revisions()) - int(_revision(url))) // 2
    process = subprocess.Popen(
        [sys.executable, "-c", LOUD, "db", "upgrade"],
        cwd=PROJECT,
        env=process_environment(test_settings(url)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    begun = 0
    for line in process.stdout:
        begun += line.startswith(BEGINS)
        if begun > half:
            process.kill()
            break
    process.communicate()
    return f"killed in migration {begun} of {half * 2}, schema {_revision(url)} then"


def _revision(url: str) -> str:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = revision_of(connection)
    engine.dispose()
    return found or "0"


def _is_newest(url: str) -> bool:
    return _revision(url) == known_revisions()[-1]


def _restarts(site: Site) -> str:
    def one(node: Node) -> str:
        return f"{node.name} {node.restarts}"

    return "restarts: " + ", ".join(one(node) for node in site.nodes)
