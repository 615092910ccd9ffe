# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on threads that never hold the process: daemons, so that Ctrl-C and a hanging server cannot keep it alive.

The standard pool is of no use here: the interpreter waits for its threads when it ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# A Ctrl-C that comes just before a wait begins is noticed only when that wait is over: none is longer than this, in seconds.
_WAIT = 0.2


class Task(Generic[Result]):
    """A call under way on a thread of its own, begun when this is made.

    The waiting is for a queue written in C: a Ctrl-C can break in between the steps of a Condition, which then fails.
    """

    def __init__(self, function: Callable[[], Result], name: str) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._has_ended = False
        _begin(threading.Thread(target=self._run, name=name, daemon=True))

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001  not handled here: raised to whoever asks for the result
            self._error = error
        self._ended.put(None)

    def wait(self, seconds: float = math.inf) -> bool:
        """Return whether the call has ended, at the latest after so many seconds."""
        end = time.monotonic() + seconds
        while not self._has_ended:
            try:
                self._ended.get(timeout=max(0, min(_WAIT, end - time.monotonic())))
                self._has_ended = True
            except Empty:
                if time.monotonic() >= end:
                    return False
        return True

    def result(self) -> Result:
        """Wait for the call to end and return its result, or raise its error; to be asked once."""
        self.wait()
        try:
            if self._error:
                raise self._error
            return self._value
        finally:
            self._error = None  # it holds all that the call held, and would hold itself


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """Return the function's result for each item, in the order of the items, with so many under way at once.

    The items are begun in order. When one fails, no further one is begun, those under way are waited for, and the error
    of the earliest item is raised: which error the user sees does not depend on which thread was quicker.
    """
    if workers == 1 or len(items) <= 1:
        return [function(item) for item in items]
    numbers = iter(range(len(items)))
    lock = threading.Lock()
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}

    def work() -> None:
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                results[number] = function(items[number])
            except BaseException as error:  # noqa: BLE001  not handled here: raised below
                errors[number] = error

    tasks = [Task(work, f"nsml-{number}") for number in range(min(workers, len(items)))]
    for task in tasks:
        task.result()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(items))]


def _begin(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        # A Ctrl-C that breaks in between the steps of the Condition that start() waits for.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
