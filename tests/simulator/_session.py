# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One command in a node: a real child process, connected to an SSH session with its files, signals and exit status."""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

SHELL: Final = "/bin/sh"
# The Python that runs the simulator comes first, because it is known to work.
PATH: Final = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A new session gets its controlling terminal by opening it by name; inheriting it is not enough.
ON_TERMINAL: Final = 'terminal=$1; shift; exec "$@" <"$terminal" >"$terminal" 2>&1'
CHUNK: Final = 65536


@dataclass
class _Plumbing:
    """Both ends of the three files of the child. On a terminal, errors are part of the output."""

    child: tuple[int, int, int]
    stdin: int
    stdout: int
    stderr: int | None


async def run(process: asyncssh.SSHServerProcess[bytes], home: Path, variables: Mapping[str, str]) -> None:
    """Run the command or a shell, and forward its exit status. A cancellation kills the process group of the child."""
    command = [SHELL, "-c", process.command] if process.command else [SHELL]
    environment = _environment(process.term_type, home, variables)
    if process.term_type is not None:  # it may be empty
        plumbing = _terminal(process.term_size)
        command = [SHELL, "-c", ON_TERMINAL, SHELL, os.ttyname(plumbing.child[0]), *command]
    else:
        plumbing = _pipes()
    child = await _start(command, plumbing, home, environment)
    feeding = asyncio.create_task(_feed(process, plumbing.stdin, child.pid))
    try:
        outputs = [_drain(plumbing.stdout, process.stdout)]
        if plumbing.stderr is not None:
            outputs.append(_drain(plumbing.stderr, process.stderr))
        await asyncio.gather(*outputs)
        status = await child.wait()
    finally:
        feeding.cancel()
        # The child may have ended since the last check.
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)


def _environment(terminal: str | None, home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    user = getpass.getuser()
    clean = {"HOME": str(home), "LANG": "C.UTF-8", "LOGNAME": user, "PATH": PATH, "SHELL": SHELL, "USER": user}
    clean["TMPDIR"] = str(home)  # removed with the node, even if the command is killed
    return {**clean, **variables, **({"TERM": terminal} if terminal else {})}


def _pipes() -> _Plumbing:
    child_in, stdin = os.pipe()
    stdout, child_out = os.pipe()
    stderr, child_err = os.pipe()
    return _Plumbing((child_in, child_out, child_err), stdin, stdout, stderr)


def _terminal(size: tuple[int, int, int, int]) -> _Plumbing:
    ours, terminal = pty.openpty()
    _resize(ours, size)
    return _Plumbing((terminal, terminal, terminal), os.dup(ours), ours, None)


def _resize(terminal: int, size: tuple[int, int, int, int]) -> None:
    columns, rows, width, height = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


async def _start(command: list[str], plumbing: _Plumbing, home: Path, environment: dict[str, str]) -> Process:
    stdin, stdout, stderr = plumbing.child
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=stdout, stderr=stderr, cwd=home, env=environment, start_new_session=True
        )
    finally:
        for file in set(plumbing.child):
            os.close(file)


async def _drain(file: int, writer: asyncssh.SSHWriter[bytes]) -> None:
    """Forward the output until its end."""
    reader = asyncio.StreamReader()
    transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", buffering=0)
    )
    try:
        # A terminal ends with an OSError, and the client may disconnect before the end.
        with suppress(OSError, asyncssh.DisconnectError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
    finally:
        transport.close()


async def _feed(process: asyncssh.SSHServerProcess[bytes], file: int, group: int) -> None:
    """Forward the input until its end, with the signals and new terminal sizes in it."""
    # asyncio does not have a public protocol for writers alone, so this one has an unused reader.
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(file, "wb", buffering=0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
    try:
        # The child may end or close its input before it has read everything, and the client may disconnect.
        with suppress(OSError, asyncssh.DisconnectError):
            while True:
                try:
                    data = await process.stdin.read(CHUNK)
                except asyncssh.TerminalSizeChanged as change:
                    _resize(file, change.term_size)
                except asyncssh.SignalReceived as received:
                    os.killpg(group, signal.Signals[f"SIG{received.signal}"])
                else:
                    if not data:
                        break
                    writer.write(data)
                    await writer.drain()
    finally:
        transport.close()
