# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads whole lists from the service, many of them and many pages of each side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import pagination as _listing
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import Endpoint, parse_page, run_path
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import NotSettled, Page
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import side_by_side
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Request
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import IncompleteError, RequestError, StatusError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Transport
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run

_NO_SUCH_PAGE = frozenset({400, 404, 406})


class Api:
    """Reads whole lists.

    :param page_size: how many rows to ask for at once
    :param concurrency: how many requests may be under way at once
    """

    def __init__(self, transport: Transport, *, page_size: int, concurrency: int) -> None:
        self._transport = transport
        self._page_size = page_size
        self._concurrency = concurrency

    def read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
        """Return the rows of each list, in the order of the endpoints, each list proven complete.

        The lists are read side by side, and so are the pages of each.

        :raises RequestError: one of them could not be read, or not be proven complete
        """
        readings = [_listing.read(self._page_size) for _endpoint in endpoints]
        results: dict[int, list[Row]] = {}
        wanted = {index: next(reading) for index, reading in enumerate(readings)}
        while wanted:
            flat = [(endpoints[index], number) for index, numbers in wanted.items() for number in numbers]
            pages = iter(side_by_side(lambda pair: self._page(*pair, deadline), flat, self._concurrency))
            for index, numbers in list(wanted.items()):
                try:
                    wanted[index] = readings[index].send([next(pages) for _number in numbers])
                except StopIteration as finished:
                    results[index] = finished.value
                    del wanted[index]
                except NotSettled as error:
                    endpoint = endpoints[index]
                    raise IncompleteError(
                        endpoint.what,
                        self._transport.where(Request(endpoint.what, endpoint.path)),
                        f"the list cannot be proven complete: {error}",
                        "Try again; if it stays so, please report it with this text.",
                    ) from None
        return [results[index] for index in range(len(endpoints))]

    def status(self, run: Run, deadline: Deadline) -> str | None:
        """Return the status of one run (the answer's shape: documented).

        None where the service does not tell, or cannot be asked: a look-up in passing is no reason to fail.
        """
        try:
            body = self._transport.get(Request("the status of a run", run_path(run.project_id, run.name)), deadline)
        except RequestError:
            return None
        return text(body.get("status")) if isinstance(body, dict) else None

    def _page(self, endpoint: Endpoint, number: int, deadline: Deadline) -> Page | None:
        request = Request(endpoint.what, endpoint.path, {"page": number, "pageSize": self._page_size})
        try:
            body = self._transport.get(request, deadline, probe=number == 0)
        except StatusError as error:
            if number != 1 and error.status in _NO_SUCH_PAGE:
                return Page((), None)
            if number == 0 and error.status == 500:
                return None  # one that counts from 1 may stumble over the negative index; it may also be a passing fault
            raise
        return parse_page(body, endpoint, number, self._transport.where(request))
