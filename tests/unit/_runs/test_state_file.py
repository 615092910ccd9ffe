# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file: what was saved is loaded as it was, and all else is refused whole."""

from __future__ import annotations

import copy
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownRun, KnownRuns, Reading, Watch, compare
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state_file import StateError, StateFile
from ansible_collections.navercloud.nsml.tests.unit._runs.test_changes import TABLES, names

URL = "https://nsml.apigw.ntruss.com/nsml/v1"
SELECTION = Selection(("bert",), ("latest",))


def state_file(directory: Path, selection: Selection = SELECTION, url: str = URL) -> StateFile:
    return StateFile(str(directory / "state.json"), url, selection)


def remembered() -> KnownRuns:
    """Return what is known in the middle of a run, with every kind of mark."""
    known: KnownRuns | None = None
    for reading, _reported in TABLES["a rank that is restarted"][:7]:
        known, _changes = compare(known, reading, Watch(), names)
    assert known
    return known


def with_status_of_run(known: KnownRun) -> KnownRun:
    """Return what is known of a run, its nodes with the run's own status: a node has that of its last listing."""
    nodes = {node_id: seen._replace(node=seen.node._replace(run=known.run)) for node_id, seen in known.nodes.items()}
    return known._replace(nodes=nodes)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_was_saved_is_loaded(tmp_path: Path, table: list[tuple[Reading, Any]]) -> None:
    """After every reading: what the next one brings does not depend on whether the source was restarted in between."""
    known: KnownRuns | None = None
    for reading, _reported in table:
        before = known
        known, changes = compare(known, reading, Watch(), names)
        if before is not None:
            assert compare(state_file(tmp_path).load(), reading, Watch(), names)[1] == changes
        state_file(tmp_path).save(known)
        assert state_file(tmp_path).load() == {key: with_status_of_run(run) for key, run in known.items()}


def test_a_run_of_which_only_its_id_is_known_is_loaded(tmp_path: Path) -> None:
    run = Run("p1", "2", None, None)
    known, _changes = compare(None, Reading([RunRows(run, [])]), Watch(), names)
    state_file(tmp_path).save(known)
    assert state_file(tmp_path).load() == {run.key: KnownRun(run, {})}


def test_there_is_nothing_to_load_before_the_first_start(tmp_path: Path) -> None:
    assert state_file(tmp_path).load() is None


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    state = state_file(tmp_path)
    state.path.write_text("{}")
    state.path.chmod(0o644)
    state.save(remembered())
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600


def test_it_is_replaced_at_once_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_file(tmp_path)
    state.save(remembered())
    before = state.path.read_text()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        state.save({})
    assert state.path.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_file_of_other_runs_is_refused(tmp_path: Path) -> None:
    state_file(tmp_path).save(remembered())
    for other in (Selection(("bert",), ("2",)), Selection(("gpt",), ("latest",)), Selection((), ("latest",))):
        with pytest.raises(StateError, match="belongs to other runs"):
            state_file(tmp_path, other).load()
    with pytest.raises(StateError, match="belongs to other runs"):
        state_file(tmp_path, url="https://elsewhere/nsml/v1").load()
    assert state_file(tmp_path, url=f"{URL}/").load()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    state = state_file(tmp_path)
    state.save(remembered())
    state.path.write_text(json.dumps(json.loads(state.path.read_text()) | {"version": 2}))
    with pytest.raises(StateError, match="another version"):
        state.load()


def damaged(value: Any) -> Iterator[Any]:
    """Yield a JSON value with one part of it left out or of another type, for each of its parts."""
    parts: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for place, part in list(parts):
        changed = copy.deepcopy(value)
        if isinstance(value, dict) and "nodeId" not in value:
            del changed[place]
            yield changed
        wrongs: list[Any] = [] if "nodeId" in value else [1.5, {}]
        for wrong in wrongs:
            yield (changed | {place: wrong}) if isinstance(value, dict) else [*value[:place], wrong, *value[place + 1 :]]
        if isinstance(part, (dict, list)):
            for inner in damaged(part):
                yield (changed | {place: inner}) if isinstance(value, dict) else [*value[:place], inner, *value[place + 1 :]]


@pytest.mark.usefixtures("no_collection")
def test_a_damaged_file_is_refused_whole(tmp_path: Path) -> None:
    state = state_file(tmp_path)
    state.save(remembered())
    content = json.loads(state.path.read_text())
    contents = ["", "{", "[]", "null", '"x"', "[" * 100_000, state.path.read_text()[:-20], *map(json.dumps, damaged(content))]
    assert len(contents) > 50
    for text in contents:
        state.path.write_text(text)
        with pytest.raises(StateError, match=r"the file is damaged|another version|belongs to other runs"):
            state.load()
    state.path.write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match="the file is damaged"):
        state.load()


@pytest.mark.parametrize("change", [{"nodeId": None}, {"nodeId": ""}, {"nodeId": "0"}])
def test_rows_without_an_identity_of_their_own_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    state = state_file(tmp_path)
    state.save(remembered())
    content = json.loads(state.path.read_text())
    content["runs"][0]["nodes"][1]["row"].update(change)
    state.path.write_text(json.dumps(content))
    with pytest.raises(StateError, match="the file is damaged"):
        state.load()


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    for path, words in ((tmp_path / "state.json", "the path is a directory"), (tmp_path / "no" / "state", "No such file")):
        with pytest.raises(ConfigurationError, match=f"Cannot write 'state_file' '{path}': {words}"):
            StateFile(str(path), URL, SELECTION).check()


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    state_file(tmp_path).check()
    assert list(tmp_path.iterdir()) == []
