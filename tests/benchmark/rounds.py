# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures all pairs in turn, round after round, so that what disturbs the machine disturbs both sides."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .cases import Case, Figure
from .runner import Command, Measurement, Runner


@dataclass(frozen=True)
class Row:
    """One row of the table, all rounds taken together.

    :param value: the median of what our side took, in the figure's unit
    :param against: the median of the other side, or the number it is measured against
    :param ratio: the median of the ratios, each of two runs that came one after the other
    :param lowest: the lowest of these ratios
    :param highest: the highest of them
    :param memory: MiB that our side took at its peak, the median
    :param memory_against: the same of the other side, None where that is a number
    """

    what: str
    figure: Figure
    value: float
    against: float
    ratio: float
    lowest: float
    highest: float
    bound: float | None
    memory: float
    memory_against: float | None

    @property
    def met(self) -> bool | None:
        """Whether the bound is met, None where there is none."""
        return None if self.bound is None else self.ratio <= self.bound


def measure(runner: Runner, cases: Sequence[Case], rounds: int, tell: Callable[[str], object]) -> list[Row]:
    """Measure all cases so many times, after one round that does not count: it fills the caches of Python and of the server."""
    pairs = []
    for case in cases:
        tell(f"preparing: {case.what}")
        pairs.append(case.prepare())
    measured: list[list[tuple[Measurement, Measurement | float]]] = [[] for _ in cases]
    for number in range(rounds + 1):
        for case, (command, against), runs in zip(cases, pairs, measured):
            ours = runner.measure(command)
            theirs = runner.measure(against) if isinstance(against, Command) else against
            if number:
                runs.append((ours, theirs))
            ratio = _value(case, ours) / _value(case, theirs)
            tell(f"round {number} of {rounds}: {ratio:.3f} {case.what}")
    return [_row(case, runs) for case, runs in zip(cases, measured)]


def _row(case: Case, runs: Sequence[tuple[Measurement, Measurement | float]]) -> Row:
    ratios = [_value(case, ours) / _value(case, theirs) for ours, theirs in runs]
    memories = [theirs.memory for _ours, theirs in runs if isinstance(theirs, Measurement)]
    return Row(
        what=case.what,
        figure=case.figure,
        value=statistics.median(_value(case, ours) for ours, _theirs in runs),
        against=statistics.median(_value(case, theirs) for _ours, theirs in runs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        bound=case.bound,
        memory=statistics.median(ours.memory for ours, _theirs in runs),
        memory_against=statistics.median(memories) if memories else None,
    )


def _value(case: Case, side: Measurement | float) -> float:
    return float(getattr(side, case.figure)) if isinstance(side, Measurement) else side
