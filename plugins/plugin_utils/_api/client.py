# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read complete lists from the service. Lists and pages are requested in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import pagination
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import (
    Endpoint,
    describe,
    parse_page,
    run_path,
    run_status,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import NotSettled, Page, PageRequest
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import side_by_side
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    OWN_CODE,
    IncompleteError,
    NotFoundError,
    NotJsonError,
    RequestError,
    ResponseError,
    StatusError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport

# The responses to a page beyond the end of the list. Page 1 may be beyond the end if pages are numbered from 0.
_NO_SUCH_PAGE = frozenset({OWN_CODE, 400, 404, 406})

# The responses that may refuse a page size.
_NO_SUCH_SIZE = frozenset({OWN_CODE, 400})

# These responses prove nothing about the page: the keys are wrong, or a gateway had no response from the service.
_NO_ANSWER = frozenset({401, 429, 502, 503, 504})


class Client:
    """Reads complete lists.

    :param page_size: the number of rows to request per page
    :param concurrency: the number of requests to send in parallel
    :param verbose: prints a detail
    :param trace: prints a line for each complete list
    """

    def __init__(
        self,
        transport: Transport,
        *,
        page_size: int,
        concurrency: int,
        verbose: Callable[[str], object],
        trace: Callable[[str], object],
    ) -> None:
        self._transport = transport
        self._page_size: int | None = page_size
        self._concurrency = concurrency
        self._verbose = verbose
        self._trace = trace

    def read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
        """Return the rows of each list, in the order of the endpoints. Each list is proven complete.

        The lists are read in parallel, and so are the pages of each. If the service refuses the page size, these and all later
        lists are read without one, because the default page size is documented, and the maximum is not.

        :raises RequestError: a list cannot be read, or not be proven complete
        """
        try:
            return self._read(endpoints, deadline)
        except _PageSizeRefused as refusal:
            self._verbose(
                f"The service refused 'page_size' {self._page_size} ({refusal}). Reading pages of the service's default size."
            )
            self._page_size = None
        return self._read(endpoints, deadline)

    def _read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
        readings = self._begin(endpoints)
        results: dict[int, list[Row]] = {}
        wanted = {index: next(reading) for index, reading in enumerate(readings)}
        while wanted:
            flat = [(endpoints[index], request) for index, requests in wanted.items() for request in requests]
            pages = iter(side_by_side(lambda pair: self._page(*pair, deadline), flat, self._concurrency, self._transport.close))
            for index, requests in list(wanted.items()):
                try:
                    wanted[index] = readings[index].send([next(pages) for _request in requests])
                except StopIteration as finished:
                    results[index] = finished.value.rows
                    where = self._transport.where(Request(endpoints[index].what, endpoints[index].path))
                    self._trace(f"{where}: list complete, rows: {len(finished.value.rows)}, because {finished.value.proof}")
                    del wanted[index]
                except NotSettled as error:
                    raise self._incomplete(endpoints[index], error) from None
        return [results[index] for index in range(len(endpoints))]

    def _begin(self, endpoints: Sequence[Endpoint]) -> list[pagination.Reading]:
        """Begin to read each list. While requests are idle, lists without ranks begin with two pages."""
        idle = self._concurrency - len(endpoints)
        readings = []
        for endpoint in endpoints:
            ahead = idle > 0 and not endpoint.ranked
            idle -= ahead
            readings.append(pagination.read(self._page_size or pagination.DEFAULT_PAGE_SIZE, ahead=ahead))
        return readings

    def status(self, project_id: str, run_name: str, deadline: Deadline) -> str | None:
        """Return the status of one run.

        None if the service does not send it, or the request fails, because this optional request must not cause an error.
        """
        try:
            return self.find_run(project_id, run_name, deadline)[1]
        except RequestError:
            return None

    def find_run(self, project_id: str, run_name: str, deadline: Deadline) -> tuple[bool, str | None]:
        """Return whether the service has a run, and its status, None if it is not known (shape of the response: documented).

        :raises RequestError: there is no response, or one that proves neither
        """
        request = Request("the status of a run", run_path(project_id, run_name))
        try:
            body = self._transport.get(request, deadline, probe=True)
        except NotFoundError:
            return False, None
        except StatusError as error:
            if error.status in _NO_ANSWER:
                raise
            return True, None
        except ResponseError:
            return True, None
        return True, run_status(body)

    def _page(self, endpoint: Endpoint, page: PageRequest, deadline: Deadline) -> Page:
        """Return one page. If the service refuses it, the page contains the refusal.

        :raises RequestError: the request failed, or the service refused a page that is needed
        """
        size = page.size or self._page_size
        query = {"page": page.number} | ({"pageSize": size} if size else {})
        request = Request(endpoint.what, endpoint.path, query)

        def described(body: Any) -> str:
            return describe(body, endpoint)

        try:
            body = self._transport.get(request, deadline, describe=described, probe=not page.needed)
        except StatusError as error:
            if page.needed and page.number == 1 and error.status in _NO_SUCH_SIZE and size:
                raise _PageSizeRefused(error.problem.rstrip(".")) from None
            if error.status in _NO_SUCH_PAGE or (not page.needed and error.status not in _NO_ANSWER):
                return Page(refusal=error)
            raise
        except NotJsonError as error:
            if page.needed:
                raise
            return Page(refusal=error)
        return parse_page(body, endpoint, page.number, self._transport.where(request))

    def _incomplete(self, endpoint: Endpoint, error: NotSettled) -> IncompleteError:
        advice = "Try again. If the error persists, report this message as an issue."
        if error.shuffled:
            advice = (
                "The service changes the order of the rows between pages. Set 'page_size' to a number greater than"
                f" {error.rows:,}, so that one page contains the whole list."
            )
        where = self._transport.where(Request(endpoint.what, endpoint.path))
        return IncompleteError(endpoint.what, where, f"cannot verify that the list is complete: {error}", advice)


class _PageSizeRefused(Exception):
    """The service refused a first page, perhaps because of its size. The message contains the service's message."""
