# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on threads that never hold the process: daemons, so that Ctrl-C and a hanging server cannot keep it alive.

The standard pool is of no use here: the interpreter waits for its threads when it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def start(function: Callable[[], Result], name: str) -> Future[Result]:
    """Run the function on a thread of its own and return its future."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  not handled here: handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """Return the function's result for each item, in the order of the items, with so many under way at once.

    The items are begun in order. When one fails, no further one is begun, those under way are waited for, and the error
    of the earliest item is raised: which error the user sees does not depend on which thread was quicker.
    """
    if workers == 1 or len(items) <= 1:
        return [function(item) for item in items]
    futures: list[Future[Result]] = [Future() for _item in items]
    waiting = iter(zip(items, futures))
    lock = threading.Lock()
    failed = threading.Event()

    def work() -> None:
        while not failed.is_set():
            with lock:
                pair = next(waiting, None)
            if pair is None:
                return
            item, future = pair
            try:
                future.set_result(function(item))
            except BaseException as error:  # noqa: BLE001  not handled here: raised below, with the result
                future.set_exception(error)
                failed.set()

    threads = [start(work, f"nsml-{number}") for number in range(min(workers, len(items)))]
    for thread in threads:
        thread.result()
    return [future.result() for future in futures]
