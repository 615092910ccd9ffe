# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure everything in turn, round after round, and show the table: `make benchmark`, or `python -m tests.benchmark`.

The whole table, with a plot, goes into docs/performance.md, in place of that of the same ansible-core.
"""

from __future__ import annotations

import argparse
import signal
import sys

from . import growth, report, results, rounds
from .cases import all_cases
from .inventories import Inventories
from .runner import running


def main() -> int:
    """Run the benchmark and return its exit code; Ctrl-C and SIGTERM end all that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each pair is measured (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only the rows whose text holds this; no file is written")
    given = parser.parse_args()
    with running() as runner:
        make = Inventories(runner)
        cases = [case for case in all_cases(make) if given.only in case.what]
        rows = rounds.measure(runner, cases, given.rounds, _report_progress)
        curves = [] if given.only else growth.measure(runner, growth.kinds(make), growth.SIZES, _report_progress)
    print(report.table(rows))
    if not given.only:
        _write(results.gather(make.peers(), rows, curves, given.rounds))
    return 0


def _write(found: results.Results) -> None:
    from . import plot  # matplotlib is large: what this process takes up counts as memory of those that it starts

    results.save(found)
    plot.draw(found.curves, found.core, report.plot_path(found))
    report.PAGE.write_text(report.page(results.load_all()))


def _report_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
