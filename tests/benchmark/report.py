# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table, and the page of results."""

from __future__ import annotations

from collections.abc import Sequence

from .rounds import Row

UNITS = {"cpu": "s CPU", "wall": "s", "fetch": "s", "memory": "MiB", "requests": ""}


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = "| what | this | against | ratio | spread | at most | met | peak MiB, this / against |\n|---|--:|--:|--:|--:|--:|---|--:|\n"
    return head + "".join(_line(row) for row in rows)


def _line(row: Row) -> str:
    unit = UNITS[row.figure]
    cells = (
        row.what,
        f"{row.value:.3g} {unit}".strip(),
        f"{row.against:.3g} {unit}".strip(),
        f"{row.ratio:.2f}",
        f"{row.lowest:.2f} to {row.highest:.2f}",
        "" if row.bound is None else f"{row.bound:.2f}",
        {None: "", True: "yes", False: "**no**"}[row.met],
        f"{row.memory:.0f} / {row.memory_against:.0f}" if row.memory_against else f"{row.memory:.0f}",
    )
    return f"| {' | '.join(cells)} |\n"
