# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runs to read, as the user names them.

A project that looks like an ID, with runs given by name, needs no look-up: its nodes are read at once. The name of a project
needs the list of projects; a keyword, or a project left out, needs the list of runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import text

ACTIVE, ALL, LATEST = "active", "all", "latest"
KEYWORDS = frozenset({ACTIVE, ALL, LATEST})

# Example only: some 20 lower-case letters and digits. A name may look so too: then the service does not find it as an ID.
_ID = re.compile(r"(?=.*[0-9])[a-z0-9]{15,}")


@dataclass(frozen=True)
class Selection:
    """What the user chose.

    :param project: a name or an ID, None for every project that the keys can see
    :param runs: names and keywords
    """

    project: str | None
    runs: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The runs that are given by name."""
        return tuple(run for run in self.runs if run not in KEYWORDS)

    @property
    def needs_projects(self) -> bool:
        """Whether the list of projects must be read to know the project's ID."""
        return self.project is not None and not _ID.fullmatch(self.project)

    @property
    def needs_runs(self) -> bool:
        """Whether the list of runs must be read to know which are meant."""
        return self.project is None or len(self.names) < len(self.runs)

    def follows_latest(self, run: str) -> bool:
        """Return whether ``latest`` alone can have chosen a run, so that a newer one takes its place."""
        return LATEST in self.runs and not {run, ACTIVE, ALL} & set(self.runs)


def parse_runs(value: object) -> tuple[str, ...]:
    """Return the runs of the ``run`` option: one or a list, each a text or a whole number; a text may list several with commas.

    :raises ConfigurationError: with what a run may be
    """
    runs = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        name = text(item)
        if name is None:
            raise ConfigurationError(
                f"run holds {item!r}. It must be a run's name or number, latest, active or all, or a list of these."
            )
        runs += [part.strip() for part in name.split(",")]
    if not runs or not all(runs):
        raise ConfigurationError("run is empty. Give a run's name or number, latest, active or all, or a list of these.")
    return tuple(dict.fromkeys(runs))
