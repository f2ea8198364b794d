"""What has to be true after the guide was followed.

Each check returns what it found, or raises Wrong.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.guide.blocks import Block
from bench.guide.client import NAME, Mailbox, Visitor, Wrong, plain
from bench.guide.machines import Machine
from tests.soap_service.wire import in_order

PARTNER: Final = "GGUS-GUIDE"
PARTNER_SECRET: Final = "an exchange of secrets 71"
COPY: Final = "noc@site.example"
TICKET: Final = {
    "GHD_Description": "written over SOAP",
    "GHD_Last_Modifier": "noc-guide",
    "GHD_Last_Login": "noc-guide",
    "GHD_CarbonCopy": COPY,
}


@dataclass
class Site:
    """The machines of a form, the one with nginx, one with the portal, the site's mailbox, the
    blocks of the guide, and the tickets (number and title) that the partner opened. A check waits
    so many seconds for what takes its time."""

    machines: dict[str, Machine]
    front: Machine
    portal: Machine
    box: Mailbox
    blocks: Sequence[Block] = ()
    tickets: list[tuple[str, str]] = field(default_factory=list)
    patience: float = 180

    def visitor(self) -> Visitor:
        file = self.front.root / "etc/nginx/lhcopn-portal/fullchain.pem"
        try:
            return Visitor(self.front.address, file.read_text())
        except OSError as error:
            raise Wrong(f"no certificate: {error}") from error


def command(machine: Machine, script: str, seconds: float = 120) -> str:
    """What a command prints. Raises Wrong if it fails."""
    done = machine.run(script, seconds=seconds)
    if done.code:
        raise Wrong(f"`{script}` on {machine.name}: exit code {done.code}, {last_line(done.said)}")
    return done.said.strip()


def last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "nothing printed"


def units_are_active(machine: Machine, units: Sequence[str]) -> str:
    """Each one is asked for alone: for several, systemctl is content with one."""
    for unit in units:
        state = command(machine, f"systemctl show --property=ActiveState --value {unit}")
        if state != "active":
            raise Wrong(f"{unit} on {machine.name} is {state or 'unknown'}")
    return f"{machine.name}: {', '.join(units)}"


def nothing_failed(machine: Machine) -> str:
    """systemd has started all, and no unit has failed."""
    state = command(machine, "systemctl is-system-running --wait || true")
    failed = command(machine, "systemctl list-units --state=failed --no-legend --plain")
    if state != "running" or failed:
        raise Wrong(f"{machine.name} is {state}: {failed or 'no failed unit'}")
    return f"{machine.name} is running"


def units_verify(machine: Machine) -> str:
    """``systemd-analyze verify`` says nothing of the portal's units."""
    said = command(
        machine, "systemd-analyze verify --man=no /etc/systemd/system/lhcopn-portal* 2>&1"
    )
    if said:
        raise Wrong(said)
    return "no word of complaint"


def https_in_front(site: Site) -> str:
    """http leads to https, whose certificate fits the name, and the page to log in is there."""
    moved = plain(site.front.address, "/login")
    if (moved.status, moved.headers["Location"]) != (308, f"https://{NAME}/login"):
        raise Wrong(f"http answers {moved.status} {moved.headers['Location']}")
    page = site.visitor().ask("GET", "/login")
    if page.status != http.client.OK or 'name="password"' not in page.text:
        raise Wrong(f"https answers {page.status}")
    if not page.headers["Strict-Transport-Security"]:
        raise Wrong("no Strict-Transport-Security")
    return "308 to https, and the login page there"


def administrator_logs_in(site: Site) -> str:
    visitor = site.visitor()
    visitor.log_in("admin")
    page = visitor.ask("GET", "/admin/people")
    if page.status != http.client.OK:
        raise Wrong(f"/admin/people answers {page.status}")
    return "with the password that was typed; /admin/people opens"


def partner_gets_an_account(site: Site) -> str:
    said = command(
        site.portal,
        f"lhcopn-flask partner create {PARTNER} --login ggus-guide --access all --password-stdin"
        f" <<<'{PARTNER_SECRET}'",
    )
    return last_line(said)


def soap_call(site: Site) -> str:
    """A ticket over SOAP through nginx, which the partner then reads."""
    title = f"no traffic on link {len(site.tickets) + 1} of the guide"
    sent = in_order("TicketCreate", {"GHD_Short_Description": title, **TICKET})
    said = site.visitor().call("TicketCreate", sent, "ggus-guide", PARTNER_SECRET)
    number = re.search(r"Request.ID[^>]*>([^<]+)<", said)
    if number is None:
        raise Wrong(f"no number in {said[-200:]}")
    site.tickets.append((number[1], title))
    return f"TicketCreate answers {number[1]}; {_read(site, *site.tickets[-1])}"


def soap_reads_again(site: Site) -> str:
    """Every ticket from before is still there."""
    if not site.tickets:
        raise Wrong("no ticket was opened before")
    return "; ".join(_read(site, *ticket) for ticket in site.tickets)


def _read(site: Site, number: str, title: str) -> str:
    sent = {"GHD_Request_ID": number}
    said = site.visitor().call("TicketGet", sent, "ggus-guide", PARTNER_SECRET)
    if title not in said:
        raise Wrong(f"TicketGet does not answer ticket {number}")
    return f"TicketGet answers ticket {number}"


def mail_leaves(site: Site) -> str:
    """The address in the newest ticket's carbon copy gets an email."""
    if not site.tickets:
        raise Wrong("no ticket was opened before")
    mail = site.box.wait_for(site.tickets[-1][1], site.patience)
    return f"to {mail['To']}: {mail['Subject']}"


def ready(site: Site, machine: Machine) -> str:
    """``/readyz`` says so, nothing is degraded, and a worker was seen."""
    until = time.monotonic() + site.patience
    while True:
        done = machine.run("curl -sS http://127.0.0.1:8000/readyz")
        try:
            found = json.loads(done.said)
            good = found["ready"] and not found["degraded"]
            if done.code == 0 and good and found["worker_seen_seconds"] <= 120:
                return f"ready; a worker was seen {found['worker_seen_seconds']} s ago"
        except (ValueError, KeyError, TypeError):
            pass
        if time.monotonic() > until:
            raise Wrong(last_line(done.said))
        time.sleep(2)


def logs_rotate(machine: Machine) -> str:
    """logrotate has rules for the files of nginx and PostgreSQL, and finds no error in any."""
    said = command(machine, "logrotate --debug /etc/logrotate.conf 2>&1")
    wrong = [line for line in said.splitlines() if line.startswith("error")]
    missing = [
        name for name in ("/var/log/nginx/*.log", "/var/log/postgresql/*.log") if name not in said
    ]
    if wrong or missing:
        raise Wrong(f"errors {wrong}, without rules {missing}")
    return "rules for nginx and PostgreSQL, no errors"


def journal_is_limited(machine: Machine) -> str:
    said = command(machine, "systemd-analyze cat-config systemd/journald.conf")
    if not re.search(r"^SystemMaxUse=2G$", said, re.MULTILINE):
        raise Wrong("no SystemMaxUse")
    line = command(machine, "journalctl --quiet --unit=lhcopn-portal --output=cat --lines=1")
    if not line:
        raise Wrong("the journal has no line of the portal")
    return "at most 2G; it has the lines of the portal"


def timers_wait(machine: Machine) -> str:
    said = []
    for timer in ("lhcopn-portal-backup.timer", "lhcopn-portal-verify-backup.timer"):
        units_are_active(machine, [timer])
        properties = "--property=NextElapseUSecRealtime --value"
        when = command(machine, f"systemctl show {properties} {timer}")
        if not re.search(r"\d\d:30:00", when):
            raise Wrong(f"{timer} has no next time: {when!r}")
        said.append(f"{timer} next at {when}")
    return "; ".join(said)


def backup_is_verified(site: Site, machine: Machine) -> str:
    """The file is for its user only, and the portal knows that it was restored and compared."""
    said = command(machine, "stat --format='%a %U %s' /var/lib/lhcopn-portal-backup/*")
    files = said.splitlines()
    for file in files:
        mode, user, size = file.split()
        if (mode, user) != ("600", "lhcopn-portal") or int(size) < 10_000:
            raise Wrong(f"a backup is {file}")
    age = _metrics(site)["lhcopn_backup_verified_age_seconds"]
    if age > 3600:
        raise Wrong(f"the backup that was verified is {age:.0f} s old")
    return f"{len(files)} files of mode 600; one that is {age:.0f} s old was verified"


def metrics_answer(site: Site) -> str:
    if (status := site.visitor().ask("GET", "/metrics").status) == http.client.OK:
        raise Wrong(f"without the token, /metrics answers {status}")
    found = _metrics(site)
    for name, least in (("lhcopn_database_up", 1), ("lhcopn_workers", 1)):
        if found.get(name, 0) < least:
            raise Wrong(f"{name} is {found.get(name)}")
    return f"{len(found)} values; a database and {found['lhcopn_workers']:.0f} worker(s)"


def _metrics(site: Site) -> dict[str, float]:
    token = command(site.portal, "cat /root/lhcopn-portal.token")
    answer = site.visitor().ask("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    if answer.status != http.client.OK:
        raise Wrong(f"/metrics answers {answer.status}")
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if line[:1] != "#"]
    return {name: float(value) for name, _, value in lines}


def prometheus_reads(site: Site, machine: Machine) -> str:
    """Prometheus has read the portal, and has its rules."""
    until = time.monotonic() + site.patience
    while True:
        said = command(machine, "curl -sS http://127.0.0.1:9090/api/v1/targets")
        targets = json.loads(said)["data"]["activeTargets"]
        states = [(each["labels"]["job"], each["health"], each["lastError"]) for each in targets]
        if states and all(health == "up" for _, health, _ in states):
            break
        if time.monotonic() > until:
            raise Wrong(f"targets {states}")
        time.sleep(2)
    rules = json.loads(command(machine, "curl -sS http://127.0.0.1:9090/api/v1/rules"))
    count = sum(len(group["rules"]) for group in rules["data"]["groups"])
    if not count:
        raise Wrong("no rules")
    return f"the portal is up, {count} rules"


def backup_is_there(machine: Machine) -> str:
    """Both services ended well, and a file is there."""
    for service in ("lhcopn-portal-backup", "lhcopn-portal-verify-backup"):
        shown = "--property=Result,ExecMainExitTimestampMonotonic"
        said = command(machine, f"systemctl show {shown} {service}.service")
        found = dict(line.split("=", 1) for line in said.splitlines())
        if found["Result"] != "success" or found["ExecMainExitTimestampMonotonic"] == "0":
            raise Wrong(f"{service}: {said}")
    return command(machine, "stat --format='mode %a, %s bytes' /var/lib/lhcopn-portal-backup/*")


def closed(machine: Machine) -> str:
    """Port 8000 answers nginx, but not this program."""
    try:
        with socket.create_connection((machine.address, 8000), 5):
            raise Wrong("port 8000 takes a connection from another machine")
    except TimeoutError:
        return "no connection to port 8000 from another machine"


def restored_to_a_time(site: Site, machine: Machine) -> str:
    """All tickets are lost; the guide's block brings back those from before a moment, and not the
    one that was opened after it."""
    soap_call(site)
    moment = _psql(machine, "postgres", "SELECT now()")
    soap_call(site)
    number, _title = site.tickets.pop()
    _psql(machine, "lhcopn-portal", "TRUNCATE tickets CASCADE")
    for each, _title in site.tickets:
        _is_gone(machine, each)
    heading = "Restoring PostgreSQL to a point in time"
    block = [each for each in site.blocks if each.heading == heading and each.is_commands][-1]
    done = machine.run(block.text, f"{moment}\n")
    if done.code:
        raise Wrong(last_line(done.said))
    ready(site, machine)
    said = soap_reads_again(site)
    _is_gone(machine, number)
    later = f"ticket {number}, opened later, is not there"
    return f"as of {moment}, in {done.seconds:.0f} s: {said}; {later}"


def _psql(machine: Machine, database: str, statement: str) -> str:
    return command(machine, f"runuser -u postgres -- psql -qtA -c '{statement}' {database}")


def _is_gone(machine: Machine, number: str) -> None:
    """The database says so: a portal that answers nothing would not know."""
    statement = f"SELECT count(*) FROM tickets WHERE number = {int(number)}"
    if _psql(machine, "lhcopn-portal", statement) != "0":
        raise Wrong(f"ticket {number} is still there")


def off(machine: Machine) -> str:
    machine.stop()
    return machine.name


def on(machine: Machine) -> str:
    """Switch it on, and wait for as long as the guide says."""
    machine.start()
    time.sleep(10)
    return f"{machine.name}, and 10 s passed"


def off_and_on(machines: Sequence[Machine]) -> str:
    """Each machine is switched off in order, and on again."""
    for machine in machines:
        machine.stop()
    for machine in machines:
        machine.start()
    return ", ".join(machine.name for machine in machines)
