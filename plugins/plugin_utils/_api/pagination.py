# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing that is proven complete: which pages to ask for, and when the answers are the whole list. Pure; nothing is sent here.

What the API's pages leave open is not assumed: the size of a page that the service really honours, whether it counts pages from 1
or from 0, whether ``totalCount`` is the whole or this page's, and whether the list stands still while it is read.

A *sweep* reads the list once, from page 1 on:

=========================================================  ===================================================================
what was seen                                              what follows
=========================================================  ===================================================================
page 1 is unfilled, and its count agrees                   the end of the list
the count says more than was found                         the further pages, side by side, as many as the count needs
the last page may be full: it has as many rows as the      one page more, which settles where the list ends and what the count
fullest, or alone as many as asked for, or ten             means
page 1 is unfilled, but its count does not agree           one page more likewise
a page that is empty, refused, or brings no new row        the end of the list
ranks 0 to n-1 are there, each once, and the count agrees  the start of the list: page 1 was the first
these ranks, but counting down, on the only page           page 0: the last page of a service that counts from 0 looks so
anything else                                              page 0 likewise
=========================================================  ===================================================================

A service may ignore or cap the size asked for, at any size, and count just the rows of the page. But ten is what it gives when no
size is asked for (documented), so fewer are no full page. Then the sweep is judged:

=========================================================  ===================================================================
what was seen                                              what follows
=========================================================  ===================================================================
two pages share some of their rows, but not all            another sweep; an error if it stays so
the count says more than was found                         another sweep; an error if it stays so
all rows in one answer, unfilled or counted as the whole   complete: one answer is one moment
several answers, the count of the whole agrees, ranks 0    complete: a row lost between two pages would leave a gap
to n-1 are there, each once
anything else; or a page counts more than was found, or    another sweep; complete once two in a row find the same rows
the service failed to answer page 0
=========================================================  ===================================================================

Ranks that start at 0 and rise by 1 are documented. Where they do not (a restarted rank, or a list without ranks), that costs
requests, never rows.

What no reading of that many requests can tell:

- A service whose pages hold fewer than ten rows though more are asked for, and whose count is the page's, or wrong and agrees by
  chance, answers as a short run does.
- So does one that counts from 0, whose count is the page's, and whose second and last page holds just ranks 0 to n-1, fewer than
  ten and not counting down; or any number of them, if its count is wrong and agrees by chance.
- Rows that give way to others of the same ranks between two pages of a sweep may leave no trace in it.
- A list that never rests may look the same twice and yet have been another in between. What is proven is that each row was there
  in both sweeps.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence, Set
from dataclasses import dataclass

from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

MAX_ROWS = 1_000_000
MAX_SWEEPS = 5

# A wrong count must not make us ask for millions of pages: read so many, then look again.
_PAGES_AHEAD = 64

# What a page holds when no size is asked for (documented).
DEFAULT_PAGE_SIZE = 10


@dataclass(frozen=True)
class Entry:
    """One row of a page.

    :param id: what tells it from all other rows of the list
    :param rank: its place in the list, where the list has ranks
    """

    id: Hashable
    row: Row
    rank: int | None = None


@dataclass(frozen=True)
class Page:
    """One page as answered.

    :param count: ``totalCount``, None when it is absent or no number
    """

    entries: Sequence[Entry]
    count: int | None


class NotSettled(Exception):
    """The list cannot be proven complete; the text says what was seen."""


Reading = Generator[Sequence[int], "Sequence[Page | None]", "list[Row]"]


def read(size: int) -> Reading:
    """Yield the numbers of the pages to ask for, take the pages in the same order, and return all rows.

    A page that the service refuses is one without rows; one that it fails to answer, as it may page 0, is None.

    :param size: the page size that is asked for
    :raises NotSettled: the list cannot be proven complete
    """
    seen: list[str] = []
    before: _Sweep | None = None
    while len(seen) < MAX_SWEEPS:
        sweep = _Sweep(size)
        while numbers := sweep.next_pages():
            for number, page in zip(numbers, (yield numbers)):
                sweep.add(number, page)
            if len(sweep.entries) > MAX_ROWS:
                raise NotSettled(f"it has more than {MAX_ROWS:,} rows.")
        is_repeated = before is not None and before.entries.keys() == sweep.entries.keys() and not sweep.overlaps
        if not sweep.lacks_rows() and (sweep.is_proven() or is_repeated):
            return [entry.row for entry in sweep.entries.values()]
        before = sweep
        seen.append(sweep.summary())
    raise NotSettled(
        f"in {len(seen)} readings it never agreed with its own count, nor twice with itself: {'; '.join(dict.fromkeys(seen))}."
    )


class _Sweep:
    """One reading of the list: the pages so far, and what they prove."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pages: dict[int, Page] = {}
        self._failed = False
        self.overlaps = False
        self._new_rows: dict[int, int] = {}
        self.entries: dict[Hashable, Entry] = {}

    def add(self, number: int, page: Page | None) -> None:
        """Take the answer for one page, None when the service failed to give one."""
        known = len(self.entries)
        self._pages[number] = page or Page((), None)
        self._failed = self._failed or page is None
        ids = {entry.id for entry in self._pages[number].entries}
        if ids & self.entries.keys() and not self._is_known_page(number, ids):
            self.overlaps = True  # the pages are not cut from one order of the rows
        for entry in self._pages[number].entries:
            self.entries.setdefault(entry.id, entry)
        self._new_rows[number] = len(self.entries) - known

    def _is_known_page(self, number: int, ids: Set[Hashable]) -> bool:
        return any({entry.id for entry in page.entries} == ids for other, page in self._pages.items() if other != number)

    def next_pages(self) -> list[int]:
        """Return the pages to ask for now, none when both ends of the list are reached."""
        if not self._pages:
            return [1]
        if not self._end_is_reached():
            return self._further_pages()
        if 0 not in self._pages and not self._start_is_reached():
            return [0]
        return []

    def lacks_rows(self) -> bool:
        """Say whether the service counts more rows than it gave."""
        return (self._whole_count() or 0) > len(self.entries)

    def is_proven(self) -> bool:
        """Say whether this sweep alone proves that its rows are the whole list."""
        claimed = max(page.count or 0 for page in self._pages.values())
        if self._failed or claimed > len(self.entries):
            return False
        sources = [number for number, new in self._new_rows.items() if new]
        counted = self._whole_count() == len(self.entries)
        if len(sources) > 1:
            return counted and self._ranks_are_whole()
        return counted or not sources or not self._may_be_full(self._rows(sources[0]))

    def summary(self) -> str:
        """Say what was seen, for an error text."""
        counts = sorted({page.count for page in self._pages.values() if page.count is not None})
        said = "/".join(str(count) for count in counts) or "nothing"
        return f"{len(self.entries)} rows on {len(self._pages)} pages, totalCount {said}"

    def _further_pages(self) -> list[int]:
        last = max(self._pages)
        if last == 1 and not self._may_be_full(self._rows(1)):
            return [2]  # page 1 may be the short last one of a service that counts from 0: its length is no measure
        # One more than the count needs when the last page will be full.
        needed = (self._whole_count() or 0) // self._fullest() + 1
        upto = min(max(needed, last + 1), last + _PAGES_AHEAD)
        return list(range(last + 1, upto + 1))

    def _end_is_reached(self) -> bool:
        last = max(self._pages)
        if 0 in self._pages or not self._new_rows[last]:
            return True
        if self.lacks_rows():
            return False
        rows = self._rows(last)
        if last == 1:
            return self._pages[1].count == rows and not self._may_be_full(rows)
        return rows < self._fullest()

    def _start_is_reached(self) -> bool:
        """Say whether page 1 was the first; where it told the end alone, its count agreed."""
        if not self.entries or not self._ranks_are_whole():
            return False
        return self._whole_count() == len(self.entries) or (max(self._pages) == 1 and not self._counts_down())

    def _may_be_full(self, rows: int) -> bool:
        return rows >= min(self._size, DEFAULT_PAGE_SIZE)

    def _whole_count(self) -> int | None:
        """Return the count of the whole list, None when the pages give none or disagree.

        A count that differs from the rows of its own page is no count of that page.
        """
        pages = [page for page in self._pages.values() if page.count is not None]
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

    def _fullest(self) -> int:
        return max(self._rows(number) for number in self._pages)

    def _rows(self, number: int) -> int:
        return len(self._pages[number].entries)
