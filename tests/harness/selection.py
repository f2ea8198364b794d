"""Which tests run, and in what order: the slow ones only with ``make test-all``, and all shuffled.

Those that try many examples try a quarter of them without the slow ones (``examples``).

The first and the last lines say how to run them in that order again, and how many slow ones were
left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness import examples
from tests.harness.slow import is_slow

_QUICK: Final = "not slow"
_LEFT_OUT: Final = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: waits for `make test-all` (tests/harness/slow.py)")
    config.stash[_LEFT_OUT] = 0
    if config.option.markexpr == _QUICK:
        examples.try_a_quarter()


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One file is done before a second process has begun."""
    named = {name.partition("::")[0] for name in config.args}
    return 0 if len(named) == 1 and Path(*named).is_file() else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = [item for item in items if is_slow(item)]
    for item in slow:
        item.add_marker(pytest.mark.slow)
    if config.option.markexpr != _QUICK:
        return
    if len(slow) == len(items):  # whoever names only slow ones wants them
        config.option.markexpr = ""
    else:
        config.stash[_LEFT_OUT] = len(slow)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker process leaves out the same ones; one that crashed tells nothing."""
    if number := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[_LEFT_OUT] = number


def _order(config: pytest.Config) -> str:
    seed = config.getoption("randomly_seed", None)  # None: pytest was told not to shuffle
    return "in the order of the files" if seed is None else f"in the order of SEED={seed}"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(_order(session.config))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.write_line("")
    terminalreporter.write_line(_order(config))
    if number := config.stash[_LEFT_OUT]:
        terminalreporter.write_line(f"slow tests left out: {number} (make test-all runs them)")
