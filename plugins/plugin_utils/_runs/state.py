# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interpret the states of runs and nodes. The set of states is open, so a state is interpreted by its word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache


class Phase(Enum):
    """The phase in the life of a run or a node."""

    BEGINNING = auto()
    UNDER_WAY = auto()
    ENDED = auto()
    UNKNOWN = auto()


# Example only: NODE_STATE_RUNNING, RUN_STATE_IN_PROGRESS, RUN_STATE_COMPLETED. Inferred from similar services: all others.
_WORDS = {
    Phase.ENDED: """
        complete completed success succeeded done finished fail failed failure error stopped stopping canceled cancelled canceling
        cancelling killed terminated terminating deleted deleting abort aborted expired exited evicted lost
    """,
    Phase.BEGINNING: """
        pending creating created queued scheduling scheduled waiting starting initializing provisioning pulling preparing
    """,
    Phase.UNDER_WAY: "running inprogress active ready up",
}
_PHASES = {word: phase for phase, words in _WORDS.items() for word in words.split()}


@lru_cache(maxsize=256)
def phase(state: str | None) -> Phase:
    """Return the phase of a state of a run or a node.

    Case, the prefixes ``NODE_STATE_`` and ``RUN_STATE_``, dashes, underscores and spaces are ignored.
    """
    word = re.sub(r"[\s_-]", "", state or "").lower()
    return _PHASES.get(re.sub("^(node|run)state", "", word), Phase.UNKNOWN)


@lru_cache(maxsize=256)
def state_name(state: str | None) -> str | None:
    """Return a state as users write it: ``running`` for ``NODE_STATE_RUNNING``, ``in_progress`` for ``In Progress``."""
    words = re.sub(r"[\s_-]+", "_", (state or "").strip().lower())
    return re.sub("^(node|run)_state(_|$)", "", words).strip("_") or None


def nearest_state(name: str, seen: Iterable[str]) -> str | None:
    """Return the state of which a name is probably a misspelling, None for a known state or where none is similar.

    :param seen: the states that nodes are in, since the set of states is open
    """
    if phase(name) is not Phase.UNKNOWN:
        return None
    return next(iter(difflib.get_close_matches(name, {*_PHASES, *seen}, n=1, cutoff=0.8)), None)
