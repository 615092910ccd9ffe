# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cache holds and what it is found by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.source import Snapshot

URL, ACCESS_KEY = "https://api.example/nsml/v1", "accessKey000"
SNAPSHOT = Snapshot(
    [
        RunRows(Run("p1", "2", "bert", "RUN_STATE_IN_PROGRESS"), [{"nodeId": "a", "rank": 0, "odd": [{}]}]),
        RunRows(Run("p1", "3"), []),
    ],
    12.5,
)


KEY = "navercloud_nsml_0"


def key(
    url: str = URL, access_key: str = ACCESS_KEY, projects: tuple[str, ...] = ("bert",), runs: tuple[str, ...] = ("2",)
) -> str:
    return _source.cache_key(url, access_key, Selection(projects, runs))


def changed(**parts: Any) -> str:
    return json.dumps({**json.loads(_source.dump_snapshot(SNAPSHOT, KEY)), **parts})


def test_what_was_dumped_is_loaded_as_it_was() -> None:
    assert _source.load_snapshot(_source.dump_snapshot(SNAPSHOT, KEY), KEY) == SNAPSHOT


@pytest.mark.parametrize(
    "other",
    [
        key(url="https://other.example/nsml/v1"),
        key(access_key="accessKey001"),
        key(projects=("bert2",)),
        key(projects=("bert", "gpt")),
        key(projects=()),
        key(runs=("3",)),
        key(runs=("2", "3")),
        key(runs=("latest",)),
    ],
)
def test_another_configuration_has_another_key(other: str) -> None:
    assert other != key()


def test_the_same_configuration_has_the_same_key() -> None:
    assert key(url=URL + "/") == key()
    assert key(runs=("2", "latest")) == key(runs=("latest", "2"))
    assert key(projects=("bert", "gpt")) == key(projects=("gpt", "bert"))


def test_the_key_shows_nothing_and_is_a_safe_file_name() -> None:
    assert key().isidentifier()
    assert ACCESS_KEY not in key()
    assert "bert" not in key()


def test_another_version_has_another_key_and_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    before, dumped = key(), _source.dump_snapshot(SNAPSHOT, key())
    monkeypatch.setattr(_source, "_VERSION", "another")
    assert key() != before
    assert _source.load_snapshot(dumped, key()) is None


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "damaged",
    [
        None,
        17,
        {},
        "",
        "{",
        "[]",
        "null",
        "{}",
        _source.dump_snapshot(SNAPSHOT, KEY)[:-9],
        "[" * 100_000,
        changed(key=None),
        changed(key="navercloud_nsml_1"),
        changed(runs=[{"run": {"project_id": "p1", "name": "2"}, "rows": []}] * 2),
        changed(runs=[{"run": {"project_id": "p1", "name": "2"}, "rows": [{"nodeId": "a"}, {"nodeId": "a", "rank": 1}]}]),
        changed(read_at="soon"),
        changed(read_at=10**400),
        changed(runs=None),
        changed(runs=[{}]),
        changed(runs=[{"run": {"project_id": 1, "name": "2"}, "rows": []}]),
        changed(runs=[{"run": {"project_id": "p1", "name": "2", "x": 1}, "rows": []}]),
        changed(runs=[{"run": {"project_id": "p1", "name": "2", "status": []}, "rows": []}]),
        changed(runs=[{"run": {"project_id": "p1", "name": "2"}, "rows": [[]]}]),
        changed(runs=[{"run": {"project_id": "p1", "name": "2"}, "rows": [{"rank": 0}]}]),
        changed(runs=[{"run": {"project_id": "p1", "name": "2"}, "rows": {"a": 1}}]),
    ],
)
def test_what_is_damaged_is_a_miss(damaged: object) -> None:
    assert _source.load_snapshot(damaged, KEY) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_anything_at_all_is_loaded_or_a_miss(value: Any) -> None:
    assert _source.load_snapshot(value, KEY) is None
    assert _source.load_snapshot(json.dumps(value), KEY) is None
    assert _source.load_snapshot(changed(runs=value), KEY) in (None, Snapshot([], 12.5))
