"""What the demo's tickets say: the trade's usual troubles, maintenances and changes.

``{link}`` is a link id, ``{site}`` a site's LHCOPN name, ``{far}`` the site at the other end,
``{prefix}`` an address range reserved for documentation. No text speaks of a real event.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.tickets.rules.tickets import Category, Impact, Layer


@dataclass(frozen=True)
class Text:
    """One kind of ticket: how it begins, what is said meanwhile, and how it ends."""

    title: str
    description: str
    impact: Impact
    comments: tuple[str, ...]
    solution: str
    type_of_problem: str = "Network problem"


INCIDENTS_L2 = (
    Text(
        "{link} down, fibre cut",
        "The interface towards {far} went down. The provider reports a fibre cut on the terrestrial"
        " segment; a repair team is on its way. Traffic takes the backup path.",
        Impact.REDUCED,
        (
            "Provider: the team is on site, splicing is expected to take four hours.",
            "Provider: two of three tubes are spliced, light is back on the first pair.",
        ),
        "The fibre was spliced. The interface is up and without errors for one hour.",
    ),
    Text(
        "Loss of light at {site} on {link}",
        "Optical receive power fell below the threshold within a minute; BGP went down with it.",
        Impact.OUTAGE,
        (
            "The cross connect in the meet-me room was checked, levels are good up to there.",
            "The provider opened a case with its supplier.",
        ),
        "The provider replaced a transponder. Receive power is as before.",
    ),
    Text(
        "{link} flapping",
        "Eleven short interruptions within half an hour, each of some seconds, on the path between"
        " {site} and {far}.",
        Impact.DEGRADED,
        (
            "BGP was shut down on this circuit until it is stable.",
            "The provider cleaned the connectors; watching for a night.",
        ),
        "A dirty connector was cleaned. No interruption for 24 hours, BGP is up again.",
    ),
    Text(
        "CRC errors on {link}",
        "The number of input errors on the interface towards {far} rises by some hundred per"
        " minute. Transfers of large files are slow.",
        Impact.DEGRADED,
        (
            "The optics at our end were changed, the errors stay.",
            "Asked {far} to look at its transmit side.",
        ),
        "The far end replaced its transceiver. The error counters stand still.",
    ),
    Text(
        "Power failure at a point of presence, {link} down",
        "The provider reports a loss of power at one of its sites. All waves that pass there are"
        " down.",
        Impact.REDUCED,
        ("Provider: running on the generator, systems come back one by one.",),
        "Power is back at the point of presence and the circuit is stable.",
    ),
    Text(
        "Transatlantic segment of {link} interrupted",
        "The submarine cable system reports a fault. There is no estimate for the repair yet.",
        Impact.REDUCED,
        (
            "A repair ship was asked for. Traffic runs on the second path without loss.",
            "The fault was localised; the ship leaves the port tomorrow.",
        ),
        "The cable was repaired and the wave is back in service.",
    ),
)

INCIDENTS_L3 = (
    Text(
        "BGP flapping between {site} and {far}",
        "The session goes down about once a day for less than a minute; the hold timer expires."
        " No effect on transfers was noticed.",
        Impact.NONE,
        (
            "Debugging was switched on at both ends.",
            "Keepalives are delayed while the router's processor is busy.",
        ),
        "A filter that kept the processor busy was rewritten. No flap for a week.",
    ),
    Text(
        "Prefix of {site} not accepted by {far}",
        "{prefix} is announced, but {far} does not accept it; its traffic takes the general"
        " internet path.",
        Impact.DEGRADED,
        ("The prefix is missing in the filter; the change is planned for today.",),
        "The prefix list was amended. The route is seen at both ends.",
    ),
    Text(
        "Asymmetric routing between {site} and {far}",
        "Traffic towards {far} takes LHCOPN, the way back does not. A firewall drops it.",
        Impact.DEGRADED,
        ("The local preference of the backup path was found to be too high.",),
        "The preference was set right; both ways take LHCOPN.",
    ),
    Text(
        "Border router of {site} does not answer",
        "The router is not reachable since the event's start; all sessions are down.",
        Impact.OUTAGE,
        ("Somebody is on the way to the machine room.", "The supervisor module has crashed."),
        "The supervisor module was replaced and the sessions are up.",
    ),
)

PERFORMANCE = (
    Text(
        "Low throughput from {site} to {far}",
        "Tests show a tenth of the usual rate in one direction since the event's start. Ping shows"
        " no loss.",
        Impact.DEGRADED,
        (
            "Tests on the segments were started.",
            "The loss appears only with large packets; the MTU on the path is being checked.",
        ),
        "An interface on the path had a wrong MTU. The rate is as before.",
    ),
    Text(
        "Packet loss between {site} and {far}",
        "One-way loss of about 0.3% in the direction of {far}.",
        Impact.DEGRADED,
        ("The loss follows one member of the bundle.",),
        "One member of the bundle was taken out and its optics were replaced.",
    ),
)

UNKNOWN_LAYER = (
    Text(
        "Transfers to {site} fail",
        "Transfers from several sites fail with a time-out. It is not known yet whether the"
        " network is the cause.",
        Impact.UNKNOWN,
        ("The link is up and carries traffic; looking at the routes.",),
        "A route was missing after a change; it was added again.",
        "Other",
    ),
)

MAINTENANCES_L2 = (
    Text(
        "Maintenance of the transatlantic segment of {link}",
        "The provider works on the transatlantic segment within the window. The circuit will be"
        " down for up to two hours; traffic takes the backup path.",
        Impact.REDUCED,
        ("The provider confirmed the window.", "Work has begun."),
        "The work is done, the circuit is up.",
    ),
    Text(
        "Planned fibre work on {link}",
        "A cable is moved because of road works. One interruption of at most four hours is"
        " expected within the window.",
        Impact.OUTAGE,
        ("Work has begun, the circuit is down.",),
        "The cable was moved. Levels are as before.",
    ),
    Text(
        "Software upgrade of optical equipment, {link}",
        "The provider upgrades its optical equipment. Short interruptions are possible.",
        Impact.DEGRADED,
        ("Work has begun.",),
        "The upgrade is done; there was one interruption of 40 seconds.",
    ),
)

MAINTENANCES_L3 = (
    Text(
        "Router upgrade at {site}",
        "The border router gets new software and restarts once. All sessions of {site} go down for"
        " about 20 minutes.",
        Impact.OUTAGE,
        ("The restart is announced for the first half of the window.",),
        "The upgrade is done and all sessions are up.",
    ),
    Text(
        "Test of the backup path of {site}",
        "The primary session is shut down for an hour to see that traffic takes the backup path.",
        Impact.REDUCED,
        ("The primary session is down, the backup carries the traffic.",),
        "The backup path carried all traffic without loss. The test is passed.",
    ),
)

CHANGES = (
    Text(
        "New prefix of {site}",
        "{site} will announce {prefix} from next Monday on. The sites concerned are asked to"
        " accept it and to say so here.",
        Impact.NONE,
        ("Accepted at {far}.", "Still missing: one site has not answered."),
        "All sites accept the new prefix.",
        "Other",
    ),
    Text(
        "{site} moves to a new border router",
        "The sessions move to a new router with the same addresses. The neighbours are asked to"
        " keep their side as it is.",
        Impact.REDUCED,
        ("The new router is in place.",),
        "All sessions run on the new router.",
        "Other",
    ),
)

INFORMATIONAL = (
    Text(
        "Contacts of {site} reviewed",
        "The contact and routing data of {site} were reviewed for the quarter.",
        Impact.NONE,
        ("Please look at the telephone number of the operations desk.",),
        "Contact and routing data are up to date.",
        "Other",
    ),
    Text(
        "Monitoring of {site} without data",
        "The probes at {site} are switched off for a move. This says nothing about the link.",
        Impact.NONE,
        ("The probes were moved.",),
        "The probes send data again.",
        "Other",
    ),
)

TESTS = (
    Text(
        "Test of the ticket exchange with {site}",
        "Please ignore. This ticket tests the exchange between two ticket systems.",
        Impact.NONE,
        ("Received.",),
        "The test is over.",
        "Other",
    ),
)

TEXTS: dict[tuple[Category, Layer], tuple[Text, ...]] = {
    (Category.INCIDENT, Layer.L2): INCIDENTS_L2,
    (Category.INCIDENT, Layer.L3): INCIDENTS_L3,
    (Category.INCIDENT, Layer.PERFORMANCE): PERFORMANCE,
    (Category.INCIDENT, Layer.UNKNOWN): UNKNOWN_LAYER,
    (Category.MAINTENANCE, Layer.L2): MAINTENANCES_L2,
    (Category.MAINTENANCE, Layer.L3): MAINTENANCES_L3,
    (Category.CHANGE, Layer.L3): CHANGES,
    (Category.INFORMATIONAL, Layer.OTHER): INFORMATIONAL,
    (Category.TEST, Layer.OTHER): TESTS,
}
"""The kinds of ticket that the demo has."""

INTERNAL = (
    "The provider's desk answers by telephone only at night.",
    "Asked the provider for a report on the cause; nothing yet.",
    "Second trouble on this path within a month: bring it to the next operations call.",
)
CANCELLED = "The provider cancelled the work; it will be announced again."
NOT_UNDERSTOOD = "The cause was not found and the trouble has not come back."
DUPLICATE = "The same trouble is followed in another ticket."
REOPENED = "The trouble came back an hour ago."
VERIFIED = "Confirmed, everything works as before."
