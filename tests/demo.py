# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a demonstration: `make demo`, or with the argument `events` `make demo-events`."""

from __future__ import annotations

import signal
import sys
import threading


def main() -> int:
    """Run it and return its exit code."""
    # Nothing is raised where it happens to be, so no clean-up is cut short: imports make temporary files, too.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    if sys.argv[1:] == ["events"]:
        from .simulator.demo_events import main as show
    else:
        from .simulator.demo import main as show
    return show(stop)


if __name__ == "__main__":
    sys.exit(main())
