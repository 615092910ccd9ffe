# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the event source holds does not grow with the number of its readings."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._event_source import Faults
from ansible_collections.navercloud.nsml.tests.simulator import Answer, Node, Project, Run, Simulator
from ansible_collections.navercloud.nsml.tests.unit.test_event_source import Source, played

FAULTS = {3: Answer(503), 5: Answer(200, "no JSON")}
READINGS = 1000


def held() -> tuple[int, int]:
    """Return how many threads and open files there are."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def test_open_files_and_threads_do_not_grow_over_1000_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each hundred, some meet an error, a broken connection or a hanging service; a reading is one request here."""
    monkeypatch.setattr(Faults, "pause_after", lambda _self, _error, interval: interval)
    counted: list[tuple[int, int]] = []

    def disturb(number: int) -> None:
        if answer := FAULTS.get(number % 50):
            simulator.answer_next(answer)
        if number % 50 == 7:
            simulator.behaviour.cut_body_after, simulator.behaviour.cut_bodies = 5, 1
        simulator.behaviour.latency = 0.3 if number % 100 == 9 else 0
        if number % 100 == 90:
            counted.append(held())

    async def play(source: Source) -> None:
        await source.events(2)
        while len(simulator.requests) < READINGS:
            await asyncio.sleep(0.01)
            assert not source.task.done()

    with Simulator([Project("bert", "abc123ygz0iujnxyz", [Run("2", nodes=[Node(port=15001)])])]) as simulator:
        before = held()
        simulator.before_answer = disturb
        played(Source(simulator, project="abc123ygz0iujnxyz", run="2", timeout=0.1), play)
    assert len(counted) == READINGS // 100
    # What is under way at that moment: a reading, its request, and one that was given up a moment ago.
    assert max(threads for threads, _files in counted) <= before[0] + 3
    assert max(files for _threads, files in counted) <= counted[0][1] + 3
