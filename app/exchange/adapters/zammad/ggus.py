"""The shipped profile for GGUS: the starting point of a connection's own profile.

States and priorities are those of the pages for GGUS's users and supporters (docs.egi.eu, "Support
Staff Guide" and "Ticket Priority"); of these, public clients of helpdesk.ggus.eu, a Zammad since
2025, were seen to use assigned, in progress, solved, unsolved, closed and verified. Its
``/ticket_states`` and ``/ticket_priorities`` list the current ones: the connection test names those
that are missing, and the administrator removes their rows. Its form has three priorities, less
urgent, urgent and very urgent (docs.egi.eu, the guide for users). The fields that GGUS adds to a
ticket are those that public clients read (``wlcg_sites``: GOCDB names, ``vo_support``, ``area``,
``type``); a site in it notifies the site and its NGI. Each is sent only if the test found it.
"""

from __future__ import annotations

from typing import Final

from app.exchange.rules.extras import CATEGORY, SITES, VO
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import Guard, Profile, ValueRow

GGUS_PROFILE: Final = Profile(
    maps={
        "state": (
            ValueRow("assigned", "assigned"),
            ValueRow("new", "assigned", "out"),
            ValueRow("in progress", "in progress"),
            ValueRow("waiting for reply", "waiting for reply"),
            ValueRow("on hold", "on hold"),
            ValueRow("reopened", "reopened"),
            ValueRow("solved", "solved"),
            ValueRow("unsolved", "unsolved"),
            ValueRow("verified", "verified"),
            ValueRow("closed", "closed"),
        ),
        "priority": (
            ValueRow("less urgent", "less urgent"),
            ValueRow("normal", "less urgent", "out"),
            ValueRow("urgent", "urgent"),
            ValueRow("very urgent", "very urgent"),
            ValueRow("top priority", "very urgent", "out"),
        ),
    },
    owners={"state": Owner.NEWEST, "priority": Owner.NEWEST},
    guards=tuple(Guard),
    extras={"wlcg_sites": SITES, "vo_support": VO, "type": CATEGORY, "area": "Other"},
)
"""The administrator sets the group and the choice of tickets; until then, shared tickets are
sent."""
GGUS_HOSTS: Final = ("ggus.eu", "helpdesk.egi.eu")
