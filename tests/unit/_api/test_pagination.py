# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing is the exact list that the service holds, or an error: each line of the decision tables, then random services."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import pagination as _listing
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import Entry, NotSettled, Page
from ansible_collections.navercloud.nsml.tests.unit.fake_service import (
    FakeService,
    Move,
    PageOneRefused,
    entries,
    entry,
    ids,
    read_all,
    unranked,
    whole,
)

MANY = settings(max_examples=300)

COSTS = {  # by rows: at a page size of 10, at 100
    0: (2, 2),
    1: (1, 1),
    9: (1, 1),
    10: (2, 2),
    11: (2, 2),
    37: (4, 2),
    99: (10, 2),
    100: (11, 2),
    101: (11, 2),
    250: (26, 3),
}


@pytest.mark.parametrize(
    ("rows", "size", "requests"), [(rows, size, cost) for rows, costs in COSTS.items() for size, cost in zip((10, 100), costs)]
)
def test_a_run_as_documented_costs_so_many_requests(rows: int, size: int, requests: int) -> None:
    service = FakeService(whole(rows))
    assert read_all(service, size) == ids(service.entries)
    assert len(service.asked) == requests


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("count", ["whole", "page", "absent"])
@pytest.mark.parametrize("size", [10, 100])
@pytest.mark.parametrize("rows", COSTS)
def test_every_length_is_read_whole(rows: int, size: int, count: Any, base: Any) -> None:
    service = FakeService(whole(rows), count=count, base=base)
    assert read_all(service, size) == ids(service.entries)


def test_a_thousand_nodes_cost_eleven_requests_in_two_rounds() -> None:
    reading = _listing.read(100)
    service = FakeService(whole(1000))
    assert next(reading) == [1]
    further = reading.send([service.answer(1, 100)])
    assert further == list(range(2, 12))
    with pytest.raises(StopIteration) as finished:
        reading.send([service.answer(number, 100) for number in further])
    assert len(finished.value.value) == 1000


# The first table: which pages are asked for.

SWEEPS: dict[str, tuple[FakeService, list[int]]] = {
    "unfilled and counted: the end, and its ranks are the start": (FakeService(whole(5)), [1]),
    "the count says more: as many pages as it needs": (FakeService(whole(25), cap=10), [1, 2, 3]),
    "the last page is as full as the fullest": (FakeService(whole(20), cap=10), [1, 2, 3]),
    "the last page has as many rows as asked": (FakeService(whole(37)), [1, 2]),
    "the only page has ten rows, as one cut to the default size would": (FakeService(whole(10)), [1, 2]),
    "the only page was cut to an odd size, and counts itself": (FakeService(whole(30), cap=17, count="page"), [1, 2, 0, 1, 2, 0]),
    "the count is absent": (FakeService(whole(5), count="absent"), [1, 2, 0]),
    "the count is too low": (FakeService(whole(5), count=3), [1, 2, 0]),
    "an empty page ends it": (FakeService(unranked(30)), [1, 2, 0]),
    "a refused page ends it": (FakeService(unranked(30), past_end="refused"), [1, 2, 0]),
    "a repeated page ends it": (FakeService(unranked(30), past_end="last"), [1, 2, 0]),
    "no ranks: page 0": (FakeService(unranked(5)), [1, 0]),
    "its ranks count down, as on the last page of a service that counts from 0: page 0": (
        FakeService([*reversed(whole(39))], base=0, count="page", cap=30),
        [1, 0, 1, 0],
    ),
    "the ranks of the only page count down: page 0": (FakeService([*reversed(whole(5))]), [1, 0]),
    "the ranks of the only page are in another order": (FakeService(entries([2, 0, 1])), [1]),
    "a rank is missing: page 0": (FakeService(entries([0, 2])), [1, 0]),
    "a rank is doubled: page 0": (FakeService(entries([0, 0])), [1, 0]),
    "the count says more than a page of odd length: one page to see why": (FakeService(whole(35), cap=7), [1, 2, 3, 4, 5, 6]),
    "rows are missing: page 0": (FakeService(whole(15), cap=10, base=0), [1, 2, 0]),
    "page 1 is empty: page 0": (FakeService(whole(5), base=0, count="page"), [1, 0]),
    "ranks without a count of the whole: page 0": (FakeService(whole(15), cap=10, count="page"), [1, 2, 0, 1, 2, 0]),
    "a count that agrees by chance, without ranks: page 0": (
        FakeService(unranked(15), cap=10, base=0, count=5, past_end="last"),
        [1, 0, 1, 0],
    ),
}


@pytest.mark.parametrize(("service", "pages"), SWEEPS.values(), ids=SWEEPS)
def test_what_was_seen_decides_which_pages_follow(service: FakeService, pages: list[int]) -> None:
    service.asked.clear()
    assert read_all(service, 37) == ids(service.entries)
    assert service.asked == pages


# The second table: whether one sweep is enough.

VERDICTS: dict[str, tuple[FakeService, int]] = {
    "one answer, unfilled": (FakeService(unranked(5), count="page"), 1),
    "one answer, counted as the whole": (FakeService(unranked(10)), 1),
    "one answer that may be full": (FakeService(unranked(10), count="page"), 2),
    "several answers, counted, ranks whole": (FakeService(whole(15), cap=10), 1),
    "several answers, counted, a rank missing": (FakeService(entries([*range(14), None]), cap=10), 2),
    "several answers, ranks whole, no count": (FakeService(whole(15), cap=10, count="absent"), 2),
    "page 0 is refused": (FakeService(unranked(5), page_zero="refused"), 1),
    "the service failed at page 0": (FakeService(unranked(5), page_zero="fails"), 2),
    "a row comes twice in one answer": (FakeService([*unranked(4), entry("node-1")], count="page"), 2),
}


@pytest.mark.parametrize(("service", "sweeps"), VERDICTS.values(), ids=VERDICTS)
def test_one_sweep_is_enough_only_when_it_proves_the_list(service: FakeService, sweeps: int) -> None:
    service.asked.clear()
    assert read_all(service, 37) == ids(service.entries)
    assert service.asked.count(1) == sweeps


def test_pages_of_uneven_length_are_read_until_the_count_agrees() -> None:
    """Some services hide rows after they have cut the pages."""
    rows = whole(25)
    pages = {1: rows[:9], 2: rows[9:17], 3: rows[17:]}
    reading = _listing.read(10)
    assert next(reading) == [1]
    assert reading.send([Page(pages[1], 25)]) == [2]
    assert reading.send([Page(pages[2], 25)]) == [3]
    with pytest.raises(StopIteration) as finished:
        reading.send([Page(pages[3], 25)])
    assert finished.value.value == [row.row for row in rows]


def test_an_empty_page_that_counts_nothing_does_not_unsay_the_count_of_the_others() -> None:
    rows = whole(20)
    reading = _listing.read(10)
    assert next(reading) == [1]
    assert reading.send([Page(rows[:10], 20)]) == [2, 3]
    with pytest.raises(StopIteration) as finished:
        reading.send([Page(rows[10:], 20), Page((), 0)])
    assert finished.value.value == [row.row for row in rows]


@pytest.mark.parametrize(("rows", "pages"), [(5, 3), (0, 2)])
def test_a_count_above_what_is_found_is_an_error_that_says_what_was_seen(rows: int, pages: int) -> None:
    service = FakeService(whole(rows), count=7)
    with pytest.raises(NotSettled, match=re.escape(f"{rows} rows on {pages} pages, totalCount 7")):
        read_all(service, 100)
    assert service.asked.count(1) == _listing.MAX_SWEEPS


@pytest.mark.parametrize("past_end", ["empty", "refused", "last"])
def test_a_huge_count_costs_a_bounded_number_of_requests(past_end: Any) -> None:
    service = FakeService(whole(95), cap=10, count=10**12, past_end=past_end)
    with pytest.raises(NotSettled):
        read_all(service, 100)
    assert len(service.asked) < 100 * _listing.MAX_SWEEPS


def test_a_list_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_listing, "MAX_ROWS", 1000)

    def grow(rows: list[Entry]) -> None:
        rows += [entry(f"node-{len(rows) + more}") for more in range(10)]

    service = FakeService(unranked(10), count="absent", moves=dict.fromkeys(range(1, 1000), grow))
    with pytest.raises(NotSettled, match="more than 1,000 rows"):
        read_all(service, 10)


@pytest.mark.parametrize("wrong", [3, 10, 15, 20, 30])
@pytest.mark.parametrize("rows", [31, 35, 40])
def test_a_count_that_is_wrong_but_plausible_hides_no_row(rows: int, wrong: int) -> None:
    service = FakeService(whole(rows), cap=10, count=wrong)
    assert read_all(service, 100) == ids(service.entries)


def test_what_cannot_be_told_apart_from_outside() -> None:
    """Two services of different lists give the same first answer, which must cost one request: so one of them is misread."""
    short = FakeService(whole(3), count="page")
    tiny_pages = FakeService(whole(5), cap=3, count="page")
    counts_from_0 = FakeService([entry(f"other-{rank}", rank) for rank in range(3, 13)] + whole(3), base=0, count="page")
    assert short.answer(1, 10) == tiny_pages.answer(1, 10) == counts_from_0.answer(1, 10)


# Random services that stand still.


@st.composite
def ranks(draw: st.DrawFn) -> list[int | None]:
    """Return ranks as documented, in another order, with some missing, doubled, or none."""
    length = draw(st.one_of(st.integers(0, 12), st.integers(0, 60)))
    order = list(range(length))
    kind = draw(st.sampled_from(["whole", "reversed", "shuffled", "missing", "doubled", "none"]))
    if kind == "none":
        return [None] * length
    if kind == "reversed":
        return [*reversed(order)]
    if kind == "shuffled":
        return [*draw(st.permutations(order))]
    odd = draw(st.sets(st.integers(0, max(0, length - 1)), max_size=3)) if kind in ("missing", "doubled") else set()
    return [(None if kind == "missing" else 0) if rank in odd else rank for rank in order]


SIZES = st.sampled_from([1, 3, 7, 10, 20, 37, 100])
HONEST = st.sampled_from(["whole", "page", "absent"])
WRONG = st.one_of(st.integers(0, 70), st.sampled_from([10, 20, 30, 10**12]))


@st.composite
def services(draw: st.DrawFn, counts: st.SearchStrategy[Any]) -> FakeService:
    """Return a service within the one assumption: where its count is not the whole, it cuts no page below the default size."""
    count = draw(counts)
    forced = st.integers(1 if count == "whole" else _listing.DEFAULT_PAGE_SIZE, 40)
    how = draw(st.sampled_from(["honoured", "cap", "fixed"]))
    return FakeService(
        entries(draw(ranks())),
        cap=draw(forced) if how == "cap" else None,
        fixed=draw(forced) if how == "fixed" else None,
        base=draw(st.sampled_from([0, 1])),
        count=count,
        past_end=draw(st.sampled_from(["empty", "refused", "last"])),
        page_zero=draw(st.sampled_from(["empty", "refused", "first", "fails"])),
        backwards=draw(st.booleans()),
    )


def looks_like_a_short_run(service: FakeService, size: int) -> bool:
    """Say whether it counts from 0 and its second and last page passes for a whole run: see the docstring of the room."""
    ranks = [row.rank for row in service.entries[service.page_size(size) :]]
    if service.base or service.count in ("whole", "absent") or set(ranks) != set(range(len(ranks))):
        return False
    is_short = len(ranks) < min(size, _listing.DEFAULT_PAGE_SIZE)
    counts_down = len(ranks) > 1 and ranks == [*reversed(range(len(ranks)))]
    return isinstance(service.count, int) or (is_short and not counts_down)


@MANY
@given(services(HONEST), SIZES)
def test_a_service_that_stands_still_is_read_exactly(service: FakeService, size: int) -> None:
    assume(not looks_like_a_short_run(service, size))
    # It refuses the only page that is always asked for: an error of the service's own, not of the listing.
    assume(service.base or service.past_end != "refused" or len(service.entries) > service.page_size(size))
    assert read_all(service, size) == ids(service.entries)


@MANY
@given(services(WRONG), SIZES)
def test_a_wrong_count_never_makes_a_wrong_list(service: FakeService, size: int) -> None:
    assume(not looks_like_a_short_run(service, size))
    try:
        found = read_all(service, size)
    except (NotSettled, PageOneRefused):
        return
    assert found == ids(service.entries)


# Lists that move while they are read.


def insert_at_front(rows: list[Entry]) -> None:
    rows.insert(0, entry("new", len(rows)))


def delete_from_page_1(rows: list[Entry]) -> None:
    del rows[3]


def delete_and_append(rows: list[Entry]) -> None:
    del rows[3]
    rows.append(entry("new", len(rows) + 1))


def restart_rank_3(rows: list[Entry]) -> None:
    del rows[3]
    rows.append(entry("new", 3))


def swap_what_is_read_for_what_is_not(rows: list[Entry]) -> None:
    rows.append(rows.pop(0))


def delete_a_page(rows: list[Entry]) -> None:
    del rows[:10]


@pytest.mark.parametrize(("request_number", "backwards"), [(2, False), (2, True), (3, False), (3, True), (4, False), (4, True)])
@pytest.mark.parametrize("count", ["whole", "page", "absent"])
@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("rows", [whole(25), unranked(25)], ids=["ranks", "no ranks"])
@pytest.mark.parametrize(
    "move",
    [
        insert_at_front,
        delete_from_page_1,
        delete_and_append,
        restart_rank_3,
        swap_what_is_read_for_what_is_not,
        delete_a_page,
    ],
)
def test_a_list_that_shifts_between_two_pages_is_read_as_it_then_is(
    *, move: Move, rows: list[Entry], base: Any, count: Any, request_number: int, backwards: bool
) -> None:
    service = FakeService(rows, cap=10, base=base, count=count, moves={request_number: move}, backwards=backwards)
    found = read_all(service, 100)
    assert found in service.held
    # After the last page has been read nothing can be seen of a move.
    assert found == ids(service.entries) or request_number == len(service.asked)


def test_a_row_that_comes_while_one_row_pages_are_read_hides_no_other() -> None:
    service = FakeService(whole(10), fixed=1, page_zero="refused", moves={2: insert_at_front})
    assert read_all(service, 10) == ids(service.entries)


@pytest.mark.parametrize("count", ["whole", "page", "absent"])
def test_a_list_that_never_rests_is_an_error(count: Any) -> None:
    number = iter(range(10**6))

    def replace_first(rows: list[Entry]) -> None:
        del rows[0]
        rows.append(entry(f"new-{next(number)}"))

    service = FakeService(whole(25), cap=10, count=count, moves=dict.fromkeys(range(1, 1000), replace_first))
    with pytest.raises(NotSettled, match="in 5 readings it never agreed"):
        read_all(service, 100)


@st.composite
def moves(draw: st.DrawFn) -> Move:
    """Return one change: a row comes, goes, or goes while another comes, of a new rank or none."""
    comes, goes = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    where, gone = draw(st.floats(0, 1)), draw(st.floats(0, 0.99))
    is_ranked = draw(st.booleans())

    def move(rows: list[Entry]) -> None:
        if goes and rows:
            del rows[int(gone * len(rows))]
        if comes:
            highest = max((row.rank for row in rows if row.rank is not None), default=-1)
            rows.insert(round(where * len(rows)), entry("new", highest + 1 if is_ranked else None))

    return move


@MANY
@given(services(HONEST), SIZES, st.integers(1, 8), moves())
def test_a_moving_list_is_never_read_as_one_that_it_never_was(
    service: FakeService, size: int, request_number: int, move: Move
) -> None:
    service.moves = {request_number: move}
    before = [*service.entries]
    try:
        found = read_all(service, size)
    except (NotSettled, PageOneRefused):
        return
    after, service.entries = service.entries, before
    assume(not looks_like_a_short_run(service, size))
    service.entries = after
    assume(not looks_like_a_short_run(service, size))
    assert found in service.held


def test_pages_that_share_some_rows_are_no_list_however_often_they_are_read() -> None:
    # As from a service that sorts the rows anew for each page: ten of them never come.
    pages = {1: range(10), 2: range(5, 12)}

    def finish() -> None:
        reading = _listing.read(10)
        numbers = next(reading)
        while True:
            numbers = reading.send([Page([Entry(row, {}) for row in pages.get(number, ())], None) for number in numbers])

    with pytest.raises(NotSettled):
        finish()
