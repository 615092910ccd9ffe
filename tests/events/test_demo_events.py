# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration of the event source: it shows all it promises, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.demonstrations import (
    as_make_starts,
    interruptible,
    press_until_it_ends,
    temporary,
    wait_for_process,
)
from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY

COMMAND = as_make_starts("tests.demo events")


def test_it_shows_each_event() -> None:
    with temporary() as (scratch, environment):
        done = subprocess.run(COMMAND, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=600, check=False)
        left = list(scratch.iterdir())
    assert done.returncode == 0, done.stdout + done.stderr
    for rank in range(4):
        assert f"bert-2-{rank} exited with code 0." in done.stdout
    assert "All 4 ranks are ready" in done.stdout
    assert done.stdout.endswith("Run 2 has ended.\n")
    assert left == []


@pytest.mark.parametrize("command", ["ansible-galaxy", "ansible-rulebook", "java"])
def test_ctrl_c_while_a_command_runs_leaves_nothing(command: str) -> None:
    with interruptible(COMMAND) as (process, scratch):
        wait_for_process(process, command, scratch)
        press_until_it_ends(process)


def test_missing_java_is_reported_in_one_line(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"} | {"PATH": str(tmp_path)}
    done = subprocess.run(COMMAND, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=600, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ansible-rulebook needs Java 17 or newer")
    assert done.stdout == ""
