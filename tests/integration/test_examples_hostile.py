# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each template and each variable of the examples, rendered for nodes with hostile values in every field, and run in a shell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES
from ansible_collections.navercloud.nsml.tests.simulator import Node, Project, Run, Simulator

RAN = "it-ran"
VALUES = [
    f"1; touch {RAN} #",
    f"$(touch {RAN})",
    f"`touch {RAN}`",
    f"'; touch {RAN}; '",
    f'"; touch {RAN}; "',
    f"x\ntouch {RAN}\n",
    f"x\n  ProxyCommand touch {RAN}\n",
    f"-oProxyCommand=touch {RAN}",
    f"{{{{ lookup('ansible.builtin.pipe', 'touch {RAN}') }}}}",
]
FIELDS = ["state", "resourceType", "containerImage", "exitCode", "tcpPorts", "command", "createTime", "updateTime"]
PLACES = ["nodeId", "rank", "host", "sshPort"]

# What is rendered on the controller for each node, in one task.
RENDER = """
- hosts: nsml
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        rendered: >-
          {{ variables | combine({'groups': group_names | join(' ')})
          | combine({'config': lookup('ansible.builtin.template', templates[0])}
          if templates and nsml_rank is not none else {}) }}
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ groups['nsml'] | map('extract', hostvars, 'rendered') | to_json }}"
        dest: "{{ destination }}"
        mode: "0600"
"""


def hostile(value: str, first_rank: int) -> Iterator[Node]:
    """Yield nodes with a value in every field that is not needed to be ready, to have a rank, or for nothing."""
    fields = dict.fromkeys(FIELDS, value)
    yield Node(rank=first_rank, port=15001 + first_rank, extra={**fields, "state": "NODE_STATE_RUNNING"})
    yield Node(rank=first_rank + 1, extra={**fields, "host": value, "sshPort": value})
    yield Node(extra={**fields, **dict.fromkeys(PLACES, value)})


@pytest.mark.parametrize("name", ["provision", "train", "ssh_config", "many_sources", "ci"])
def test_hostile_values_of_the_service_run_nothing_through_an_example(tmp_path: Path, name: str) -> None:
    example, scratch = tmp_path / "example", tmp_path / "scratch"
    shutil.copytree(EXAMPLES / name, example)
    scratch.mkdir()
    (group_vars,) = example.rglob("group_vars/nsml.yml")
    names = list(yaml.safe_load(group_vars.read_text()))
    templates = [str(template) for template in example.rglob("*.j2")]
    assert len(templates) <= 1
    for source in example.rglob("*.nsml.yml"):
        source.write_text(yaml.safe_dump({"plugin": "navercloud.nsml.nodes", "project": PROJECT_ID, "run": 2}))
    plays = yaml.safe_load(RENDER)
    plays[0]["vars"] = {"templates": templates, "variables": {name: f"{{{{ {name} }}}}" for name in names}}
    plays[1]["vars"] = {"destination": str(tmp_path / "rendered.json")}
    (example / "render.yml").write_text(yaml.safe_dump(plays))
    nodes = [node for number, value in enumerate(VALUES) for node in hostile(value, 2 * number)]
    with Simulator([Project("bert", id=PROJECT_ID, runs=[Run("2", nodes=nodes)])]) as simulator:
        place = Workplace(
            example, {**simulator.environment, "HOME": str(tmp_path), "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote")}
        )
        inventory = "inventory" if name == "many_sources" else next(example.glob("*.nsml.yml")).name
        extra = json.dumps({"ssh_directory": str(scratch)})
        place.run("ansible-playbook", "-i", inventory, "render.yml", "-e", extra)

    rendered = json.loads((tmp_path / "rendered.json").read_text())

    assert len(rendered) == len(nodes)
    assert sum("config" in values for values in rendered) == (2 * len(VALUES) if templates else 0)
    for content in {str(content) for values in rendered for content in values.values()}:
        for script in (content, f": {content}"):
            environment = {"PATH": "/usr/bin:/bin"}
            subprocess.run(["sh", "-c", script], cwd=scratch, env=environment, capture_output=True, timeout=60, check=False)
    if name == "ssh_config":
        assert not any("ProxyCommand" in values.get("config", "") for values in rendered)
    assert not list(tmp_path.rglob(RAN))
