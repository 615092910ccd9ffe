# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the table: what is measured against what, and the bound."""

from __future__ import annotations

import importlib.metadata
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from .fleet import Fleet
from .inventories import Inventories, list_all, list_hosts
from .runner import Command

Figure = Literal["cpu", "wall", "fetch", "memory", "requests"]

# Four expressions of the user that are no more than a variable's name.
PLAIN_NAMES: Final[dict[str, Any]] = {
    "keyed_groups": [{"key": "nsml_resource_type", "prefix": "type"}, {"key": "nsml_container_image", "prefix": "image"}],
    "compose": {"address": "nsml_host", "image": "nsml_container_image"},
}

# Four ordinary expressions of the user: two groups with a filter, a composed string, a group by rank. Then the same for hcloud.
EXPRESSIONS: Final[dict[str, Any]] = {
    "keyed_groups": [
        {"key": "nsml_resource_type | lower", "prefix": "type"},
        {"key": "nsml_container_image | split(':') | last", "prefix": "image"},
    ],
    "compose": {"place": "nsml_project_name ~ '/' ~ nsml_node_id"},
    "groups": {"first": "nsml_rank == 0"},
}
HCLOUD_EXPRESSIONS: Final[dict[str, Any]] = {
    "keyed_groups": [
        {"key": "hcloud_type | lower", "prefix": "type"},
        {"key": "hcloud_image_name | split('-') | last", "prefix": "image"},
    ],
    "compose": {"place": "hcloud_location ~ '/' ~ hcloud_id"},
    "groups": {"first": "hcloud_labels.rank == '0'"},
}

# What four expressions may cost at 1,000 and at 5,000 nodes, against none.
EXPRESSION_BOUNDS: Final = {"where strings are marked": (1.5, 2.0), "elsewhere": (1.8, 3.8)}

# The groups that the other clouds' plugins are asked for: state, and place, which is the project here.
STATE_AND_PLACE: Final = ["state", "project"]

# Rows that the page's first sentence names.
LIST_OF_10_000: Final = "`ansible-inventory --list`, 10,000 nodes / a script that prints ready JSON"
HOSTS_OF_10_000: Final = "`ansible all --list-hosts`, 10,000 nodes"

# What `--list` of 1,000 nodes and `--list-hosts` of 10,000 must be at most, against another cloud's plugin.
PEER_BOUNDS: Final = {"hetzner.hcloud": (0.40, 0.10)}

UNMARKED: Final = Path(__file__).parent / "unmarked"


@dataclass(frozen=True)
class Case:
    """One row.

    :param prepare: writes the inventories, and returns the command, and what it is measured against: another command, a number
        in the figure's unit, or nothing
    :param bound: what the ratio of the two, or the figure alone, must be at most; None where it is only shown
    """

    what: str
    prepare: Callable[[], tuple[Command, Command | float | None]]
    bound: float | None
    figure: Figure = "cpu"


def fleet_of(nodes: int) -> Fleet:
    """Return a fleet in runs of 100 nodes."""
    return Fleet(nodes, max(1, nodes // 100))


def all_cases(make: Inventories) -> list[Case]:
    """Return the rows that can be measured here: those of other clouds only where their plugins are installed.

    The bounds are for where Ansible itself takes strings for untrusted.
    """
    groups = [against_script, against_empty, of_start, of_growth, of_network, of_requests, against_peers]
    cases = [case for group in groups for case in group(make)]
    if marks_strings():
        cases = [*(replace(case, bound=None) for case in cases), *of_marking(make)]
    return [*cases, *of_expressions(make)]


def against_script(make: Inventories) -> list[Case]:
    """Return our plugin against a script that prints ready JSON of the same hosts."""

    def prepare(nodes: int) -> tuple[Command, Command]:
        return list_all(make.ours(fleet_of(nodes))), list_all(make.script(fleet_of(nodes)))

    return [
        Case("`ansible-inventory --list`, 1,000 nodes / a script that prints ready JSON", lambda: prepare(1_000), 0.90),
        Case(LIST_OF_10_000, lambda: prepare(10_000), 0.65),
    ]


def against_empty(make: Inventories) -> list[Case]:
    """Return our plugin with a warm cache against an inventory without hosts."""

    def prepare(nodes: int) -> tuple[Command, Command]:
        return list_hosts(make.cached(fleet_of(nodes))), list_hosts(make.empty())

    return [
        Case("`ansible all --list-hosts`, 1,000 nodes, warm cache / an empty inventory", lambda: prepare(1_000), 1.20),
        Case("`ansible all --list-hosts`, 10,000 nodes, warm cache / an empty inventory", lambda: prepare(10_000), 2.2),
    ]


def of_start(make: Inventories) -> list[Case]:
    """Return what a small run costs, which is the start of the command for the most part."""
    eight = Fleet(8, 1)

    def listing() -> tuple[Command, Command]:
        return list_all(make.ours(fleet_of(1))), list_all(make.empty())

    def small(write: Callable[..., str], **options: Any) -> tuple[Command, Command]:
        return list_hosts(write(eight, **options)), list_hosts(make.empty())

    def requests() -> tuple[Command, Command]:
        return Command((sys.executable, "-c", "import requests")), Command((sys.executable, "-c", ""))

    return [
        Case("`ansible all --list-hosts`, 8 nodes / an empty inventory", lambda: small(make.ours), 1.25),
        Case(
            "`ansible all --list-hosts`, 8 nodes, four expressions / an empty inventory",
            lambda: small(make.ours, **EXPRESSIONS),
            1.30,
        ),
        Case("`ansible all --list-hosts`, 8 nodes, warm cache / an empty inventory", lambda: small(make.cached), 1.12),
        Case("`ansible-inventory --list`, 1 node / an empty inventory", listing, None),
        Case("Python that loads requests / Python that loads nothing", requests, None),
    ]


def of_growth(make: Inventories) -> list[Case]:
    """Return our plugin with more to do against itself with less."""
    big, one_run = fleet_of(10_000), Fleet(10_000, 1)

    def expressions() -> tuple[Command, Command]:
        return list_hosts(make.ours(big, **PLAIN_NAMES)), list_hosts(make.ours(big))

    def hosts() -> tuple[Command, Command]:
        return list_hosts(make.ours(fleet_of(50_000))), list_hosts(make.ours(big))

    def ranks() -> tuple[Command, Command]:
        with_ranks = make.ours(one_run)
        return list_hosts(with_ranks), list_hosts(make.ours(one_run, group_by=["project", "run", "state"]))

    return [
        Case("`ansible all --list-hosts`, 10,000 nodes, four plain-name expressions / none", expressions, 1.10),
        Case("`ansible all --list-hosts`, 50,000 nodes / 10,000 nodes", hosts, 5.0),
        Case("`ansible all --list-hosts`, 10,000 nodes in one run, rank groups on / off", ranks, 1.5),
        Case("Peak memory, `ansible all --list-hosts`, 10,000 nodes", lambda: (list_hosts(make.ours(big)), None), 100, "memory"),
    ]


def of_network(make: Inventories) -> list[Case]:
    """Return our plugin over a network of 50 ms, where only waiting counts."""
    milliseconds, at_once = 50, 8

    def reading(nodes: int, concurrency: int) -> Command:
        return list_hosts(make.ours(Fleet(nodes, 1), milliseconds=milliseconds, page_size=10, concurrency=concurrency))

    def fetch() -> tuple[Command, float]:
        command = reading(995, at_once)  # 100 pages, of which the last is not full
        steps = 1 + math.ceil(99 / at_once)
        return replace(command, arguments=(*command.arguments, "-v")), steps * milliseconds / 1000

    def side_by_side() -> tuple[Command, Command]:
        return reading(1_000, at_once), reading(1_000, 1)

    return [
        Case("Wall, the fetch alone at 50 ms, 100 pages, 8 at once / 1 + ⌈99/8⌉ steps of 50 ms", fetch, 1.10, "fetch"),
        Case(
            "Wall, the whole command, 1,000 nodes at 10 a page and 50 ms, 8 at once / one at a time", side_by_side, 0.30, "wall"
        ),
    ]


def of_requests(make: Inventories) -> list[Case]:
    """Return how often our plugin asks, against how often it must."""

    def reading(nodes: int) -> Command:
        return list_hosts(make.ours(Fleet(nodes, 1), page_size=10))

    return [
        Case("Requests, 995 nodes at 10 a page / 100 pages", lambda: (reading(995), 100), 1.0, "requests"),
        Case("Requests, 1,000 nodes at 10 a page / 100 pages and one more", lambda: (reading(1_000), 101), 1.0, "requests"),
        Case("Requests, warm cache", lambda: (list_hosts(make.cached(fleet_of(1_000))), None), 0, "requests"),
    ]


def against_peers(make: Inventories) -> list[Case]:
    """Return our plugin against those of other clouds that are installed."""

    def prepare(command: Callable[[str], Command], theirs: Callable[[Fleet], str], nodes: int) -> tuple[Command, Command]:
        return command(make.ours(fleet_of(nodes), group_by=STATE_AND_PLACE)), command(theirs(fleet_of(nodes)))

    cases = []
    for peer, theirs in make.peers().items():
        listing, loading = PEER_BOUNDS.get(peer, (None, None))
        cases += [
            Case(f"`ansible-inventory --list`, 1,000 nodes / {peer}", partial(prepare, list_all, theirs, 1_000), listing),
            Case(f"{HOSTS_OF_10_000} / {peer}", partial(prepare, list_hosts, theirs, 10_000), loading),
        ]
    return cases


def of_expressions(make: Inventories) -> list[Case]:
    """Return our plugin with four expressions against itself with none, and against hcloud's with as many."""
    at_1_000, at_5_000 = EXPRESSION_BOUNDS["where strings are marked" if marks_strings() else "elsewhere"]

    def prepare(nodes: int) -> tuple[Command, Command]:
        return list_hosts(make.ours(fleet_of(nodes), **EXPRESSIONS)), list_hosts(make.ours(fleet_of(nodes)))

    def against_hcloud() -> tuple[Command, Command]:
        fleet = fleet_of(1_000)
        return list_hosts(make.ours(fleet, group_by=[], **EXPRESSIONS)), list_hosts(make.hcloud(fleet, **HCLOUD_EXPRESSIONS))

    cases = [
        Case("`ansible all --list-hosts`, 1,000 nodes, four expressions / none", lambda: prepare(1_000), at_1_000),
        Case("`ansible all --list-hosts`, 5,000 nodes, four expressions / none", lambda: prepare(5_000), at_5_000),
    ]
    if "hetzner.hcloud" in make.peers():
        row = "`ansible all --list-hosts`, 1,000 nodes, four expressions / hetzner.hcloud with four"
        cases.append(Case(row, against_hcloud, None))
    return cases


def of_marking(make: Inventories) -> list[Case]:
    """Return our plugin against itself with the marking of strings as untrusted switched off, as only this benchmark does."""

    def prepare(command: Callable[[str], Command]) -> tuple[Command, Command]:
        marked = command(make.ours(fleet_of(10_000)))
        return marked, replace(marked, environment={"PYTHONPATH": str(UNMARKED)})

    return [
        Case("`ansible-inventory --list`, 10,000 nodes / the same without marking", lambda: prepare(list_all), None),
        Case("`ansible all --list-hosts`, 10,000 nodes / the same without marking", lambda: prepare(list_hosts), None),
    ]


def core_version() -> str:
    """Return the version of ansible-core that is measured."""
    return importlib.metadata.version("ansible-core")


def marks_strings() -> bool:
    """Return whether this ansible-core needs each string marked: up to 2.18, all that is not marked is a template."""
    return tuple(map(int, core_version().split(".")[:2])) < (2, 19)
