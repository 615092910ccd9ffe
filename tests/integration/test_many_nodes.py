# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play over 64 simulated nodes, all at once."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace, bert
from ansible_collections.navercloud.nsml.tests.simulator import Node, Simulator

COUNT = 64

PLAY = """\
    - hosts: nsml_ready
      gather_facts: false
      tasks:
        - ansible.builtin.raw: printenv NSML_RANK
          register: told
        - ansible.builtin.assert:
            that: told.stdout | int == nsml_rank
    """


def test_a_play_over_64_nodes_ends_without_an_error_and_without_a_process_left_behind(tmp_path: Path) -> None:
    with Simulator(bert([Node(rank=rank) for rank in range(COUNT)]), ssh=True) as simulator:
        workplace = Workplace(tmp_path, {**simulator.environment, "ANSIBLE_FORKS": str(COUNT)})
        workplace.write("test.nsml.yml", "plugin: navercloud.nsml.nodes\nproject: bert\nrun: 2\n")
        workplace.write("play.yml", PLAY)
        done = workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml", timeout=300)
        folder = Path(simulator.environment["ANSIBLE_PRIVATE_KEY_FILE"]).parent
        assert left_behind(f"{folder}/node-") == []
    assert len(re.findall(r"ok=2 +changed=1 +unreachable=0 +failed=0", done.stdout)) == COUNT
    assert done.stderr == ""
    # A shared connection outlives its last command, but not its server by much.
    end = time.monotonic() + 60
    while (left := left_behind(str(folder))) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []


def left_behind(path: str) -> list[str]:
    """Return the command lines of the processes that have something to do with these files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((process / name).read_text(errors="replace") for name in ("cmdline", "environ"))
        except OSError:  # it has ended, or is somebody else's
            continue
        if path in command or path in environment:
            found.append(command.replace("\0", " "))
    return found
