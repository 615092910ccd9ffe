# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the runs at an interval, and put an event for each change.

A reading is one complete read of the chosen runs. It is synchronous and runs on a daemon thread, so that the event loop is not
blocked, and the process can end while a request hangs.
"""

from __future__ import annotations

import ast
import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import yaml
from ansible import constants
from ansible.errors import AnsibleError

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, NsmlError, RequestError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.events import event_of, host_names
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import Change, KnownRuns, Watch, compare, without
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.follower import Follower
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.source import ReadOptions, Reporter, connect
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state_file import StateError, StateFile
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import LASTING

Result = TypeVar("Result")

NAME = "navercloud.nsml.nodes"

# ansible-doc does not know event sources.
_ARGUMENTS_DOCUMENTED = (
    "For the arguments, see https://github.com/navercloud/ansible-collection-nsml/blob/main/docs/docsite/rst/events.rst#arguments"
)

# The options of the inventory plugin that the event source has too.
SHARED = (
    "project",
    "run",
    "access_key",
    "secret_key",
    "api_key",
    "profile",
    "api_url",
    "page_size",
    "concurrency",
    "timeout",
    "retries",
    "deadline",
    "validate_certs",
    "ca_path",
    "wait_nodes",
)

_INVENTORY_PLUGIN = Path(__file__).parents[1] / "inventory" / "nodes.py"

# The source ends after this number of readings in a row that fail permanently.
_MOST_LASTING = 3

# Seconds. A longer interval is not shortened.
_LONGEST_PAUSE = 300.0

_logger = logging.getLogger(NAME)


class Queue(Protocol):
    """The queue of the rulebook. Putting waits while the queue is full."""

    def put(self, event: Mapping[str, Any], /) -> Awaitable[None]:
        """Put an event."""


class Arguments(NamedTuple):
    """The checked arguments of the event source.

    :param options: the arguments that are also options of the inventory plugin
    :param interval: seconds between the starts of two readings
    :param state_file: the path of the file that records the events that were put, None for no file
    :param initial: whether to report nodes and runs that are ready at the start
    """

    options: ReadOptions
    interval: float
    state_file: str | None
    initial: bool


async def follow(queue: Queue, arguments: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Read at an interval and put an event for each change, until an error or cancellation.

    :param arguments: the arguments of the event source, as the rulebook passes them
    :param own: the documentation of the arguments that are not options of the inventory plugin
    :raises NsmlError: an argument is wrong, or the first reading or three readings in a row fail permanently
    """
    source = _Source(read_arguments(arguments, own))
    try:
        await source.run(queue)
    finally:
        source.close()


def read_arguments(arguments: Mapping[str, Any], own: Mapping[str, Any]) -> Arguments:
    """Return the checked arguments, with the defaults and environment variables of the inventory plugin's options.

    :param own: the documentation of the arguments that are not options of the inventory plugin
    :raises ConfigurationError: an argument cannot be used
    """
    documented = _inventory_options()
    definitions = {**{name: documented[name] for name in SHARED}, **own}
    _options.check_given(arguments, definitions, "argument", _ARGUMENTS_DOCUMENTED)
    _options.check_types(arguments, definitions)
    _options.check_not_empty(arguments)
    config: Any = constants.config
    config.initialize_plugin_configuration_definitions("event_source", NAME, definitions)
    try:
        values = config.get_plugin_options("event_source", NAME, direct=arguments)
    except AnsibleError as error:
        raise ConfigurationError(str(error)) from None
    if warning := _options.warning_of_empty_project(arguments, definitions):
        _logger.warning(warning)
    origins = _options.origins_of_keys(arguments, definitions, "the rulebook")
    defaults = {name: definition.get("default") for name, definition in documented.items()}
    values = defaults | _options.without_empty_variables(values, arguments, definitions)
    return Arguments(
        options=_options.read_options(values, _options.credential_options(values, arguments, origins)),
        interval=_options.seconds("interval", values["interval"]),
        state_file=values["state_file"],
        initial=values["initial"],
    )


def _inventory_options() -> dict[str, dict[str, Any]]:
    """Return the documented options of the inventory plugin, without importing it, which would load most of Ansible."""
    statements = ast.parse(_INVENTORY_PLUGIN.read_text(encoding="utf-8")).body
    assignments = {ast.unparse(line.targets[0]): line.value for line in statements if isinstance(line, ast.Assign)}
    options: dict[str, dict[str, Any]] = yaml.safe_load(ast.literal_eval(assignments["DOCUMENTATION"]))["options"]
    return options


class _Source:
    """Reads again and again, and puts the changes."""

    def __init__(self, arguments: Arguments) -> None:
        options = arguments.options
        self._interval = arguments.interval
        self._watch = Watch(options.wait_options.nodes, arguments.initial)
        self._state = StateFile(arguments.state_file, options.api_url, options.selection) if arguments.state_file else None
        if self._state:
            self._state.check()
        self._known = self._saved = self._remembered()
        reporter = Reporter(notify=_logger.info, verbose=_logger.info, warning=_logger.warning, trace=_logger.debug)
        self._transport, client = connect(options, reporter)
        self._follower = Follower(client, options.selection, options.deadline)
        self._faults = Faults()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    async def run(self, queue: Queue) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            pause = self._interval
            try:
                known, changes = await on_thread(self._read)
            except NsmlError as error:
                pause = self._faults.pause_after(error, self._interval)
                _logger.warning("%s Reading again in %.0f s.", error, pause)
            else:
                self._faults.forget()
                await self._put(queue, known, changes)
            await asyncio.sleep(max(0.0, began + pause - loop.time()))

    def _read(self) -> tuple[KnownRuns, list[Change]]:
        reading = self._follower.read(self._known or {})
        return compare(self._known, reading, self._watch, host_names)

    async def _put(self, queue: Queue, known: KnownRuns, changes: list[Change]) -> None:
        """Put the events, and record those that were put, even if this is cancelled in between."""
        done = 0
        try:
            for change in changes:
                await queue.put(event_of(change))
                done += 1
        finally:
            self._remember(without(known, self._known or {}, changes[done:]) if done < len(changes) else known)

    def _remembered(self) -> KnownRuns | None:
        try:
            return self._state.load() if self._state else None
        except StateError as error:
            _logger.warning(
                "Cannot use 'state_file' '%s': %s. Starting with a new state file.", self._state and self._state.path, error
            )
            return None

    def _remember(self, known: KnownRuns) -> None:
        self._known = known
        if self._state and known != self._saved:
            try:
                self._state.save(known)
                self._saved = known
            except OSError as error:
                _logger.warning(
                    "Cannot write 'state_file' '%s': %s. Trying again after the next reading.", self._state.path, error.strerror
                )


class Faults:
    """Counts the consecutive readings that failed."""

    def __init__(self) -> None:
        self._has_read = False
        self._lasting = self._all = 0

    def forget(self) -> None:
        """Reset the counts after a successful reading."""
        self._has_read = True
        self._lasting = self._all = 0

    def pause_after(self, error: NsmlError, interval: float) -> float:
        """Return the seconds from the start of the failed reading to the next one, which increase with each failure.

        :param interval: seconds between the starts of two readings
        :raises NsmlError: the error, if it is permanent
        """
        passes = isinstance(error, RequestError) and not isinstance(error, LASTING)
        self._lasting = 0 if passes else self._lasting + 1
        if not passes and (not self._has_read or self._lasting >= _MOST_LASTING):
            raise error
        self._all += 1
        return max(interval, min(_LONGEST_PAUSE, interval * 2.0 ** min(self._all, 30)))


async def on_thread(function: Callable[[], Result]) -> Result:
    """Return the result of a function, run on a daemon thread, for which the process does not wait when it ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:  # noqa: BLE001  not handled here: raised to the caller that awaits
            error = raised
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="nsml-reading", daemon=True).start()
    return await future
