# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run functions on daemon threads, so that a hanging server never keeps the process alive, for example after Ctrl-C.

The standard thread pool does not do this: the interpreter waits for its threads when it ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# The longest wait, in seconds. A Ctrl-C just before a wait begins is noticed only when the wait is over.
_WAIT = 0.2

# Seconds that a thread has to end after its call was cancelled.
GRACE_PERIOD = 0.2


class Task(Generic[Result]):
    """A call on its own thread.

    This waits for a lock, because a Ctrl-C can interrupt a Condition between two steps, and the Condition then fails. A queue
    written in C can block forever in Python 3.10 and 3.11, although it has a timeout.
    """

    def __init__(self, function: Callable[[], Result], name: str) -> None:
        self._function = function
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._error: BaseException | None = None
        self._running = threading.Lock()
        self._running.acquire()

    def start(self) -> None:
        """Start the call. If a Ctrl-C interrupts this, the call may have started."""
        try:
            self._thread.start()
        except RuntimeError as error:
            # The Ctrl-C interrupted the Condition in Thread.start() between two steps.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001  not handled here: raised by result()
            self._error = error
        self._running.release()

    def wait(self, seconds: float = math.inf) -> bool:
        """Wait until the thread has ended, at most for a number of seconds, and return whether it has ended."""
        end = time.monotonic() + seconds
        while not self._running.acquire(timeout=max(0, min(_WAIT, end - time.monotonic()))):
            if time.monotonic() >= end:
                return False
        self._running.release()
        self._thread.join()  # a play must not fork while the thread takes its last steps
        return True

    def result(self) -> Result:
        """Wait until the call has ended, and return its result or raise its error. Call this only once."""
        self.wait()
        try:
            if self._error:
                raise self._error
            return self._value
        finally:
            self._error = None  # its traceback refers to all objects of the call, and to this task


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, cancel: Callable[[], object]
) -> list[Result]:
    """Call the function for each item in parallel, and return the results in the order of the items.

    The calls start in the order of the items. After a failure, no further call starts, the running calls are waited for, and the
    error of the first failed item is raised, so that the error does not depend on the speed of the threads.

    If this is interrupted, for example by a Ctrl-C, it cancels the running calls, and gives the threads a moment to end, because
    Python can crash if a thread is active when the interpreter ends.

    :param workers: the maximum number of parallel calls
    :param cancel: makes the running calls fail
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
    try:
        for task in tasks:
            task.start()
        for task in tasks:
            task.result()
    except BaseException:
        cancel()
        end = time.monotonic() + GRACE_PERIOD
        for task in tasks:
            task.wait(end - time.monotonic())
        raise
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(items))]
