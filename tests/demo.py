# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the demonstration: `make demo`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run it and return its exit code."""
    # While Python still imports, Ctrl-C has nothing to clean up, and a traceback to hide.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .simulator.demo import main as show

    return show()


if __name__ == "__main__":
    sys.exit(main())
