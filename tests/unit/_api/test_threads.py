# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work side by side, on threads that never hold the process."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import Result, Task, side_by_side

WAIT_SECONDS = 20.0  # only a failing test takes so long


class Failure(Exception):
    pass


def started(function: Callable[[], Result]) -> Task[Result]:
    task = Task(function, "x")
    task.start()
    return task


def never() -> None:
    pytest.fail("only a Ctrl-C cancels the calls under way")


@pytest.mark.parametrize("workers", [1, 2, 4, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_results_keep_the_order_of_the_items(workers: int, count: int) -> None:
    assert side_by_side(lambda item: item * 10, range(count), workers, never) == [item * 10 for item in range(count)]


@pytest.mark.parametrize("workers", [2, 4])
def test_as_many_as_there_are_workers_are_under_way_and_no_more(workers: int) -> None:
    all_there = threading.Barrier(workers, timeout=WAIT_SECONDS)
    lock = threading.Lock()
    running: set[int] = set()
    most = 0

    def work(item: int) -> None:
        nonlocal most
        with lock:
            running.add(item)
            most = max(most, len(running))
        all_there.wait()  # breaks when fewer run at once
        with lock:
            running.remove(item)

    side_by_side(work, range(workers * 5), workers, never)
    assert most == workers


def test_the_earliest_items_error_is_raised_though_a_later_one_failed_first() -> None:
    later_failed = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            assert later_failed.wait(WAIT_SECONDS)
        else:
            later_failed.set()
        raise Failure(item)

    with pytest.raises(Failure) as caught:
        side_by_side(work, [0, 1], 2, never)
    assert caught.value.args == (0,)


@pytest.mark.parametrize("workers", [1, 2])
def test_no_item_is_begun_after_a_failure_and_those_under_way_end(workers: int) -> None:
    begun: list[int] = []
    ended: list[int] = []
    failed = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == workers - 1:
            failed.set()
            raise Failure
        assert failed.wait(WAIT_SECONDS)
        limit = time.monotonic() + 0.5
        while threading.active_count() > before + 1 and time.monotonic() < limit:
            pass  # the thread that failed is still on its way out
        ended.append(item)

    before = threading.active_count()
    with pytest.raises(Failure):
        side_by_side(work, range(100), workers, never)
    assert sorted(begun) == list(range(workers))
    assert ended == list(range(workers - 1))


def test_calls_under_way_are_cancelled_and_waited_for_after_ctrl_c() -> None:
    main = threading.main_thread().ident
    all_there = threading.Barrier(3, timeout=WAIT_SECONDS)
    cancelled = threading.Event()
    ended: list[int] = []

    def waits_for_the_calls() -> bool:
        frame = sys._current_frames()[main or 0]
        return (frame.f_code.co_name, frame.f_back and frame.f_back.f_code.co_name) == ("wait", "side_by_side")

    def work(item: int) -> None:
        if all_there.wait() == 0:
            _thread.interrupt_main()
        assert cancelled.wait(WAIT_SECONDS)
        limit = time.monotonic() + 0.1
        while not waits_for_the_calls() and time.monotonic() < limit:
            os.sched_yield()
        ended.append(item)
        raise Failure

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(9), 3, cancelled.set)
    assert sorted(ended) == [0, 1, 2]


def test_a_thread_hands_its_result_or_its_error_on_and_is_a_daemon() -> None:
    thread = started(threading.current_thread).result()
    assert (thread.name, thread.daemon) == ("x", True)

    def fail() -> None:
        raise Failure

    with pytest.raises(Failure):
        started(fail).result()


def test_a_call_is_waited_for_no_longer_than_asked() -> None:
    go_on = threading.Event()
    task = started(lambda: go_on.wait(WAIT_SECONDS))
    assert not task.wait(0.01)
    go_on.set()
    assert task.wait(WAIT_SECONDS)
    assert task.wait(0)
    assert task.result() is True


def test_thread_has_ended_when_its_wait_returns() -> None:
    assert not any(started(threading.current_thread).result().is_alive() for _number in range(1000))


@pytest.mark.parametrize("seconds", [-1, 0, 1e-6, 3e-6, 1e-5])
def test_wait_with_almost_no_time_never_blocks(seconds: float) -> None:
    hanging = [Task(threading.active_count, "x") for _number in range(2000)]  # never started
    waits = started(lambda: [task.wait(seconds) for task in hanging])
    assert waits.wait(WAIT_SECONDS)
    assert waits.result() == [False] * 2000


@pytest.mark.usefixtures("no_collection")
def test_what_a_failed_call_held_is_let_go_with_its_error() -> None:
    class Body:
        pass

    held: list[weakref.ref[Body]] = []

    def fail() -> None:
        body = Body()
        held.append(weakref.ref(body))
        raise Failure

    with suppress(Failure):
        started(fail).result()
    assert held[0]() is None


@pytest.mark.usefixtures("no_collection")
def test_ctrl_c_is_noticed_though_it_came_before_the_wait() -> None:
    done = threading.Event()

    def press() -> None:
        seen: list[int] = []
        while len(seen) < 100 or seen[0] != seen[-1]:  # until the main thread waits
            seen = [*seen[-99:], sys._current_frames()[main].f_lasti]
            os.sched_yield()
        _thread.interrupt_main()  # as a signal does, but wakes nobody
        done.wait(2 * WAIT_SECONDS)

    main = threading.get_ident()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        started(press).wait(2 * WAIT_SECONDS)
    done.set()
    assert time.monotonic() - begin < WAIT_SECONDS


@pytest.mark.parametrize("pressed", [True, False])
def test_ctrl_c_while_a_thread_begins_is_ctrl_c_and_another_fault_is_not(monkeypatch: pytest.MonkeyPatch, pressed: bool) -> None:
    class Broken(threading.Thread):
        def start(self) -> None:
            try:
                raise KeyboardInterrupt if pressed else Failure
            finally:
                raise RuntimeError("release unlocked lock")  # what a Condition makes of it

    monkeypatch.setattr(threading, "Thread", Broken)
    with pytest.raises(KeyboardInterrupt if pressed else RuntimeError):
        started(list)
