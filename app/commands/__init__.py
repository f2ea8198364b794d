"""The commands for administrators: one module per noun, each with its ``COMMANDS``.

A command is a door like the others: it reads its arguments, calls one service inside one
transaction, and prints. Make it with ``PortalCommand`` or ``PortalGroup`` from
``app.commands.base``: they turn an error into one line and an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODULES: Final[Mapping[str, tuple[str, str]]] = {
    "backup": (
        "backup",
        "Copy the database, attachments included, into FILE, while the portal runs.",
    ),
    "cric": ("cric", "Read CRIC and propose changes of sites."),
    "db": ("database", "Perform database migrations."),
    "downtimes": ("downtimes", "Downtimes that sites announced, from the lists of others."),
    "drill": (
        "drill",
        "What an administrator practises once a year.",
    ),
    "events": ("events", "Network events reported by monitoring."),
    "exchange": ("exchange", "Exchange of tickets with partners' systems."),
    "links": ("registry_files", "Export and import of links."),
    "mail": ("mail", "Incoming mails."),
    "move": (
        "move",
        "Move the portal from SQLite to an empty PostgreSQL database; stop the portal first.",
    ),
    "notices": ("notices", "Providers' maintenance notices."),
    "partner": (
        "partner",
        "Partners: their accounts, and connections to their systems.",
    ),
    "person": ("person", "Delete the personal data of somebody who left."),
    "reseal": (
        "reseal",
        "Encrypt stored secrets again, with SECRET_KEY instead of OLD_SECRET_KEY.",
    ),
    "restore": (
        "backup",
        "Restore the database from FILE, written by `flask backup`; stop the portal first.",
    ),
    "run": (
        "serve",
        "Serve as `serve` does; without SECRET_KEY, a demo with sample data for this machine only.",
    ),
    "search": ("search", "The search index."),
    "seed": ("seed", "Reference data (sites, links, the LHC's calendar) and demo tickets."),
    "serve": ("serve", "Upgrade the database, seed it, and serve the portal until Ctrl-C."),
    "sites": ("registry_files", "Export and import of sites."),
    "tickets": ("tickets", "Export and import of tickets, and scheduled work."),
    "token": ("token", "API tokens for programs."),
    "user": ("user", "People, their roles and passwords."),
    "verify-backup": (
        "backup",
        "Restore the newest backup of FOLDER into a scratch database, and compare rows and sums.",
    ),
    "worker": (
        "worker",
        "Run jobs and scheduled work until Ctrl-C or SIGTERM; several workers may run.",
    ),
}
"""The module of each command, and its help in one line: ``flask`` loads only the one that is run,
and ``flask --help`` none."""
