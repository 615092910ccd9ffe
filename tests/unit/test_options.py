# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options, checked. That Ansible reads them so is tested in test_nodes.py."""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import BOOLEANS

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import WaitOptions
from ansible_collections.navercloud.nsml.tests.unit.options import DEFAULTS, KNOWN, check


@pytest.mark.parametrize(
    ("run", "runs"),
    [
        (2, ("2",)),
        ("2", ("2",)),
        ([1, "2"], ("1", "2")),
        ("latest, 2", ("latest", "2")),
        (["1,2", 2], ("1", "2")),
        ("active", ("active",)),
    ],
)
def test_a_run_is_one_or_a_list_of_names_or_numbers(run: Any, runs: tuple[str, ...]) -> None:
    assert check(run=run).selection == Selection((), runs)


@pytest.mark.parametrize("run", [None, True, 2.0, {}, {"a": 1}, [None], [[1]], [], "", " ", "1,,2", [True]])
def test_a_run_of_another_kind_is_refused(run: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'run'"):
        check(run=run)


@pytest.mark.parametrize(("project", "chosen"), [(None, ()), ("bert", ("bert",)), (["bert", "gpt"], ("bert", "gpt"))])
def test_only_a_project_left_out_is_every_project(project: Any, chosen: tuple[str, ...]) -> None:
    assert check(project=project).selection.projects == chosen
    with pytest.raises(ConfigurationError, match="'project' is empty"):
        check(project="")


@pytest.mark.parametrize("name", ["project", "run", "access_key", "secret_key", "api_key", "profile"])
@pytest.mark.parametrize("value", [None, "", " ", []])
def test_an_option_that_the_file_gives_empty_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}' is empty. Set a value or remove the option"):
        _options.check_not_empty({"plugin": "navercloud.nsml.nodes", name: value})
    _options.check_not_empty({"plugin": "navercloud.nsml.nodes", name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", 0),
        ("concurrency", 0),
        ("retries", -1),
        ("timeout", 0.0),
        ("timeout", math.nan),
        ("timeout", math.inf),
        ("deadline", -1.0),
        ("wait_timeout", -1),
        ("wait_interval", 0.0),
        ("wait_nodes", 0),
        ("hostvars_prefix", "a-b"),
        ("states", [1]),
        ("states", [None]),
        ("filters", [True]),
        ("hostnames", [["x"]]),
        ("group_by", [{}]),
        ("ca_path", "/does/not/exist"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_options_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^.*'{name}'"):
        check(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("page_size", 1), ("concurrency", 1), ("retries", 0), ("timeout", 0.1)])
def test_the_least_value_is_taken(name: str, value: Any) -> None:
    assert getattr(check(**{name: value}), name) == value


def test_what_needs_no_change_is_handed_on_as_it_is() -> None:
    made = check(api_url="https://x.example", hostvars_prefix="x_", strict=True)
    assert (made.api_url, made.hostvars_prefix, made.strict) == ("https://x.example", "x_", True)


@pytest.mark.parametrize("wait_nodes", [None, 1, 8])
def test_the_options_of_waiting_are_one_value(wait_nodes: int | None) -> None:
    assert check(wait_timeout=600, wait_interval=2.5, wait_nodes=wait_nodes).wait_options == WaitOptions(600, 2.5, wait_nodes)


def test_states_mean_the_same_with_and_without_the_services_prefix() -> None:
    assert check(states=["NODE_STATE_RUNNING", "Pending", ""]).states == {"running", "pending"}


def test_certificates_are_verified_by_default() -> None:
    assert check().verify is True


def test_a_ca_path_takes_the_place_of_the_usual_cas(tmp_path: Path) -> None:
    assert check(ca_path=str(tmp_path)).verify == str(tmp_path)


def test_certificates_that_are_not_verified_need_no_ca_path() -> None:
    assert check(validate_certs=False, ca_path="/does/not/exist").verify is False


@pytest.mark.parametrize(("given", "nearest"), [("projct", "'project'"), ("hostname", "'hostnames'"), ("Run", "'run'")])
def test_a_wrong_name_is_refused_with_the_nearest_one(given: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Unknown option '{given}'. Did you mean {nearest}"):
        _options.check_given({"run": 2, given: 1}, KNOWN)


@pytest.mark.parametrize("given", ["zzz", 5, None])
def test_a_name_that_is_near_to_none_is_refused_too(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"Unknown option '{given}'. To list"):
        _options.check_given({given: 1}, KNOWN)


@pytest.mark.parametrize("prefix", ["nsml_", "x", "_", "N0de_", "ansible", "my_ansible_"])
def test_a_prefix_that_makes_variable_names_is_taken(prefix: str) -> None:
    assert check(hostvars_prefix=prefix).hostvars_prefix == prefix


@pytest.mark.parametrize("prefix", ["", "1x", "a-b", "a b", "{{ x }}", "노드_", "x\n", "ansible_", "ansible_nsml_"])
def test_a_prefix_that_makes_none_or_ansibles_own_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="Invalid value for 'hostvars_prefix': "):
        check(hostvars_prefix=prefix)


def test_right_names_are_taken() -> None:
    _options.check_given({name: DEFAULTS[name] for name in KNOWN}, KNOWN)


@pytest.mark.parametrize("value", [*sorted(BOOLEANS, key=str), "Off", None])
def test_a_boolean_is_taken(value: object) -> None:
    _options.check_types({"validate_certs": value}, KNOWN)


@pytest.mark.parametrize("value", ["treu", "", "none", "None", {}, [], 2])
def test_invalid_boolean_is_rejected(value: object) -> None:
    with pytest.raises(
        ConfigurationError, match=r"'validate_certs': .* The value must be true or false, for example validate_certs: true"
    ):
        _options.check_types({"validate_certs": value}, KNOWN)


ALL_KNOWN = {
    **KNOWN,
    "strict": {"type": "bool"},
    "cache_timeout": {"type": "integer"},
    "leading_separator": {"type": "boolean"},
    "compose": {"type": "dict"},
    "groups": {"type": "dict"},
    "keyed_groups": {"type": "list"},
}

WRONG: dict[str, list[Any]] = {
    "int": ["10m", "many", "", "0.5", 0.5, True, [1], {"a": 1}, date(2024, 1, 1)],
    "float": ["10m", "soon", "", False, [1], {"a": 1}, 10**400],
    "bool": ["treu", "", 2, [], {}],
    "str": [["a"], {"a": "b"}, {"a"}, b"a", date(2024, 1, 1)],
    "path": [["a"], {"a": "b"}],
    "list": [5, True, 0.5, {"a": "b"}],
    "dict": ["x", ["x"], 5, True],
}
NAMES = {"integer": "int", "boolean": "bool"}


@pytest.mark.parametrize("name", sorted(name for name, option in ALL_KNOWN.items() if option.get("type") != "raw"))
def test_value_of_another_type_is_rejected_with_option_value_and_example(name: str) -> None:
    kind = ALL_KNOWN[name]["type"]
    for value in WRONG[NAMES.get(kind, kind)]:
        with pytest.raises(ConfigurationError) as caught:
            _options.check_types({name: value}, ALL_KNOWN)
        assert re.fullmatch(
            rf"Invalid value for '{name}'(: .+)?\. The value must be .+, for example {name}: \S.*", str(caught.value)
        )


def test_value_of_another_type_is_shown_but_not_what_a_list_holds() -> None:
    for value, shown in (("10m", "'10m'"), (["KEYTEXT"], "a list"), ({"secret_key": "KEYTEXT"}, "a dictionary")):
        with pytest.raises(ConfigurationError, match=f"^Invalid value for 'wait_timeout': {shown}. The value must be an integer"):
            _options.check_types({"wait_timeout": value}, KNOWN)


@pytest.mark.parametrize(("name", "example"), sorted(_options._EXAMPLES.items()))
def test_example_of_an_option_can_be_used(name: str, example: str) -> None:
    value = yaml.safe_load(example)
    _options.check_types({name: value}, ALL_KNOWN)
    check(**{name: value})


@pytest.mark.parametrize("name", ["access_key", "secret_key", "api_key"])
@pytest.mark.parametrize(
    "value",
    [
        ["theSecretItself"],
        {"key": "theSecretItself"},
        {"theSecretItself"},
        b"theSecretItself",
        ("theSecretItself",),
        date(2024, 1, 1),
    ],
)
def test_a_key_that_is_no_text_is_refused_unseen(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^Invalid value for '{name}'. The value must be a string") as caught:
        _options.check_types({name: value}, KNOWN)
    assert "theSecretItself" not in str(caught.value)
    assert "2024" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("page_size", 10**9), ("wait_interval", 1e9), ("deadline", 1e9), ("concurrency", 1000)]
)
def test_the_most_is_taken(name: str, value: Any) -> None:
    made = check(**{name: value})
    assert {"wait_interval": made.wait_options.interval}.get(name, getattr(made, name, None)) == value


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("page_size", 10**400, "1,000,000,000"),
        ("wait_timeout", 10**400, "1,000,000,000"),
        ("timeout", 1e10, "1,000,000,000"),
        ("deadline", math.inf, "1,000,000,000"),
        ("concurrency", 1001, "1,000"),
    ],
)
def test_a_number_beyond_all_use_is_refused(name: str, value: float, most: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^The value of '{name}' is too large. The maximum is {most}"):
        check(**{name: value})


def test_all_else_is_left_to_ansibles_own_check_of_types() -> None:
    _options.check_types({"access_key": "x", "api_key": 5, "run": [2], "page_size": 5, "timeout": 0.5, "wrong": 0.5}, KNOWN)


@pytest.mark.parametrize(("states", "number"), [([1], 1), (["a", 2], 2)])
def test_the_item_that_is_no_text_is_named_by_its_place(states: list[Any], number: int) -> None:
    with pytest.raises(ConfigurationError, match=f"^Item {number} of 'states' must be a string"):
        check(states=states)


@pytest.mark.parametrize("states", [[""], [" "], ["NODE_STATE_"]])
def test_states_that_name_none_are_refused(states: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"^Invalid item in 'states': '.*'"):
        check(states=states)
