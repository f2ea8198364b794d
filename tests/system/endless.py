"""A test that starts all kinds of processes and never ends, for test_interrupted_runs.py."""

from __future__ import annotations

import threading

from playwright.sync_api import Page

from tests.harness import run
from tests.harness.server import LiveServer
from tests.harness.workers import StartWorker


def test_without_end(
    live_server: LiveServer, browser_page: Page, start_worker: StartWorker
) -> None:
    start_worker()
    browser_page.goto(live_server.url)
    (run.folder() / "begun").touch()
    threading.Event().wait()
