# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages and files of the event source say is what the code does; tests/events runs them."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.navercloud.nsml.extensions.eda.plugins.event_source import nodes as plugin
from ansible_collections.navercloud.nsml.plugins.plugin_utils import _event_source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.events import event_of, host_names
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import changes
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownRuns, Reading, Watch, compare
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES, commands
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, REPOSITORY, blocks

OWN: Mapping[str, Any] = yaml.safe_load(plugin.DOCUMENTATION)["options"]
PAGE = (PAGES / "events.rst").read_text()


def rows(section: str) -> list[list[str]]:
    """Return the cells of the table of a section, a row each, less the titles of the columns."""
    (table,) = re.findall(rf"^{section}\n-+\n.*?:header-rows: 1\n\n(.*?)(?:\n\n\S|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    listed = re.split(r"^ +\* - ", table, flags=re.MULTILINE)[2:]
    return [[" ".join(cell.split()) for cell in re.split(r"\n +- ", row)] for row in listed]


def test_the_page_has_the_arguments_of_the_documentation() -> None:
    for name, kind, meaning in rows("Arguments"):
        option = OWN[name.strip("`")]
        default = str(option.get("default", "")).lower()
        assert kind == ", ".join(filter(None, [option["type"], default]))
        described = option["description"]
        assert meaning == (" ".join(described) if isinstance(described, list) else described)
    assert [name.strip("`") for name, *_others in rows("Arguments")] == list(OWN)
    (shared,) = re.findall(r"shows: (.*?)\. It has three more", PAGE, re.DOTALL)
    assert re.findall(r"\w+(?=``)", shared) == list(_event_source.SHARED)


def test_unknown_argument_leads_to_the_page_and_its_section() -> None:
    with pytest.raises(ConfigurationError, match=r"^Unknown argument 'projct'\. Did you mean 'project'\? .* https://") as raised:
        _event_source.read_arguments({"projct": "bert"}, OWN)
    page, _hash, section = str(raised.value).rpartition("/blob/main/")[2].partition("#")
    assert REPOSITORY / page == PAGES / "events.rst"
    assert f"\n{section.capitalize()}\n---" in PAGE


def test_the_page_has_every_change() -> None:
    of_runs = [changes.RUN_READY, changes.RUN_ENDED]
    of_nodes = [changes.GONE, changes.EXITED, changes.READY, changes.UNREADY, changes.CHANGED]
    assert [name for name, _when in rows("Events of a node")] == [f"``{change}``" for change in of_nodes]
    assert [name for name, _when in rows("Events of a run")] == [f"``{change}``" for change in of_runs]


def test_the_events_of_the_page_are_those_that_are_put() -> None:
    pending: dict[str, Any] = {"nodeId": "n", "projectName": "bert", "rank": 0, "state": "NODE_STATE_PENDING"}
    running = pending | {"state": "NODE_STATE_RUNNING", "host": "198.51.100.7", "sshPort": 15001}
    others = [running | {"nodeId": str(rank), "rank": rank, "sshPort": 15001 + rank} for rank in (1, 2, 3)]
    ended = [running | {"nodeId": f"n{rank}", "rank": rank, "state": "NODE_STATE_DONE", "exitCode": 0} for rank in range(2)]

    def read(status: str, *listed: Mapping[str, Any]) -> Reading:
        return Reading([RunRows(Run("abc123ygz0iujnxyz", "2", "bert", status), listed)])

    def events(*readings: Reading) -> list[dict[str, Any]]:
        known: KnownRuns | None = None
        for reading in readings:
            known, found = compare(known, reading, Watch(), host_names)
        return [event_of(change) for change in found]

    of_node, of_run = (yaml.safe_load(block.text) for block in blocks("events") if block.section.startswith("Events of"))
    (event,) = events(read("RUN_STATE_IN_PROGRESS", pending, *others), read("RUN_STATE_IN_PROGRESS", running, *others))
    for name in ("node", "before"):
        assert of_node["nsml"].pop(name).items() <= event["nsml"].pop(name).items()
    assert of_node == event
    *_nodes, event = events(
        read("RUN_STATE_IN_PROGRESS", *(row | {"state": "NODE_STATE_RUNNING"} for row in ended)),
        read("RUN_STATE_COMPLETED", *ended),
    )
    assert of_run == event


RULEBOOKS = [
    EXAMPLES / "event_driven" / "provision.rulebook.yml",
    REPOSITORY / "extensions" / "eda" / "rulebooks" / "provision.yml",
]


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.name)
def test_the_rulebooks_know_each_change_that_matters(path: Path) -> None:
    (ruleset,) = yaml.safe_load(path.read_text())
    assert ruleset["execution_strategy"] == "parallel"
    ((_name, arguments),) = ruleset["sources"][0].items()
    assert "state_file" not in arguments
    named = set(re.findall(r'event\.nsml\.change == "(\w+)"', " ".join(rule["condition"] for rule in ruleset["rules"])))
    assert named == {changes.READY, changes.RUN_READY, changes.EXITED, changes.RUN_ENDED}


def test_the_inventory_of_the_example_lists_nodes_as_they_are_by_their_default_names() -> None:
    inventory = yaml.safe_load((EXAMPLES / "event_driven" / "inventory" / "newest.nsml.yml").read_text())
    assert inventory == {"plugin": "navercloud.nsml.nodes", "project": "bert", "run": "latest"}


def test_the_unit_runs_the_command_of_the_example_for_good() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    text = (EXAMPLES / "event_driven" / "nsml-events.service").read_text()
    unit.read_string(text)
    ((program, *arguments),) = commands("event_driven")
    assert unit["Service"]["ExecStart"].split() == [f"/opt/ansible/bin/{program}", *arguments]
    assert unit["Service"]["Restart"] == "on-failure"
    assert "Environment=PATH=/opt/ansible/bin:" in text
    assert "Environment=JAVA_HOME=/" in text


def test_the_decision_environment_is_built_by_the_command_of_the_page(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("events") if block.section == "Use the EDA controller"]
    install, copy, build = block.commands
    assert build == "ansible-builder build --file decision-environment.yml --tag nsml-de"
    workplace = Workplace(tmp_path)
    workplace.run(*(part.replace("/path/to/the/clone", str(REPOSITORY)) for part in install.split()))
    workplace.run(*copy.split())
    workplace.run("ansible-builder", "create", "--file", "decision-environment.yml", "--output-filename", "Containerfile")
    context = tmp_path / "context"
    assert "ansible-galaxy collection install" in (context / "Containerfile").read_text()
    needed = "\n".join(path.read_text() for path in (context / "_build").rglob("*.txt"))
    assert "ansible-rulebook" in needed
    assert "java-21-openjdk-headless [platform:rpm]" in needed


def test_the_decision_environment_has_the_core_of_the_execution_environment() -> None:
    ours, theirs = (yaml.safe_load((REPOSITORY / f"{kind}-environment.yml").read_text()) for kind in ("decision", "execution"))
    assert ours["images"] == theirs["images"]
    assert theirs["dependencies"].items() <= ours["dependencies"].items()
