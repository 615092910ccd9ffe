# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions of the user evaluate as Ansible evaluates them, and each is compiled once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2.compiler
import pytest
import responses
from ansible import template
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import Templar

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, ExpressionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import (
    ExpressionOptions,
    Expressions,
    KeyedGroup,
    check_syntax,
    compiled_once,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import (
    ExistingNames,
    Host,
    InventoryPlan,
    lay_out,
    safe_group,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.trust import untrusted
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.tests.unit.inventory import KEYS, SMALLEST, load, rows, serve_nodes

trusted = getattr(template, "trust_as_template", str)
is_trusted = getattr(template, "is_trusted_as_template", lambda value: not hasattr(value, "__UNSAFE__"))

EXPRESSIONS = [
    "nsml_rank + 1",
    "nsml_rank * 1.5",
    "nsml_rank == 0",
    "nsml_name",
    "nsml_name ~ '-x'",
    "'a' ~ nsml_hostile",
    "nsml_hostile | upper",
    "[nsml_rank, {'a': nsml_name}]",
    "nsml_labels",
    "nsml_labels.a.b",
    "nsml_labels.missing",
    "missing",
    "missing.x",
    "missing | default('d')",
    "none",
    "''",
    "' x '",
    "'1'",
    "'true'",
    "'[1, 2]'",
    "-1",
    "omit",
    "{'a': omit}",
    "nsml_name | regex_replace('^(.*)-\\d+$', '\\1')",
    "nsml_name is match('b\\w+')",
    "'a\\nb\\\\c'",
    "'it\\'s'",
    "'x\n' ~ '\n'",
    "lookup('ansible.builtin.env', 'NOBODY_SET_THIS')",
    "query('ansible.builtin.items', 1, 2)",
    "nested",
    "nested ~ nsml_rank",
    "delimiters",
    "same",
    "lookup('ansible.builtin.env', 'HOME')",
    "1 / nsml_rank",
    "nsml_name | from_json",
    "nsml_name | no_such_filter",
    "nsml_name is no_such_test",
    "[1, 2] | map('multiply') | list",
    "range(3) | list",
    "(nsml_rank, 1)",
    "inventory_hostname ~ group_names | length",
]
EXTRA = {
    "nested": "{{ nsml_rank + 1 }} of {{ nsml_name }}",
    # Delimiters of its own: its environment is not the one that expressions are compiled by.
    "delimiters": "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ nsml_rank ]] {{ nsml_rank }}",
    "same": "{{lookup('ansible.builtin.env', 'HOME')}}",
}
HOSTS = {
    f"bert-2-{rank}": {
        "nsml_rank": rank,
        "nsml_name": f"bert-2-{rank}",
        "nsml_hostile": "{{ 7 * 7 }}",
        "nsml_labels": {"a": {"b": [rank]}},
        "inventory_hostname": f"bert-2-{rank}",
        "group_names": ["nsml"],
    }
    for rank in (1, 0)
}


class Ansibles(BaseInventoryPlugin, Constructable):
    """Ansible's own code for constructed groups, without a file."""

    NAME = "test"

    def __init__(self, extra_variables: dict[str, Any]) -> None:
        super().__init__()
        self.inventory = InventoryData()
        for host in HOSTS:
            self.inventory.add_host(host)
        self._vars = extra_variables
        self.loader = DataLoader()
        if not hasattr(type(self), "templar"):
            self.templar = Templar(loader=self.loader)

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        return {"use_extra_vars": True, "leading_separator": True}[option]


def options(**changes: Any) -> ExpressionOptions:
    """Return the options of a user who wrote these expressions alone."""
    nothing: dict[str, Any] = {"filters": (), "hostnames": (), "compose": {}, "groups": {}, "keyed_groups": (), "strict": False}
    return ExpressionOptions(**{**nothing, **changes})


def outcome(evaluate: Any) -> Any:
    """Return a value with its types and its trust, or the words of the error."""
    try:
        value = evaluate()
    except Exception as error:  # noqa: BLE001  whatever Ansible raises
        return " ".join(str(error).split())
    return described(value)


def described(value: Any) -> Any:
    if isinstance(value, dict):
        return {described(key): described(item) for key, item in value.items()}, type(value)
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value], type(value)
    return value, type(value), is_trusted(value) if isinstance(value, str) else None


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_has_the_value_that_ansible_gives_it(expression: str) -> None:
    extra = {name: trusted(text) for name, text in EXTRA.items()}
    ansibles = Ansibles(extra)
    expected = {
        host: outcome(lambda host=host: ansibles._compose(trusted(expression), untrusted(HOSTS[host])))
        for host in HOSTS
        if expression not in HOSTS[host]  # a mere name is its value as it is, which saves a template
    }
    templar = Templar(loader=DataLoader())
    ours = Expressions(templar, options(), extra)

    with compiled_once(templar):
        for _time in range(2):
            for host, value in expected.items():
                assert outcome(lambda host=host: ours._value(trusted(expression), untrusted(HOSTS[host]))) == value
            # The same text with lookups, which a template of the user may have, before and after one without.
            templar.template(trusted("{{" + EXPRESSIONS[34] + "}}"))


CONDITIONS = [
    "nsml_rank == 0",
    "nsml_rank >= 0 and nsml_name is defined",
    "nsml_name is match('b\\w+')",
    "'\\\\d' in nsml_hostile",
    "missing",
    "missing is defined",
    "missing.x == 1",
    "true",
    "'false' == nsml_name",
]


@pytest.mark.parametrize("expression", [*map(trusted, CONDITIONS), True, False])
def test_a_condition_adds_the_hosts_to_a_group_that_ansible_adds(expression: Any) -> None:
    ansibles = Ansibles({})
    for host, variables in HOSTS.items():
        ansibles._add_host_to_composed_groups({"g": expression}, untrusted(variables), host, fetch_hostvars=False)
    assert ansibles.inventory is not None
    groups = ansibles.inventory.groups
    expected = [host.name for host in groups["g"].hosts] if "g" in groups else []

    templar = Templar(loader=DataLoader())
    ours = Expressions(templar, options(filters=(expression,)), {})
    with compiled_once(templar):
        assert [host for host, variables in HOSTS.items() if ours.keep(host, untrusted(variables))] == expected


@pytest.mark.parametrize("expression", ["nsml_rank", "nsml_name", "[nsml_rank]", "''", "none", "1"])
def test_a_condition_without_a_boolean_result_fails_on_every_core(expression: str) -> None:
    ours = Expressions(Templar(loader=DataLoader()), options(filters=(trusted(expression),)), {})
    warnings: list[str] = []

    assert not ours.keep("bert-2-1", untrusted(HOSTS["bert-2-1"]))

    ours.report(warning=warnings.append, verbose=print)
    assert "boolean" in warnings[0] or "Empty" in warnings[0]


KEYED = [
    {"key": "nsml_name"},
    {"key": "nsml_name", "prefix": "p"},
    {"key": "nsml_name", "prefix": "p", "separator": ""},
    {"key": "[nsml_name, 'b c']", "prefix": "p"},
    {"key": "{'a': nsml_name, 'b': ''}", "prefix": "p", "separator": "-"},
    {"key": "{'a': nsml_name, 'b': ''}", "prefix": "p", "default_value": "d"},
    {"key": "{'a': nsml_name, 'b': ''}", "prefix": "p", "trailing_separator": False},
    {"key": "''", "default_value": "d"},
    {"key": "''"},
    {"key": "[]"},
    {"key": "['', 'x']", "default_value": "d"},
    {"key": "missing.x", "default_value": "d"},
    {"key": "nsml_name", "parent_group": "top"},
    {"key": "nsml_name", "parent_group": "{{ 'in_' ~ nsml_name }}"},
    {"key": "nsml_name", "parent_group": "{{ missing }}"},
]


@pytest.mark.parametrize("entry", KEYED, ids=str)
def test_a_keyed_group_is_as_ansible_makes_it(entry: dict[str, Any]) -> None:
    marked = {name: trusted(value) if isinstance(value, str) else value for name, value in entry.items()}
    ansibles = Ansibles({})
    # The names are made safe by the collection's own rule, whatever Ansible is configured to do.
    ansibles._sanitize_group_name = safe_group
    for host, variables in HOSTS.items():
        ansibles._add_host_to_keyed_groups([marked], untrusted(variables), host, fetch_hostvars=False)
    assert ansibles.inventory is not None
    groups = ansibles.inventory.groups

    keyed = KeyedGroup(
        key=marked["key"],
        lead=entry.get("prefix", "") + entry.get("separator", "_"),
        separator=entry.get("separator", "_"),
        parent_group=marked.get("parent_group"),
        default_value=entry.get("default_value"),
        trailing_separator=entry.get("trailing_separator", True),
    )
    plan = planned()
    before = set(plan.members)
    expressions = Expressions(Templar(loader=DataLoader()), options(keyed_groups=(keyed,)), {})
    plan.add(expressions.construct(plan.hosts, plan.group_names, {}, {}))

    made = {name: set(hosts) for name, hosts in plan.members.items() if name not in before}
    assert made == {
        name: {host.name for host in group.hosts} for name, group in groups.items() if name not in ("all", "ungrouped")
    }
    assert {name: set(plan.parents.get(name, ())) for name in made} == {
        name: {parent.name for parent in groups[name].parent_groups} for name in made
    }


def planned() -> InventoryPlan:
    """Return a plan with these hosts."""
    nodes = nodes_of_run(rows(2), Run("p1", "2", "bert"))
    hosts = [Host(node, node.name, untrusted(HOSTS[node.name])) for node in nodes]
    return InventoryPlan(lay_out(hosts, (), ExistingNames(), strict=True))


# Compilations


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often Jinja2 generated code, in all."""
    counted: Counter[str] = Counter()
    generate = jinja2.compiler.generate

    def counting(*arguments: Any, **more: Any) -> Any:
        counted["code"] += 1
        return generate(*arguments, **more)

    monkeypatch.setattr("jinja2.environment.generate", counting)
    return counted


@pytest.fixture
def _api() -> Iterator[None]:
    with responses.mock:
        yield


MANY = f"""{SMALLEST}{KEYS}use_extra_vars: true
filters: [nsml_rank >= 0, "nsml_name is match('\\\\w+')"]
hostnames: ["'host-' ~ nsml_rank"]
compose: {{a: "nsml_rank + 1", b: "nsml_name | regex_replace('\\\\d+', 'n')", c: "nsml_rank ~ nested", d: "nsml_rank >= 0"}}
groups: {{odd: "nsml_rank % 2 == 1", same: "nsml_rank >= 0"}}
keyed_groups: [{{key: "nsml_state ~ nsml_rank", parent_group: "{{{{ 'in' ~ nsml_rank }}}}"}}]
"""

# 2 filters, of which one is a group too, 1 host name, 4 composed variables, 1 more group, 1 key, 1 parent group, 1 variable.
DISTINCT = 11


@pytest.mark.usefixtures("_api")
@pytest.mark.parametrize("count", [1, 7])
def test_each_expression_is_compiled_once_however_many_hosts(compilations: Counter[str], tmp_path: Path, count: int) -> None:
    serve_nodes(rows(count))

    loaded = load(tmp_path, MANY, extra_vars=[trusted("nested='{{ nsml_rank }}!'")])

    assert loaded.printed == ""
    assert len(loaded.names) == count
    assert loaded.variables("host-0")["c"] == "00!"
    assert compilations["code"] == DISTINCT


def environment_of(templar: Templar) -> jinja2.Environment:
    """Return the environment that the templar compiles by."""
    environment: jinja2.Environment = (templar._engine if hasattr(templar, "_engine") else templar).environment
    return environment


def test_the_environment_is_afterwards_as_it_was() -> None:
    templar = Templar(loader=DataLoader())
    kind, attributes = environment_of(templar).__class__, dict(vars(environment_of(templar)))

    with compiled_once(templar):
        assert environment_of(templar).__class__ is not kind
    with pytest.raises(KeyError), compiled_once(templar):
        raise KeyError

    assert environment_of(templar).__class__ is kind
    assert vars(environment_of(templar)) == attributes


@pytest.mark.parametrize("missing", ["environment", "_TemplateCompileContext"])
def test_without_the_internals_everything_works_only_slower(
    compilations: Counter[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    class Other:
        """A templar of some later core."""

    templar = Templar(loader=DataLoader())
    path = "ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions"
    if missing == "_TemplateCompileContext":
        monkeypatch.setattr(f"{path}._HAS_ENGINE", True)
        monkeypatch.setattr(f"{path}._COMPILE_CONTEXT", None)
    other: Any = templar if missing == "_TemplateCompileContext" else Other()
    ours = Expressions(templar, options(), {})

    with compiled_once(other):
        values = [str(ours._value(trusted("nsml_rank + 1"), variables)) for variables in HOSTS.values()]
    assert values == ["2", "1"]
    assert compilations["code"] == 2


# Syntax


@pytest.mark.parametrize("expression", EXPRESSIONS + CONDITIONS)
def test_an_expression_that_ansible_can_parse_has_no_syntax_error(expression: str) -> None:
    check_syntax("compose", expression)


@pytest.mark.parametrize("expression", ["", " ", "a b", "a ==", "(a", "'a", "a | ", "{{ a }}", "{% if a %}", "a }}", "a, b"])
def test_an_expression_with_a_syntax_error_is_refused_with_its_place(expression: str) -> None:
    with pytest.raises(ConfigurationError, match="Syntax error in 'compose': ") as caught:
        check_syntax("compose", expression)
    assert ("Remove the braces" in str(caught.value)) == ("{{" in expression)


def test_a_template_with_a_syntax_error_is_refused() -> None:
    check_syntax("keyed_groups", "a {{ b | no_such_filter }}", is_template=True)
    with pytest.raises(ConfigurationError, match=r"Syntax error in 'keyed_groups': '\{\{ b'"):
        check_syntax("keyed_groups", "{{ b", is_template=True)


def test_an_expression_may_fail_with_anything() -> None:
    class Odd(Exception):
        """An exception that nobody else knows."""

    def fails(*_arguments: object) -> None:
        raise Odd("odd")

    ours = Expressions(Templar(loader=DataLoader()), options(), {})
    with pytest.raises(ExpressionError, match="odd"):
        ours._evaluated(fails, "x", {})
