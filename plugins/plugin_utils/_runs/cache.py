# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cache holds: the runs and the API's own rows as plain JSON, and when they were read.

They are kept as one JSON string. Ansible's cache plugins bring a string back as it was on every version, while in nested values
some keys are taken for marks of Ansible's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, text

# Part of the key: what another version wrote is never misread.
_VERSION = 3


@dataclass(frozen=True)
class Snapshot:
    """One reading of the service.

    :param read_at: seconds since the epoch
    :param available: the runs that could be chosen, in words, where none was
    """

    runs: list[RunRows]
    read_at: float
    available: str = ""


def key(api_url: str, access_key: str, selection: Selection) -> str:
    """Return the cache's key for all that decides what is read; nothing can be read out of it."""
    parts = [_VERSION, api_url.rstrip("/"), access_key, sorted(selection.projects), sorted(selection.runs)]
    return f"navercloud_nsml_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def dump(snapshot: Snapshot, key: str) -> str:
    """Return the snapshot as JSON, bound to its key."""
    runs = [{"run": asdict(found.run), "rows": found.rows} for found in snapshot.runs]
    return json.dumps({"key": key, "read_at": snapshot.read_at, "available": snapshot.available, "runs": runs})


def load(value: Any, key: str) -> Snapshot | None:
    """Return what :func:`dump` wrote for this key, or None for anything else: a cache that is damaged is no more than a miss."""
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
