# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration: it shows all it promises, in the README's words, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY, readme_blocks


@pytest.fixture(scope="module")
def shown() -> subprocess.CompletedProcess[str]:
    """What it printed; each test looks at another side of it."""
    command = [sys.executable, "-m", "tests.simulator.demo"]
    # pytest's own directories are too deep for a control socket.
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "TMPDIR": scratch}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=300, check=False)
        left = list(Path(scratch).iterdir())
    assert done.returncode == 0, done.stdout + done.stderr
    assert left == []
    return done


def test_it_shows_all_it_promises(shown: subprocess.CompletedProcess[str]) -> None:
    for part in ("--graph", "|--@nsml_state_pending:", "--host bert-2-0", '"nsml_world_size": 4', "ansible.builtin.ping"):
        assert part in shown.stdout
    assert shown.stdout.count('"ping": "pong"') == 4
    assert "waiting for rank 3 (NODE_STATE_PENDING)" in shown.stderr
    assert shown.stdout.count("| CHANGED | rc=0 >>") == 8
    for rank in range(4):
        assert f"\nrank {rank} of 4\n" in shown.stdout


def test_it_prints_what_readme_shows(shown: subprocess.CompletedProcess[str]) -> None:
    printed = set(shown.stdout.splitlines())
    (block,) = readme_blocks("text")
    for line in block.splitlines():
        assert line.strip() == "..." or line in printed
