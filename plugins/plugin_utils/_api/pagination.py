# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide which pages of a list to request, and when they are the complete list. Nothing is sent here.

The API reference does not specify which page sizes are honored, whether pages are numbered from 1 or from 0, whether
``totalCount`` counts the whole list or the page, the order of the rows, the response to a page beyond the end, and whether the
list can change while it is read. A *sweep* reads the list once, from page 1 on. After each response, the first matching line
decides:

==========================================================  ==================================================================
observation                                                 next step
==========================================================  ==================================================================
page 1 has no rows, is refused, or has fewer than ten       page 0: the service may count from 0; an error if both are refused
although the count says more
the count says more than was found                          as many further pages as that takes, side by side
the count of the whole list agrees                          the end of the list
page 1 has fewer than ten rows                              the end: ten is the default page size (documented), so fewer rows
                                                            fill no page
anything else: the size may be capped, and the count may    the *check*: a page of a smaller size that begins before the end
be the page's                                               of what was found, and reaches beyond it
that page shows as many known rows as it must, and no       the end, and the start: counted from 0, or with its size ignored,
other row, and these are the last ones of what was found,   it would show another number of rows
or the ranks are 0 to n-1
it is refused, though page 1 of that size is not            an error: a page that exists cannot be read
it shows anything else                                      the next page, until one is shorter than the fullest or brings no
                                                            new row
ranks 0 to n-1, each once: all of the count, or on the      the start: page 1 was the first
only page, but not counting down there (as the last page
does where the order is reversed and pages count from 0)
no such ranks                                               page 0, once
==========================================================  ==================================================================

A list without ranks may begin with pages 1 and 0 in parallel (*ahead*). Page 0 is then kept until the table requests it. But its
count is compared at once: a count of page 1 that an empty page 0 repeats counts the whole list.

An error of the service's own in place of page 1 is an error if page 0 has no rows: it may be a failure, and not an empty list.

So a service that works as documented never receives a request beyond its end. A *response* without rows to an optional request,
even an error, removes nothing. But a server error (5xx) in response to the check is an error, and so is any error in response to
page 0 if all ranks are ten or more, because the list may continue there.

At its end, a sweep is complete if no count is higher than the number of rows, and all rows came in one response that is known to
be the whole list (one response is one moment), or in several with ranks 0 to n-1, each once (a row that was lost between two
pages would leave a gap), and a count or the check agrees. Otherwise, the list is read again, until two sweeps in a row find the
same rows.

Cases that cannot be distinguished:

- A service that counts from 0, whose second and last page contains exactly the ranks 0 to n-1, fewer than ten and not counting
  down: with its rows in reversed order, a page that contains only rank 0.
- A count of neither the whole list nor the page, which agrees with the number of rows by chance.
- A service that ignores the page size and refuses pages that exist: they look like pages beyond the end.
- Rows that are replaced by others of the same ranks between two pages of a sweep.
- A list that changes all the time, and looks the same twice by chance. Each row was there in both sweeps.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import OWN_CODE, RequestError, ServerError, StatusError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

MAX_ROWS = 1_000_000
MAX_SWEEPS = 5

# The maximum number of pages to request at once, so that a wrong count does not cause requests for millions of pages.
_PAGES_AHEAD = 64

# The page size if none is requested (documented).
DEFAULT_PAGE_SIZE = 10


class Entry(NamedTuple):
    """One row of a page.

    :param id: the identity of the row in the list
    :param rank: the rank of the row, None if it has none or the list has no ranks
    """

    id: Hashable
    row: Row
    rank: int | None = None


class PageRequest(NamedTuple):
    """One page to request.

    :param size: the number of rows to request; None for the page size of the list
    :param needed: whether the list is incomplete without the page, so that it gets all retries, and only a page that does not
        exist may be refused
    """

    number: int
    size: int | None = None
    needed: bool = False


@dataclass(frozen=True)
class Page:
    """The response to a request for one page. A dataclass, because named tuples have a method ``count``.

    :param count: ``totalCount``, None if it is missing or not an integer
    :param refusal: the error that the service sent instead of rows, None if it sent rows
    """

    entries: Sequence[Entry] = ()
    count: int | None = None
    refusal: RequestError | None = None


class Listing(NamedTuple):
    """A complete list.

    :param proof: the reason why it is complete, for a trace
    """

    rows: list[Row]
    proof: str


class NotSettled(Exception):
    """The list cannot be proven complete. The message is the reason.

    :param shuffled: whether the order of the rows changed between pages
    :param rows: the highest number of rows that was found or counted
    """

    def __init__(self, message: str, *, shuffled: bool = False, rows: int = 0) -> None:
        super().__init__(message)
        self.shuffled = shuffled
        self.rows = rows


Reading = Generator[Sequence[PageRequest], "Sequence[Page]", Listing]


def read(size: int, *, ahead: bool = False) -> Reading:
    """Yield the pages to request, receive their responses in the same order, and return the complete list.

    :param size: the page size of the requests, or the default size if they have none
    :param ahead: whether to request page 0 together with page 1, which saves a round trip for a list without ranks
    :raises NotSettled: the list cannot be proven complete
    :raises RequestError: the service refused a page that is needed
    """
    sweeps: list[_Sweep] = []
    while len(sweeps) < MAX_SWEEPS:
        sweep = _Sweep(size, ahead=ahead)
        while requests := sweep.next_requests():
            for request, page in zip(requests, (yield requests)):
                sweep.add(request, page)
            if len(sweep.entries) > MAX_ROWS:
                raise NotSettled(f"the list has more than {MAX_ROWS:,} rows.")
        sweep.raise_refusal()
        if proof := sweep.proof() or (sweeps and sweep.repeats(sweeps[-1])):
            return Listing([entry.row for entry in sweep.entries.values()], proof)
        sweeps.append(sweep)
    seen = dict.fromkeys(sweep.summary() for sweep in sweeps)
    raise NotSettled(
        f"in {len(sweeps)} readings, the number of rows never matched totalCount, and no two readings in a row found the same"
        f" rows: {'; '.join(seen)}.",
        shuffled=all(sweep.overlaps for sweep in sweeps),
        rows=max(max(len(sweep.entries), sweep.claimed) for sweep in sweeps),
    )


class _Sweep:
    """One sweep over the list: the pages so far, and what they prove."""

    def __init__(self, size: int, *, ahead: bool) -> None:
        self._full = min(size, DEFAULT_PAGE_SIZE)  # a page of fewer rows is never full
        self._ahead = ahead
        self._page_zero: Page | None = None  # received ahead, and not requested yet
        self._pages: dict[int, Page] = {}
        self._new_rows: dict[int, int] = {}
        self._checked: _Check | None = None
        self.overlaps = False
        self.entries: dict[Hashable, Entry] = {}

    def add(self, request: PageRequest, page: Page) -> None:
        """Add the response to one request."""
        if self._ahead and request.number == 0:
            self._page_zero = page
            return
        if self._checked and request.size is not None:
            self._checked.add(request, page, self.entries.keys())
            return
        self._take(request.number, page)

    def _take(self, number: int, page: Page) -> None:
        ids = {entry.id for entry in page.entries}
        if ids & self.entries.keys() and not self._is_known_page(ids):
            self.overlaps = True  # the order of the rows has changed between pages
        known = len(self.entries)
        for entry in page.entries:
            self.entries.setdefault(entry.id, entry)
        self._pages[number] = page
        self._new_rows[number] = len(self.entries) - known

    def _is_known_page(self, ids: Set[Hashable]) -> bool:
        return any({entry.id for entry in page.entries} == ids for page in self._pages.values())

    def next_requests(self) -> list[PageRequest]:
        """Return the pages to request now, none if both ends of the list are reached."""
        if not self._pages:
            return [PageRequest(1, needed=True), *([PageRequest(0)] if self._ahead else [])]
        requests = self._decide()
        if self._page_zero and requests == [PageRequest(0)]:
            self._take(0, self._page_zero)
            return self._decide()
        return requests

    def _decide(self) -> list[PageRequest]:
        if 0 not in self._pages and self._is_short() and (not self.entries or self._lacks_rows()):
            return [PageRequest(0)]
        return self._towards_the_end() or self._towards_the_start()

    def _towards_the_end(self) -> list[PageRequest]:
        last, found = self._last, len(self.entries)
        ended = not self._new_rows[last]
        if self._lacks_rows():
            more = -(-(self.claimed - found) // max(self._fullest, self._full))
            ahead = range(last + 1, last + 1 + min(more, _PAGES_AHEAD))
            return [] if ended else [PageRequest(number, needed=not self.overlaps) for number in ahead]
        if 0 in self._pages or self._is_short() or self._whole_count() == found:
            return []
        if not ended and (self._checked is None or self._checked.found != found):
            self._checked = _Check(found, self._fullest)
        if self._checked and (request := self._checked.next_request()):
            return [request]
        if ended or self._is_checked() or (last > 1 and self._rows(last) < self._fullest):
            return []
        return [PageRequest(last + 1)]

    def _towards_the_start(self) -> list[PageRequest]:
        if 0 in self._pages or self._is_checked():
            return []
        agrees = self._whole_count() == len(self.entries) or (self._last == 1 and not self._counts_down())
        return [] if self.entries and self._ranks_are_whole() and agrees else [PageRequest(0)]

    def raise_refusal(self) -> None:
        """Raise the refusal of a page that is needed, if there is one.

        :raises NotSettled: the list may continue on the refused page
        :raises RequestError: the service refused the list itself, or refused the page with an error of its own
        """
        refusals = {number: page.refusal for number, page in self._pages.items() if page.refusal}
        if 1 in refusals and (0 in refusals or (not self.entries and _may_be_a_failure(refusals[1]))):
            raise refusals[1]
        if (
            0 in refusals
            and min((-1 if entry.rank is None else entry.rank for entry in self.entries.values()), default=-1) >= self._full
        ):
            raise _not_settled(0, refusals[0])
        if self._checked:
            self._checked.raise_refusal()

    def proof(self) -> str:
        """Return why this sweep alone proves that its rows are the complete list, empty if it does not."""
        if self.claimed > len(self.entries):
            return ""
        sources = [number for number, new in self._new_rows.items() if new]
        agrees = ""
        if self._whole_count() == len(self.entries):
            agrees = f"totalCount is {len(self.entries)}"
        elif self._checked and self._is_checked():
            agrees = f"page {self._checked.number} of size {self._checked.size} shows no further row"
        if len(sources) > 1:
            return f"{agrees}, and the ranks are 0 to {len(self.entries) - 1}" if agrees and self._ranks_are_whole() else ""
        if not sources:
            return "" if self._pages[1].refusal else "there are no rows"
        return agrees or (f"page {sources[0]} has fewer than {self._full} rows" if self._rows(sources[0]) < self._full else "")

    def repeats(self, before: _Sweep) -> str:
        """Return why this sweep and the previous one prove that the list is complete, empty if they do not."""
        same = self.entries.keys() == before.entries.keys() and not self.overlaps and not self._lacks_rows()
        return "two readings in a row found the same rows" if same else ""

    def summary(self) -> str:
        """Return the numbers of rows and pages, and the counts, for a message."""
        counts = sorted({page.count for page in self._pages.values() if page.count is not None})
        counted = "/".join(str(count) for count in counts) or "missing"
        refused = next(
            (f", one refused ({page.refusal.problem.rstrip('.')})" for page in self._pages.values() if page.refusal), ""
        )
        return f"{len(self.entries)} rows on {len(self._pages)} pages{refused}, totalCount {counted}"

    @property
    def claimed(self) -> int:
        """The highest count of any page."""
        return max(page.count or 0 for page in self._pages.values())

    @property
    def _last(self) -> int:
        return max(self._pages)

    @property
    def _fullest(self) -> int:
        return max(self._rows(number) for number in self._pages)

    def _rows(self, number: int) -> int:
        return len(self._pages[number].entries)

    def _is_short(self) -> bool:
        """Return whether page 1 is the last page, and not full."""
        return self._last == 1 and self._rows(1) < self._full

    def _is_checked(self) -> bool:
        check = self._checked
        if check is None or check.found != len(self.entries) or not check.is_whole:
            return False
        return check.is_in_order or self._ranks_are_whole()

    def _lacks_rows(self) -> bool:
        """Return whether the service counts more rows than were found."""
        return (self._whole_count() or 0) > len(self.entries)

    def _whole_count(self) -> int | None:
        """Return the count of the whole list, None if the pages have none or differ.

        A count that differs from the number of rows of its own page does not count that page.
        """
        ahead = [self._page_zero] if self._page_zero else []
        pages = [page for page in (*self._pages.values(), *ahead) if page.count is not None]
        counts = {page.count for page in pages if page.entries} or {page.count for page in pages}
        if len(counts) != 1:
            return None
        (count,) = counts
        is_whole = any(page.count == count != len(page.entries) for page in pages)
        return count if is_whole else None

    def _ranks_are_whole(self) -> bool:
        ranks = {entry.rank for entry in self.entries.values()}
        return len(ranks) == len(self.entries) and ranks == set(range(len(ranks)))

    def _counts_down(self) -> bool:
        ranks = [entry.rank or 0 for entry in self.entries.values()]
        return len(ranks) > 1 and ranks == sorted(ranks, reverse=True)


class _Check:
    """A page of a smaller size across the end of the found rows. It exists if sizes are honored and pages are numbered from 1.

    :param found: the number of rows that were found
    :param fullest: the number of rows of the fullest page; the service allows smaller sizes
    """

    def __init__(self, found: int, fullest: int) -> None:
        self.found = found
        self.size = next((size for size in range(fullest - 1, 1, -1) if found % size), 0)
        self.number = found // self.size + 1 if self.size else 0
        self.is_whole = False
        self.is_in_order = False
        self._refusal: RequestError | None = None
        self._requests = [PageRequest(self.number, self.size)] if self.size else []
        self._is_honoured = False

    def next_request(self) -> PageRequest | None:
        """Return the page to request now, None if the check is over."""
        return self._requests.pop(0) if self._requests else None

    def add(self, request: PageRequest, page: Page, known: Set[Hashable]) -> None:
        """Add the response to the check, or to page 1 of the same size, which is requested if the check was refused."""
        ids = {entry.id for entry in page.entries}
        if self._refusal:
            self._is_honoured = ids <= known and len(page.entries) == self.size
        elif page.refusal:
            self._refusal = page.refusal
            self._requests = [] if isinstance(page.refusal, ServerError) else [PageRequest(1, self.size)]
        else:
            self.is_whole = ids <= known and len(page.entries) == self.found % self.size
            # In another order each time, and with the size ignored, a page that goes on may show known rows by chance.
            self.is_in_order = ids == set(list(known)[-len(ids) :])

    def raise_refusal(self) -> None:
        """Raise the refusal of the check, unless it may be the refusal of a page beyond the end.

        :raises NotSettled: the list may continue on that page
        :raises RequestError: an error of the service's own
        """
        if self._refusal and (self._is_honoured or isinstance(self._refusal, ServerError)):
            raise _not_settled(self.number, self._refusal)


def _may_be_a_failure(refusal: RequestError) -> bool:
    """Return whether a refusal may be a failure: an error in a body with status 200 says less than a status does."""
    return isinstance(refusal, StatusError) and refusal.status == OWN_CODE


def _not_settled(page: int, refusal: RequestError) -> RequestError | NotSettled:
    """Return the error of a page that the list is not complete without: never one that says that there is no such list."""
    problem = f"the service refused page {page}, which must exist ({refusal.problem.rstrip('.')})."
    return refusal if isinstance(refusal, ServerError) else NotSettled(problem)
