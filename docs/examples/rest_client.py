# python rest_client.py create TITLE | change NUMBER FIELD VALUE | follow FILE
import json
import os
import sys
import time
import uuid
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

API = f"{os.environ['PORTAL_URL']}/api/v1"


def ask(method, path, body=None, **headers):
    """The answer and its ETag; what is asked too often, or of a busy portal, is asked again."""
    request = Request(f"{API}{path}", method=method)
    request.add_header("Authorization", f"Bearer {os.environ['PORTAL_TOKEN']}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if method != "GET":  # the same key in each try: it is carried out once
        request.add_header("Idempotency-Key", str(uuid.uuid4()))
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    while True:
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer), answer.headers["ETag"]
        except HTTPError as error:
            if error.code not in (429, 503):
                raise
            time.sleep(int(error.headers["Retry-After"]))


def create(title):
    ticket, _tag = ask("POST", "/tickets", {"title": title})
    print(f"Ticket {ticket['number']} is {ticket['state']}: {ticket['title']}")


def change(number, field, value):
    """Change what was seen; 412 says what is there now if somebody else was faster."""
    _ticket, tag = ask("GET", f"/tickets/{number}")
    changed, _tag = ask("PATCH", f"/tickets/{number}", {field: value}, If_Match=tag)
    print(f"Ticket {number}: {field} is {changed[field]}")


def follow(name):
    """All changes since the last call; the cursor is kept when its changes were dealt with."""
    kept = Path(name)
    cursor, more = kept.read_text() if kept.exists() else "0", True
    while more:
        page, _tag = ask("GET", f"/changes?cursor={cursor}")
        for row in page["items"]:
            names = ", ".join(one["field"] for one in row["fields"])
            print(f"{row['at']} ticket {row['number']} by {row['author']}: {names}")
        cursor, more = str(page["cursor"]), page["more"]
        kept.with_suffix(".new").write_text(cursor)
        kept.with_suffix(".new").replace(kept)


try:
    {"create": create, "change": change, "follow": follow}[sys.argv[1]](*sys.argv[2:])
except HTTPError as error:
    problem = json.load(error)
    wrong = [f"{one['field']}: {one['detail']}" for one in problem.get("errors", ())]
    sys.exit("\n".join([f"{problem['status']} {problem['detail']}", *wrong]))
