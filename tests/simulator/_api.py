# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API itself: four endpoints, behind a gateway that records and checks each request."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, TypeVar

from aiohttp import web

from ._behaviour import Answer, Behaviour, Count
from ._gateway import Credentials, Refusal, bad_request, check, method_not_allowed, not_found
from ._world import ABSENT, Project, Run, World

PREFIX: Final = "/nsml/v1"
DEFAULT_PAGE_SIZE: Final = 10
# Open requests do not delay the end. 0 would mean no limit.
SHUTDOWN_SECONDS: Final = 0.1
# Logs each request and the status of its answer. Off by default.
REQUESTS: Final = logging.getLogger("nsml-simulator.requests")

Item = TypeVar("Item")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Record:
    """A request as received, and the status of its answer once there is one."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int | None = None


class Api:
    """The HTTP side of the service, with attributes that a test may read or change while it runs."""

    def __init__(self, world: World, behaviour: Behaviour, credentials: Credentials) -> None:
        self.world = world
        self.behaviour = behaviour
        self.credentials = credentials
        self.requests: list[Record] = []
        # Called with the number of the request, from 1, before the answer is created.
        self.before_answer: Callable[[int], None] | None = None
        self._refresh: Callable[[], Awaitable[None]] | None = None
        self._prepared: deque[Answer] = deque()

    @property
    def projects(self) -> list[Project]:
        """All projects. Each request uses their current state."""
        return self.world.projects

    @projects.setter
    def projects(self, projects: list[Project]) -> None:
        self.world.projects = projects

    def answer_next(self, answer: Answer, times: int = 1) -> None:
        """Return this answer to the next requests, whatever they request."""
        self._prepared.extend([answer] * times)

    def _runner(self) -> web.AppRunner:
        """Return the application, before its setup."""
        app = web.Application(middlewares=[self._gateway])
        for path, handler in {
            "/projects": self._list_projects,
            "/projects/runs": self._list_runs,
            "/projects/{project}/runs/{run}": self._show_run,
            "/projects/{project}/runs/{run}/nodes": self._list_nodes,
        }.items():
            app.router.add_get(PREFIX + path, handler, allow_head=False)
        return web.AppRunner(app, access_log=REQUESTS, access_log_format="%r %s", shutdown_timeout=SHUTDOWN_SECONDS)

    @web.middleware
    async def _gateway(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle every request, including one for an unknown URL."""
        record = Record(request.method, request.raw_path, request.headers.copy())
        self.requests.append(record)
        number = len(self.requests)
        await asyncio.sleep(self.behaviour.latency)
        if self.before_answer:
            self.before_answer(number)
        if self._refresh:
            await self._refresh()
        cut = self.behaviour.next_cut()
        if self._prepared:
            response: web.StreamResponse = _response(self._prepared.popleft())
        elif (fault := self._fault(request)) is not ABSENT:
            response = _response(fault or await self._never())
            cut = len(fault.content) // 2 if fault.cut else cut
        else:
            response = await self._answer(request, handler)
        record.status = response.status
        response.headers.setdefault("Date", formatdate(self._now(), usegmt=True))
        response.headers.setdefault("x-ncp-trace-id", f"trace-{number}")
        response.headers.setdefault("x-ncp-apigw-request-id", f"request-{number}")
        return response if cut is None else await _send_cut(request, response, cut)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check(request.method, request.raw_path, request.headers, self.credentials, self._now())
            if isinstance(request.match_info.http_exception, web.HTTPMethodNotAllowed):
                raise method_not_allowed()
            if request.match_info.http_exception:
                raise not_found()
            return await handler(request)
        except Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    async def _list_projects(self, request: web.Request) -> web.Response:
        def row(project: Project) -> Any:
            return project.row(sum(len(self.world.nodes(project, run)) for run in project.runs))

        return self._listing(request, "projects", self.world.projects, row, self.behaviour.count)

    async def _list_runs(self, request: web.Request) -> web.Response:
        runs = [(project, run) for project in self.world.projects for run in project.runs]
        return self._listing(request, "runList", runs, lambda pair: pair[1].row(pair[0]), self.behaviour.runs_count)

    async def _show_run(self, request: web.Request) -> web.Response:
        project, run = self._find_run(request)
        return web.json_response(run.detail(project))

    async def _list_nodes(self, request: web.Request) -> web.Response:
        project, run = self._find_run(request)
        nodes = self.world.nodes(project, run)
        return self._listing(request, "nodes", nodes, lambda node: node.row(project, run), self.behaviour.count)

    def _find_run(self, request: web.Request) -> tuple[Project, Run]:
        found = self.world.run(request.match_info["project"], request.match_info["run"])
        if not found:
            raise not_found("Run not found.")
        return found

    def _listing(
        self, request: web.Request, name: str, items: Sequence[Item], row: Callable[[Item], Any], count: Count
    ) -> web.Response:
        page = _page(self._ordered(items), request.query, self.behaviour)
        if isinstance(page, Answer):
            return _response(page)
        body: dict[str, Any] = {**self.behaviour.beside, name: [row(item) for item in page]}
        if not page and self.behaviour.empty in ("no body", "204"):
            return web.Response(status=204 if self.behaviour.empty == "204" else 200)
        if not page and self.behaviour.empty == "null":
            body[name] = None
        if not page and self.behaviour.empty == "no key":
            del body[name]
        if count != "absent":
            number = count if isinstance(count, int) else len(items if count == "whole" else page)
            body["totalCount"] = None if count == "null" else str(number) if self.behaviour.count_is_string else number
        return web.json_response(body)

    def _ordered(self, items: Sequence[Item]) -> Sequence[Item]:
        if self.behaviour.order == "random":
            return random.sample(items, len(items))
        return items if self.behaviour.order == "oldest" else items[::-1]

    def _fault(self, request: web.Request) -> Any:
        """Return the answer that replaces the requested page, or ABSENT."""
        number = request.query.get("page", "")
        return self.behaviour.faults.get(int(number), ABSENT) if number.isdecimal() else ABSENT

    async def _never(self) -> Answer:
        await asyncio.sleep(3600)
        return Answer()

    def _now(self) -> float:
        return time.time() + self.behaviour.clock_offset


def _page(items: Sequence[Item], query: Mapping[str, str], behaviour: Behaviour) -> Sequence[Item] | Answer:
    """Return the part of the list that the query requests, as far as the server honors it, or an answer that replaces it."""
    index = _whole_number(query, "page", behaviour.first_page) - behaviour.first_page
    asked = _whole_number(query, "pageSize", DEFAULT_PAGE_SIZE)
    if asked < 1:
        raise bad_request("pageSize must be 1 or more.")
    if behaviour.size_limit and asked > behaviour.size_limit:
        raise bad_request(f"pageSize must be {behaviour.size_limit} or less.")
    size = behaviour.page_size(asked)
    last = max(0, (len(items) - 1) // size)
    if not 0 <= index <= last or not items:
        outside = behaviour.page_zero if index < 0 else behaviour.past_end
        if isinstance(outside, int) and index:
            return Answer(outside, {"message": "No such page."})
        if outside == "not JSON" and index:
            return Answer(200, "<html>No such page.</html>", {"Content-Type": "text/html"})
        if outside == "empty":
            return []
    index = min(max(index, 0), last)
    return items[index * size : (index + 1) * size]


def _whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise bad_request(f"{name} must be an integer.") from None


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": "application/json", **answer.headers}
    return web.Response(status=answer.status, body=answer.content, headers=headers)


async def _send_cut(request: web.Request, whole: web.StreamResponse, cut: int) -> web.StreamResponse:
    """Announce the whole body, send its beginning and close the connection."""
    assert isinstance(whole, web.Response)
    assert isinstance(whole.body, bytes)
    part = web.StreamResponse(status=whole.status, headers=whole.headers)
    part.content_length = len(whole.body)
    part.force_close()
    await part.prepare(request)
    await part.write(whole.body[:cut])
    return part
