# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run: its identity and its fields."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, readable

# What identifies a run: project ID and run name.
RunKey = tuple[str, str]


class Run(NamedTuple):
    """One run of a project.

    :param project_id: identifies the run together with the name, because run names may not be unique in an account (unknown)
    :param name: a number as a string, in order of creation (documented); any other string is accepted
    :param project_name: None if it is not known
    :param status: as sent, for example ``RUN_STATE_IN_PROGRESS`` (the set of states is open); None if it was not requested
    """

    project_id: str
    name: str
    project_name: str | None = None
    status: str | None = None

    @property
    def key(self) -> RunKey:
        """The identity of the run."""
        return self.project_id, self.name

    @property
    def place(self) -> tuple[str, str, float, str]:
        """The sort key of the run: project and number."""
        return self.project_title, self.project_id, self.number, self.name

    @property
    def project_title(self) -> str:
        """The name of the project, or its ID if the name is not known."""
        return self.project_name or self.project_id

    @property
    def number(self) -> float:
        """The number of the run. It is infinite if the name is not a number, so that the run comes last."""
        return int(self.name) if re.fullmatch(r"[0-9]{1,18}", self.name) else math.inf

    @property
    def phase(self) -> Phase:
        """The phase of the run, by its status."""
        return phase(self.status)

    @property
    def description(self) -> str:
        """The run with its project and status, for a message."""
        return f"{readable(self.name)} of {readable(self.project_title)} ({readable(self.status or 'no status')})"


class RunRows(NamedTuple):
    """A run and the rows of all its nodes."""

    run: Run
    rows: Sequence[Row]
