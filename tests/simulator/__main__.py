# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the simulator from the command line: `python -m tests.simulator` from the root of the repository."""

from __future__ import annotations

import argparse
import getpass
import logging
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from . import NODE_PENDING, NODE_RUNNING, RUN_COMPLETED, Node, Project, Run, Simulator
from ._api import REQUESTS

NEXT = """\
# A simulated CLOVA NSML listens at {url}
# Project bert: run 2 in progress with 4 nodes, one of them pending; run 1 completed.
# Projects demo-notebook and gpt: run 1 in progress with 1 node.
# To use it, paste the lines below into another shell. Then run, for example:
#   echo 'plugin: navercloud.nsml.nodes' > demo.nsml.yml
#   ansible-inventory -i demo.nsml.yml --graph
#   ansible -i demo.nsml.yml nsml_ready -m ansible.builtin.ping
{examples}# To stop the simulator, press Ctrl-C here."""

EXAMPLES = """\
# To run an example, change to its directory below docs/examples, and add this option to its commands:
#   -e @{variables}
"""

# Simulated nodes are processes of this machine, so the examples must not install packages or create users.
VARIABLES = """\
ansible_user: {user}
ansible_ssh_private_key_file: {key}
ansible_become: false
train_user: {me}
data_directory: ~/data
job_directory: ~/jobs/{{{{ job }}}}
train_command: printenv NSML_RANK
ssh_directory: {directory}/ssh
"""

# For docs/examples/many_sources.
GPT = Project("gpt", runs=[Run("1", nodes=[Node(command="torchrun train.py")])])


def main() -> None:
    """Serve the demonstration until Ctrl-C or SIGTERM."""
    options = _options()
    if options.requests:
        logging.basicConfig(format="%(message)s")
        REQUESTS.setLevel(logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with (
        tempfile.TemporaryDirectory(prefix="nsml-variables-") as directory,
        Simulator([*demonstration(options.pending), GPT], ssh=options.ssh) as simulator,
    ):
        exports = "".join(f"export {name}={_quote(value)}\n" for name, value in simulator.environment.items())
        examples = EXAMPLES.format(variables=variables_file(Path(directory), simulator.environment)) if options.ssh else ""
        print(NEXT.format(url=simulator.url, examples=examples), exports, sep="\n", end="", flush=True)
        with _file(options.environment, exports) if options.environment else nullcontext():
            stop.wait()


def demonstration(pending: float | None = None) -> list[Project]:
    """Return a training run with a node that is starting (it runs after `pending` seconds), an old run, and a notebook."""
    starts = [] if pending is None else [(pending, {"state": NODE_RUNNING})]
    training = [Node(rank=rank, command="torchrun train.py") for rank in range(3)]
    training.append(Node(rank=3, command="torchrun train.py", state=NODE_PENDING, changes=starts))
    return [
        Project("bert", runs=[Run("1", status=RUN_COMPLETED), Run("2", nodes=training)]),
        Project(
            "demo-notebook",
            runs=[Run("1", nodes=[Node(resource_type="[Notebook] 4vCPU, 16GB Mem")], run_type="NOTEBOOK")],
        ),
    ]


def variables_file(directory: Path, environment: Mapping[str, str]) -> Path:
    """Write the variables that docs/examples need for simulated nodes, and return the file.

    :param environment: the environment variables of the simulator
    """
    file = directory / "simulated.yml"
    user, key = environment["ANSIBLE_REMOTE_USER"], environment["ANSIBLE_PRIVATE_KEY_FILE"]
    file.write_text(VARIABLES.format(user=user, key=key, me=getpass.getuser(), directory=directory))
    return file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description="Simulate CLOVA NSML on loopback.")
    parser.add_argument("--environment", type=Path, metavar="FILE", help="write the export lines to FILE when all is ready")
    parser.add_argument("--no-ssh", dest="ssh", action="store_false", help="serve only the API, without nodes to log in to")
    parser.add_argument("--pending", type=float, metavar="SECONDS", help="start the pending node after SECONDS (default: never)")
    parser.add_argument("--requests", action="store_true", help="print each request and its status on standard error")
    return parser.parse_args()


def _quote(value: str) -> str:
    """Return the value in single quotes, for any POSIX shell."""
    return "'" + value.replace("'", "'\\''") + "'"


@contextmanager
def _file(path: Path, text: str) -> Iterator[None]:
    """Create a file that is never visible in part, and remove it at the end."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as unfinished:
        unfinished.write(text)
    Path(unfinished.name).replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
