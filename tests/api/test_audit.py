"""The audit over REST: the same rows as on its page, for administrators alone."""

from __future__ import annotations

import pytest

from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import Cast

AUDIT = "/api/v1/audit"


@pytest.fixture
def admin(calling: Calling, cast: Cast) -> Program:
    return calling("admin", of=cast.admin)


def test_changes_are_read_newest_first_and_page_by_page(admin: Program) -> None:
    admin.send("PATCH", "/api/v1/people/pic", {"role": "reader", "why": "Moved on"})
    admin.send("PATCH", "/api/v1/people/kit", {"role": "reader"})
    path = f"{AUDIT}/changes?kind=person&door=api"
    first = as_described(admin.get(f"{path}&limit=1"), "listAudit")
    assert [one["thing"] for one in first["items"]] == ["kit"]
    (second,) = as_described(admin.get(first["next"]), "listAudit")["items"]
    assert (second["thing"], second["kind"], second["reason"]) == ("pic", "person", "Moved on")
    assert (second["account"], second["account_kind"], second["door"]) == ("admin", "person", "api")
    assert {"field": "role", "old": "reporter", "new": "reader"} in second["fields"]
    found = as_described(admin.get(f"{path}&thing=kit&field=site"), "listAudit")["items"]
    assert [one["thing"] for one in found] == ["kit"]
    assert as_described(admin.get(f"{path}&to=2013-03-05"), "listAudit")["items"] == []


def test_refused_rights_and_failed_logins(admin: Program, calling: Calling, cast: Cast) -> None:
    assert calling("admin", of=cast.reader).get("/api/v1/people").status_code == 403
    (row,) = as_described(admin.get(f"{AUDIT}/refusals?who=reader"), "listRefusals")["items"]
    assert (row["what"], row["door"]) == ("GET /api/v1/people", "api")
    client = admin.app.test_client()
    client.get("/login")
    failed = as_described(admin.get(f"{AUDIT}/failed-logins"), "listFailedLogins")
    assert failed["items"] == []
    assert failed["next"] is None


@pytest.mark.parametrize(
    ("path", "operation", "field"),
    [
        ("changes?kind=", "listAudit", "kind"),
        ("changes?from=yesterday", "listAudit", "from"),
        ("changes?after=x", "listAudit", "after"),
        ("changes?door=window", "listAudit", "door"),
        ("refusals?kind=person", "listRefusals", "kind"),
        ("failed-logins?door=api", "listFailedLogins", "door"),
        ("failed-logins?limit=0", "listFailedLogins", "limit"),
    ],
)
def test_bad_filters_are_named(admin: Program, path: str, operation: str, field: str) -> None:
    answer = admin.get(f"{AUDIT}/{path}")
    assert answer.status_code == 400
    told = as_described(answer, operation)
    assert [one["field"] for one in told["errors"]] == [field]
