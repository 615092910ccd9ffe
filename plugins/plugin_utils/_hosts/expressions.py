# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's expressions: filters, host names, composed variables, groups and keyed groups. Ansible's templar evaluates them all.

The rules for keyed groups are those of ``ansible.builtin.constructed``, the newest where versions of ansible-core differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from ansible.inventory.group import to_safe_group_name
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import Templar
from ansible.utils.vars import combine_vars

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ExpressionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import InventoryPlan
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable

Variables = Mapping[str, Any]
Evaluate = Callable[[Templar, Any], Any]

# What counts as no value for the key of a keyed group.
_EMPTY = (None, "")

# What a composed variable is where its expression fails: None is a value.
_FAILED = object()


@dataclass(frozen=True)
class KeyedGroup:
    """One entry of the option ``keyed_groups``.

    :param key: the expression whose value names the groups
    :param lead: what each name begins with: prefix and separator
    :param separator: what joins the key and the value of a mapping
    :param parent_group: a template for the name of the group above
    :param default_value: what stands for an empty value
    :param trailing_separator: whether a mapping's key with an empty value keeps its separator
    """

    key: str
    lead: str
    separator: str
    parent_group: str | None
    default_value: str | None
    trailing_separator: bool

    def names(self, value: Any) -> list[str]:
        """Return the names of the groups for a value of the key."""
        if value in _EMPTY:
            bare: list[object] = [] if self.default_value is None else [self.default_value]
        elif isinstance(value, list):
            bare = [item if self.default_value is None or item not in _EMPTY else self.default_value for item in value]
        elif isinstance(value, Mapping):
            bare = [self._pair(name, item) for name, item in value.items()]
        elif isinstance(value, (str, int, float)):
            bare = [value]
        else:
            raise ExpressionError(f"the key is a {type(value).__name__}, and not a string, a list or a dictionary")
        return [safe_group_name(f"{self.lead}{name}") for name in bare]

    def _pair(self, name: object, value: object) -> str:
        if value in _EMPTY and self.default_value is not None:
            value = self.default_value
        elif value in _EMPTY and not self.trailing_separator:
            return str(name)
        return f"{name}{self.separator}{value}"


@dataclass(frozen=True)
class ExpressionOptions:
    """What the user wrote; values of ``compose`` and ``groups`` that are not strings are meant as they are."""

    filters: tuple[str, ...]
    hostnames: tuple[str, ...]
    compose: Mapping[str, Any]
    groups: Mapping[str, Any]
    keyed_groups: tuple[KeyedGroup, ...]
    strict: bool


class _Expression:
    """One expression of the user, where it stands, and how it fared."""

    def __init__(self, option: str, text: Any, name: str = "") -> None:
        self.option = option
        self.text = text
        self.label = f"{name}: {text!r}" if name else repr(text)
        self.failures = 0
        self.first_failure = ""


class Expressions:
    """Evaluates the user's expressions over the variables of one host after another.

    Where ``strict`` is on, each method raises ExpressionError for an expression that fails.

    :param extra_variables: those that expressions may name too, and which are preferred
    """

    def __init__(self, templar: Templar, options: ExpressionOptions, extra_variables: Variables) -> None:
        self._templar = templar
        self._extra = extra_variables
        self._strict = options.strict
        self._filters = [_Expression("filters", text) for text in options.filters]
        self._hostnames = [_Expression("hostnames", text) for text in options.hostnames]
        self._compose = {name: _Expression("compose", text, name) for name, text in options.compose.items()}
        self._groups = {safe_group_name(name): _Expression("groups", text, name) for name, text in options.groups.items()}
        self._keyed_groups = [(_Expression("keyed_groups", keyed.key), keyed) for keyed in options.keyed_groups]

    def keep(self, node: str, variables: Variables) -> bool:
        """Return whether all filters hold; a node for which one fails is not kept."""
        return all(self._attempt(filter_, node, self._holds, filter_.text, variables) for filter_ in self._filters)

    def skipped(self) -> tuple[int, str]:
        """Return for how many nodes a filter failed, and the first failure."""
        failed = [filter_ for filter_ in self._filters if filter_.failures]
        return sum(filter_.failures for filter_ in failed), failed[0].first_failure if failed else ""

    def host_name(self, node: str, variables: Variables) -> str | None:
        """Return the first value of ``hostnames`` that is not empty, None where there is none."""
        for expression in self._hostnames:
            name = self._attempt(expression, node, self._value, expression.text, variables)
            if name not in _EMPTY:
                return str(name)
        return None

    def construct(self, plan: InventoryPlan, of_source: Variables) -> None:
        """Add to the plan what the user composes and groups.

        :param of_source: the variables that each host of this source has
        """
        if not (self._compose or self._groups or self._keyed_groups):
            return
        group_names = plan.group_names()
        for host, own in plan.hosts.items():
            magic = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0]}
            variables = {**own, **of_source, **magic, "group_names": group_names[host]}
            plan.composed[host] = self._composed(host, variables)
            variables |= plan.composed[host]
            for group, expression in self._groups.items():
                if self._attempt(expression, host, self._holds, expression.text, variables):
                    plan.add_member(group, host)
            for expression, keyed in self._keyed_groups:
                names, parent = self._attempt(expression, host, self._keyed, keyed, variables) or ((), "")
                for name in names:
                    plan.add_member(name, host)
                    if parent:
                        plan.add_parent(name, parent)

    def _composed(self, host: str, variables: Variables) -> dict[str, Any]:
        """Return the variables that the user composes; one whose expression fails is left out."""
        values = {
            # Up to 2.18, Ansible takes a number or a list for what it is; later, for no expression.
            name: self._attempt(expression, host, self._value, expression.text, variables, otherwise=_FAILED)
            if isinstance(expression.text, str)
            else expression.text
            for name, expression in self._compose.items()
        }
        return {name: value for name, value in values.items() if value is not _FAILED}

    def _keyed(self, keyed: KeyedGroup, variables: Variables) -> tuple[list[str], str]:
        """Return the names of a host's groups, and that of the group above them, empty where there is none."""
        value = self._value(keyed.key, variables)
        names = keyed.names(value)
        if not names and value in _EMPTY and self._strict:
            raise ExpressionError("the key is empty")
        # Only for a host that has such a group: its parent may be an expression that fails for others.
        parent = self._evaluated(Templar.template, keyed.parent_group, variables) if names and keyed.parent_group else None
        return names, safe_group_name(str(parent)) if parent else ""

    def _attempt(
        self, expression: _Expression, host: str, evaluate: Callable[..., Any], *arguments: Any, otherwise: Any = None
    ) -> Any:
        """Return what an expression evaluates to; a failure is counted."""
        try:
            return evaluate(*arguments)
        except ExpressionError as error:
            failure = readable(f"{host}: {expression.label}: {error}")
            if self._strict:
                raise ExpressionError(f"{expression.option} failed for {failure}") from None
            expression.failures += 1
            expression.first_failure = expression.first_failure or failure
            return otherwise

    def _value(self, expression: str, variables: Variables) -> Any:
        """Return the value of an expression; that of a variable's mere name costs no template."""
        if expression in variables and expression not in self._extra:
            return variables[expression]
        return self._evaluated(_value, expression, variables)

    def _holds(self, expression: str | bool, variables: Variables) -> bool:
        return bool(self._evaluated(_condition, expression, variables))

    def _evaluated(self, evaluate: Evaluate, text: Any, variables: Variables) -> Any:
        return evaluated(self._templar, evaluate, text, combine_vars(variables, self._extra) if self._extra else variables)


def evaluated(templar: Templar, evaluate: Evaluate, text: Any, variables: Variables) -> Any:
    """Return what Ansible makes of an expression or a template of the user.

    :raises ExpressionError: with Ansible's message, but not the lines of the file around the expression, which may hold a key
    """
    templar.available_variables = cast("dict[str, Any]", variables)
    try:
        return evaluate(templar, text)
    except Exception as error:  # noqa: BLE001  a filter or a lookup may raise anything
        raise ExpressionError(str(error)) from None


if hasattr(Templar, "evaluate_expression"):  # from 2.19 on

    def _value(templar: Templar, expression: str) -> Any:
        return templar.evaluate_expression(expression)

    def _condition(templar: Templar, expression: str | bool) -> bool:
        return templar.evaluate_conditional(expression)

else:

    def _value(templar: Templar, expression: str) -> Any:
        return templar.template("{{" + expression + "}}", disable_lookups=True)

    def _condition(templar: Templar, expression: str | bool) -> bool:
        return bool(boolean(templar.template(f"{{% if {expression} %}}True{{% else %}}False{{% endif %}}")))


@lru_cache(maxsize=4096)
def safe_group_name(name: str) -> str:
    """Return a name of safe characters for a group that the user constructs: up to 2.18 Ansible takes a name for a template."""
    return str.__str__(to_safe_group_name(name, force=True, silent=True)) or "_"
