# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

# Of two environment variables for one option, Ansible prefers the one that is named last.
DOCUMENTATION = r"""
name: nodes
short_description: Nodes of CLOVA NSML runs as hosts
version_added: 0.1.0
author:
  - NAVER Cloud NSML collection contributors (!UNKNOWN)
description:
  - Reads the nodes of one or more runs of CLOVA NSML, NAVER Cloud's service for training models on GPUs, and makes each a host
    that Ansible can log in to.
  - Its configuration is a YAML file whose name ends in C(nsml.yml) or C(nsml.yaml).
  - A list of nodes is proven complete, or reading it is an error. The inventory is filled whole or not at all.
  - "Groups: C(nsml) holds all nodes. Below it are C(nsml_project_<name>), C(nsml_run_<project>_<run>), C(nsml_state_<state>),
    C(nsml_rank_<n>), which holds the node that holds the rank, and C(nsml_ready), which holds the nodes that are running and have
    an address and a port. Characters that are unsafe in a group's name become C(_)."
  - "Host variables: every field of the API's row in snake case with a prefix (see O(hostvars_prefix)). These are
    C(nsml_node_id), C(nsml_project_id), C(nsml_project_name), C(nsml_run_name), C(nsml_state), C(nsml_resource_type),
    C(nsml_container_image), C(nsml_rank), C(nsml_exit_code), C(nsml_host), C(nsml_ssh_port), C(nsml_tcp_ports), C(nsml_command),
    C(nsml_create_time) and C(nsml_update_time), and whatever the API adds to them."
  - C(nsml_rank), C(nsml_exit_code), C(nsml_ssh_port), C(nsml_world_size) and the items of C(nsml_tcp_ports) are integers, also
    where the service sends strings, or null. They are safe in a command as they are. What was sent and is not an integer is in a
    variable of the same name and C(_raw). C(ansible_host) and C(ansible_port) are checked too. All other strings are as sent, so
    use the C(quote) filter where they reach a shell.
  - "Four variables are the plugin's own: C(nsml_name), which is C(<project>-<run>-<rank>), C(nsml_world_size), the number of
    ranks of that run before any filter, C(nsml_holds_rank), whether the node is the one that its rank stands for, and
    C(nsml_ready), whether the node is running and has an address and a port."
  - Nodes of one run that share a rank are a restarted node and its predecessors. One of them holds the rank. It is one that is
    ready, else one that has not exited, of these the newest. It alone is in C(nsml_rank_<n>), and where the nodes of a rank would
    have one name, it has that name, and the others have C(-<node ID>) added. V(nsml_holds_rank) in O(filters) leaves the
    others out.
  - C(ansible_host) and C(ansible_port) are set where the node has an address and a port that can be used. Otherwise, and for a
    node that has exited while another has its address and port, C(ansible_host) is C(<name>.not-ready.invalid.), which no
    resolver finds, and C(ansible_port) is not set. So Ansible does not look up the host's name instead.
requirements:
  - requests
notes:
  - R(A guide,ansible_collections.navercloud.nsml.docsite.guide) goes from the first keys to the first playbook. Messages are
    explained in R(Troubleshooting,ansible_collections.navercloud.nsml.docsite.troubleshooting).
  - The login user of a node is documented nowhere by the vendor, so none is set. Set C(ansible_user) in C(group_vars/nsml.yml) or
    with O(compose).
  - Strings from the API are never templates, in no version of ansible-core.
  - An environment variable that is empty counts as one that is not set.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [navercloud.nsml.nodes]
  project:
    description:
      - Name or ID of the project.
      - Left out, it is every project that the keys can see.
    type: str
    env:
      - name: NCLOUD_NSML_PROJECT
  run:
    description:
      - One run or a list of runs, each a name such as V(2) or one of these words.
      - V(latest) is the run with the highest number in each chosen project.
      - V(active) is every run that has not ended. One whose status is unknown is among them.
      - V(all) is every run.
    type: raw
    default: [active]
    env:
      - name: NCLOUD_NSML_RUN
  access_key:
    description:
      - The access key ID of the account. May be a template or vaulted.
      - In the environment, E(NCLOUD_ACCESS_KEY_ID) is preferred.
      - Without it, it is read from the file C(~/.ncloud/configure), together with the secret key.
    type: str
    env:
      - name: NCLOUD_ACCESS_KEY
      - name: NCLOUD_ACCESS_KEY_ID
  secret_key:
    description:
      - The secret key that belongs to O(access_key). May be a template or vaulted.
      - In the environment, E(NCLOUD_SECRET_ACCESS_KEY) is preferred.
    type: str
    env:
      - name: NCLOUD_SECRET_KEY
      - name: NCLOUD_SECRET_ACCESS_KEY
  api_key:
    description:
      - The key of the API gateway's subscription to the NSML API. May be a template or vaulted.
      - In the environment, E(NCLOUD_NSML_API_KEY) is preferred.
    type: str
    env:
      - name: NCP_APIGW_API_KEY
      - name: NCLOUD_NSML_API_KEY
  profile:
    description:
      - The section of C(~/.ncloud/configure) that holds the access key and the secret key; without it, C(DEFAULT), or the lines
        before any section.
      - Named in the inventory file, it is preferred to keys in the environment.
    type: str
    env:
      - name: NCLOUD_PROFILE
  api_url:
    description:
      - The URL of the NSML API.
      - Plain C(http) is refused, but for an address of this machine.
    type: str
    default: https://nsml.apigw.ntruss.com/nsml/v1
    env:
      - name: NCLOUD_NSML_API_URL
  page_size:
    description: How many rows to ask for at once. The service may give fewer.
    type: int
    default: 100
  concurrency:
    description: How many requests may be under way at once, at most 1,000.
    type: int
    default: 4
  timeout:
    description: Seconds that one request may take, to the last byte of its answer.
    type: float
    default: 10
  retries:
    description: How often a request is tried again after a fault that may pass.
    type: int
    default: 5
  deadline:
    description: Seconds that all reading may take, with all retries and pauses.
    type: float
    default: 120
  validate_certs:
    description: Whether the server's certificate must be valid.
    type: bool
    default: true
  ca_path:
    description: A file or directory with the certificates of the CAs to trust, in place of the usual ones.
    type: path
  states:
    description:
      - Keep only nodes in one of these states, for example V(running), which is the same as V(NODE_STATE_RUNNING).
      - Left out, nodes in every state are kept.
    type: list
    elements: str
    default: []
  filters:
    description:
      - Jinja2 expressions over the host variables, and with O(use_extra_vars) over extra variables too. A node is kept if all of
        them hold.
      - A node for which one cannot be evaluated is left out with a warning, or is an error if O(strict) is on.
    type: list
    elements: str
    default: []
  hostnames:
    description:
      - Names of host variables or Jinja2 expressions. The first that is not empty is the host's name.
      - Left out, it is C(nsml_name). Where an expression cannot be evaluated, the next one is tried, or it is an error if
        O(strict) is on.
      - Characters other than letters, digits, C(_), C(.) and C(-) become C(_).
      - Two nodes that would bear one name have their node ID added, with a warning, or are an error if O(strict) is on. Of the
        nodes of one rank, the one that holds it has the name, and the others have their node ID added.
      - A node never takes the name of a host of another source that has an C(ansible_host) of its own.
    type: list
    elements: str
    default: []
  hostvars_prefix:
    description:
      - What the names of the node's variables begin with. It does not change the names of groups.
      - It must begin with a letter or C(_), and not with C(ansible_).
    type: str
    default: nsml_
  group_by:
    description:
      - Which kinds of groups to make, besides C(nsml) and C(nsml_ready).
      - A group for each rank makes Ansible slow when a run has more than some 10,000 ranks.
    type: list
    elements: str
    default: [project, run, state, rank]
    choices: [project, run, state, rank]
  wait_timeout:
    description:
      - Seconds to wait until a node of each rank of each chosen run is ready; V(0) is not to wait.
      - Progress is shown on standard error. A rank whose nodes have all exited for 15 seconds, a run that has ended, and the end
        of the time are errors. Where only V(latest) chose a run, a newer run takes its place.
      - A run of V(latest), V(active) or V(all) that has no nodes and an unknown status is not waited for.
    type: int
    default: 0
  wait_nodes:
    description:
      - How many ranks of each run must be ready. Left out, all that it has, and at least one.
      - Without O(wait_timeout), nothing is waited for.
    type: int
  wait_interval:
    description: Seconds between two readings while waiting. O(deadline) holds for each reading, not for the waiting.
    type: float
    default: 5
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# fmt: yaml+jinja
---
# The nodes of run 2. The keys come from the environment or from ~/.ncloud/configure.
plugin: navercloud.nsml.nodes
project: bert
run: 2

---
# The newest run of a project, and keys from elsewhere.
plugin: navercloud.nsml.nodes
project: bert
run: latest
access_key: "{{ lookup('ansible.builtin.env', 'MY_ACCESS_KEY') }}"
secret_key: "{{ lookup('ansible.builtin.env', 'MY_SECRET_KEY') }}"
api_key: "{{ lookup('ansible.builtin.env', 'MY_API_KEY') }}"

---
# Wait up to ten minutes until all nodes of the newest run are ready, and remember them for a minute.
plugin: navercloud.nsml.nodes
project: bert
run: latest
wait_timeout: 600
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/nsml
cache_timeout: 60

---
# Only nodes that run, named by rank, with a login user and a group for each kind of resource.
plugin: navercloud.nsml.nodes
project: bert
run: 2
states: [running]
filters:
  - nsml_rank < 8
hostnames:
  - "'rank-' ~ nsml_rank"
  - nsml_node_id
compose:
  ansible_user: "'ubuntu'"
groups:
  leaders: nsml_rank == 0
keyed_groups:
  - key: nsml_resource_type
    prefix: resource
"""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import jinja2
import yaml
from ansible import template
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.host import Host
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.path import basedir
from ansible.utils.vars import combine_vars

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Given
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, NsmlError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts import naming as _layout
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import Draft
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import node as _node
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable

if hasattr(template, "trust_as_template"):  # from 2.19 on, only what is marked as trusted is a template

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return variables

else:
    from ansible.utils.unsafe_proxy import wrap_var

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return {name: wrap_var(value) for name, value in variables.items()}


if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import RunRows

NAME = "navercloud.nsml.nodes"
ENDINGS = ("nsml.yml", "nsml.yaml")

# What the inventory file may give as a template. What comes from the environment is never one.
TEMPLATED = ("project", "run", "access_key", "secret_key", "api_key", "profile", "api_url", "ca_path")

# What an expression of the user may end in, besides Ansible's own errors.
EXPRESSION_ERRORS = (
    AnsibleError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    jinja2.TemplateError,
    re.error,
    yaml.YAMLError,
)

# Values that Ansible has no marks on.
UNMARKED = frozenset({str, int, float, bool, type(None)})


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The door: reads the options, has the rooms behind it do the work, and fills the inventory."""

    NAME = NAME

    @staticmethod
    def _sanitize_group_name(name: str) -> str:
        return harmless_group_name(str(name))  # Ansible hands on what YAML took for a number

    def verify_file(self, path: str) -> bool:
        """Say whether the file is meant for this plugin, by the end of its name."""
        if not path.endswith(ENDINGS):
            self.display.vvv(f"{NAME} skips {path}: its name ends neither in {ENDINGS[0]} nor in {ENDINGS[1]}")
            return False
        return bool(super().verify_file(path))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fill the inventory with the nodes of the runs that the file names.

        :raises AnsibleParserError: the file or an option is wrong, the service could not be read, or a name is not free;
            the inventory is then as it was
        """
        super().parse(inventory, loader, path, cache)
        try:
            draft = self._draft(inventory, self._read_options(path), refresh=not cache)
        except NsmlError as error:
            raise AnsibleParserError(str(error)) from None
        fill(inventory, draft)

    def _draft(self, inventory: InventoryData, options: _options.Options, *, refresh: bool) -> Draft:
        """Return all that the inventory will hold, read, named and checked."""
        runs = self._read_runs(options, refresh=refresh)
        hosts = self._hosts(runs, options)
        layout = _layout.lay_out(hosts, options.group_by, known_nodes(inventory), strict=options.strict)
        draft = self._constructed(Draft(layout), source_variables(inventory.current_source), options.strict)
        draft.check(inventory.hosts.keys(), parent_groups(inventory))
        for warning in layout.warnings:
            self.display.warning(warning)
        return draft

    def _read_options(self, path: str) -> _options.Options:
        try:
            self._config = self._read_config_data(path)
        except AttributeError:  # this is how Ansible stumbles over a list
            raise AnsibleParserError(f"{path} holds no options. Its first line may be: plugin: {NAME}") from None
        _options.check_given(self._config, self.option_definitions)
        self._config.update({name: self._template(name, self._config[name]) for name in TEMPLATED if name in self._config})
        self.set_options(direct=self._config, var_options=self._vars)
        return _options.check({name: self._value(name) for name in self.option_definitions})

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Set the options as Ansible does, once those values are refused that it would quote or cut."""
        _options.check_types(direct or {}, self.option_definitions)
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)

    def _value(self, name: str) -> Any:
        """Return the value of an option; an environment variable that is empty counts as one that is not set.

        Pipelines set the variable of a secret that they do not have to nothing. Ansible would take it, and look at no other.
        """
        value, definition = self.get_option(name), self.option_definitions[name]
        if value != "" or name in self._config:
            return value
        variables = (os.environ.get(variable["name"]) for variable in reversed(definition.get("env", ())))
        return next(filter(None, variables), definition.get("default"))

    def _template(self, name: str, value: Any) -> Any:
        self.templar.available_variables = self._vars or {}
        try:
            return self.templar.template(value)
        except EXPRESSION_ERRORS as error:
            # The words may quote the template, which may hold a key; what Ansible adds to them, the lines around it in the file.
            words = "" if name in _options.KEYS else f": {readable(str(error)).rstrip('.')}"
            raise ConfigurationError(
                f"{name} is a template that cannot be evaluated{words}. Mend it, or its variables."
            ) from None

    def _given_keys(self) -> Given:
        given = Given(*(self._value(name) for name in (*_options.KEYS, "profile")))
        if not self._config.get("profile"):
            return given
        # A profile in the file is a choice; a key that happens to be in the environment does not overrule it.
        return replace(given, **{name: None for name in ("access_key", "secret_key") if not self._config.get(name)})

    def _read_runs(self, options: _options.Options, *, refresh: bool) -> list[RunRows]:
        """Return the runs with the rows of their nodes, from the cache where the user wants one."""
        reporter = _source.Reporter(
            tell=lambda text: self.display.display(f"{NAME}: {text}", stderr=True),  # standard output stays what it is
            detail=lambda text: self.display.v(f"{NAME}: {text}"),
            warn=self.display.warning,
            trace=lambda text: self.display.vvv(f"{NAME}: {text}"),
        )
        given = self._given_keys()
        if self.get_option("cache"):
            runs = _source.read_cached(options, given, reporter, self._cache, refresh=refresh)
        else:
            runs = _source.read(options, given, reporter)
        return runs

    def _hosts(self, runs: list[RunRows], options: _options.Options) -> list[_layout.Host]:
        """Return the nodes that stay, each with its variables and the name that it should bear."""
        hosts: list[_layout.Host] = []
        left_out: list[str] = []
        for node in _node.nodes_of_runs(runs):
            if options.states and node.state not in options.states:
                continue
            variables = untrusted(_node.variables(node, options.hostvars_prefix))
            if self._is_kept(node, variables, options.filters, left_out):
                hosts.append(_layout.Host(node, self._name(node, variables, options), variables))
        if runs and not hosts and not left_out:
            self._tell_of_states(runs, options)
        if left_out and options.strict:
            raise AnsibleParserError(f"filters failed for {left_out[0]}")
        if left_out:
            self.display.warning(f"filters left out {len(left_out)} nodes they failed for, first {left_out[0]}")
        return hosts

    def _tell_of_states(self, runs: list[RunRows], options: _options.Options) -> None:
        """Warn where ``states`` keeps no node: the set of states is open, so a misspelt one is no error."""
        states = {node.state or "none" for found in runs for node in _node.nodes_of_run(found.rows, found.run)}
        if options.states and states and not states & options.states:
            wanted, seen = (", ".join(sorted(names)) for names in (options.states, states))
            self.display.warning(readable(f"states keeps no node: it is {wanted}, and the nodes are {seen}"))

    def _is_kept(self, node: _node.Node, variables: dict[str, Any], filters: Sequence[str], left_out: list[str]) -> bool:
        """Say whether all filters hold; a node for which one cannot be evaluated is noted, and left out."""
        for expression in filters:
            try:
                if not self._holds(expression, variables):
                    return False
            except EXPRESSION_ERRORS as error:
                left_out.append(readable(f"{node.name}: {expression!r}: {error}"))
                return False
        return True

    def _holds(self, expression: str, variables: dict[str, Any]) -> bool:
        """Say whether an expression of the user holds, by the same rule as in the option ``groups``."""
        self.templar.available_variables = self._known(variables)
        if hasattr(self.templar, "evaluate_conditional"):  # from 2.19 on
            return bool(self.templar.evaluate_conditional(expression))
        return bool(boolean(self.templar.template(f"{{% if {expression} %}}True{{% else %}}False{{% endif %}}")))

    def _name(self, node: _node.Node, variables: dict[str, Any], options: _options.Options) -> str:
        """Return the name that a node should bear: the first of ``hostnames`` that is not empty."""
        for expression in options.hostnames:
            try:
                name = self._evaluate(expression, variables)
            except EXPRESSION_ERRORS as error:
                if options.strict:
                    text = readable(f"{node.name}: {expression!r}: {error}")
                    raise AnsibleParserError(f"hostnames failed for {text}") from None
                continue
            if name not in (None, ""):
                return str(name)
        return node.host_name

    def _evaluate(self, expression: str, variables: dict[str, Any]) -> Any:
        """Return the value of an expression of the user; that of a variable's mere name costs no template."""
        if expression in variables and expression not in (self._vars or ()):  # where extra variables might be wanted instead
            return variables[expression]
        return super()._compose(expression, variables)

    def _compose(self, template: str, variables: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Evaluate the key of a keyed group: a number, such as a rank, which Ansible refuses, becomes a text."""
        self.templar.available_variables = self._known(variables)  # with which Ansible then looks at parent_group
        key = self._evaluate(template, variables)
        if key is None:  # up to 2.18 Ansible takes default_value for an empty text alone
            return ""
        return str(key) if isinstance(key, (int, float)) else key

    def _known(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the variables that an expression may name: with ``use_extra_vars``, the extra ones too."""
        return combine_vars(variables, self._vars) if self._vars and self.get_option("use_extra_vars") else variables

    def _constructed(self, draft: Draft, of_source: dict[str, Any], strict: bool) -> Draft:
        """Add to the draft what the user constructs from its hosts' variables.

        :param of_source: the variables that each host of this source has
        :raises AnsibleError: an expression failed, and strict is on
        """
        compose, groups, keyed_groups = map(self.get_option, ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed_groups):
            return draft
        # From 2.19 on, names from the file bear marks, with which they are slow keys.
        compose = {str(name): expression for name, expression in (compose or {}).items()}
        group_names = draft.group_names()
        target, self.inventory = self.inventory, cast("InventoryData", draft)  # where Ansible's own code for groups adds to
        try:
            for host, variables in draft.hosts.items():
                magic = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0]}
                known = {**variables, **of_source, **magic, "group_names": group_names[host]}
                composed = draft.composed[host] = self._composed(compose, known, host, strict)
                known.update(composed)
                self._add_host_to_composed_groups(groups, known, host, strict=strict, fetch_hostvars=False)
                self._add_host_to_keyed_groups(keyed_groups, known, host, strict=strict, fetch_hostvars=False)
        except AnsibleError as error:  # it would show the lines around the expression, where a key may stand
            raise AnsibleParserError(readable(str(error))) from None
        finally:
            self.inventory = target
        return draft

    def _composed(self, compose: dict[str, str], variables: dict[str, Any], host: str, strict: bool) -> dict[str, Any]:
        """Return the variables that the user composes; one whose expression fails is left out."""
        composed = {}
        for name, expression in compose.items():
            try:
                # Up to 2.18, Ansible takes a number or a list for what it is; later, for no expression.
                composed[name] = self._evaluate(expression, variables) if isinstance(expression, str) else expression
            except EXPRESSION_ERRORS as error:
                if strict:
                    raise AnsibleParserError(readable(f"compose failed for {host}: {name}: {expression!r}: {error}")) from None
        return composed


@lru_cache(maxsize=4096)
def harmless_group_name(name: str) -> str:
    """Return a name of harmless characters for a group that the user constructs: up to 2.18 Ansible takes it for a template."""
    return str(to_safe_group_name(name, force=True, silent=True)) or "_"


def known_nodes(inventory: InventoryData) -> _layout.Known:
    """Return what other sources brought."""
    known = _layout.Known()
    for name, host in inventory.hosts.items():
        known.add(name, host.vars, [group.name for group in host.groups])
    return known


def parent_groups(inventory: InventoryData) -> dict[str, list[str]]:
    """Return the names of all groups, each with those of its parents."""
    return {name: [parent.name for parent in group.parent_groups] for name, group in inventory.groups.items()}


def source_variables(source: str | None) -> dict[str, Any]:
    """Return the variables that Ansible gives each host that a source brings first."""
    return {"inventory_file": source, "inventory_dir": basedir(source) if source else None}


def fill(inventory: InventoryData, draft: Draft) -> None:
    """Add all that was drafted to the inventory.

    Hosts and groups that are new are put together directly. Ansible's own methods look at the path of the source for each host,
    copy every value to mark where it comes from (from 2.19 on), and look through all parents and all other children of a group:
    with many hosts that takes longer than all else here.
    """
    fill_hosts(inventory, draft)
    fill_groups(inventory, draft)


def fill_hosts(inventory: InventoryData, draft: Draft) -> None:
    """Add the hosts with their variables."""
    hosts, of_source = inventory.hosts, source_variables(inventory.current_source)
    for name, variables in draft.hosts.items():
        if name in hosts:
            hosts[name].vars.update(variables)
        else:
            hosts[name] = Host(name)
            hosts[name].vars = variables | of_source
        for variable, value in draft.composed.get(name, {}).items():
            if value.__class__ in UNMARKED:
                hosts[name].vars[variable] = value
            else:
                inventory.set_variable(name, variable, value)


def fill_groups(inventory: InventoryData, draft: Draft) -> None:
    """Add the groups with their members, then put them below their parents."""
    new = draft.members.keys() - inventory.groups.keys()
    groups = {name: inventory.groups[inventory.add_group(name)] for name in draft.members}
    for name, members in draft.members.items():
        names = groups[name].host_names
        for host in map(inventory.hosts.__getitem__, members):
            if name in new:
                groups[name].hosts.append(host)
                names.add(host.name)
                host.groups.append(groups[name])
            else:
                groups[name].add_host(host)
    for child, parents in draft.parents.items():
        for parent in parents:
            if parent == _layout.ALL and child in new and child in draft.own:  # whose hosts are all in it
                groups[parent].child_groups.append(groups[child])
                groups[child].parent_groups.append(groups[parent])
                groups[child].depth = groups[parent].depth + 1
            else:
                inventory.add_child(parent, child)
    groups[_layout.ALL].clear_hosts_cache()
