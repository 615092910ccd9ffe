# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the real ansible-rulebook, and follow what it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ENGINE = Path(sys.executable).with_name("ansible-rulebook")

# A busy machine takes long to start Java and Ansible.
WAIT_SECONDS = 600


class Rulebook:
    """ansible-rulebook under way, in a process group of its own."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._process = subprocess.Popen(
            [str(ENGINE), *arguments],
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        with self._more:
            return "".join(self._lines)

    def wait_for(self, pattern: str, times: int = 1) -> str:
        """Return what was printed once it matches a pattern so many times."""
        end = time.monotonic() + WAIT_SECONDS
        with self._more:
            while len(re.findall(pattern, "".join(self._lines), re.MULTILINE)) < times:
                left = end - time.monotonic()
                assert left > 0, f"not {times} times {pattern!r} in:\n{''.join(self._lines)}"
                assert self._reader.is_alive() or self._process.poll() is None, f"it has ended:\n{''.join(self._lines)}"
                self._more.wait(min(left, 0.2))
            return "".join(self._lines)

    def terminate(self) -> int:
        """Ask it to end, and return its exit code once it has."""
        self._process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Return its exit code once it has ended."""
        code = self._process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        return code

    def kill(self) -> None:
        """End it with all that it started, at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.ended()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()


@contextmanager
def rulebook(directory: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Rulebook]:
    """Run ansible-rulebook up to the end of the block at most."""
    running = Rulebook(directory, environment, *arguments)
    try:
        yield running
    finally:
        running.kill()
