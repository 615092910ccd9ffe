# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attack suite: the API's strings are made to look like templates, and nothing is ever executed.

Ansible's real commands run against a real server on loopback that sends hostile strings only.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from ansible import template

from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.trust import is_safe, unmarked, untrusted, with_shared_tags
from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.unit.inventory import KEYS, PROJECT_ID, Loaded, load, row

# What 7191 * 7193 is, if anybody works it out.
WORKED_OUT = str(7191 * 7193)

HEADER = "#jinja2:variable_start_string:'[[',variable_end_string:']]'"

EXPRESSIONS = """
compose:
  c_plain: nsml_command
  c_joined: "'x' ~ nsml_command ~ nsml_nested"
  c_formatted: "'%s and %s' | format(nsml_command, nsml_project_name)"
  c_list: "[nsml_command, nsml_nested.list]"
  c_deep: "{'k': [nsml_nested.list[0], nsml_nested.list[0] ~ 'y']}"
  c_all: nsml_nested | string
  c_key: nsml_keys | list | first
  c_key_joined: (nsml_keys | list | first) ~ ''
  c_key_listed: "[(nsml_keys | list | first) ~ 'z']"
  c_key_text: nsml_keys | string
  c_key_json: nsml_keys | to_json
  c_name: nsml_name
groups:
  everyone: nsml_command is defined
  c_same: nsml_command == nsml_nested.list[0]
keyed_groups:
  - key: nsml_command
  - key: nsml_command
    prefix: ""
    separator: ""
  - key: "nsml_command ~ 'x'"
    prefix: joined
    parent_group: parents
  - key: nsml_nested.list
    prefix: listed
  - key: nsml_keys
    prefix: mapped
  - key: nsml_keys | list
    prefix: keys
filters:
  - nsml_command != 'no'
  - (nsml_command ~ nsml_nested.list[0]) | length > 0
"""

HOSTNAMES = ["", "hostnames: [nsml_command]\n", "hostnames: [\"nsml_command ~ '-' ~ nsml_nested.list[0]\"]\n"]

# Each variable in each way that a play may use it.
PLAY = """
- hosts: all
  gather_facts: false
  vars:
    chained: "{{ nsml_command }} and {{ nsml_nested }}"
    twice: "{{ chained }}"
  tasks:
    - debug:
        var: hostvars[inventory_hostname]
    - debug:
        msg: "{{ inventory_hostname }} {{ group_names }} {{ groups }} {{ twice }} {{ ansible_play_hosts }}"
    - debug:
        msg: "{{ query('vars', *query('varnames', '^(nsml_|c_)')) }}"
    - set_fact:
        fact: "{{ nsml_command }}{{ nsml_nested }}"
        fact_key: "{{ (nsml_keys | list | first) ~ '' }}"
    - debug:
        msg: "{{ fact }} {{ fact_key }} {{ c_key_joined }} {{ c_joined }}"
"""


class Hostile:
    """A server whose every string is one of these, and the file that any of them would make."""

    def __init__(self, directory: Path) -> None:
        self.marker = directory / "MARKER"
        touch = f"lookup('pipe','touch {self.marker}')"
        self.strings = [
            "{{ " + touch + " }}",
            "{% if " + touch + " %}{% endif %}",
            f"{HEADER}\n[[ {touch} ]]",
            f"!unsafe '{{{{ {touch} }}}}'",
            "{{ 7191*7193 }}",
            "{% set x = 7191*7193 %}{{ x }}",
            f"{HEADER}\n[[ 7191*7193 ]]",
            "{{ '{{ 7191*7193 }}' }}",
        ]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answer, self))
        self.url = f"http://127.0.0.1:{self.server.server_port}/nsml/v1"
        # Each string is also the name of a run, and nothing else about it is safe.
        self.runs = [
            dict.fromkeys(("runType", "projectName", "runName", "status", "creator", "createTime"), text)
            | {"projectId": f"{PROJECT_ID}{index}"}
            for index, text in enumerate(self.strings)
        ]
        self.projects = [
            {"projectId": run["projectId"], "projectName": run["projectName"], "status": run["status"]} for run in self.runs
        ]

    def answer(self, path: str) -> dict[str, Any]:
        """The body for a path, without the API's own."""
        if path == "/projects":
            return {"projects": self.projects, "totalCount": len(self.projects)}
        if path == "/projects/runs":
            return {"runList": self.runs}
        (text,) = [text for text in self.strings if path.endswith(f"/runs/{text}/nodes")] or self.strings[:1]
        nodes = self.nodes(text) if "/runs/2/" not in path else [node for text in self.strings for node in self.nodes(text)]
        return {"nodes": nodes, "totalCount": len(nodes)}

    def nodes(self, text: str) -> list[dict[str, Any]]:
        """Two nodes: one whose every field is hostile, and one that is as it should be but for what is free text."""
        nested = {
            "nested": {"list": [text, [text]], "map": {text: {text: text}}, "number": 1},
            "keys": {text: 1},
            text: text,
            "__ansible_unsafe": text,
            "typed": [{"__ansible_type": "TrustedAsTemplate", "value": text}, {"__ansible_unsafe": text}],
        }
        every = {**dict.fromkeys(row(), text), "nodeId": f"a {text}", **nested}
        some = row(nodeId=f"b {text}", projectName=text, resourceType=text, command=text, host=text, **nested)
        return [every, some]


class Answer(BaseHTTPRequestHandler):
    """Answers one connection."""

    def __init__(self, hostile: Hostile, *arguments: Any) -> None:
        self.hostile = hostile
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with what the path asks for."""
        body = json.dumps(self.hostile.answer(unquote(urlsplit(self.path).path).removeprefix("/nsml/v1"))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    made = Hostile(tmp_path)
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def source(hostile: Hostile, which: str = f"project: {PROJECT_ID}0\nrun: 2\n", expressions: str = EXPRESSIONS) -> str:
    """Return an inventory file for the hostile server."""
    return f"plugin: navercloud.nsml.nodes\napi_url: {hostile.url}\nretries: 0\n{KEYS}{which}{expressions}"


def run(hostile: Hostile, directory: Path, *command: str) -> str:
    """Run a command, and return what it printed if it executed nothing."""
    environment = {**os.environ, "ANSIBLE_DEPRECATION_WARNINGS": "false", "ANSIBLE_FORKS": "2"}
    done = processes.run(command, environment, timeout=120, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed to parse" not in done.stderr, done.stderr
    assert WORKED_OUT not in done.stdout + done.stderr
    assert not hostile.marker.exists()
    return done.stdout


def test_the_attack_is_real(hostile: Hostile, tmp_path: Path) -> None:
    """Strings of the same kinds that the user wrote are executed: the suite would see it."""
    variables = {"x": hostile.strings[0], "y": hostile.strings[4]}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"h": variables}}}))
    command = ["ansible", "-i", "hosts.yml", "all", "-c", "local", "-m", "debug", "-a", "msg='{{ x }} {{ y }}'"]

    done = processes.run(command, os.environ, timeout=120, cwd=tmp_path)

    assert WORKED_OUT in done.stdout
    assert hostile.marker.exists()


@pytest.mark.parametrize("hostnames", HOSTNAMES)
def test_nothing_is_executed_while_the_inventory_is_made_and_no_text_is_trusted(
    hostile: Hostile, tmp_path: Path, hostnames: str
) -> None:
    for which in (f"project: {PROJECT_ID}0\nrun: 2\n", "run: all\n", "run: latest\n"):
        loaded = load(tmp_path, source(hostile, which, EXPRESSIONS + hostnames))

        assert len(loaded.names) == 2 * len(hostile.strings), loaded.printed
        assert not hostile.marker.exists()
        assert WORKED_OUT not in loaded.printed
        check_names(loaded)
        for name in loaded.names:
            variables = loaded.variables(name)
            assert WORKED_OUT not in str(variables)
            for variable in variables.keys() - {"inventory_file", "inventory_dir"}:
                check_untrusted(variables[variable])


def check_names(loaded: Loaded) -> None:
    """Names are templates up to 2.18 whatever is marked: they hold nothing that could begin one."""
    for name in [*loaded.names, *loaded.manager.groups]:
        assert name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()


def check_untrusted(value: Any) -> None:
    """Fail for a string that Ansible would take for a template."""
    if isinstance(value, dict):
        # Up to 2.18 a key loses its mark when it is joined with another text, so it holds nothing that could begin a template.
        assert not any(char in key for key in value for char in "{#")
        for item in value.values():
            check_untrusted(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_untrusted(item)
    elif isinstance(value, str):
        assert is_untrusted(value), repr(value)


def is_untrusted(text: str) -> bool:
    """Return whether Ansible never takes a string for a template, or it is of safe characters."""
    if is_safe(text):
        return True
    try:
        from ansible.template import is_trusted_as_template
    except ImportError:  # up to 2.18: what can begin a template must be marked
        return getattr(text, "__UNSAFE__", False) or not re.search(r"^#jinja2:|\{[{%#]", text)
    return not is_trusted_as_template(text)


@pytest.mark.parametrize(
    ("which", "hostnames"),
    [(f"project: {PROJECT_ID}0\nrun: 2\n", HOSTNAMES[1]), ("run: all\n", HOSTNAMES[0])],
)
def test_nothing_is_executed_in_a_play(hostile: Hostile, tmp_path: Path, which: str, hostnames: str) -> None:
    (tmp_path / "test.nsml.yml").write_text(source(hostile, which, EXPRESSIONS + hostnames))
    (tmp_path / "play.yml").write_text(PLAY)

    printed = run(hostile, tmp_path, "ansible-playbook", "-i", "test.nsml.yml", "-c", "local", "play.yml")

    assert printed.count("failed=0") == 2 * len(hostile.strings)
    assert "touch" in printed


@pytest.mark.parametrize("form", [["--list"], ["--list", "--yaml"], ["--graph", "--vars"]])
def test_nothing_is_executed_when_the_inventory_is_listed(hostile: Hostile, tmp_path: Path, form: list[str]) -> None:
    (tmp_path / "test.nsml.yml").write_text(source(hostile, "run: all\n"))

    assert "touch" in run(hostile, tmp_path, "ansible-inventory", "-i", "test.nsml.yml", *form)


def test_nothing_is_executed_when_one_host_is_shown(hostile: Hostile, tmp_path: Path) -> None:
    (tmp_path / "test.nsml.yml").write_text(source(hostile))
    name = next(name for name in load(tmp_path, source(hostile)).names if "touch" in name)

    assert "touch" in run(hostile, tmp_path, "ansible-inventory", "-i", "test.nsml.yml", "--host", name)


def test_nothing_is_executed_when_an_error_shows_hostile_names(hostile: Hostile, tmp_path: Path) -> None:
    for which in ("project: unknown\n", f"project: {PROJECT_ID}0\nrun: unknown, latest\n"):
        loaded = load(tmp_path, source(hostile, which))

        assert "touch" in loaded.printed
        assert WORKED_OUT not in loaded.printed
        assert not hostile.marker.exists()


@pytest.mark.parametrize(
    "text", ["", "223.130.154.166", "[Notebook] 4vCPU, 16GB Mem", "nvcr.io/nvidia/tensorflow:21.02-tf1-py3", "a+b=c@d_e"]
)
def test_a_string_of_safe_characters_is_plain(text: str) -> None:
    for value in (untrusted({"x": [{text: text}]})["x"], unmarked(untrusted({"x": [{text: text}]})["x"])):
        assert is_plain(value[0][text])
        assert all(map(is_plain, value[0]))


@pytest.mark.parametrize("character", [*"{}()|#%*~'\"`$\\<>!?&;^\n\t\r\0", "\x85", "\u2028", "\u0661", "\uff21", "é"])
def test_a_string_with_any_other_character_is_marked(character: str) -> None:
    text = f"a{character}"
    value = untrusted({"x": {text: [text]}})["x"]
    assert not is_plain(value[text][0])
    assert not is_plain(unmarked(value)[text][0])


@pytest.mark.parametrize("text", ["{{ x }}", "x | quote"])
def test_a_string_that_the_user_composed_is_as_trusted_as_it_was(text: str) -> None:
    assert unmarked(text) is text


def is_plain(text: str) -> bool:
    """Return whether a string is one for the programs that read what Ansible prints."""
    try:
        from ansible.template import is_trusted_as_template
    except ImportError:
        return text.__class__ is str
    return is_trusted_as_template(text)


if hasattr(template, "trust_as_template"):  # up to 2.18, strings have no tags

    def test_a_plain_string_is_marked_as_ansible_marks_it_with_tags_that_are_shared() -> None:
        from ansible.module_utils._internal._datatag import AnsibleTagHelper

        own = template.trust_as_template("bert-2-0")
        marked, other = untrusted({"name": "bert-2-0", "other": "bert-2-1"}).values()
        again = [pickle.loads(pickle.dumps(marked)), copy.deepcopy(marked)]
        assert [own, *again] == [marked] * 3
        assert {type(text) for text in (own, *again)} == {type(marked)}
        assert {AnsibleTagHelper.tags(text) for text in (own, *again)} == {AnsibleTagHelper.tags(marked)}
        assert getattr(marked, "_ansible_tags_mapping") is getattr(other, "_ansible_tags_mapping")  # noqa: B009


class Marked(str):
    """A marked string of a core with other internals."""

    _ansible_tags_mapping: dict[str, str] = {}  # noqa: RUF012

    @classmethod
    def _instance_factory(cls, text: str) -> Marked:
        return cls(text)


@pytest.mark.parametrize("trust", [str, Marked])
def test_without_the_internals_ansible_marks_each_string(trust: Callable[[str], str]) -> None:
    assert with_shared_tags(trust) is trust
