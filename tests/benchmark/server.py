# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fake APIs, in a process of their own: NSML, Hetzner Cloud, Vultr and NetBox, all telling of the same hosts.

A URL says which hosts, and how long each answer takes: ``/1000x10/50/nsml/v1/...`` is 1,000 nodes in 10 runs, 50 ms an answer. A
page is rendered once, so that an answer costs little. ``/counts`` tells what was asked since it was last asked itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from aiohttp import web

from .fleet import Fleet, hcloud_location, hcloud_row, netbox_row, netbox_site, node_row, run_row, vultr_row

Render = Callable[[Fleet, str, int, int], bytes]


@cache
def nsml_runs(fleet: Fleet, _run: str, page: int, size: int) -> bytes:
    """Render a page of the list of runs."""
    rows = [run_row(fleet, index + 1) for index in _indices(fleet.runs, page, size)]
    return _json({"runList": rows, "totalCount": fleet.runs})


@cache
def nsml_nodes(fleet: Fleet, run: str, page: int, size: int) -> bytes:
    """Render a page of a run's nodes."""
    count = fleet.size(int(run))
    rows = [node_row(fleet, int(run), rank) for rank in _indices(count, page, size)]
    return _json({"nodes": rows, "totalCount": count})


@cache
def hcloud_locations(fleet: Fleet, _run: str, page: int, size: int) -> bytes:
    """Render the list of places."""
    projects = _projects(fleet)
    return _json(
        {"locations": [hcloud_location(project) for project in projects], "meta": _hcloud_meta(len(projects), page, size)}
    )


@cache
def hcloud_servers(fleet: Fleet, _run: str, page: int, size: int) -> bytes:
    """Render a page of servers."""
    rows = [hcloud_row(fleet, index) for index in _indices(fleet.nodes, page, size)]
    return _json({"servers": rows, "meta": _hcloud_meta(fleet.nodes, page, size)})


@cache
def vultr_instances(fleet: Fleet, _run: str, page: int, size: int) -> bytes:
    """Render a page of instances."""
    rows = [vultr_row(fleet, index) for index in _indices(fleet.nodes, page, size)]
    following = str(page + 1) if page * size < fleet.nodes else ""
    return _json({"instances": rows, "meta": {"total": fleet.nodes, "links": {"next": following, "prev": ""}}})


@cache
def netbox_status(fleet: Fleet, _run: str, _page: int, _size: int) -> bytes:
    """Render the version: another one for each fleet, since the plugin keeps the schema, with its paths, for a version."""
    return _json({"netbox-version": f"4.{fleet.nodes}.0"})


@cache
def netbox_schema(fleet: Fleet, _run: str, _page: int, _size: int) -> bytes:
    """Render the little that the plugin reads of the schema."""
    paths = [f"/{fleet}/0/netbox/api/{path}/" for path in ("dcim/devices", "virtualization/virtual-machines")]
    known: dict[str, Any] = {path: {"get": {"parameters": []}} for path in paths}
    return _json({"info": {"version": f"4.{fleet.nodes}.0"}, "paths": known})


@cache
def netbox_devices(fleet: Fleet, _run: str, _page: int, _size: int) -> bytes:
    """Render all devices: the plugin asks for no limit, and NetBox can be set up to have none."""
    return _json({"results": [netbox_row(fleet, index) for index in range(fleet.nodes)], "next": None})


@cache
def netbox_sites(fleet: Fleet, _run: str, _page: int, _size: int) -> bytes:
    """Render all places."""
    return _json({"results": [netbox_site(project) for project in _projects(fleet)], "next": None})


@cache
def netbox_nothing(_fleet: Fleet, _run: str, _page: int, _size: int) -> bytes:
    """Render one of the lists that are empty here."""
    return _json({"results": [], "next": None})


# What comes after the fleet and the latency, how it is answered, and what the query calls page and size.
ROUTES: dict[str, tuple[Render, str, str]] = {
    "nsml/v1/projects/runs": (nsml_runs, "page", "pageSize"),
    "nsml/v1/projects/{project}/runs/{run}/nodes": (nsml_nodes, "page", "pageSize"),
    "hcloud/v1/locations": (hcloud_locations, "page", "per_page"),
    "hcloud/v1/servers": (hcloud_servers, "page", "per_page"),
    "vultr/v2/instances": (vultr_instances, "cursor", "per_page"),
    "netbox/api/status/": (netbox_status, "", ""),
    "netbox/api/schema/": (netbox_schema, "", ""),
    "netbox/api/dcim/devices/": (netbox_devices, "", ""),
    "netbox/api/dcim/sites/": (netbox_sites, "", ""),
    "netbox/api/{rest:.*}": (netbox_nothing, "", ""),
}


class Server:
    """Answers, and counts what it is asked."""

    def __init__(self) -> None:
        self._requests = 0
        self._connections: set[Any] = set()

    async def run(self) -> None:
        """Serve until standard input ends; the URL is printed first."""
        application = web.Application()
        application.router.add_get("/counts", self._counts)
        for path, (render, page, size) in ROUTES.items():
            application.router.add_get(f"/{{fleet}}/{{milliseconds}}/{path}", self._handler(render, page, size))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=0.1)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
        await ended.wait()
        await runner.cleanup()

    def _handler(self, render: Render, page: str, size: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            self._requests += 1
            self._connections.add(request.transport)
            query, path = request.query, request.match_info
            body = render(Fleet.named(path["fleet"]), path.get("run", ""), int(query.get(page) or 1), int(query.get(size) or 10))
            if path["milliseconds"] != "0":
                await asyncio.sleep(int(path["milliseconds"]) / 1000)
            return web.Response(body=body, content_type="application/json")

        return answer

    async def _counts(self, _request: web.Request) -> web.Response:
        counts = {"requests": self._requests, "connections": len(self._connections)}
        self._requests = 0
        self._connections.clear()
        return web.json_response(counts)


def _indices(count: int, page: int, size: int) -> range:
    """Return which rows a page holds; page 0 holds none."""
    return range(count)[(page - 1) * size : page * size] if page > 0 else range(0)


def _projects(fleet: Fleet) -> list[int]:
    return sorted({fleet.project(run) for run in range(1, fleet.runs + 1)})


def _hcloud_meta(count: int, page: int, size: int) -> dict[str, Any]:
    following = page + 1 if page * size < count else None
    last = -(-count // size)
    pages = {"previous_page": page - 1 or None, "next_page": following, "last_page": last}
    return {"pagination": {"page": page, "per_page": size, "total_entries": count, **pages}}


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


if __name__ == "__main__":
    asyncio.run(Server().run())
