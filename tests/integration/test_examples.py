# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the READMEs of docs/examples say: each command is one that Ansible takes, for the hosts that are meant."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, ranks
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES
from ansible_collections.navercloud.nsml.tests.simulator import Project, Run, Simulator

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
BOTH = {"bert-2-0", "bert-2-1"}

# The hosts of each command; the other projects of many_sources aside.
HOSTS = {
    "ansible-playbook provision.yml": BOTH,
    "ansible-playbook provision.yml --limit nsml_rank_0": {"bert-2-0"},
    "ansible-playbook provision.yml --limit 'nsml_ready:!nsml_rank_0'": {"bert-2-1"},
    "ansible-playbook grow.yml": {*BOTH, "localhost"},
    "ansible-playbook train.yml": BOTH,
    "ansible-playbook train.yml -e job=second": BOTH,
    "ansible-playbook ssh_config.yml": {*BOTH, "localhost"},
    "ansible-playbook overview.yml": {*BOTH, "gpt-1-0", "monitor.example.com"},
    "ansible-playbook smoke.yml": {*BOTH, "localhost"},
}


def commands(name: str) -> list[str]:
    """Return the commands of an example's README."""
    found = re.findall(r"^    (ansible-playbook [^#\n]+)", (EXAMPLES / name / "README.md").read_text(), re.MULTILINE)
    return [command.strip() for command in found]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_is_taken_and_is_for_the_hosts_that_are_meant(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    projects = [
        Project("bert", id=PROJECT_ID, runs=[Run("2", nodes=ranks(2))]),
        Project("gpt", runs=[Run("1", nodes=ranks(1))]),
    ]
    with Simulator(projects) as simulator:
        workplace = Workplace(tmp_path / name, simulator.environment)
        for command in commands(name):
            done = workplace.run(*shlex.split(command), "--list-hosts")
            listed = {line.strip() for line in done.stdout.splitlines() if re.match(r"^ {6}\S", line)}
            assert listed == HOSTS[command], command
            assert done.stderr == "" or "pattern, ignoring: newcomers" in done.stderr  # a group that the playbook itself makes


def test_no_command_and_no_example_is_left_out() -> None:
    assert {command for name in NAMES for command in commands(name)} == HOSTS.keys()
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(NAMES)


def test_the_links_lead_somewhere() -> None:
    for page in EXAMPLES.rglob("*.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).exists(), target
