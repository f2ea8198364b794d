# python rest_client.py create TITLE | change NUMBER FIELD VALUE | follow FILE
import json
import os
import sys
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

API = f"{os.environ['PORTAL_URL']}/api/v1"
PENDING = Path("pending.json")  # writes without an answer yet
TRIES = 5
PAUSE = float(os.environ.get("PORTAL_PAUSE", "1"))  # seconds before the first retry


def ask(method, path, body=None, **headers):
    """Send a request; return the answer and its ETag. The request is repeated until there is an
    answer, at most five times after errors: a write needs an Idempotency_Key."""
    request = Request(f"{API}{path}", method=method)
    request.add_header("Authorization", f"Bearer {os.environ['PORTAL_TOKEN']}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    failed = 0
    while True:
        pause = PAUSE * 2**failed
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer), answer.headers["ETag"]
        except HTTPError as error:
            if error.code in (429, 503):
                pause = int(error.headers["Retry-After"])
            elif error.code < 500:
                raise
            else:  # for instance of type outcome-unknown
                failed += 1
        except (OSError, HTTPException, ValueError):  # the connection was lost
            failed += 1
        if failed == TRIES:
            sys.exit("No answer. Run the same command again within 7 days: it is carried out once.")
        time.sleep(pause)


def once(method, path, body, **headers):
    """A write that is carried out once. Its key is stored before the request is sent, and kept
    until there is an answer: the same command in a new run sends the same key."""
    command = json.dumps(sys.argv[1:])
    pending = json.loads(PENDING.read_text()) if PENDING.exists() else {}
    headers = pending.setdefault(command, {"Idempotency_Key": str(uuid.uuid4()), **headers})
    store(PENDING, json.dumps(pending))
    try:
        answer, _tag = ask(method, path, body, **headers)
    except HTTPError as error:
        if error.code in (401, 403):  # says nothing about an earlier try
            raise
        answer = error
    del pending[command]
    store(PENDING, json.dumps(pending))
    if isinstance(answer, HTTPError):
        raise answer
    return answer


def store(path, text):
    """Replace a file atomically: after a crash either the old or the new file is left."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def create(title):
    ticket = once("POST", "/tickets", {"title": title})
    print(f"Ticket {ticket['number']} is {ticket['state']}: {ticket['title']}")


def change(number, field, value):
    """Change the version that was read; if somebody else changed it first, the response is 412."""
    _ticket, tag = ask("GET", f"/tickets/{number}")
    changed = once("PATCH", f"/tickets/{number}", {field: value}, If_Match=tag)
    print(f"Ticket {number}: {field} is {changed[field]}")


def follow(name):
    """All changes since the last call; the cursor is stored once its changes are processed."""
    stored = Path(name)
    cursor, more = stored.read_text() if stored.exists() else "0", True
    while more:
        page, _tag = ask("GET", f"/changes?cursor={cursor}")
        for row in page["items"]:
            names = ", ".join(one["field"] for one in row["fields"])
            print(f"{row['at']} ticket {row['number']} by {row['author']}: {names}")
        cursor, more = str(page["cursor"]), page["more"]
        store(stored, cursor)


try:
    {"create": create, "change": change, "follow": follow}[sys.argv[1]](*sys.argv[2:])
except HTTPError as error:
    problem = json.load(error)
    wrong = [f"{one['field']}: {one['detail']}" for one in problem.get("errors", ())]
    sys.exit("\n".join([f"{problem['status']} {problem['detail']}", *wrong]))
