# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the event source costs, without the engine: `python -m tests.benchmark.events` from the root of the repository.

Seconds from the last answer of the service to the first and to the last event, CPU while nothing happens, and memory.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .fleet import Fleet, node_row

PROJECT = "abc123ygz0iujnxyz1"
SIZES = (64, 10_000)
IDLE_SECONDS = 30.0


def main() -> None:
    """Print the figures."""
    # What the engine has in memory before it loads a source is not the source's own.
    for module in ("app", "cli", "engine"):
        import_module(f"ansible_rulebook.{module}")
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="nsml-benchmark-") as scratch:
        package = Path(scratch) / "ansible_collections" / "navercloud" / "nsml"
        package.parent.mkdir(parents=True)
        package.symlink_to(root)
        sys.path.append(scratch)
        for nodes in SIZES:
            _in_child(_measure, nodes)
        _in_child(_idle, SIZES[0])


def _in_child(measure: Any, nodes: int) -> None:
    process = multiprocessing.get_context("fork").Process(target=measure, args=(nodes,))
    process.start()
    process.join()


def _measure(nodes: int) -> None:
    before = _resident()
    with _service(nodes) as (url, control):
        print(f"{nodes:,} nodes: {asyncio.run(_change(url, control, nodes, 1))}, one changes")
        print(f"{nodes:,} nodes: {asyncio.run(_change(url, control, nodes, nodes))}, all change")
    print(f"{nodes:,} nodes: {_resident() - before:.0f} MiB more than at the start, {_peak() - before:.0f} MiB at most")


def _idle(nodes: int) -> None:
    with _service(nodes) as (url, _control):

        async def run() -> float:
            task, queue = _source(url, interval=5)
            for _number in range(nodes + 1):  # and run_ready
                await queue.get()
            began = time.process_time()
            await asyncio.sleep(IDLE_SECONDS)
            used = time.process_time() - began
            task.cancel()
            return used

        print(f"{nodes:,} nodes: {asyncio.run(run()) / IDLE_SECONDS:.2%} of a core while nothing happens, a reading each 5 s")


async def _change(url: str, control: Connection, nodes: int, changing: int) -> str:
    """Let so many nodes change at once, and return how long it took to put their events."""
    control.send(0)
    task, queue = _source(url, interval=0.2)
    for _number in range(nodes):
        await queue.get()
    await queue.get()  # run_ready
    control.send(changing)
    await queue.get()
    first = time.monotonic()
    for _number in range(changing - 1):
        await queue.get()
    last = time.monotonic()
    task.cancel()
    control.send(None)
    answered = max(moment for moment in control.recv() if moment < first)
    return f"first event {first - answered:.3f} s, last {last - answered:.3f} s after the answer"


def _source(url: str, interval: float) -> tuple[asyncio.Task[None], asyncio.Queue[dict[str, Any]]]:
    from ansible_collections.navercloud.nsml.extensions.eda.plugins.event_source import nodes as plugin

    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
    keys = dict.fromkeys(("access_key", "secret_key", "api_key"), "benchmark0")
    arguments = {"project": PROJECT, "run": "1", "api_url": url, "interval": interval, **keys}
    return asyncio.create_task(plugin.main(queue, arguments)), queue


@contextmanager
def _service(nodes: int) -> Iterator[tuple[str, Connection]]:
    """Serve one run in a process of its own, which is told how many nodes have changed, and tells when it answered."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(nodes, theirs), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}/nsml/v1", ours
    process.terminate()
    process.join()


def _serve(nodes: int, control: Connection) -> None:
    fleet = Fleet(nodes, 1)
    ready = {"state": "NODE_STATE_RUNNING", "host": "198.51.100.7", "sshPort": 15001}
    rows = [node_row(fleet, 1, rank) | ready for rank in range(nodes)]
    changed = 0
    answered: list[float] = []
    pages: dict[tuple[int, int, int], bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
            page, size = query.get("page", 0), query.get("pageSize", 10)
            key = (page, size, changed) if query else (-1, 0, 0)
            if not query:  # a run, asked for alone
                pages[key] = b'{"status": "RUN_STATE_IN_PROGRESS"}'
            elif key not in pages:
                first = (page - 1) * size
                part = [row | {"command": "changed"} if first + i < changed else row for i, row in enumerate(rows[first:][:size])]
                pages[key] = json.dumps({"nodes": part if page > 0 else [], "totalCount": nodes}).encode()
            body = pages[key]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            answered.append(time.monotonic())

        def log_message(self, *_arguments: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control.send(server.server_address[1])
    while True:
        order = control.recv()
        if order is None:
            control.send(answered)
        else:
            changed = order


def _resident() -> float:
    """Return the memory in use, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def _peak() -> float:
    """Return the most memory that was in use, in MiB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
