"""The operation that answers what the asking account may do."""

from __future__ import annotations

from typing import Any

from app.accounts.services.partners import find_account
from app.core.rules.attached_files import SIZE_LIMIT
from soap_service.guard import limit_of
from soap_service.native.answers import Values
from soap_service.native.kinds import (
    NAME,
    PAGE_LIMIT,
    once,
)
from soap_service.native.models import (
    ACCOUNT,
)
from soap_service.native.operations import NativeCall, Operation


def operations(same_calls_per_minute: int) -> tuple[Operation, ...]:
    """The operations; 0 = no limit of the same calls."""

    def get(call: NativeCall, _sent: Any) -> Values:
        actor = call.actor
        return {
            "account": {
                "partner": actor.partner_code,
                "login": actor.account,
                "access": actor.access,
                "readOnly": actor.read_only,
                "internal": actor.internal,
                "contractYear": actor.contract_year,
                "sites": [site.key for site in find_account(call.session, actor.account).sites],
                "limits": {
                    "requestBytes": limit_of(NAME),
                    "attachmentBytes": SIZE_LIMIT,
                    "rows": PAGE_LIMIT,
                    "sameCallsPerMinute": same_calls_per_minute or None,
                },
            }
        }

    return (
        Operation(
            "GetAccount",
            "Returns what the account of the credentials may do.",
            (),
            (once("account", ACCOUNT, "the account"),),
            get,
        ),
    )
