# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source in the real ansible-rulebook, against a simulated service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.tests.events.engine import Rulebook, rulebook
from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace
from ansible_collections.navercloud.nsml.tests.simulator import (
    NODE_PENDING,
    NODE_RUNNING,
    RUN_COMPLETED,
    Node,
    Project,
    Run,
    Simulator,
)

# Prints one line for each event.
RULES = """\
- name: Print what happens
  hosts: all
  sources:
    - navercloud.nsml.nodes:
        project: {project}
        run: [1, 2]
        interval: 0.2
{arguments}
  rules:
    - name: A node
      condition: event.nsml.node is defined
      action:
        debug:
          msg: "TOLD {{{{ event.nsml.change }}}} {{{{ event.nsml.host }}}}"
    - name: A run
      condition: event.nsml.run is defined
      action:
        debug:
          msg: "TOLD {{{{ event.nsml.change }}}}"
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Project bert has run 2 with three nodes, of which the last is pending, and run 1 without nodes."""
    nodes = [Node(rank=rank, port=15001 + rank) for rank in range(3)]
    nodes[2].state = NODE_PENDING
    with Simulator([Project("bert", PROJECT_ID, [Run("1"), Run("2", nodes=nodes)])]) as simulator:
        yield simulator


def rules(directory: Path, **arguments: Any) -> None:
    text = "".join(f"        {name}: {value}\n" for name, value in arguments.items())
    Workplace(directory).write("rules.yml", RULES.format(project=PROJECT_ID, arguments=text))


def events(engine: Rulebook) -> list[str]:
    """Return the events that were printed, in short."""
    return re.findall(r"TOLD ([\w -]+)", engine.printed)


def test_each_event_is_put_once_over_a_sigterm_a_restart_and_an_outage(tmp_path: Path, simulator: Simulator) -> None:
    """SIGTERM ends the engine during a hanging request, which would take ten minutes."""
    rules(tmp_path, state_file=tmp_path / "state", retries=0, timeout=600, deadline=600)
    nodes = simulator.projects[0].runs[1].nodes
    with rulebook(tmp_path, simulator.environment, "-r", "rules.yml") as engine:
        engine.wait_for("TOLD ready bert-2-1")
        nodes[2].state = NODE_RUNNING
        engine.wait_for("TOLD run_ready")
        simulator.behaviour.latency = 600
        answered = len(simulator.requests)
        while len(simulator.requests) == answered:
            time.sleep(0.05)
        assert engine.terminate() != 0
        assert simulator.requests[-1].status is None
        simulator.behaviour.latency = 0
        assert events(engine) == ["ready bert-2-0", "ready bert-2-1", "ready bert-2-2", "run_ready"]
    nodes[0].state, nodes[0].exit_code = "NODE_STATE_FAILED", 137
    nodes[1].port = 15009
    nodes.append(Node(rank=0, port=15008))
    simulator.credentials = type(simulator.credentials)("other" * 4, "other" * 8, "other" * 8)
    with rulebook(tmp_path, simulator.environment, "-r", "rules.yml") as engine:
        assert engine.ended() == 1
        assert "HTTP 401" in engine.printed
        assert events(engine) == []
    simulator.credentials = type(simulator.credentials)(*(simulator.environment[name] for name in KEYS))
    with rulebook(tmp_path, simulator.environment, "-r", "rules.yml") as engine:
        engine.wait_for("TOLD run_ready")
        simulator.behaviour.cut_body_after, simulator.behaviour.cut_bodies = 5, 3
        engine.wait_for("Reading again in")
        simulator.projects[0].runs[1].status = RUN_COMPLETED
        nodes.clear()
        engine.wait_for("TOLD run_ended")
        engine.terminate()
    # Set, whatever order the engine prints them in.
    assert sorted(events(engine)) == sorted(
        ["ready bert-2-0", "exited bert-2-0-" + FIRST_ID, "changed bert-2-1", "run_ready"]
        + [f"exited bert-2-{rank}" for rank in range(3)]
        + ["run_ended"]
    )


KEYS = ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_NSML_API_KEY")
FIRST_ID = Project("bert", PROJECT_ID, [Run("2", nodes=[Node()])]).runs[0].nodes[0].id


def test_it_works_beside_the_collections_of_the_ansible_package_and_other_sources_and_filters(
    tmp_path: Path, simulator: Simulator
) -> None:
    """That package has an ansible_collections of its own, which knows no other folder."""
    package = tmp_path / "packages" / "ansible_collections"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    rules(tmp_path)
    text = (tmp_path / "rules.yml").read_text()
    sources, title, others = text.partition("  rules:\n")
    more = """\
    - navercloud.nsml.nodes:
        project: bert
        run: 2
        interval: 0.2
      filters:
        - eda.builtin.insert_hosts_to_meta:
            host_path: nsml.host
    - eda.builtin.range:
        limit: 3
        delay: 3
      filters:
        - eda.builtin.noop:
"""
    other = "    - {name: Another, condition: event.i == 2, action: {debug: {msg: TOLD another}}}\n"
    (tmp_path / "rules.yml").write_text(sources + more + title + other + others)
    environment = {**simulator.environment, "PYTHONPATH": str(tmp_path / "packages")}
    with rulebook(tmp_path, environment, "-r", "rules.yml") as engine:
        engine.wait_for("TOLD another")
        engine.wait_for("TOLD ready bert-2-0", 2)


PRINT = """\
- name: Print every field
  hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: All at once
      ansible.builtin.debug:
        msg: "{{ ansible_eda.event }}"
    - name: Each for itself
      ansible.builtin.debug:
        msg: "{{ item.key }} is {{ item.value }}"
      loop: "{{ (ansible_eda.event.nsml.node | default(ansible_eda.event.nsml.run)) | dict2items }}"
    - name: Those that changed
      ansible.builtin.debug:
        msg: "{{ item.key }} was {{ item.value }}"
      loop: "{{ ansible_eda.event.nsml.before | dict2items }}"
    - name: As a variable
      ansible.builtin.debug:
        var: ansible_eda.event.nsml
"""

HOSTILE_RULES = """\
- name: Print every event
  hosts: all
  execution_strategy: parallel
  sources:
    - navercloud.nsml.nodes:
        run: all
        interval: 0.2
      filters: # no name of a host is asked for here: a play runs on the kind of its event
        - eda.builtin.insert_hosts_to_meta:
            host_path: nsml.change
  rules:
    - name: Anything
      condition: event.nsml is defined
      action:
        run_playbook:
          name: play/print.yml
"""


def hostile(marker: Path) -> str:
    """Return a string that creates a file when any of it is a template."""
    command = f"lookup('ansible.builtin.pipe', 'touch {marker}')"
    return f"{{{{ {command} }}}}{{% if {command} %}}{{% endif %}}{{# #}}"


def test_no_string_of_an_event_is_a_template_in_a_play(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    evil = hostile(marker)
    headed = f"#jinja2:variable_start_string:'[['\n[[ lookup('ansible.builtin.pipe', 'touch {marker}') ]]"
    extra = {
        "projectName": evil,
        "runName": evil,
        "updateTime": evil,
        evil: evil,
        "nested": {evil: [evil, {"deep": headed}]},
        "headed": headed,
        "huge": 10**30,
        "half": "\ud800",
        "empty": None,
    }

    def node(rank: int) -> Node:
        return Node(rank=rank, port=15001 + rank, command=evil, resource_type=headed, container_image=evil, extra=dict(extra))

    nodes = [node(0), node(1)]
    nodes[0].state = f"NODE_STATE_{evil}"
    run = Run("2", nodes=nodes, creator=evil, extra={"projectName": evil})
    with Simulator([Project("bert", PROJECT_ID, [run])]) as simulator:
        work = Workplace(tmp_path, simulator.environment)
        work.write("play/print.yml", PRINT)
        work.write("rules.yml", HOSTILE_RULES)
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("ready", lambda: setattr(nodes[0], "state", NODE_RUNNING)),
            ("run_ready", lambda: setattr(nodes[0], "state", f"NODE_STATE_{evil}")),
            ("unready", lambda: setattr(nodes[0], "command", f"{evil} and more")),
            ("changed", lambda: nodes.pop(1)),
            ("gone", lambda: setattr(nodes[0], "exit_code", 1)),
            ("exited", lambda: None),
            ("run_ended", lambda: None),
        ]
        work.write("hosts", "".join(f"{kind}\n" for kind, _step in steps))
        with rulebook(tmp_path, simulator.environment, "-r", "rules.yml", "-i", "hosts") as engine:
            for kind, step in steps:
                engine.wait_for(rf'"change": "{kind}"')
                step()
            printed = engine.wait_for("^PLAY RECAP", len(steps) + 1)  # one more node was ready
        assert re.search(r"failed=[1-9]|ERROR", printed) is None
        assert '"omitted"' in printed
        assert not marker.exists()
