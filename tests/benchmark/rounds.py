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
    :param against: the median of the other side, the number it is measured against, or None
    :param ratio: the median of the pairs' ratios; the figure where there is no other side
    :param lowest: the lowest of these ratios
    :param highest: the highest of them
    :param memory: MiB that our side took at its peak, the median
    :param memory_against: the same of the other side, None where that is no command
    """

    what: str
    figure: Figure
    value: float
    against: float | None
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


@dataclass(frozen=True)
class Pair:
    """Two runs that came one after the other."""

    ours: Measurement
    theirs: Measurement | float | None


def measure(runner: Runner, cases: Sequence[Case], rounds: int, notify: Callable[[str], object]) -> list[Row]:
    """Measure all cases so many times, after one round that does not count: it fills the caches of Python and of the server."""
    commands = []
    for case in cases:
        notify(f"preparing: {case.what}")
        commands.append(case.prepare())
    pairs: list[list[Pair]] = [[] for _case in cases]
    for number in range(rounds + 1):
        for case, (command, against), measured in zip(cases, commands, pairs):
            pair = Pair(runner.measure(command), runner.measure(against) if isinstance(against, Command) else against)
            if number:
                measured.append(pair)
            notify(f"round {number} of {rounds}: {_ratio(case, pair):.3f} {case.what}")
    return [_row(case, measured) for case, measured in zip(cases, pairs)]


def _row(case: Case, pairs: Sequence[Pair]) -> Row:
    ratios = [_ratio(case, pair) for pair in pairs]
    return Row(
        what=case.what,
        figure=case.figure,
        value=statistics.median(_value(case, pair.ours) for pair in pairs),
        against=_median([_value(case, pair.theirs) for pair in pairs if pair.theirs is not None]),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        bound=case.bound,
        memory=statistics.median(pair.ours.memory for pair in pairs),
        memory_against=_median([pair.theirs.memory for pair in pairs if isinstance(pair.theirs, Measurement)]),
    )


def _ratio(case: Case, pair: Pair) -> float:
    ours = _value(case, pair.ours)
    return ours if pair.theirs is None else ours / _value(case, pair.theirs)


def _value(case: Case, side: Measurement | float) -> float:
    return float(getattr(side, case.figure)) if isinstance(side, Measurement) else side


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
