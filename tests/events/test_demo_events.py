# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration of the event source: it shows all it promises, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY

COMMAND = [sys.executable, "-m", "tests.simulator.demo_events"]


def test_it_shows_each_event() -> None:
    # pytest's own directories are too deep for a control socket.
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "TMPDIR": scratch}
        done = subprocess.run(COMMAND, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=600, check=False)
        left = [path.name for path in Path(scratch).iterdir() if path.name.startswith("nsml-")]
    assert done.returncode == 0, done.stdout + done.stderr
    for rank in range(4):
        assert f"bert-2-{rank} exited with code 0." in done.stdout
    assert "All 4 ranks are ready" in done.stdout
    assert done.stdout.endswith("Run 2 has ended.\n")
    assert left == []


def test_missing_java_is_reported_in_one_line(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"} | {"PATH": str(tmp_path)}
    done = subprocess.run(COMMAND, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=600, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ansible-rulebook needs Java 17 or newer")
    assert done.stdout == ""
