"""``deploy/containers``: what an image has, how its containers are confined, and what its page
says. ``make prove-containers`` starts them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

import pytest

from app.core.folders import PROJECT
from app.core.settings import NAMES
from bench.prove_containers import SCENARIOS, Scenario

FOLDER = PROJECT / "deploy" / "containers"
PAGE = (FOLDER / "README.md").read_text()
NOT_THE_PORTAL = {"postgresql", "nginx"}


def _services(name: str) -> Mapping[str, str]:
    """The services of a compose file, as text."""
    text = (FOLDER / name).read_text()
    (block,) = re.findall(r"^services:\n((?:(?:  .*)?\n)*)", text, re.MULTILINE)
    parts = re.split(r"^  (\w+):\n", block, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_image_has_what_a_wheel_has() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "nothing else, such as a secret or a database"
    assert {f"!{path}" for path in wheel["only-include"]} <= set(lines)
    assert set(wheel["exclude"]) <= set(lines)


def test_each_container_of_the_portal_is_confined() -> None:
    (common,) = _services("common.yaml").values()
    for line in (
        "read_only: true",
        'cap_drop: ["ALL"]',
        'security_opt: ["no-new-privileges"]',
        'tmpfs: ["/tmp"]',
    ):
        assert f"    {line}\n" in common
    scenario = SCENARIOS["two"]
    found: dict[str, str] = {}
    for file in scenario.files:
        for service, text in _services(file).items():
            found[service] = found.get(service, "") + text
    assert found.keys() == {*scenario.web, *scenario.workers, *NOT_THE_PORTAL}
    for service in found.keys() - NOT_THE_PORTAL:
        assert "    extends: {file: common.yaml, service: portal}\n" in found[service], service
        for word in ("read_only", "cap_", "security_opt", "tmpfs", "user:", "privileged"):
            assert word not in found[service], service


def test_settings_are_the_portals() -> None:
    text = "".join((FOLDER / name).read_text() for name in SCENARIOS["two"].files)
    text += (FOLDER / "common.yaml").read_text()
    of_database = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"}
    names = set(re.findall(r"^ +([A-Z_]+):", text, re.MULTILINE)) - of_database
    assert names == {"DATABASE_URL", "HOST", "PORT", "SECRET_KEY_FILE", "WORKER"}
    assert names <= set(NAMES)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_page_names_files_and_services(scenario: Scenario) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| {scenario.title} |"))
    assert f"`{':'.join(scenario.files)}`" in row
    services = {service for file in scenario.files for service in _services(file)}
    named = re.findall(r"`(\w+)`", row.split("|")[3])
    assert set(named) == services
    portals = set(named) - NOT_THE_PORTAL
    assert portals == {*scenario.web, *scenario.workers}
    stops = [set(words.split()) for words in re.findall(r"`((?:portal|web2|worker2?| )+)`", PAGE)]
    stops += [set(words.split()) for words in re.findall(r"^docker compose stop (.*)$", PAGE, re.M)]
    assert portals in stops, "the page says which containers to stop before a restore"


def test_no_volume_has_the_beginning_of_anothers_name() -> None:
    """podman-compose asks for a volume by its name, podman also finds one that only begins so: the
    volume is then created without labels, and `down -v` does not remove it."""
    names = [
        name
        for file in SCENARIOS["two"].files
        for block in re.findall(r"^volumes:\n((?:  .*\n)+)", (FOLDER / file).read_text(), re.M)
        for name in re.findall(r"^  (\w+):", block, re.MULTILINE)
    ]
    assert len(names) == 2
    assert not any(other != name and other.startswith(name) for name in names for other in names)
