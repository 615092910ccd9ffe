# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists of the API that the inventory needs, and how their pages are parsed. Pure: this module sends no requests."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import Entry, Page
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ResponseError, SelectionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, integer, readable, shortened, text


class Endpoint(NamedTuple):
    """One list of the API.

    :param what: what the list contains, for messages
    :param key: the key of the rows in a response
    :param identity: the names of the fields that identify a row
    :param ranked: whether ``rank`` numbers the rows from 0
    """

    what: str
    path: str
    key: str
    identity: tuple[str, ...]
    ranked: bool = False


PROJECTS = Endpoint("the projects", "/projects", "projects", ("projectId",))
RUNS = Endpoint("the runs", "/projects/runs", "runList", ("projectId", "runName"))


def nodes_of(project: str, run: str, name: str = "") -> Endpoint:
    """Return the list of a run's nodes.

    :param project: the project's ID
    :param name: the project's name for messages, if it is known
    :raises SelectionError: the project or the run cannot be part of a path
    """
    return Endpoint(
        f"the nodes of run {readable(run)} of project {readable(name or project)}",
        f"{run_path(project, run)}/nodes",
        "nodes",
        ("nodeId",),
        ranked=True,
    )


def run_path(project: str, run: str) -> str:
    """Return the path of a run.

    :param project: the project's ID
    :raises SelectionError: the project or the run cannot be part of a path
    """
    return f"/projects/{_segment(project)}/runs/{_segment(run)}"


def _segment(name: str) -> str:
    """Return a name as one part of a path, and no more than that: dots would be resolved, half of a surrogate cannot be sent."""
    try:
        segment = quote(name, safe="")
    except UnicodeEncodeError:
        segment = ""
    if segment in ("", ".", ".."):
        raise SelectionError(f"{readable(repr(name))} is not a valid name for a project or run. Check 'project' and 'run'.")
    return segment


def run_status(body: Any) -> str | None:
    """Return the status in the answer to a request for one run, None where it has none.

    The run is the body (documented), or an object in it, beside whose status the body may have one of its own (inferred).
    """
    if not isinstance(body, Mapping):
        return None
    inner = [value for value in body.values() if isinstance(value, Mapping)]
    return text(next((value for value in inner if "runName" in value), body).get("status"))


def describe(body: Any, endpoint: Endpoint) -> str:
    """Return in a few words what an answer holds, for a trace: never a value of a row."""
    if body is None:
        return "no body"
    rows, count = _find(body, endpoint)
    listed = f"no {endpoint.key}" if rows is None else f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    return listed if count is None else f"{listed}, totalCount {count}"


def parse_page(body: Any, endpoint: Endpoint, number: int, where: str) -> Page:
    """Return one page of a response (the shape ``{key: [...], "totalCount": n}`` is documented).

    :param body: the parsed body, None for a response without a body
    :param where: method and path, for messages
    :raises ResponseError: the body has another shape, a row has no identity, or two rows share one; the message names the place
    """
    entries: list[Entry] = []
    seen: dict[Hashable, Row] = {}
    rows, count = _find(body, endpoint)
    if rows is None:
        keys = shortened(sorted(readable(str(key)) for key in body)) if isinstance(body, Mapping) else "none"
        raise _malformed(endpoint, where, f"page {number} has no list {endpoint.key!r}. Keys of the response: {keys}")
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise _malformed(endpoint, where, f"page {number}, row {index} is not an object")
        identity = _identity(row, endpoint)
        if identity is None:
            raise _malformed(endpoint, where, f"page {number}, row {index} has no {' or '.join(endpoint.identity)}")
        if (other := seen.setdefault(identity, row)) is not row and _contents(other, endpoint) != _contents(row, endpoint):
            names = " and ".join(endpoint.identity)
            raise _malformed(
                endpoint, where, f"page {number}, row {index} has the same {names} as row {rows.index(other)}, but other values"
            )
        entries.append(Entry(identity, _shared(row), integer(row.get("rank")) if endpoint.ranked else None))
    return Page(entries, count)


def _find(body: Any, endpoint: Endpoint) -> tuple[Sequence[Any] | None, int | None]:
    """Return the rows of a body, None if it has no list of rows, and its ``totalCount``.

    An empty list may also be null, a missing key or a missing body. Similar services send ``{"content": [...]}``,
    ``{"data": {"nodes": [...]}}`` or the list alone (inferred), and the reference itself names the list of runs in two ways.
    Rows under another key are recognized by their identity. A body without anything that could be rows is an empty list.
    """
    if body is None:
        return (), None
    if not isinstance(body, Mapping):
        return (body if _are_rows(body, endpoint) else None), None
    inner = [value for value in body.values() if isinstance(value, Mapping)]
    count = next((number for holder in (body, *inner) if (number := integer(holder.get("totalCount"))) is not None), None)
    rows = body.get(endpoint.key)
    if isinstance(rows, list):
        return rows, count
    lists = [value for holder in (body, *inner) for value in holder.values() if _are_rows(value, endpoint)]
    found = list(filter(None, lists)) or lists[:1]
    if not found:
        is_null = any(holder.get(endpoint.key, ()) is None for holder in (body, *inner))
        is_empty = is_null or (isinstance(rows, (Mapping, type(None))) and not _may_be_rows(body, endpoint))
        return (() if is_empty else None), count
    return (found[0] if len(found) == 1 else None), count


def _are_rows(value: Any, endpoint: Endpoint) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) and _identity(row, endpoint) for row in value)


def _may_be_rows(value: Any, endpoint: Endpoint) -> bool:
    """Return whether a value contains a list that is not empty, or an object with the identity of a row."""
    if isinstance(value, Mapping):
        return _identity(value, endpoint) is not None or any(_may_be_rows(part, endpoint) for part in value.values())
    return isinstance(value, list) and bool(value)


def _shared(row: Row) -> Row:
    """Return a row with interned strings: with 10,000 nodes, this saves a third of the memory."""
    return {name: sys.intern(value) if isinstance(value, str) else value for name, value in row.items()}


def _identity(row: Row, endpoint: Endpoint) -> Hashable | None:
    parts = tuple(text(row.get(name)) for name in endpoint.identity)
    return parts if all(parts) else None


def _contents(row: Row, endpoint: Endpoint) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in endpoint.identity}


def _malformed(endpoint: Endpoint, where: str, problem: str) -> ResponseError:
    return ResponseError(
        endpoint.what,
        where,
        f"the response does not match the API reference: {problem}.",
        "Check that 'api_url' is the URL of the NSML API. If the URL is correct, report this message as an issue.",
    )
