# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated NSML API on loopback, with nodes that accept SSH connections."""

from __future__ import annotations

from ._api import Record
from ._behaviour import Answer, Behaviour
from ._gateway import Credentials, sign
from ._simulator import Simulator
from ._ssh import processes_with_home
from ._world import (
    ABSENT,
    NODE_PENDING,
    NODE_RUNNING,
    RUN_COMPLETED,
    RUN_IN_PROGRESS,
    Node,
    Project,
    Run,
    World,
    vendor_example,
)

__all__ = [
    "ABSENT",
    "NODE_PENDING",
    "NODE_RUNNING",
    "RUN_COMPLETED",
    "RUN_IN_PROGRESS",
    "Answer",
    "Behaviour",
    "Credentials",
    "Node",
    "Project",
    "Record",
    "Run",
    "Simulator",
    "World",
    "processes_with_home",
    "sign",
    "vendor_example",
]
