# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runs to read, as the user names them.

One project that looks like an ID, with runs given by name, needs no further list: its nodes are read at once. The name of a
project needs the list of projects. A keyword, several projects, or a project left out need the list of runs.
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

_PROJECT = (
    "Use a project name or ID, or a list of these. Without 'project', the plugin reads every project that the keys can see."
)
_RUN = "Use a run name or number, 'latest', 'active', 'all', or a list of these."


@dataclass(frozen=True)
class Selection:
    """What the user chose.

    :param projects: names and IDs; none for every project that the keys can see
    :param runs: names and keywords
    """

    projects: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The runs that are given by name."""
        return tuple(run for run in self.runs if run not in KEYWORDS)

    @property
    def has_keywords(self) -> bool:
        """Whether which runs are chosen may change from one reading to the next."""
        return len(self.names) < len(self.runs)

    @property
    def needs_projects(self) -> bool:
        """Whether the list of projects must be read to know the projects' IDs."""
        return not all(_ID.fullmatch(project) for project in self.projects)

    @property
    def needs_runs(self) -> bool:
        """Whether the list of runs must be read to know which are meant."""
        return len(self.projects) != 1 or self.has_keywords

    def follows_latest(self, run: str) -> bool:
        """Return whether ``latest`` alone can have chosen a run, so that a newer one takes its place."""
        return LATEST in self.runs and not {run, ACTIVE, ALL} & set(self.runs)


def parse_projects(value: object) -> tuple[str, ...]:
    """Return the projects of the ``project`` option: one or a list, a string may list several with commas; none where it is None.

    :raises ConfigurationError: with what a project may be
    """
    return () if value is None else _names("project", value, _PROJECT)


def parse_runs(value: object) -> tuple[str, ...]:
    """Return the runs of the ``run`` option: one or a list, each a string or an integer; a string may list several with commas.

    :raises ConfigurationError: with what a run may be
    """
    return _names("run", value, _RUN)


def _names(option: str, value: object, usage: str) -> tuple[str, ...]:
    names = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        name = "" if item in (None, "") else text(item)
        if name is None:
            raise ConfigurationError(f"Invalid value for '{option}': {item!r}. {usage}")
        names += [part.strip() for part in name.split(",")]
    if not names or not all(names):
        raise ConfigurationError(f"'{option}' {'has an empty item' if any(names) else 'is empty'}. {usage}")
    return tuple(dict.fromkeys(names))
