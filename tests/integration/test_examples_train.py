# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/train, over SSH to two OpenSSH servers, with a stand-in for torchrun whose ranks really meet."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration import torchrun
from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import changed, commands, copied, played, recap, set_variables
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, Server
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS, reserved_port
from ansible_collections.navercloud.nsml.tests.simulator import Simulator, processes_with_home

pytestmark = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")

TRAIN, SECOND = commands("train")

TRAINS = "print('trained')\n"
HANGS = "import time\nprint('training', flush=True)\ntime.sleep(600)\n"
FAILS = "import sys\nsys.exit(3)\n"


@pytest.fixture
def servers(servers: list[Server]) -> list[Server]:
    for server in servers:
        command = server.commands / "torchrun"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(torchrun.__file__)} "$@"\n')
        command.chmod(0o755)
    return servers


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Iterator[Workplace]:
    workplace = copied("train", tmp_path, servers, simulator)
    home = f"{servers[0].directory.parent}/node-{{{{ nsml_rank }}}}/home"
    with reserved_port() as port:
        set_variables(
            workplace.directory / "group_vars" / "nsml.yml",
            job_directory=f"{home}/a job",
            train_script=f"{home}/train.py",
            master_port=port,
            look_seconds=1,
        )
        yield workplace


def give(servers: list[Server], *scripts: str) -> None:
    """Put the script of each rank on its node."""
    for server, script in zip(servers, scripts):
        (server.home / "train.py").write_text(script)


def collected(place: Workplace, name: str, job: str = "first") -> list[str]:
    return [(place.directory / "logs" / job / f"bert-2-{rank}" / name).read_text() for rank in range(2)]


def running(servers: list[Server]) -> list[int]:
    return [pid for server in servers for pid in processes_with_home(server.home) if "torchrun" in command_of(pid)]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_all_ranks_meet_at_rank_0_and_a_further_run_starts_nothing(place: Workplace, servers: list[Server]) -> None:
    give(servers, TRAINS, TRAINS)
    assert changed(played(place, *TRAIN)) == {"bert-2-0": 5, "bert-2-1": 4}
    (port,) = {line.rpartition(":")[2] for log in collected(place, "log") for line in log.splitlines() if "met" in line}
    assert collected(place, "log") == [f"rank {rank} of 2 met 0,1 at {ADDRESS}:{port}\ntrained\n" for rank in range(2)]
    assert collected(place, "exit_code") == ["0\n", "0\n"]
    assert changed(played(place, *TRAIN)) == {"bert-2-0": 0, "bert-2-1": 0}


def test_one_rank_that_fails_stops_the_job_everywhere(place: Workplace, servers: list[Server]) -> None:
    give(servers, HANGS, FAILS)
    done = place.run(*SECOND, check=False)
    assert done.returncode == 2
    assert [counts["failed"] for counts in recap(done.stdout).values()] == [1, 1]
    assert collected(place, "exit_code", "second") == ["143\n", "3\n"]
    assert "training" in collected(place, "log", "second")[0]
    printed = " ".join(done.stdout.split())
    for rank, code in enumerate((143, 3)):
        log = place.directory / "logs" / "second" / f"bert-2-{rank}" / "log"
        assert f"Exit code {code}, see {log}. The first to fail was bert-2-1." in printed
    assert running(servers) == []


def test_a_node_that_vanishes_stops_the_job_on_the_others(place: Workplace, servers: list[Server]) -> None:
    give(servers, HANGS, HANGS)
    vanishing = threading.Thread(target=stop_once_it_trains, args=[servers[1]])
    vanishing.start()
    done = place.run(*TRAIN, "-e", "ansible_ssh_retries=0", check=False)
    vanishing.join()
    assert recap(done.stdout)["bert-2-1"]["unreachable"] == 1, done.stdout
    assert (place.directory / "logs" / "first" / "failed").read_text() == "bert-2-1\n"
    assert (place.directory / "logs" / "first" / "bert-2-0" / "exit_code").read_text() == "143\n"
    assert running(servers) == []


def stop_once_it_trains(server: Server) -> None:
    log = server.home / "a job" / "log"
    end = time.monotonic() + 60
    while not (log.exists() and "training" in log.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    server.stop()


def test_a_job_is_refused_without_all_its_nodes(place: Workplace, servers: list[Server]) -> None:
    done = place.run(*TRAIN, "--limit", "nsml_rank_0", check=False)
    assert done.returncode == 2
    assert "nsml_world_size" in done.stdout
    assert not (servers[0].home / "a job").exists()
