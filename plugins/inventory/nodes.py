# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

# Of two environment variables for one option, Ansible prefers the one that is named last. The descriptions name it.
DOCUMENTATION = r"""
name: nodes
short_description: CLOVA NSML inventory source
version_added: 0.1.0
author:
  - NAVER Cloud NSML collection contributors (@navercloud)
description:
  - Adds the nodes of one or more CLOVA NSML runs to the inventory, as hosts that Ansible can log in to. CLOVA NSML is NAVER
    Cloud's service for training models on GPUs.
  - Uses a YAML configuration file with C(plugin) set to C(navercloud.nsml.nodes). A file name that ends in C(nsml.yml) or
    C(nsml.yaml) is recommended, for example C(bert.nsml.yml).
  - Fills the inventory completely or not at all. If the plugin cannot prove that a list of nodes is complete, it raises an
    error.
  - "Creates these groups. C(nsml) holds all nodes. Below it are C(nsml_project_<name>), C(nsml_run_<project>_<run>),
    C(nsml_state_<state>), C(nsml_rank_<n>), which holds the node that holds the rank, and C(nsml_ready), which holds the nodes
    that are running and have an address and a port. C(nsml) and C(nsml_ready) exist even if they have no hosts. Characters that
    are unsafe in a group name become C(_)."
  - "Sets a host variable for each field of the API's row. The name is the field's name in snake case, with the prefix from
    O(hostvars_prefix). The variables are C(nsml_node_id), C(nsml_project_id), C(nsml_project_name), C(nsml_run_name),
    C(nsml_state), C(nsml_resource_type), C(nsml_container_image), C(nsml_rank), C(nsml_exit_code), C(nsml_host),
    C(nsml_ssh_port), C(nsml_tcp_ports), C(nsml_command), C(nsml_create_time), C(nsml_update_time), and any field that the API
    adds later."
  - "Sets four host variables of its own. C(nsml_name) is C(<project>-<run>-<rank>). C(nsml_world_size) is the number of ranks
    in the run before any filter. C(nsml_holds_rank) is whether the node holds its rank. C(nsml_ready) is whether the node is
    running and has an address and a port."
  - Makes C(nsml_rank), C(nsml_exit_code), C(nsml_ssh_port), C(nsml_world_size) and the items of C(nsml_tcp_ports) integers or
    null, even if the service sends strings. You can use them in a command without quoting. If the service sends a value that is
    not an integer, the plugin keeps it in a variable of the same name with the suffix C(_raw). C(ansible_host) and
    C(ansible_port) are checked too. All other strings are exactly as sent. Use the C(quote) filter where they reach a shell.
  - Lets one node hold each rank. After a restart, a run may list several nodes with the same rank. A ready node holds the rank,
    or else a node that has not exited, and of these the newest. Only this node is in C(nsml_rank_<n>). If the nodes of a rank
    would have the same name, this node keeps it, and the others get the suffix C(-<node ID>). To leave the others out, add
    V(nsml_holds_rank) to O(filters).
  - Sets C(ansible_host) and C(ansible_port) if the node has a usable address and port. Otherwise, C(ansible_host) is
    C(<name>.not-ready.invalid.), which no resolver finds, and C(ansible_port) is not set. The same holds for a node that has
    exited while another node has its address and port. This keeps Ansible from looking up the host's name instead.
requirements:
  - requests
notes:
  - To get from your first keys to your first playbook, see the R(guide,ansible_collections.navercloud.nsml.docsite.guide). To
    look up an error or a warning, see R(Troubleshooting,ansible_collections.navercloud.nsml.docsite.troubleshooting).
  - The plugin does not set a login user, because the vendor does not document one. Set C(ansible_user) in
    C(group_vars/nsml.yml) or with O(compose).
  - "Strings from the API are never evaluated as templates, on any version of ansible-core. C(ansible-inventory --list) prints a
    string of English letters, digits, blanks and the characters C(.,:/@+=_-[]) as a plain string, and any other string as an
    object with the key C(__ansible_unsafe)."
  - Every option in the file can be a template that uses extra variables, except O(filters), O(hostnames), O(compose), O(groups)
    and O(keyed_groups), which are expressions. The plugin checks a value after evaluating it. A value can be vaulted.
  - An empty environment variable counts as not set.
  - Expressions in O(compose), O(groups) and O(keyed_groups) see the node's variables first, and then the variables that an
    earlier source of the same inventory gives the host.
  - A syntax error in an expression is always an error, whether O(strict) is on or not. An expression that fails when it is
    evaluated, for example because a filter plugin is not installed, is an error if O(strict) is on. Otherwise, the plugin skips
    it, and warns if it fails on every node.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [navercloud.nsml.nodes]
  project:
    description:
      - The project to read, by name or ID, or a list of projects. A string can name several projects, separated by commas.
      - If you omit it, the plugin reads every project that the keys can see. An empty value is an error.
      - If you name several projects and one lacks a run that O(run) names, the plugin warns. If no project has the run, it is
        an error.
    type: raw
    env:
      - name: NCLOUD_NSML_PROJECT
  run:
    description:
      - The run to read, or a list of runs. Each is a name, for example V(2), or one of these keywords.
      - V(latest) chooses the run with the highest number in each chosen project.
      - V(active) chooses every run that has not ended, including runs whose status is unknown.
      - V(all) chooses every run.
    type: raw
    default: [active]
    env:
      - name: NCLOUD_NSML_RUN
  access_key:
    description:
      - The access key ID of the account.
      - If both environment variables are set, E(NCLOUD_ACCESS_KEY_ID) takes precedence.
      - If it is not set, the plugin reads it from the file C(~/.ncloud/configure), together with the secret key.
    type: str
    env:
      - name: NCLOUD_ACCESS_KEY
      - name: NCLOUD_ACCESS_KEY_ID
  secret_key:
    description:
      - The secret key that belongs to O(access_key).
      - If both environment variables are set, E(NCLOUD_SECRET_ACCESS_KEY) takes precedence.
    type: str
    env:
      - name: NCLOUD_SECRET_KEY
      - name: NCLOUD_SECRET_ACCESS_KEY
  api_key:
    description:
      - The API key of your API Gateway subscription to the NSML API.
      - If both environment variables are set, E(NCLOUD_NSML_API_KEY) takes precedence.
    type: str
    env:
      - name: NCP_APIGW_API_KEY
      - name: NCLOUD_NSML_API_KEY
  profile:
    description:
      - The section of C(~/.ncloud/configure) that holds the access key and the secret key.
      - If you omit it, the plugin reads the section C(DEFAULT), or the lines before any section.
      - A profile in the inventory file takes precedence over keys in the environment.
    type: str
    env:
      - name: NCLOUD_PROFILE
  api_url:
    description:
      - The URL of the NSML API.
      - Plain C(http) is refused, except to a loopback address of this machine.
    type: str
    default: https://nsml.apigw.ntruss.com/nsml/v1
    env:
      - name: NCLOUD_NSML_API_URL
  page_size:
    description:
      - The number of rows to request per page.
      - The service may return fewer.
    type: int
    default: 100
  concurrency:
    description:
      - The number of requests to send in parallel.
      - The maximum is 1,000.
    type: int
    default: 4
  timeout:
    description:
      - The time limit for one request, in seconds.
      - It covers the whole request, up to the last byte of the response.
    type: float
    default: 10
  retries:
    description:
      - The number of times to retry a request after a temporary failure.
    type: int
    default: 5
  deadline:
    description:
      - The time limit for reading the whole inventory, in seconds.
      - It includes all retries and pauses.
    type: float
    default: 120
  validate_certs:
    description: Whether to verify the server's TLS certificate.
    type: bool
    default: true
  ca_path:
    description:
      - A file or directory with the CA certificates to trust.
      - It replaces the default CA certificates.
    type: path
  states:
    description:
      - Keeps only the nodes in one of these states, for example V(running), which is the same as V(NODE_STATE_RUNNING).
      - If you omit it, the plugin keeps nodes in every state.
    type: list
    elements: str
    default: []
  filters:
    description:
      - Keeps only the nodes for which all of these Jinja2 expressions are true. Expressions can use the host variables and,
        with O(use_extra_vars), extra variables.
      - Each expression must return a boolean.
      - If an expression cannot be evaluated for a node, the plugin skips the node and warns. If O(strict) is on, it is an
        error.
    type: list
    elements: str
    default: []
  hostnames:
    description:
      - The names of host variables, or Jinja2 expressions, that name the hosts. The first one that is not empty is the host's
        name.
      - If you omit it, the name is C(nsml_name).
      - If an expression cannot be evaluated, the plugin tries the next one. If O(strict) is on, it is an error.
      - Characters other than letters, digits, C(_), C(.) and C(-) become C(_).
      - If two nodes would have the same name, the plugin appends their node IDs and warns. If O(strict) is on, it is an error.
        Of the nodes of one rank, the node that holds the rank keeps the name, and the others get their node ID appended.
      - A node never takes the name of a host of another source that has its own C(ansible_host).
    type: list
    elements: str
    default: []
  hostvars_prefix:
    description:
      - The prefix of the names of the node's variables. It does not change the names of groups.
      - It must begin with a letter or C(_), and must not begin with C(ansible_).
    type: str
    default: nsml_
  group_by:
    description:
      - The kinds of groups to create, in addition to C(nsml) and C(nsml_ready).
      - Groups by rank slow Ansible down if a run has more than about 10,000 ranks.
    type: list
    elements: str
    default: [project, run, state, rank]
    choices: [project, run, state, rank]
  wait_timeout:
    description:
      - The number of seconds to wait until a node of each rank of each chosen run is ready. V(0) turns waiting off.
      - A run that O(run) names must exist, or it is an error at once. With V(latest), V(active) or V(all), the plugin also
        waits for a run to appear.
      - While it waits, the plugin prints its progress to standard error.
      - Waiting ends with an error if the time is over, if a run has ended, or if all nodes of a rank have exited for 15
        seconds. If only V(latest) chose a run, a newer run replaces it.
      - The plugin does not wait for a run that V(latest), V(active) or V(all) chose if the run has no nodes and its status is
        unknown.
    type: int
    default: 0
  wait_nodes:
    description:
      - The number of ranks of each run that must be ready.
      - If you omit it, all ranks that are listed must be ready, and at least one.
      - It has no effect without O(wait_timeout).
    type: int
  wait_interval:
    description:
      - The number of seconds between two readings of the inventory while waiting.
      - O(deadline) limits each reading, not the waiting.
    type: float
    default: 5
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# fmt: yaml+jinja
---
# Smallest file: the nodes of run 2.
# The plugin reads the keys from the environment or from ~/.ncloud/configure.
plugin: navercloud.nsml.nodes
project: bert
run: 2

---
# Read the keys from environment variables with names of your own.
# To vault a key instead, run "ansible-vault encrypt_string --name api_key" and replace the line with its output.
plugin: navercloud.nsml.nodes
project: bert
run: 2
access_key: "{{ lookup('ansible.builtin.env', 'MY_ACCESS_KEY') }}"
secret_key: "{{ lookup('ansible.builtin.env', 'MY_SECRET_KEY') }}"
api_key: "{{ lookup('ansible.builtin.env', 'MY_API_KEY') }}"

---
# Read the newest run of each of several projects.
plugin: navercloud.nsml.nodes
project:
  - bert
  - gpt
run: latest

---
# Read every run of a project that has not ended, and run 1 in any case.
plugin: navercloud.nsml.nodes
project: bert
run:
  - active
  - 1

---
# Keep only running nodes with a rank below 8.
plugin: navercloud.nsml.nodes
project: bert
run: 2
states:
  - running
filters:
  - nsml_rank < 8

---
# Add a group for rank 0, and a group for each kind of resource.
plugin: navercloud.nsml.nodes
project: bert
run: 2
groups:
  leaders: nsml_rank == 0
keyed_groups:
  - key: nsml_resource_type
    prefix: resource

---
# Set the login user. An expression needs inner quotes around a string.
plugin: navercloud.nsml.nodes
project: bert
run: 2
compose:
  ansible_user: "'ubuntu'"

---
# Name each host by its rank, or by its node ID if it has no rank.
plugin: navercloud.nsml.nodes
project: bert
run: 2
hostnames:
  - "'rank-' ~ nsml_rank if nsml_rank is not none else ''"
  - nsml_node_id

---
# Wait up to ten minutes until all nodes of the newest run are ready.
plugin: navercloud.nsml.nodes
project: bert
run: latest
wait_timeout: 600

---
# Wait until two nodes of the newest run are ready.
plugin: navercloud.nsml.nodes
project: bert
run: latest
wait_timeout: 600
wait_nodes: 2

---
# Cache the nodes for one minute.
plugin: navercloud.nsml.nodes
project: bert
run: 2
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/nsml
cache_timeout: 60
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import cache_loader

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._config_file import is_meant_for
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, NsmlError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import Expressions, compiled_once
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import Host, InventoryPlan, lay_out
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.populate import existing, populate
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.trust import untrusted, without_origin
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import node as _node
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable

try:
    from ansible.module_utils.secrets import register_secrets  # type: ignore[import-not-found]
except ImportError:  # up to 2.21, Ansible redacts nothing
    register_secrets = list

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import RunRows

NAME = "navercloud.nsml.nodes"

# The names of Ansible's default cache plugin.
_MEMORY = ("memory", "ansible.builtin.memory")

# Words for the connection in the errors of cache plugins that need one.
_CONNECTION = ("_uri", "fact_caching_connection", "cache_connection")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin. It extends Constructable only because ``ansible-doc`` and Ansible recognize such plugins by it."""

    NAME = NAME

    def verify_file(self, path: str) -> bool:
        """Return whether the file is meant for this plugin."""
        if not is_meant_for(path, NAME):
            self.display.vvv(f"{NAME}: Skipping {path}: not a YAML file with 'plugin: {NAME}'")
            return False
        return bool(super().verify_file(path))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the nodes of the chosen runs to the inventory.

        :param cache: whether the cache may be read; it is written in any case
        :raises AnsibleParserError: the file or an option is wrong, the service cannot be read, or a name is already in use;
            the inventory has not changed
        """
        super().parse(inventory, loader, path, cache)
        try:
            options = self._read_options(path)
            runs = self._read_runs(options, refresh=not cache)
            extra_variables = self._vars if self._vars and self.get_option("use_extra_vars") else {}
            expressions = Expressions(self.templar, options.expressions, extra_variables)
            with compiled_once(self.templar):
                hosts = self._select_hosts(runs, options, expressions)
                before = existing(inventory)
                layout = lay_out(hosts, options.group_by, before.names, strict=options.strict)
                plan = InventoryPlan(layout)
                constructed = expressions.construct(plan.hosts, plan.group_names, before.of_source, before.variables)
                plan.add(constructed)
            plan.check(before.variables.keys(), before.parents)
        except NsmlError as error:
            raise AnsibleParserError(str(error)) from None
        for warning in layout.warnings:
            self.display.warning(warning)
        expressions.report(warning=self.display.warning, verbose=lambda text: self.display.v(f"{NAME}: {text}"))
        populate(inventory, plan)

    def _read_options(self, path: str) -> _options.Options:
        """Return the checked options of the file and the environment."""
        try:
            self._read_config_data(path)  # calls set_options
        except AttributeError:  # Ansible expects a dictionary
            raise AnsibleParserError(f"{path} contains no options. Start the file with this line: plugin: {NAME}") from None
        except AnsibleError as error:
            # Up to 2.18, str() adds the lines around the error in the file, which may contain a key.
            raise AnsibleParserError(getattr(error.__context__, "_message", "") or str(error)) from None
        values = {name: self.get_option(name) for name in self.option_definitions}
        options = _options.check_file(values, self._config, self.option_definitions)
        if warning := _options.warning_of_empty_project(self._config, self.option_definitions):
            self.display.warning(warning)
        return options

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Check the options of the file and evaluate their templates, and then set the options as Ansible does.

        Ansible reads the file and sets the options in one step. Its own checks quote keys, truncate fractions and split
        expressions.

        :param direct: the options that the file sets; values from the environment are not in it, and are never templates
        """
        if direct is not None:
            own = without_origin(direct)
            self._config = _options.evaluate_file(own, self.option_definitions, self.templar, self._vars or {})
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct and self._config)
        self._is_cached = bool(self.get_option("cache"))
        self.set_option("cache", False)  # Ansible would open the cache in the same step, and fail if that is not possible

    def _read_runs(self, options: _options.Options, *, refresh: bool) -> list[RunRows]:
        """Return the chosen runs with the rows of their nodes, from the cache or the service.

        :param refresh: whether to read from the service, whatever the cache holds
        """
        reporter = _source.Reporter(
            notify=lambda text: self.display.display(f"{NAME}: {text}", stderr=True),  # programs read standard output
            verbose=lambda text: self.display.v(f"{NAME}: {text}"),
            warning=self.display.warning,
            trace=lambda text: self.display.vvv(f"{NAME}: {text}"),
            register=register_secrets,
        )
        if self._is_cached and self._open_cache():
            name = self.get_option("cache_plugin")
            return _source.read_cached(options, reporter, self._cache, name=name, refresh=refresh, damage=AnsibleError).runs
        return _source.read(options, reporter).runs

    def _open_cache(self) -> bool:
        """Open Ansible's cache, and return whether it can be used. If it cannot, warn.

        :raises ConfigurationError: the cache plugin does not exist, or needs a connection that is not set
        """
        name = self.get_option("cache_plugin")
        if not name or not cache_loader.has_plugin(name):
            raise ConfigurationError(f"The cache plugin {name!r} was not found. Check 'cache_plugin'.")
        if name in _MEMORY:
            self.display.v(
                f"{NAME}: The cache {name!r} ends with this command. To keep the nodes for later commands, set 'cache_plugin' to"
                " 'ansible.builtin.jsonfile' and 'cache_connection' to a directory."
            )
        try:
            self.load_cache_plugin()
        except Exception as error:  # noqa: BLE001  a cache plugin may raise anything
            if not self.get_option("cache_connection") and any(word in str(error) for word in _CONNECTION):
                raise ConfigurationError(
                    f"The cache plugin {name!r} needs 'cache_connection'. For a cache of files, set this option to a directory."
                ) from None
            self._warn_of_cache("open", error)
            return False
        return True

    def update_cache_if_changed(self) -> None:
        """Write the cache. Ansible calls this after :meth:`parse`. If the cache cannot be written, warn."""
        if not self._is_cached or getattr(self, "_cache", None) is None:
            return
        try:
            super().update_cache_if_changed()
        except Exception as error:  # noqa: BLE001  a cache plugin may raise anything
            self._warn_of_cache("write", error)

    def _warn_of_cache(self, action: str, error: Exception) -> None:
        name = self.get_option("cache_plugin")
        self.display.warning(
            f"Cannot {action} the cache {name!r}: {readable(str(error)).rstrip('.')}. Listing the nodes without the cache."
        )

    def _select_hosts(self, runs: list[RunRows], options: _options.Options, expressions: Expressions) -> list[Host]:
        """Return the nodes that match ``states`` and ``filters``, each with its variables and the wanted host name."""
        nodes = _node.nodes_of_runs(runs)
        for warning in _node.warnings_of_states(nodes, options.states):
            self.display.warning(warning)
        hosts: list[Host] = []
        for node in nodes:
            if options.states and node.state not in options.states:
                continue
            variables = untrusted(_node.variables(node, options.hostvars_prefix))
            if expressions.keep(node.name, variables):
                hosts.append(Host(node, expressions.host_name(node.name, variables) or node.host_name, variables))
        return hosts
