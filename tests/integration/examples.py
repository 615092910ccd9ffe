# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of docs/examples, copied and edited as a user would, and run against OpenSSH servers."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace
from ansible_collections.navercloud.nsml.tests.integration.nodes import TERMINAL, Server
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS
from ansible_collections.navercloud.nsml.tests.simulator import Node, Project, Run, Simulator

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def commands(name: str) -> list[list[str]]:
    """Return the commands that an example's README tells to run, each split into its words."""
    found = re.findall(r"^    (\w[^#\n]+)", (EXAMPLES / name / "README.md").read_text(), re.MULTILINE)
    return [shlex.split(command) for command in found]


def how_to_try(name: str) -> list[str]:
    """Return what an example's README says to run or add without an account: the simulator, then all else in its order."""
    (sentence,) = re.findall(
        r"^To try it without CLOVA NSML, .*(?:\n.+)*", (EXAMPLES / name / "README.md").read_text(), re.MULTILINE
    )
    return re.findall(r"`([^`]+)`", sentence)


@contextmanager
def by_hand(command: str) -> Iterator[tuple[str, str]]:
    """Start the simulator as a user does, and yield the settings that it prints, to be pasted, and the file that it names."""
    # pytest's own directories are too deep for a control socket.
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "printed").open("w") as printed:
        ready = Path(scratch) / "environment"
        words = [sys.executable, *shlex.split(command)[1:], "--environment", str(ready)]
        with processes.started(words, {**os.environ, "TMPDIR": scratch}, cwd=EXAMPLES.parents[1], stdout=printed) as process:
            while not ready.exists():
                assert process.poll() is None
                time.sleep(0.05)
            (variables,) = re.findall(r"-e @(\S+)", Path(printed.name).read_text())
            yield ready.read_text(), variables


def bert_on(servers: Sequence[Server]) -> list[Project]:
    """Return a project with one run, whose nodes are these servers in the order of their ranks; rank 0 was restarted once."""
    nodes = [Node(rank=rank, host=ADDRESS, port=server.port) for rank, server in enumerate(servers)]
    nodes += [replace(nodes[0], state="NODE_STATE_FAILED", exit_code=137, create_time="2024-09-03T01:00:00")]
    return [Project("bert", id=PROJECT_ID, runs=[Run("2", nodes=nodes)])]


def copied(name: str, home: Path, servers: Sequence[Server], simulator: Simulator) -> Workplace:
    """Copy an example to a user's home, where a key and a configuration of SSH are; the login user is set, as its comment asks.

    OpenSSH finds its files by the user database and not by HOME, so they are named to it.
    """
    directory = home / "an example"
    shutil.copytree(EXAMPLES / name, directory)
    for variables in directory.rglob("group_vars/nsml.yml"):
        assert "\nansible_user: root\n" in variables.read_text()
        set_variables(variables, ansible_user=getpass.getuser())
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700)
    shutil.copy(servers[0].login, ssh / "nsml")
    (ssh / "config").write_text(f'IdentitiesOnly yes\nUserKnownHostsFile "{ssh}/known_hosts"\n')
    return Workplace(
        directory,
        {
            **simulator.environment,
            "HOME": str(home),
            "ANSIBLE_PYTHON_INTERPRETER": f"{servers[0].home}/python",
            "ANSIBLE_REMOTE_TEMP": "$HOME/.ansible/tmp",
            "ANSIBLE_SSH_ARGS": f"-F {shlex.quote(str(ssh / 'config'))} -o ControlMaster=auto -o ControlPersist=10s",
            "ANSIBLE_SSH_USETTY": TERMINAL,
        },
    )


def played(place: Workplace, *command: str) -> str:
    """Run a playbook to its end, without a word of warning, and return what it printed."""
    done = place.run(*command)
    # That group is one that a playbook itself makes, later.
    assert done.stderr == "" or "pattern, ignoring: newcomers" in done.stderr, done.stderr
    return done.stdout


def set_variables(file: Path, **variables: Any) -> None:
    """Change variables in a file of them."""
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **variables}))


def recap(printed: str) -> Mapping[str, Mapping[str, int]]:
    """Return the counts that a playbook ends with, for each host."""
    _before, _title, lines = printed.rpartition("PLAY RECAP")
    found = re.findall(r"^(\S+) +: (.*)$", lines, re.MULTILINE)
    return {host: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in found}


def changed(printed: str) -> Mapping[str, int]:
    """Return how many tasks changed something, for each host; none failed and each host was reached."""
    counts = recap(printed)
    assert counts, printed
    assert all(count["failed"] == count["unreachable"] == 0 for count in counts.values()), printed
    return {host: count["changed"] for host, count in counts.items()}
