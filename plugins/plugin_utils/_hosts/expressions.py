# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's expressions: filters, host names, composed variables, groups and keyed groups. Ansible's templar evaluates them all.

The rules for keyed groups are those of ``ansible.builtin.constructed``, the newest where versions of ansible-core differ.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import jinja2
from ansible.inventory.group import to_safe_group_name
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from jinja2.parser import Parser

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, ExpressionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import InventoryPlan
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable

try:
    from ansible._internal._templating import _jinja_bits
except ImportError:  # up to 2.18
    _jinja_bits = None  # type: ignore[assignment]

Variables = Mapping[str, Any]
Evaluate = Callable[[Templar, Any], Any]

# Options whose expressions are conditions, so never a literal string.
_CONDITIONS = ("filters", "groups")

# What counts as no value for the key of a keyed group.
_EMPTY = (None, "")

_COMPILE_CONTEXT: Any = getattr(_jinja_bits, "_TemplateCompileContext", None)
_HAS_ENGINE = hasattr(Templar, "evaluate_expression")  # from 2.19 on

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
            raise ExpressionError(
                f"the key must be a string, a number, a list or a dictionary, and its type is {type(value).__name__!r}"
            )
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
        self.attempts = 0
        self.failures = 0
        self.first_failure = ""

    def advice(self, words: str, variables: Variables) -> str:
        """Return what was probably meant, empty where that is not known: a variable of another name, or a literal.

        :param words: Ansible's, for the failure
        :param variables: those of the host
        """
        undefined = re.search(r"'(\w+)' is undefined", words)
        nearest = difflib.get_close_matches(undefined[1], map(str, variables), n=1, cutoff=0.8) if undefined else []
        if nearest:
            return f" Did you mean {nearest[0]!r}?"
        may_be_string = isinstance(self.text, str) and self.option not in _CONDITIONS
        if may_be_string and re.fullmatch(r"[\w.-]+", self.text):
            return f""" Put a literal string in two pairs of quotes: "'{self.text}'"."""
        return ""


class Expressions:
    """Evaluates the user's expressions over the variables of one host after another.

    Where ``strict`` is on, each method raises ExpressionError for an expression that fails.

    :param extra_variables: those that expressions may name too, and which are preferred
    """

    def __init__(self, templar: Templar, options: ExpressionOptions, extra_variables: Variables) -> None:
        self._templar = templar
        self._extra = extra_variables
        self._templates: Set[str] = extra_variables.keys()
        self._strict = options.strict
        self._filters = [_Expression("filters", text) for text in options.filters]
        self._hostnames = [_Expression("hostnames", text) for text in options.hostnames]
        self._compose = {name: _Expression("compose", text, name) for name, text in options.compose.items()}
        self._groups = {safe_group_name(name): _Expression("groups", text, name) for name, text in options.groups.items()}
        self._keyed_groups = [(_Expression("keyed_groups", keyed.key), keyed) for keyed in options.keyed_groups]

    def keep(self, node: str, variables: Variables) -> bool:
        """Return whether all filters hold; a node for which one fails is not kept."""
        return all(self._attempt(filter_, node, self._holds, filter_.text, variables) for filter_ in self._filters)

    def report(self, *, warning: Callable[[str], object], verbose: Callable[[str], object]) -> None:
        """Tell of the expressions that failed: those that failed on every node, and filters, are warnings."""
        skipped = [filter_ for filter_ in self._filters if filter_.failures]
        if skipped:
            count = sum(filter_.failures for filter_ in skipped)
            nodes = "1 node" if count == 1 else f"{count:,} nodes"
            warning(f"Skipped {nodes} because a filter could not be evaluated. First: {skipped[0].first_failure}")
        keyed_groups = [expression for expression, _keyed in self._keyed_groups]
        for expression in (*self._hostnames, *self._compose.values(), *self._groups.values(), *keyed_groups):
            if expression.failures == expression.attempts > 0:
                warning(f"Cannot evaluate an expression in '{expression.option}' for any node. First: {expression.first_failure}")
            elif expression.failures:
                failed = f"{expression.failures:,} of {expression.attempts:,} nodes"
                verbose(f"Cannot evaluate an expression in '{expression.option}' for {failed}. First: {expression.first_failure}")

    def host_name(self, node: str, variables: Variables) -> str | None:
        """Return the first value of ``hostnames`` that is not empty, None where there is none."""
        for expression in self._hostnames:
            name = self._attempt(expression, node, self._value, expression.text, variables)
            if name not in _EMPTY:
                return str.__str__(str(name))  # up to 2.18, a marked string stays marked otherwise
        return None

    def construct(self, plan: InventoryPlan, of_source: Variables, earlier: Mapping[str, Variables]) -> None:
        """Add to the plan what the user composes and groups.

        :param of_source: the variables that each host of this source has
        :param earlier: the variables of hosts that earlier sources of the inventory have brought; they may be templates
        """
        if not (self._compose or self._groups or self._keyed_groups):
            return
        group_names = plan.group_names()
        for host, own in plan.hosts.items():
            magic = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0]}
            before = earlier.get(host, {})
            self._templates = self._extra.keys() | (before.keys() - own.keys())
            variables = {**of_source, **before, **own, **magic, "group_names": group_names[host]}
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
        expression.attempts += 1
        try:
            return evaluate(*arguments)
        except ExpressionError as error:
            if self._strict or not expression.failures:
                words = f"{host}: {expression.label}: {error}".rstrip(".")
                expression.first_failure = readable(f"{words}.{expression.advice(str(error), arguments[-1])}")
            if self._strict:
                raise ExpressionError(
                    f"Cannot evaluate an expression in '{expression.option}' for {expression.first_failure}"
                ) from None
            expression.failures += 1
            return otherwise

    def _value(self, expression: str, variables: Variables) -> Any:
        """Return the value of an expression; that of a variable's mere name costs no template."""
        if expression in variables and expression not in self._templates:
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


if _HAS_ENGINE:

    def _value(templar: Templar, expression: str) -> Any:
        return templar.evaluate_expression(expression)

    def _condition(templar: Templar, expression: str | bool) -> bool:
        return templar.evaluate_conditional(expression)

else:

    def _value(templar: Templar, expression: str) -> Any:
        return templar.template("{{" + expression + "}}", disable_lookups=True)

    def _condition(templar: Templar, expression: str | bool) -> bool:
        """Return whether a condition holds; its result must be a boolean, as from 2.19 on."""
        test = f"{{% set _result = {expression} %}}{{% if _result %}}+{{% else %}}-{{% endif %}}{{{{ _result | type_debug }}}}"
        result = templar.template(test)
        if result not in ("+bool", "-bool"):
            raise ExpressionError(f"Conditionals must have a boolean result, not a value of type {result[1:]!r}.")
        return str(result) == "+bool"


@contextmanager
def compiled_once(templar: Templar) -> Iterator[None]:
    """Have the templar compile each expression once: Ansible would, for every host anew, which is most of what one costs.

    Evaluation stays Ansible's own, so no result changes. This relies on these internals of ansible-core: the environment of the
    templar, that it compiles by Jinja2's ``compile_expression`` and ``compile``, and that only whether backslashes are escaped
    (``_TemplateCompileContext``) makes a difference between two compilations of one string. Without them, nothing is kept.
    """
    engine = getattr(templar, "_engine", None) if _HAS_ENGINE else templar
    environment = getattr(engine, "environment", None)
    if environment is None or (_HAS_ENGINE and _COMPILE_CONTEXT is None):
        yield
        return
    kept: dict[Any, Any] = {}

    def memoized(compile_: Callable[..., Any]) -> Callable[..., Any]:
        def compile_once(self: jinja2.Environment, source: Any, *arguments: Any, **options: Any) -> Any:
            context = _COMPILE_CONTEXT and _COMPILE_CONTEXT.current(optional=True)
            key = (compile_, self, source, arguments, *options.items(), context and context.escape_backslashes)
            if key not in kept:
                kept[key] = compile_(self, source, *arguments, **options)
            return kept[key]

        return compile_once

    # A class, not attributes of the environment: Jinja2 would copy these to the environment of a template with other delimiters.
    original = type(environment)
    methods = {name: memoized(getattr(original, name)) for name in ("compile", "compile_expression")}
    environment.__class__ = type(original.__name__, (original,), methods)
    try:
        yield
    finally:
        environment.__class__ = original


def check_syntax(option: str, text: str, *, is_template: bool = False) -> None:
    """Refuse an expression, or a template, that Jinja2 cannot parse; filters and tests that are not installed are no matter here.

    :raises ConfigurationError: with the option and the expression
    """
    source = re.sub(r"\\.", "_", text, flags=re.DOTALL)  # Ansible escapes backslashes before Jinja2 reads them
    environment = jinja2.Environment(autoescape=True)
    try:
        if is_template:
            environment.parse(source)
            return
        parser = Parser(environment, source, state="variable")
        parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("unexpected characters after the end of the expression", parser.stream.current.lineno)
    except jinja2.TemplateSyntaxError as error:
        braces = (
            " Remove the braces: the value must be an expression, not a template." if not is_template and "{{" in text else ""
        )
        raise ConfigurationError(readable(f"Syntax error in '{option}': {text!r}: {error.message}.{braces}")) from None


@lru_cache(maxsize=4096)
def safe_group_name(name: str) -> str:
    """Return a name of safe characters for a group that the user constructs: up to 2.18 Ansible takes a name for a template."""
    return str.__str__(to_safe_group_name(name, force=True, silent=True)) or "_"
