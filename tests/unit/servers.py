# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers on 127.0.0.1 that misbehave below HTTP, where no simulator of the API reaches."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType

# What a server does after it has read the head of a request. It may close the socket.
Answer = Callable[[socket.socket], None]


class Server:
    """Accepts connections and answers each request on them, until it is left.

    :param answer: called for each request
    :param context: speak TLS
    """

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/nsml/v1"
        self.requests: list[bytes] = []
        self.requested = threading.Event()

    @property
    def connections(self) -> int:
        """How many were opened so far."""
        return len(self._sockets)

    @property
    def open_sockets(self) -> int:
        """How many of its sockets are open."""
        return sum(sock.fileno() >= 0 for sock in [self._listener, *self._sockets])

    def __enter__(self) -> Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A socket that another thread waits for is only woken by a shutdown.
        for sock in [self._listener, *self._sockets]:
            cut(sock)

    def _accept(self) -> None:
        while True:
            try:
                sock = self._listener.accept()[0]
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            while head := read_head(sock):
                self.requests.append(head)
                self.requested.set()
                self._answer(sock)
        except OSError:
            cut(sock)  # so does the other side when it has seen enough


def read_head(sock: socket.socket) -> bytes:
    """Read to the end of a request's head; empty when the other side has closed."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def cut(sock: socket.socket) -> None:
    """End a connection."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def message(body: str | bytes = "{}", status: int = 200, *headers: str, length: bool = True) -> bytes:
    """Return an answer as it goes over the wire, with or without its length."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Words", *headers, f"Content-Length: {len(content)}" if length else "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def sends(*answers: bytes) -> Answer:
    """Send one answer after the other, the last one ever again."""
    rest = list(answers)

    def answer(sock: socket.socket) -> None:
        sock.sendall(rest.pop(0) if len(rest) > 1 else rest[0])

    return answer


def sends_and_cuts(*answers: bytes) -> Answer:
    """Send one answer after the other, the last one ever again, and end the connection after each."""
    send = sends(*answers)

    def answer(sock: socket.socket) -> None:
        send(sock)
        cut(sock)
        raise ConnectionResetError

    return answer


def repeats(start: bytes, part: bytes, pause: float = 0) -> Answer:
    """Send a start, and then the same part again until the other side has seen enough, or long after it should have."""

    def answer(sock: socket.socket) -> None:
        sock.sendall(start)
        never, end = threading.Event(), time.monotonic() + 30
        while not never.wait(pause) and time.monotonic() < end:
            sock.sendall(part)
        raise ConnectionResetError

    return answer


def hangs(_sock: socket.socket) -> None:
    """Send nothing."""
