# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that make the service fail, or differ from its documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# The totalCount of a list: all rows, the rows of the page, null, missing, or this (wrong) number.
Count = Literal["whole", "page", "null", "absent"] | int
# The answer to a page outside the list: no rows, the nearest page, a body that is not JSON, or an error with this status.
Outside = Literal["empty", "nearest", "not JSON"] | int
# The answer to a page without rows.
Empty = Literal["list", "null", "no key", "no body", "204"]
# The order of rows: oldest first, newest first, or a different order for each request.
Order = Literal["oldest", "newest", "random"]


@dataclass(frozen=True)
class Answer:
    """An answer that a test defines. A dict as the body is sent as JSON."""

    status: int = 200
    body: str | bytes | dict[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # Announce the whole body and send half of it.
    cut: bool = False

    @property
    def content(self) -> bytes:
        """Return the body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Behaviour:
    """The behavior of the service. The defaults are the documented behavior."""

    # Seconds before each answer.
    latency: float = 0.0
    # Seconds that the clock and the Date header of the server are ahead.
    clock_offset: float = 0.0
    # The number of the first page.
    first_page: Literal[0, 1] = 1
    # The maximum number of rows on a page, whatever the client requests.
    page_cap: int | None = None
    # The number of rows on every page, whatever the client requests.
    fixed_page_size: int | None = None
    count: Count = "whole"
    # The same for the list of runs, whose documentation does not show a count.
    runs_count: Count = "absent"
    count_is_string: bool = False
    # The answers to pages before the first one and after the last one.
    page_zero: Outside = "empty"
    past_end: Outside = "empty"
    empty: Empty = "list"
    # The server refuses a larger page size with 400.
    size_limit: int | None = None
    order: Order = "oldest"
    # Additional keys of each answer with a list.
    beside: Mapping[str, Any] = field(default_factory=dict)
    # Answers that replace the pages with these numbers. With `None`, the server never answers.
    faults: Mapping[int, Answer | None] = field(default_factory=dict)
    # For the next `cut_bodies` answers: announce the whole body, send this many bytes and close the connection.
    cut_body_after: int | None = None
    cut_bodies: int = 1

    def page_size(self, asked: int) -> int:
        """Return the page size that the server uses."""
        size = self.fixed_page_size or asked
        return size if self.page_cap is None else min(size, self.page_cap)

    def next_cut(self) -> int | None:
        """Return the position at which to cut the body of the next answer, or None."""
        if self.cut_body_after is None or self.cut_bodies <= 0:
            return None
        self.cut_bodies -= 1
        return self.cut_body_after
