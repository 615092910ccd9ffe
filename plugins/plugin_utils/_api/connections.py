# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run attempts within a time limit, with connections that can be shut down as soon as they are open.

A thread that waits for a socket cannot be ended, but its socket can be shut down, which ends the wait. This needs a copy of each
socket, because the library does not expose the socket during a TLS handshake, or after the headers of a response that ends with
the connection.
"""

from __future__ import annotations

import functools
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import GRACE_PERIOD, Task
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import RequestError

try:
    from requests.adapters import HTTPAdapter
except (ImportError, AttributeError):  # reported when a transport is created
    HTTPAdapter = object  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.poolmanager import PoolManager
else:
    HTTPConnection = object

Result = TypeVar("Result")

_thread = threading.local()


class Attempts:
    """The attempts of one transport, which all fail when they are closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: set[_Connections] = set()
        self.are_closed = False

    def close(self) -> None:
        """Give up the attempts under way, which then fail. No attempt starts after this."""
        with self._lock:
            self.are_closed = True
            under_way = list(self._under_way)
        for connections in under_way:
            connections.give_up()

    def run(self, exchange: Callable[[], Result], seconds: float, *, notify_after: float, notify: Callable[[], object]) -> Result:
        """Return the result of an exchange, or raise its error. The exchange runs on its own thread.

        The thread normally ends before this returns, unless it looks up a name, opens a connection or parses a large response.

        :param exchange: sends a request and returns what the response contains
        :param seconds: the time limit
        :param notify_after: the number of seconds after which ``notify`` is called, if there is no response yet
        :raises TimeoutError: the exchange took longer, or the attempts are closed
        """
        connections = _Connections()
        with self._lock:
            if self.are_closed:
                raise TimeoutError
            self._under_way.add(connections)
        first = min(seconds, notify_after)

        def watched() -> Result:
            with connections:
                return exchange()

        task = Task(watched, "nsml-exchange")
        try:
            task.start()
            if task.wait(first):
                return task.result()
            notify()
            if task.wait(seconds - first):
                return task.result()
        finally:
            self._under_way.discard(connections)
            connections.give_up()
            has_ended = task.wait(GRACE_PERIOD)
        if has_ended:
            with suppress(RequestError, TimeoutError):
                task.result()  # releases the objects to which the task refers
        raise TimeoutError


class _Connections:
    """The connections of one attempt, used as a context on the thread that sends the request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_given_up = False

    def __enter__(self) -> None:
        _thread.connections = self

    def __exit__(self, *_error: object) -> None:
        del _thread.connections
        self._close(lambda _sock: None)

    def add(self, sock: socket.socket) -> None:
        """Shut down a connected socket when the attempt is given up.

        :raises ConnectionAbortedError: the attempt is already given up
        """
        with self._lock:
            if self._is_given_up:
                raise ConnectionAbortedError
            self._sockets.append(socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM))  # of whatever family

    def give_up(self) -> None:
        """End every wait for a socket of this attempt."""
        self._is_given_up = True
        self._close(lambda sock: sock.shutdown(socket.SHUT_RDWR))

    def _close(self, end: Callable[[socket.socket], object]) -> None:
        with self._lock:
            while self._sockets:
                sock = self._sockets.pop()
                with suppress(OSError):  # the other side has closed the connection
                    end(sock)
                sock.close()


class Adapter(HTTPAdapter):
    """An adapter for requests. The attempt that uses a connection watches it."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Create the pools of connections to servers."""
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
        if self.sock:  # a kept connection that another attempt opened
            _watch(self.sock)
        super().putrequest(*args, **options)

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # otherwise, it warns of unverified certificates, which the user has chosen


def _watch(sock: socket.socket) -> None:
    if connections := getattr(_thread, "connections", None):
        connections.add(sock)


def _watch_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}


@functools.cache
def _watched(pool: Any) -> Any:
    """Return a subclass of a class of pools that watches its connections."""
    if issubclass(pool.ConnectionCls, _WatchedConnection):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_WatchedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _is_not_of_an_attempt(_record: logging.LogRecord) -> bool:
    return not hasattr(_thread, "connections")


def silence_library() -> None:
    """Keep the library's log records of attempts out of Ansible's log, because they quote headers, which may contain a key."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "urllib3":
            logging.getLogger(name).addFilter(_is_not_of_an_attempt)
