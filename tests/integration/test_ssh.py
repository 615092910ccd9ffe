# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data flow to its end: nodes of the inventory are logged in to, on simulated nodes and on OpenSSH's own server."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert
from ansible_collections.navercloud.nsml.tests.integration.examples import bert_on
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, TERMINAL, started
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS
from ansible_collections.navercloud.nsml.tests.simulator import NODE_PENDING, Node, Simulator

PLAY = """\
    - hosts: nsml_ready
      gather_facts: false
      tasks:
        - ansible.builtin.copy:
            content: "rank {{ nsml_rank }} of {{ nsml_world_size }}\\n"
            dest: "{{ marker }}-{{ nsml_rank }}"
            mode: "0600"
        - ansible.builtin.command: cat {{ marker }}-{{ nsml_rank }}
          register: written
          changed_when: false
        - ansible.builtin.assert:
            that: written.stdout == 'rank ' ~ nsml_rank ~ ' of ' ~ nsml_world_size
    """

TESTINFRA = """\
    testinfra_hosts = ["ansible://nsml_ready"]


    def test_the_rank_is_that_of_the_inventory(host):
        rank = host.ansible.get_variables()["nsml_rank"]
        assert host.check_output("echo rank %s", str(rank)) == f"rank {rank}"
    """

# testinfra runs ssh itself: what Ansible would take from its environment stands in the inventory.
LOGIN = """\
    ansible_ssh_private_key_file: {}
    ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
    """


def test_a_ping_is_answered_by_all_ready_nodes_and_asked_of_no_other(tmp_path: Path) -> None:
    nodes = [Node(rank=0), Node(rank=1), Node(rank=2, state=NODE_PENDING)]
    with Simulator(bert(nodes), ssh=True) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n")
        done = workplace.run("ansible", "-i", "test.nsml.yml", "nsml_ready", "-m", "ansible.builtin.ping")
    answers = sorted(line for line in done.stdout.splitlines() if " | " in line)
    assert answers == ["bert-2-0 | SUCCESS => {", "bert-2-1 | SUCCESS => {"]


def test_a_node_that_is_not_ready_is_unreachable_and_only_its_absolute_invalid_name_is_tried(tmp_path: Path) -> None:
    successor, predecessor = (
        Node(rank=0),
        Node(rank=0, state="NODE_STATE_FAILED", exit_code=137, create_time="2024-01-01T00:00:00"),
    )
    nodes = [successor, predecessor, Node(rank=1, state=NODE_PENDING), Node(rank=2, extra={"sshPort": 0})]
    with Simulator(bert(nodes), ssh=True) as simulator:
        predecessor.host, predecessor.port = successor.host, successor.port
        recorder = Workplace(tmp_path).write("ssh", f'#!/bin/sh\necho "$*" >> {tmp_path}/tried\nexec ssh "$@"\n')
        recorder.chmod(0o700)
        workplace = Workplace(tmp_path, {**simulator.environment, "ANSIBLE_SSH_EXECUTABLE": str(recorder)})
        workplace.write("test.nsml.yml", f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n")
        ping = ("ansible", "-i", "test.nsml.yml", "nsml:!nsml_ready", "-m", "ansible.builtin.ping")
        done = workplace.run(*ping, check=False)
    names = ["bert-2-1", "bert-2-2", f"bert-2-0-{predecessor.id}"]
    assert sorted(re.findall(r"^(\S+) \| UNREACHABLE!", done.stdout, re.MULTILINE)) == sorted(names)
    tried = (tmp_path / "tried").read_text()
    # The final dot keeps the resolver from appending a search domain.
    assert set(re.findall(r" (\S+\.invalid\.?) ", tried)) == {f"{name}.not-ready.invalid." for name in names}
    assert ADDRESS not in tried


def test_testinfra_checks_the_ready_nodes(tmp_path: Path) -> None:
    nodes = [Node(rank=0), Node(rank=1), Node(rank=2, state=NODE_PENDING)]
    with Simulator(bert(nodes), ssh=True) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("group_vars/nsml.yml", LOGIN.format(simulator.environment["ANSIBLE_PRIVATE_KEY_FILE"]))
        workplace.write("test.nsml.yml", f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n")
        workplace.write("test_nodes.py", TESTINFRA)
        done = workplace.run("pytest", "-p", "no:cacheprovider", "test_nodes.py", "-v", "--ansible-inventory=test.nsml.yml")
    assert [line.split()[1] for line in done.stdout.splitlines() if "::" in line] == ["PASSED", "PASSED"], done.stdout


@pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")
def test_a_play_runs_on_three_real_sshd_behind_one_address(tmp_path: Path) -> None:
    with started(tmp_path / "nodes", 3) as servers, Simulator(bert_on(servers)) as simulator:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text("".join(f"[{ADDRESS}]:{server.port} {server.host_key}\n" for server in servers))
        workplace = Workplace(
            tmp_path,
            {
                **simulator.environment,
                "ANSIBLE_PRIVATE_KEY_FILE": str(servers[0].login),
                "ANSIBLE_PYTHON_INTERPRETER": f"{servers[0].home}/python",
                "ANSIBLE_REMOTE_TEMP": "$HOME/.ansible/tmp",
                "ANSIBLE_REMOTE_USER": getpass.getuser(),
                "ANSIBLE_SSH_USETTY": TERMINAL,
                "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=10s -o IdentitiesOnly=yes "
                f"-o UserKnownHostsFile={known_hosts}",
            },
        )
        workplace.write("test.nsml.yml", f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n")
        workplace.write("play.yml", PLAY)
        done = workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml", "-e", f"marker={tmp_path / 'marker'}")
    assert [path.read_text() for path in sorted(tmp_path.glob("marker-*"))] == [f"rank {rank} of 3\n" for rank in range(3)]
    assert done.stdout.count("failed=0") == 3
