# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other programs read of the inventory: ordinary strings are plain, and what could do harm is marked."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES
from ansible_collections.navercloud.nsml.tests.simulator import Node, Simulator

FILE = f"""\
plugin: navercloud.nsml.nodes
project: {PROJECT_ID}
run: 2
compose:
  ansible_user: "'ubuntu'"
  login: "{{'address': ansible_host, 'name': 'node-' ~ nsml_rank}}"
"""

MARK = "__ansible_unsafe"

# A play that evaluates a variable's value once more, in each way that a task has.
PLAY = """\
- hosts: all
  gather_facts: false
  ignore_errors: true
  tasks:
    - ansible.builtin.debug:
        msg: x
      when: "{{ nsml_command }}"
    - ansible.builtin.assert:
        that: "{{ nsml_command }}"
    - ansible.builtin.command: "true"
      failed_when: "{{ nsml_command }}"
    - ansible.builtin.command: "true"
      changed_when: "{{ nsml_command }}"
    - ansible.builtin.debug:
        var: "{{ nsml_command }}"
"""


def strings_that_execute(marker: Path) -> list[str]:
    """Return strings that create a file where they are evaluated as an expression or a template."""
    call = f"lookup('pipe', 'touch {marker}')"
    return [
        f"{call} == ''",
        f"not {call}",
        "{{ " + call + " }}",
        "{% if " + call + " %}{% endif %}",
        f"query('pipe', 'touch {marker}') | length > 0",
        f"#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ {call} ]]",
    ]


@pytest.mark.parametrize("form", [["--list"], ["--list", "--yaml"], ["--list", "--toml"], ["--host", "bert-2-0"]])
def test_strings_of_ordinary_nodes_are_plain_in_every_form(tmp_path: Path, form: list[str]) -> None:
    with Simulator(bert(ranks(2))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", FILE)
        printed = workplace.run("ansible-inventory", "-i", "test.nsml.yml", *form).stdout
    assert MARK not in printed
    assert all(word in printed for word in ("ansible_user", "ubuntu", "node-0"))


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_the_guides_query_with_jq_prints_the_addresses(tmp_path: Path) -> None:
    (command,) = re.findall(r"``(ansible-inventory [^`]* \| jq [^`]*)``", (PAGES / "guide.rst").read_text())
    with Simulator(bert(ranks(2))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("bert.nsml.yml", FILE)
        assert workplace.run("bash", "-o", "pipefail", "-c", command).stdout == "127.0.0.1\n127.0.0.1\n"


def test_every_harmful_string_is_marked_and_no_other(tmp_path: Path) -> None:
    strings = strings_that_execute(tmp_path / "MARKER")
    nodes = [Node(rank=rank, port=15001 + rank, command=text, extra={"labels": [text]}) for rank, text in enumerate(strings)]
    with Simulator(bert(nodes)) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", FILE)
        listed = json.loads(workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list").stdout)
        shown = {
            form: workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list", form).stdout
            for form in ("--yaml", "--toml")
        }
        host = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--host", "bert-2-0").stdout
    for rank, text in enumerate(strings):
        variables = listed["_meta"]["hostvars"][f"bert-2-{rank}"]
        assert (variables["nsml_command"], variables["nsml_labels"]) == ({MARK: text}, [{MARK: text}])
        assert marked(variables) == ["nsml_command", "nsml_labels"]
    assert yaml.safe_load(shown["--yaml"])["all"]["children"]["nsml"]
    assert shown["--toml"].count("touch") == 2 * len(strings)
    # Ansible itself marks no string here, up to 2.18 excepted.
    assert json.loads(host)["nsml_command"] in (strings[0], {MARK: strings[0]})
    assert not (tmp_path / "MARKER").exists()


def marked(variables: dict[str, Any]) -> list[str]:
    """Return the names of the variables that hold a mark."""
    return sorted(name for name, value in variables.items() if MARK in json.dumps(value))


def test_a_play_that_evaluates_a_value_once_more_executes_nothing(tmp_path: Path) -> None:
    strings = strings_that_execute(tmp_path / "MARKER")
    nodes = [Node(rank=rank, port=15001 + rank, command=text) for rank, text in enumerate(strings)]
    with Simulator(bert(nodes)) as simulator:
        # The home of a user without one is no place for files of Ansible's.
        workplace = Workplace(tmp_path, {**simulator.environment, "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote")})
        workplace.write("test.nsml.yml", FILE)
        workplace.write("play.yml", PLAY)
        done = workplace.run("ansible-playbook", "-i", "test.nsml.yml", "-c", "local", "play.yml")
    assert done.stdout.count("TASK [") == 5
    assert done.stdout.count("failed=0") == len(strings)
    assert not (tmp_path / "MARKER").exists()


def test_dump_of_ansibles_configuration_prints_keys_of_the_environment_as_the_guide_warns(tmp_path: Path) -> None:
    command = "ansible-config dump -t inventory navercloud.nsml.nodes"
    assert f"``{command}`` prints them" in (PAGES / "guide.rst").read_text()
    workplace = Workplace(tmp_path, {"NCLOUD_NSML_API_KEY": "apiKeyOfTheEnvironment"})
    assert "apiKeyOfTheEnvironment" in workplace.run(*command.split()).stdout
