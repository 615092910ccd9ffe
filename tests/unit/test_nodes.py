# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin, through Ansible's own inventory manager, loader and options; `responses` plays the API."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
import yaml
from ansible.plugins.loader import cache_loader

from ansible_collections.navercloud.nsml.plugins.inventory import nodes
from ansible_collections.navercloud.nsml.tests.unit.inventory import (
    PROJECT_ID,
    SMALLEST,
    URL,
    VENDOR_EXAMPLE,
    Loaded,
    load,
    load_sources,
    row,
    rows,
    serve,
    serve_nodes,
)

ENVIRONMENT = {
    "NCLOUD_ACCESS_KEY_ID": "accessKey0000000",
    "NCLOUD_SECRET_ACCESS_KEY": "secretKey0000000",
    "NCLOUD_NSML_API_KEY": "apiKey0000000000",
}


@pytest.fixture(autouse=True)
def _api() -> Iterator[None]:
    with responses.mock:
        yield


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def paths() -> list[str]:
    """The paths that were asked for, without the API's own."""
    return [urlsplit(str(call.request.url)).path.removeprefix("/nsml/v1") for call in responses.calls]


def header(name: str) -> str | bytes:
    """A header of the last request."""
    return responses.calls[-1].request.headers[name]


def refused(loaded: Loaded, *words: str) -> None:
    """Check for a clear error, and an inventory that stayed empty."""
    assert loaded.names == []
    assert "nsml" not in loaded.manager.groups
    assert "Traceback" not in loaded.printed
    for word in words:
        assert word in loaded.printed


# The file, and what becomes of it


def test_the_vendors_example_is_one_host(tmp_path: Path) -> None:
    serve_nodes([json.loads(VENDOR_EXAMPLE)])

    loaded = load(tmp_path, SMALLEST)

    assert loaded.printed == ""
    assert loaded.names == ["project-2-0"]
    variables = loaded.variables("project-2-0")
    assert variables["ansible_host"] == "223.130.154.166"
    assert variables["ansible_port"] == 15001
    assert variables["nsml_rank"] == 0
    assert loaded.groups() == {
        "nsml_project_project": ["project-2-0"],
        "nsml_run_project_2": ["project-2-0"],
        "nsml_state_running": ["project-2-0"],
        "nsml_rank_0": ["project-2-0"],
        "nsml_ready": ["project-2-0"],
    }


@pytest.mark.parametrize("name", ["nsml.yml", "nsml.yaml", "bert.nsml.yml", "bert_nsml.yaml", "inventory.yml", "bert.yaml"])
def test_a_yaml_file_that_names_the_plugin_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    serve_nodes([row()])
    (tmp_path / name).write_text(SMALLEST)

    assert load_sources([str(tmp_path / name)]).names == ["project-2-0"]


@pytest.mark.parametrize("name", ["nsml.json", "nsml.yml.bak", "NSML.YML", "nsml"])
def test_a_file_that_is_not_yaml_by_its_name_is_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SMALLEST)

    # Not by way of the plugin "auto", which shows this plugin YAML files alone.
    assert nodes.InventoryModule().verify_file(str(tmp_path / name)) is False


def test_vvv_shows_why_a_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text("all: {hosts: {navercloud.nsml.nodes: {}}}\n")
    plugin, printed = nodes.InventoryModule(), io.StringIO()
    vars(plugin.display).update(verbosity=3)

    try:
        with redirect_stdout(printed):
            assert plugin.verify_file(str(tmp_path / "hosts.yaml")) is False
    finally:
        vars(plugin.display).update(verbosity=0)

    words = f"Skipping {tmp_path}/hosts.yaml: not a YAML file with 'plugin: navercloud.nsml.nodes'"
    assert words in " ".join(printed.getvalue().split())


def test_a_file_that_is_not_there_is_not_taken(tmp_path: Path) -> None:
    assert nodes.InventoryModule().verify_file(str(tmp_path / "nsml.yml")) is False
    assert nodes.InventoryModule().verify_file(str(tmp_path / "other.yml")) is False


@pytest.mark.parametrize("text", ["- plugin: navercloud.nsml.nodes\n", "just a text\n", "plugin: [\n"])
def test_a_file_without_options_is_refused(tmp_path: Path, text: str) -> None:
    refused(load(tmp_path, text), "test.nsml.yml")


def test_an_odd_row_costs_no_other_host(tmp_path: Path) -> None:
    odd = [
        {"nodeId": "a"},
        row(nodeId="b", rank=None, host=None, sshPort="\x1c5", state=["x"]),
        row(nodeId="c", rank=float("nan"), labels={"\ud83d": [float("inf"), "노드", "\x1b[2J"]}),
        row(nodeId="d", rank=10**30, sshPort=-1, command="x" * 100_000, projectName={}),
    ]
    serve_nodes([*odd, row(nodeId="e", rank=0)])

    loaded = load(tmp_path, SMALLEST)

    assert sorted(loaded.variables(name)["nsml_node_id"] for name in loaded.names) == ["a", "b", "c", "d", "e"]
    assert loaded.names[0] == "project-2-0"


def test_a_run_without_nodes_is_an_empty_group(tmp_path: Path) -> None:
    serve_nodes([])

    loaded = load(tmp_path, SMALLEST)

    assert (loaded.names, loaded.members("nsml")) == ([], [])
    assert "Unable to parse" not in loaded.printed


def test_hosts_and_groups_come_in_order_of_project_run_and_rank(tmp_path: Path) -> None:
    serve_nodes(list(reversed(rows(3))), run="10")
    serve_nodes(list(reversed(rows(12))), run="2")

    loaded = load(tmp_path, SMALLEST.replace("run: 2", "run: [10, 2]"))

    expected = [f"project-2-{rank}" for rank in range(12)] + [f"project-10-{rank}" for rank in range(3)]
    assert loaded.names == loaded.members("nsml") == expected
    ranks = [name for name in loaded.groups() if name.startswith("nsml_rank_")]
    assert ranks == [f"nsml_rank_{rank}" for rank in range(12)]


def test_two_names_alike_take_the_node_id_with_one_warning(tmp_path: Path) -> None:
    serve_nodes([row(nodeId="a", rank=0), row(nodeId="b", rank=1)])
    alike = SMALLEST + "hostnames: [\"'project-2-0'\"]\n"

    loaded = load(tmp_path, alike)

    assert loaded.names == ["project-2-0-a", "project-2-0-b"]
    assert loaded.printed.count("added the node ID") == 1
    refused(load(tmp_path, alike + "strict: true\n"), "'project-2-0'", "strict")


@pytest.mark.parametrize(("options", "name"), [("", "project-2-0"), ("hostnames: [\"'rank-' ~ nsml_rank\"]\n", "rank-0")])
def test_a_restarted_rank_has_one_name_one_group_and_no_warning_under_strict(tmp_path: Path, options: str, name: str) -> None:
    ended = row(nodeId="a", state="NODE_STATE_FAILED", exitCode=137)
    for listed in ([ended, row(nodeId="b")], [row(nodeId="b"), ended]):
        serve_nodes(listed)

        loaded = load(tmp_path, f"{SMALLEST}{options}strict: true\n")

        assert (loaded.names, loaded.printed) == ([name, f"{name}-a"], "")
        assert loaded.members("nsml_rank_0") == loaded.members("nsml_ready") == [name]
        assert [loaded.variables(host)["nsml_holds_rank"] for host in loaded.names] == [True, False]
        assert loaded.variables(f"{name}-a")["ansible_host"] == "project-2-0-a.not-ready.invalid."
        assert "ansible_port" not in loaded.variables(f"{name}-a")
        assert loaded.variables(name)["nsml_world_size"] == 1
        responses.reset()


def test_a_host_of_another_source_that_connects_elsewhere_stays_as_it_is(tmp_path: Path) -> None:
    serve_nodes(rows(2))
    before = "project-2-0 ansible_host=10.9.9.9 ansible_password=x\nproject-2-1 role=gpu\n"

    loaded = load(tmp_path, SMALLEST, before=before)

    assert loaded.names == ["project-2-0", "project-2-1", "project-2-0-node0"]
    assert {"ansible_host": "10.9.9.9", "ansible_password": "x"}.items() <= loaded.variables("project-2-0").items()
    assert "nsml_node_id" not in loaded.variables("project-2-0")
    assert loaded.variables("project-2-1").items() >= {"role": "gpu", "nsml_node_id": "node1"}.items()
    assert "'project-2-0'" in loaded.printed
    strict = load(tmp_path, f"{SMALLEST}strict: true\n", before=before)
    assert strict.names == ["project-2-0", "project-2-1"]
    assert "Failed to parse" in strict.printed
    assert "'project-2-0'" in strict.printed


# Options, through Ansible's own machinery


@pytest.mark.parametrize(
    ("run", "asked"),
    [
        ("2", ["2"]),
        ('"2"', ["2"]),
        ("[1, '2']", ["1", "2"]),
        ("'1, 2'", ["1", "2"]),
        ("'{{ 1 + 1 }}'", ["2"]),
        ("['{{ 1 + 1 }}', 1]", ["2", "1"]),
    ],
)
def test_run_is_one_or_a_list_of_names_or_numbers(tmp_path: Path, run: str, asked: list[str]) -> None:
    for name in ("1", "2"):
        serve_nodes([row(nodeId=name)], run=name)

    loaded = load(tmp_path, SMALLEST.replace("run: 2", f"run: {run}"))

    assert loaded.printed == ""
    assert sorted(paths()) == sorted(f"/projects/{PROJECT_ID}/runs/{name}/nodes" for name in asked)


def test_run_may_mix_keywords_and_names(tmp_path: Path) -> None:
    run_list = [{"runName": name, "projectId": PROJECT_ID, "projectName": "bert", "status": "X"} for name in ("1", "2", "10")]
    serve("/projects/runs", {"runList": run_list})
    for name in ("2", "10"):
        serve_nodes([row(nodeId=name)], run=name)

    loaded = load(tmp_path, SMALLEST.replace("run: 2", "run: latest, 2"))

    assert loaded.names == ["bert-2-0", "bert-10-0"]


def test_run_left_out_is_every_run_in_progress(tmp_path: Path) -> None:
    states = {"1": "RUN_STATE_COMPLETED", "2": "RUN_STATE_IN_PROGRESS"}
    run_list = [
        {"runName": name, "projectId": PROJECT_ID, "projectName": "bert", "status": state} for name, state in states.items()
    ]
    serve("/projects/runs", {"runList": run_list})
    serve_nodes([row()])

    assert load(tmp_path, SMALLEST.replace("run: 2\n", "")).names == ["bert-2-0"]
    assert load(tmp_path, "plugin: navercloud.nsml.nodes\nretries: 0\n").names == ["bert-2-0"]


def test_project_and_run_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCLOUD_NSML_PROJECT", PROJECT_ID)
    monkeypatch.setenv("NCLOUD_NSML_RUN", "1, 2")
    serve_nodes([row(nodeId="a", rank=0)], run="1")
    serve_nodes([row(nodeId="b", rank=1)], run="2")

    assert load(tmp_path, "plugin: navercloud.nsml.nodes\nretries: 0\n").names == ["project-1-0", "project-2-1"]


@pytest.mark.parametrize(
    ("option", "variable", "sent_as"),
    [
        ("access_key", "NCLOUD_ACCESS_KEY_ID", "x-ncp-iam-access-key"),
        ("access_key", "NCLOUD_ACCESS_KEY", "x-ncp-iam-access-key"),
        ("api_key", "NCLOUD_NSML_API_KEY", "x-ncp-apigw-api-key"),
        ("api_key", "NCP_APIGW_API_KEY", "x-ncp-apigw-api-key"),
    ],
)
def test_a_key_comes_from_the_file_then_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, variable: str, sent_as: str
) -> None:
    for name in ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_NSML_API_KEY"):
        if name != variable and (name == "NCLOUD_NSML_API_KEY") == (option == "api_key"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(variable, "fromEnvironment")
    serve_nodes([row()])

    load(tmp_path, SMALLEST)
    assert header(sent_as) == "fromEnvironment"

    load(tmp_path, SMALLEST + f"{option}: fromFile\n")
    assert header(sent_as) == "fromFile"


@pytest.mark.parametrize(
    ("first", "second", "sent_as"),
    [
        ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_ACCESS_KEY", "x-ncp-iam-access-key"),
        ("NCLOUD_NSML_API_KEY", "NCP_APIGW_API_KEY", "x-ncp-apigw-api-key"),
    ],
)
def test_of_two_names_for_one_key_the_first_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, sent_as: str
) -> None:
    monkeypatch.setenv(first, "first")
    monkeypatch.setenv(second, "second")
    serve_nodes([row()])

    load(tmp_path, SMALLEST)
    assert header(sent_as) == "first"


@pytest.mark.parametrize("variable", ["NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_SECRET_KEY"])
def test_the_secret_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("NCLOUD_SECRET_ACCESS_KEY")
    monkeypatch.setenv(variable, "secretKey0000000")
    serve_nodes([row()])

    assert load(tmp_path, SMALLEST).names == ["project-2-0"]


def test_a_key_that_is_missing_names_the_option_the_environment_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NCLOUD_ACCESS_KEY_ID")

    refused(load(tmp_path, SMALLEST), "access_key", "NCLOUD_ACCESS_KEY_ID", "NCLOUD_ACCESS_KEY", "~/.ncloud/configure")


@pytest.mark.parametrize("variable", ["NCLOUD_ACCESS_KEY_ID", "NCLOUD_NSML_API_KEY"])
def test_a_value_from_the_environment_is_never_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "{{7*7}}")
    serve_nodes([row()])

    load(tmp_path, SMALLEST)

    assert "{{7*7}}" in responses.calls[-1].request.headers.values()


@pytest.mark.parametrize("variable", ["NCLOUD_NSML_PROJECT", "NCLOUD_NSML_RUN", "NCLOUD_NSML_API_URL", "NCLOUD_PROFILE"])
def test_what_the_environment_gives_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    marker = tmp_path / "marker"
    monkeypatch.setenv(variable, "{{ lookup('pipe', 'touch " + str(marker) + "') }}")
    given = {"NCLOUD_NSML_PROJECT": f"project: {PROJECT_ID}\n", "NCLOUD_NSML_RUN": "run: 2\n"}
    serve_nodes([row()])

    load(
        tmp_path,
        "plugin: navercloud.nsml.nodes\nretries: 0\n" + "".join(text for name, text in given.items() if name != variable),
    )

    assert not marker.exists()


def test_the_profile_of_the_file_beats_keys_of_the_environment(tmp_path: Path) -> None:
    configure = tmp_path / ".ncloud" / "configure"
    configure.parent.mkdir()
    configure.write_text("[team]\nncloud_access_key_id = profileKey000000\nncloud_secret_access_key = profileSecret000\n")
    configure.chmod(0o600)
    serve_nodes([row()])

    load(tmp_path, SMALLEST)
    assert header("x-ncp-iam-access-key") == ENVIRONMENT["NCLOUD_ACCESS_KEY_ID"]

    load(tmp_path, SMALLEST + "profile: team\n")
    assert header("x-ncp-iam-access-key") == "profileKey000000"


@pytest.mark.parametrize("name", ["project", "run", "access_key", "secret_key", "api_key", "profile"])
@pytest.mark.parametrize("value", ["", "''", "\"{{ nobody_set_this | default('') }}\""], ids=["null", "empty", "template"])
def test_an_option_of_the_file_that_comes_out_empty_is_an_error(tmp_path: Path, name: str, value: str) -> None:
    kept = "\n".join(line for line in SMALLEST.splitlines() if not line.startswith(f"{name}:"))
    refused(load(tmp_path, f"{kept}\n{name}: {value}\n"), f"'{name}' is empty. Set a value or remove the option.")
    assert len(responses.calls) == 0


@pytest.mark.parametrize("name", ["api_url", "ca_path", "cache_plugin", "cache_connection"])
@pytest.mark.parametrize("value", ["''", "' '", "\"{{ nobody_set_this | default('') }}\""], ids=["empty", "blank", "template"])
def test_an_option_that_is_an_empty_string_is_no_default(tmp_path: Path, name: str, value: str) -> None:
    refused(load(tmp_path, f"{SMALLEST}{name}: {value}\n"), f"'{name}' is empty. Set a value or remove the option.")
    assert len(responses.calls) == 0


@pytest.mark.parametrize("text", ["project: bert", "project: [bert, '']", "project: bert,"])
def test_an_empty_item_of_project_is_an_error(tmp_path: Path, text: str) -> None:
    serve("/projects", {"projects": []})
    word = "was not found" if text == "project: bert" else "'project' has an empty item"
    refused(load(tmp_path, f"plugin: navercloud.nsml.nodes\nretries: 0\nrun: 2\n{text}\n"), word)


@pytest.mark.parametrize(
    ("in_file", "in_environment"),
    [("project: [bert, gpt]\n", None), ("project: bert, p-gpt\n", None), ("", "bert,gpt")],
    ids=["list", "commas", "environment"],
)
def test_several_projects_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_file: str, in_environment: str | None
) -> None:
    if in_environment:
        monkeypatch.setenv("NCLOUD_NSML_PROJECT", in_environment)
    serve("/projects", {"projects": [{"projectId": f"p-{name}", "projectName": name} for name in ("bert", "gpt", "other")]})
    serve("/projects/runs", {"runList": [{"projectId": f"p-{name}", "runName": "2"} for name in ("bert", "gpt", "other")]})
    for name in ("bert", "gpt"):
        serve_nodes([row(projectName=name)], project=f"p-{name}")

    loaded = load(tmp_path, f"plugin: navercloud.nsml.nodes\nretries: 0\nrun: 2\n{in_file}")

    assert loaded.names == ["bert-2-0", "gpt-2-0"]


def test_an_empty_project_of_the_environment_is_a_warning_where_every_project_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_nodes([row()])
    serve("/projects/runs", {"runList": [{"projectId": PROJECT_ID, "runName": "2", "status": "RUNNING"}]})
    monkeypatch.setenv("NCLOUD_NSML_PROJECT", "")
    warning = "NCLOUD_NSML_PROJECT is empty, so the plugin reads every project"

    assert warning in load(tmp_path, "plugin: navercloud.nsml.nodes\nretries: 0\n").printed
    assert "is empty, so the plugin" not in load(tmp_path, SMALLEST).printed
    monkeypatch.delenv("NCLOUD_NSML_PROJECT")
    assert "is empty, so the plugin" not in load(tmp_path, "plugin: navercloud.nsml.nodes\nretries: 0\n").printed


@pytest.mark.parametrize("status", [200, 401])
def test_where_each_key_comes_from_is_shown_at_v_and_with_a_401(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.delenv("NCLOUD_NSML_API_KEY", raising=False)
    monkeypatch.setenv("NCP_APIGW_API_KEY", "otherApiKey00000")
    serve_nodes([row()])
    if status == 401:
        responses.replace("GET", f"{URL}/projects/{PROJECT_ID}/runs/2/nodes", json={"error": {"errorCode": "200"}}, status=401)
    origins = (
        "'access_key' from the inventory file; 'secret_key' from the environment variable NCLOUD_SECRET_ACCESS_KEY;"
        " 'api_key' from the environment variable NCP_APIGW_API_KEY"
    )

    text = SMALLEST + "access_key: accessKey0000000\n"
    printed = load(tmp_path, text, verbosity=1).printed
    assert f"Keys: {origins}" in printed
    assert (f"clock of this machine. Keys: {origins}." in printed) is (status == 401)
    assert not any(key in printed for key in ("accessKey0000000", "otherApiKey00000", ENVIRONMENT["NCLOUD_SECRET_ACCESS_KEY"]))
    assert ("Keys: " in load(tmp_path, text).printed) is (status == 401)


def test_an_empty_environment_variable_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROJECT", "RUN", "API_URL"):
        monkeypatch.setenv(f"NCLOUD_NSML_{name}", "")
    serve("/projects/runs", {"runList": [], "totalCount": 0})
    serve("/projects", {"projects": [], "totalCount": 0})

    loaded = load(tmp_path, "plugin: navercloud.nsml.nodes\nretries: 0\n")

    assert "No run matches 'run': active" in loaded.printed
    refused(load(tmp_path, SMALLEST.replace("run: 2", "run: ''")), "'run' is empty")


def test_an_empty_environment_variable_hides_no_other_of_the_same_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_nodes([row()])
    monkeypatch.setenv("NCLOUD_ACCESS_KEY_ID", "")
    monkeypatch.setenv("NCLOUD_ACCESS_KEY", "otherKey00000000")
    monkeypatch.setenv("NCLOUD_NSML_API_KEY", "")
    monkeypatch.setenv("NCP_APIGW_API_KEY", "otherApiKey00000")

    assert load(tmp_path, SMALLEST).names == ["project-2-0"]
    assert header("x-ncp-iam-access-key") == "otherKey00000000"
    assert header("x-ncp-apigw-api-key") == "otherApiKey00000"


def test_a_profile_of_the_environment_names_the_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("NCLOUD_PROFILE", "team")
    configure = tmp_path / ".ncloud" / "configure"
    configure.parent.mkdir()
    configure.write_text("[team]\nncloud_access_key_id = profileKey000000\nncloud_secret_access_key = profileSecret000\n")
    configure.chmod(0o600)
    serve_nodes([row()])

    load(tmp_path, SMALLEST)

    assert header("x-ncp-iam-access-key") == "profileKey000000"


def test_templates_of_the_file_see_extra_variables(tmp_path: Path) -> None:
    serve_nodes([row()])
    text = "plugin: navercloud.nsml.nodes\nproject: '{{ team }}'\nrun: ['{{ number }}']\naccess_key: '{{ key }}'\n"

    loaded = load(tmp_path, text, extra_vars=[f"team={PROJECT_ID}", "number=2", "key=fromExtraVars"])

    assert loaded.names == ["project-2-0"]
    assert header("x-ncp-iam-access-key") == "fromExtraVars"


def test_a_template_that_cannot_be_evaluated_is_a_clear_error(tmp_path: Path) -> None:
    refused(load(tmp_path, SMALLEST + "api_url: '{{ nobody_set_this }}'\n"), "nobody_set_this")


@pytest.mark.parametrize("option", ["api_key", "project", "wait_timeout"])
def test_variable_that_does_not_exist_yet_is_named_with_what_works(tmp_path: Path, option: str) -> None:
    others = "".join(line for line in SMALLEST.splitlines(keepends=True) if not line.startswith(f"{option}:"))
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("nsml_value: KEYTEXT\n")

    loaded = load(tmp_path, f"{others}{option}: '{{{{ nsml_value }}}}'\n")

    refused(loaded, f"Cannot evaluate the template in '{option}': the variable 'nsml_value' is undefined.")
    assert "Group and host variables do not exist yet when Ansible reads an inventory. Use an extra variable" in loaded.printed


OPTIONS_READ_ONCE = sorted(
    set(yaml.safe_load(nodes.DOCUMENTATION)["options"]) - {"plugin", "filters", "hostnames"}
    | {"strict", "cache", "cache_timeout"}
)


@pytest.mark.parametrize("option", OPTIONS_READ_ONCE)
def test_option_that_is_read_once_may_be_a_template_checked_after_evaluation(tmp_path: Path, option: str) -> None:
    others = "".join(line for line in SMALLEST.splitlines(keepends=True) if not line.startswith(f"{option}:"))

    loaded = load(
        tmp_path, f"{others}{option}: '{{{{ value_of_the_option }}}}'\n", extra_vars=['{"value_of_the_option": {"a": 1}}']
    )

    assert re.search(f"(Invalid value for '{option}'|^{option} |{option} holds)", loaded.printed)
    assert loaded.names == []


def test_template_may_make_a_list_a_number_and_a_boolean(tmp_path: Path) -> None:
    serve_nodes([row()])
    variables = ['{"some_states": ["running", "pending"], "size": 7, "checks": false, "kinds": ["rank"]}']
    text = (
        "states: '{{ some_states }}'\npage_size: '{{ size }}'\nvalidate_certs: '{{ checks }}'\ngroup_by: '{{ kinds }}'\n"
        "hostvars_prefix: '{{ \"n_\" }}'\n"
    )

    loaded = load(tmp_path, SMALLEST + text, extra_vars=variables)

    assert list(loaded.groups()) == ["nsml_rank_0", "nsml_ready"]
    assert loaded.variables("project-2-0")["n_rank"] == 0
    assert "'validate_certs' is false" in loaded.printed
    assert parse_qs(urlsplit(str(responses.calls[0].request.url)).query)["pageSize"] == ["7"]


def test_vaulted_keys_are_read(tmp_path: Path) -> None:
    # The commands as users run them: what they make of a vault differs between versions of ansible-core.
    (tmp_path / "password").write_text("vault password\n")
    vaulted = subprocess.run(
        ["ansible-vault", "encrypt_string", "--vault-password-file", "password", "--name", "api_key", "apiKey0000000000"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (tmp_path / "test.nsml.yml").write_text(f"{SMALLEST}api_url: http://127.0.0.1:1/\nretries: 0\n{vaulted}")
    environment = {name: value for name, value in os.environ.items() if name != "NCLOUD_NSML_API_KEY"}

    def list_with(*options: str) -> str:
        command = ["ansible-inventory", "-i", "test.nsml.yml", "--list", *options]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return " ".join(done.stderr.split())

    # With its key it comes as far as the network, where nobody listens.
    assert "Cannot read the nodes of run 2" in list_with("--vault-password-file", "password")
    assert "Cannot read the nodes of run 2" not in list_with()


def test_page_size_and_address_are_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCLOUD_NSML_API_URL", "https://other.example.com/nsml/v1")
    responses.get(
        f"https://other.example.com/nsml/v1/projects/{PROJECT_ID}/runs/2/nodes", json={"nodes": [row()], "totalCount": 1}
    )

    assert load(tmp_path, SMALLEST + "page_size: 7\n").names == ["project-2-0"]
    assert parse_qs(urlsplit(str(responses.calls[0].request.url)).query)["pageSize"] == ["7"]


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("page_size: many", "Invalid value for 'page_size': 'many'. The value must be an integer, for example page_size: 100"),
        ("page_size: 0", "page_size"),
        (
            "wait_timeout: 10m",
            "Invalid value for 'wait_timeout': '10m'. The value must be an integer, for example wait_timeout: 600",
        ),
        ("filters: {a: b}", "Invalid value for 'filters': a dictionary. The value must be a list"),
        ("cache_timeout: 0.5", "Invalid value for 'cache_timeout': 0.5. The value must be an integer"),
        ("strict: treu", "Invalid value for 'strict': 'treu'. The value must be true or false"),
        ("page_size: true", "Invalid value for 'page_size': True. The value must be an integer, for example page_size: 100"),
        ("timeout: false", "Invalid value for 'timeout': False. The value must be a number, for example timeout: 10"),
        ("wait_nodes: yes", "Invalid value for 'wait_nodes': True. The value must be an integer"),
        ("concurrency: [1]", "concurrency"),
        ("timeout: soon", "timeout"),
        ("timeout: .nan", "timeout"),
        ("retries: -1", "retries"),
        ("deadline: 0", "deadline"),
        ("ca_path: /does/not/exist", "ca_path"),
        ("states: {a: b}", "states"),
        ("filters: [1]", "filters"),
        ("hostnames: [[x]]", "hostnames"),
        ("hostvars_prefix: a-b", "hostvars_prefix"),
        ("hostvars_prefix: ansible_", "hostvars_prefix"),
        ("group_by: [runs]", "group_by"),
        ("group_by: [rank, 5]", "group_by"),
        ("compose: [x]", "Invalid value for 'compose': a list. The value must be a dictionary"),
        ("groups: x", "groups"),
        ("compose: {a-b: '1'}", "Invalid variable name in 'compose': 'a-b'."),
        ("compose: {a-b: [1]}", "Invalid variable name in 'compose': 'a-b'."),
        ("compose: {1: nsml_rank}", "Invalid variable name in 'compose': '1'."),
        ("groups: {g: [nsml_ready]}", "Invalid value for 'g' in 'groups': ['nsml_ready']."),
        ("keyed_groups: x", "keyed_groups"),
        ("keyed_groups: [x]", "keyed_groups"),
        (
            "keyed_groups: [{key: nsml_rank, prefx: r}]",
            "Unknown key 'prefx' in an item of 'keyed_groups'. Did you mean 'prefix'?",
        ),
        ("keyed_groups: [{prefix: r}]", "Invalid 'key' in an item of 'keyed_groups': no value."),
        ("keyed_groups: [{key: [nsml_rank]}]", "Invalid 'key' in an item of 'keyed_groups': ['nsml_rank']."),
        ("keyed_groups: [{key: nsml_rank, default_value: x, trailing_separator: false}]", "both 'default_value' and"),
        ("run: true", "run"),
        ("run: {a: b}", "run"),
        ("run: []", "run"),
        ("project: [[a]]", "Invalid value for 'project'"),
        ("api_url: ftp://x/", "api_url"),
        ("projct: bert", "Did you mean 'project'?"),
        ("whatever: 1", "'whatever'"),
        ("1: 2", "'1'"),
    ],
)
def test_a_wrong_option_is_a_clear_error(tmp_path: Path, option: str, word: str) -> None:
    serve_nodes([row()])
    name = option.split(":", maxsplit=1)[0]
    kept = "\n".join(line for line in SMALLEST.splitlines() if not line.startswith(f"{name}:"))

    loaded = load(tmp_path, f"{kept}\n{option}\n")

    refused(loaded, word)
    assert "Config " not in loaded.printed
    assert not any(
        kind in loaded.printed for kind in ("TypeError", "object has no attribute", "not supported between", "KeyError")
    )


@pytest.mark.parametrize(
    "name",
    sorted(
        set(yaml.safe_load(nodes.DOCUMENTATION)["options"])
        - {"plugin", "project", "run", "access_key", "secret_key", "api_key", "profile"}
    ),
)
def test_an_option_without_a_value_is_as_if_left_out(tmp_path: Path, name: str) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, SMALLEST + f"{name}:\n")

    assert loaded.names == ["project-2-0"]
    assert "nsml_rank" in loaded.variables("project-2-0")


# The cache


FILES = "cache: true\ncache_plugin: ansible.builtin.jsonfile\n"


def test_a_cache_in_memory_alone_is_a_line_at_v(tmp_path: Path) -> None:
    serve_nodes([row()])
    line = "The cache 'memory' ends with this command. To keep the nodes for later commands, set 'cache_plugin'"
    assert line in load(tmp_path, SMALLEST + "cache: true\n", verbosity=1).printed
    assert line not in load(tmp_path, SMALLEST + "cache: true\n").printed
    kept = load(tmp_path, f"{SMALLEST}{FILES}cache_connection: {tmp_path}/cache\n", verbosity=1)
    assert "ends with this command" not in kept.printed
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_plugin_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    serve_nodes([row()])
    for name in ("jsonfil", "community.nowhere.redis"):
        loaded = load(tmp_path, f"{SMALLEST}cache: true\ncache_plugin: {name}\n")
        refused(loaded, f"The cache plugin '{name}' was not found. Check 'cache_plugin'.")


def test_a_cache_plugin_without_its_connection_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    serve_nodes([row()])
    loaded = load(tmp_path, SMALLEST + FILES)
    refused(loaded, "The cache plugin 'ansible.builtin.jsonfile' needs 'cache_connection'.")
    assert "_uri" not in loaded.printed


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_cache_that_cannot_be_opened_costs_one_warning_that_names_it_and_no_host(tmp_path: Path, place: str) -> None:
    serve_nodes([row()])
    (tmp_path / "file").write_text("")

    loaded = load(tmp_path, f"{SMALLEST}{FILES}cache_connection: {tmp_path}/{place}\n")

    assert loaded.names == ["project-2-0"]
    assert loaded.printed.count("[WARNING]") == 1
    assert "Cannot open the cache 'ansible.builtin.jsonfile': " in loaded.printed
    assert "Listing the nodes without the cache." in loaded.printed


DOWN = """
import os
from ansible.plugins.cache import BaseCacheModule

DOCUMENTATION = '{name: down, short_description: x, options: {_timeout: {type: int}, _prefix: {type: str}, _uri: {type: str}}}'


def fail(action):
    if os.environ['CACHE_FAILS'] == action:
        raise ConnectionError('Error 111 connecting to cache:6379.')


class CacheModule(BaseCacheModule):
    def contains(self, key):
        fail('contains')
        return False

    def set(self, key, value):
        fail('set')

    get = keys = delete = flush = copy = lambda self, *_arguments: None
"""


@pytest.fixture
def cache_server(tmp_path: Path) -> Iterator[None]:
    """Have a cache plugin whose server is down."""
    directory = tmp_path / "plugins"
    directory.mkdir()
    (directory / "down.py").write_text(DOWN)
    cache_loader.add_directory(str(directory))
    yield
    cache_loader._extra_dirs.remove(str(directory))
    cache_loader._paths = None
    cache_loader._plugin_path_cache.clear()


@pytest.mark.usefixtures("cache_server")
@pytest.mark.parametrize(("action", "word"), [("contains", "read"), ("set", "write")])
def test_a_cache_whose_server_is_down_costs_one_warning_that_names_it_and_no_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, word: str
) -> None:
    serve_nodes([row()])
    monkeypatch.setenv("CACHE_FAILS", action)

    loaded = load(tmp_path, f"{SMALLEST}cache: true\ncache_plugin: down\n")

    assert loaded.names == ["project-2-0"]
    assert loaded.printed.count("[WARNING]") == 1
    assert f"Cannot {word} the cache 'down': Error 111 connecting to cache:6379." in loaded.printed
    assert "Failed to parse" not in loaded.printed


# What is kept, how it is called, and which groups it is in


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("states: [running]", ["project-2-0", "project-2-2"]),
        ("states: [NODE_STATE_RUNNING]", ["project-2-0", "project-2-2"]),
        ("states: running", ["project-2-0", "project-2-2"]),
        ("states: [Pending, running]", ["project-2-0", "project-2-1", "project-2-2"]),
        ("states: [gone]", []),
        ("filters: [nsml_rank > 0]", ["project-2-1", "project-2-2"]),
        ("filters: [nsml_rank > 0, nsml_ready]", ["project-2-2"]),
        ("filters: [\"nsml_state == 'NODE_STATE_PENDING'\"]", ["project-2-1"]),
        ("filters: ['false']", []),
        ("states: [running]\nfilters: [nsml_rank == 0]", ["project-2-0"]),
    ],
)
def test_only_the_nodes_asked_for_are_kept(tmp_path: Path, option: str, names: list[str]) -> None:
    found = rows(3)
    found[1]["state"] = "NODE_STATE_PENDING"
    serve_nodes(found)

    loaded = load(tmp_path, f"{SMALLEST}{option}\n")

    assert loaded.names == names
    assert all(loaded.variables(name)["nsml_world_size"] == 3 for name in names)


def test_states_that_keep_no_node_are_warned_of_with_those_there_are(tmp_path: Path) -> None:
    serve_nodes([row(), row(nodeId="b", rank=1, state=None)])

    loaded = load(tmp_path, SMALLEST + "states: [runing]\n")

    assert loaded.names == []
    assert "No node matches 'states': runing. States of the nodes: none, running." in loaded.printed
    assert "states" not in load(tmp_path, SMALLEST + "states: [running]\n").printed


@pytest.mark.parametrize("others", ["", ", pending"])
def test_misspelt_state_is_reported_with_the_nearest_one(tmp_path: Path, others: str) -> None:
    serve_nodes([row(), row(nodeId="b", rank=1, state="NODE_STATE_PENDING")])

    loaded = load(tmp_path, f"{SMALLEST}states: [runing{others}]\n")

    assert "No node is in the state 'runing' ('states'). Did you mean 'running'?" in loaded.printed


def test_state_that_no_node_is_in_is_not_reported_among_others(tmp_path: Path) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, f"{SMALLEST}states: [running, pending, suspended]\n")

    assert "WARNING" not in loaded.printed


def test_a_node_that_a_filter_fails_for_is_left_out_with_a_warning_or_an_error(tmp_path: Path) -> None:
    serve_nodes([row(nodeId="a", labels={"x": 1}), row(nodeId="b", rank=1)])
    text = SMALLEST + "filters: [nsml_labels.x == 1]\n"

    loaded = load(tmp_path, text)

    assert loaded.names == ["project-2-0"]
    assert "Skipped 1 node because a filter could not be evaluated. First: project-2-1: 'nsml_labels.x == 1':" in loaded.printed
    refused(load(tmp_path, text + "strict: true\n"), "expression in 'filters' for project-2-1", "nsml_labels")


def test_a_warning_cannot_be_made_to_control_the_terminal(tmp_path: Path) -> None:
    serve_nodes([row(projectName="a\x1b[2Jb")])

    for strict in ("false", "true"):
        printed = load(
            tmp_path, f"{SMALLEST}filters: [nsml_missing.x == 1]\nhostnames: [nsml_missing.x]\nstrict: {strict}\n"
        ).printed
        assert "filter" in printed
        assert "\x1b" not in printed


@pytest.mark.parametrize(
    ("hostnames", "names"),
    [
        ("[nsml_node_id]", ["node0", "node1"]),
        ("[nsml_command, nsml_node_id]", ["node0", "node1"]),
        ("[nsml_missing, nsml_node_id]", ["node0", "node1"]),
        ("[\"'rank-' ~ nsml_rank\"]", ["rank-0", "rank-1"]),
        ("[nsml_rank]", ["0", "1"]),
        ("[ansible_host, nsml_name]", ["223.130.154.166-node0", "223.130.154.166-node1"]),
        ("[nsml_command]", ["project-2-0", "project-2-1"]),
        ("nsml_node_id", ["node0", "node1"]),
    ],
)
def test_the_first_hostname_that_is_not_empty_is_the_name(tmp_path: Path, hostnames: str, names: list[str]) -> None:
    serve_nodes(rows(2))

    assert load(tmp_path, f"{SMALLEST}hostnames: {hostnames}\n").names == names


def test_a_hostname_that_cannot_be_evaluated_is_an_error_under_strict(tmp_path: Path) -> None:
    serve_nodes([row()])

    refused(
        load(tmp_path, SMALLEST + "hostnames: [nsml_missing]\nstrict: true\n"),
        "expression in 'hostnames' for project-2-0",
        "nsml_missing",
    )


@pytest.mark.parametrize("prefix", ["x_", "nsml2_"])
def test_the_prefix_changes_variables_but_not_groups_nor_names(tmp_path: Path, prefix: str) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, f"{SMALLEST}hostvars_prefix: {prefix}\n")

    assert loaded.names == ["project-2-0"]
    assert loaded.variables("project-2-0")[f"{prefix}rank"] == 0
    assert not [name for name in loaded.variables("project-2-0") if name.startswith("nsml_")]
    assert "nsml_rank_0" in loaded.groups()


def test_a_field_of_a_strange_name_never_becomes_a_variable_of_ansible(tmp_path: Path) -> None:
    serve_nodes([row(ansible_connection="local", nsible_connection="local", **{"ansible-become-exe": "evil"})])

    for prefix in ("nsml_", "a"):
        variables = load(tmp_path, f"{SMALLEST}hostvars_prefix: {prefix}\n").variables("project-2-0")
        assert {name for name in variables if name.startswith("ansible_")} == {"ansible_host", "ansible_port"}


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ("[]", ["nsml_ready"]),
        ("[rank]", ["nsml_rank_0", "nsml_ready"]),
        ("project, state", ["nsml_project_project", "nsml_state_running", "nsml_ready"]),
    ],
)
def test_only_the_groups_asked_for_are_made(tmp_path: Path, group_by: str, groups: list[str]) -> None:
    serve_nodes([row()])

    assert list(load(tmp_path, f"{SMALLEST}group_by: {group_by}\n").groups()) == groups


def test_two_projects_of_one_name_share_no_group(tmp_path: Path) -> None:
    ids = ["abc123ygz0iujnxy1", "abc123ygz0iujnxy2"]
    run_list = [{"runName": "1", "projectId": project, "projectName": "same", "status": "X"} for project in ids]
    serve("/projects/runs", {"runList": run_list})
    for rank, project in enumerate(ids):
        serve_nodes([row(nodeId=project, rank=rank)], run="1", project=project)
    text = "plugin: navercloud.nsml.nodes\nrun: all\nretries: 0\n"

    loaded = load(tmp_path, text)

    shared = [members for group, members in loaded.groups().items() if group.startswith(("nsml_project_", "nsml_run_"))]
    assert sorted(shared) == [["same-1-0"]] * 2 + [["same-1-1"]] * 2
    assert "nsml_project_same, nsml_run_same_1" in loaded.printed
    refused(load(tmp_path, text + "strict: true\n"), "nsml_project_same")


def test_compose_groups_and_keyed_groups_work_as_everywhere(tmp_path: Path) -> None:
    serve_nodes(rows(2))
    text = """
compose:
  ansible_user: "'ubuntu'"
  double: nsml_ssh_port ~ ''
groups:
  leaders: nsml_rank == 0
keyed_groups:
  - key: nsml_resource_type
    prefix: resource
  - key: nsml_rank ~ ''
    parent_group: parents
    separator: ""
    prefix: n
"""

    loaded = load(tmp_path, SMALLEST + text)

    assert loaded.variables("project-2-1")["ansible_user"] == "ubuntu"
    assert str(loaded.variables("project-2-1")["double"]) == "15002"
    assert loaded.members("leaders") == ["project-2-0"]
    assert loaded.members("resource__Notebook__4vCPU__16GB_Mem") == ["project-2-0", "project-2-1"]
    assert loaded.members("parents") == ["project-2-0", "project-2-1"]
    assert loaded.members("n1") == ["project-2-1"]


def test_a_number_is_the_key_of_a_group_too(tmp_path: Path) -> None:
    serve_nodes(rows(2))

    loaded = load(tmp_path, SMALLEST + "strict: true\nkeyed_groups: [{key: nsml_rank, prefix: r}, {key: nsml_rank + 7}]\n")

    assert loaded.members("r_0") == ["project-2-0"]
    assert loaded.members("_8") == ["project-2-1"]


@pytest.mark.parametrize("value", ["", [""], [None, {}], [[]], {"": ""}, 0, False, 1.5, "노드", "{{ x }}", ["a", 1]])
def test_no_value_as_the_key_of_a_group_costs_the_other_nodes(tmp_path: Path, value: object) -> None:
    serve_nodes([row(odd=value), row(nodeId="b", rank=1, odd="fine")])

    text = "leading_separator: false\nkeyed_groups: [{key: nsml_odd}, {key: nsml_odd, separator: ''}]\n"
    loaded = load(tmp_path, SMALLEST + text)

    assert loaded.names == ["project-2-0", "project-2-1"]
    assert loaded.members("fine") == ["project-2-1"]
    assert all(re.fullmatch(r"\w+", name) for name in loaded.manager.groups)


@pytest.mark.parametrize("more", ["", "filters: [nsml_rank >= 0]\n", "strict: true\n"])
def test_the_parent_of_a_keyed_group_comes_from_the_same_host(tmp_path: Path, more: str) -> None:
    serve_nodes([row(nodeId=str(rank), rank=rank, kind=f"k{rank}", zone=f"z{rank}") for rank in range(3)])
    text = "keyed_groups: [{key: nsml_kind, prefix: t, parent_group: \"{{ 'in_' ~ nsml_zone }}\"}]\n"

    loaded = load(tmp_path, SMALLEST + more + text)

    for rank in range(3):
        assert [group.name for group in loaded.manager.groups[f"in_z{rank}"].child_groups] == [f"t_k{rank}"]


@pytest.mark.parametrize("option", ["compose: {x: EXPRESSION}", "filters: [EXPRESSION]", "hostnames: [EXPRESSION]"])
@pytest.mark.parametrize(("expression", "value"), [("'a' is match(nsml_odd)", "("), ("(nsml_odd | from_yaml) == 'a'", "{[}:")])
def test_a_value_that_an_expression_stumbles_over_costs_no_other_node(
    tmp_path: Path, option: str, expression: str, value: str
) -> None:
    serve_nodes([row(nodeId="odd", odd=value), row(nodeId="b", rank=1, odd="a")])

    loaded = load(tmp_path, f"{SMALLEST}{option}\n".replace("EXPRESSION", f'"{expression}"'))

    assert any(host.vars["nsml_node_id"] == "b" for host in loaded.manager.hosts.values())


@pytest.mark.parametrize("key", ["nsml_state", "(nsml_state)"])
def test_extra_variables_reach_the_parent_group_whatever_the_key_is(tmp_path: Path, key: str) -> None:
    serve_nodes([row()])
    text = f"use_extra_vars: true\nkeyed_groups: [{{key: {key}, prefix: s, parent_group: '{{{{ mine }}}}'}}]\n"

    loaded = load(tmp_path, SMALLEST + text, extra_vars=["mine=top"])

    assert [group.name for group in loaded.manager.groups["top"].child_groups] == ["s_NODE_STATE_RUNNING"]


def test_extra_variables_reach_filters(tmp_path: Path) -> None:
    serve_nodes(rows(3))

    loaded = load(tmp_path, f"{SMALLEST}use_extra_vars: true\nfilters: [nsml_rank < most | int]\n", extra_vars=["most=2"])

    assert loaded.names == ["project-2-0", "project-2-1"]


@pytest.mark.parametrize("key", ["nsml_host", "(nsml_host)"])
def test_a_key_that_is_null_is_in_the_default_group(tmp_path: Path, key: str) -> None:
    serve_nodes([row(host=None)])

    loaded = load(tmp_path, f"{SMALLEST}keyed_groups: [{{key: {key}, prefix: at, default_value: nowhere}}]\n")

    assert loaded.members("at_nowhere") == ["project-2-0"]


@pytest.mark.parametrize("value", [5, 1.5, True, None, [1, "nsml_rank"], {"a": 1}])
def test_a_value_to_compose_that_is_no_text_is_meant_as_it_is(tmp_path: Path, value: object) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, f"{SMALLEST}strict: true\ncompose: {{x: {json.dumps(value)}}}\n")

    assert loaded.variables("project-2-0")["x"] == value


def test_a_number_may_be_the_name_of_a_group(tmp_path: Path) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, f"{SMALLEST}groups: {{12: nsml_ready}}\nkeyed_groups: [{{key: nsml_state, parent_group: 34}}]\n")

    assert loaded.members("_2") == ["project-2-0"]
    assert loaded.members("_4") == ["project-2-0"]


def test_groups_and_keyed_groups_see_what_was_composed(tmp_path: Path) -> None:
    serve_nodes(rows(2))
    text = "compose: {half: nsml_rank % 2}\ngroups: {odd: half | int == 1}\nkeyed_groups: [{key: half, prefix: half}]\n"

    loaded = load(tmp_path, SMALLEST + text)

    assert loaded.members("odd") == loaded.members("half_1") == ["project-2-1"]


def test_expressions_see_what_ansible_itself_gives_a_host(tmp_path: Path) -> None:
    serve_nodes([row()])
    names = ("inventory_hostname", "inventory_hostname_short", "inventory_file", "inventory_dir", "group_names")
    text = "hostnames: [\"'a.b'\"]\ncompose:\n" + "".join(f"  my_{name}: {name}\n" for name in names)

    loaded = load(tmp_path, SMALLEST + text)

    host = loaded.manager.hosts["a.b"]
    expected = {**host.vars, **host.get_magic_vars()}
    assert {name: host.vars[f"my_{name}"] for name in names} == {name: expected[name] for name in names}


def test_the_value_of_a_variables_mere_name_is_as_sent(tmp_path: Path) -> None:
    odd = {"list": [1, "a"], "none": None, "like_list": "[1]", "like_bool": "True", "number": 7, "object": {"a": 1}}
    serve_nodes([row(**odd)])

    loaded = load(tmp_path, SMALLEST + "compose:\n" + "".join(f"  my_{name}: nsml_{name}\n" for name in odd))

    assert {name: loaded.variables("project-2-0")[f"my_{name}"] for name in odd} == odd


def test_compose_sees_extra_variables_with_use_extra_vars(tmp_path: Path) -> None:
    serve_nodes([row()])
    text = SMALLEST + "compose: {x: extra}\n"

    assert "x" not in load(tmp_path, text, extra_vars=["extra=1"]).variables("project-2-0")
    assert load(tmp_path, text + "use_extra_vars: true\n", extra_vars=["extra=y"]).variables("project-2-0")["x"] == "y"


@pytest.mark.parametrize(("is_used", "value"), [("true", "extra"), ("false", "NODE_STATE_RUNNING")])
def test_an_extra_variable_replaces_one_of_the_host_only_with_use_extra_vars(tmp_path: Path, is_used: str, value: str) -> None:
    serve_nodes([row()])
    text = f"{SMALLEST}compose: {{x: nsml_state}}\nuse_extra_vars: {is_used}\n"

    assert load(tmp_path, text, extra_vars=["nsml_state=extra"]).variables("project-2-0")["x"] == value


FAILING = [
    ("compose: {x: EXPRESSION}", "compose"),
    ("groups: {g: EXPRESSION}", "groups"),
    ("keyed_groups: [{key: EXPRESSION}]", "keyed_groups"),
    ("hostnames: [EXPRESSION]", "hostnames"),
]


@pytest.mark.parametrize(("text", "option"), FAILING)
def test_an_expression_that_fails_on_every_node_is_reported_once(tmp_path: Path, text: str, option: str) -> None:
    serve_nodes(rows(3))

    loaded = load(tmp_path, f"{SMALLEST}{text}\n".replace("EXPRESSION", "root"))

    assert loaded.names == ["project-2-0", "project-2-1", "project-2-2"]
    assert "x" not in loaded.variables("project-2-0")
    assert "g" not in loaded.manager.groups
    assert loaded.printed.count("[WARNING]") == 1
    assert f"expression in '{option}' for any node. First: project-2-0: " in loaded.printed
    # A condition is not a string.
    assert ("""'root' is undefined. Put a literal string in two pairs of quotes: "'root'".""" in loaded.printed) is (
        option != "groups"
    )
    assert loaded.printed.rstrip().endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "compose: {x: nsml_resource}",
        "groups: {g: nsml_resource == 'x'}",
        "keyed_groups: [{key: nsml_resource}]",
        "hostnames: [nsml_resource]",
        "filters: [nsml_resource == 'x']",
        "compose: {x: nsml_resource}\nstrict: true",
    ],
)
def test_misspelt_variable_is_reported_with_the_nearest_one(tmp_path: Path, text: str) -> None:
    serve_nodes([row()])
    printed = load(tmp_path, f"{SMALLEST}{text}\n").printed
    assert "'nsml_resource' is undefined. Did you mean 'nsml_resource_type'?" in printed
    assert "two pairs of quotes" not in printed


def test_strict_error_of_a_bare_word_names_the_way_to_write_a_literal(tmp_path: Path) -> None:
    serve_nodes([row()])
    words = """'root' is undefined. Put a literal string in two pairs of quotes: "'root'"."""
    refused(load(tmp_path, f"{SMALLEST}compose: {{ansible_user: root}}\nstrict: true\n"), words)


@pytest.mark.parametrize(("text", "option"), FAILING)
def test_an_expression_that_fails_on_some_nodes_is_a_line_at_v(tmp_path: Path, text: str, option: str) -> None:
    serve_nodes([row(nodeId="a", labels={"x": "a"}), row(nodeId="b", rank=1)])
    text = f"{SMALLEST}{text}\n".replace("EXPRESSION", "\"'a' == nsml_labels.x\"")

    assert load(tmp_path, text).printed == ""
    assert f"expression in '{option}' for 1 of 2 nodes. First: project-2-1: " in load(tmp_path, text, verbosity=1).printed


@pytest.mark.parametrize(
    "text",
    [
        "compose: {x: 'nsml_rank +'}",
        "groups: {g: '{{ nsml_ready }}'}",
        "keyed_groups: [{key: 'nsml_rank)'}]",
        "keyed_groups: [{key: nsml_rank, parent_group: '{{ nsml_rank'}]",
        "filters: [nsml_rank ==]",
        "hostnames: [nsml_name nsml_rank]",
    ],
)
@pytest.mark.parametrize("strict", ["", "strict: true\n"])
def test_an_expression_with_a_syntax_error_is_an_error_before_anything_is_read(tmp_path: Path, text: str, strict: str) -> None:
    refused(load(tmp_path, f"{SMALLEST}{strict}{text}\n"), f"Syntax error in '{text.partition(':')[0]}'")
    assert paths() == []


@pytest.mark.parametrize("text", ["compose: {x: nsml_rank | no_such}", "filters: [nsml_rank is no_such]"])
def test_a_filter_that_is_not_installed_costs_no_more_than_its_expression(tmp_path: Path, text: str) -> None:
    serve_nodes(rows(1))

    loaded = load(tmp_path, f"{SMALLEST}{text}\n")

    assert "Syntax error in '" not in loaded.printed
    assert "no_such" in loaded.printed
    assert "nsml" in loaded.manager.groups


@pytest.mark.parametrize("option", ["filters: nsml_rank in [0, 1]", "hostnames: \"'%s,%s' | format(nsml_rank, 'x')\""])
def test_an_expression_that_stands_alone_is_not_split_at_its_commas(tmp_path: Path, option: str) -> None:
    serve_nodes(rows(3))

    names = load(tmp_path, f"{SMALLEST}{option}\n").names

    assert names == (["project-2-0", "project-2-1"] if "filters" in option else ["0_x", "1_x", "2_x"])


@pytest.mark.parametrize("expression", ["nsml_name", "nsml_rank", "nsml_tcp_ports"])
def test_a_condition_that_is_not_a_boolean_is_reported_on_every_core(tmp_path: Path, expression: str) -> None:
    serve_nodes(rows(2))

    filtered = load(tmp_path, f"{SMALLEST}filters: [{expression}]\n")
    grouped = load(tmp_path, f"{SMALLEST}groups: {{g: {expression}}}\n")

    assert filtered.names == []
    assert "Skipped 2 nodes because a filter could not be evaluated." in filtered.printed
    assert "boolean" in filtered.printed
    assert len(grouped.names) == 2
    assert "g" not in grouped.manager.groups
    assert "expression in 'groups' for any node." in grouped.printed
    refused(load(tmp_path, f"{SMALLEST}strict: true\ngroups: {{g: {expression}}}\n"), "boolean")


@pytest.mark.parametrize("nodes", [[], [row(state="NODE_STATE_PENDING", host=None)]])
def test_the_groups_that_plays_name_exist_without_hosts_too(tmp_path: Path, nodes: list[dict[str, Any]]) -> None:
    serve_nodes(nodes)

    loaded = load(tmp_path, SMALLEST)

    assert loaded.members("nsml_ready") == []
    assert len(loaded.members("nsml")) == len(nodes)
    assert [group.name for group in loaded.manager.groups["nsml_ready"].parent_groups] == ["nsml"]


EARLIER = """
project-2-0 role=gpu nsml_rank=7 double='{{ role }}{{ role }}'
project-2-1 role=cpu
"""


def test_expressions_see_the_variables_that_an_earlier_source_gives_the_host(tmp_path: Path) -> None:
    serve_nodes(rows(3))
    text = "compose: {mine: role, twice: double}\ngroups: {gpus: role == 'gpu', first: nsml_rank == 0}\n"
    text += "keyed_groups: [{key: role}]\n"

    loaded = load(tmp_path, SMALLEST + text, before=EARLIER)

    assert loaded.members("gpus") == loaded.members("_gpu") == loaded.members("first") == ["project-2-0"]
    assert loaded.members("_cpu") == ["project-2-1"]
    assert loaded.variables("project-2-0")["mine"] == "gpu"
    assert loaded.variables("project-2-0")["twice"] == "gpugpu"
    assert loaded.variables("project-2-0")["nsml_rank"] == 0


def test_a_variable_of_another_source_may_have_a_number_as_its_name(tmp_path: Path) -> None:
    serve_nodes(rows(1))
    hosts = {"old": {8080: "open"}, "project-2-0": {8080: "open", 1.5: "x", True: "y"}}
    (tmp_path / "a.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": {9090: "open"}}}))
    (tmp_path / "b.nsml.yml").write_text(
        SMALLEST + "compose: {x: nsml_rank + 1}\ngroups: {g: nsml_ready}\nuse_extra_vars: true\n"
    )

    loaded = load_sources([str(tmp_path / "a.yml"), str(tmp_path / "b.nsml.yml")], extra_vars=["{7070: open}"])

    assert loaded.members("g") == ["project-2-0"]
    assert str(loaded.variables("project-2-0")["x"]) == "1"
    assert {8080: "open"}.items() <= dict(loaded.variables("project-2-0")).items()


def test_names_of_hosts_and_groups_are_plain_strings(tmp_path: Path) -> None:
    serve_nodes([row(kind="prod")])
    text = (
        "hostnames: [nsml_kind]\ngroups: {g: nsml_ready}\n"
        "keyed_groups: [{key: nsml_kind, prefix: k, parent_group: '{{ nsml_kind }}_top'}, {key: '[nsml_kind]', separator: ''}]\n"
    )
    text = text.replace("separator: ''", "prefix: l")

    loaded = load(tmp_path, SMALLEST + text)

    assert loaded.members("k_prod") == loaded.members("l_prod") == loaded.members("prod_top") == loaded.members("g") == ["prod"]
    groups = loaded.manager.groups
    assert {type(name) for name in [*loaded.names, *groups, *(group.name for group in groups.values())]} == {str}


PLAIN_KEYS = ["secret_key: KEYTEXTsecret000", "access_key: KEYTEXTaccess000", "api_key: KEYTEXTapi000000"]


@pytest.mark.parametrize(
    "mistake",
    [
        "filters: ['{{ nsml_ready }}']",
        "filters: [nsml_missing.x]",
        "filters: [nsml_rank]",
        "groups: {g: '{{ nsml_ready }}'}",
        "groups: {g: nsml_rank}",
        "groups: {g: 5}",
        "compose: {x: nsml_rank | no_such}",
        "compose: {a-b: '1'}",
        "hostnames: [nsml_missing]",
        "keyed_groups: [{key: nsml_missing, parent_group: '{{ x'}]",
        "keyed_groups: [{key: nsml_state, parent_group: '{{ nsml_missing }}'}]",
        "keyed_groups: [{key: nsml_state, prefx: x}]",
        "page_size: many",
        "timeout: [1]",
        "validate_certs: perhaps",
        "wait_nodes: {a: 1}",
        "run: ['{{ nowhere }}']",
        "api_url: '{{ 1 | no_such }}'",
        "no_such_option: 1",
        "profile: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162",
        "page_size: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162",
    ],
)
@pytest.mark.parametrize("strict", ["false", "true"])
def test_no_mistake_shows_the_keys_on_the_lines_around_it(tmp_path: Path, mistake: str, strict: str) -> None:
    serve_nodes([row()])
    others = [line for line in SMALLEST.splitlines() if not line.startswith(f"{mistake.partition(':')[0]}:")]
    text = "\n".join([*others, f"strict: {strict}", *PLAIN_KEYS, mistake, *(f"# {key}" for key in PLAIN_KEYS), ""])

    loaded = load(tmp_path, text, verbosity=5)

    assert "WARNING" in loaded.printed
    assert "KEYTEXT" not in loaded.printed


# Whole or not at all

BEFORE = """
old ansible_host=192.0.2.1
project-2-0 mine=1
[team]
old
[nsml:children]
mine
[mine]
old
"""


@pytest.mark.parametrize(
    "broken",
    [
        "compose: {x: missing.y}",
        "groups: {g: missing.y}",
        "keyed_groups: [{key: missing.y}]",
        "filters: [missing.y]",
        "hostnames: [missing.y]",
        "compose: {x: \"'a' if nsml_rank == 0 else missing.y\"}",
        "groups: {g: nsml_rank == 0 or missing.y}",
    ],
)
def test_a_strict_error_leaves_the_inventory_as_it_was(tmp_path: Path, broken: str) -> None:
    serve_nodes(rows(2))
    alone = load_ini(tmp_path)

    loaded = load(tmp_path, f"{SMALLEST}strict: true\n{broken}\n", before=BEFORE)

    assert "missing" in loaded.printed
    assert state(loaded) == state(alone)


def test_hosts_of_other_sources_stay_and_a_host_of_both_is_one(tmp_path: Path) -> None:
    serve_nodes(rows(2))

    loaded = load(tmp_path, SMALLEST, before=BEFORE)

    assert loaded.names == ["old", "project-2-0", "project-2-1"]
    assert loaded.members("mine") == ["old"]
    assert set(loaded.members("nsml")) == {"old", "project-2-0", "project-2-1"}
    assert loaded.variables("project-2-0")["mine"] == 1
    assert loaded.variables("project-2-0")["ansible_host"] == "223.130.154.166"


def test_nodes_of_two_sources_that_would_have_one_name_are_two_hosts(tmp_path: Path) -> None:
    second = PROJECT_ID[::-1]
    serve_nodes(rows(2))
    serve_nodes([*rows(2)[:1], row(nodeId="other", rank=1)], project=second)
    (tmp_path / "a.nsml.yml").write_text(SMALLEST)
    (tmp_path / "b.nsml.yml").write_text(SMALLEST.replace(PROJECT_ID, second))

    loaded = load_sources([str(tmp_path)])

    assert loaded.names == ["project-2-0", "project-2-1", "project-2-1-other"]
    assert loaded.variables("project-2-1")["nsml_node_id"] == "node1"
    assert loaded.variables("project-2-1-other")["nsml_node_id"] == "other"
    assert "not unique or not allowed: 'project-2-1'." in loaded.printed


@pytest.mark.parametrize("prefix", ["nsml_", "b_"])
def test_nodes_of_two_projects_of_one_name_share_neither_host_nor_group(tmp_path: Path, prefix: str) -> None:
    second = PROJECT_ID[::-1]
    serve_nodes(rows(1))
    serve_nodes([row(nodeId="other", projectId=second)], project=second)
    (tmp_path / "a.nsml.yml").write_text(SMALLEST.replace("run: 2", "run: [2]"))
    (tmp_path / "b.nsml.yml").write_text(SMALLEST.replace(PROJECT_ID, second) + f"hostvars_prefix: {prefix}\n")

    loaded = load_sources([str(tmp_path)])

    assert loaded.names == ["project-2-0", "project-2-0-other"]
    assert loaded.members("nsml_project_project") == loaded.members("nsml_run_project_2") == ["project-2-0"]
    assert loaded.members("nsml_state_running") == loaded.names


def test_a_source_that_is_read_twice_doubles_nothing(tmp_path: Path) -> None:
    serve_nodes(rows(2))
    (tmp_path / "a.nsml.yml").write_text(SMALLEST)
    (tmp_path / "b.nsml.yml").write_text(SMALLEST)
    (tmp_path / "c.ini").write_text("[nsml_ready]\nproject-2-0\n")

    loaded = load_sources([str(tmp_path)])

    assert "not unique" not in loaded.printed
    for group in loaded.manager.groups.values():
        assert len(group.hosts) == len({host.name for host in group.hosts})
    assert [host.name for host in loaded.manager.groups["nsml_ready"].hosts] == ["project-2-0", "project-2-1"]


def test_a_host_that_is_no_node_is_known_by_its_name_alone(tmp_path: Path) -> None:
    serve_nodes(rows(1))

    loaded = load(tmp_path, SMALLEST, before="project-2-0 slurm_node_id=7 ansible_user=me slurm_world_size=2\n")

    assert loaded.names == ["project-2-0"]
    assert loaded.variables("project-2-0")["ansible_user"] == "me"


def test_a_field_whose_name_ends_like_another_makes_no_second_host(tmp_path: Path) -> None:
    serve_nodes([{"bootNodeId": "boot0", **row()}])
    for name in ("a", "b"):
        (tmp_path / f"{name}.nsml.yml").write_text(SMALLEST)

    assert load_sources([str(tmp_path)]).names == ["project-2-0"]


def test_a_group_that_the_user_puts_below_nsml_is_put_there_by_ansibles_rules(tmp_path: Path) -> None:
    serve_nodes([row(rank=0)])
    text = "keyed_groups:\n" + "".join(
        f"  - {{key: \"'{group}'\", separator: '', parent_group: {parent}}}\n"
        for group, parent in (("mine", "team"), ("team", "nsml"))
    )

    loaded = load(tmp_path, SMALLEST + text, before="[mine]\nh1\n")

    assert "nsml" in [group.name for group in loaded.manager.hosts["h1"].groups]
    depths = {name: loaded.manager.groups[name].depth for name in ("nsml", "team", "mine")}
    assert depths == {"nsml": 1, "team": 2, "mine": 3}


def test_a_host_of_two_sources_has_the_file_of_the_first(tmp_path: Path) -> None:
    serve_nodes(rows(2))

    loaded = load(tmp_path, SMALLEST, before=BEFORE)

    assert loaded.variables("project-2-0")["inventory_file"].endswith("before.ini")
    assert loaded.variables("project-2-1")["inventory_file"].endswith("test.nsml.yml")


@pytest.mark.parametrize(
    ("options", "before"),
    [
        ("hostnames: [\"'web'\"]\ngroups: {web: true}", BEFORE),
        ("hostnames: [\"'web'\"]\nkeyed_groups: [{key: \"'web'\", separator: ''}]", BEFORE),
        ("", "[nsml]\n[nsml_ready:children]\nnsml\n"),  # groups that would hold each other
        ("keyed_groups: [{key: \"'all'\", separator: '', parent_group: above}]", BEFORE),
    ],
)
def test_what_ansible_could_not_hold_is_an_error_that_leaves_the_inventory_as_it_was(
    tmp_path: Path, options: str, before: str
) -> None:
    serve_nodes([row()])
    alone = load_ini(tmp_path, before)

    loaded = load(tmp_path, f"{SMALLEST}{options}\n", before=before)

    assert "Traceback" not in loaded.printed
    assert "Failed to parse" in loaded.printed
    assert state(loaded) == state(alone)


def load_ini(directory: Path, text: str = BEFORE) -> Loaded:
    (directory / "before.ini").write_text(text)
    return load_sources([str(directory / "before.ini")])


def state(loaded: Loaded) -> dict[str, Any]:
    """All that an inventory holds."""
    return {
        "hosts": {name: host.vars for name, host in loaded.manager.hosts.items()},
        "groups": {
            name: ([host.name for host in group.hosts], [child.name for child in group.child_groups], group.vars)
            for name, group in loaded.manager.groups.items()
        },
    }


# The documentation


def test_ansible_doc_shows_every_option_and_example() -> None:
    done = subprocess.run(
        ["ansible-doc", "-t", "inventory", "navercloud.nsml.nodes", "--json"], capture_output=True, text=True, check=True
    )

    shown = json.loads(done.stdout)["navercloud.nsml.nodes"]
    assert set(yaml.safe_load(nodes.DOCUMENTATION)["options"]) < set(shown["doc"]["options"])
    assert {"strict", "compose", "groups", "keyed_groups", "leading_separator"} < set(shown["doc"]["options"])
    assert shown["examples"] == nodes.EXAMPLES
    assert all(option.get("description") for option in shown["doc"]["options"].values())


EXAMPLES = [yaml.safe_dump(document) for document in yaml.safe_load_all(nodes.EXAMPLES)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_documentation_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    for name, value in zip(("MY_ACCESS_KEY", "MY_SECRET_KEY", "MY_API_KEY"), ENVIRONMENT.values()):
        monkeypatch.setenv(name, value)
    projects = [{"projectId": PROJECT_ID, "projectName": "bert"}, {"projectId": "other", "projectName": "gpt"}]
    serve("/projects", {"projects": projects, "totalCount": 2})
    run_list = [{"runName": name, "projectId": PROJECT_ID, "projectName": "bert", "status": "X"} for name in ("1", "2")]
    serve("/projects/runs", {"runList": run_list})
    for run in ("1", "2"):
        serve_nodes([row(nodeId=f"{run}-{rank}", rank=rank) for rank in range(2)], run=run)

    loaded = load(tmp_path, example)

    assert loaded.names
    assert "Failed to parse" not in loaded.printed


def example_of(tmp_path: Path, holding: str, ranks: int) -> Loaded:
    """Load the one example that holds a string, with a run of so many ranks."""
    (example,) = [text for text in EXAMPLES if holding in text]
    serve("/projects", {"projects": [{"projectId": PROJECT_ID, "projectName": "bert"}], "totalCount": 1})
    serve_nodes(rows(ranks), run="2")
    loaded = load(tmp_path, example)
    assert loaded.printed == ""
    return loaded


def test_the_example_of_filters_keeps_what_it_describes(tmp_path: Path) -> None:
    assert example_of(tmp_path, "filters", 12).names == [f"bert-2-{rank}" for rank in range(8)]


def test_the_example_of_groups_makes_what_it_describes(tmp_path: Path) -> None:
    loaded = example_of(tmp_path, "keyed_groups", 3)
    assert loaded.members("leaders") == ["bert-2-0"]
    assert [group for group in loaded.manager.groups if group.startswith("resource_")]


def test_the_example_of_compose_sets_the_login_user(tmp_path: Path) -> None:
    assert example_of(tmp_path, "compose", 3).variables("bert-2-2")["ansible_user"] == "ubuntu"


def test_the_example_of_hostnames_names_hosts_by_rank(tmp_path: Path) -> None:
    assert example_of(tmp_path, "hostnames", 3).names == ["rank-0", "rank-1", "rank-2"]


@pytest.mark.parametrize("option", ["secret_key", "api_key"])
@pytest.mark.parametrize(
    "value",
    [
        "[KEYTEXT]",
        "{a: KEYTEXT}",
        "!!set {KEYTEXT}",
        "!!binary S0VZVEVYVA==",
        '"KEYTEXT{{x"',
        '"KEYTEXT{% if"',
        "\"{{ 'KEYTEXT' | nofilter }}\"",
    ],
)
def test_a_key_of_a_wrong_kind_is_named_and_never_shown(tmp_path: Path, option: str, value: str) -> None:
    printed = load(tmp_path, f"{SMALLEST}{option}: {value}\n", verbosity=5).printed

    assert re.search(f"template in '{option}'|'{option}'. The value must be a string", printed)
    assert "KEYTEXT" not in printed
    assert "S0VZVEVYVA" not in printed


@pytest.mark.parametrize("option", ["project", "run", "profile", "api_url", "ca_path"])
@pytest.mark.parametrize("template", ["{{ nowhere }}", "{{ nowhere"])
def test_a_template_that_cannot_be_evaluated_is_named_and_shows_no_key_beside_it(
    tmp_path: Path, option: str, template: str
) -> None:
    others = "".join(line for line in SMALLEST.splitlines(keepends=True) if not line.startswith(f"{option}:"))
    loaded = load(tmp_path, f"{others}secret_key: KEYTEXT\n{option}: '{template}'\n", verbosity=5)

    refused(loaded, f"Cannot evaluate the template in '{option}': ")
    assert "KEYTEXT" not in loaded.printed


@pytest.mark.parametrize(
    "wrong",
    [
        "groups: {g: nowhere}",
        "compose: {x: nowhere}",
        "keyed_groups: [{key: nowhere}]",
        "keyed_groups: [{key: nsml_state, parent_group: '{{ nowhere }}'}]",
    ],
)
def test_an_expression_that_fails_under_strict_shows_no_key_beside_it(tmp_path: Path, wrong: str) -> None:
    serve_nodes([row()])

    loaded = load(tmp_path, f"{SMALLEST}strict: true\nsecret_key: KEYTEXT000\n{wrong}\n", verbosity=5)

    refused(loaded, "nowhere")
    assert "KEYTEXT000" not in loaded.printed
