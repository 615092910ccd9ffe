# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Demonstrate the event source with simulated nodes: `make demo-events`, or `python -m tests.demo events` from the root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from ..processes import started
from . import NODE_RUNNING, RUN_COMPLETED, Simulator
from .__main__ import demonstration
from .demo import POLL_SECONDS, Stopped

HERE = Path(__file__).parent.relative_to(Path.cwd())
RULEBOOK, INVENTORY = HERE / "demo.rulebook.yml", HERE / "demo.nsml.yml"


def main(stop: threading.Event) -> int:
    """Run the demonstration and return its exit code.

    :param stop: ends it, with all that it started
    """
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        print("ansible-rulebook needs Java 17 or newer, for example Debian's package openjdk-17-jre-headless.", file=sys.stderr)
        return 1
    try:
        # Outside the checkout, because the path of a control socket must be short.
        with tempfile.TemporaryDirectory(prefix="nsml-demo-") as scratch, Simulator(demonstration(), ssh=True) as simulator:
            return _show(simulator, Path(scratch), stop)
    except Stopped:
        return 130


def _show(simulator: Simulator, scratch: Path, stop: threading.Event) -> int:
    collections = scratch / "collections"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NCLOUD_", "NCP_"))}
    # ansible-rulebook leaves temporary directories behind where it is interrupted.
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_HOME": str(scratch / "ansible"), "TMPDIR": str(scratch)}
    environment = {**mine, **simulator.environment, **settings, "PATH": path}
    print(f"# A simulated CLOVA NSML listens at {simulator.url}. No request leaves this machine.\n")
    install = ["ansible-galaxy", "collection", "install", ".", "--collections-path", str(collections)]
    with started(install, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        if code := _wait(process, stop):
            assert process.stdout
            print(process.stdout.read(), file=sys.stderr)
            return code
    print(f"$ cat {RULEBOOK}\n{RULEBOOK.read_text(encoding='utf-8')}")
    return _follow(simulator, environment, stop)


def _wait(process: subprocess.Popen[str], stop: threading.Event, done: threading.Event | None = None) -> int:
    """Return the exit code of a command once it has ended, or 0 once all is done.

    :raises Stopped: it is to be ended
    """
    while process.poll() is None:
        if stop.wait(POLL_SECONDS):
            raise Stopped
        if done and done.is_set():
            return 0
    return process.returncode


def _follow(simulator: Simulator, environment: Mapping[str, str], stop: threading.Event) -> int:
    """Run the rulebook, and trigger each change after the rulebook has reacted to the previous one."""
    run = simulator.projects[0].runs[1]

    def let_run() -> None:
        run.nodes[3].state = NODE_RUNNING

    def end() -> None:
        run.status = RUN_COMPLETED
        for node in run.nodes:
            node.state, node.exit_code = "NODE_STATE_COMPLETED", 0

    steps: list[tuple[str, Callable[[], object]]] = [
        ("bert-2-2.*ok=", let_run),
        ("^All 4 ranks", end),
        ("^Run 2 has ended", lambda: None),
    ]
    done = threading.Event()

    def react(lines: IO[str]) -> None:
        for line in lines:
            if stop.is_set():  # what follows is how the command was interrupted
                return
            print(line, end="", flush=True)
            if re.search(steps[0][0], line):
                steps.pop(0)[1]()
            if not steps:
                done.set()
                return

    command = ["ansible-rulebook", "--rulebook", str(RULEBOOK), "--inventory", str(INVENTORY)]
    print(f"$ {' '.join(command)}", flush=True)
    with started(command, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        threading.Thread(target=react, args=(process.stdout,), daemon=True).start()
        code = _wait(process, stop, done)
    return code if done.is_set() else code or 1
