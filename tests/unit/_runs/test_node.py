# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One row of the API, as a Node, and as the variables of a host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import (
    Node,
    nodes_of_run,
    nodes_of_runs,
    prefix_of,
    variables,
    warnings_of_states,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.tests.unit.inventory import row, rows

RUN = Run("id0", "2", "bert")
FIELDS = sorted(row())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODD_ROWS = st.builds(
    lambda known, unknown: {**row(), **known, **unknown, "nodeId": "node0"},
    st.dictionaries(st.sampled_from(FIELDS), JSON),
    st.dictionaries(st.text(max_size=12), JSON, max_size=4),
)


def node(**changes: Any) -> Node:
    """Return the one node of a run, from the vendor's example row with changes."""
    (found,) = nodes_of_run([row(**changes)], RUN)
    return found


def of(prefix: str = "nsml_", **changes: Any) -> dict[str, Any]:
    """Return the host variables of the vendor's example row with changes."""
    return variables(node(**changes), prefix)


# How a node is connected to that cannot be reached.
UNREACHABLE = {"ansible_host": "bert-2-0.not-ready.invalid."}


def connection(made: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that say how to connect."""
    return {name: value for name, value in made.items() if name.startswith("ansible_")}


def test_the_vendors_example_becomes_one_host_with_all_that_is_documented() -> None:
    assert of() == {
        "ansible_host": "223.130.154.166",
        "ansible_port": 15001,
        "nsml_node_id": "******0lonwq7k******",
        "nsml_project_id": "******ygz0iujn******",
        "nsml_project_name": "project",
        "nsml_run_name": "2",
        "nsml_state": "NODE_STATE_RUNNING",
        "nsml_resource_type": "[Notebook] 4vCPU, 16GB Mem",
        "nsml_container_image": "nvcr.io/nvidia/tensorflow:21.02-tf1-py3",
        "nsml_rank": 0,
        "nsml_exit_code": -1,
        "nsml_host": "223.130.154.166",
        "nsml_ssh_port": 15001,
        "nsml_tcp_ports": [15002, 15003],
        "nsml_command": "",
        "nsml_create_time": "2024-09-03T01:38:26",
        "nsml_update_time": "2024-09-03T01:39:51",
        "nsml_name": "bert-2-0",
        "nsml_world_size": 1,
        "nsml_holds_rank": True,
        "nsml_ready": True,
    }
    assert node().rank == 0
    assert node().state == "running"


def test_world_size_is_the_number_of_ranks_and_a_node_without_a_rank_counts_as_one() -> None:
    assert {found.world_size for found in nodes_of_run(rows(3), RUN)} == {3}
    listed = [*rows(3), row(nodeId="again", rank=0), row(nodeId="none", rank=None), row(nodeId="odd", rank="x")]
    assert {found.world_size for found in nodes_of_run(listed, RUN)} == {5}


@pytest.mark.parametrize(
    ("changes", "name"),
    [({}, "bert-2-0"), ({"rank": "7"}, "bert-2-7"), ({"rank": None}, "bert-2-n0"), ({"rank": -1}, "bert-2-n0")],
)
def test_a_node_is_called_by_project_run_and_rank_or_by_its_id(changes: dict[str, Any], name: str) -> None:
    assert node(**{"nodeId": "n0", **changes}).name == name


@pytest.mark.parametrize(
    "changes",
    [{"state": "NODE_STATE_PENDING"}, {"state": None}, {"host": None}, {"host": ""}, {"sshPort": 0}, {"sshPort": None}],
)
def test_a_node_is_ready_only_when_it_runs_and_can_be_reached(changes: dict[str, Any]) -> None:
    assert node().ready
    assert not node(**changes).ready
    assert of(**changes)["nsml_ready"] is False


RANKED = [
    {"nodeId": "d", "state": "PENDING", "exitCode": -1, "createTime": "2024-09-03T01:00:00"},
    {"nodeId": "c", "state": "RUNNING", "exitCode": -1, "createTime": "2024-09-03T02:00:00"},
    {"nodeId": "b", "state": "FAILED", "exitCode": 137, "createTime": "2024-09-03T03:00:00"},
    {"nodeId": "a", "state": "FAILED", "exitCode": -1},
]


@pytest.mark.parametrize(
    ("holder", "other"),
    [
        ({"state": "RUNNING", "createTime": "1"}, {"state": "PENDING", "createTime": "2"}),
        ({"state": "PENDING", "createTime": "1"}, {"state": "FAILED", "createTime": "2"}),
        ({"state": "FOO", "exitCode": -1, "createTime": "1"}, {"state": "FOO", "exitCode": 0, "createTime": "2"}),
        ({"createTime": "2024-09-03T01:38:27"}, {"createTime": "2024-09-03T01:38:26"}),
        ({"createTime": "1"}, {"createTime": None}),
        ({"createTime": "1"}, {}),
        ({"createTime": "1"}, {"createTime": ["9"]}),
        ({"state": "FAILED", "createTime": "2"}, {"state": "COMPLETED", "createTime": "1"}),
        ({"nodeId": "z"}, {"nodeId": "a"}),
    ],
    ids=["ready", "not exited", "exit code", "created", "null time", "no time", "odd time", "newest of the exited", "node ID"],
)
def test_holder_of_a_rank_is_ready_or_not_exited_or_newest_or_has_the_greatest_id(
    holder: dict[str, Any], other: dict[str, Any]
) -> None:
    fields = {name: value for name, value in row(rank=3).items() if name != "createTime"}
    # The holder has the smaller ID, so that none of the criteria before it can hold by chance.
    listed = [{**fields, "nodeId": "a", **holder}, {**fields, "nodeId": "z", **other}]
    first, second = (str(listing["nodeId"]) for listing in listed)

    for order in permutations(listed):
        nodes = nodes_of_run(order, RUN)
        assert [(found.id, found.holds_rank) for found in nodes] == [(first, True), (second, False)]
        assert [found.host_name for found in nodes] == ["bert-2-3", f"bert-2-3-{second}"]
        assert [variables(found, "nsml_")["nsml_holds_rank"] for found in nodes] == [True, False]


def test_nodes_of_a_run_are_in_the_order_of_rank_holder_and_node_id_whatever_order_they_come_in() -> None:
    listed = [
        *(row(rank=0, **changes) for changes in RANKED),
        row(nodeId="e", rank=1),
        row(nodeId="f", rank=None),
        row(nodeId="g", rank="odd"),
    ]
    for order in permutations(listed, len(listed)):
        nodes = nodes_of_run(order, RUN)
        assert "".join(found.id for found in nodes) == "cabdefg"
        assert "".join(found.id for found in nodes if found.holds_rank) == "cefg"
        assert {found.world_size for found in nodes} == {4}


LISTED = st.lists(
    st.builds(
        lambda rank, state, code, created: row(rank=rank, state=state, exitCode=code, createTime=created),
        st.sampled_from([0, 1, 2, "1", None, -1, "x"]),
        st.sampled_from(["RUNNING", "PENDING", "FAILED", "FOO", None]),
        st.sampled_from([-1, 0, 137, None]),
        st.sampled_from(["2024-09-03T01:38:26", "2024-09-03T01:38:27", None]),
    ),
    max_size=8,
).map(lambda listed: [{**fields, "nodeId": f"n{number}"} for number, fields in enumerate(listed)])


@given(LISTED, st.randoms(use_true_random=False))
def test_each_rank_has_one_holder_and_no_node_is_lost(listed: list[dict[str, Any]], random: Any) -> None:
    nodes = nodes_of_run(listed, RUN)
    shuffled = random.sample(listed, len(listed))

    assert nodes_of_run(shuffled, RUN) == nodes
    assert {found.id for found in nodes} == {fields["nodeId"] for fields in listed}
    held = [found.rank for found in nodes if found.holds_rank and found.rank is not None]
    assert sorted(held) == sorted({found.rank for found in nodes if found.rank is not None})
    assert all(found.holds_rank for found in nodes if found.rank is None)
    assert {found.world_size for found in nodes} <= {sum(found.holds_rank for found in nodes)}
    assert len({found.host_name for found in nodes}) == len(nodes)


@pytest.mark.parametrize(
    ("changes", "exited"),
    [
        ({"state": "NODE_STATE_FAILED", "exitCode": -1}, True),
        ({"state": "COMPLETED", "exitCode": None}, True),
        ({"state": "NODE_STATE_PENDING", "exitCode": 0}, False),
        ({"state": "NODE_STATE_RUNNING", "exitCode": 0}, False),
        ({"state": "NODE_STATE_FOO", "exitCode": -1}, False),
        ({"state": "NODE_STATE_FOO", "exitCode": 0}, True),
        ({"state": None, "exitCode": "137"}, True),
        ({"state": None, "exitCode": None}, False),
    ],
)
def test_node_has_exited_when_its_state_is_ended_or_its_state_is_unknown_and_it_has_an_exit_code(
    changes: dict[str, Any], exited: bool
) -> None:
    assert node(**changes).exited is exited


@pytest.mark.parametrize("state", ["NODE_STATE_RUNNING", "running", "ACTIVE", "ready", "Up", "IN_PROGRESS"])
def test_node_in_any_state_under_way_is_ready(state: str) -> None:
    assert of(state=state)["nsml_ready"] is True


def test_address_of_a_node_that_cannot_be_reached_is_found_by_no_resolver() -> None:
    assert connection(of(host=None)) == UNREACHABLE
    assert connection(of(sshPort=0)) == UNREACHABLE
    assert (of(sshPort=0)["nsml_host"], of(sshPort=0)["nsml_ssh_port"]) == ("223.130.154.166", 0)


@pytest.mark.parametrize(
    ("project", "address"),
    [
        ("-oProxyCommand=x", "oProxyCommand-x-2-0.not-ready.invalid."),
        ("{{ x }} %h", "x-----h-2-0.not-ready.invalid."),
        ("노드", "2-0.not-ready.invalid."),
        ("a" * 300, "a" * 63 + ".not-ready.invalid."),
        ("a.b", "a-b-2-0.not-ready.invalid."),
    ],
)
def test_address_of_a_node_that_cannot_be_reached_is_safe_whatever_its_project_is_named(project: str, address: str) -> None:
    (found,) = nodes_of_run([row(host=None)], Run("id0", "2", project))
    assert connection(variables(found, "nsml_")) == {"ansible_host": address}


def test_exited_node_is_not_reached_where_a_node_that_has_not_exited_has_its_address_and_port() -> None:
    def connections(*listed: tuple[str, str, int]) -> dict[str, Any]:
        runs = [
            RunRows(Run("id0", str(number), "bert"), [row(nodeId=f"n{number}", state=state, host=host, sshPort=port)])
            for number, (state, host, port) in enumerate(listed)
        ]
        return {found.id: variables(found, "nsml_")["ansible_host"] for found in nodes_of_runs(runs)}

    own = "10.0.0.1"
    assert connections(("FAILED", own, 1), ("PENDING", own, 1))["n0"] == "bert-0-0.not-ready.invalid."
    assert connections(("FAILED", own, 1), ("PENDING", own, 1))["n1"] == own
    assert connections(("FAILED", own, 1), ("RUNNING", own, 2), ("RUNNING", "10.0.0.2", 1))["n0"] == own
    assert connections(("FAILED", own, 1), ("FAILED", own, 1)) == {"n0": own, "n1": own}


@pytest.mark.parametrize("host", ["10.0.0.7", "node-7.example.com", "a_b", "::1", "fe80::1", "7"])
def test_an_address_is_used(host: str) -> None:
    assert of(host=host)["ansible_host"] == host


def test_blanks_around_an_address_do_not_get_in() -> None:
    assert of(host=" 10.0.0.7\n")["ansible_host"] == "10.0.0.7"


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=touch /tmp/x",
        "-oProxyCommand",
        "%h",
        "fe80::1%eth0",
        "a b",
        "a\nb",
        "a\x00b",
        "root@10.0.0.7",
        "$(touch x)",
        "`x`",
        "a;b",
        "a/b",
        "{{ x }}",
        "[::1]",
        ".",
        "노드",
        "a" * 256,
        "",
        " ",
        None,
        0,
        7,
        True,
        ["10.0.0.7"],
        {"ip": "10.0.0.7"},
    ],
)
def test_a_host_that_is_not_a_safe_address_is_not_used(host: Any) -> None:
    assert connection(of(host=host)) == UNREACHABLE


@pytest.mark.parametrize(("sent", "port"), [(1, 1), (65535, 65535), ("15001", 15001), (15001.0, 15001)])
def test_a_port_is_used(sent: Any, port: int) -> None:
    used = of(sshPort=sent)["ansible_port"]

    assert (used, type(used)) == (port, int)


@pytest.mark.parametrize("sent", [0, -1, 65536, 10**30, "", "ssh", "22 -oX", 22.5, float("nan"), True, None, [22], {"port": 22}])
def test_a_port_outside_1_to_65535_is_not_used(sent: Any) -> None:
    assert connection(of(sshPort=sent)) == UNREACHABLE


@pytest.mark.parametrize(("sent", "exit_code"), [(-1, -1), (0, 0), ("137", 137), (None, None), ("killed", None)])
def test_an_exit_code_is_a_number_or_none(sent: Any, exit_code: int | None) -> None:
    assert node(exitCode=sent).exit_code == exit_code


NUMBERS = {"rank": "rank", "exitCode": "exit_code", "sshPort": "ssh_port"}
NO_NUMBERS = ["1; touch /tmp/x #", "$(id)", "NaN", 1.5, float("nan"), True, 10**400, [1], {"a": 1}]


@pytest.mark.parametrize(("field", "variable"), NUMBERS.items())
@pytest.mark.parametrize("sent", [0, -1, 137, "137", " 7 ", 3.0, *NO_NUMBERS, None, ""])
def test_a_variable_that_is_a_number_is_an_integer_or_null_and_what_was_sent_instead_has_a_name_of_its_own(
    field: str, variable: str, sent: Any
) -> None:
    made = of(**{field: sent})

    if sent in (None, ""):
        assert (made[f"nsml_{variable}"], f"nsml_{variable}_raw" in made) == (None, False)
    elif any(sent is odd for odd in NO_NUMBERS):
        assert made[f"nsml_{variable}"] is None
        assert str(made[f"nsml_{variable}_raw"]) == str(sent)
    else:
        assert (made[f"nsml_{variable}"], type(made[f"nsml_{variable}"])) == (int(sent), int)
        assert f"nsml_{variable}_raw" not in made


@pytest.mark.parametrize(
    ("sent", "ports", "raw"),
    [
        ([15002, "15003", 15004.0], [15002, 15003, 15004], False),
        ([], [], False),
        (None, None, False),
        ("", None, False),
        ([15002, "$(id)", None], [15002, None, None], True),
        ("15002,15003", None, True),
        ({"a": 15002}, None, True),
        (15002, None, True),
    ],
)
@pytest.mark.parametrize("spelling", ["tcpPorts", "tcpProts"])
def test_ports_are_integers_or_null_and_what_was_sent_instead_has_a_name_of_its_own(
    spelling: str, sent: Any, ports: Any, raw: bool
) -> None:
    bare = {key: value for key, value in row().items() if key != "tcpPorts"}
    made = variables(nodes_of_run([{**bare, spelling: sent}], RUN)[0], "nsml_")

    assert made["nsml_tcp_ports"] == ports
    assert made.get("nsml_tcp_ports_raw") == (sent if raw else None)


@pytest.mark.parametrize("key", ["Rank", "RANK", "ssh_port", "exit-code", "Tcp_Ports"])
def test_a_field_that_is_spelt_almost_like_a_number_takes_its_place_never(key: str) -> None:
    hostile = "$(id)"
    assert hostile not in of(**{key: hostile}).values()


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in ("nodeId", "tcpPorts")])
@pytest.mark.parametrize(
    "value", [None, "", 0, -1, 10**400, 1.5, True, [], {}, [[["x"]]], {"a": {"b": None}}, "노드", "\x00\x1b[2J\n"]
)
def test_an_odd_field_is_kept_as_sent_and_costs_nothing_else(field: str, value: Any) -> None:
    expected = {name: sent for name, sent in of().items() if name.startswith("nsml_")}
    snake = re.sub(r"([A-Z])", r"_\1", field).lower()

    found = of(**{field: value})

    if field not in NUMBERS:
        assert found[f"nsml_{snake}"] == value
    derived = {f"nsml_{snake}", "nsml_name", "nsml_ready"}
    assert {name: found[name] for name in expected.keys() - derived} == {
        name: expected[name] for name in expected.keys() - derived
    }


def test_a_row_with_nothing_but_an_id_is_a_host() -> None:
    (found,) = nodes_of_run([{"nodeId": "n0"}], Run("id0", "2"))

    assert variables(found, "nsml_") == {
        "nsml_node_id": "n0",
        "nsml_rank": None,
        "nsml_exit_code": None,
        "nsml_ssh_port": None,
        "nsml_tcp_ports": None,
        "nsml_name": "id0-2-n0",
        "nsml_world_size": 1,
        "nsml_holds_rank": True,
        "nsml_ready": False,
        "ansible_host": "id0-2-n0.not-ready.invalid.",
    }


@given(ODD_ROWS)
def test_a_host_stays_whatever_its_row_holds(odd: dict[str, Any]) -> None:
    (found,) = nodes_of_run([odd], RUN)

    made = variables(found, "nsml_")

    json.dumps(made, allow_nan=False, ensure_ascii=False).encode()
    assert all(re.fullmatch(r"nsml_[a-z0-9_]*|ansible_host|ansible_port", name) for name in made)
    assert made["nsml_name"] == found.name
    port = made.get("ansible_port", 1)
    assert isinstance(port, int)
    assert not isinstance(port, bool)
    assert 1 <= port <= 65535
    assert re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9._:-]*", made.get("ansible_host", "a"))


@pytest.mark.parametrize("name", ["tcpPorts", "tcpProts"])
def test_both_spellings_of_the_ports_are_read(name: str) -> None:
    bare = {key: value for key, value in row().items() if key != "tcpPorts"}
    (found,) = nodes_of_run([{**bare, name: [15002]}], RUN)

    made = variables(found, "nsml_")

    assert made["nsml_tcp_ports"] == [15002]
    assert "nsml_tcp_prots" not in made


def test_of_both_spellings_the_right_one_counts() -> None:
    assert of(tcpProts=[1], tcpPorts=[2])["nsml_tcp_ports"] == [2]


@pytest.mark.parametrize(
    ("field", "variable"),
    [
        ("hostRank", "nsml_host_rank"),
        ("gpuUUID", "nsml_gpu_uuid"),
        ("publicIPAddress", "nsml_public_ip_address"),
        ("ipv6Address", "nsml_ipv6_address"),
        ("already_snake", "nsml_already_snake"),
        ("odd-name.x y", "nsml_odd_name_x_y"),
        ("{{ x }}", "nsml____x___"),
        ("", "nsml_"),
        ("노드", "nsml___"),
    ],
)
def test_a_field_that_the_api_adds_becomes_a_variable_with_a_safe_name(field: str, variable: str) -> None:
    assert of(**{field: "new"})[variable] == "new"


@pytest.mark.parametrize(
    ("prefix", "field"),
    [("a", "nsible_ssh_common_args"), ("ansible", "_connection"), ("ans", "ible_become_exe")],
)
def test_no_field_becomes_a_variable_that_ansible_itself_reads(prefix: str, field: str) -> None:
    made = of(prefix, **{field: "evil"})

    assert "evil" not in made.values()
    assert connection(made).keys() == {"ansible_host", "ansible_port"}


def test_a_field_cannot_replace_what_is_derived() -> None:
    assert of(name="x", ready="x", worldSize="x", holdsRank="x") == of()


def test_a_prefix_is_put_before_all_but_how_to_connect() -> None:
    assert {name for name in of("x_") if not name.startswith("x_")} == {"ansible_host", "ansible_port"}


def test_what_is_nested_too_deep_is_cut_off_and_the_rest_kept() -> None:
    deep: Any = "bottom"
    for _level in range(900):
        deep = {"next": [deep]}

    made = of(labels=deep, other=[[["x"]]])

    assert "(nested too deep)" in json.dumps(made["nsml_labels"])
    assert made["nsml_other"] == [[["x"]]]


@pytest.mark.parametrize("around", [lambda inner: [inner], lambda inner: {"next": inner}])
def test_twenty_levels_are_kept(around: Callable[[Any], Any]) -> None:
    kept = reduce(lambda inner, _level: around(inner), range(20), "bottom")
    cut = reduce(lambda inner, _level: around(inner), range(20), "(nested too deep)")

    assert of(labels=kept)["nsml_labels"] == kept
    assert of(labels=around(kept))["nsml_labels"] == cut


@pytest.mark.parametrize("key", ["{{ 7*7 }}", "{% x %}", "{# x #}", "#jinja2:variable_start_string:'[['\n[[ 7*7 ]]"])
def test_no_key_of_a_nested_object_can_begin_a_template(key: str) -> None:
    (kept,) = of(labels={"a": [{key: 1}]})["nsml_labels"]["a"][0]

    assert not re.search(r"[{#]", kept)


def test_usual_keys_of_a_nested_object_are_kept() -> None:
    labels = {"app.kubernetes.io/name": "x", "a b": 1, "키": None, "": []}

    assert of(labels=labels)["nsml_labels"] == labels


@pytest.mark.parametrize("prefix", ["nsml_", "x", "_", "N0de_", "ansible", "my_ansible_"])
def test_a_prefix_that_makes_variable_names_is_taken(prefix: str) -> None:
    assert of(prefix)[f"{prefix}rank"] == 0


def test_variables_of_other_sources_whose_names_are_numbers_are_no_trouble() -> None:
    assert prefix_of({8080: "open", **of()}) == "nsml_"  # type: ignore[dict-item]


@pytest.mark.parametrize("prefix", ["nsml_", "n", "world_size_"])
def test_a_prefix_is_known_by_the_variables_that_it_made(prefix: str) -> None:
    (found,) = nodes_of_run([{"mpiWorldSize": 2, "bootNodeId": "b", "nodeId": "node0"}], RUN)
    made = {"slurm_world_size": 2, "slurm_node_id": 7, **variables(found, prefix)}
    assert prefix_of(made) == prefix
    for field in ("node_id", "name", "ready", "world_size"):
        assert prefix_of({name: value for name, value in made.items() if name != f"{prefix}{field}"}) is None


@pytest.mark.parametrize("spelled", ["node.example", "Node.EXAMPLE", "node.example."])
def test_an_exited_node_whose_address_another_has_in_another_spelling_is_superseded(spelled: str) -> None:
    listed = [row(nodeId="n0", state="FAILED", host="node.example"), row(nodeId="n1", host=spelled)]
    assert {found.id: found.is_superseded for found in nodes_of_runs([RunRows(RUN, listed)])} == {"n0": True, "n1": False}


@pytest.mark.parametrize(
    ("states", "wanted", "warnings"),
    [
        ([], {"running"}, []),
        (["running"], set(), []),
        (["running"], {"running"}, []),
        (["running"], {"running", "suspended"}, []),
        (["running", None], {"pending"}, ["No node matches 'states': pending. States of the nodes: none, running."]),
        (
            ["running"],
            {"runing"},
            [
                "No node matches 'states': runing. States of the nodes: running.",
                "No node is in the state 'runing' ('states'). Did you mean 'running'?",
            ],
        ),
        (["running"], {"running", "pendin"}, ["No node is in the state 'pendin' ('states'). Did you mean 'pending'?"]),
        (["odd\nstate"], {"odd"}, ["No node matches 'states': odd. States of the nodes: odd_state."]),
    ],
)
def test_states_without_a_node_are_warned_of_where_that_may_be_a_mistake(
    states: list[str | None], wanted: set[str], warnings: list[str]
) -> None:
    found = [row(nodeId=f"node{rank}", rank=rank, state=state) for rank, state in enumerate(states)]
    assert warnings_of_states(nodes_of_run(found, RUN), wanted) == warnings
