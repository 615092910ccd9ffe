# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The events that changes become, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.events import event_of, host_names
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownRuns, Reading, Watch, compare
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows

RUN = Run("abc123ygz0iujnxyz", "2", "bert", "RUN_STATE_IN_PROGRESS")
KEY = (RUN.project_id, RUN.name)
PENDING = {"nodeId": "n0", "projectName": "bert", "rank": 0, "state": "NODE_STATE_PENDING", "exitCode": -1, "host": None}
RUNNING = {**PENDING, "state": "NODE_STATE_RUNNING", "host": "198.51.100.7", "sshPort": 15001}
FAILED = {**PENDING, "state": "NODE_STATE_FAILED", "exitCode": 137}


def chosen(*rows: Mapping[str, Any], run: Run = RUN) -> Reading:
    return Reading([RunRows(run, rows)])


def events(*readings: Reading, known: KnownRuns | None = None) -> list[dict[str, Any]]:
    """Return the events of the last reading."""
    for reading in readings:
        known, changes = compare(known, reading, Watch(), host_names)
    return [event_of(change) for change in changes]


def test_an_event_of_a_node_has_its_fields_and_those_that_changed_as_they_were() -> None:
    (event,) = events(chosen(PENDING), chosen(RUNNING))
    assert event == {
        "nsml": {
            "change": "ready",
            "host": "bert-2-0",
            "node": {
                "name": "bert-2-0",
                "node_id": "n0",
                "project_name": "bert",
                "rank": 0,
                "state": "NODE_STATE_RUNNING",
                "exit_code": -1,
                "host": "198.51.100.7",
                "ssh_port": 15001,
                "tcp_ports": None,
                "holds_rank": True,
                "ready": True,
                "world_size": 1,
                "ansible_host": "198.51.100.7",
                "ansible_port": 15001,
            },
            "before": {
                "state": "NODE_STATE_PENDING",
                "host": None,
                "ssh_port": None,
                "ready": False,
                "ansible_host": "bert-2-0.not-ready.invalid.",
                "ansible_port": None,
            },
        },
        "meta": {"hosts": "bert-2-0"},
    }


def test_before_is_empty_for_a_node_never_seen() -> None:
    assert [event["nsml"]["before"] for event in events(chosen(RUNNING))] == [{}]


def test_an_exited_node_keeps_its_exit_code() -> None:
    (event,) = events(chosen(RUNNING), chosen(FAILED))
    assert (event["nsml"]["change"], event["nsml"]["node"]["exit_code"]) == ("exited", 137)


def test_a_node_that_is_gone_is_not_ready_and_has_the_reason() -> None:
    (event,) = events(chosen(RUNNING), chosen(), chosen())
    assert event["nsml"]["reason"] == "not_listed"
    assert event["nsml"]["before"] == {"ready": True, "exit_code": -1}
    assert (event["nsml"]["node"]["ready"], event["nsml"]["node"]["exit_code"]) == (False, None)


def test_a_node_whose_run_ended_has_the_exit_code_that_is_listed() -> None:
    ended = Run(*KEY, "bert", "RUN_STATE_COMPLETED")
    unlisted, over = events(chosen(RUNNING), chosen(run=ended))
    assert (unlisted["nsml"]["node"]["ready"], unlisted["nsml"]["node"]["exit_code"]) == (False, None)
    assert over["nsml"]["run"]["nodes"] == [{"name": "bert-2-0", "rank": 0, "exit_code": None}]
    left = Reading([RunRows(ended, [RUNNING | {"exitCode": 0}])], not_chosen=frozenset({KEY}))
    listed, over = events(chosen(RUNNING), left)
    assert (listed["nsml"]["node"]["ready"], listed["nsml"]["node"]["exit_code"]) == (False, 0)
    assert over["nsml"]["run"]["nodes"] == [{"name": "bert-2-0", "rank": 0, "exit_code": 0}]


def test_an_event_of_a_run_has_its_fields_and_its_nodes() -> None:
    restarted = [FAILED | {"nodeId": "n9"}, RUNNING, RUNNING | {"nodeId": "n1", "rank": 1, "sshPort": 15002}]
    (event,) = events(chosen(*restarted), chosen(*restarted))
    assert event == {
        "nsml": {
            "change": "run_ready",
            "run": {
                "project_id": RUN.project_id,
                "project_name": "bert",
                "run_name": "2",
                "status": "RUN_STATE_IN_PROGRESS",
                "world_size": 2,
                "nodes": [
                    {"name": "bert-2-0", "rank": 0, "exit_code": -1},
                    {"name": "bert-2-0-n9", "rank": 0, "exit_code": 137},
                    {"name": "bert-2-1", "rank": 1, "exit_code": -1},
                ],
            },
            "before": {},
        },
        "meta": {"hosts": ["bert-2-0", "bert-2-1"]},
    }


def test_the_end_of_a_run_has_its_status_and_the_one_before() -> None:
    *_nodes, event = events(chosen(RUNNING), chosen(FAILED, run=Run(*KEY, "bert", "RUN_STATE_FAILED")))
    assert event["nsml"]["change"] == "run_ended"
    assert event["nsml"]["run"]["status"] == "RUN_STATE_FAILED"
    assert event["nsml"]["before"] == {"status": "RUN_STATE_IN_PROGRESS"}


def test_a_run_that_is_ready_again_is_marked_again() -> None:
    other = [FAILED, RUNNING | {"nodeId": "n1"}]
    (event,) = events(chosen(RUNNING), chosen(RUNNING), chosen(*other), chosen(*other))
    assert (event["nsml"]["change"], event["nsml"]["again"]) == ("run_ready", True)


TEMPLATES = ["{{ 1 }}", "x {{", "{% raw %}", "{# no #}", "#jinja2:variable_start_string:'[['\n[[ 1 ]]"]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("hide", [lambda text: text, lambda text: ["a", {"b": [text]}], lambda text: {"a": {text: 1}}])
def test_a_field_that_could_be_a_template_is_left_out_and_named(template: str, hide: Any) -> None:
    (event,) = events(chosen(RUNNING | {"command": hide(template), "note": "plain"}))
    assert event["nsml"]["omitted"] == ["command"]
    assert "command" not in event["nsml"]["node"]
    assert event["nsml"]["node"]["note"] == "plain"


def test_a_field_of_a_run_that_could_be_a_template_is_left_out_and_named() -> None:
    begun, over = Run(*KEY, "{{ 1 }}", "{{ 2 }}"), Run(*KEY, "{{ 1 }}", "RUN_STATE_COMPLETED")
    *_nodes, event = events(chosen(RUNNING, run=begun), chosen(RUNNING, run=over))
    assert event["nsml"]["omitted"] == ["project_name"]
    assert event["nsml"]["run"]["status"] == "RUN_STATE_COMPLETED"
    assert event["nsml"]["before"] == {}


def test_each_node_without_a_rank_has_a_place_in_its_run() -> None:
    nodes = [RUNNING | {"nodeId": node_id, "rank": None} for node_id in ("a", "b")]
    (event,) = events(chosen(*nodes), chosen(*nodes))
    assert event["nsml"]["run"]["world_size"] == 2
    assert event["meta"] == {"hosts": ["bert-2-a", "bert-2-b"]}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_in_no_event_of_any_kind(template: str) -> None:
    """In every field of the API, as a field's name, and in what identifies a node, a run or a project."""
    run = Run(template, template, template, template)
    fields = dict.fromkeys(("projectName", "runName", "command", "createTime", template), template)
    pending = {"nodeId": template, "state": template, "rank": template, **fields}
    running = {**pending, "state": "NODE_STATE_RUNNING", "host": "198.51.100.7", "sshPort": 1}
    exited = {**pending, "exitCode": 1}
    known: KnownRuns | None = None
    kinds = set()
    for rows in ([pending], [running], [running], [pending], [pending | {"command": "x"}], [], [], [exited], [exited]):
        known, changes = compare(known, chosen(*rows, run=run), Watch(), host_names)
        for event in map(event_of, changes):
            kinds.add(event["nsml"]["change"])
            assert all(mark not in json.dumps(event) for mark in ("{{", "{%", "{#", '"#jinja2:')), event
    assert kinds == {"ready", "unready", "changed", "exited", "gone", "run_ready", "run_ended"}


def test_a_template_that_was_there_before_is_left_out_of_before() -> None:
    (event,) = events(chosen(PENDING | {"command": "{{ 1 }}"}), chosen(PENDING | {"command": "train"}))
    assert event["nsml"]["change"] == "changed"
    assert event["nsml"]["before"] == {}
    assert "omitted" not in event["nsml"]


@pytest.mark.parametrize("plain", ["{ {", "echo ${A}", "100%}", "a #jinja2:", "}}", "#jinja"])
def test_a_string_that_is_only_similar_to_a_template_stays(plain: str) -> None:
    (event,) = events(chosen(RUNNING | {"command": plain}))
    assert event["nsml"]["node"]["command"] == plain


def test_hosts_have_the_names_that_the_inventory_gives_them() -> None:
    run = Run("abc123ygz0iujnxyz", "2", "a project", None)
    (event,) = events(chosen(RUNNING, run=run))
    assert (event["nsml"]["host"], event["meta"]["hosts"]) == ("a_project-2-0", "a_project-2-0")
