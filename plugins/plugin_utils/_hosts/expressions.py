# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evaluate the user's expressions with Ansible's templar: filters, host names, composed variables, groups and keyed groups.

The rules for keyed groups are those of ``ansible.builtin.constructed`` in the newest ansible-core.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, cast

import jinja2
from ansible.inventory.group import to_safe_group_name
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from jinja2.parser import Parser

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, ExpressionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import did_you_mean, readable

try:
    from ansible._internal._templating import _jinja_bits
except ImportError:  # up to 2.18
    _jinja_bits = None  # type: ignore[assignment]

Variables = Mapping[str, Any]
Evaluate = Callable[[Templar, Any], Any]

# Options whose expressions are conditions, and never literal strings.
_CONDITIONS = ("filters", "groups")

# Values that count as empty.
_EMPTY = (None, "")

_COMPILE_CONTEXT: Any = getattr(_jinja_bits, "_TemplateCompileContext", None)
_HAS_ENGINE = hasattr(Templar, "evaluate_expression")  # from 2.19 on

# The value of a composed variable whose expression fails, because None is a value.
_FAILED = object()


class KeyedGroup(NamedTuple):
    """One item of the option ``keyed_groups``.

    :param key: the expression whose value names the groups
    :param lead: the start of each name: prefix and separator
    :param separator: the string between the key and the value of a dictionary
    :param parent_group: a template for the name of the parent group
    :param default_value: the string that replaces an empty value
    :param trailing_separator: whether the key of a dictionary keeps the separator if its value is empty
    """

    key: str
    lead: str
    separator: str
    parent_group: str | None
    default_value: str | None
    trailing_separator: bool

    def names(self, value: Any) -> list[str]:
        """Return the names of the groups for a value of the key.

        :raises ExpressionError: the value has another type
        """
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


class ExpressionOptions(NamedTuple):
    """The options with expressions. A value of ``compose`` or ``groups`` that is not a string is used as it is."""

    filters: tuple[str, ...]
    hostnames: tuple[str, ...]
    compose: Mapping[str, Any]
    groups: Mapping[str, Any]
    keyed_groups: tuple[KeyedGroup, ...]
    strict: bool


class Constructed(NamedTuple):
    """What expressions add to hosts.

    :param variables: the composed variables of each host
    :param memberships: group, host, and the parent of the group, empty if there is none
    """

    variables: dict[str, dict[str, Any]]
    memberships: list[tuple[str, str, str]]


class _Expression:
    """One expression of the user, its option, and its failures."""

    def __init__(self, option: str, text: Any, name: str = "") -> None:
        self.option = option
        self.text = text
        self.label = f"{name}: {text!r}" if name else repr(text)
        self.attempts = 0
        self.failures = 0
        self.first_failure = ""

    def advice(self, words: str, variables: Variables) -> str:
        """Return a sentence on what the user probably meant: a similar variable or a literal string. It is empty if not known.

        :param words: Ansible's message
        :param variables: the variables of the host
        """
        undefined = re.search(r"'(\w+)' is undefined", words)
        if undefined and (hint := did_you_mean(undefined[1], map(str, variables), cutoff=0.8)):
            return hint
        may_be_string = isinstance(self.text, str) and self.option not in _CONDITIONS
        if may_be_string and re.fullmatch(r"[\w.-]+", self.text):
            return f""" Put a literal string in two pairs of quotes: "'{self.text}'"."""
        return ""


class Expressions:
    """Evaluates the user's expressions with the variables of each host.

    If ``strict`` is on, each method raises ExpressionError for an expression that fails.

    :param extra_variables: variables that expressions can use too, and that take precedence
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
        """Return whether all filters are true for a node. A filter that cannot be evaluated counts as false."""
        return all(self._attempt(filter_, node, self._holds, filter_.text, variables) for filter_ in self._filters)

    def report(self, *, warning: Callable[[str], object], verbose: Callable[[str], object]) -> None:
        """Report the expressions that failed. A filter, and an expression that failed for every node, is a warning."""
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
        """Return the first value of ``hostnames`` that is not empty, None if there is none."""
        for expression in self._hostnames:
            name = self._attempt(expression, node, self._value, expression.text, variables)
            if name not in _EMPTY:
                return str.__str__(str(name))  # up to 2.18, str() keeps the mark of a marked string
        return None

    def construct(
        self,
        hosts: Mapping[str, Variables],
        group_names: Callable[[], Mapping[str, list[str]]],
        of_source: Variables,
        earlier: Mapping[str, Variables],
    ) -> Constructed:
        """Return the composed variables and the groups of the user.

        :param hosts: the variables of each host
        :param group_names: returns the sorted names of the groups of each host, without those of the user; called only if needed
        :param of_source: the variables that Ansible sets for each new host of this source
        :param earlier: the variables of each host of earlier sources; they may be templates
        """
        constructed = Constructed({}, [])
        if not (self._compose or self._groups or self._keyed_groups):
            return constructed
        names_of_groups = group_names()
        for host, own in hosts.items():
            magic = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0]}
            before = earlier.get(host, {})
            self._templates = self._extra.keys() | (before.keys() - own.keys())
            variables = {**of_source, **before, **own, **magic, "group_names": names_of_groups[host]}
            constructed.variables[host] = self._composed(host, variables)
            variables |= constructed.variables[host]
            for group, expression in self._groups.items():
                if self._attempt(expression, host, self._holds, expression.text, variables):
                    constructed.memberships.append((group, host, ""))
            for expression, keyed in self._keyed_groups:
                names, parent = self._attempt(expression, host, self._keyed, keyed, variables) or ((), "")
                constructed.memberships.extend((name, host, parent) for name in names)
        return constructed

    def _composed(self, host: str, variables: Variables) -> dict[str, Any]:
        """Return the composed variables, without those whose expressions fail."""
        values = {
            # Up to 2.18, Ansible uses a number or a list as it is. Later versions refuse it as an expression.
            name: self._attempt(expression, host, self._value, expression.text, variables, otherwise=_FAILED)
            if isinstance(expression.text, str)
            else expression.text
            for name, expression in self._compose.items()
        }
        return {name: value for name, value in values.items() if value is not _FAILED}

    def _keyed(self, keyed: KeyedGroup, variables: Variables) -> tuple[list[str], str]:
        """Return the names of the groups of a host, and the name of their parent group, empty if there is none."""
        value = self._value(keyed.key, variables)
        names = keyed.names(value)
        if not names and value in _EMPTY and self._strict:
            raise ExpressionError("the key is empty")
        # Evaluated only for a host in such a group, because the template of the parent may fail for other hosts.
        parent = self._evaluated(Templar.template, keyed.parent_group, variables) if names and keyed.parent_group else None
        return names, safe_group_name(str(parent)) if parent else ""

    def _attempt(
        self, expression: _Expression, host: str, evaluate: Callable[..., Any], *arguments: Any, otherwise: Any = None
    ) -> Any:
        """Return the result of an expression, or ``otherwise`` if it fails.

        :param evaluate: is called with the arguments
        :raises ExpressionError: the expression fails, and ``strict`` is on
        """
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
        """Return the value of an expression. The name of a variable needs no template."""
        if expression in variables and expression not in self._templates:
            return variables[expression]
        return self._evaluated(_value, expression, variables)

    def _holds(self, expression: str | bool, variables: Variables) -> bool:
        return bool(self._evaluated(_condition, expression, variables))

    def _evaluated(self, evaluate: Evaluate, text: Any, variables: Variables) -> Any:
        return evaluated(self._templar, evaluate, text, combine_vars(variables, self._extra) if self._extra else variables)


def evaluated(templar: Templar, evaluate: Evaluate, text: Any, variables: Variables) -> Any:
    """Return the value of an expression or a template of the user.

    :raises ExpressionError: the evaluation fails; the message is Ansible's, without lines of the file, which may contain a key
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
        """Return whether a condition is true. Its result must be a boolean, as from 2.19 on."""
        test = f"{{% set _result = {expression} %}}{{% if _result %}}+{{% else %}}-{{% endif %}}{{{{ _result | type_debug }}}}"
        result = templar.template(test)
        if result not in ("+bool", "-bool"):
            raise ExpressionError(f"Conditionals must have a boolean result, not a value of type {result[1:]!r}.")
        return str(result) == "+bool"


@contextmanager
def compiled_once(templar: Templar) -> Iterator[None]:
    """Make the templar compile each expression once. Ansible compiles it for every host, which takes most of the time.

    Ansible still evaluates the expressions, so no result changes. This relies on these internals of ansible-core: the environment
    of the templar; that it compiles with Jinja2's ``compile_expression`` and ``compile``; and that two compilations of one string
    differ only in whether backslashes are escaped (``_TemplateCompileContext``). Without these internals, this does nothing.
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

    # A class, because Jinja2 would copy attributes to the environment of a template with other delimiters.
    original = type(environment)
    methods = {name: memoized(getattr(original, name)) for name in ("compile", "compile_expression")}
    environment.__class__ = type(original.__name__, (original,), methods)
    try:
        yield
    finally:
        environment.__class__ = original


def check_syntax(option: str, text: str, *, is_template: bool = False) -> None:
    """Check the syntax of an expression or a template. Whether its filters and tests are installed is not checked.

    :param option: the name of the option, for the message
    :raises ConfigurationError: Jinja2 cannot parse the expression
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
    """Return a group name of safe characters. Up to 2.18, Ansible may take other names for templates."""
    return str.__str__(to_safe_group_name(name, force=True, silent=True)) or "_"
