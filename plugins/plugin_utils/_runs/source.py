# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Return the chosen runs from the cache or the service, and report what the user should know.

The cache holds runs and the API's own rows as plain JSON, and the time when they were read. The content is one JSON string.
Ansible's cache plugins return a string as it was stored, on every version, but they interpret some keys in nested values.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Hashable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import credentials as _credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import waiting as _waiting
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, readable, shortened, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import CredentialOptions
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Transport
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import WaitOptions

# Part of the key, so that an entry of another version is never misread.
_VERSION = 3


@dataclass(frozen=True)
class ReadOptions:
    """The options that choose and read runs, on which those of the plugin are based. The units are those of its documentation."""

    selection: Selection
    api_url: str
    page_size: int
    concurrency: int
    timeout: float
    retries: int
    deadline: float
    verify: bool | str
    wait_options: WaitOptions
    credentials: CredentialOptions


class Snapshot(NamedTuple):
    """One reading of the service.

    :param read_at: seconds since the epoch
    :param available: the available runs for a message, empty if a run was chosen
    """

    runs: list[RunRows]
    read_at: float
    available: str = ""


class Reporter(NamedTuple):
    """The functions that print or log a line.

    :param notify: prints a line at any verbosity
    :param verbose: prints a detail (``-v``)
    :param warning: prints a warning
    :param trace: prints a line for each exchange with the service (``-vvv``)
    :param register: registers the keys, so that other output is redacted too
    """

    notify: Callable[[str], object]
    verbose: Callable[[str], object]
    warning: Callable[[str], object]
    trace: Callable[[str], object]
    register: Callable[[Iterable[str]], object] = list


def read_cached(
    options: ReadOptions,
    reporter: Reporter,
    cache: MutableMapping[str, Any],
    *,
    name: str,
    refresh: bool,
    damage: type[Exception],
) -> Snapshot:
    """Return the chosen runs from the cache. If it does not hold them, read them from the service, and store them in the cache.

    :param cache: Ansible's cache
    :param name: the name of the cache plugin, for a warning
    :param refresh: whether to read from the service, whatever the cache holds
    :param damage: the error that the cache raises for a damaged entry, which counts as a miss
    :raises NsmlError: the runs cannot be read; nothing is stored then
    """
    access_key = _credentials.resolve_access_key(options.credentials, warning=reporter.warning)
    key = cache_key(options.api_url, access_key, options.selection)
    try:
        stored = None if refresh else cache[key]
    except (KeyError, TypeError, damage):  # there is no entry, it has expired, or its file is damaged
        stored = None
    except Exception as error:  # noqa: BLE001  a cache plugin may raise anything
        reporter.warning(
            f"Cannot read the cache {name!r}: {readable(str(error)).rstrip('.')}. Reading the nodes from the service."
        )
        return read(options, reporter)
    if (snapshot := load_snapshot(stored, key)) and _is_enough(snapshot, options):
        age = max(0.0, time.time() - snapshot.read_at)
        reporter.verbose(f"{_count(snapshot.runs)}, from the cache, {age:.0f} s old")
        _report(snapshot, options, reporter)
        return snapshot
    snapshot = read(options, reporter)
    cache[key] = dump_snapshot(snapshot, key)
    return snapshot


def _is_enough(snapshot: Snapshot, options: ReadOptions) -> bool:
    """Return whether the nodes of a snapshot are ready, or the user does not want to wait for them."""
    return not options.wait_options.timeout or _waiting.are_ready(snapshot.runs, options.wait_options, options.selection)


def cache_key(api_url: str, access_key: str, selection: Selection) -> str:
    """Return the key of the entry for everything that determines the result. It is a hash, so it reveals nothing."""
    parts = [_VERSION, api_url.rstrip("/"), access_key, sorted(selection.projects), sorted(selection.runs)]
    return f"navercloud_nsml_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def dump_snapshot(snapshot: Snapshot, key: str) -> str:
    """Return a snapshot as JSON, which contains the key."""
    runs = [{"run": found.run._asdict(), "rows": found.rows} for found in snapshot.runs]
    return json.dumps({"key": key, "read_at": snapshot.read_at, "available": snapshot.available, "runs": runs})


def load_snapshot(value: Any, key: str) -> Snapshot | None:
    """Return the snapshot that :func:`dump_snapshot` wrote for this key, None for anything else, such as a damaged entry."""
    try:
        content = json.loads(value)
        if content["key"] != key:
            return None
        runs = [RunRows(_run(found["run"]), _rows(found["rows"])) for found in content["runs"]]
        _check_unique(found.run.key for found in runs)
        if not content["available"].isprintable():
            return None
        return Snapshot(runs, float(content["read_at"]), content["available"])
    except (ArithmeticError, AttributeError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _run(value: dict[str, str | None]) -> Run:
    """Return a run of the cache. Any error means that the entry is damaged."""
    run = Run(**value)  # type: ignore[arg-type]
    named = all(part and isinstance(part, str) for part in (run.project_id, run.name))
    if not named or not all(part is None or isinstance(part, str) for part in (run.project_name, run.status)):
        raise TypeError
    return run


def _rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a run of the cache. Any error means that the entry is damaged."""
    ids = [text(row["nodeId"]) for row in rows if isinstance(row, dict)]
    if len(ids) < len(rows) or not all(ids):
        raise TypeError
    _check_unique(ids)
    return list(rows)


def _check_unique(values: Iterable[Hashable]) -> None:
    listed = list(values)
    if len(set(listed)) < len(listed):
        raise ValueError


def read(options: ReadOptions, reporter: Reporter) -> Snapshot:
    """Read the chosen runs from the service, wait for ready nodes if the options say so, and return them.

    :raises NsmlError: the runs cannot be read, a list cannot be proven complete, or the nodes did not become ready
    """
    # Imported here, because a cached inventory does not need them, and loading requests takes longer than reading one.
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.reader import Reader

    transport, client = connect(options, reporter)
    reader = Reader(client, options.selection, reporter.warning)
    deadline: Deadline  # of the current reading and the requests after it

    def read_once() -> list[RunRows]:
        nonlocal deadline
        deadline = Deadline(options.deadline)
        return reader.read(deadline)

    def status_of(run: Run) -> str | None:
        return client.status(run.project_id, run.name, deadline)

    began = time.monotonic()
    try:
        if options.wait_options.timeout:
            runs = _waiting.wait(
                read_once,
                status_of,
                options.wait_options,
                options.selection,
                notify=reporter.notify,
                available=lambda: reader.available,
            )
        else:
            runs = read_once()
        runs = [_with_status(found, options.selection, status_of) for found in runs]
    finally:
        transport.close()
    seconds = time.monotonic() - began
    snapshot = Snapshot(runs, time.time(), reader.available)
    reporter.verbose(f"{_count(runs)}, from the service, requests: {transport.requests_made}, seconds: {seconds:.2f}")
    _report(snapshot, options, reporter)
    return snapshot


def connect(options: ReadOptions, reporter: Reporter) -> tuple[Transport, Client]:
    """Return a transport, which the caller must close, and a client that uses it.

    :raises ConfigurationError: a credential is missing, or an option cannot be used
    """
    # Imported here, because they load requests, which takes longer than to read a cached inventory.
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Transport

    credentials = _credentials.resolve(options.credentials, warning=reporter.warning)
    reporter.register(credentials.secrets)
    reporter.verbose(f"Keys: {credentials.origin}")
    transport = Transport(
        options.api_url,
        credentials,
        timeout=options.timeout,
        retries=options.retries,
        connections=options.concurrency,
        verify=options.verify,
        trace=reporter.trace,
        notify=reporter.notify,
    )
    if options.verify is False:
        reporter.warning(
            "'validate_certs' is false, so the plugin does not verify which server receives the API key. To trust your own CA,"
            " set 'ca_path' instead."
        )
    client = Client(
        transport,
        page_size=options.page_size,
        concurrency=options.concurrency,
        verbose=reporter.verbose,
        trace=reporter.trace,
    )
    return transport, client


def _with_status(found: RunRows, selection: Selection, status_of: Callable[[Run], str | None]) -> RunRows:
    """Add the status to a run that was chosen by name and has no nodes, because the status may explain why."""
    if found.rows or found.run.status or found.run.name not in selection.names:
        return found
    return found._replace(run=found.run._replace(status=status_of(found.run)))


def _report(snapshot: Snapshot, options: ReadOptions, reporter: Reporter) -> None:
    """Report what has no effect: no matching run, runs without nodes, and ``wait_nodes`` without ``wait_timeout``."""
    selection = options.selection
    if options.wait_options.nodes and not options.wait_options.timeout:
        reporter.warning("'wait_nodes' has no effect without 'wait_timeout'. Set 'wait_timeout' to a number of seconds.")
    if not snapshot.runs:
        reporter.notify(
            f"No run matches 'run': {', '.join(selection.runs)}. This inventory file adds no hosts. {snapshot.available}".rstrip()
        )
    idle = [found.run for found in snapshot.runs if _waiting.is_idle(found, selection)]
    if idle:
        reporter.verbose(f"Runs with an unknown status and no nodes: {_named(idle)}")
    empty = [found.run for found in snapshot.runs if not found.rows and _is_expected(found.run, selection)]
    if empty:
        reporter.warning(f"These runs have no nodes and add no hosts: {_named(empty)}.")


def _is_expected(run: Run, selection: Selection) -> bool:
    """Return whether a run should have nodes: it was chosen by name, or it has begun and not ended."""
    return run.name in selection.names or run.phase in (Phase.BEGINNING, Phase.UNDER_WAY)


def _named(runs: Sequence[Run]) -> str:
    return shortened(run.description for run in runs)


def _count(runs: Sequence[RunRows]) -> str:
    return f"Nodes: {sum(len(found.rows) for found in runs)}, runs: {len(runs)}"
