# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table, and the page that is made of all results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from .cases import HOSTS_OF_10_000, LIST_OF_10_000, Figure
from .results import Results
from .rounds import Row
from .runner import ROOT

PAGE: Final = ROOT / "docs" / "performance.md"

# The words of the page, with a place for the results.
TEMPLATE: Final = Path(__file__).parent / "performance.template.md"

UNITS: Final[dict[Figure, str]] = {"cpu": " s", "wall": " s", "fetch": " s", "memory": " MiB", "requests": ""}

HEAD: Final = """\
| what | this plugin | against | ratio | lowest to highest | at most | met | peak memory, MiB |
|---|--:|--:|--:|--:|--:|---|--:|
"""


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    return HEAD + "".join(_line(row) for row in rows)


def page(found: Sequence[Results]) -> str:
    """Return the page of all results, in Markdown."""
    newest = found[0]
    return Template(TEMPLATE.read_text()).substitute(
        summary=_summary(newest), plot=_plot(newest), results="\n".join(map(_section, found))
    )


def plot_path(results: Results) -> Path:
    """Return where the plot of some results lies."""
    return PAGE.with_name(f"performance-{results.minor}.svg")


def _summary(results: Results) -> str:
    """Return the result in one sentence, with the ratios of the rows that it names."""
    ratios = {row.what: f"{row.ratio:.2f}" for row in results.rows}
    parts = [
        f"{command} takes {ratios[row]} times the CPU time of {other}"
        for command, row, other in (
            ("`ansible-inventory --list`", LIST_OF_10_000, "the same command with a script that prints ready JSON"),
            (
                "`ansible all --list-hosts`",
                f"{HOSTS_OF_10_000} / hetzner.hcloud",
                "the same command with the hetzner.hcloud plugin",
            ),
        )
        if row in ratios
    ]
    return f"With 10,000 nodes on ansible-core {results.minor}, {', and '.join(parts)}."


def _plot(results: Results) -> str:
    return f"![CPU time by number of hosts on ansible-core {results.minor}]({plot_path(results).name})"


def _section(results: Results) -> str:
    peers = "".join(f", {name} {version}" for name, version in results.peers.items())
    return (
        f"## Results on ansible-core {results.core}\n\n"
        f"{results.machine}; Python {results.python}{peers}. Rounds: {results.rounds}.\n\n"
        f"{table(results.rows)}\n"
        f"{_plot(results)}\n"
    )


def _line(row: Row) -> str:
    unit = UNITS[row.figure]
    paired = row.against is not None
    cells = (
        row.what,
        f"{row.value:.3g}{unit}",
        f"{row.against:.3g}{unit}" if paired else "",
        f"{row.ratio:.2f}" if paired else "",
        f"{row.lowest:.2f} to {row.highest:.2f}" if paired and row.lowest < row.highest else "",
        "" if row.bound is None else f"{row.bound:.2f}" if paired else f"{row.bound:.3g}{unit}",
        {None: "", True: "yes", False: "**no**"}[row.met],
        f"{row.memory:.0f}" + (f" / {row.memory_against:.0f}" if row.memory_against else ""),
    )
    return f"| {' | '.join(cells)} |\n"
