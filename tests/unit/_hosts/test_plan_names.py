# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes to unique host names and groups, in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible.inventory.group import to_safe_group_name
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import (
    GROUP_BY,
    ExistingNames,
    Host,
    Layout,
    lay_out,
    safe_group,
    safe_name,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.tests.unit.inventory import row

BERT = Run("id0", "2", "bert")
SAFE = re.compile(r"[\w][\w.-]*")

NAMES = st.sampled_from(["a-b", "a_b", "a b", "", "...", "-", "all", "nsml", "x" * 200]) | st.text(max_size=6)


def host(node_id: str = "n0", run: Run = BERT, name: str | None = None, **changes: Any) -> Host:
    """Return a host that has its node's own name, or another one."""
    (node,) = nodes_of_run([{**row(nodeId=node_id, projectId=run.project_id, runName=run.name), **changes}], run)
    return Host(node, node.name if name is None else name, {})


def laid_out(
    *hosts: Host, group_by: Sequence[str] = GROUP_BY, known: Mapping[str, str] | None = None, strict: bool = False
) -> Layout:
    keys = {name: (BERT.project_id, BERT.name, node_id) for name, node_id in (known or {}).items()}
    return lay_out(hosts, group_by, ExistingNames(keys), strict=strict)


def restarted(*changes: Mapping[str, Any], run: Run = BERT, names: str | None = None) -> list[Host]:
    """Return the hosts of nodes that share rank 0, with the default names or all with one."""
    ids = {"projectId": run.project_id, "runName": run.name}
    listed = [{**row(nodeId=f"n{number}", rank=0), **ids, **fields} for number, fields in enumerate(changes)]
    return [Host(node, names or node.host_name, {}) for node in nodes_of_run(listed, run)]


def by_id(layout: Layout) -> dict[str, str]:
    return {placed.node.id: placed.name for placed in layout.hosts}


EXITED = {"state": "NODE_STATE_FAILED", "exitCode": 137}
PENDING = {"state": "NODE_STATE_PENDING"}


@pytest.mark.parametrize("wanted", [None, "rank-0"])
@pytest.mark.parametrize("strict", [False, True])
def test_holder_of_a_rank_has_the_name_and_exited_predecessors_have_their_id_added_without_a_warning(
    wanted: str | None, strict: bool
) -> None:
    layout = laid_out(*restarted(EXITED, {}, EXITED, names=wanted), strict=strict)

    name = wanted or "bert-2-0"
    assert [placed.name for placed in layout.hosts] == [name, f"{name}-n0", f"{name}-n2"]
    assert layout.groups["nsml_rank_0"] == [name]
    assert layout.groups["nsml_run_bert_2"] == [name, f"{name}-n0", f"{name}-n2"]
    assert layout.groups["nsml_state_failed"] == [f"{name}-n0", f"{name}-n2"]
    assert layout.warnings == []


def test_two_of_a_rank_that_have_not_exited_are_a_warning_or_an_error_under_strict() -> None:
    hosts = restarted(PENDING, {}, EXITED)

    layout = laid_out(*hosts)

    assert [placed.name for placed in layout.hosts] == ["bert-2-0", "bert-2-0-n0", "bert-2-0-n2"]
    assert layout.warnings == [
        "Several nodes that have not exited share a rank. Nodes that do not hold their rank: bert-2-0 (node n0)."
    ]
    with pytest.raises(NamingError, match="share a rank"):
        laid_out(*hosts, strict=True)


def test_a_holder_that_is_filtered_out_promotes_no_predecessor() -> None:
    layout = laid_out(*restarted(EXITED, {})[1:])

    assert [placed.name for placed in layout.hosts] == ["bert-2-0-n0"]
    assert "nsml_rank_0" not in layout.groups


def test_two_runs_share_no_rank() -> None:
    layout = laid_out(*restarted({}), *restarted({"nodeId": "other"}, run=Run("id0", "3", "bert")))

    assert [placed.name for placed in layout.hosts] == layout.groups["nsml_rank_0"] == ["bert-2-0", "bert-3-0"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["1", "2"]), st.sampled_from([0, 1, None]), st.sampled_from(["RUNNING", "FAILED", "FOO"])),
        max_size=8,
    )
)
def test_each_group_of_a_rank_has_one_host_a_run_and_no_node_is_lost(listed: list[tuple[str, int | None, str]]) -> None:
    hosts = []
    for run in ("1", "2"):
        rows = [row(nodeId=f"n{number}", rank=rank, state=state) for number, (of, rank, state) in enumerate(listed) if of == run]
        hosts += [Host(node, node.host_name, {}) for node in nodes_of_run(rows, Run("id0", run, "bert"))]

    layout = laid_out(*hosts)

    assert len(by_id(layout)) == len(listed) == len({placed.name for placed in layout.hosts})
    run_of = {placed.name: placed.node.run.name for placed in layout.hosts}
    held = {f"nsml_rank_{rank}": {run for run, other, _state in listed if other == rank} for rank in (0, 1)}
    for group, members in layout.groups.items():
        if group.startswith("nsml_rank_"):
            assert sorted(run_of[name] for name in members) == sorted(held[group])


def merged(first: Sequence[Host], second: Sequence[Host], *, strict: bool = False) -> tuple[Layout, Layout]:
    """Return two sources that are read one after the other."""
    before = laid_out(*first)
    known = ExistingNames()
    for placed in before.hosts:
        fields = {"node_id": placed.node.id, "project_id": placed.node.run.project_id, "run_name": placed.node.run.name}
        made = {"name": "", "world_size": 1, "ready": True, **fields}
        groups = [group for group, members in before.groups.items() if placed.name in members]
        known.add(placed.name, {f"x_{name}": value for name, value in made.items()}, groups)
    return before, lay_out(second, GROUP_BY, known, strict=strict)


def test_a_later_source_that_knows_a_successor_takes_no_name_and_no_rank_from_the_node_that_has_them() -> None:
    first, second = restarted({}), restarted(EXITED, {})

    _before, after = merged(first, second)

    assert by_id(after) == {"n0": "bert-2-0", "n1": "bert-2-0-n1"}
    assert "nsml_rank_0" not in after.groups
    assert after.warnings == [
        "These host names are not unique or not allowed: 'bert-2-0'. The plugin added the node ID to each name."
    ]
    with pytest.raises(NamingError, match="'bert-2-0'"):
        merged(first, second, strict=True)


def test_a_later_source_that_does_not_know_the_successor_yet_changes_neither_names_nor_ranks() -> None:
    before, after = merged(restarted(EXITED, {}), restarted({}), strict=True)

    assert before.groups["nsml_rank_0"] == ["bert-2-0"]
    assert by_id(after) == {"n0": "bert-2-0-n0"}
    assert "nsml_rank_0" not in after.groups
    assert after.warnings == []


def test_a_node_of_two_sources_is_one_host_whatever_the_later_one_would_name_it() -> None:
    _before, after = merged(restarted({}), restarted({}, names="other"), strict=True)

    assert by_id(after) == {"n0": "bert-2-0"}
    assert after.groups["nsml_rank_0"] == ["bert-2-0"]


@pytest.mark.parametrize("address", ["ansible_host", "ansible_ssh_host"])
@pytest.mark.parametrize("wanted", ["bert-2-0", "db"])
def test_a_host_that_another_source_connects_to_elsewhere_is_not_taken_over(address: str, wanted: str) -> None:
    known = ExistingNames()
    known.add(wanted, {address: "10.0.0.1", "ansible_user": "me", 8080: "open"}, ["web"])  # type: ignore[dict-item]

    layout = lay_out([host(name=wanted)], GROUP_BY, known, strict=False)

    assert by_id(layout) == {"n0": f"{wanted}-n0"}
    assert repr(wanted) in layout.warnings[0]
    with pytest.raises(NamingError, match=wanted):
        lay_out([host(name=wanted)], GROUP_BY, known, strict=True)


def test_a_host_of_another_source_that_only_brings_variables_and_groups_is_joined() -> None:
    known = ExistingNames()
    known.add("bert-2-0", {"ansible_user": "me", "role": "gpu"}, ["web"])

    assert by_id(lay_out([host()], GROUP_BY, known, strict=True)) == {"n0": "bert-2-0"}


def names(*hosts: Host) -> list[str]:
    return [placed.name for placed in laid_out(*hosts).hosts]


def test_the_order_is_project_then_run_number_then_rank_then_holder_then_node_id() -> None:
    expected = [
        host("n9", Run("id1", "1", "a"), rank=0),
        host("n5", Run("id0", "2", "b"), rank=2),
        host("n4", Run("id0", "2", "b"), rank=10),
        host("n2", Run("id0", "2", "b"), rank=None),
        host("n3", Run("id0", "2", "b"), rank=None),
        host("n1", Run("id0", "10", "b"), rank=0),
        host("n0", Run("id0", "x", "b"), rank=0),
    ]

    assert [placed.node.id for placed in laid_out(*reversed(expected)).hosts] == ["n9", "n5", "n4", "n2", "n3", "n1", "n0"]


HOSTS = st.lists(
    st.builds(
        lambda node_id, project, run, rank, state, name: host(
            node_id, Run(f"id-{project}", run, project), name, rank=rank, state=state
        ),
        st.text(min_size=1, max_size=4) | st.sampled_from(["-", "all", "localhost", "y" * 200]),
        NAMES,
        st.sampled_from(["1", "2", "10", "a-b", "a_b"]),
        st.none() | st.integers(-1, 12),
        st.sampled_from(["NODE_STATE_RUNNING", "a b", "a_b", None]),
        NAMES,
    ),
    max_size=6,
    unique_by=lambda made: (made.node.run.project_id, made.node.run.name, made.node.id),
)


@given(HOSTS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(hosts: list[Host], random: Any) -> None:
    shuffled = list(hosts)
    random.shuffle(shuffled)

    assert laid_out(*shuffled) == laid_out(*hosts)


@given(HOSTS)
def test_all_names_are_unique_and_safe_and_none_is_lost(hosts: list[Host]) -> None:
    layout = laid_out(*hosts)
    found = [placed.name for placed in layout.hosts]

    assert len(set(found)) == len(found) == len(hosts)
    assert all(SAFE.fullmatch(name) for name in found)
    assert not {"all", "ungrouped", "localhost", "127.0.0.1", "nsml", *layout.groups} & set(found)
    assert all(to_safe_group_name(group, force=True, silent=True) == group for group in layout.groups)
    assert all(set(members) <= set(found) for members in layout.groups.values())


@given(HOSTS)
def test_no_two_projects_states_or_runs_share_a_group(hosts: list[Host]) -> None:
    layout = laid_out(*hosts)
    by_name = {placed.name: placed.node for placed in layout.hosts}

    for group, members in layout.groups.items():
        nodes = [by_name[name] for name in members]
        kind = group.split("_")[1]
        values: dict[str, set[Any]] = {
            "project": {node.run.project_id for node in nodes},
            "run": {(node.run.project_id, node.run.name) for node in nodes},
            "state": {node.state for node in nodes},
            "rank": {node.rank for node in nodes},
            "ready": {node.ready for node in nodes},
        }
        assert len(values[kind]) == 1


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("bert-2-0", "bert-2-0"),
        ("a.b_c-d", "a.b_c-d"),
        ("{{ x }}", "___x___"),
        ("a b\n\x00,:!&*[0:9]", "a_b________0_9_"),
        ("-a", "a"),
        (".-.a", "a"),
        ("노드", "노드"),
        ("half \ud83d", "half__"),
        ("a" * 300, "a" * 128),
    ],
)
def test_a_name_is_made_of_safe_characters(wanted: str, name: str) -> None:
    assert safe_name(wanted) == name
    assert names(host(name=wanted)) == [name]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["x", "x"], ["x-n0", "x-n1"]),
        (["a b", "a_b"], ["a_b-n0", "a_b-n1"]),
        (["x", "x", "x-n0"], ["x-n0_2", "x-n1", "x-n0"]),
        (["", "..."], ["node-n0", "node-n1"]),
        (["y" * 200, "y" * 201], ["y" * 128 + "-n0", "y" * 128 + "-n1"]),
        (["all"], ["all-n0"]),
        (["localhost"], ["localhost-n0"]),
        (["-localhost"], ["localhost-n0"]),
        (["127.0.0.1"], ["127.0.0.1-n0"]),
        (["ungrouped"], ["ungrouped-n0"]),
        (["nsml"], ["nsml-n0"]),
        (["nsml_ready"], ["nsml_ready-n0"]),
        (["nsml_run_bert_2"], ["nsml_run_bert_2-n0"]),
    ],
)
def test_a_name_that_is_not_free_takes_the_node_id_with_one_warning_or_is_an_error(
    wanted: list[str], expected: list[str]
) -> None:
    hosts = [host(f"n{rank}", name=name, rank=rank) for rank, name in enumerate(wanted)]

    layout = laid_out(*hosts)

    assert [placed.name for placed in layout.hosts] == expected
    (warning,) = layout.warnings
    assert "added the node ID" in warning
    assert repr(safe_name(wanted[0])) in warning
    with pytest.raises(NamingError, match="not unique"):
        laid_out(*hosts, strict=True)


@pytest.mark.parametrize("node_id", ["all", "localhost", "nsml", "nsml_ready", "---", "{{}}"])
def test_a_node_id_is_never_a_whole_name_when_there_is_no_other(node_id: str) -> None:
    (name,) = names(host(node_id, name=""))

    assert name.startswith("node-")


def test_node_ids_that_differ_in_unsafe_characters_only_are_two_names() -> None:
    assert names(*(host(f"n{sign}", name="x") for sign in "*+=@")) == ["x-n_", "x-n__2", "x-n__3", "x-n__4"]


def test_a_name_that_is_a_groups_in_its_final_form_is_not_free() -> None:
    clashing = [host("n0", Run("id0", "1", "a-b")), host("n1", Run("id1", "1", "a_b"))]
    final = next(iter(laid_out(*clashing).groups))

    assert final not in names(*clashing, host("n2", name=final))


def test_a_name_that_another_node_of_another_source_has_is_not_free() -> None:
    known = {"bert-2-0": "n0", "bert-2-1": "other", "bert-2-1-n1": "another"}
    layout = laid_out(host("n0", rank=0), host("n1", rank=1), known=known)
    assert [placed.name for placed in layout.hosts] == ["bert-2-0", "bert-2-1-n1_2"]
    assert layout.warnings == [
        "These host names are not unique or not allowed: 'bert-2-1'. The plugin added the node ID to each name."
    ]
    with pytest.raises(NamingError, match="'bert-2-1'"):
        laid_out(host("n1", rank=1), known=known, strict=True)


def test_a_node_of_two_sources_has_one_name() -> None:
    twice = [host("n0", rank=0), host("n1", rank=0)]
    known = {placed.name: placed.node.id for placed in laid_out(*twice).hosts}
    layout = laid_out(*twice, known=known)
    assert {placed.name: placed.node.id for placed in layout.hosts} == known


def test_a_node_keeps_the_name_that_another_source_gave_it_where_others_want_it_too() -> None:
    layout = laid_out(host("n0", rank=0), host("n1", rank=0), known={"bert-2-0": "n0"})
    assert {placed.node.id: placed.name for placed in layout.hosts} == {"n0": "bert-2-0", "n1": "bert-2-0-n1"}


IDENTITY = {"nsml_node_id": "other", "nsml_name": "", "nsml_world_size": 1, "nsml_ready": True}


@pytest.mark.parametrize(("project_id", "run_name", "is_shared"), [("id0", "2", True), ("id1", "2", False)])
def test_a_group_that_another_source_brought_stands_for_the_same_value_or_is_not_shared(
    project_id: str, run_name: str, is_shared: bool
) -> None:
    names = ["nsml", "nsml_project_bert", "nsml_run_bert_2", "nsml_state_running", "nsml_ready"]
    known = ExistingNames()
    known.add("other", {**IDENTITY, "nsml_project_id": project_id, "nsml_run_name": run_name}, names)
    layout = lay_out([host()], GROUP_BY, known, strict=False)
    assert ("nsml_project_bert" in layout.groups) is is_shared
    assert ("nsml_run_bert_2" in layout.groups) is is_shared
    assert "nsml_state_running" in layout.groups
    assert bool(layout.warnings) is not is_shared


def test_a_group_keeps_the_value_that_another_source_gave_it_where_others_fall_into_it_too() -> None:
    hosts = [host("n0", Run("id0", "1", "a-b")), host("n1", Run("id1", "1", "a_b"))]
    groups = lay_out(hosts, ["project"], ExistingNames(groups={"nsml_project_a_b": "id1"}), strict=False).groups
    assert groups["nsml_project_a_b"] == ["a_b-1-0"]
    assert len(groups) == 3


def test_a_warning_of_many_names_is_short() -> None:
    (warning,) = laid_out(*(host(f"n{number}", rank=number // 2) for number in range(100))).warnings
    assert " and 40 more." in warning
    assert len(warning) < 400


def test_names_that_are_free_are_no_warning() -> None:
    assert laid_out(host("n0"), host("n1", rank=1), strict=True).warnings == []


def test_the_groups_of_a_ready_node() -> None:
    assert laid_out(host()).groups == {
        "nsml_project_bert": ["bert-2-0"],
        "nsml_run_bert_2": ["bert-2-0"],
        "nsml_state_running": ["bert-2-0"],
        "nsml_rank_0": ["bert-2-0"],
        "nsml_ready": ["bert-2-0"],
    }


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({"state": None}, {"nsml_project_bert", "nsml_run_bert_2", "nsml_rank_0"}),
        ({"rank": None}, {"nsml_project_bert", "nsml_run_bert_2", "nsml_state_running", "nsml_ready"}),
        ({"state": None, "rank": -1}, {"nsml_project_bert", "nsml_run_bert_2"}),
        ({"state": "NODE_STATE_X{{ y }}"}, {"nsml_project_bert", "nsml_run_bert_2", "nsml_state_x___y___", "nsml_rank_0"}),
        ({"sshPort": None}, {"nsml_project_bert", "nsml_run_bert_2", "nsml_state_running", "nsml_rank_0"}),
    ],
)
def test_a_node_is_in_no_group_for_what_it_does_not_have(changes: dict[str, Any], groups: set[str]) -> None:
    assert laid_out(host(**changes)).groups.keys() == groups


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ([], ["nsml_ready"]),
        (["rank"], ["nsml_rank_0", "nsml_ready"]),
        (["state", "project"], ["nsml_project_bert", "nsml_state_running", "nsml_ready"]),
        (["run"], ["nsml_run_bert_2", "nsml_ready"]),
    ],
)
def test_only_the_groups_asked_for_are_made(group_by: list[str], groups: list[str]) -> None:
    assert list(laid_out(host(), group_by=group_by).groups) == groups


def test_groups_of_ranks_are_in_the_order_of_ranks() -> None:
    hosts = [host(f"n{rank}", rank=rank, state=None) for rank in (10, 2, 0)]

    assert list(laid_out(*hosts, group_by=["rank"]).groups) == ["nsml_rank_0", "nsml_rank_2", "nsml_rank_10"]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (Run("id0", "1", "a-b"), Run("id1", "1", "a_b"), "nsml_project_a_b"),
        (Run("id0", "1", "same"), Run("id1", "2", "same"), "nsml_project_same"),
        (Run("id0", "b_1", "a"), Run("id1", "1", "a_b"), "nsml_run_a_b_1"),
        (Run("id0", "x" * 200, "a"), Run("id0", "x" * 201, "a"), "nsml_run_a_"),
    ],
)
def test_two_values_never_share_a_group_in_silence(first: Run, second: Run, clash: str) -> None:
    hosts = [host("n0", first), host("n1", second)]

    layout = laid_out(*hosts)

    clashing = [members for group, members in layout.groups.items() if group.startswith(clash)]
    assert len(clashing) >= 2
    assert all(len(members) == 1 for members in clashing)
    assert any(clash in warning and "hash" in warning for warning in layout.warnings)
    with pytest.raises(NamingError, match=clash):
        laid_out(*hosts, strict=True)


def test_nodes_of_one_id_in_two_runs_of_two_sources_are_two_hosts() -> None:
    older = Run(BERT.project_id, "1", BERT.project_name)
    _before, after = merged([host("n0", older)], [host("n0")], strict=True)
    assert by_id(after) == {"n0": "bert-2-0"}


def test_a_group_of_another_source_is_no_name_for_a_host() -> None:
    known = ExistingNames(group_names={"bert-2-0"})
    (placed,) = lay_out([host("n0")], GROUP_BY, known, strict=False).hosts
    assert placed.name == "bert-2-0-n0"


def test_states_that_differ_in_unsafe_characters_only_are_two_groups() -> None:
    groups = laid_out(host("n0", rank=0, state="a/b"), host("n1", rank=1, state="a_b"), group_by=["state"]).groups

    assert sorted(groups.values()) == [["bert-2-0"], ["bert-2-1"]]


def test_a_project_that_is_named_as_a_hash_shares_no_group() -> None:
    clashing = [host("n0", Run("id0", "1", "a-b")), host("n1", Run("id1", "1", "a_b"))]
    final = next(iter(laid_out(*clashing, group_by=["project"]).groups)).removeprefix("nsml_project_")

    groups = laid_out(*clashing, host("n2", Run("id2", "1", final)), group_by=["project"]).groups

    assert [len(members) for group, members in groups.items() if group != "nsml_ready"] == [1, 1, 1]


def test_the_hash_of_a_group_is_always_the_same() -> None:
    hosts = [host("n0", Run("id0", "1", "a-b")), host("n1", Run("id1", "1", "a_b"))]

    assert list(laid_out(*hosts, group_by=["project"]).groups)[:1] == ["nsml_project_a_b_907d976d"]


@given(st.text(max_size=20))
def test_a_group_is_named_by_ansibles_own_rule(value: str) -> None:
    assert f"nsml_state_{safe_group(value)}" == to_safe_group_name(f"nsml_state_{value}", force=True, silent=True)


def test_a_groups_name_is_of_bounded_length() -> None:
    assert len(safe_group("x" * 100_000)) == 128


def test_nothing_makes_nothing() -> None:
    assert laid_out() == Layout([], {}, [])
