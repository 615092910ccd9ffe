# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that can be given up from another thread, in every phase but the look-up of the name.

A thread that waits for a socket cannot be ended, but the socket can be shut down: then the wait is over. A copy of each socket is
kept for that: the library shows none during a TLS handshake, or once it has the head of an answer that ends with the connection.
"""

from __future__ import annotations

import functools
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

try:
    from requests.adapters import HTTPAdapter
except (ImportError, AttributeError):  # reported where a transport is made
    HTTPAdapter = object  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.poolmanager import PoolManager
else:
    HTTPConnection = object

_thread = threading.local()


class Attempt:
    """One try of a request: as a context, on the thread that makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_given_up = False

    def __enter__(self) -> Attempt:
        _thread.attempt = self
        return self

    def __exit__(self, *_error: object) -> None:
        del _thread.attempt
        self._close(lambda _sock: None)

    def watch(self, sock: socket.socket) -> None:
        """Have a connected socket shut down when the attempt is given up.

        :raises ConnectionAbortedError: it is given up already
        """
        with self._lock:
            if self._is_given_up:
                raise ConnectionAbortedError
            self._sockets.append(socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM))  # of whatever family

    def give_up(self) -> None:
        """End every wait for a socket of this attempt, where it is still under way."""
        self._is_given_up = True
        self._close(lambda sock: sock.shutdown(socket.SHUT_RDWR))

    def _close(self, end: Callable[[socket.socket], object]) -> None:
        with self._lock:
            while self._sockets:
                sock = self._sockets.pop()
                with suppress(OSError):  # the other side was quicker
                    end(sock)
                sock.close()


class Adapter(HTTPAdapter):
    """An adapter of requests whose connections are watched by the attempt that uses them."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of connections to servers."""
        super().init_poolmanager(*args, **options)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Return the pools of connections to a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        _watch_pools(manager)
        return manager


class _WatchedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()
        try:
            _watch(sock)
        except ConnectionAbortedError:
            sock.close()
            raise
        return sock

    def putrequest(self, *args: Any, **options: Any) -> None:
        if self.sock:  # a kept connection, which another attempt has opened
            _watch(self.sock)
        super().putrequest(*args, **options)

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # else it warns at each connection that nobody checks the certificate, which the user has chosen


def _watch(sock: socket.socket) -> None:
    if attempt := getattr(_thread, "attempt", None):
        attempt.watch(sock)


def _watch_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}


@functools.cache
def _watched(pool: Any) -> Any:
    """Return a class of pools like this one, whose connections are watched."""
    if issubclass(pool.ConnectionCls, _WatchedConnection):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_WatchedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _is_not_of_an_attempt(_record: logging.LogRecord) -> bool:
    return not hasattr(_thread, "attempt")


def silence_library() -> None:
    """Keep the library's log records of our requests out of Ansible's log: they quote headers, which may hold a key."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "urllib3":
            logging.getLogger(name).addFilter(_is_not_of_an_attempt)
