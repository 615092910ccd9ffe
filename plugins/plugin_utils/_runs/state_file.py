# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file in which the event source keeps what it reported. It contains rows of the API, and no keys."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownNode, KnownRun, KnownRuns
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunKey
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import text

_VERSION = 1

# The boolean fields of KnownNode and KnownRun.
_MARKS_OF_NODE = ("is_missing", "ended_with_run")
_MARKS_OF_RUN = ("all_exited", "not_chosen", "has_ended")

# The fields of Node that depend on the other nodes of the reading, some of which may no longer exist.
_OF_OTHER_NODES = {"holds_rank": bool, "world_size": int, "is_superseded": bool}


class StateError(Exception):
    """The file cannot be used. The message is the reason, for example "the file is damaged"."""


class StateFile:
    """The state file of one selection.

    :param api_url: the URL of the service that has the runs
    """

    def __init__(self, path: str, api_url: str, selection: Selection) -> None:
        self.path = Path(path)
        parts = [api_url.rstrip("/"), sorted(selection.projects), sorted(selection.runs)]
        self._selection = hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def check(self) -> None:
        """Check that the file can be written.

        :raises ConfigurationError: the file cannot be written
        """
        try:
            if self.path.is_dir():
                raise IsADirectoryError(None, "the path is a directory")
            file, temporary = self._temporary()
            os.close(file)
            Path(temporary).unlink()
        except OSError as error:
            raise ConfigurationError(
                f"Cannot write 'state_file' '{self.path}': {error.strerror}. Use a file in a directory that you can write to."
            ) from None

    def load(self) -> KnownRuns | None:
        """Return the content that :meth:`save` wrote, None if the file does not exist.

        :raises StateError: the file cannot be read, is damaged, or belongs to another version or selection
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"the file cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise StateError("the file is damaged") from None
        try:
            if content["version"] != _VERSION:
                raise StateError("another version of this collection wrote the file")
            if content["selection"] != self._selection:
                raise StateError("the file belongs to other runs, because 'api_url', 'project' or 'run' has changed")
            return dict(map(_run, _check(content["runs"], list)))
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            raise StateError("the file is damaged") from None

    def save(self, known: KnownRuns) -> None:
        """Replace the file atomically. Only its owner can read it.

        :raises OSError: the file cannot be written
        """
        runs = [_dumped(run) for run in known.values()]
        content = json.dumps({"version": _VERSION, "selection": self._selection, "runs": runs})
        file, temporary = self._temporary()
        try:
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(file)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _temporary(self) -> tuple[int, str]:
        return tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # with mode 0600


def _dumped(known: KnownRun) -> dict[str, Any]:
    return {
        "run": known.run._asdict(),
        "nodes": [
            {
                "row": seen.node.row,
                "host": seen.host,
                **{name: getattr(seen.node, name) for name in _OF_OTHER_NODES},
                **{name: getattr(seen, name) for name in _MARKS_OF_NODE},
            }
            for seen in known.nodes.values()
        ],
        "settled": sorted(known.settled),
        "reported": None if known.reported is None else list(known.reported.items()),
        **{name: getattr(known, name) for name in _MARKS_OF_RUN},
    }


def _run(content: Mapping[str, Any]) -> tuple[RunKey, KnownRun]:
    fields = content["run"]
    run = Run(
        project_id=_check(fields["project_id"], str),
        name=_check(fields["name"], str),
        project_name=_check(fields["project_name"], str, type(None)),
        status=_check(fields["status"], str, type(None)),
    )
    reported = _check(content["reported"], list, type(None))
    return run.key, KnownRun(
        run=run,
        nodes=_nodes(_check(content["nodes"], list), run),
        settled=frozenset(_check(node_id, str) for node_id in _check(content["settled"], list)),
        reported=None if reported is None else {_check(rank, int): _check(node_id, str) for rank, node_id in reported},
        **{name: _check(content[name], bool) for name in _MARKS_OF_RUN},
    )


def _nodes(content: Sequence[Mapping[str, Any]], run: Run) -> dict[str, KnownNode]:
    listed = {text(seen["row"]["nodeId"]): seen for seen in content}
    if None in listed or len(listed) < len(content):
        raise ValueError
    nodes = nodes_of_run([seen["row"] for seen in content], run)
    return {
        node.id: KnownNode(
            node._replace(**{name: _check(listed[node.id][name], kind) for name, kind in _OF_OTHER_NODES.items()}),
            _check(listed[node.id]["host"], str),
            **{name: _check(listed[node.id][name], bool) for name in _MARKS_OF_NODE},
        )
        for node in nodes
    }


def _check(value: Any, *types: type) -> Any:
    if type(value) not in types:
        raise TypeError
    return value
