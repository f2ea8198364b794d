"""Loaded by the process from which others are forked: they take the run's compiled templates."""

from __future__ import annotations

from tests.harness import templates

templates.share()
