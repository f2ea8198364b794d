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
    "cric": ("cric", "Reading CRIC, which proposes changes of sites."),
    "db": ("database", "Perform database migrations."),
    "events": ("events", "Network events as monitoring reported them."),
    "exchange": ("exchange", "Tickets that are exchanged with partners' systems."),
    "links": ("registry_files", "Links of the registry, as files."),
    "mail": ("mail", "Mails that come in."),
    "notices": ("notices", "Maintenance notices of providers."),
    "partner": (
        "partner",
        "Partners: their systems that call the portal, and those that it calls.",
    ),
    "restore": (
        "backup",
        "Fill the database from FILE, which `flask backup` wrote; stop the portal before.",
    ),
    "search": ("search", "The index of the search."),
    "seed": ("seed", "Reference data (sites, links, the LHC's calendar) and demo tickets."),
    "serve": ("serve", "Upgrade the database, seed it, and serve the portal until Ctrl-C."),
    "sites": ("registry_files", "Sites of the registry, as files."),
    "tickets": ("tickets", "Tickets as files, and timed work on them."),
    "token": ("token", "Tokens with which programs call the API."),
    "user": ("user", "People, their roles and passwords."),
    "worker": (
        "worker",
        "Do jobs and timed work until Ctrl-C or SIGTERM; any number of workers may run.",
    ),
}
"""The module of each command, and its help in one line: ``flask`` loads only the one that is run,
and ``flask --help`` none."""
