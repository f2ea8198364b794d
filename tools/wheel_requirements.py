"""For hatchling: the wheel requires what ``requirements.txt`` pins, each package in its version."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class PinnedRequirements(MetadataHookInterface):  # type: ignore[misc]  # it has no types here
    """Hatchling finds this class by the file's name in ``pyproject.toml``."""

    def update(self, metadata: MutableMapping[str, Any]) -> None:
        """Fill in the dependencies. A wheel has no place for their hashes, which therefore are in
        the release as a file of their own."""
        text = (Path(self.root) / "requirements.txt").read_text("utf-8")
        metadata["dependencies"] = [
            line.removesuffix("\\").strip()
            for line in text.splitlines()
            if line and not line.startswith(("#", " "))
        ]
