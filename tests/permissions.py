"""Who may do what, through which door: the expected table, written by hand.

``docs/permissions.md`` is printed from it (``make docs``), and every cell is tried through its door
by tests/pages/test_permissions.py. A new address or operation needs a row here, or a test fails.

A line is: what it is | method and address (* stands for a number, key or name), or operation | one
cell per column. An address may be in several lines, with a word after it for each case. An
operation of REST has the name that its published summary gives it; its line names only the case.
``FORMAT`` stands for each format in which monitoring systems report events.
Cells: ``yes``; what the door answers instead; ``-`` for a case that cannot be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.events.adapters import FORMATS

_PUBLISHED: Final = Path(__file__).with_name("api") / "openapi.json"


@dataclass(frozen=True)
class Row:
    """One action through one door."""

    action: str
    how: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The rows of one door; ``columns`` map the short name of who acts to its meaning."""

    title: str
    about: str
    columns: dict[str, str]
    lines: str
    summaries: Mapping[str, str] = field(default_factory=dict)
    """What an operation does, by method and address; lines without one say it themselves."""

    @property
    def rows(self) -> list[Row]:
        """The lines, read."""
        found = []
        for line in self._lines():
            said, how, *cells = (part.strip() for part in line.split("|"))
            assert len(cells) == len(self.columns), f"{len(cells)} cells: {line}"
            summary = self.summaries.get(" ".join(how.split(" ")[:2]), "")
            action = ": ".join(part for part in (summary, said) if part)
            assert action, f"neither a summary nor a name: {line}"
            found.append(Row(action, how, dict(zip(self.columns, cells, strict=True))))
        return found

    def _lines(self) -> Iterator[str]:
        for line in self.lines.strip().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            names = FORMATS if "/FORMAT" in line else ("",)
            yield from (line.replace("/FORMAT", f"/{name}") for name in names)


def _published_summaries() -> Mapping[str, str]:
    """The summary of each operation of REST, by method and address as the lines write them."""
    paths = json.loads(_PUBLISHED.read_text("utf-8"))["paths"]
    return {
        f"{method.upper()} /api{re.sub('{[^}]*}', '*', path)}": operation["summary"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


PORTAL: Final = Table(
    "Pages",
    "A person in a browser. *own*: a reporter if one of the reporter's sites is affected,"
    " responsible, or an end of an affected link, or if the reporter created the ticket; *other*: a"
    " reporter in all other cases. `login` means the login page, which leads back to the address"
    " afterwards and preserves what was typed. The answer 403 says why; 404 is also the answer to"
    " addresses that do not exist.",
    {
        "admin": "admin",
        "operator": "operator",
        "own": "reporter, own",
        "other": "reporter, other",
        "reader": "reader",
        "nobody": "not logged in",
    },
    """
# tickets
Start page                      | GET /                                 | yes | yes | yes | yes | yes | login
List tickets                    | GET /tickets                          | yes | yes | yes | yes | yes | login
What is down now                | GET /network-now                      | yes | yes | yes | yes | yes | login
Search everything               | GET /search                           | yes | yes | yes | yes | yes | login
Receive changes                 | GET /live                             | yes | yes | yes | yes | yes | 401
Which changes belong in a list  | GET /tickets/changed                  | yes | yes | yes | yes | yes | 401
Download the list               | GET /tickets.csv                      | yes | yes | yes | yes | yes | login
Download it as a workbook       | GET /tickets.xlsx                     | yes | yes | yes | yes | yes | login
Download it as NTTDM            | GET /tickets.nttdm.xml                | yes | yes | yes | yes | yes | login
Download those to be reviewed   | GET /tickets.csv check                | yes | yes | 422 | 422 | 422 | login
Download these as a workbook    | GET /tickets.xlsx check               | yes | yes | 422 | 422 | 422 | login
Download these as NTTDM         | GET /tickets.nttdm.xml check          | yes | yes | 422 | 422 | 422 | login
Download a ticket as NTTDM      | GET /tickets/*.nttdm.xml              | yes | yes | yes | yes | yes | login
The same of an unknown ticket   | GET /tickets/*.nttdm.xml unknown      | 404 | 404 | 404 | 404 | 404 | login
Read a ticket                   | GET /tickets/*                        | yes | yes | yes | yes | yes | login
Read an unknown ticket          | GET /tickets/* unknown                | 404 | 404 | 404 | 404 | 404 | login
Read internal entries           | GET /tickets/* internal               | yes | yes | no  | no  | no  | login
Form of a new ticket            | GET /tickets/new                      | yes | yes | yes | yes | 403 | login
Create a ticket                 | POST /tickets/new                     | yes | yes | yes | yes | 403 | login
Impact and priority proposed    | GET /tickets/new/urgency              | yes | yes | yes | yes | 403 | login
Similar tickets of a new one    | GET /tickets/new/similar              | yes | yes | yes | yes | 403 | login
Who is notified of a new one    | GET /tickets/new/recipients           | yes | yes | yes | yes | 403 | login
Who is notified of a change     | GET /tickets/*/recipients             | yes | yes | yes | 403 | 403 | login
Form to edit a ticket           | GET /tickets/*/edit                   | yes | yes | yes | 403 | 403 | login
Edit a ticket                   | POST /tickets/*/edit                  | yes | yes | yes | 403 | 403 | login
Edit what one wrote oneself     | POST /tickets/*/edit written          | yes | yes | yes | yes | -   | -
Comment                         | POST /tickets/*/comment               | yes | yes | yes | 403 | 403 | login
Comment internally              | POST /tickets/*/comment internal      | yes | yes | 403 | 403 | 403 | login
Move to another state           | POST /tickets/*/move                  | yes | yes | yes | 403 | 403 | login
Take a ticket                   | POST /tickets/*/take                  | yes | yes | yes | 403 | 403 | login
Change one field of a ticket    | POST /tickets/*/set                   | yes | yes | yes | 403 | 403 | login
Undo one's own move             | POST /tickets/*/undo-move             | yes | yes | yes | 403 | 403 | login
Undo what was recognised        | POST /tickets/*/undo                  | yes | yes | yes | 403 | 403 | login
Relate two tickets              | POST /tickets/*/relate                | yes | yes | yes | 403 | 403 | login
Remove a relation               | POST /tickets/*/unrelate              | yes | yes | yes | 403 | 403 | login
Merge a ticket into another     | POST /tickets/*/merge                 | yes | yes | yes | 403 | 403 | login
Unmerge the two                 | POST /tickets/*/separate              | yes | yes | yes | 403 | 403 | login
Answer to a change              | POST /tickets/*/acknowledge           | yes | yes | yes | 403 | 403 | login
Hand a ticket to a partner      | POST /tickets/*/hand                  | yes | yes | 403 | 403 | 403 | login
Mark a ticket as checked        | POST /tickets/*/checked               | yes | yes | 403 | 403 | 403 | login
Watch a ticket                  | POST /tickets/*/watch                 | yes | yes | yes | yes | yes | login
Be reminded of a ticket         | POST /tickets/*/remind                | yes | yes | yes | yes | yes | login
Remove one's own reminder       | POST /tickets/*/remind/remove         | yes | yes | yes | yes | yes | login
At its address of GGUS          | GET /ws/ticket_info.php               | yes | yes | yes | yes | yes | login
... an unknown ticket           | GET /ws/ticket_info.php unknown       | 404 | 404 | 404 | 404 | 404 | login
... ticket, attachment, search  | GET /index.php                        | yes | yes | yes | yes | yes | login
... a search for scripts        | GET /ws/ticket_search.php             | yes | yes | yes | yes | yes | login
Write on an unknown ticket      | POST /tickets/*/comment unknown       | 404 | 404 | 404 | 404 | 404 | login
The fields of the list's filter | GET /tickets/filter                   | yes | yes | yes | yes | yes | login
The columns to choose from      | GET /tickets/columns                  | yes | yes | yes | yes | yes | login
Choose the list's columns       | POST /tickets/columns                 | yes | yes | yes | yes | yes | login
Mark the list as seen           | POST /tickets/seen                    | yes | yes | yes | yes | yes | login
Choose the change of several    | GET /tickets/bulk                     | yes | yes | yes | yes | 403 | login
Preview it                      | POST /tickets/bulk/preview            | yes | yes | yes | yes | 403 | login
Change several tickets          | POST /tickets/bulk                    | yes | yes | yes | 422 | 403 | login
See the result                  | GET /tickets/bulk/*                   | yes | yes | yes | 404 | 403 | login
Undo the change                 | POST /tickets/bulk/*/undo             | yes | yes | yes | 404 | 403 | login
Read a time that is being typed | GET /typed-time                       | yes | yes | yes | yes | yes | login
# saved filters
List saved filters              | GET /filters                          | yes | yes | yes | yes | yes | login
Save a filter                   | POST /filters                         | yes | yes | yes | yes | yes | login
Share a filter                  | POST /filters shared                  | yes | yes | 403 | 403 | 403 | login
Use a shared filter             | GET /filters/*                        | yes | yes | yes | yes | yes | login
Use another's private filter    | GET /filters/* private                | 404 | 404 | 404 | 404 | 404 | login
Rename one's own filter         | POST /filters/*/change                | yes | yes | yes | yes | yes | login
Rename a shared filter          | POST /filters/*/change shared         | yes | 403 | 403 | 403 | 403 | login
Rename another's private filter | POST /filters/*/change private        | 404 | 404 | 404 | 404 | 404 | login
Let it show something else      | POST /filters/*/replace               | yes | yes | yes | yes | yes | login
Delete one's own filter         | POST /filters/*/delete                | yes | yes | yes | yes | yes | login
Delete a shared filter          | POST /filters/*/delete shared         | yes | 403 | 403 | 403 | 403 | login
Restore it                      | POST /filters/*/restore               | yes | yes | yes | yes | yes | login
Restore another's               | POST /filters/*/restore private       | 404 | 404 | 404 | 404 | 404 | login
# calendar
Look at the next fourteen days  | GET /calendar/agenda                  | yes | yes | yes | yes | yes | login
Look at the calendar            | GET /calendar                         | yes | yes | yes | yes | yes | login
Look at it link by link         | GET /calendar/links                   | yes | yes | yes | yes | yes | login
Conflicts of a form's window    | GET /calendar/conflicts               | yes | yes | yes | yes | yes | login
Find a free window              | GET /calendar/free                    | yes | yes | yes | yes | yes | login
One's feed of it                | GET /calendar/feed                    | yes | yes | yes | yes | yes | login
Create or renew its address     | POST /calendar/feed/make              | yes | yes | yes | yes | yes | login
End its address                 | POST /calendar/feed/end               | yes | yes | yes | yes | yes | login
Read it by a private address    | GET /calendar/feed/*.ics              | yes | yes | yes | yes | yes | yes
Read it by any other            | GET /calendar/feed/*.ics unknown      | 404 | 404 | 404 | 404 | 404 | 404
Read when the LHC runs          | GET /calendar/lhc                     | yes | yes | yes | yes | yes | login
Form of a new period of it      | GET /calendar/lhc/new                 | yes | 403 | 403 | 403 | 403 | login
Add a period                    | POST /calendar/lhc/new                | yes | 403 | 403 | 403 | 403 | login
Form to edit one                | GET /calendar/lhc/*/edit              | yes | 403 | 403 | 403 | 403 | login
Edit one                        | POST /calendar/lhc/*/edit             | yes | 403 | 403 | 403 | 403 | login
Remove one                      | POST /calendar/lhc/*/remove           | yes | 403 | 403 | 403 | 403 | login
# duties
List tickets that are due       | GET /duty                             | yes | yes | yes | yes | yes | login
Download the list               | GET /duty.csv                         | yes | yes | yes | yes | yes | login
... as a workbook               | GET /duty.xlsx                        | yes | yes | yes | yes | yes | login
... as a slide                  | GET /duty.pptx                        | yes | yes | yes | yes | yes | login
Rule comparison                 | GET /statistics/what-if               | yes | yes | yes | yes | yes | login
Download that                   | GET /statistics/what-if.csv           | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/what-if.xlsx          | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/what-if.pptx          | yes | yes | yes | yes | yes | login
Read the rules                  | GET /duty/rules                       | yes | yes | yes | yes | yes | login
Form of a new rule              | GET /duty/rules/new                   | yes | 403 | 403 | 403 | 403 | login
Compose a rule                  | POST /duty/rules/new                  | yes | 403 | 403 | 403 | 403 | login
Form of a new version           | GET /duty/rules/*/revise              | yes | 403 | 403 | 403 | 403 | login
Create a version                | POST /duty/rules/*/revise             | yes | 403 | 403 | 403 | 403 | login
Put a version in force          | POST /duty/rules/versions/*/force     | yes | 403 | 403 | 403 | 403 | login
Retire it                       | POST /duty/rules/forces/*/retire      | yes | 403 | 403 | 403 | 403 | login
Undo the last step              | POST /duty/rules/forces/*/undo        | yes | 403 | 403 | 403 | 403 | login
# events
Look at the timeline of links   | GET /events/timeline                  | yes | yes | yes | yes | yes | login
List events                     | GET /events                           | yes | yes | yes | yes | yes | login
Download that list              | GET /events.csv                       | yes | yes | yes | yes | yes | login
Read an event                   | GET /events/*                         | yes | yes | yes | yes | yes | login
Read an unknown event           | GET /events/* unknown                 | 404 | 404 | 404 | 404 | 404 | login
Form of a new event             | GET /events/new                       | yes | yes | 403 | 403 | 403 | login
Report an event by hand         | POST /events/new                      | yes | yes | 403 | 403 | 403 | login
Form to edit an event           | GET /events/*/edit                    | yes | yes | 403 | 403 | 403 | login
Edit or close it                | POST /events/*/edit                   | yes | yes | 403 | 403 | 403 | login
Withdraw an event               | POST /events/*/withdraw               | yes | yes | 403 | 403 | 403 | login
Undo the withdrawal             | POST /events/*/restore                | yes | yes | 403 | 403 | 403 | login
Choose a file of events         | GET /events/import                    | yes | yes | 403 | 403 | 403 | login
Preview an import               | POST /events/import                   | yes | yes | 403 | 403 | 403 | login
Look at an import               | GET /events/imports/*                 | yes | yes | 403 | 403 | 403 | login
Import it                       | POST /events/imports/*/write          | yes | yes | 403 | 403 | 403 | login
Leave it                        | POST /events/imports/*/drop           | yes | yes | 403 | 403 | 403 | login
Withdraw its events             | POST /events/imports/*/withdraw       | yes | yes | 403 | 403 | 403 | login
List the sources of events      | GET /events/sources                   | yes | yes | yes | yes | yes | login
Form of a new source            | GET /events/sources/new               | yes | 403 | 403 | 403 | 403 | login
Create a source                 | POST /events/sources/new              | yes | 403 | 403 | 403 | 403 | login
Form to change a source         | GET /events/sources/*                 | yes | 403 | 403 | 403 | 403 | login
Change a source                 | POST /events/sources/*                | yes | 403 | 403 | 403 | 403 | login
# matching
Events matching per T1          | GET /statistics/matching              | yes | yes | yes | yes | yes | login
Download that                   | GET /statistics/matching.csv          | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/matching.xlsx         | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/matching.pptx         | yes | yes | yes | yes | yes | login
Read the rule of matching       | GET /statistics/matching/rules        | yes | yes | yes | yes | yes | login
Add a version of it             | POST /statistics/matching/rules       | yes | 403 | 403 | 403 | 403 | login
Link an event and a ticket      | POST /events/*/link                   | yes | yes | yes | 403 | 403 | login
Unlink a ticket from an event   | POST /events/*/unlink                 | yes | yes | yes | 403 | 403 | login
Undo such a decision            | POST /events/*/undo                   | yes | yes | yes | 403 | 403 | login
# reports
Reports by site and quarter      | GET /reports                          | yes | yes | yes | yes | yes | login
List meeting packs              | GET /reports/packs                    | yes | yes | yes | yes | yes | login
Order a meeting pack            | POST /reports/packs                   | yes | yes | 403 | 403 | 403 | login
Look at a meeting pack          | GET /reports/packs/*                  | yes | yes | yes | yes | yes | login
Look at an unknown one          | GET /reports/packs/* unknown          | 404 | 404 | 404 | 404 | 404 | login
Fetch a meeting pack            | GET /reports/packs/*.*                | yes | yes | yes | yes | yes | login
Retry a failed meeting pack     | POST /reports/packs/*/again           | yes | yes | 403 | 403 | 403 | login
Delete a meeting pack           | POST /reports/packs/*/delete          | yes | yes | 403 | 403 | 403 | login
The quarter that ended last      | GET /reports/quarters                 | yes | yes | yes | yes | yes | login
The grid of reports as a file   | GET /reports/grid.csv                 | yes | yes | yes | yes | yes | login
... as a workbook               | GET /reports/grid.xlsx                | yes | yes | yes | yes | yes | login
... as a slide                  | GET /reports/grid.pptx                | yes | yes | yes | yes | yes | login
A quarter's reports              | GET /reports/quarters/*               | yes | yes | yes | yes | yes | login
The same to print                | GET /reports/quarters/*/print         | yes | yes | yes | yes | yes | login
... as TWiki markup              | GET /reports/quarters/*/twiki         | yes | yes | yes | yes | yes | login
... as a file                    | GET /reports/quarters/*.*             | yes | yes | yes | yes | yes | login
Print a signed report            | GET /reports/*/*/print                | yes | yes | yes | yes | yes | login
... a draft                      | GET /reports/*/*/print draft          | yes | yes | yes | 404 | 404 | login
A signed report as TWiki markup  | GET /reports/*/*/twiki                | yes | yes | yes | yes | yes | login
... a draft                      | GET /reports/*/*/twiki draft          | yes | yes | yes | 404 | 404 | login
A signed report as a file        | GET /reports/*/*.*                    | yes | yes | yes | yes | yes | login
... a draft                      | GET /reports/*/*.* draft              | yes | yes | yes | 404 | 404 | login
# teleconferences
List teleconferences            | GET /reports/teleconferences          | yes | yes | yes | yes | yes | login
Form to request a meeting       | GET /reports/teleconferences/new      | yes | yes | yes | yes | yes | login
Request a meeting               | POST /reports/teleconferences/new     | yes | yes | yes | yes | yes | login
Read a TC                       | GET /reports/teleconferences/*        | yes | yes | yes | yes | yes | login
Read an unknown TC              | GET /reports/teleconferences/* unknown | 404 | 404 | 404 | 404 | 404 | login
A TC for a calendar             | GET /reports/teleconferences/*.ics    | yes | yes | yes | yes | yes | login
Set or move a TC                | POST /reports/teleconferences/*/set   | yes | yes | 403 | 403 | 403 | login
Decline a TC                    | POST /reports/teleconferences/*/decline | yes | yes | 403 | 403 | 403 | login
Cancel a TC                     | POST /reports/teleconferences/*/cancel | yes | yes | 403 | 403 | 403 | login
Withdraw one's own request      | POST /reports/teleconferences/*/cancel own | yes | yes | yes | yes | yes | -
Mark a TC as held               | POST /reports/teleconferences/*/held  | yes | yes | 403 | 403 | 403 | login
Join a TC                       | POST /reports/teleconferences/*/join  | yes | yes | yes | yes | yes | login
Leave a TC                      | POST /reports/teleconferences/*/leave | yes | yes | yes | yes | yes | login
Add people to a TC              | POST /reports/teleconferences/*/people | yes | yes | 403 | 403 | 403 | login
Add a point to its agenda       | POST /reports/teleconferences/*/points | yes | yes | 403 | 403 | 403 | login
Remove an agenda item           | POST /reports/teleconferences/*/points/*/remove | yes | yes | 403 | 403 | 403 | login
Cancel the regular TCs          | POST /reports/teleconferences/series/cancel | yes | yes | 403 | 403 | 403 | login
Resume them                     | POST /reports/teleconferences/series/resume | yes | yes | 403 | 403 | 403 | login
List the forms of their questions | GET /reports/forms                  | yes | yes | yes | yes | yes | login
Read a form                     | GET /reports/forms/*                  | yes | yes | yes | yes | yes | login
Look at it as a reporter does   | GET /reports/forms/*/preview          | yes | yes | yes | yes | yes | login
Compare it with another         | GET /reports/forms/*/differences      | yes | yes | yes | yes | yes | login
Read a draft                    | GET /reports/forms/* draft            | yes | yes | 403 | 403 | 403 | login
Read an unknown form            | GET /reports/forms/* unknown          | 404 | 404 | 404 | 404 | 404 | login
Create a draft form             | POST /reports/forms/new               | yes | 403 | 403 | 403 | 403 | login
Form of a new question          | GET /reports/forms/*/questions/new    | yes | 403 | 403 | 403 | 403 | login
Add a question                  | POST /reports/forms/*/questions/new   | yes | 403 | 403 | 403 | 403 | login
Form to word one                | GET /reports/forms/*/questions/*      | yes | 403 | 403 | 403 | 403 | login
Word one                        | POST /reports/forms/*/questions/*     | yes | 403 | 403 | 403 | 403 | login
Move one                        | POST /reports/forms/*/questions/*/move | yes | 403 | 403 | 403 | 403 | login
Retire one                      | POST /reports/forms/*/questions/*/retire | yes | 403 | 403 | 403 | 403 | login
Restore it                      | POST /reports/forms/*/questions/*/restore | yes | 403 | 403 | 403 | 403 | login
Remove one                      | POST /reports/forms/*/questions/*/remove | yes | 403 | 403 | 403 | 403 | login
Publish a draft form            | POST /reports/forms/*/publish         | yes | 403 | 403 | 403 | 403 | login
Unpublish a form                | POST /reports/forms/*/take-out        | yes | 403 | 403 | 403 | 403 | login
Delete a draft                  | POST /reports/forms/*/delete          | yes | 403 | 403 | 403 | 403 | login
The page of a report             | GET /reports/*/*                      | yes | yes | yes | yes | yes | login
Read a report that is written    | GET /reports/*/* internal             | yes | yes | yes | no  | no  | login
Read a report that was signed    | GET /reports/*/* signed               | yes | yes | yes | yes | yes | login
Read a version of it             | GET /reports/*/*/versions/*           | yes | yes | yes | yes | yes | login
Compare its versions             | GET /reports/*/*/difference           | yes | yes | yes | yes | yes | login
See one of its fields            | GET /reports/*/*/fields/*             | yes | yes | yes | 404 | 404 | login
See changes by others            | GET /reports/*/*/changes              | yes | yes | yes | 404 | 404 | login
Write in one of its fields       | POST /reports/*/*/fields/*            | yes | yes | yes | 404 | 404 | login
Write in all of them             | POST /reports/*/*                     | yes | yes | yes | 404 | 404 | login
Sign and submit it               | POST /reports/*/*/submit              | yes | yes | yes | 404 | 404 | login
Reopen it                        | POST /reports/*/*/reopen              | yes | yes | yes | 403 | 403 | login
Reopen an accepted one           | POST /reports/*/*/reopen accepted     | yes | yes | 403 | 403 | 403 | login
Accept it                        | POST /reports/*/*/accept              | yes | yes | 403 | 403 | 403 | login
Comment on a draft               | POST /reports/*/*/comment             | yes | yes | yes | 404 | 404 | login
Comment on a signed report       | POST /reports/*/*/comment signed      | yes | yes | yes | 403 | 403 | login
Attach files to a draft          | POST /reports/*/*/attachments         | yes | yes | yes | 404 | 404 | login
Attach files to a reopened one   | POST /reports/*/*/attachments reopened | yes | yes | yes | 403 | 403 | login
Download a draft's file          | GET /reports/*/*/attachments/*        | yes | yes | yes | 404 | 404 | login
Download a signed report's file  | GET /reports/*/*/attachments/* signed | yes | yes | yes | yes | yes | login
Preview a signed report's file   | GET /reports/*/*/attachments/*/preview | yes | yes | yes | yes | yes | login
Remove a file of a draft         | POST /reports/*/*/attachments/*/remove | yes | yes | yes | 404 | 404 | login
Remove a file of a signed report | POST /reports/*/*/attachments/*/remove signed | yes | yes | 403 | 403 | 403 | login
See reminders of reports        | GET /reports/reminders                | yes | yes | 403 | 403 | 403 | login
Remind a site of a report       | POST /reports/reminders               | yes | yes | 403 | 403 | 403 | login
See who is muted                | GET /reports/quiet                    | yes | yes | 403 | 403 | 403 | login
Mute a site or person            | POST /reports/quiet                   | yes | yes | 403 | 403 | 403 | login
Unmute                          | POST /reports/quiet/*/end             | yes | yes | 403 | 403 | 403 | login
# statistics
Main figures                    | GET /statistics                       | yes | yes | yes | yes | yes | login
Tickets per period              | GET /statistics/tickets               | yes | yes | yes | yes | yes | login
The same as a file              | GET /statistics/tickets.csv           | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/tickets.xlsx          | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/tickets.pptx          | yes | yes | yes | yes | yes | login
GGUS's times                    | GET /statistics/times                 | yes | yes | yes | yes | yes | login
The same as a file              | GET /statistics/times.csv             | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/times.xlsx            | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/times.pptx            | yes | yes | yes | yes | yes | login
Long-standing tickets           | GET /statistics/long-standing         | yes | yes | yes | yes | yes | login
The same as a file              | GET /statistics/long-standing.csv     | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/long-standing.xlsx    | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/long-standing.pptx    | yes | yes | yes | yes | yes | login
Availability                    | GET /statistics/availability          | yes | yes | yes | yes | yes | login
The same as a file              | GET /statistics/availability.csv      | yes | yes | yes | yes | yes | login
... as a workbook               | GET /statistics/availability.xlsx     | yes | yes | yes | yes | yes | login
... as a slide                  | GET /statistics/availability.pptx     | yes | yes | yes | yes | yes | login
How each figure is computed     | GET /statistics/definitions           | yes | yes | yes | yes | yes | login
# maintenance notices
List maintenance notices        | GET /notices                          | yes | yes | yes | yes | yes | login
Read a notice                   | GET /notices/*                        | yes | yes | yes | yes | yes | login
Read a notice's whole text      | GET /notices/* internal               | yes | yes | no  | no  | no  | login
Read an unknown notice          | GET /notices/* unknown                | 404 | 404 | 404 | 404 | 404 | login
Preview a notice                | POST /notices                         | yes | yes | 403 | 403 | 403 | login
Bring a notice in               | POST /notices/confirm                 | yes | yes | 403 | 403 | 403 | login
Create a ticket from a notice   | POST /notices/*/ticket                | yes | yes | 403 | 403 | 403 | login
Update its ticket               | POST /notices/*/update                | yes | yes | 403 | 403 | 403 | login
Dismiss a notice                | POST /notices/*/dismiss               | yes | yes | 403 | 403 | 403 | login
Undo that                       | POST /notices/*/restore               | yes | yes | 403 | 403 | 403 | login
Say which link a circuit is     | POST /notices/*/circuits              | yes | yes | 403 | 403 | 403 | login
Confirm a carrier's form        | POST /notices/*/reading               | yes | yes | 403 | 403 | 403 | login
List the confirmed forms        | GET /notices/forms                    | yes | yes | yes | yes | yes | login
Withdraw one                    | POST /notices/forms/*/withdraw        | yes | yes | 403 | 403 | 403 | login
Remember it as a circuit id     | POST /notices/*/circuits remembered   | yes | 403 | 403 | 403 | 403 | login
# attachments
Attach a file                   | POST /tickets/*/attachments           | yes | yes | yes | 403 | 403 | login
Download an attachment          | GET /attachments/*                    | yes | yes | yes | yes | yes | login
Look at an attachment           | GET /attachments/*/preview            | yes | yes | yes | yes | yes | login
Remove another's attachment     | POST /attachments/*/remove            | yes | yes | 403 | 403 | 403 | login
Remove one's own attachment     | POST /attachments/*/remove added      | yes | yes | yes | -   | -   | -
# registry
List sites                      | GET /sites                            | yes | yes | yes | yes | yes | login
Read a site                     | GET /sites/*                          | yes | yes | yes | yes | yes | login
Read an unknown site            | GET /sites/* unknown                  | 404 | 404 | 404 | 404 | 404 | login
Form of a new site              | GET /sites/new                        | yes | 403 | 403 | 403 | 403 | login
Create a site                   | POST /sites/new                       | yes | 403 | 403 | 403 | 403 | login
Form to change a site           | GET /sites/*/edit                     | yes | 403 | 403 | 403 | 403 | login
Change a site                   | POST /sites/*/edit                    | yes | 403 | 403 | 403 | 403 | login
Retire a site                   | POST /sites/*/retire                  | yes | 403 | 403 | 403 | 403 | login
Confirm a fact of a site        | POST /sites/*/confirm                 | yes | 403 | 403 | 403 | 403 | login
List links                      | GET /links                            | yes | yes | yes | yes | yes | login
Read a link                     | GET /links/*                          | yes | yes | yes | yes | yes | login
Read an unknown link            | GET /links/* unknown                  | 404 | 404 | 404 | 404 | 404 | login
Form of a new link              | GET /links/new                        | yes | 403 | 403 | 403 | 403 | login
Create a link                   | POST /links/new                       | yes | 403 | 403 | 403 | 403 | login
Form to change a link           | GET /links/*/edit                     | yes | 403 | 403 | 403 | 403 | login
Change a link                   | POST /links/*/edit                    | yes | 403 | 403 | 403 | 403 | login
Retire a link                   | POST /links/*/retire                  | yes | 403 | 403 | 403 | 403 | login
Confirm a link                  | POST /links/*/confirm                 | yes | 403 | 403 | 403 | 403 | login
Look at the topology            | GET /topology                         | yes | yes | yes | yes | yes | login
Download sites or links         | GET /*.*                              | yes | yes | yes | yes | yes | login
Choose a file to import         | GET /admin/imports                    | yes | 403 | 403 | 403 | 403 | login
Preview a file                  | POST /admin/imports                   | yes | 403 | 403 | 403 | 403 | login
Import it                       | POST /admin/imports/confirm           | yes | 403 | 403 | 403 | 403 | login
Choose a file of old tickets    | GET /admin/imports/tickets            | yes | 403 | 403 | 403 | 403 | login
Preview an import of tickets    | POST /admin/imports/tickets           | yes | 403 | 403 | 403 | 403 | login
Import old tickets              | POST /admin/imports/tickets/confirm   | yes | 403 | 403 | 403 | 403 | login
List proposals from CRIC        | GET /admin/cric                       | yes | 403 | 403 | 403 | 403 | login
Read CRIC                       | POST /admin/cric                      | yes | 403 | 403 | 403 | 403 | login
Accept a proposal               | POST /admin/cric/*/accept             | yes | 403 | 403 | 403 | 403 | login
Refuse a proposal               | POST /admin/cric/*/refuse             | yes | 403 | 403 | 403 | 403 | login
Reopen a refused proposal       | POST /admin/cric/*/reopen             | yes | 403 | 403 | 403 | 403 | login
List unresolved names           | GET /admin/unresolved                 | yes | 403 | 403 | 403 | 403 | login
Look at one of them             | GET /admin/unresolved/name            | yes | 403 | 403 | 403 | 403 | login
Decide what a name means        | POST /admin/unresolved/alias          | yes | 403 | 403 | 403 | 403 | login
Let its tickets follow          | POST /admin/unresolved/follow         | yes | 403 | 403 | 403 | 403 | login
Leave it unresolved             | POST /admin/unresolved/dismiss        | yes | 403 | 403 | 403 | 403 | login
Undo a decision                 | POST /admin/unresolved/take-back      | yes | 403 | 403 | 403 | 403 | login
Create a unit                   | POST /admin/unresolved/unit           | yes | 403 | 403 | 403 | 403 | login
# background work
Look at the background work     | GET /work                             | yes | yes | 403 | 403 | 403 | login
Run timed work now              | POST /work/timed/*/run                | yes | yes | 403 | 403 | 403 | login
Retry a failed job              | POST /work/jobs/*/again               | yes | yes | 403 | 403 | 403 | login
# webhooks
List webhooks (admins: all)     | GET /webhooks                         | yes | yes | yes | yes | yes | login
Form of a new webhook           | GET /webhooks/new                     | yes | yes | yes | yes | yes | login
Create a webhook                | POST /webhooks/new                    | yes | yes | yes | yes | yes | login
... of a partner                | POST /webhooks/new partner            | yes | 403 | 403 | 403 | 403 | login
Look at one's own               | GET /webhooks/*                       | yes | yes | yes | yes | yes | login
... another's                   | GET /webhooks/* another               | yes | 404 | 404 | 404 | 404 | login
Form to change it               | GET /webhooks/*/edit                  | yes | yes | yes | yes | yes | login
... another's                   | GET /webhooks/*/edit another          | 403 | 404 | 404 | 404 | 404 | login
Change it                       | POST /webhooks/*/edit                 | yes | yes | yes | yes | yes | login
... another's                   | POST /webhooks/*/edit another         | 403 | 404 | 404 | 404 | 404 | login
Switch it on                    | POST /webhooks/*/on                   | yes | yes | yes | yes | yes | login
... another's                   | POST /webhooks/*/on another           | 403 | 404 | 404 | 404 | 404 | login
Switch it off                   | POST /webhooks/*/off                  | yes | yes | yes | yes | yes | login
... another's                   | POST /webhooks/*/off another          | yes | 404 | 404 | 404 | 404 | login
Delete it                       | POST /webhooks/*/delete               | yes | yes | yes | yes | yes | login
... another's                   | POST /webhooks/*/delete another       | yes | 404 | 404 | 404 | 404 | login
Add a secret                    | POST /webhooks/*/add-secret           | yes | yes | yes | yes | yes | login
... to another's                | POST /webhooks/*/add-secret another   | 403 | 404 | 404 | 404 | 404 | login
End a secret                    | POST /webhooks/*/end-secret           | yes | yes | yes | yes | yes | login
Send a test                     | POST /webhooks/*/test                 | yes | yes | yes | yes | yes | login
... of another's                | POST /webhooks/*/test another         | 403 | 404 | 404 | 404 | 404 | login
Look at a message               | GET /webhooks/*/messages/*            | yes | yes | yes | yes | yes | login
... of another's                | GET /webhooks/*/messages/* another    | yes | 404 | 404 | 404 | 404 | login
Send it again                   | POST /webhooks/*/messages/*/again     | yes | yes | yes | yes | yes | login
... of another's                | POST /webhooks/*/messages/*/again another | 403 | 404 | 404 | 404 | 404 | login
# exchange with partners
See the exchange                | GET /exchange                         | yes | yes | 403 | 403 | 403 | login
Form of a new connection        | GET /exchange/new                     | yes | 403 | 403 | 403 | 403 | login
Set up a connection             | POST /exchange/new                    | yes | 403 | 403 | 403 | 403 | login
Look at a connection            | GET /exchange/*                       | yes | yes | 403 | 403 | 403 | login
... an unknown one              | GET /exchange/* unknown               | 404 | 404 | 403 | 403 | 403 | login
Form to change one              | GET /exchange/*/edit                  | yes | 403 | 403 | 403 | 403 | login
Change one                      | POST /exchange/*/edit                 | yes | 403 | 403 | 403 | 403 | login
Pause it                        | POST /exchange/*/pause                | yes | 403 | 403 | 403 | 403 | login
Resume it                       | POST /exchange/*/resume               | yes | 403 | 403 | 403 | 403 | login
End it for good                 | POST /exchange/*/end                  | yes | 403 | 403 | 403 | 403 | login
Add a secret                    | POST /exchange/*/add-secret           | yes | 403 | 403 | 403 | 403 | login
End a secret                    | POST /exchange/*/end-secret           | yes | 403 | 403 | 403 | 403 | login
Compare it with the partner     | POST /exchange/*/compare              | yes | yes | 403 | 403 | 403 | login
Retry all failed tickets        | POST /exchange/*/again                | yes | yes | 403 | 403 | 403 | login
Look at a call                  | GET /exchange/*/calls/*               | yes | yes | 403 | 403 | 403 | login
See the result of a test        | GET /exchange/*/test                  | yes | yes | 403 | 403 | 403 | login
Test a connection               | POST /exchange/*/test                 | yes | 403 | 403 | 403 | 403 | login
See the mapping                 | GET /exchange/*/map                   | yes | yes | 403 | 403 | 403 | login
Change the mapping              | POST /exchange/*/map                  | yes | 403 | 403 | 403 | 403 | login
Export it                       | GET /exchange/*/map.json              | yes | yes | 403 | 403 | 403 | login
Import it                       | POST /exchange/*/map/import           | yes | 403 | 403 | 403 | 403 | login
Restore an earlier version      | POST /exchange/*/map/roll-back        | yes | 403 | 403 | 403 | 403 | login
Preview what is sent            | GET /exchange/*/preview               | yes | yes | 403 | 403 | 403 | login
Share a ticket with a partner   | POST /exchange/*/share                | yes | yes | 403 | 403 | 403 | login
Retry a ticket                  | POST /exchange/pairs/*/again          | yes | yes | 403 | 403 | 403 | login
End the exchange of a ticket    | POST /exchange/pairs/*/end            | yes | yes | 403 | 403 | 403 | login
Resume it                       | POST /exchange/pairs/*/resume         | yes | yes | 403 | 403 | 403 | login
Say which ticket is theirs      | POST /exchange/pairs/*/theirs         | yes | 403 | 403 | 403 | 403 | login
See the result of a comparison  | GET /exchange/*/comparison            | yes | yes | 403 | 403 | 403 | login
Leave two tickets different     | POST /exchange/pairs/*/leave          | yes | yes | 403 | 403 | 403 | login
Leave a ticket without a pair   | POST /exchange/unpaired/*/leave       | yes | yes | 403 | 403 | 403 | login
Skip an entry                   | POST /exchange/entries/*/skip         | yes | 403 | 403 | 403 | 403 | login
Replay an entry                 | POST /exchange/entries/*/replay       | yes | 403 | 403 | 403 | 403 | login
Choose one of two values        | POST /exchange/entries/*/choose       | yes | yes | 403 | 403 | 403 | login
# mails
List mails                      | GET /mails                            | yes | yes | 403 | 403 | 403 | login
Look at a mail                  | GET /mails/*                          | yes | yes | 403 | 403 | 403 | login
Look at its HTML                | GET /mails/*/html                     | yes | yes | 403 | 403 | 403 | login
Retry a mail                    | POST /mails/*/again                   | yes | yes | 403 | 403 | 403 | login
Retry all refused mails         | POST /mails/again                     | yes | yes | 403 | 403 | 403 | login
List incoming mails             | GET /mails/incoming                   | yes | yes | 403 | 403 | 403 | login
Look at an incoming mail        | GET /mails/incoming/*                 | yes | yes | 403 | 403 | 403 | login
Download an incoming mail       | GET /mails/incoming/*/whole           | yes | yes | 403 | 403 | 403 | login
Add an incoming mail to a ticket | POST /mails/incoming/*/add           | yes | yes | 403 | 403 | 403 | login
Dismiss selected incoming mails | POST /mails/incoming/dismiss        | yes | yes | 403 | 403 | 403 | login
Dismiss an incoming mail        | POST /mails/incoming/*/dismiss        | yes | yes | 403 | 403 | 403 | login
Page to stop mails              | GET /unsubscribe/*                    | yes | yes | yes | yes | yes | yes
Stop mails                      | POST /unsubscribe/*                   | yes | yes | yes | yes | yes | yes
Undo that                       | POST /unsubscribe/*/undo              | yes | yes | yes | yes | yes | yes
Stop with a link of nobody      | POST /unsubscribe/* without           | 404 | 404 | 404 | 404 | 404 | 404
# partners' systems
Announce a change, unsigned     | POST /hooks/*/*                       | 401 | 401 | 401 | 401 | 401 | 401
# administration
List the administration pages   | GET /admin                            | yes | 403 | 403 | 403 | 403 | login
Read the audit                  | GET /admin/audit                      | yes | 403 | 403 | 403 | 403 | login
Download the audit              | GET /admin/audit.csv                  | yes | 403 | 403 | 403 | 403 | login
# people
List people                     | GET /admin/people                     | yes | 403 | 403 | 403 | 403 | login
Look at a person                | GET /admin/people/*                   | yes | 403 | 403 | 403 | 403 | login
Form of a new person            | GET /admin/new-person                 | yes | 403 | 403 | 403 | 403 | login
Create a person                 | POST /admin/new-person                | yes | 403 | 403 | 403 | 403 | login
Set role and sites              | POST /admin/people/*/role             | yes | 403 | 403 | 403 | 403 | login
Disable a person                | POST /admin/people/*/disable          | yes | 403 | 403 | 403 | 403 | login
Enable a person                 | POST /admin/people/*/enable           | yes | 403 | 403 | 403 | 403 | login
End a person's logins           | POST /admin/people/*/end-logins       | yes | 403 | 403 | 403 | 403 | login
Create a one-time link          | POST /admin/people/*/link             | yes | 403 | 403 | 403 | 403 | login
Turn off a second factor        | POST /admin/people/*/take-off-second-factor | yes | 403 | 403 | 403 | 403 | login
Demand a second factor          | POST /admin/second-factor             | yes | 403 | 403 | 403 | 403 | login
See which role sign-on gives    | GET /admin/sign-on                    | yes | 403 | 403 | 403 | 403 | login
Change which role it gives      | POST /admin/sign-on                   | yes | 403 | 403 | 403 | 403 | login
Let a role follow that map      | POST /admin/people/*/follow-map       | yes | 403 | 403 | 403 | 403 | login
Keep a role as it is set here   | POST /admin/people/*/leave-map        | yes | 403 | 403 | 403 | 403 | login
Unlink a person's sign-on       | POST /admin/people/*/unlink           | yes | 403 | 403 | 403 | 403 | login
# tokens
List tokens                     | GET /admin/tokens                     | yes | 403 | 403 | 403 | 403 | login
Create a system's token         | POST /admin/tokens                    | yes | 403 | 403 | 403 | 403 | login
Add a secret to a token         | POST /admin/tokens/*/rotate           | yes | 403 | 403 | 403 | 403 | login
Add one to a person's token     | POST /admin/tokens/*/rotate person    | 403 | 403 | 403 | 403 | 403 | login
End the older secret            | POST /admin/tokens/*/end-older        | yes | 403 | 403 | 403 | 403 | login
End a token                     | POST /admin/tokens/*/end              | yes | 403 | 403 | 403 | 403 | login
End a person's token            | POST /admin/tokens/*/end person       | yes | 403 | 403 | 403 | 403 | login
List one's own tokens           | GET /profile/tokens                   | yes | yes | yes | yes | yes | login
Create a token of one's own     | POST /profile/tokens                  | yes | yes | yes | yes | yes | login
Add a secret to one's own       | POST /profile/tokens/*/rotate         | yes | yes | yes | yes | yes | login
End its older secret            | POST /profile/tokens/*/end-older      | yes | yes | yes | yes | yes | login
End one's own token             | POST /profile/tokens/*/end            | yes | yes | yes | yes | yes | login
End another's as one's own      | POST /profile/tokens/*/end another    | 404 | 404 | 404 | 404 | 404 | login
# partners
List partners' accounts         | GET /partners                         | yes | 403 | 403 | 403 | 403 | login
Form of a new account           | GET /partners/new                     | yes | 403 | 403 | 403 | 403 | login
Create an account               | POST /partners/new                    | yes | 403 | 403 | 403 | 403 | login
Look at an account              | GET /partners/accounts/*              | yes | 403 | 403 | 403 | 403 | login
Set an account's switches       | POST /partners/accounts/*/switches    | yes | 403 | 403 | 403 | 403 | login
Add a secret                    | POST /partners/accounts/*/add-secret  | yes | 403 | 403 | 403 | 403 | login
End a secret                    | POST /partners/accounts/*/end-secret  | yes | 403 | 403 | 403 | 403 | login
Disable an account              | POST /partners/accounts/*/disable     | yes | 403 | 403 | 403 | 403 | login
Enable an account               | POST /partners/accounts/*/enable      | yes | 403 | 403 | 403 | 403 | login
# oneself
One's profile                   | GET /profile                          | yes | yes | yes | yes | yes | login
Set one's time zone             | POST /profile/time-zone               | yes | yes | yes | yes | yes | login
Set one's password              | POST /profile/password                | yes | yes | yes | yes | yes | login
Choose how pages are updated    | POST /profile/updates                 | yes | yes | yes | yes | yes | login
Set one's theme                 | POST /profile/theme                   | yes | yes | yes | yes | yes | login
Look at the keys                | GET /shortcuts                        | yes | yes | yes | yes | yes | login
Turn shortcuts on or off        | POST /shortcuts                       | yes | yes | yes | yes | yes | login
Set one's mail address          | POST /profile/mail                    | yes | yes | yes | yes | yes | login
Choose which mails one gets     | POST /profile/mails                   | yes | yes | yes | yes | yes | login
End one of one's logins         | POST /profile/end-login               | yes | yes | yes | yes | yes | login
End one's other logins          | POST /profile/end-other-logins        | yes | yes | yes | yes | yes | login
One's second factor             | GET /profile/second-factor            | yes | yes | yes | yes | yes | login
Start to set it up              | POST /profile/second-factor/begin     | yes | yes | yes | yes | yes | login
Confirm it                      | POST /profile/second-factor/confirm   | yes | yes | yes | yes | yes | login
Create new recovery codes       | POST /profile/second-factor/codes     | yes | yes | yes | yes | yes | login
Turn it off                     | POST /profile/second-factor/off       | yes | yes | yes | yes | yes | login
One's sign-on                   | GET /profile/sign-on                  | yes | yes | yes | yes | yes | login
Ask to link it                  | POST /profile/sign-on/link            | yes | yes | yes | yes | yes | login
Unlink it                       | POST /profile/sign-on/unlink          | yes | yes | yes | yes | yes | login
One's passkeys                  | GET /profile/passkeys                 | yes | yes | yes | yes | yes | login
Begin to add one                | POST /profile/passkeys/options        | yes | yes | yes | yes | yes | login
Add it                          | POST /profile/passkeys                | yes | yes | yes | yes | yes | login
Begin to confirm by one         | POST /profile/passkeys/confirm        | yes | yes | yes | yes | yes | login
New recovery codes by one       | POST /profile/passkeys/codes          | yes | yes | yes | yes | yes | login
Look at one's passkey           | GET /profile/passkeys/*               | yes | yes | yes | yes | yes | login
Look at another's               | GET /profile/passkeys/* another       | 404 | 404 | 404 | 404 | 404 | login
Rename one's passkey            | POST /profile/passkeys/*/rename       | yes | yes | yes | yes | yes | login
Rename another's                | POST /profile/passkeys/*/rename another | 404 | 404 | 404 | 404 | 404 | login
Remove one's passkey            | POST /profile/passkeys/*/remove       | yes | yes | yes | yes | yes | login
Remove another's                | POST /profile/passkeys/*/remove another | 404 | 404 | 404 | 404 | 404 | login
Remove one's by a passkey       | POST /profile/passkeys/*/remove-by-passkey | yes | yes | yes | yes | yes | login
Remove another's by a passkey   | POST /profile/passkeys/*/remove-by-passkey another | 404 | 404 | 404 | 404 | 404 | login
The manual, for one's own role  | GET /manual                           | yes | yes | yes | yes | yes | login
The manual for everybody        | GET /manual/reader                    | yes | yes | yes | yes | yes | login
The manual for operators        | GET /manual/operator                  | yes | yes | yes | yes | yes | login
The manual for sites            | GET /manual/site                      | yes | yes | yes | yes | yes | login
The manual for administrators   | GET /manual/administrator             | yes | yes | yes | yes | yes | login
# open to everybody, or to everybody who is logged in
Read the guide                  | GET /guide                            | yes | yes | yes | yes | yes | yes
Read the table of fields        | GET /guide/fields                     | yes | yes | yes | yes | yes | yes
Read the fault numbers          | GET /guide/faults                     | yes | yes | yes | yes | yes | yes
Read about the native service   | GET /guide/native                     | yes | yes | yes | yes | yes | yes
Read about REST                 | GET /guide/rest                       | yes | yes | yes | yes | yes | yes
Style sheets and scripts        | GET /static/*                         | yes | yes | yes | yes | yes | yes
Our scripts                     | GET /scripts.js                       | yes | yes | yes | yes | yes | yes
Log out                         | POST /logout                          | yes | yes | yes | yes | yes | yes
Whether the portal is alive     | GET /healthz                          | yes | yes | yes | yes | yes | yes
Whether it can do its work      | GET /readyz                           | yes | yes | yes | yes | yes | yes
Metrics, not switched on        | GET /metrics                          | 404 | 404 | 404 | 404 | 404 | 404
The security contact, not set   | GET /.well-known/security.txt         | 404 | 404 | 404 | 404 | 404 | 404
The login page                  | GET /login                            | yes | yes | yes | yes | yes | yes
Log in                          | POST /login                           | yes | yes | yes | yes | yes | -
Second step without the first   | GET /login/code                       | login | login | login | login | login | login
Second step without the first   | POST /login/code                      | login | login | login | login | login | login
Sign on, the provider away      | GET /login/sign-on                    | 503 | 503 | 503 | 503 | 503 | 503
Come back, not having left      | GET /login/sign-on/done               | 400 | 400 | 400 | 400 | 400 | 400
Log out there, not having here  | GET /logout/sign-on                   | login | login | login | login | login | login
Begin a login by passkey        | POST /login/passkey/options           | yes | yes | yes | yes | yes | yes
A passkey that nobody has       | POST /login/passkey                   | login | login | login | login | login | login
The same behind no password     | POST /login/code/passkey/options      | 401 | 401 | 401 | 401 | 401 | 401
The same behind no password     | POST /login/code/passkey              | login | login | login | login | login | login
Open a one-time link            | GET /reset/*                          | yes | yes | yes | yes | yes | yes
Its form                        | GET /reset                            | yes | yes | yes | yes | yes | yes
Its form without a link         | GET /reset without                    | 404 | 404 | 404 | 404 | 404 | 404
Set a password by it            | POST /reset                           | yes | yes | yes | yes | yes | yes
Set one without a link          | POST /reset without                   | 404 | 404 | 404 | 404 | 404 | 404
""",
)

_PARTNERS: Final = {
    "all": "access all",
    "own": "access own, its own ticket",
    "handed": "access own, handed to it",
    "other": "access own, another's",
    "reads": "access all, read-only",
    "nobody": "wrong login or secret",
}

GGUS: Final = Table(
    "GGUS services",
    "A partner's account over SOAP. Numbers are fault numbers (HTTP 500): 302 is also the answer to"
    " an unknown ticket number, 330 names the missing right, and 623 does not say what is wrong with"
    " the credentials.",
    _PARTNERS,
    """
Create a ticket                 | GGUS TicketCreate                     | yes | yes | yes | yes | 330 | 623
Create a ticket                 | GGUS OpCreate                         | yes | yes | yes | yes | 330 | 623
Create one bound to a ticket    | GGUS OpCreateChild                    | yes | yes | yes | 302 | 330 | 623
Change a ticket                 | GGUS TicketModify                     | yes | yes | yes | 302 | 330 | 623
Move a ticket                   | GGUS TicketModify move                | yes | yes | yes | 302 | 330 | 623
Comment                         | GGUS TicketModify comment             | yes | yes | yes | 302 | 330 | 623
Comment internally              | GGUS TicketModify internal            | yes | yes | yes | 302 | 330 | 623
Change a ticket                 | GGUS OpModify                         | yes | yes | yes | 302 | 330 | 623
Read a ticket                   | GGUS TicketGet                        | yes | yes | yes | 302 | yes | 623
Read another's internal entries | GGUS TicketGet internal               | yes | no  | no  | 302 | no  | 623
Read a ticket                   | GGUS OpGet                            | yes | yes | yes | 302 | yes | 623
Find a ticket                   | GGUS TicketGetList                    | yes | yes | yes | 302 | yes | 623
Find a ticket                   | GGUS OpGetList                        | yes | yes | yes | 302 | yes | 623
Read a ticket's history         | GGUS_HISTORY OpGetTicketHist          | yes | yes | yes | 302 | yes | 623
Attach a file                   | GGUS_ATTACH AddAttachment             | yes | yes | yes | 302 | 330 | 623
List attachments                | GGUS_ATTACH GetAttachIDs              | yes | yes | yes | 302 | yes | 623
Get all attachments             | GGUS_ATTACH GetAttachments            | yes | yes | yes | 302 | yes | 623
Get an attachment               | GGUS_ATTACH GetOneAttachment          | yes | yes | yes | 302 | yes | 623
""",
)

NATIVE: Final = Table(
    "Native service",
    "A partner's account over SOAP, as above. An account can accept or refuse changes only for"
    " sites that an administrator assigned to it.",
    _PARTNERS,
    """
Create a ticket                 | LHCOPN CreateTicket                   | yes | yes | yes | yes | 330 | 623
Create a ticket from NTTDM      | LHCOPN CreateTicketNttdm              | yes | yes | yes | yes | 330 | 623
Read a ticket as NTTDM          | LHCOPN GetTicketNttdm                 | yes | yes | yes | 302 | yes | 623
Change a ticket                 | LHCOPN UpdateTicket                   | yes | yes | yes | 302 | 330 | 623
Comment                         | LHCOPN CommentTicket                  | yes | yes | yes | 302 | 330 | 623
Comment internally              | LHCOPN CommentTicket internal         | yes | yes | yes | 302 | 330 | 623
Read a ticket                   | LHCOPN GetTicket                      | yes | yes | yes | 302 | yes | 623
Read another's internal entries | LHCOPN GetHistory internal            | yes | no  | no  | 302 | no  | 623
Read a ticket's history         | LHCOPN GetHistory                     | yes | yes | yes | 302 | yes | 623
Find a ticket                   | LHCOPN FindTickets                    | yes | yes | yes | no  | yes | 623
Read changes since a cursor     | LHCOPN ListChanges                    | yes | yes | yes | no  | yes | 623
Attach a file                   | LHCOPN AddAttachment                  | yes | yes | yes | 302 | 330 | 623
Get an attachment               | LHCOPN GetAttachment                  | yes | yes | yes | 302 | yes | 623
Relate two tickets              | LHCOPN RelateTickets                  | yes | yes | yes | 302 | 330 | 623
Remove a relation               | LHCOPN UnrelateTickets                | yes | yes | yes | 302 | 330 | 623
Answer for a site of its own    | LHCOPN AcknowledgeChange              | yes | yes | yes | 302 | 330 | 623
Answer for another site         | LHCOPN AcknowledgeChange another      | 330 | 330 | 330 | 302 | 330 | 623
List sites                      | LHCOPN ListSites                      | yes | yes | yes | yes | yes | 623
List links                      | LHCOPN ListLinks                      | yes | yes | yes | yes | yes | 623
Report events                   | LHCOPN ReportEvents                   | yes | yes | yes | yes | 330 | 623
Get the account and its rights  | LHCOPN GetAccount                     | yes | yes | yes | yes | yes | 623
""",
)

API: Final = Table(
    "REST",
    "A program with a token, by the scopes of the token. The token of a system may do what its"
    " scopes name; the token of a partner's account or of a person may do at most what that account"
    " may do. Errors are problem details with this status; 401 is the answer to unknown, expired and"
    " revoked tokens and to tokens of disabled accounts.",
    {
        "read": "system: read",
        "registry": "system: registry",
        "tickets": "system: tickets",
        "events": "system: events",
        "reports": "system: reports",
        "person": "a reader's own: read",
        "reader": "a reader's own: tickets",
        "operator": "an operator's own: tickets",
        "partner": "a partner's, own tickets: read, tickets",
        "admin": "an admin's own: every scope",
        "nobody": "no active token",
    },
    """
                         | GET /api/v1/tickets                          | yes | 403 | yes | 403 | 403 | yes | yes | yes | yes | yes | 401
                         | GET /api/v1/tickets/*                        | yes | 403 | yes | 403 | 403 | yes | yes | yes | 404 | yes | 401
internal entries         | GET /api/v1/tickets/* internal               | no  | 403 | no  | 403 | 403 | no  | no  | yes | 404 | yes | 401
the submitter's email    | GET /api/v1/tickets/* mail                   | no  | 403 | no  | 403 | 403 | no  | no  | yes | 404 | yes | 401
                         | GET /api/v1/tickets/*/history                | yes | 403 | yes | 403 | 403 | yes | yes | yes | 404 | yes | 401
                         | GET /api/v1/changes                          | yes | 403 | yes | 403 | 403 | yes | yes | yes | yes | yes | 401
                         | POST /api/v1/tickets                         | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | yes | yes | 401
                         | PATCH /api/v1/tickets/*                      | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/comments              | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
an internal one          | POST /api/v1/tickets/*/comments internal     | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/moves                 | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/take                  | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/relations             | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | DELETE /api/v1/tickets/*/relations/*/*       | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/acknowledgements      | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/attachments           | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | GET /api/v1/attachments/*                    | yes | 403 | yes | 403 | 403 | yes | yes | yes | 404 | yes | 401
another person's         | DELETE /api/v1/attachments/*                 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/merge                 | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | POST /api/v1/tickets/*/partners              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/tickets/*/reviewed              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/tickets/*/undo-move             | 403 | 403 | 409 | 403 | 403 | 403 | 403 | yes | 404 | yes | 401
                         | PUT /api/v1/tickets/*/watch                  | 403 | 403 | 403 | 403 | 403 | 403 | yes | yes | 404 | yes | 401
                         | DELETE /api/v1/tickets/*/watch               | 403 | 403 | 403 | 403 | 403 | 403 | yes | yes | 404 | yes | 401
                         | PUT /api/v1/tickets/*/reminder               | 403 | 403 | 403 | 403 | 403 | 403 | yes | yes | 404 | yes | 401
                         | DELETE /api/v1/tickets/*/reminder            | 403 | 403 | 403 | 403 | 403 | 403 | yes | yes | 404 | yes | 401
                         | GET /api/v1/tickets/*/nttdm                  | yes | 403 | yes | 403 | 403 | yes | yes | yes | 404 | yes | 401
                         | POST /api/v1/tickets/nttdm                   | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | yes | yes | 401
                         | GET /api/v1/account                          | yes | yes | yes | yes | yes | yes | yes | yes | yes | yes | 401
                         | GET /api/v1/sites                            | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/sites/*                          | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
contacts                 | GET /api/v1/sites/* contacts                 | no  | yes | 403 | 403 | 403 | yes | 403 | 403 | no  | yes | 401
an unknown one           | GET /api/v1/sites/* unknown                  | 404 | 404 | 403 | 403 | 403 | 404 | 403 | 403 | 404 | 404 | 401
                         | GET /api/v1/links                            | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/links/*                          | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
an unknown one           | GET /api/v1/links/* unknown                  | 404 | 404 | 403 | 403 | 403 | 404 | 403 | 403 | 404 | 404 | 401
                         | GET /api/v1/pick/links                       | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/pick/sites                       | yes | yes | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/webhooks                         | 403 | 403 | yes | 403 | 403 | 403 | yes | yes | yes | yes | 401
an operator's            | GET /api/v1/webhooks/*                       | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
an operator's            | DELETE /api/v1/webhooks/*                    | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
an operator's            | POST /api/v1/webhooks/*/off                  | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
an operator's            | POST /api/v1/webhooks/*/test                 | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
an operator's            | GET /api/v1/webhooks/*/messages              | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
an operator's            | POST /api/v1/webhooks/*/messages/*/again     | 403 | 403 | 404 | 403 | 403 | 403 | 404 | yes | 404 | 403 | 401
                         | POST /api/v1/sites                           | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/sites/*                        | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/links                           | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/links/*                        | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/unresolved-names                 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/unresolved-names/decisions       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/unresolved-names/decisions      | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/units                           | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/exchange/pairs/*                 | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 404 | yes | 401
                         | GET /api/v1/exchange/connections             | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | GET /api/v1/exchange/connections/*           | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | GET /api/v1/exchange/failures                | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/exchange/failures/*/retry       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/exchange/connections/*/retry    | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/exchange/connections/*/compare  | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/exchange/entries/*/choose       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | POST /api/v1/exchange/entries/*/skip         | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/exchange/entries/*/replay       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/exchange/connections/*/pause    | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/exchange/connections/*/resume   | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/events                           | yes | 403 | 403 | yes | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/events/*                         | yes | 403 | 403 | yes | 403 | yes | 403 | 403 | yes | yes | 401
                         | PATCH /api/v1/events/*                       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events/*/withdraw               | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events/*/restore                | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/detected-events                  | yes | 403 | 403 | yes | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/events/*/matching                | yes | 403 | 403 | yes | 403 | yes | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events/*/decisions              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | DELETE /api/v1/events/*/decisions/*          | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events                          | 403 | 403 | 403 | yes | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events/FORMAT                   | 403 | 403 | 403 | yes | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/events/FORMAT/*                 | 403 | 403 | 403 | yes | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/notices                         | 403 | 403 | yes | 403 | 403 | 403 | 403 | yes | 403 | yes | 401
                         | GET /api/v1/notices                          | yes | 403 | yes | 403 | 403 | yes | yes | yes | 403 | yes | 401
                         | GET /api/v1/notices/*                        | yes | 403 | yes | 403 | 403 | yes | yes | yes | 403 | yes | 401
                         | GET /api/v1/reports                          | yes | 403 | 403 | 403 | yes | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/reports/*                        | yes | 403 | 403 | 403 | yes | yes | 403 | 403 | 404 | yes | 401
a draft                  | GET /api/v1/reports/* draft                  | 404 | 403 | 403 | 403 | 404 | 404 | 403 | 403 | 404 | 404 | 401
                         | GET /api/v1/report-forms                     | yes | 403 | 403 | 403 | yes | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/reports/*/*/draft                | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/reports/*/*/draft              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/reports/*/*/submit              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/reports/*/*/accept              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/reports/*/*/reopen              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/reports/*/*/comments             | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/reports/*/*/comments            | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/reports/*/*/attachments         | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
a signed one             | GET /api/v1/reports/*/*/attachments/*        | yes | 403 | 403 | 403 | yes | yes | 403 | 403 | 404 | yes | 401
                         | DELETE /api/v1/reports/*/*/attachments/*     | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/duties                           | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/duty-rules                       | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/statistics/tickets               | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/statistics/times                 | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/statistics/matching              | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/statistics/what-if               | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/calendar                         | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/lhc-periods                      | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | GET /api/v1/lhc-periods/*                    | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
                         | POST /api/v1/lhc-periods                     | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/lhc-periods/*                  | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | DELETE /api/v1/lhc-periods/*                 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/people                           | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people                          | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/people/*                         | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/people/*                       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people/*/links                  | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people/*/end-logins             | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people/*/take-off-second-factor | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people/*/disable                | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/people/*/enable                 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/partners                         | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/partners/*                       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/accounts                        | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/accounts/*                       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | PATCH /api/v1/accounts/*                     | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/accounts/*/secrets              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | DELETE /api/v1/accounts/*/secrets/*          | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/accounts/*/disable              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | POST /api/v1/accounts/*/enable               | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/audit/changes                    | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/audit/refusals                   | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/audit/failed-logins              | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/teleconferences                  | 403 | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/teleconferences/*                | 403 | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/packs                            | 403 | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
                         | GET /api/v1/packs/*                          | 403 | 403 | 403 | 403 | 403 | yes | 403 | 403 | 403 | yes | 401
not created yet          | GET /api/v1/packs/*/files/*                  | 403 | 403 | 403 | 403 | 403 | 404 | 403 | 403 | 403 | 404 | 401
                         | GET /api/v1/filters                          | 403 | 403 | 403 | 403 | 403 | yes | yes | yes | 403 | yes | 401
Get the OpenAPI document | GET /api/v1/openapi.json                     | yes | yes | yes | yes | yes | yes | yes | yes | yes | yes | yes
                         | GET /api/v1/statistics/availability          | yes | 403 | 403 | 403 | 403 | yes | 403 | 403 | yes | yes | 401
""",
    _published_summaries(),
)

TABLES: Final = (PORTAL, GGUS, NATIVE, API)
