# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options ``project`` and ``run``, and the lists that are needed to find the chosen runs.

If one project looks like an ID and the runs are chosen by name, no list is needed, and the nodes are read at once. The name of a
project needs the list of projects. Keywords, several projects, or no project need the list of runs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import text

ACTIVE, ALL, LATEST = "active", "all", "latest"
KEYWORDS = frozenset({ACTIVE, ALL, LATEST})

# Example only: about 20 lowercase letters and digits. A name may look the same. Then the service does not find it as an ID.
_ID = re.compile(r"(?=.*[0-9])[a-z0-9]{15,}")

_PROJECT = (
    "Use a project name or ID, or a list of these. Without 'project', the plugin reads every project that the keys can see."
)
_RUN = "Use a run name or number, 'latest', 'active', 'all', or a list of these."


class Selection(NamedTuple):
    """The chosen projects and runs.

    :param projects: names and IDs; empty for every project that the keys can see
    :param runs: names and keywords
    """

    projects: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the runs that are chosen by name."""
        return tuple(run for run in self.runs if run not in KEYWORDS)

    @property
    def has_keywords(self) -> bool:
        """Whether keywords choose runs, so that other runs may be chosen in the next reading."""
        return len(self.names) < len(self.runs)

    @property
    def needs_projects(self) -> bool:
        """Whether the list of projects is needed, because a project may not be an ID."""
        return not all(_ID.fullmatch(project) for project in self.projects)

    @property
    def needs_runs(self) -> bool:
        """Whether the list of runs is needed to find the chosen runs."""
        return len(self.projects) != 1 or self.has_keywords

    def follows_latest(self, run: str) -> bool:
        """Return whether only ``latest`` can have chosen a run, so that a newer run replaces it."""
        return LATEST in self.runs and not {run, ACTIVE, ALL} & set(self.runs)


def parse_projects(value: object) -> tuple[str, ...]:
    """Return the projects that the option ``project`` names.

    :param value: a project, a list of projects, or None for none; a string may name several projects, separated by commas
    :raises ConfigurationError: the value is empty or invalid
    """
    return () if value is None else _names("project", value, _PROJECT)


def parse_runs(value: object) -> tuple[str, ...]:
    """Return the names and keywords of the option ``run``.

    :param value: a string or an integer, or a list of these; a string may name several runs, separated by commas
    :raises ConfigurationError: the value is empty or invalid
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
