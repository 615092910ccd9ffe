# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing is the exact list that the service holds, or an error: each line of the decision tables, then random services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import pagination
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import (
    Entry,
    Listing,
    NotSettled,
    Page,
    PageRequest,
    Reading,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NotJsonError, RequestError, StatusError
from ansible_collections.navercloud.nsml.tests.unit.fake_service import (
    FAILED,
    REFUSED,
    FakeService,
    Move,
    entries,
    entry,
    ids,
    read_all,
    unranked,
    whole,
)

MANY = settings(max_examples=settings().max_examples * 3)

COSTS = {  # by rows: at a page size of 10, at 100
    0: (2, 2),
    1: (1, 1),
    9: (1, 1),
    10: (2, 2),
    11: (2, 2),
    37: (4, 2),
    99: (10, 2),
    100: (10, 2),
    101: (11, 2),
    250: (25, 3),
    1000: (100, 10),
}


@pytest.mark.parametrize(
    ("rows", "size", "requests"), [(rows, size, cost) for rows, costs in COSTS.items() for size, cost in zip((10, 100), costs)]
)
def test_a_documented_list_costs_a_fixed_number_of_requests(rows: int, size: int, requests: int) -> None:
    service = FakeService(whole(rows))
    assert read_all(service, size) == ids(service.entries)
    assert len(service.asked) == len(set(service.asked)) == requests


@pytest.mark.parametrize(
    ("rows", "count", "asked"),
    [
        (0, "whole", [0, 1]),
        (9, "absent", [0, 1]),
        (9, "page", [0, 1]),
        (10, "whole", [0, 1]),
        (100, "whole", [0, 1]),
        (10, "absent", [0, 1, (2, 9)]),
        (100, "page", [0, 1, (2, 99)]),
        (101, "whole", [0, 1, 2, 0, 1, 2]),
    ],
)
def test_a_list_without_ranks_that_begins_with_pages_1_and_0_asks_for_these_pages(
    rows: int, count: Any, asked: list[Any]
) -> None:
    service = FakeService(unranked(rows), count=count)
    assert read_all(service, 100, ahead=True) == ids(service.entries)
    assert service.asked == asked


@pytest.mark.parametrize("page_zero", ["empty", "refused", "first", "fails"])
@pytest.mark.parametrize("count", ["whole", "page", "absent"])
@pytest.mark.parametrize("rows", [0, 5, 10, 37, 100, 250])
def test_page_0_that_was_requested_ahead_costs_at_most_one_request(rows: int, count: Any, page_zero: Any) -> None:
    asked = []
    for ahead in (False, True):
        service = FakeService(unranked(rows), count=count, page_zero=page_zero)
        assert read_all(service, 100, ahead=ahead) == ids(service.entries)
        asked.append(service.asked)
    assert asked[1].count(0) == asked[1].count(1)
    assert len(asked[1]) <= len(asked[0]) + asked[1].count(1)


@pytest.mark.parametrize("rows", COSTS)
@pytest.mark.parametrize("size", [10, 100])
@pytest.mark.parametrize("count", ["whole", "page", "absent"])
def test_a_service_that_honours_the_size_is_never_asked_beyond_its_end(rows: int, size: int, count: Any) -> None:
    service = FakeService(unranked(rows), count=count, past_end="fails")
    assert read_all(service, size) == ids(service.entries)
    for request in service.asked:
        number, asked = request if isinstance(request, tuple) else (request, size)
        assert (number - 1) * asked < max(1, rows)


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("count", ["whole", "page", "absent"])
@pytest.mark.parametrize("size", [10, 100])
@pytest.mark.parametrize("rows", COSTS)
def test_every_length_is_read_whole(rows: int, size: int, count: Any, base: Any) -> None:
    service = FakeService(whole(rows), count=count, base=base)
    assert read_all(service, size) == ids(service.entries)


def test_a_thousand_nodes_cost_two_rounds_of_waiting() -> None:
    reading = pagination.read(100)
    service = FakeService(whole(1000))
    assert next(reading) == [PageRequest(1, needed=True)]
    further = reading.send([service.answer(1, 100)])
    assert further == [PageRequest(number, needed=True) for number in range(2, 11)]
    with pytest.raises(StopIteration) as finished:
        reading.send([service.answer(request.number, 100) for request in further])
    assert len(finished.value.value.rows) == 1000


# The table at the head of the module: which pages are requested. A pair is a page and a size of its own.

SWEEPS: dict[str, tuple[FakeService, list[int | tuple[int, int]]]] = {
    "fewer than ten: the end, and its ranks are the start": (FakeService(whole(5)), [1]),
    "fewer than ten, without a count": (FakeService(whole(5), count="absent"), [1]),
    "fewer than ten, and the count is too low": (FakeService(whole(5), count=3), [1]),
    "the count says more: as many pages as it needs": (FakeService(whole(25), cap=10), [1, 2, 3]),
    "the count says more, to the end of a full page": (FakeService(whole(20), cap=10), [1, 2]),
    "ten rows or more: the check": (FakeService(whole(10)), [1, (2, 9)]),
    "the check shows more: the next page, and so on": (FakeService(whole(20), cap=10, count="page"), [1, (2, 9), 2, (3, 9)]),
    "the last page is short: the check": (FakeService(whole(25), cap=10, count="absent"), [1, (2, 9), 2, (3, 9), 3, (3, 9)]),
    "the check proves the start, too": (FakeService(unranked(30)), [1, (2, 29)]),
    "the size is ignored, so that the check shows nothing: the next page": (
        FakeService(whole(12), fixed=12),
        [1, (2, 11), 2],
    ),
    "the size is ignored, and pages beyond the end are refused": (
        FakeService(whole(12), fixed=12, past_end="refused", count="absent"),
        [1, (2, 11), (1, 11), 2, 0] * 2,
    ),
    "pages beyond the end are the last one again": (
        FakeService(whole(12), fixed=12, past_end="last", count="absent"),
        [1, (2, 11), 2, 0] * 2,
    ),
    "no ranks: page 0": (FakeService(unranked(5)), [1, 0]),
    "its ranks count down, as on the last page of a service that counts from 0: page 0": (
        FakeService([*reversed(whole(39))], base=0, count="page", cap=30),
        [1, 0, 1, 0],
    ),
    "the ranks of the only page count down: page 0": (FakeService([*reversed(whole(5))]), [1, 0]),
    "the ranks of the only page are in another order": (FakeService(entries([2, 0, 1])), [1]),
    "a rank is missing: page 0": (FakeService(entries([0, 2])), [1, 0]),
    "a rank is doubled: page 0": (FakeService(entries([0, 0])), [1, 0]),
    "fewer than ten although the count says more: page 0, then the next page": (
        FakeService(whole(35), cap=7),
        [1, 0, 2, 3, 4, 5],
    ),
    "page 1 is empty: page 0": (FakeService(whole(5), base=0, count="page"), [1, 0]),
    "page 1 is refused: page 0": (FakeService(whole(5), base=0, past_end="refused"), [1, 0]),
    "rows are missing: page 0": (FakeService(whole(25), cap=15, base=0), [1, 2, 3, 0]),
    "counted from 0, without a count": (
        FakeService(whole(25), cap=15, base=0, count="absent", past_end="fails"),
        [1, (2, 9), 2, 0] * 2,
    ),
    "a count that agrees by chance, without ranks: page 0": (
        FakeService(unranked(15), cap=10, base=0, count=5, past_end="last"),
        [1, 0, 1, 0],
    ),
}


@pytest.mark.parametrize(("service", "pages"), SWEEPS.values(), ids=SWEEPS)
def test_what_was_seen_decides_which_pages_follow(service: FakeService, pages: list[int | tuple[int, int]]) -> None:
    service.asked.clear()
    assert read_all(service, 37) == ids(service.entries)
    assert service.asked == pages


# Whether one sweep is enough.

VERDICTS: dict[str, tuple[FakeService, int]] = {
    "one answer of fewer than ten rows": (FakeService(unranked(5), count="page"), 1),
    "one answer, counted and checked": (FakeService(unranked(10)), 1),
    "one answer, checked": (FakeService(unranked(10), count="page"), 1),
    "one answer that may be full": (FakeService(unranked(10), count="page", fixed=10), 2),
    "several answers, counted, ranks whole": (FakeService(whole(15), cap=10), 1),
    "several answers, checked, ranks whole": (FakeService(whole(15), cap=10, count="absent"), 1),
    "several answers, counted, a rank missing": (FakeService(entries([*range(14), None]), cap=10), 2),
    "several answers, ranks whole, no count and no check": (FakeService(whole(15), fixed=10, count="absent"), 2),
    "page 0 is refused": (FakeService(unranked(5), page_zero="refused"), 1),
    "the service failed at page 0": (FakeService(unranked(5), page_zero="fails"), 1),
    "a row comes twice in one answer": (FakeService([*unranked(10), entry("node-1")], count="page"), 2),
}


@pytest.mark.parametrize(("service", "sweeps"), VERDICTS.values(), ids=VERDICTS)
def test_one_sweep_is_enough_only_when_it_proves_the_list(service: FakeService, sweeps: int) -> None:
    service.asked.clear()
    assert read_all(service, 37) == ids(service.entries)
    assert service.asked.count(1) == sweeps


def finish(reading: Reading, pages: Mapping[int, Page]) -> Listing:
    """Answer a reading from these pages, and nothing else, whatever size it asks for."""
    requests = next(reading)
    while True:
        try:
            requests = reading.send([pages.get(request.number, Page()) for request in requests])
        except StopIteration as finished:
            listing: Listing = finished.value
            return listing


def test_pages_of_uneven_length_are_read_until_the_count_agrees() -> None:
    """Some services hide rows after they have cut the pages."""
    rows = whole(25)
    pages = {1: Page(rows[:9], 25), 2: Page(rows[9:17], 25), 3: Page(rows[17:], 25)}
    assert finish(pagination.read(10), pages).rows == [row.row for row in rows]


def test_an_empty_page_that_counts_nothing_does_not_unsay_the_count_of_the_others() -> None:
    rows = entries([*range(19), None])
    pages = {1: Page(rows[:10], 20), 2: Page(rows[10:], 20), 0: Page((), 0)}
    assert finish(pagination.read(10), pages).rows == [row.row for row in rows]


@pytest.mark.parametrize(("rows", "pages"), [(5, 3), (0, 2)])
def test_a_count_above_what_is_found_is_an_error_that_describes_what_was_seen(rows: int, pages: int) -> None:
    service = FakeService(whole(rows), count=7)
    with pytest.raises(NotSettled, match=re.escape(f"{rows} rows on {pages} pages, totalCount 7")):
        read_all(service, 100)
    assert service.asked.count(1) == pagination.MAX_SWEEPS


def test_a_count_above_what_is_found_names_the_page_that_was_refused() -> None:
    service = FakeService(whole(25), cap=10, breaks=(2, REFUSED))
    with pytest.raises(NotSettled, match=re.escape("15 rows on 5 pages, one refused (HTTP 404), totalCount 25")):
        read_all(service, 100)


@pytest.mark.parametrize("past_end", ["empty", "refused", "last"])
def test_a_huge_count_costs_a_bounded_number_of_requests(past_end: Any) -> None:
    service = FakeService(whole(95), cap=10, count=10**12, past_end=past_end)
    with pytest.raises(NotSettled):
        read_all(service, 100)
    assert len(service.asked) < 100 * pagination.MAX_SWEEPS


def test_a_list_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_ROWS", 1000)

    def grow(rows: list[Entry]) -> None:
        rows += [entry(f"node-{len(rows) + more}") for more in range(10)]

    service = FakeService(unranked(10), count="absent", moves=dict.fromkeys(range(1, 1000), grow))
    with pytest.raises(NotSettled, match="more than 1,000 rows"):
        read_all(service, 10)


@pytest.mark.parametrize("wrong", [3, 10, 15, 25])
@pytest.mark.parametrize("rows", [31, 35, 40])
def test_a_count_that_is_wrong_but_plausible_hides_no_row(rows: int, wrong: int) -> None:
    service = FakeService(whole(rows), cap=10, count=wrong)
    assert read_all(service, 100) == ids(service.entries)


def test_services_that_cannot_be_distinguished_from_outside() -> None:
    """Two services of different lists give the same first answer, which must cost one request: so one of them is misread."""
    short = FakeService(whole(3), count="page")
    tiny_pages = FakeService(whole(5), cap=3, count="page")
    counts_from_0 = FakeService([entry(f"other-{rank}", rank) for rank in range(3, 13)] + whole(3), base=0, count="page")
    assert short.answer(1, 10) == tiny_pages.answer(1, 10) == counts_from_0.answer(1, 10)


# Pages that cannot be read.

ANSWERED = [REFUSED, FAILED, NotJsonError("the list", "GET /list", "HTML.", "")]


@pytest.mark.parametrize("error", ANSWERED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("count", ["page", "absent"])
@pytest.mark.parametrize("cap", [10, 50])
def test_a_page_that_exists_and_is_refused_is_an_error(error: RequestError, count: Any, cap: int) -> None:
    service = FakeService(whole(120), cap=cap, count=count, breaks=(2, error))
    with pytest.raises((RequestError, NotSettled)):
        read_all(service, 100)


@pytest.mark.parametrize("error", ANSWERED, ids=lambda error: type(error).__name__)
def test_page_0_that_is_refused_is_an_error_where_all_ranks_are_ten_or_more(error: RequestError) -> None:
    service = FakeService(whole(25), cap=10, base=0, count="absent", breaks=(0, error))
    with pytest.raises(type(error) if error is FAILED else NotSettled):
        read_all(service, 100)


def test_a_page_that_must_exist_and_is_not_found_is_not_an_error_of_a_list_that_does_not_exist() -> None:
    service = FakeService(whole(120), cap=50, count="page", breaks=(2, REFUSED))
    with pytest.raises(NotSettled, match=r"refused page 2, which must exist \(HTTP 404\)"):
        read_all(service, 100)


def test_page_1_that_is_refused_once_hides_no_row() -> None:
    def heal(_rows: list[Entry]) -> None:
        service.breaks = None

    service = FakeService(whole(5), breaks=(1, REFUSED), moves={3: heal})
    assert read_all(service, 100) == ids(service.entries)


def test_pages_0_and_1_that_are_both_refused_are_an_error() -> None:
    service = FakeService(whole(5), breaks=(1, REFUSED), page_zero="refused")
    with pytest.raises(StatusError):
        read_all(service, 100)
    assert service.asked == [1, 0]


def test_ranks_of_ten_or_more_are_no_error_where_page_0_is_empty() -> None:
    service = FakeService(entries(range(10, 15)))
    assert read_all(service, 100) == ids(service.entries)


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
WRONG = st.one_of(st.integers(1, 90), st.sampled_from([70, 80, 10**12]))


@st.composite
def services(draw: st.DrawFn, counts: st.SearchStrategy[Any]) -> FakeService:
    """Return a service within the one assumption: where its count is not the whole, it cuts no page below the default size."""
    count = draw(counts)
    forced = st.integers(1 if count == "whole" else pagination.DEFAULT_PAGE_SIZE, 40)
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


def is_like_a_short_run(service: FakeService, size: int) -> bool:
    """Return whether it counts from 0 and its second and last page passes for a whole run: see the docstring of the module."""
    ranks = [row.rank for row in service.entries[service.page_size(size) :]]
    if service.base or service.count == "whole" or set(ranks) != set(range(len(ranks))):
        return False
    is_short = len(ranks) < min(size, pagination.DEFAULT_PAGE_SIZE)
    counts_down = len(ranks) > 1 and ranks == [*reversed(range(len(ranks)))]
    return isinstance(service.count, int) or (is_short and not counts_down)


@MANY
@given(services(HONEST), SIZES, st.booleans())
def test_a_service_that_stands_still_is_read_exactly(service: FakeService, size: int, ahead: bool) -> None:
    assume(not is_like_a_short_run(service, size))
    assert read_all(service, size, ahead=ahead) == ids(service.entries)


@MANY
@given(services(WRONG), SIZES, st.booleans())
def test_a_count_that_is_too_high_never_makes_a_wrong_list(service: FakeService, size: int, ahead: bool) -> None:
    assume(isinstance(service.count, int) and service.count > len(service.entries))
    assume(not is_like_a_short_run(service, size))
    try:
        found = read_all(service, size, ahead=ahead)
    except (NotSettled, RequestError):
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
    with pytest.raises(NotSettled, match="in 5 readings, the number of rows never matched totalCount"):
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
@given(services(HONEST), SIZES, st.integers(1, 8), moves(), st.booleans())
def test_a_moving_list_is_never_read_as_one_that_it_never_was(
    service: FakeService, size: int, request_number: int, move: Move, ahead: bool
) -> None:
    service.moves = {request_number: move}
    before = [*service.entries]
    try:
        found = read_all(service, size, ahead=ahead)
    except (NotSettled, RequestError):
        return
    after, service.entries = service.entries, before
    assume(not is_like_a_short_run(service, size))
    service.entries = after
    assume(not is_like_a_short_run(service, size))
    assert found in service.held


def test_pages_that_share_some_rows_are_never_a_list_however_often_they_are_read() -> None:
    # As from a service that sorts the rows anew for each page: ten of them never come.
    pages = {number: Page([Entry(row, {}) for row in rows]) for number, rows in {1: range(10), 2: range(5, 12)}.items()}
    with pytest.raises(NotSettled) as error:
        finish(pagination.read(10), pages)
    assert error.value.shuffled
    assert error.value.rows == 12


def test_known_rows_in_another_order_prove_no_end_where_the_size_is_ignored() -> None:
    def shuffle(rows: list[Entry]) -> None:
        rows.append(rows.pop(0))

    service = FakeService(unranked(11), fixed=10, count="absent", past_end="refused", moves={2: shuffle})
    assert read_all(service, 100) == ids(service.entries)
