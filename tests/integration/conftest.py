# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of docs/examples begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.examples import bert_on
from ansible_collections.navercloud.nsml.tests.integration.nodes import Server, started
from ansible_collections.navercloud.nsml.tests.simulator import Simulator


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Two nodes."""
    with started(tmp_path / "nodes", 2) as servers:
        yield servers


@pytest.fixture
def simulator(servers: list[Server]) -> Iterator[Simulator]:
    """The service, with one run that has these nodes."""
    with Simulator(bert_on(servers)) as simulator:
        yield simulator
