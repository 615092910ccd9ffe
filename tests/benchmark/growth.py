# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures cost against the number of hosts, for the plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .cases import STATE_AND_PLACE, fleet_of
from .fleet import Fleet
from .inventories import Inventories, list_hosts
from .runner import Runner

SIZES: Final = (10, 100, 1_000, 10_000, 50_000)


@dataclass(frozen=True)
class Curve:
    """What one kind of inventory costs.

    :param seconds: CPU of ``ansible all --list-hosts``, for each of the sizes, one run each
    """

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]


def kinds(make: Inventories) -> dict[str, Callable[[Fleet], str]]:
    """Return how an inventory of each kind is written; all have the same groups."""
    return {
        "navercloud.nsml": lambda fleet: make.ours(fleet, group_by=STATE_AND_PLACE),
        "navercloud.nsml, warm cache": lambda fleet: make.cached(fleet, group_by=STATE_AND_PLACE),
        "a script that prints ready JSON": lambda fleet: make.script(fleet, group_by=STATE_AND_PLACE),
        **make.peers(),
    }


def measure(
    runner: Runner, inventories: Mapping[str, Callable[[Fleet], str]], sizes: Sequence[int], tell: Callable[[str], object]
) -> list[Curve]:
    """Measure each kind of inventory at each size, size after size."""
    seconds: dict[str, list[float]] = {name: [] for name in inventories}
    for size in sizes:
        for name, write in inventories.items():
            taken = runner.measure(list_hosts(write(fleet_of(size)))).cpu
            seconds[name].append(taken)
            tell(f"plot: {size:,} hosts, {taken:.2f} s, {name}")
    return [Curve(name, tuple(sizes), tuple(taken)) for name, taken in seconds.items()]
