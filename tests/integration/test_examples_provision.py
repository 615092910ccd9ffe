# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/provision, over SSH to two OpenSSH servers.

All of it is real but three things, since the nodes are processes of this machine and must not change it: a package is a file in
the node's home, the user who trains is the one that runs the tests, and nobody becomes root.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible.module_utils.facts.system.pkg_mgr import PKG_MGRS

from ansible_collections.navercloud.nsml.tests.integration import package_manager
from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import (
    changed,
    commands,
    copied,
    played,
    recap,
    set_variables,
)
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, Server, started
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS
from ansible_collections.navercloud.nsml.tests.simulator import NODE_PENDING, NODE_RUNNING, Simulator

pytestmark = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")

PROVISION, RANK_0, OTHERS, GROW = commands("provision")


@pytest.fixture
def servers(running: list[Server]) -> list[Server]:
    """Two nodes that are new to this test."""
    for server in running:
        server.replace()
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with started(tmp_path_factory.mktemp("nodes"), 2) as servers:
        yield servers


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Workplace:
    workplace = copied("provision", tmp_path, servers, simulator)
    set_variables(
        workplace.directory / "group_vars" / "nsml.yml",
        data_directory=str(servers[0].directory.parent) + "/node-{{ nsml_rank }}/home/data",
        train_user=getpass.getuser(),
        ansible_become=False,
    )
    # Ansible prefers a module of the playbook's own to that of the package manager which it finds.
    module = Path(package_manager.__file__).read_text()
    for manager in PKG_MGRS:
        workplace.write(f"library/{manager['name']}.py", module)
    return workplace


def data(server: Server) -> Path:
    return server.home / "data"


def sourced(server: Server) -> Mapping[str, str]:
    """What a shell on the node has once it has read the environment file."""
    command = f". {shlex.quote(str(data(server) / 'environment'))}; env"
    printed = subprocess.run(["env", "-i", "sh", "-c", command], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


def state(server: Server) -> tuple[list[str], str | None]:
    """The packages of the node, and its marker."""
    marker = data(server) / "provisioned"
    packages = sorted(file.name for file in (server.home / "packages").glob("*"))
    return packages, marker.read_text() if marker.exists() else None


DONE = [(["rsync", "tmux"], f"rank {rank} of 2\n") for rank in range(2)]
UNTOUCHED: tuple[list[str], None] = ([], None)


def test_a_check_changes_nothing_limits_choose_nodes_and_what_is_done_is_not_done_again(
    place: Workplace, servers: list[Server]
) -> None:
    foreseen = played(place, *RANK_0, "--check")
    assert changed(foreseen) == {"bert-2-0": 4}
    assert not data(servers[0]).exists()
    assert [state(server) for server in servers] == [UNTOUCHED] * 2
    others = played(place, *OTHERS)
    assert changed(others) == {"bert-2-1": 4}
    assert [state(server) for server in servers] == [UNTOUCHED, DONE[1]]
    both = played(place, *PROVISION)
    assert changed(both) == {"bert-2-0": 4, "bert-2-1": 0}
    assert [state(server) for server in servers] == DONE
    again = played(place, *RANK_0, "--skip-tags", "packages")
    assert changed(again) == {"bert-2-0": 0}
    # Rank 0 is through before another node is printed anything.
    printed = both[both.index("Write the environment file") :]
    assert re.findall(r"(?:ok|changed): \[(\S+)\]", printed) == ["bert-2-0"] * 2 + ["bert-2-1"] * 2
    for rank, server in enumerate(servers):
        expected = {"NODE_RANK": str(rank), "NNODES": "2", "MASTER_ADDR": ADDRESS, "MASTER_PORT": "29500"}
        assert expected.items() <= sourced(server).items()
        assert sourced(server)["IMAGE"] == "nvcr.io/nvidia/pytorch:24.05-py3"


def test_a_node_that_vanishes_is_named_and_the_others_are_finished(place: Workplace, servers: list[Server]) -> None:
    with vanishing_while_it_installs(servers[0]):
        done = place.run(*PROVISION, check=False)
    assert done.returncode == 4
    assert "fatal: [bert-2-0]: UNREACHABLE!" in done.stdout
    assert {host: counts["unreachable"] for host, counts in recap(done.stdout).items()} == {"bert-2-0": 1, "bert-2-1": 0}
    assert state(servers[1]) == DONE[1]
    assert not data(servers[0]).exists()


def test_nodes_that_come_later_are_provisioned_after_a_refresh(
    place: Workplace, servers: list[Server], simulator: Simulator
) -> None:
    late = simulator.projects[0].runs[0].nodes[1]
    late.state = NODE_PENDING
    set_variables(place.directory / "newest.nsml.yml", wait_timeout=0)

    def let_it_run(_number: int) -> None:
        if data(servers[0]).exists():
            late.state = NODE_RUNNING

    simulator.before_answer = let_it_run
    printed = played(place, *GROW, "--skip-tags", "packages")
    assert changed(printed) == {"localhost": 0, "bert-2-0": 3, "bert-2-1": 3}
    before, _title, after = printed.partition("PLAY [See which nodes have come]")
    assert "[bert-2-1]" not in before
    assert "[bert-2-0]" not in after
    assert [state(server)[1] for server in servers] == [marker for _packages, marker in DONE]


def test_a_jump_host_is_used_and_the_login_user_is_the_one_that_was_set(
    place: Workplace, servers: list[Server], tmp_path: Path
) -> None:
    jump, node = servers
    with (tmp_path / ".ssh" / "config").open("a") as configuration:
        configuration.write(
            f"Host bastion\n  HostName {ADDRESS}\n  Port {jump.port}\n  User {getpass.getuser()}\n"
            f'  IdentityFile "{jump.login}"\n  StrictHostKeyChecking accept-new\n'
        )
    variables = place.directory / "group_vars" / "nsml.yml"
    ping = ("ansible", "nsml_rank_1", "-m", "ansible.builtin.ping")
    set_variables(variables, jump_host="bastion")
    place.run(*ping)
    accepted = f"Accepted publickey for {getpass.getuser()} "
    assert (jump.log.count(accepted), node.log.count(accepted)) == (1, 1)
    set_variables(variables, ansible_user="nobody-known")
    refused = place.run(*ping, check=False)
    assert refused.returncode != 0
    assert "UNREACHABLE!" in refused.stdout  # its other words depend on whether SSH or Ansible is quicker
    assert "Invalid user nobody-known " in node.log


@contextmanager
def vanishing_while_it_installs(server: Server) -> Iterator[None]:
    """Have the node end in the middle of its first task that installs something."""
    pipe = server.home / "held"
    os.mkfifo(pipe)

    def stop() -> None:
        with pipe.open("w"):  # opened once the package manager reads
            server.stop()

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive(), "nothing was installed on the node"
