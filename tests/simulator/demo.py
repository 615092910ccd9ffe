# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the plugin at work on simulated nodes: `make demo`, or `python -m tests.demo` from the root."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..processes import started
from . import NODE_RUNNING, Simulator
from .__main__ import demonstration, variables_file

HERE = Path(__file__).parent.relative_to(Path.cwd())
ALL, NEWEST = HERE / "demo.nsml.yml", HERE / "newest.nsml.yml"
PROVISION = Path("docs/examples/provision")

# In lines of 80 characters, as many terminals have.
BEGINNING = """\
# The inventory plugin at work on a simulated CLOVA NSML: a training run of four
# nodes, one of which still starts, and a notebook. Ansible lists the nodes, logs
# in to those that are ready, waits for the last one, and prepares all four.
# No request leaves this machine. Set-up takes some seconds."""

# In one line: with their values they would fill a screen.
SETTINGS = "# Set for these commands alone: {}."

END = """
# You saw the nodes as hosts in groups, a ping to each that was ready, a command
# that waited for the last one, and a playbook that prepared all four.
# Nothing is left running, and nothing is left on disk outside this directory.
# Next: 'Installation' and 'First use' in README.md, or settings to try by hand:
# .venv/bin/python -m tests.simulator"""

# The pending node becomes ready so long after Ansible has begun to wait for it.
PENDING_SECONDS = 3

# A connection that ssh keeps open for later commands keeps a command's standard error open, too: wait no longer for its end.
LAST_WORDS_SECONDS = 0.5

# How often to check, while a command runs, whether to stop.
POLL_SECONDS = 0.05


class Stopped(Exception):
    """Ctrl-C was pressed, or this process is asked to end."""


def main(stop: threading.Event) -> int:
    """Run the demonstration and return its exit code.

    :param stop: ends it, with all that it started
    """
    print(BEGINNING, flush=True)
    try:
        # Not below the checkout: the path of a control socket must be short.
        with (
            tempfile.TemporaryDirectory(prefix="nsml-demo-") as scratch,
            Simulator(demonstration(), ssh=True) as simulator,
        ):
            _show(simulator, Path(scratch), stop)
    except Stopped:
        return 130
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    print(END)
    return 0


def _show(simulator: Simulator, scratch: Path, stop: threading.Event) -> None:
    collections = scratch / "collections"
    settings = {
        **simulator.environment,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(scratch / "ansible"),
    }
    print(SETTINGS.format(", ".join(settings)))
    run = _Shell(settings, stop)
    run(f"ansible-galaxy collection install . --collections-path {shlex.quote(str(collections))}")
    run(f"cat {ALL}")
    run(f"ansible-inventory -i {ALL} --graph")
    run(f"ansible-inventory -i {ALL} --host bert-2-0")
    run(f"ansible -i {ALL} nsml_ready -m ansible.builtin.ping")
    run(f"cat {NEWEST}")
    start = threading.Timer(PENDING_SECONDS, _let_all_run, [simulator])
    start.start()
    try:
        run(f"ansible -i {NEWEST} nsml_ready -m ansible.builtin.command -a 'printenv NSML_RANK'")
    finally:
        start.cancel()
    _provision(run, settings, scratch)


def _provision(run: _Shell, settings: Mapping[str, str], scratch: Path) -> None:
    """Run the example of that name, as far as it can be run without changing this machine."""
    variables = variables_file(scratch, settings)
    run(f"cat {PROVISION}/provision.yml")
    run(f"cat {variables}")
    options = f"-i {PROVISION}/newest.nsml.yml -e @{variables}"
    run(f"ansible-playbook {options} {PROVISION}/provision.yml --skip-tags packages")
    run(f"ansible {options} nsml_ready -m ansible.builtin.command -a 'cat data/provisioned'")


def _let_all_run(simulator: Simulator) -> None:
    for project in simulator.projects:
        for run in project.runs:
            for node in run.nodes:
                node.state = NODE_RUNNING


class _Shell:
    """Shows a command as a user would type it, and runs it."""

    def __init__(self, settings: Mapping[str, str], stop: threading.Event) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NCLOUD_", "NCP_"))}
        self._environment = {**mine, **settings, "PATH": path}
        self._stop = stop

    def __call__(self, command: str) -> None:
        """Return once the command has ended.

        :raises Stopped: it was ended, with all that it started
        :raises subprocess.CalledProcessError: it failed
        """
        print(f"\n$ {command}", flush=True)
        with started(shlex.split(command), self._environment, stderr=subprocess.PIPE, text=True) as process:
            copier = threading.Thread(target=self._copy, args=(process.stderr,), daemon=True)
            copier.start()
            while process.poll() is None:
                if self._stop.wait(POLL_SECONDS):
                    raise Stopped
            copier.join(LAST_WORDS_SECONDS)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    def _copy(self, errors: IO[str]) -> None:
        """Show what a command writes to standard error, but for the traceback of one that is interrupted while it starts."""
        with suppress(ValueError):  # closed, with the command
            for line in errors:
                if not self._stop.is_set():
                    print(line, end="", file=sys.stderr, flush=True)
