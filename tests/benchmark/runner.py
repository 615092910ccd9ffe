# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one command to its end, and measures it: CPU, wall, peak memory, requests and connections."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from ..processes import started

ROOT: Final = Path(__file__).resolve().parents[2]

# A command that takes longer hangs.
LONGEST_SECONDS: Final = 900


@dataclass(frozen=True)
class Command:
    """One of Ansible's commands, with what it needs in its environment beside what all have."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """What one run of a command took, children included.

    :param cpu: seconds of user and system time
    :param wall: seconds from start to end
    :param memory: MiB at the peak of the largest process
    :param fetch: seconds that the plugin says its reading took; 0 where it says nothing, which it does only under ``-v``
    :param printed: the first part of what it printed
    """

    cpu: float
    wall: float
    memory: float
    fetch: float
    requests: int
    connections: int
    printed: str


class Runner:
    """Runs commands in a directory of their own, against a server.

    :param directory: where inventory files are
    :param url: the server's
    """

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        self._environment = _environment(directory)

    def measure(self, command: Command) -> Measurement:
        """Run a command and measure it.

        :raises RuntimeError: it failed, or did not end
        """
        self._counts()
        with tempfile.TemporaryFile(dir=self.directory) as output:
            began = time.perf_counter()
            options = {"cwd": self.directory, "stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
            with started(command.arguments, {**self._environment, **command.environment}, **options) as process:
                killer = threading.Timer(LONGEST_SECONDS, process.kill)
                killer.start()
                try:
                    _pid, status, usage = os.wait4(process.pid, 0)
                finally:
                    killer.cancel()
                wall = time.perf_counter() - began
                process.returncode = os.waitstatus_to_exitcode(status)
                output.seek(0)
                printed = output.read(10_000).decode(errors="replace")
                if process.returncode:
                    raise RuntimeError(f"{' '.join(command.arguments)} ended with {process.returncode}:\n{printed}")
        reported = re.search(r"seconds: ([0-9.]+)", printed)
        return Measurement(
            cpu=usage.ru_utime + usage.ru_stime,
            wall=wall,
            memory=usage.ru_maxrss / 1024,
            fetch=float(reported[1]) if reported else 0.0,
            printed=printed,
            **self._counts(),
        )

    def _counts(self) -> dict[str, int]:
        with urlopen(f"{self.url}/counts", timeout=10) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def running() -> Iterator[Runner]:
    """Start the server and yield a runner that uses it."""
    with tempfile.TemporaryDirectory(prefix="nsml-benchmark-") as scratch:
        directory = Path(scratch)
        package = directory / "ansible_collections" / "navercloud" / "nsml"
        package.parent.mkdir(parents=True)
        package.symlink_to(ROOT)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmark.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin
        assert server.stdout
        with server, server.stdin:  # the server ends with its standard input
            yield Runner(directory, server.stdout.readline().strip())


def _environment(directory: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's own set-up decides the figures."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(directory),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "HOME": str(directory / "home"),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "PYTHONWARNINGS": "ignore",
    }
