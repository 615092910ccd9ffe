# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start Ansible's commands, and end them with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# In the environment of a command and of all that it starts. Since 2.19, Ansible's workers have sessions of their own, which a
# signal to the command's process group does not reach.
MARK = "NSML_STARTED_BY"

# So long may a command take to end by itself after it was interrupted.
INTERRUPTED_SECONDS = 10


@contextmanager
def started(command: Sequence[str | Path], env: Mapping[str, str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command; unless it has ended by the end of the block, and without an error there, end it with all that it started.

    :param options: further arguments of Popen
    """
    mark = uuid.uuid4().hex
    # In a session of its own: Ctrl-C reaches this process alone, which then ends the command.
    with subprocess.Popen(command, env={**env, MARK: mark}, start_new_session=True, **options) as process:
        ended = False
        try:
            yield process
            ended = process.poll() is not None
        finally:
            if not ended:
                _end(process, mark)


def run(
    command: Sequence[str | Path], env: Mapping[str, str], timeout: float, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without standard input, and return what it printed.

    :param timeout: seconds
    :param options: further arguments of Popen
    :raises subprocess.TimeoutExpired: the command was ended after that time
    """
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, env, **pipes, **options) as process:
        stdout, stderr = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def processes_with(variable: str, value: str | Path) -> Iterator[int]:
    """Yield the IDs of processes with this in their environment, in whatever session they are. Linux only, elsewhere none."""
    entry = b"\0" + os.fsencode(f"{variable}={value}") + b"\0"
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # Of other users, or gone by now.
        with suppress(OSError):
            if entry in b"\0" + environment.read_bytes():
                yield int(environment.parent.name)


def _end(process: subprocess.Popen[Any], mark: str) -> None:
    """Interrupt a command, give it time to end what it started, and kill what is left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPTED_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    while left := list(processes_with(MARK, mark)):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
