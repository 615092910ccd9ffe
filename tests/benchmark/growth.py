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

# The others take minutes for more.
LARGEST_OF_PEERS: Final = 10_000


@dataclass(frozen=True)
class Kind:
    """One kind of inventory: how one of a fleet is written, and the most hosts it is measured with."""

    write: Callable[[Fleet], str]
    largest: int = SIZES[-1]


@dataclass(frozen=True)
class Curve:
    """What one kind of inventory costs.

    :param seconds: CPU of ``ansible all --list-hosts``, for each of the sizes, one run each
    """

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]


def kinds(make: Inventories) -> dict[str, Kind]:
    """Return each kind of inventory by its name; all have the same groups."""
    return {
        "navercloud.nsml": Kind(lambda fleet: make.ours(fleet, group_by=STATE_AND_PLACE)),
        "navercloud.nsml, warm cache": Kind(lambda fleet: make.cached(fleet, group_by=STATE_AND_PLACE)),
        "a script that prints ready JSON": Kind(lambda fleet: make.script(fleet, group_by=STATE_AND_PLACE)),
        **{peer: Kind(write, LARGEST_OF_PEERS) for peer, write in make.peers().items()},
    }


def measure(runner: Runner, found: Mapping[str, Kind], sizes: Sequence[int], notify: Callable[[str], object]) -> list[Curve]:
    """Measure each kind of inventory at each size, size after size."""
    seconds: dict[str, dict[int, float]] = {name: {} for name in found}
    for size in sizes:
        for name, kind in found.items():
            if size <= kind.largest:
                taken = runner.measure(list_hosts(kind.write(fleet_of(size)))).cpu
                seconds[name][size] = taken
                notify(f"plot: {size:,} hosts, {taken:.2f} s, {name}")
    return [Curve(name, tuple(taken), tuple(taken.values())) for name, taken in seconds.items()]
