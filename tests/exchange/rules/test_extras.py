"""Fields that a partner added to its tickets: what fills them, and which a profile may name."""

from __future__ import annotations

import json

import pytest

from app.core.rules.errors import Invalid
from app.exchange.adapters.zammad.ggus import GGUS_PROFILE
from app.exchange.rules.extras import Facts, filled
from app.exchange.rules.profiles import profile_of


def test_fields_of_ggus_are_filled_with_what_the_ticket_says() -> None:
    facts = Facts(("CERN-PROD", "FZK-LCG2"), " ATLAS ", "incident")
    assert filled(GGUS_PROFILE.extras, facts) == {
        "wlcg_sites": "CERN-PROD, FZK-LCG2",
        "vo_support": "atlas",
        "type": "Incident",
        "area": "Other",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert filled(GGUS_PROFILE.extras, Facts(category="maintenance")) == {
        "type": "Service request",
        "area": "Other",
    }


@pytest.mark.parametrize(
    "extras",
    [
        {"group": "Ours"},
        {"Wlcg Sites": "{sites}"},
        {"article": "x"},
        {"area": ""},
        {"area": "{password}"},
        {"area": 7},
        {"area": ["x"]},
        {"area": "a\x00b"},
        {f"field_{number}": "x" for number in range(21)},
        ["area"],
    ],
)
def test_a_profile_names_no_other_field(extras: object) -> None:
    with pytest.raises(Invalid):
        profile_of(json.dumps({"extras": extras}))
