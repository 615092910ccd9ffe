# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Return the chosen runs from the cache, which holds runs and the API's own rows as plain JSON, and the time of reading.

The content is one JSON string. Ansible's cache plugins return a string as it was stored, on every version, but they interpret
some keys in nested values.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Hashable, Iterable, MutableMapping, Sequence
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import credentials as _credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import waiting as _waiting
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.source import ReadOptions, Reporter, Snapshot
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, readable, text

# Part of the key, so that an entry of another version is never misread.
_VERSION = 3


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
        return _source.read(options, reporter)
    if (snapshot := load(stored, key)) and _is_enough(snapshot, options):
        age = max(0.0, time.time() - snapshot.read_at)
        reporter.verbose(f"{_source.count(snapshot.runs)}, from the cache, {age:.0f} s old")
        _source.report(snapshot, options, reporter)
        return snapshot
    snapshot = _source.read(options, reporter)
    cache[key] = dump(snapshot, key)
    return snapshot


def _is_enough(snapshot: Snapshot, options: ReadOptions) -> bool:
    """Return whether the nodes of a snapshot are ready, or the user does not want to wait for them."""
    return not options.wait_options.timeout or _waiting.are_ready(snapshot.runs, options.wait_options, options.selection)


def cache_key(api_url: str, access_key: str, selection: Selection) -> str:
    """Return the key of the entry for everything that determines the result. It is a hash, so it reveals nothing."""
    parts = [_VERSION, api_url.rstrip("/"), access_key, sorted(selection.projects), sorted(selection.runs)]
    return f"navercloud_nsml_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def dump(snapshot: Snapshot, key: str) -> str:
    """Return a snapshot as JSON, which contains the key."""
    runs = [{"run": found.run._asdict(), "rows": found.rows} for found in snapshot.runs]
    return json.dumps({"key": key, "read_at": snapshot.read_at, "available": snapshot.available, "runs": runs})


def load(value: Any, key: str) -> Snapshot | None:
    """Return the snapshot that :func:`dump` wrote for this key. Return None for anything else, such as a damaged entry."""
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
    run = Run(**value)  # type: ignore[arg-type]
    named = all(part and isinstance(part, str) for part in (run.project_id, run.name))
    if not named or not all(part is None or isinstance(part, str) for part in (run.project_name, run.status)):
        raise TypeError
    return run


def _rows(rows: Sequence[Row]) -> list[Row]:
    ids = [text(row["nodeId"]) for row in rows if isinstance(row, dict)]
    if len(ids) < len(rows) or not all(ids):
        raise TypeError
    _check_unique(ids)
    return list(rows)


def _check_unique(values: Iterable[Hashable]) -> None:
    listed = list(values)
    if len(set(listed)) < len(listed):
        raise ValueError
