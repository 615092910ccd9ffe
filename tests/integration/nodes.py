# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes on OpenSSH's own server: each has its own port, host key, home and commands, and is a process of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ansible_collections.navercloud.nsml.tests.ports import ADDRESS, reserved_port
from ansible_collections.navercloud.nsml.tests.simulator import processes_with_home

SSHD = Path("/usr/sbin/sshd")

# For ANSIBLE_SSH_USETTY. Without root's rights, sshd ends a session that has a terminal: it cannot write login records.
TERMINAL = str(os.geteuid() == 0)

CONFIGURATION = """\
Port {port}
ListenAddress {address}
HostKey "{directory}/host"
AuthorizedKeysFile "{login}.pub"
PidFile none
StrictModes no
UsePAM no
KexAlgorithms curve25519-sha256
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
SetEnv "HOME={home}" "TMPDIR={home}" "PATH={commands}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""


class Server:
    """One node. It logs in whoever has the key ``login``, as the user that runs the tests."""

    def __init__(self, directory: Path, login: Path, port: int) -> None:
        self.directory = directory
        self.login = login
        self.home = directory / "home"
        self.commands = directory / "commands"
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.commands.mkdir(parents=True)
        self._renew()

    @property
    def log(self) -> str:
        """What the server has told so far."""
        return (self.directory / "log").read_text()

    @property
    def host_key(self) -> str:
        """The public host key as known_hosts has it."""
        kind, key, _comment = (self.directory / "host.pub").read_text().split()
        return f"{kind} {key}"

    def replace(self, kind: str = "ed25519") -> None:
        """Have another node come behind the same port: with a new host key of that kind, and an empty home."""
        self.stop()
        self._renew(kind)
        self.start()

    def _renew(self, kind: str = "ed25519") -> None:
        for name in ("host", "host.pub"):
            (self.directory / name).unlink(missing_ok=True)
        make_key(self.directory / "host", kind)
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        # No blank in this path, wherever the environment lies.
        (self.home / "python").symlink_to(sys.executable)

    def start(self) -> None:
        """Return once it listens."""
        configuration = self.directory / "configuration"
        configuration.write_text(CONFIGURATION.format(**vars(self), address=ADDRESS))
        with (self.directory / "log").open("wb") as log:
            command = [str(SSHD), "-D", "-e", "-f", str(configuration)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            self._wait(self._process)
        except AssertionError:
            self.stop()
            raise

    def stop(self) -> None:
        """Vanish, with all connections and with all that runs on the node."""
        if not self._process:
            return
        kill([self._process.pid, *descendants(self._process.pid)])
        self._process.wait()
        self._process = None
        while left := list(processes_with_home(self.home)):
            kill(left)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if f"Server listening on {ADDRESS} port {self.port}." in self.log:
                return
            time.sleep(0.01)
        raise AssertionError(f"sshd does not listen on port {self.port}: {self.log}")


@contextmanager
def started(directory: Path, count: int) -> Iterator[list[Server]]:
    """Start so many nodes, and stop them with all that runs on them. The key to log in is ``directory / "login"``."""
    directory.mkdir(exist_ok=True)
    make_key(directory / "login")
    with ExitStack() as stack:
        ports = [stack.enter_context(reserved_port()) for _number in range(count)]
        servers = [Server(directory / f"node-{number}", directory / "login", port) for number, port in enumerate(ports)]
        for server in servers:
            stack.callback(server.stop)
            server.start()
        yield servers


def make_key(path: Path, kind: str = "ed25519") -> None:
    """Make a key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)


def descendants(pid: int) -> list[int]:
    """Return the process's children, and theirs."""
    children = defaultdict(list)
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children[parent].append(child)
    found = list(children[pid])
    for known in found:
        found += children[known]
    return found


def kill(pids: list[int]) -> None:
    """End processes, of which some may have ended by now."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
