"""The audit may forget a person: a name gives way to a neutral one, an address to "(removed)"

Rows are still never deleted, and nothing else in them can be changed.

Revision: 0070, after: 0069
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from alembic import op

revision = "0070"
down_revision: str | None = "0069"
branch_labels = None
depends_on = None

_FEWER_FAILURES: Final = (
    "NEW.failures <= OLD.failures OR NEW.kind <> OLD.kind OR NEW.account <> OLD.account"
    " OR NEW.minute <> OLD.minute"
)
"""What no update of a count of failed logins may be; from revision 0003."""


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _same(columns: Iterable[str]) -> str:
    equal = "IS" if _is_sqlite() else "IS NOT DISTINCT FROM"
    return " AND ".join(f"NEW.{one} {equal} OLD.{one}" for one in columns)


def _is_neutral(column: str) -> str:
    return f"NEW.{column} LIKE 'former person %'"


def _of_actor(*others: str) -> str:
    """An update that only takes the name and the address from who acted."""
    return (
        f"{_same(others)}"
        f" AND ({_same(['actor_account'])} OR {_is_neutral('actor_account')})"
        f" AND ({_same(['remote'])} OR NEW.remote = '')"
    )


def _forgets() -> dict[str, str]:
    """By table, what an update may do."""
    changes = _of_actor(
        *("id", "kind", "thing_id", "version", "at", "actor_kind", "actor_id", "partner_id"),
        *("claims", "door", "request_digest", "traceparent"),
    )
    texts = {
        one: f"coalesce(NEW.{one}, '') LIKE '%former person %'"
        f" OR coalesce(NEW.{one}, '') LIKE '%(removed)%'"
        for one in ("old", "new")
    }
    return {
        "changes": f"{changes} AND ({_same(['author'])} OR {_is_neutral('author')})"
        f" AND ({_is_neutral('actor_account')} OR {_is_neutral('author')})",
        "changed_fields": f"{_same(['id', 'change_id', 'position', 'field'])}"
        f" AND ({_same(['old'])} OR {texts['old']}) AND ({_same(['new'])} OR {texts['new']})"
        f" AND ({texts['old']} OR {texts['new']})",
        "refusals": _of_actor(*("id", "at", "actor_kind", "actor_id", "door", "what", "reason"))
        + f" AND {_is_neutral('actor_account')}",
    }


def _refuse_updates(table: str, when: str) -> None:
    """Make the trigger again, with that condition."""
    name = f"{table}_no_update"
    if _is_sqlite():
        op.execute(f"DROP TRIGGER {name}")
        op.execute(
            f"CREATE TRIGGER {name} BEFORE update ON {table} {when}"
            f" BEGIN SELECT RAISE(ABORT, 'rows of {table} are only added'); END"
        )
    else:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(
            f"CREATE TRIGGER {name} BEFORE update ON {table}"
            f" FOR EACH ROW {when} EXECUTE FUNCTION refuse_to_change_the_audit()"
        )


def upgrade() -> None:
    """Bring the tables to this revision."""
    for table, allowed in _forgets().items():
        _refuse_updates(table, f"WHEN (NOT ({allowed}))")
    counted = _same(["id", "kind", "minute", "failures"])
    forgets = f"{counted} AND {_is_neutral('account')} AND NEW.remote = ''"
    _refuse_updates("failed_logins", f"WHEN (({_FEWER_FAILURES}) AND NOT ({forgets}))")


def downgrade() -> None:
    """Take it back."""
    for table in _forgets():
        _refuse_updates(table, "")
    _refuse_updates("failed_logins", f"WHEN ({_FEWER_FAILURES})")
