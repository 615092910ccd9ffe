# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the marks of untrusted strings off what ``ansible-inventory --list`` gave: ``python -m tests.benchmark.marks FILE``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def plain(listing: str) -> Any:
    """Return what a listing holds, each marked string as a plain one."""
    return json.loads(listing, object_hook=_unmarked)


def _unmarked(value: dict[str, Any]) -> Any:
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(json.dumps(plain(path.read_text())))
