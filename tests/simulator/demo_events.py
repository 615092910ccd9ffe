# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Demonstrate the event source with simulated nodes: `make demo-events`, or `python -m tests.simulator.demo_events`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ..processes import started
from . import NODE_RUNNING, RUN_COMPLETED, Simulator
from .__main__ import demonstration

HERE = Path(__file__).parent.relative_to(Path.cwd())
RULEBOOK, INVENTORY = HERE / "demo.rulebook.yml", HERE / "demo.nsml.yml"


def main() -> int:
    """Run the demonstration and return its exit code. Ctrl-C and SIGTERM also end the processes that it started."""
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        print("ansible-rulebook needs Java 17 or newer, for example Debian's package openjdk-17-jre-headless.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        # Outside the checkout, because the path of a control socket must be short.
        with tempfile.TemporaryDirectory(prefix="nsml-demo-") as scratch, Simulator(demonstration(), ssh=True) as simulator:
            return _show(simulator, Path(scratch))
    except KeyboardInterrupt:
        return 130


def _show(simulator: Simulator, scratch: Path) -> int:
    collections = scratch / "collections"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NCLOUD_", "NCP_"))}
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_HOME": str(scratch / "ansible"), "PATH": path}
    environment = {**mine, **simulator.environment, **settings}
    print(f"# A simulated CLOVA NSML listens at {simulator.url}. No request leaves this machine.\n")
    install = ["ansible-galaxy", "collection", "install", ".", "--collections-path", str(collections)]
    subprocess.run(install, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"$ cat {RULEBOOK}\n{RULEBOOK.read_text(encoding='utf-8')}")
    return _follow(simulator, environment)


def _follow(simulator: Simulator, environment: Mapping[str, str]) -> int:
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
    command = ["ansible-rulebook", "--rulebook", str(RULEBOOK), "--inventory", str(INVENTORY)]
    print(f"$ {' '.join(command)}", flush=True)
    with started(command, environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            if re.search(steps[0][0], line):
                steps.pop(0)[1]()
                if not steps:
                    return 0
        return process.wait() or 1


if __name__ == "__main__":
    sys.exit(main())
