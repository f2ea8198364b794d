"""What runs in ``make test-all`` only, and why; the table of ``tests/README.md``.

A row names folders, files (``tests/<room>/<file>``) and tests (``<file>::<test>``); ``*`` is
anything. ``python -m tests.harness.slow`` writes the table into the README.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Final

import pytest

README: Final = Path(__file__).parents[1] / "README.md"
_HEAD: Final = "| test | before | `make test` | reason |\n|---|---|---|---|\n"


def covers(pattern: str, name: str) -> bool:
    """Whether a test is the one of this pattern, or in its file or folder."""
    return _compiled(pattern).match(name) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """``fnmatch`` itself keeps 256 of them, which this table may exceed."""
    return re.compile("|".join(translate(pattern + inside) for inside in ("", "::*", "/*")))


@dataclass(frozen=True)
class Slow:
    """Some tests that a change waits for in ``make test-all`` only."""

    tests: tuple[str, ...]
    reason: str
    but: tuple[str, ...] = ()
    """Those among them that stay."""
    on: str = ""
    """Only where they run on this kind of database; empty: on any, and without one."""

    def names(self, name: str) -> bool:
        """Whether a test is among them, by its name without parameters."""
        return any(covers(pattern, name) for pattern in self.tests) and not any(
            covers(pattern, name) for pattern in self.but
        )

    def holds_on(self, kinds: Iterable[object]) -> bool:
        """Whether they are slow with these parameters."""
        return not self.on or self.on in kinds


_BODIES: Final = "what is answered does not depend on the database; the services behind run on both"

SLOW: Final = (
    Slow(
        ("tests/pages", "tests/*/pages"),
        _BODIES,
        but=("tests/tickets/pages/test_tickets.py",),
        on="postgresql",
    ),
    Slow(
        ("tests/pages/test_headers.py::test_every_answer_to_other_roles_does_too",),
        "every address by every method again, for two more roles; admins and nobody stay",
    ),
    Slow(("tests/api",), _BODIES, but=("tests/api/test_events.py",), on="postgresql"),
    Slow(
        ("tests/soap_service",),
        _BODIES,
        but=(
            "tests/soap_service/test_tickets.py",
            "tests/soap_service/test_parallel.py",
            "tests/soap_service/native/test_tickets.py",
        ),
        on="postgresql",
    ),
    Slow(
        ("tests/commands",),
        _BODIES,
        but=("tests/commands/test_registry_commands.py",),
        on="postgresql",
    ),
    Slow(
        ("tests/core/web", "tests/demo", "tests/meetings/tasks", "tests/test_never_fine.py"),
        _BODIES,
        on="postgresql",
    ),
    Slow(
        ("tests/browser",),
        "a server, a browser and its clicks for each file; the main job stays",
        but=("tests/browser/test_main_job.py",),
    ),
    Slow(
        ("tests/browser/test_main_job.py",),
        "what a browser shows does not depend on the database",
        on="postgresql",
    ),
    Slow(
        ("tests/api/test_schemathesis.py",),
        "thousands of requests made from the document of REST, as each role",
    ),
    Slow(
        ("tests/api/test_mirror.py",),
        "10,000 tickets behind a live server, with twenty writers",
    ),
    Slow(("tests/stacks",), "clients of every SOAP stack, compiled or started for each step"),
    Slow(
        ("tests/server/test_make_run.py",),
        "`make run` and commands for real, each a start of the whole portal",
        but=(
            "tests/server/test_make_run.py::test_a_taken_port_is_one_line",
            "tests/server/test_make_run.py::test_a_command_before_the_tables_exist_is_one_line",
            "tests/server/test_make_run.py::test_a_python_that_does_not_fit_is_named",
            "tests/server/test_make_run.py::test_a_dead_name_on_the_path_is_passed_over",
            "tests/server/test_make_run.py"
            "::test_what_a_virtual_environment_lacks_is_installed_or_named",
        ),
    ),
    Slow(
        ("tests/system/test_release.py::test_a_release_starts_where_there_is_no_checkout",),
        "builds a wheel, and installs it with all that it requires",
    ),
    Slow(
        ("tests/server/test_supervisor.py",),
        "processes that die and are started again, a portal for each test",
        but=(
            "tests/server/test_supervisor.py"
            "::test_a_worker_that_dies_is_replaced_and_the_servers_do_not_notice",
        ),
    ),
    Slow(
        (
            "tests/backups/test_backup.py"
            "::test_every_backup_under_load_holds_what_was_acknowledged_before",
            "tests/backups/test_backup.py::test_a_restore_that_is_killed_leaves_the_old_database",
        ),
        "many backups beside writers, many restores that are killed",
    ),
    Slow(
        (
            "tests/backups/test_move.py::test_a_difference_is_found*",
            "tests/backups/test_move.py::test_a_move_that_is_killed*",
            "tests/backups/test_move.py::test_an_answer_that_is_not_right_is_found",
            "tests/backups/test_move.py::test_an_empty_portal_is_moved",
            "tests/backups/test_move.py::test_nobody_changes*",
            "tests/backups/test_move.py::test_people_partners_and_numbers_continue*",
        ),
        "moves that are killed or tried again and again, each with a whole portal",
    ),
    Slow(
        ("tests/exchange/test_chaos.py",),
        "two whole portals, killed for half a minute, and healed",
    ),
    Slow(
        (
            "tests/webhooks/tasks/test_sending.py::test_ten_thousand_that_wait_are_sent_in_their_order",
        ),
        "10,000 messages to a real receiver, one by one",
    ),
    Slow(
        ("tests/exchange/test_kills.py",),
        "the exchange, killed at its points with three kinds of partners: some 300 histories",
    ),
    Slow(
        ("tests/system/test_lost_commits.py",),
        "every door with a database that loses a commit",
    ),
    Slow(
        ("tests/system/test_interrupted_runs.py",),
        "runs of the tests themselves, each with a server, a browser and a database",
    ),
    Slow(
        (
            "tests/matching/services/test_tickets.py"
            "::test_what_follows_is_what_all_of_it_anew_gives",
            "tests/matching/services/test_recompute.py"
            "::test_what_is_kept_is_what_would_be_reckoned_from_nothing",
            "tests/tickets/services/test_concerned_sites.py"
            "::test_rows_follow_whatever_changes_what_a_ticket_concerns",
            "tests/exchange/test_values_at_random.py::test_what_differs_is_asked_or_said",
            "tests/duties/services/test_duties.py"
            "::test_what_follows_step_by_step_is_what_is_reckoned_from_nothing",
            "tests/topology/services/test_states_of_histories.py"
            "::test_the_state_of_links_is_that_of_a_search_through_all_rows",
            "tests/tickets/services/test_lists.py"
            "::test_each_list_is_the_same_in_pages_forwards_and_backwards",
        ),
        "long random histories; the shorter tests beside them run on both",
        on="postgresql",
    ),
    Slow(
        (
            "tests/backups/test_backup.py::test_a_restore_takes_a_first_start_and_asks_before_more",
            "tests/backups/test_backup.py::test_what_somebody_entered_is_not_a_first_start",
            "tests/system/test_migrations.py::test_every_migration_can_be_taken_back",
        ),
        "several restores, and every migration there and back; other such tests run on both",
        on="postgresql",
    ),
    Slow(
        (
            "tests/matching/services/test_recompute.py::test_what_time_alone_changes_is_followed",
            "tests/matching/services/test_recompute.py"
            "::test_what_changed_tickets_touch_is_what_would_be_reckoned_from_nothing",
            "tests/webhooks/tasks/test_bad_messages.py::test_whatever_is_refused",
        ),
        "long random histories; the shorter tests beside them stay",
    ),
    Slow(
        ("tests/exchange/tasks",),
        "what partners are sent and send does not depend on the database; the services behind,"
        " deliveries and savepoints run on both",
        but=(
            "tests/exchange/tasks/test_deliveries.py",
            "tests/exchange/tasks/test_fairness.py",
            "tests/exchange/tasks/test_savepoints.py",
        ),
        on="postgresql",
    ),
    Slow(
        ("tests/webhooks/tasks",),
        "what receivers are sent does not depend on the database; claims and order run on both",
        but=(
            "tests/webhooks/tasks/test_sending.py"
            "::test_messages_about_a_ticket_come_in_their_order_whatever_fails",
            "tests/webhooks/tasks/test_sending.py"
            "::test_whoever_died_in_the_middle_is_followed_by_another",
            "tests/webhooks/tasks/test_sending.py::test_one_that_lost_its_claim_notes_nothing",
        ),
        on="postgresql",
    ),
    Slow(
        (
            "tests/tickets/services/test_concurrency.py",
            "tests/reports/services/test_drafts_at_once.py",
            "tests/reports/services/test_reports_at_once.py::test_forty_people_save_drafts_at_once",
            "tests/statistics/services/test_cache.py"
            "::test_facts_miss_nothing_while_fifty_writers_write",
            "tests/system/test_migrations.py"
            "::test_processes_that_upgrade_at_once_wait_for_each_other",
        ),
        "forty or fifty at once, and processes that upgrade at once; one such race stays",
        but=(
            "tests/tickets/services/test_concurrency.py"
            "::test_fifty_parallel_creations_with_one_origin_id_make_one_ticket",
        ),
    ),
    Slow(
        (
            "tests/core/database/test_commits.py::test_what_was_told_before_a_kill_is_on_disk",
            "tests/events/pages/test_imports.py"
            "::test_a_job_whose_worker_was_killed_begins_anew_and_writes_each_line_once",
            "tests/mail/services/test_personal_reminders.py::test_workers_at_once_remind_once",
            "tests/mail/services/test_personal_reminders.py"
            "::test_a_worker_killed_in_the_middle_loses_and_doubles_none",
            "tests/reports/services/test_reminders_at_once.py",
            "tests/server/test_live_streams.py"
            "::test_a_server_that_is_replaced_ends_its_streams_and_others_take_them",
            "tests/soap_service/test_journal.py::test_a_killed_process_loses_at_most_the_last_calls",
            "tests/webhooks/test_worker.py::test_a_killed_worker_loses_nothing",
            "tests/worker/test_parents.py",
            "tests/worker/test_timed_work.py"
            "::test_two_processes_do_it_once_and_a_killed_one_leaves_it",
        ),
        "processes that are killed or do the same work at once;"
        " those of `tests/worker/test_jobs.py` stay",
    ),
    Slow(
        (
            "tests/commands/test_seed_bulk.py",
            "tests/commands/test_commands.py::test_seeding",
            "tests/demo/test_demo.py::test_every_state_is_shown_whenever_it_is_made",
            "tests/tickets/services/test_file_import.py"
            "::test_an_export_of_the_demo_comes_back_the_same",
            "tests/tickets/services/test_nttdm.py::test_the_demo_comes_back_the_same",
        ),
        "whole demo databases, each seeded for one test",
        but=("tests/commands/test_seed_bulk.py::test_other_peoples_data_is_left_alone",),
    ),
    Slow(
        ("tests/system/test_slow_tests.py",),
        "whole runs of pytest, each with processes of its own",
        but=(
            "tests/system/test_slow_tests.py::test_the_readme_tells_what_is_slow_and_why",
            "tests/system/test_slow_tests.py::test_every_row_names_tests_that_are_there",
        ),
    ),
    Slow(
        ("tests/mail/test_delivery.py::test_each_of_a_thousand_mails_is_delivered_once",),
        "a thousand mails, each with a server that errs",
    ),
    Slow(
        ("tests/meetings/tasks/test_packs.py",),
        "workers that are killed or ended in the middle of a pack, a process for each",
        but=("tests/meetings/tasks/test_packs.py::test_every_number_is_that_of_the_pages",),
    ),
    Slow(
        ("tests/server/test_deploy.py::test_what_the_units_start",),
        "the portal as systemd starts it",
    ),
    Slow(
        ("tests/system/test_bench_registry.py::test_the_portal_goes_on_with_what_was_filled",),
        "fills a database as the measurements do",
    ),
)


def is_slow(item: pytest.Item) -> bool:
    """Whether a test waits for ``make test-all``."""
    given = getattr(item, "callspec", None)
    kinds = [value for value in given.params.values() if isinstance(value, str)] if given else ()
    return any(row.holds_on(kinds) for row in _rows_of(item.nodeid.partition("[")[0]))


@cache
def _rows_of(name: str) -> tuple[Slow, ...]:
    """Those with this test, which may have many parameters."""
    return tuple(row for row in SLOW if row.names(name))


def table() -> str:
    """The table of the README."""
    return _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for row in SLOW:
        before, after = ("SQLite and PostgreSQL", "SQLite") if row.on else ("yes", "no")
        if row.but:
            after += "; as before: " + _named(row.but)
        yield f"| {_named(row.tests)} | {before} | {after} | {row.reason} |\n"


def _named(patterns: Iterable[str]) -> str:
    """In words that lead there: a test of the file named before it goes without the file."""
    said: list[str] = []
    file = ""
    for pattern in patterns:
        place, _, test = pattern.partition("::")
        said.append(f"`{test}`" if test and place == file else f"`{pattern}`")
        file = place
    return ", ".join(said)


def main() -> None:
    """Write the table into the README, in place of the one that is there."""
    text = README.read_text()
    before, head, rest = text.partition(_HEAD)
    assert head, f"{README} has no table of this kind"
    lines = rest.splitlines(keepends=True)
    while lines and lines[0].startswith("|"):
        del lines[0]
    README.write_text(before + table() + "".join(lines))


if __name__ == "__main__":
    main()
