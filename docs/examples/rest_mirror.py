# python rest_mirror.py FOLDER: copies all tickets, a file for each; run it again to update the copy
import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

API = f"{os.environ['PORTAL_URL']}/api/v1/"


def ask(address):
    """The answer; None if there is no such ticket for this account."""
    request = Request(urljoin(API, address))
    request.add_header("Authorization", f"Bearer {os.environ['PORTAL_TOKEN']}")
    while True:
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code == 404:
                return None
            if error.code not in (429, 503):
                raise
            time.sleep(int(error.headers["Retry-After"]))


def store(path, content):
    """Replace a file atomically: after a crash either the old or the new file is left."""
    path.with_suffix(".new").write_text(json.dumps(content))
    path.with_suffix(".new").replace(path)


def copy(folder):
    """The first copy. The cursor comes first: changes made during the copy come after it."""
    cursor, address = ask("changes?cursor=latest")["cursor"], "tickets?expand=all&limit=100"
    while address:
        page = ask(address)
        for row in page["items"]:
            store(folder / f"{row['number']}.json", row["ticket"])
        address = page["next"]
    store(folder / "cursor", cursor)


def update(folder):
    """Read each ticket that changed since the last run; the cursor is stored afterwards."""
    more = True
    while more:
        cursor = json.loads((folder / "cursor").read_text())
        page = ask(f"changes?limit=1000&cursor={cursor}")
        for number in {row["number"] for row in page["items"]}:
            ticket, path = ask(f"tickets/{number}"), folder / f"{number}.json"
            if ticket is None:
                path.unlink(missing_ok=True)
            else:
                store(path, ticket)
        more = page["more"]
        store(folder / "cursor", page["cursor"])


folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
try:
    if not (folder / "cursor").exists():
        copy(folder)
    update(folder)
except HTTPError as error:
    sys.exit(json.load(error)["detail"])
