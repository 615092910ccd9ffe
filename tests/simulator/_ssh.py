# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that accept SSH connections on loopback. Each has its own port, host key and home, and runs real commands."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import signal
import sys
import tempfile
import weakref
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncssh

from ..processes import processes_with
from . import _session
from ._world import NODE_RUNNING, Node, World

ADDRESS: Final = "127.0.0.1"
USER: Final = "nsml"


class Fleet:
    """One SSH server for each running node, except for nodes that already have a port in the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._temporary = tempfile.TemporaryDirectory(prefix="nsml-simulator-")
        self._folder = Path(self._temporary.name)
        self._known_hosts = self._folder / "known_hosts"
        self._client_key = asyncssh.generate_private_key("ssh-ed25519")
        self._client_key_file = self._folder / "id_ed25519"
        self._client_key_file.touch(mode=0o600)
        self._client_key.write_private_key(self._client_key_file)
        # Ansible does not quote the path of the interpreter, which may contain a blank.
        self._python = self._folder / "python"
        self._python.symlink_to(sys.executable)
        self._servers: dict[Node, NodeServer] = {}
        self._refreshing = asyncio.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """Return what Ansible needs to log in. SSH checks host keys as usual."""
        # Long enough for a busy machine: if a connection closes before its first use, that use fails.
        ssh_args = ["ControlMaster=auto", "ControlPersist=10s", "IdentitiesOnly=yes"]
        ssh_args.append(f'UserKnownHostsFile="{self._known_hosts}"')
        return {
            "ANSIBLE_PRIVATE_KEY_FILE": str(self._client_key_file),
            "ANSIBLE_PYTHON_INTERPRETER": str(self._python),
            "ANSIBLE_REMOTE_TEMP": "$HOME/.ansible/tmp",
            "ANSIBLE_REMOTE_USER": USER,
            # The path of a control socket must be short. The path of a home may be long.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "cp"),
            "ANSIBLE_SSH_ARGS": " ".join(f"-o {shlex.quote(arg)}" for arg in ssh_args),
        }

    async def refresh(self) -> None:
        """Start the servers of nodes that now run, and stop the servers of nodes that no longer run."""
        async with self._refreshing:
            running = dict(self._running())
            for node in [node for node in self._servers if node not in running]:
                await self._stop(node)
            for node, variables in running.items():
                if node not in self._servers:
                    await self._start(node, variables)

    async def stop(self) -> None:
        """Stop every server and every process in the nodes, and remove all files."""
        for node in list(self._servers):
            await self._stop(node)
        self._temporary.cleanup()  # ignores files that SSH removes at the same time

    def _running(self) -> Iterator[tuple[Node, dict[str, str]]]:
        """Yield the nodes that should listen now, with the variables that the service sets in them."""
        seconds = self._world.seconds
        for project in self._world.projects:
            for run in project.runs:
                present = [(node, now) for node in run.nodes if (now := node.at(seconds))]
                for node, now in present:
                    if now.state == NODE_RUNNING and (now.port is None or node in self._servers):
                        yield (
                            node,
                            {
                                "NSML_PROJECT": project.name,
                                "NSML_RUN": run.name,
                                "NSML_RANK": str(now.rank),
                                "NSML_WORLD_SIZE": str(len(present)),
                            },
                        )
                    elif now.port is None and now.host == ADDRESS:
                        node.host = None

    async def _start(self, node: Node, variables: dict[str, str]) -> None:
        home = Path(tempfile.mkdtemp(prefix="node-", dir=self._folder))
        server = NodeServer(home, variables, self._client_key)
        port = await server.start()
        with self._known_hosts.open("a") as file:
            file.write(f"[{ADDRESS}]:{port} {server.host_key}\n")
        self._servers[node] = server
        node.host, node.port = ADDRESS, port

    async def _stop(self, node: Node) -> None:
        node.host = node.port = None
        await self._servers.pop(node).stop()


class NodeServer(asyncssh.SSHServer):
    """One node: its listener, its connections and its processes."""

    def __init__(self, home: Path, variables: dict[str, str], client_key: asyncssh.SSHKey) -> None:
        self._home = home
        self._variables = variables
        self._client_key = client_key
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._connections: weakref.WeakSet[asyncssh.SSHServerConnection] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        # Ansible asks the shell for ~nsml, which is not a user of this machine, so the shell does not expand it. Commands
        # start in the home, where this link makes the unexpanded name lead to the home.
        (home / f"~{USER}").symlink_to(".")

    @property
    def host_key(self) -> str:
        """Return the public host key in the format of known_hosts."""
        return self._host_key.export_public_key().decode().strip()

    async def start(self) -> int:
        """Listen, and return the port."""
        self._listener = await asyncssh.listen(
            ADDRESS,
            0,
            server_factory=lambda: self,
            server_host_keys=[self._host_key],
            process_factory=self._session,
            sftp_factory=lambda channel: _HomeSFTPServer(channel, self._home),
            allow_scp=True,
            line_editor=False,
            encoding=None,
        )
        return self._listener.get_port()

    async def stop(self) -> None:
        """Stop the listener, the connections and all processes, including those in the background."""
        self._listener.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while left := list(processes_with_home(self._home)):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        await self._listener.wait_closed()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.add(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username in (USER, getpass.getuser()) and key == self._client_key.convert_to_public()

    def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run a command in a task that ends when its channel closes, or earlier."""
        session = self._keep(_session.run(process, self._home, self._variables))
        self._keep(_cancel_at_end(process.channel, session))

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _HomeSFTPServer(asyncssh.SFTPServer):
    """SFTP access to the files of this machine. Relative paths start in the home of the node."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)  # noqa: PTH118 - pathlib does not support bytes

    def exit(self) -> None:
        # Without an exit status, OpenSSH's scp reports a failure.
        self.channel.exit(0)


async def _cancel_at_end(channel: asyncssh.SSHServerChannel[bytes], session: asyncio.Task[None]) -> None:
    await channel.wait_closed()
    session.cancel()


def processes_with_home(home: Path) -> Iterator[int]:
    """Yield the IDs of the processes with this home."""
    return processes_with("HOME", home)
