# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run: how it is identified, and what is known of it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

# What identifies a run: project ID and run name.
RunKey = tuple[str, str]


@dataclass(frozen=True)
class Run:
    """One run of a project.

    :param project_id: with the name it identifies the run: whether run names are unique in an account is unknown
    :param name: a number as text, given in order of creation (documented); any other text is survived
    :param project_name: None where it is not known
    :param status: as sent, ``RUN_STATE_IN_PROGRESS`` for example (the set of states is open); None where it was not asked for
    """

    project_id: str
    name: str
    project_name: str | None = None
    status: str | None = None

    @property
    def key(self) -> RunKey:
        """What identifies the run."""
        return self.project_id, self.name

    @property
    def place(self) -> tuple[str, str, float, str]:
        """What sorts runs: project and number."""
        return self.project_title, self.project_id, self.number, self.name

    @property
    def project_title(self) -> str:
        """What users call the project: its name, or its ID where no name is known."""
        return self.project_name or self.project_id

    @property
    def number(self) -> float:
        """The run's number; infinite for a name that is no number, which so comes last."""
        return int(self.name) if re.fullmatch(r"[0-9]{1,18}", self.name) else math.inf


@dataclass(frozen=True)
class RunRows:
    """A run and the rows of all its nodes."""

    run: Run
    rows: Sequence[Row]
