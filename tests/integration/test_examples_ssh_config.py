# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/ssh_config, with the OpenSSH client and two OpenSSH servers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import changed, commands, copied, played, recap
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, Server
from ansible_collections.navercloud.nsml.tests.simulator import NODE_PENDING, Node, Simulator

pytestmark = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")

(REFRESH,) = commands("ssh_config")
CHANGED_KEY = "REMOTE HOST IDENTIFICATION HAS CHANGED"


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Workplace:
    """An example in use: the configuration is written, and each node is known."""
    workplace = copied("ssh_config", tmp_path / "a home", servers, simulator)
    # As people do first: it leaves connections open, which know no host key.
    workplace.run("ansible", "nsml_ready", "-m", "ansible.builtin.ping")
    printed = played(workplace, *REFRESH)
    assert changed(printed) == {"localhost": 2, "bert-2-0": 0, "bert-2-1": 0}
    return workplace


def nodes(simulator: Simulator) -> list[Node]:
    """The nodes of the two ranks, without the one that exited."""
    return simulator.projects[0].runs[0].nodes[:2]


def files(place: Workplace) -> Path:
    return place.directory.parent / ".ssh" / "nsml.d"


def known(place: Workplace) -> dict[str, str]:
    """The host keys that are kept, by the names that they are kept under."""
    lines = (files(place) / "known_hosts").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def ssh(place: Workplace, host: str) -> subprocess.CompletedProcess[str]:
    """Log in with what was written, as a user with it in ~/.ssh/config would, and say where that led."""
    return place.run("ssh", "-F", f"{files(place)}/config", "-o", "BatchMode=yes", host, "echo $HOME", check=False)


def test_ssh_and_scp_find_the_nodes_by_name_as_long_as_they_are_ready(
    place: Workplace, servers: list[Server], simulator: Simulator
) -> None:
    for rank, server in enumerate(servers):
        assert ssh(place, f"bert-2-{rank}").stdout == f"{server.home}\n"
    place.write("there", "hello\n")
    place.run("scp", "-q", "-F", f"{files(place)}/config", "there", f"bert-2-1:{servers[1].home}/copied")
    assert (servers[1].home / "copied").read_text() == "hello\n"
    keys = known(place)
    assert keys.keys() == {f"nsml-{node.id}" for node in nodes(simulator)}
    assert changed(played(place, *REFRESH)) == {"localhost": 0, "bert-2-0": 0, "bert-2-1": 0}
    nodes(simulator)[1].state = NODE_PENDING
    assert changed(played(place, *REFRESH)) == {"localhost": 1, "bert-2-0": 0}
    assert "bert-2-1" not in (files(place) / "config").read_text()
    # A node may be back, so its key is kept.
    assert known(place) == keys


def test_a_new_node_behind_an_old_port_is_a_new_name_and_an_impostor_under_an_old_name_is_refused(
    place: Workplace, servers: list[Server], simulator: Simulator
) -> None:
    keys = known(place)
    servers[1].replace()
    nodes(simulator)[1].id = "anothernode123456789"
    assert refusal(place, "bert-2-1", CHANGED_KEY)
    assert changed(played(place, *REFRESH)) == {"localhost": 1, "bert-2-0": 0, "bert-2-1": 0}
    assert ssh(place, "bert-2-1").stdout == f"{servers[1].home}\n"
    keys |= {"nsml-anothernode123456789": servers[1].host_key}
    assert known(place) == keys
    servers[0].replace()
    servers[1].replace("ecdsa")
    done = place.run(*REFRESH, check=False)
    assert done.returncode == 4
    assert [recap(done.stdout)[f"bert-2-{rank}"]["unreachable"] for rank in range(2)] == [1, 1]
    assert refusal(place, "bert-2-0", CHANGED_KEY)
    assert refusal(place, "bert-2-1", CHANGED_KEY)
    assert known(place) == keys


def refusal(place: Workplace, host: str, words: str) -> bool:
    done = ssh(place, host)
    return done.returncode == 255 and words in done.stderr and not done.stdout
