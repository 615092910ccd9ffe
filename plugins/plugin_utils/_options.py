# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the options and return them as one frozen value.

Ansible has already read them from the file and the environment, and converted their types where it can.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ansible.template import Templar

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import CredentialOptions
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, ExpressionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import (
    ExpressionOptions,
    KeyedGroup,
    check_syntax,
    evaluated,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection, parse_projects, parse_runs
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.source import ReadOptions
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import state_name
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import WaitOptions
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import did_you_mean, readable

# As Ansible takes them. Ansible makes false of any other string, which would turn a check off: YAML's null is not "none".
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0"})

# Types that YAML or a template can return for a value, besides strings and numbers.
_NO_STRING = (bytes, date, dict, list, set, tuple)

# Python's clocks and timers accept about nine times as many seconds at most.
_MOST = 10**9
_MOST_REQUESTS = 1000

# Later versions of Ansible refuse any other name.
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# The keys of an item of keyed_groups that Ansible documents.
_KEYED_GROUP = ("key", "prefix", "separator", "parent_group", "default_value", "trailing_separator")

_OPTIONS_DOCUMENTED = "To list the options, run: ansible-doc -t inventory navercloud.nsml.nodes"

_KEYS = ("access_key", "secret_key", "api_key")

# An empty value would silently select other projects or another account.
_NEVER_EMPTY = (*_KEYS, "profile", "project", "run")

# An empty string would silently select another server, other CAs, or a cache in the current directory.
_NEVER_BLANK = (*_NEVER_EMPTY, "api_url", "ca_path", "cache_plugin", "cache_connection")

# Expressions are evaluated for each host. Ansible reads the name of the plugin before it evaluates anything.
_NOT_TEMPLATES = ("plugin", "filters", "hostnames", "compose", "groups", "keyed_groups")


class _Kind(NamedTuple):
    """The values that an option of one type may have.

    :param words: the type, in words for a message
    :param fits: returns whether a value can be used
    :param example: an example of a value, as in the file
    """

    words: str
    fits: Callable[[Any], bool]
    example: str


def _converts(to: Callable[[Any], object], *types: type) -> Callable[[Any], bool]:
    """Return a function that returns whether Ansible can convert a value to a type.

    The function leaves a value that YAML does not make, such as a vaulted one, to Ansible.

    :param types: types that Ansible would convert, although they are not meant
    """

    def fits(value: Any) -> bool:
        if isinstance(value, types):
            return False
        if isinstance(value, (str, int, float)):
            try:
                to(value)
            except (ValueError, OverflowError):  # an integer may be too large for a float
                return False
        return True

    return fits


_INTEGER = _Kind("an integer", _converts(int, bool, float, *_NO_STRING), "10")
_NUMBER = _Kind("a number", _converts(float, bool, *_NO_STRING), "10")
_BOOLEAN = _Kind("true or false", lambda value: str(value).lower() in _BOOLEANS, "true")
_STRING = _Kind("a string", lambda value: not isinstance(value, _NO_STRING), '"a string in quotes"')
_LIST = _Kind("a list", lambda value: isinstance(value, (str, list, tuple)), "[one, two]")
_DICTIONARY = _Kind("a dictionary", lambda value: isinstance(value, dict), "{name: value}")

# By the names of the types in documentation.
_KINDS = {
    "int": _INTEGER,
    "integer": _INTEGER,
    "float": _NUMBER,
    "bool": _BOOLEAN,
    "boolean": _BOOLEAN,
    "str": _STRING,
    "string": _STRING,
    "path": _STRING,
    "list": _LIST,
    "dict": _DICTIONARY,
    "dictionary": _DICTIONARY,
}

# For options where the example of the type is not helpful.
_EXAMPLES = {
    "page_size": "100",
    "wait_timeout": "600",
    "states": "[running]",
    "filters": "[nsml_rank < 8]",
    "hostnames": "[nsml_name]",
    "group_by": "[project, run]",
    "compose": "{ansible_user: \"'ubuntu'\"}",
    "groups": "{leaders: nsml_rank == 0}",
    "keyed_groups": "[{key: nsml_resource_type}]",
}


@dataclass(frozen=True)
class Options(ReadOptions):
    """The checked options of an inventory file. The units are those of the plugin's documentation."""

    states: frozenset[str]
    expressions: ExpressionOptions
    hostvars_prefix: str
    group_by: tuple[str, ...]
    strict: bool


def _environment(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables that set an option, in order of precedence, with their values. Skip empty ones.

    :param definition: the documentation of the option
    """
    variables = (variable["name"] for variable in reversed(definition.get("env", ())))
    return {name: value for name in variables if (value := os.environ.get(name))}


def without_empty_variables(
    values: Mapping[str, Any], given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the values of options, where an empty environment variable counts as not set.

    Pipelines set the variable of a secret that they do not have to the empty string. Ansible would use this value, and ignore
    the other variables of the option.

    :param values: the values that Ansible read, by option
    :param given: the options that the user wrote
    :param known: the documentation of each option
    """
    return {
        name: next(iter(_environment(known[name]).values()), known[name].get("default"))
        if value == "" and name not in given
        else value
        for name, value in values.items()
    }


def warning_of_empty_project(given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a warning if the environment variable for the project is empty, so that it has no effect. Else, it is empty.

    :param given: the options that the user wrote
    :param known: the documentation of each option
    """
    (variable,) = (variable["name"] for variable in known["project"]["env"])
    if "project" in given or os.environ.get(variable) != "":
        return ""
    return (
        f"The environment variable {variable} is empty, so the plugin reads every project that the keys can see. Unset the"
        " variable, or set a project."
    )


def credential_options(values: Mapping[str, Any], given: Mapping[Any, Any], origins: Mapping[str, str]) -> CredentialOptions:
    """Return the credentials. If the user wrote a profile, keys in the environment do not override it.

    :param values: the values that Ansible read, by option
    :param given: the options that the user wrote
    :param origins: where each key comes from, in words, by option
    """
    of_pair = given if given.get("profile") else values
    pair = of_pair.get("access_key"), of_pair.get("secret_key")
    return CredentialOptions(*pair, values["api_key"], values["profile"], origins)


def check_file(values: Mapping[str, Any], given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]]) -> Options:
    """Return the checked options of an inventory file.

    :param values: the values that Ansible read, by option
    :param given: the options that the file sets
    :param known: the documentation of each option
    :raises ConfigurationError: an option cannot be used; the message names it
    """
    values = without_empty_variables(values, given, known)
    return check(values, credential_options(values, given, origins_of_keys(given, known, "the inventory file")))


def origins_of_keys(given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]], place: str) -> dict[str, str]:
    """Return where each key comes from, in words, by option.

    :param given: the options that the user wrote
    :param known: the documentation of each option
    :param place: where the user wrote them, in words
    """
    return {
        name: place if given.get(name) else f"the environment variable {next(iter(_environment(known[name])), '')}"
        for name in _KEYS
    }


def check(values: Mapping[str, Any], credentials: CredentialOptions) -> Options:
    """Return the checked options.

    :param values: the values that Ansible read, by option
    :raises ConfigurationError: an option cannot be used; the message names it
    """
    return Options(
        **vars(read_options(values, credentials)),
        states=_states(_strings("states", values["states"])),
        expressions=_expressions(values),
        hostvars_prefix=_prefix(values["hostvars_prefix"]),
        group_by=_strings("group_by", values["group_by"]),
        strict=values["strict"],
    )


def read_options(values: Mapping[str, Any], credentials: CredentialOptions) -> ReadOptions:
    """Return the checked options that choose and read runs.

    :param values: the values that Ansible read, by option
    :raises ConfigurationError: an option cannot be used; the message names it
    """
    return ReadOptions(
        selection=Selection(parse_projects(values["project"]), parse_runs(values["run"])),
        api_url=values["api_url"],
        page_size=_integer("page_size", values["page_size"], 1),
        concurrency=_integer("concurrency", values["concurrency"], 1, _MOST_REQUESTS),
        timeout=seconds("timeout", values["timeout"]),
        retries=_integer("retries", values["retries"], 0),
        deadline=seconds("deadline", values["deadline"]),
        verify=_verify(values["validate_certs"], values["ca_path"]),
        wait_options=WaitOptions(
            timeout=_integer("wait_timeout", values["wait_timeout"], 0),
            interval=seconds("wait_interval", values["wait_interval"]),
            nodes=None if values["wait_nodes"] is None else _integer("wait_nodes", values["wait_nodes"], 1),
        ),
        credentials=credentials,
    )


def evaluate_file(
    given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]], templar: Templar, extra_variables: Mapping[str, Any]
) -> dict[Any, Any]:
    """Return the options that the inventory file sets, with their templates evaluated.

    :param given: the options that the file sets
    :param known: the documentation of each option
    :param extra_variables: the variables that templates may use
    :raises ConfigurationError: an option is unknown, empty, of another type, or a template that cannot be evaluated
    """
    check_given(given, known)
    check_types({name: value for name, value in given.items() if not isinstance(value, str)}, known)
    values = {}
    for name, value in given.items():
        try:
            values[name] = value if name in _NOT_TEMPLATES else evaluated(templar, Templar.template, value, extra_variables)
        except ExpressionError as error:
            raise _template_error(name, str(error)) from None
    check_types(values, known)
    check_not_empty(values)
    # Ansible would split a single expression at its commas.
    single = {name: [values[name]] for name in ("filters", "hostnames") if isinstance(values.get(name), str)}
    return {**values, **single}


def check_given(
    given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]], noun: str = "option", documented: str = _OPTIONS_DOCUMENTED
) -> None:
    """Refuse an unknown name, which Ansible would ignore.

    :param given: the options or arguments that the user wrote
    :param known: the documentation of each option
    :param noun: "option" or "argument", for the message
    :param documented: a sentence that says where they are documented, for the message
    :raises ConfigurationError: a name is unknown; the message suggests the nearest one
    """
    for name in given:
        if name not in known:
            raise ConfigurationError(f"Unknown {noun} {str(name)!r}.{did_you_mean(str(name), known)} {documented}")


def check_types(given: Mapping[Any, Any], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a value of another type. Ansible's own check quotes keys, and up to 2.18 truncates fractions.

    :param given: the options that the user wrote
    :param known: the documentation of each option
    :raises ConfigurationError: a value has another type; the message names the option and an example, and never shows a key
    """
    for name, value in given.items():
        kind = _KINDS.get(known.get(name, {}).get("type", ""))
        if kind is None or value is None or kind.fits(value):
            _check_choices(name, value, known.get(name, {}))
            continue
        shown = "" if name in _KEYS else f": {_shown(value)}"
        example = _EXAMPLES.get(name, kind.example)
        raise ConfigurationError(
            f"Invalid value for '{name}'{shown}. The value must be {kind.words}, for example {name}: {example}"
        )


def _check_choices(name: str, value: Any, definition: Mapping[str, Any]) -> None:
    """Refuse an item that is not one of the choices of a list. The message of Ansible differs between versions."""
    if definition.get("type") != "list" or "choices" not in definition or value is None:
        return
    for item in value.split(",") if isinstance(value, str) else value:
        if not isinstance(item, str) or item.strip() not in definition["choices"]:
            choices = ", ".join(map(repr, definition["choices"]))
            raise ConfigurationError(f"Invalid value for '{name}': {_shown(item)}. Each item must be one of {choices}.")


def _template_error(name: str, words: str) -> ConfigurationError:
    """Return the error for a template that cannot be evaluated.

    :param words: Ansible's message, which is not shown for a key, because it may quote the template with a key in it
    """
    if undefined := re.search(r"'([A-Za-z_]\w*)' is undefined", words):
        return ConfigurationError(
            f"Cannot evaluate the template in '{name}': the variable '{undefined[1]}' is undefined. Group and host variables do"
            " not exist yet when Ansible reads an inventory. Use an extra variable (-e), an environment variable, or a vaulted"
            f" value in the file: {name}: !vault ..."
        )
    reason = "" if name in _KEYS else f": {readable(words).rstrip('.')}"
    return ConfigurationError(f"Cannot evaluate the template in '{name}'{reason}. Check the template and its variables.")


def _shown(value: Any) -> str:
    """Return a value for a message. A list or a dictionary is not shown, because it may contain a misplaced key."""
    names = {dict: "a dictionary", list: "a list"}
    return next((words for kind, words in names.items() if isinstance(value, kind)), readable(repr(value)))


def check_not_empty(given: Mapping[Any, Any]) -> None:
    """Refuse an option that is set to an empty value, for example by a template whose variable is empty.

    :param given: the options that the user wrote, with their templates evaluated
    :raises ConfigurationError: an option is empty; the message names it
    """
    for name in _NEVER_BLANK:
        value = given.get(name, name)
        is_blank = isinstance(value, str) and not value.strip()
        if is_blank or (name in _NEVER_EMPTY and value in (None, [])):
            without = " Without 'project', the plugin reads every project that the keys can see." if name == "project" else ""
            raise ConfigurationError(f"'{name}' is empty. Set a value or remove the option.{without}")


def _integer(name: str, value: int, least: int, most: int = _MOST) -> int:
    if value < least:
        raise ConfigurationError(f"Invalid value for '{name}': {value}. The minimum is {least}.")
    if value > most:
        raise ConfigurationError(f"The value of '{name}' is too large. The maximum is {most:,}.")
    return value


def seconds(name: str, value: float) -> float:
    """Return the value of an option, which must be a number of seconds.

    :raises ConfigurationError: the number is not greater than 0, or too large for a clock
    """
    if not value > 0:
        raise ConfigurationError(f"Invalid value for '{name}': {value}. The value must be a number of seconds greater than 0.")
    if value > _MOST:
        raise ConfigurationError(f"The value of '{name}' is too large. The maximum is {_MOST:,} seconds.")
    return value


def _expressions(values: Mapping[str, Any]) -> ExpressionOptions:
    options = ExpressionOptions(
        filters=_strings("filters", values["filters"]),
        hostnames=_strings("hostnames", values["hostnames"]),
        compose={str(name): expression for name, expression in (values["compose"] or {}).items()},
        groups={str(name): expression for name, expression in (values["groups"] or {}).items()},
        keyed_groups=tuple(_keyed_group(entry, values["leading_separator"]) for entry in values["keyed_groups"] or ()),
        strict=values["strict"],
    )
    for name in options.compose:
        if not _VARIABLE_NAME.fullmatch(name):
            raise ConfigurationError(
                f"Invalid variable name in 'compose': {name!r}. Use letters, digits and underscores, and do not start"
                " with a digit."
            )
    for name, expression in options.groups.items():
        if not isinstance(expression, (str, bool)):
            raise ConfigurationError(
                f"Invalid value for {name!r} in 'groups': {expression!r}. The value must be an expression, for example {name}:"
                " nsml_rank == 0"
            )
    for option, expressions in {
        "filters": options.filters,
        "hostnames": options.hostnames,
        "compose": options.compose.values(),
        "groups": options.groups.values(),
        "keyed_groups": [keyed.key for keyed in options.keyed_groups],
    }.items():
        for expression in expressions:
            if isinstance(expression, str):
                check_syntax(option, expression)
    for keyed in options.keyed_groups:
        if isinstance(keyed.parent_group, str):
            check_syntax("keyed_groups", keyed.parent_group, is_template=True)
    return options


def _keyed_group(entry: Any, leading_separator: bool) -> KeyedGroup:
    """Return an item of ``keyed_groups``. Ansible does not check its keys."""
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"Invalid item in 'keyed_groups': {entry!r}. Each item must be a dictionary with a 'key'.")
    for name in entry:
        if name not in _KEYED_GROUP:
            raise ConfigurationError(
                f"Unknown key {str(name)!r} in an item of 'keyed_groups'.{did_you_mean(str(name), _KEYED_GROUP)}"
                f" Available keys: {', '.join(map(repr, _KEYED_GROUP))}."
            )
    given = {name: value for name, value in entry.items() if value is not None}
    if not isinstance(given.get("key"), str):
        raise ConfigurationError(
            f"Invalid 'key' in an item of 'keyed_groups': {repr(given['key']) if 'key' in given else 'no value'}."
            " The key must be a string with an expression, for example key: nsml_resource_type"
        )
    if "default_value" in given and "trailing_separator" in given:
        raise ConfigurationError(
            "An item of 'keyed_groups' has both 'default_value' and 'trailing_separator'. Use only one of them."
        )
    prefix, separator = str(given.get("prefix", "")), str(given.get("separator", "_"))
    return KeyedGroup(
        key=given["key"],
        lead="" if not prefix and not leading_separator else prefix + separator,
        separator=separator,
        parent_group=given.get("parent_group"),
        default_value=str(given["default_value"]) if "default_value" in given else None,
        trailing_separator=given.get("trailing_separator") is not False,
    )


def _states(names: Sequence[str]) -> frozenset[str]:
    states = frozenset(state for name in names if (state := state_name(name)))
    if names and not states:
        raise ConfigurationError(f"Invalid item in 'states': {names[0]!r}. Use a state such as 'running'.")
    return states


def _verify(validate_certs: bool, ca_path: str | None) -> bool | str:
    if not validate_certs or not ca_path:
        return validate_certs
    if not Path(ca_path).exists():
        raise ConfigurationError(
            f"Invalid value for 'ca_path': {ca_path!r}. This file or directory does not exist. Check the path."
        )
    return ca_path


def _prefix(prefix: str) -> str:
    if not _VARIABLE_NAME.fullmatch(prefix) or prefix.startswith("ansible_"):
        raise ConfigurationError(
            f"Invalid value for 'hostvars_prefix': {prefix!r}. Use letters, digits and underscores, and do not start with a digit"
            " or with 'ansible_'."
        )
    return prefix


def _strings(name: str, values: list[Any]) -> tuple[str, ...]:
    for number, value in enumerate(values, 1):
        if not isinstance(value, str):  # not shown, because it may be vaulted
            raise ConfigurationError(
                f"Item {number} of '{name}' must be a string. Quote values that YAML reads as a date, a list or a number."
            )
    return tuple(values)
