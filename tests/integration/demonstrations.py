# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstrations, interrupted by Ctrl-C: they end quietly, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY

# In the environment of a demonstration and of all that it starts.
MARK = "NSML_DEMONSTRATION"


def as_make_starts(module: str) -> list[str]:
    """Return the command of the Makefile that shows a demonstration."""
    return ["/bin/sh", "-c", f'trap "" INT; exec "$0" -m {module}', sys.executable]


@contextmanager
def temporary() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a directory for temporary files, and an environment that names it. pytest's own are too deep for a control socket."""
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch), {**os.environ, "TMPDIR": scratch, MARK: scratch}


@contextmanager
def interruptible(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start one, and yield it with its directory for temporary files; at the end it must have ended quietly and leave nothing."""
    with temporary() as (scratch, environment), tempfile.TemporaryFile("w+") as output:
        with processes.started(command, environment, cwd=REPOSITORY, stdout=output, stderr=output) as process:
            yield process, scratch
            process.wait(60)
            assert left_after_a_moment(scratch) == []
            assert list(scratch.iterdir()) == []
        output.seek(0)
        printed = output.read()
    assert "Traceback" not in printed
    assert process.returncode in (130, -signal.SIGINT), printed


def press_until_it_ends(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C again and again."""
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        wait_a_little(process)


def wait_a_little(process: subprocess.Popen[str]) -> None:
    """Give it some time."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.05)


def wait_for_process(process: subprocess.Popen[str], command: str, scratch: Path) -> None:
    """Return once a demonstration runs a command, or has ended."""
    while process.poll() is None and not any(command in name for name in names(scratch)):
        wait_a_little(process)


def left_after_a_moment(scratch: Path) -> list[str]:
    """Return the processes that are still there when those that were killed have had the time to end."""
    end = time.monotonic() + 5
    while (left := names(scratch)) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def names(scratch: Path) -> list[str]:
    """Return the first words of the processes that have this directory for temporary files."""
    found = []
    for pid in processes.processes_with(MARK, scratch):
        with suppress(OSError):
            found.append(" ".join(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:2]))
    return found
