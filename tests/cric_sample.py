"""A small source in CRIC's form that this project wrote: the cast's three sites and made-up ones.

Its faults are those of the real one: NetSites and NetRoutes that disagree, ``lhcopn_active`` where
no T0 or T1 is, a T1 that CRIC calls tier 3, one site as two records, a record of another shape.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONTENT = Path(__file__).with_name("cric_sample.json").read_bytes()
RECORDS = 8
"""Of its nine records one cannot be read."""


def changed(**records: Any) -> bytes:
    """The sample with some records replaced; None leaves one out."""
    source: dict[str, Any] = json.loads(CONTENT)
    for name, record in records.items():
        source[name] = record
    return json.dumps({name: record for name, record in source.items() if record}).encode()


def of(name: str, **fields: Any) -> dict[str, Any]:
    """One record of the sample with other fields."""
    record: dict[str, Any] = json.loads(CONTENT)[name]
    return {**record, **fields}
