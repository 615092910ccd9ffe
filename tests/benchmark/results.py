# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one whole run of the benchmark found, and on what; kept as JSON, one file for each ansible-core."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from .cases import core_version
from .growth import Curve
from .inventories import peer_version
from .rounds import Row

DIRECTORY: Final = Path(__file__).parent / "measured"


@dataclass(frozen=True)
class Results:
    """One whole run.

    :param machine: its cores, kind and system
    :param peers: the versions of other clouds' collections
    """

    core: str
    python: str
    machine: str
    peers: Mapping[str, str]
    rounds: int
    rows: Sequence[Row]
    curves: Sequence[Curve]

    @property
    def minor(self) -> str:
        """The version of ansible-core without its last part, such as ``2.21``."""
        return ".".join(self.core.split(".")[:2])


def gather(peers: Iterable[str], rows: Sequence[Row], curves: Sequence[Curve], rounds: int) -> Results:
    """Return what was found, with what it was found on."""
    return Results(
        core=core_version(),
        python=platform.python_version(),
        machine=f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        peers={peer: str(peer_version(peer)) for peer in peers},
        rounds=rounds,
        rows=rows,
        curves=curves,
    )


def save(results: Results, directory: Path = DIRECTORY) -> None:
    """Keep results in place of those of the same ansible-core."""
    directory.mkdir(exist_ok=True)
    (directory / f"{results.minor}.json").write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n")


def load_all(directory: Path = DIRECTORY) -> list[Results]:
    """Return the results of all versions of ansible-core, the newest first."""
    found = [_load(path) for path in directory.glob("*.json")]
    return sorted(found, key=lambda results: [int(part) for part in results.minor.split(".")], reverse=True)


def _load(path: Path) -> Results:
    kept = json.loads(path.read_text())
    rows = [Row(**row) for row in kept.pop("rows")]
    curves = [Curve(curve["name"], tuple(curve["sizes"]), tuple(curve["seconds"])) for curve in kept.pop("curves")]
    return Results(**kept, rows=rows, curves=curves)
