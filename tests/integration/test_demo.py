# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration: it shows all it promises, in the README's words, and leaves nothing behind, nor when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY, readme_blocks

# As the Makefile starts it.
COMMAND = ["sh", "-c", 'trap "" INT; exec "$0" -m tests.demo', sys.executable]


@pytest.fixture(scope="module")
def shown() -> subprocess.CompletedProcess[str]:
    """What it printed; each test looks at another side of it."""
    with temporary() as (scratch, environment):
        done = processes.run(COMMAND, environment, timeout=300, cwd=REPOSITORY)
        left = list(scratch.iterdir())
    assert done.returncode == 0, done.stdout + done.stderr
    assert left == []
    return done


@contextmanager
def temporary() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a directory for temporary files, and an environment that names it. pytest's are too deep for a control socket."""
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch), {**os.environ, "TMPDIR": scratch}


@contextmanager
def demonstration() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start it, and yield it with its directory for temporary files; at the end it must have ended quietly and leave nothing."""
    with temporary() as (scratch, environment), tempfile.TemporaryFile("w+") as output:
        with processes.started(COMMAND, environment, cwd=REPOSITORY, stdout=output, stderr=output) as process:
            yield process, scratch
            process.wait(60)
            assert list(processes.processes_with("TMPDIR", scratch)) == []
            assert list(scratch.iterdir()) == []
        output.seek(0)
        printed = output.read()
    assert "Traceback" not in printed
    assert process.returncode in (130, -signal.SIGINT), printed


@pytest.mark.parametrize("command", ["ansible-galaxy", "ssh"])
def test_ctrl_c_while_a_command_runs_leaves_nothing(command: str) -> None:
    with demonstration() as (process, scratch):
        while process.poll() is None and not any(command in name for name in names(scratch)):
            wait_a_little(process)
        press_until_it_ends(process)


def test_ctrl_c_while_it_starts_leaves_nothing() -> None:
    with demonstration() as (process, _scratch):
        press_until_it_ends(process)


def press_until_it_ends(process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        wait_a_little(process)


def wait_a_little(process: subprocess.Popen[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.05)


def names(scratch: Path) -> list[str]:
    """Return the first words of the processes that have this directory for temporary files."""
    found = []
    for pid in processes.processes_with("TMPDIR", scratch):
        with suppress(OSError):
            found.append(" ".join(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:2]))
    return found


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
