# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface for tests: a context manager that runs the simulator's event loop in a separate thread."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final

from ._api import PREFIX, Api
from ._behaviour import Behaviour
from ._gateway import Credentials
from ._ssh import ADDRESS, Fleet
from ._world import Project, World

CREDENTIALS: Final = Credentials(
    access_key="simulatorAccessKey00",
    secret_key="simulatorSecretKey0000000000000000000000",
    api_key="simulatorApiKey0000000000000000000000000",
)


class Simulator(Api):
    """The NSML API on loopback, and with `ssh` also its nodes, for the duration of a `with` block."""

    def __init__(
        self,
        projects: list[Project],
        behaviour: Behaviour | None = None,
        *,
        ssh: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(World(projects, clock), behaviour or Behaviour(), CREDENTIALS)
        self.url = ""
        self.environment: dict[str, str] = {}
        # TCP connections accepted so far.
        self.connections = 0
        self._ssh = ssh
        self._ssl_context = ssl_context
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nsml-simulator")

    def __enter__(self) -> Simulator:
        ready: Future[None] = Future()
        self._running = self._thread.submit(asyncio.run, self._serve(ready))
        wait([ready, self._running], return_when=FIRST_COMPLETED)
        if not ready.done():
            self._running.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._running.result()
        self._thread.shutdown()

    async def _serve(self, ready: Future[None]) -> None:
        """Serve until asked to stop. An exception here is raised in the `with` statement."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._http(), self._nodes_on_ssh():
            ready.set_result(None)
            await self._stop.wait()

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[None]:
        runner = self._runner()
        await runner.setup()
        assert runner.server
        new_protocol = runner.server

        def accept() -> asyncio.Protocol:
            self.connections += 1
            return new_protocol()

        listener = await self._loop.create_server(accept, ADDRESS, 0, ssl=self._ssl_context)
        scheme = "https" if self._ssl_context else "http"
        self.url = f"{scheme}://{ADDRESS}:{listener.sockets[0].getsockname()[1]}{PREFIX}"
        self.environment = {
            "NCLOUD_NSML_API_URL": self.url,
            "NCLOUD_ACCESS_KEY_ID": self.credentials.access_key,
            "NCLOUD_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "NCLOUD_NSML_API_KEY": self.credentials.api_key,
        }
        try:
            yield
        finally:
            listener.close()
            await runner.cleanup()

    @asynccontextmanager
    async def _nodes_on_ssh(self) -> AsyncIterator[None]:
        if not self._ssh:
            yield
            return
        fleet = Fleet(self.world)
        try:
            await fleet.refresh()
            self._refresh = fleet.refresh
            self.environment |= fleet.environment
            yield
        finally:
            await fleet.stop()
