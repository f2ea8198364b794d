"""The forms of the guide: which machines they have, and what must be true in the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from bench.guide import checks
from bench.guide.blocks import Block
from bench.guide.checks import Site
from bench.guide.client import NAME
from bench.guide.machines import Machine

_PORTAL: Final = ("lhcopn-portal.socket", "lhcopn-portal.service")
_WORKER: Final = "lhcopn-portal-worker.service"
_ALL: Final = (*_PORTAL, _WORKER, "nginx.service", "postgresql@17-main.service", "cron.service")
_WEBS: Final = ("web1", "web2")
_WORKERS: Final = ("worker1", "worker2")


@dataclass(frozen=True)
class Check:
    """One check; some hold before the guide was followed, too."""

    title: str
    check: Callable[[], str]
    holds_before: bool = False


@dataclass(frozen=True, eq=False)
class Form:
    """One form: its machines, the names in the network and the machine behind each, the machines
    with nginx and the portal, what must be true after the guide was followed, what machines must
    survive, and what the site has done before."""

    key: str
    title: str
    machines: tuple[str, ...]
    hosts: Mapping[str, str]
    front: str
    portal: str
    checks: Callable[[Site], Sequence[Check]]
    interruptions: Callable[[Site], Sequence[Check]]
    prepare: Callable[[Mapping[str, Machine]], None] = lambda _machines: None

    def machines_of(self, block: Block) -> tuple[str, ...]:
        """Where this form runs a block."""
        if len(self.machines) == 1:
            return () if block.machines else self.machines
        return block.machines


def _checks_of_one(site: Site) -> Sequence[Check]:
    one = site.portal
    return [
        *_lasting_of_one(site),
        Check("`systemd-analyze verify`", partial(checks.units_verify, one)),
        Check("a partner's account", partial(checks.partner_gets_an_account, site)),
        Check("a SOAP call", partial(checks.soap_call, site)),
        Check("an email leaves", partial(checks.mail_leaves, site)),
        Check("log files rotate", partial(checks.logs_rotate, one)),
        Check("the journal is limited", partial(checks.journal_is_limited, one)),
        Check("the timers wait", partial(checks.timers_wait, one)),
        Check("a backup, restored and compared", partial(checks.backup_is_verified, site, one)),
        Check("`/metrics`", partial(checks.metrics_answer, site)),
        Check("Prometheus", partial(checks.prometheus_reads, site, one)),
    ]


def _lasting_of_one(site: Site) -> list[Check]:
    one = site.portal
    return [
        Check("each service is active", partial(checks.units_are_active, one, _ALL)),
        Check("no unit has failed", partial(checks.nothing_failed, one), holds_before=True),
        Check("the portal is ready", partial(checks.ready, site, one)),
        Check("https in front", partial(checks.https_in_front, site)),
        Check("the first administrator logs in", partial(checks.administrator_logs_in, site)),
    ]


def _interruptions_of_one(site: Site) -> Sequence[Check]:
    one = site.portal
    return [
        Check("the machine is switched off and on", partial(checks.off_and_on, [one])),
        *_renamed("after that, ", _lasting_of_one(site)),
        Check("after that, the partner's ticket", partial(checks.soap_reads_again, site)),
        Check("after that, Prometheus", partial(checks.prometheus_reads, site, one)),
        Check("lost tickets are restored", partial(checks.restored_to_a_time, site, one)),
    ]


def _renamed(words: str, found: Sequence[Check]) -> list[Check]:
    return [replace(check, title=words + check.title) for check in found]


def _checks_of_several(site: Site) -> Sequence[Check]:
    worker = site.machines["worker1"]
    return [
        *_lasting_of_several(site),
        *(
            Check(f"only nginx reaches {name}", partial(checks.closed, site.machines[name]))
            for name in _WEBS
        ),
        Check("a partner's account", partial(checks.partner_gets_an_account, site)),
        *_passing(site),
        Check("a backup", partial(checks.backup_is_there, worker)),
        Check("the timers wait", partial(checks.timers_wait, worker)),
    ]


def _lasting_of_several(site: Site) -> list[Check]:
    places = {
        "database": ("postgresql@17-main.service",),
        "front": ("nginx.service",),
        **dict.fromkeys(_WEBS, (*_PORTAL, "nftables.service")),
        **dict.fromkeys(_WORKERS, (_WORKER,)),
    }
    found = []
    for name, units in places.items():
        machine = site.machines[name]
        found += [
            Check(f"services of {name}", partial(checks.units_are_active, machine, units)),
            Check(
                f"no unit of {name} has failed",
                partial(checks.nothing_failed, machine),
                holds_before=True,
            ),
        ]
    found += [
        Check(f"{name} is ready", partial(checks.ready, site, site.machines[name]))
        for name in _WEBS
    ]
    return [*found, Check("https in front", partial(checks.https_in_front, site))]


def _passing(site: Site) -> list[Check]:
    """What also works while a node is away."""
    return [
        Check("the first administrator logs in", partial(checks.administrator_logs_in, site)),
        Check("a SOAP call", partial(checks.soap_call, site)),
        Check("an email leaves", partial(checks.mail_leaves, site)),
    ]


def _interruptions_of_several(site: Site) -> Sequence[Check]:
    found = []
    for name in (*_WEBS, *_WORKERS):
        machine = site.machines[name]
        found += [
            Check(f"{name} is switched off", partial(checks.off, machine)),
            *_renamed(f"without {name}, ", _passing(site)),
            Check(f"{name} is switched on", partial(checks.on, machine)),
        ]
    everything = [*site.machines.values()]
    return [
        *found,
        Check("all machines are switched off and on", partial(checks.off_and_on, everything)),
        *_renamed("after that, ", [*_lasting_of_several(site), *_passing(site)]),
        Check("after that, the tickets from before", partial(checks.soap_reads_again, site)),
    ]


def _let_web1_log_in(machines: Mapping[str, Machine]) -> None:
    """The site's own ssh: root of the first node can log in to the others."""
    nodes = [machines[name] for name in (*_WEBS, *_WORKERS)]
    for machine in nodes:
        checks.command(machine, "apt-get update && apt-get install -y openssh-server", 600)
    options = "Host *\n  StrictHostKeyChecking accept-new\n"
    (nodes[0].root / "etc/ssh/ssh_config.d/site.conf").write_text(options)
    checks.command(nodes[0], "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    for machine in nodes[1:]:
        folder = machine.root / "root/.ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(nodes[0].root / "root/.ssh/id_ed25519.pub", folder / "authorized_keys")


FORMS: Final = (
    Form(
        "one",
        "One machine",
        ("one",),
        {NAME: "one", "mail.example": ""},
        "one",
        "one",
        _checks_of_one,
        _interruptions_of_one,
    ),
    Form(
        "several",
        "Two web nodes and two worker nodes",
        ("database", "front", *_WEBS, *_WORKERS),
        {
            NAME: "front",
            "mail.example": "",
            **{f"{name}.example": name for name in ("database", *_WEBS, *_WORKERS)},
        },
        "front",
        "web1",
        _checks_of_several,
        _interruptions_of_several,
        _let_web1_log_in,
    ),
)
