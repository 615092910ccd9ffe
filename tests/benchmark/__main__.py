# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure everything in turn, round after round, and show the table: `make benchmark`, or `python -m tests.benchmark`.

The whole table, with the plot, becomes docs/performance.md. With ``--only`` nothing is written.
"""

from __future__ import annotations

import argparse
import sys

from . import report
from .cases import all_cases
from .inventories import Inventories
from .rounds import measure
from .runner import running


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each pair is measured (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only the rows whose text holds this")
    given = parser.parse_args()
    with running() as runner:
        cases = [case for case in all_cases(Inventories(runner)) if given.only in case.what]
        rows = measure(runner, cases, given.rounds, tell=lambda text: print(text, file=sys.stderr, flush=True))
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
