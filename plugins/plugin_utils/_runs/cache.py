# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of the cache: runs and the API's own rows as plain JSON, and the time when they were read.

The content is one JSON string. Ansible's cache plugins return a string as it was stored, on every version, but they interpret
some keys in nested values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, text

# Part of the key, so that an entry of another version is never misread.
_VERSION = 3


class Snapshot(NamedTuple):
    """One reading of the service.

    :param read_at: seconds since the epoch
    :param available: the available runs for a message, empty if a run was chosen
    """

    runs: list[RunRows]
    read_at: float
    available: str = ""


def key(api_url: str, access_key: str, selection: Selection) -> str:
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
