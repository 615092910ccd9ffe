# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/event_driven, as its README runs it, over SSH to OpenSSH servers.

What is not as on real nodes is what test_examples_provision and test_examples_train change too.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.facts.system.pkg_mgr import PKG_MGRS

from ansible_collections.navercloud.nsml.tests.events.engine import WAIT_SECONDS, Rulebook, rulebook
from ansible_collections.navercloud.nsml.tests.integration import package_manager, torchrun
from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES, by_hand, commands, how_to_try, set_variables
from ansible_collections.navercloud.nsml.tests.integration.nodes import TERMINAL, Server, started
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS, reserved_port
from ansible_collections.navercloud.nsml.tests.simulator import (
    NODE_PENDING,
    NODE_RUNNING,
    RUN_COMPLETED,
    Node,
    Project,
    Run,
    Simulator,
)

((_ansible_rulebook, *ARGUMENTS),) = commands("event_driven")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Four nodes, and one that takes the place of another."""
    with started(tmp_path / "nodes", 5) as servers:
        for server in servers:
            command = server.commands / "torchrun"
            command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(torchrun.__file__)} "$@"\n')
            command.chmod(0o755)
            (server.home / "train.py").write_text("print('trained')\n")
        yield servers


@pytest.fixture
def simulator(servers: list[Server]) -> Iterator[Simulator]:
    """Run 2 with a node on each of the first four servers, of which the last two are pending."""
    nodes = [Node(rank=rank, host=ADDRESS, port=server.port) for rank, server in enumerate(servers[:4])]
    for late in nodes[2:]:
        late.state = NODE_PENDING
    with Simulator([Project("bert", id=PROJECT_ID, runs=[Run("2", nodes=nodes)])]) as simulator:
        yield simulator


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Iterator[Workplace]:
    """A user's home with the examples."""
    examples = tmp_path / "examples"
    for name in ("event_driven", "provision", "train"):
        shutil.copytree(EXAMPLES / name, examples / name)
    home = f"{servers[0].directory.parent}/node-{{{{ number_of[ansible_port] }}}}/home"
    number_of = {server.port: number for number, server in enumerate(servers)}
    mine = {"ansible_user": getpass.getuser(), "ansible_become": False, "number_of": number_of}
    with reserved_port() as port:
        theirs: dict[str, dict[str, Any]] = {
            "event_driven/inventory": {},
            "provision": {"data_directory": f"{home}/data", "train_user": getpass.getuser()},
            "train": {
                "job_directory": f"{home}/{{{{ job }}}}",
                "train_script": f"{home}/train.py",
                "master_port": port,
                "look_seconds": 1,
            },
        }
        for directory, variables in theirs.items():
            set_variables(examples / directory / "group_vars" / "nsml.yml", **mine, **variables)
        for manager in PKG_MGRS:
            library = examples / "provision" / "library"
            library.mkdir(exist_ok=True)
            (library / f"{manager['name']}.py").write_text(Path(package_manager.__file__).read_text())
        ssh = tmp_path / ".ssh"
        ssh.mkdir(mode=0o700)
        shutil.copy(servers[0].login, ssh / "nsml")
        (ssh / "config").write_text(f'IdentitiesOnly yes\nUserKnownHostsFile "{ssh}/known_hosts"\n')
        rules = examples / "event_driven" / "provision.rulebook.yml"
        rules.write_text(rules.read_text().replace("interval: 10", "interval: 0.5\n        retries: 0"))
        yield Workplace(
            examples / "event_driven",
            {
                **simulator.environment,
                "HOME": str(tmp_path),
                "ANSIBLE_PYTHON_INTERPRETER": str(Path(sys.executable)),
                "ANSIBLE_REMOTE_TEMP": "$HOME/.ansible/tmp",
                "ANSIBLE_SSH_ARGS": f"-F {shlex.quote(str(ssh / 'config'))} -o ControlMaster=auto -o ControlPersist=1s",
                "ANSIBLE_SSH_USETTY": TERMINAL,
            },
        )


def until(condition: Callable[[], bool], engine: Rulebook) -> None:
    """Wait for something that happens on a node."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, engine.printed
        time.sleep(0.05)


class Hold:
    """Has a node's first installation wait until it is let go."""

    def __init__(self, server: Server) -> None:
        self._pipe = server.home / "held"
        os.mkfifo(self._pipe)
        self._file: int | None = None

    def is_held(self) -> bool:
        """Whether an installation waits by now."""
        if self._file is None:
            try:
                self._file = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads
                return False
        return True

    def let_go(self) -> None:
        """Let it and those that follow go on."""
        self._pipe.unlink(missing_ok=True)
        if self._file is not None:
            os.close(self._file)
            self._file = None


def marker(server: Server) -> str | None:
    file = server.home / "data" / "provisioned"
    return file.read_text() if file.exists() else None


def test_a_run_is_provisioned_node_by_node_trained_once_and_reported(
    place: Workplace, servers: list[Server], simulator: Simulator, tmp_path: Path
) -> None:
    run = simulator.projects[0].runs[0]
    first, restarted, third, last = run.nodes
    with ExitStack() as stack:
        holds = {number: Hold(servers[number]) for number in (0, 1, 3)}
        for hold in holds.values():
            stack.callback(hold.let_go)

        with rulebook(place.directory, place.environment, *ARGUMENTS) as engine:
            # Two provisions overlap: both have begun to install, and neither has done so.
            until(holds[0].is_held, engine)
            until(holds[1].is_held, engine)
            holds[0].let_go()
            until(lambda: marker(servers[0]) == "rank 0 of 4\n", engine)
            # One node is restarted, in the middle of its installation.
            restarted.state, restarted.exit_code = "NODE_STATE_FAILED", 137
            holds[1].let_go()
            run.nodes.append(Node(rank=1, host=ADDRESS, port=servers[4].port, create_time="2024-09-03T02:00:00"))
            engine.wait_for("^Node bert-2-1-[a-z0-9]+ exited with code 137.$")
            until(lambda: marker(servers[4]) == "rank 1 of 4\n", engine)
            # The service is out of reach for a while, in which a node becomes ready.
            simulator.behaviour.cut_body_after, simulator.behaviour.cut_bodies = 5, 10**9
            engine.wait_for("WARNING - Cannot read .* Reading again in")
            third.state = NODE_RUNNING
            simulator.behaviour.cut_body_after = None
            until(lambda: marker(servers[2]) == "rank 2 of 4\n", engine)
            # It is killed while it provisions the last node.
            last.state = NODE_RUNNING
            until(holds[3].is_held, engine)
            engine.kill()
        assert marker(servers[3]) is None
        holds[3].let_go()

        with rulebook(place.directory, place.environment, *ARGUMENTS) as engine:
            log = tmp_path / "nsml-logs" / "run-2"
            ranks = [servers[0], servers[4], servers[2], servers[3]]
            until(lambda: all((log / f"bert-2-{rank}" / "exit_code").exists() for rank in range(4)), engine)
            assert [marker(server) for server in ranks] == [f"rank {rank} of 4\n" for rank in range(4)]
            for rank in range(4):
                collected = (log / f"bert-2-{rank}" / "log").read_text()
                # Once, and in a world of all four.
                assert re.fullmatch(rf"rank {rank} of 4 met 0,1,2,3 at \S+\ntrained\n", collected), collected
            run.status = RUN_COMPLETED
            for node in run.nodes:
                node.state, node.exit_code = "NODE_STATE_COMPLETED", 0 if node is not restarted else 137
            printed = engine.wait_for("^Run 2 has ended: ")
    codes = re.findall(r"'name': '(bert-2-\d)[^']*', 'rank': \d, 'exit_code': (\d+)", printed[printed.index("Run 2 has ended") :])
    assert codes == [("bert-2-0", "0"), ("bert-2-1", "0"), ("bert-2-1", "137"), ("bert-2-2", "0"), ("bert-2-3", "0")]
    for rank in range(4):
        assert f"Node bert-2-{rank} exited with code 0." in printed
    assert first is run.nodes[0]


def test_it_runs_against_the_simulator_as_in_its_readme(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(EXAMPLES, examples)
    simulator, setting, _simulated, target, *directories = how_to_try("event_driven")[:6]
    at_once = simulator.replace("--pending 30", "--pending 5")  # unlike a user, the test needs no time to paste the settings
    assert at_once != simulator
    with by_hand(at_once) as (settings, variables):
        for directory in directories:
            shutil.copy(variables, examples / directory / target)
        words = shlex.split(f"{settings}\n{setting}")
        pasted = dict(word.split("=", 1) for word in words if word != "export")
        with rulebook(examples / "event_driven", {**pasted, "HOME": str(tmp_path)}, *ARGUMENTS) as engine:
            log = tmp_path / "nsml-logs" / "run-2"
            until(lambda: all((log / f"bert-2-{rank}" / "exit_code").exists() for rank in range(4)), engine)
            assert [(log / f"bert-2-{rank}" / "log").read_text() for rank in range(4)] == [f"{rank}\n" for rank in range(4)]
