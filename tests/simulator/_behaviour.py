# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the service may misbehave, or differ from what its pages say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# What a listing gives as totalCount: all rows, this page's rows, null, nothing, or this (wrong) number.
Count = Literal["whole", "page", "null", "absent"] | int
# A page outside of the list: no rows, the nearest page of the list, a body that is not JSON, or an error of this status.
Outside = Literal["empty", "nearest", "not JSON"] | int
# How a page is answered that has no rows.
Empty = Literal["list", "null", "no key", "no body", "204"]
# In which order the rows come: as they were made, the newest first, or another order with each request.
Order = Literal["oldest", "newest", "random"]


@dataclass(frozen=True)
class Answer:
    """An answer of a test's own making. A dict as body goes out as JSON."""

    status: int = 200
    body: str | bytes | dict[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # Promise the whole body and send half of it.
    cut: bool = False

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Behaviour:
    """All defaults together are a service that does as documented."""

    # Seconds before each answer.
    latency: float = 0.0
    # Seconds that the server's clock is ahead; its Date header too.
    clock_offset: float = 0.0
    # Where the server counts pages from.
    first_page: Literal[0, 1] = 1
    # The most rows on a page, whatever the client asks for.
    page_cap: int | None = None
    # The rows on every page, whatever the client asks for.
    fixed_page_size: int | None = None
    count: Count = "whole"
    # The same for the list of runs, where the pages show no count.
    runs_count: Count = "absent"
    count_is_string: bool = False
    # Pages before the first one, and after the last one.
    page_zero: Outside = "empty"
    past_end: Outside = "empty"
    empty: Empty = "list"
    # A larger page size is refused with 400.
    size_limit: int | None = None
    order: Order = "oldest"
    # Other keys of each answer with a list.
    beside: Mapping[str, Any] = field(default_factory=dict)
    # Answers in place of pages of these numbers; `None` never comes.
    faults: Mapping[int, Answer | None] = field(default_factory=dict)
    # Promise the whole body, send this many bytes of it and close the connection; for the next `cut_bodies` answers.
    cut_body_after: int | None = None
    cut_bodies: int = 1

    def page_size(self, asked: int) -> int:
        """The page size that the server honours."""
        size = self.fixed_page_size or asked
        return size if self.page_cap is None else min(size, self.page_cap)

    def next_cut(self) -> int | None:
        """Where to cut the body of the next answer, if at all."""
        if self.cut_body_after is None or self.cut_bodies <= 0:
            return None
        self.cut_bodies -= 1
        return self.cut_body_after
