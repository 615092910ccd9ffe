# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service in memory that lists rows by pages, in every way that the API's pages leave open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import Entry, Page, PageRequest, read
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import RequestError, ServerError, StatusError

Move = Callable[["list[Entry]"], object]
Outside = Literal["empty", "refused", "last", "first", "fails"]

REFUSED = StatusError("the list", "GET /list", "HTTP 404.", "", status=404)
FAILED = ServerError("the list", "GET /list", "HTTP 500.", "", status=500)


@dataclass
class FakeService:
    """A list, and how it is served.

    :param cap: the most rows on a page, whatever is asked for
    :param fixed: the rows on every page, whatever is asked for
    :param count: what ``totalCount`` says: the whole, this page's rows, nothing, or always this number
    :param past_end: what is on a page after the last: nothing, a refusal, the last page again, or an error of the service's own
    :param page_zero: what is on page 0 of a service that counts from 1
    :param breaks: the number of a page that cannot be read, and the error
    :param moves: what happens to the list just before the answer to the n-th request, from 1
    :param backwards: pages that are asked for side by side are answered from the last to the first

    ``held`` are the sets that it held, one after the other; ``asked`` are the pages that it was asked for, with the size where
    that was not the size of the whole reading.
    """

    entries: list[Entry]
    cap: int | None = None
    fixed: int | None = None
    base: Literal[0, 1] = 1
    count: Literal["whole", "page", "absent"] | int = "whole"
    past_end: Outside = "empty"
    page_zero: Outside = "empty"
    breaks: tuple[int, RequestError] | None = None
    moves: Mapping[int, Move] = field(default_factory=dict)
    backwards: bool = False
    asked: list[int | tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entries = list(self.entries)
        self.held = [ids(self.entries)]

    def page_size(self, asked: int) -> int:
        """Return the page size that is honoured."""
        return self.fixed or min(asked, self.cap or asked)

    def answer(self, number: int, asked: int) -> Page:
        """Return a page."""
        if move := self.moves.get(len(self.asked)):
            move(self.entries)
            self.held.append(ids(self.entries))
        if self.breaks and self.breaks[0] == number:
            return Page(refusal=self.breaks[1])
        size = self.page_size(asked)
        last = max(0, (len(self.entries) - 1) // size)
        index = number - self.base
        if not 0 <= index <= last:
            outside = self.page_zero if index < 0 else self.past_end
            if outside in ("fails", "refused"):
                return Page(refusal=REFUSED if outside == "refused" else FAILED)
            if outside == "empty":
                return self._page([])
        index = min(max(index, 0), last)
        return self._page(self.entries[index * size : (index + 1) * size])

    def _page(self, entries: Sequence[Entry]) -> Page:
        if isinstance(self.count, int):
            return Page(entries, self.count)
        return Page(entries, {"whole": len(self.entries), "page": len(entries), "absent": None}[self.count])


def read_all(service: FakeService, size: int, *, ahead: bool = False) -> frozenset[object]:
    """Read the whole list, asking for pages of this size, and return the rows' IDs, each of which came once.

    :param ahead: whether to ask for page 0 beside page 1
    :raises NotSettled: it cannot be proven complete
    :raises RequestError: the refusal of a page that it is not complete without
    """
    reading = read(size, ahead=ahead)
    requests = next(reading)
    while True:
        answers: dict[PageRequest, Page] = {}
        for request in sorted(requests, key=lambda request: request.number, reverse=service.backwards):
            service.asked.append((request.number, request.size) if request.size else request.number)
            answers[request] = service.answer(request.number, request.size or size)
        try:
            requests = reading.send([answers[request] for request in requests])
        except StopIteration as finished:
            rows = [row["id"] for row in finished.value.rows]
            assert len(rows) == len(set(rows))
            return frozenset(rows)


def ids(entries: Iterable[Entry]) -> frozenset[object]:
    """Return what tells the rows apart."""
    return frozenset(entry.id for entry in entries)


def entry(name: str, rank: int | None = None) -> Entry:
    """Return a row."""
    return Entry(name, {"id": name}, rank)


def entries(ranks: Iterable[int | None]) -> list[Entry]:
    """Return rows of these ranks."""
    return [entry(f"node-{place}", rank) for place, rank in enumerate(ranks)]


def whole(length: int) -> list[Entry]:
    """Return rows of ranks 0, 1, 2, ..."""
    return entries(range(length))


def unranked(length: int) -> list[Entry]:
    """Return rows without ranks."""
    return entries([None] * length)
