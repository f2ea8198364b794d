"""Carries out the scenarios and prints ``docs/proofs/faults.md``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback

from app.composition import compose_figures, compose_mails, compose_records
from bench.faults.clients import CLIENTS
from bench.faults.scenarios import ALL, FAKETIME
from bench.faults.trial import AGAIN_WITHIN, UNSAID, Outcome, in_words
from bench.tables import print_machine, print_table
from tests.harness import postgres, run

_HEAD = f"""# Faults, and every acknowledged call afterwards

`make prove-faults` writes this page. Each row is a site of its own: nginx with the files of
`deploy/nginx`, two web nodes (`flask serve`, each with two server processes) and two worker nodes
on one PostgreSQL; with SQLite one of each. A node that ends is started again after a second, as
systemd does it. {CLIENTS} clients create, change and comment tickets over SOAP and REST through
nginx, and repeat a call that fails, the very same, until it is acknowledged.

Afterwards every acknowledged call is sent again: it must be answered with the same ticket, and its
text must be in the database once. (A TicketModify is a repeat for ten minutes of the portal's clock
only, so it is not sent again where clocks jumped.) It holds if nothing is lost or doubled; every
client is served and every node ready within {AGAIN_WITHIN:.0f} s after the fault; the workers have
done all their work; and a node said at `/readyz` why, if nobody was served for {UNSAID:.0f} s.
"""
_HEADS = (
    *("fault", "acknowledged", "failed first", "longest without an acknowledgement"),
    *("`/readyz` said (seconds after the fault began)", "sent again", "lost", "doubled", "holds"),
)


def main() -> None:
    """Carry out all, or those that are named; status 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults")
    parser.add_argument("scenarios", nargs="*", default=list(ALL), help=", ".join(ALL))
    given = parser.parse_args().scenarios
    if unknown := set(given) - set(ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    folder = run.begin()
    compose_records()
    compose_figures()
    compose_mails()
    print(_HEAD)
    print_machine()
    found: list[Outcome] = []
    broken: list[str] = []
    try:
        for name in given:
            if reason := _missing(name):
                broken.append(f"{name}: not carried out, {reason}")
                continue
            print(f"faults: {name}", file=sys.stderr, flush=True)
            try:
                found.append(ALL[name]())
            except Exception:  # noqa: BLE001  # the others are carried out, and the page says it
                traceback.print_exc()
                broken.append(f"{name}: broke off, see standard error")
            else:
                print(f"faults: {name}: {list(found[-1].wrong)[:5]}", file=sys.stderr, flush=True)
    finally:
        postgres.stop(folder)
        run.end(folder)
    print_table("Faults", _HEADS, [_row(one) for one in found])
    for one in found:
        why = sorted(one.trial.clients.why.items())
        seen = ", ".join(f"{what} {count}" for what, count in why) or "none"
        print(f"- {one.name}: tries that failed: {seen}.", end="")
        print("".join(f" {note}." for note in one.trial.notes))
        for wrong in one.wrong[:20]:
            print(f"  - Does not hold: {wrong}")
    for text in broken:
        print(f"- Does not hold: {text}")
    if broken or any(one.wrong for one in found):
        sys.exit(1)


def _missing(name: str) -> str:
    if name == "clock" and not FAKETIME.exists():
        return "libfaketime is not installed (apt-get install libfaketime)"
    if name.startswith("disk") and os.geteuid():
        return "only root can mount a small disk"
    return ""


def _row(one: Outcome) -> tuple[str, ...]:
    checked = one.checked
    return (
        one.name,
        f"{len(one.trial.clients.acknowledged):,}",
        f"{one.trial.clients.failed:,}",
        f"{one.longest:.1f} s",
        in_words(one),
        f"{checked.repeated:,}",
        f"{len(checked.lost):,}",
        f"{len(checked.doubled):,}",
        "no" if one.wrong else "yes",
    )


if __name__ == "__main__":
    main()
