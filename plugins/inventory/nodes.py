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
  - Its configuration is a YAML file with C(plugin) set to C(navercloud.nsml.nodes). A name that ends in C(nsml.yml) or
    C(nsml.yaml) is recommended, as in C(bert.nsml.yml).
  - A list of nodes is proven complete, or reading it is an error. The inventory is filled whole or not at all.
  - "Groups: C(nsml) holds all nodes. Below it are C(nsml_project_<name>), C(nsml_run_<project>_<run>), C(nsml_state_<state>),
    C(nsml_rank_<n>), which holds the node that holds the rank, and C(nsml_ready), which holds the nodes that are running and have
    an address and a port. C(nsml) and C(nsml_ready) exist without hosts too. Characters that are unsafe in a group's name become
    C(_)."
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
  - "Strings from the API are never templates, in no version of ansible-core. In what C(ansible-inventory --list) prints, a string
    of English letters, digits, blanks and the characters C(.,:/@+=_-[]) is plain, and any other is an object with the key
    C(__ansible_unsafe)."
  - Every option of the file may be a template that sees extra variables, except O(filters), O(hostnames), O(compose), O(groups)
    and O(keyed_groups), which are expressions. Its value is checked after it is evaluated. A value may be vaulted.
  - An environment variable that is empty counts as one that is not set.
  - Expressions in O(compose), O(groups) and O(keyed_groups) see the node's variables, then those that an earlier source of the
    same inventory gives the host.
  - An expression with a syntax error is an error, whether O(strict) is on or not. One that fails when it is evaluated, for
    example because a filter plugin is not installed, is an error if O(strict) is on. Otherwise it is skipped, with a warning if
    it fails on every node.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [navercloud.nsml.nodes]
  project:
    description:
      - Name or ID of the project, or a list of these. A string may list several with commas.
      - Left out, it is every project that the keys can see. Given and empty, it is an error.
      - Of several projects, one that lacks a run that O(run) names is a warning. It is an error where none has it.
    type: raw
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
      - The access key ID of the account.
      - In the environment, E(NCLOUD_ACCESS_KEY_ID) is preferred.
      - Without it, it is read from the file C(~/.ncloud/configure), together with the secret key.
    type: str
    env:
      - name: NCLOUD_ACCESS_KEY
      - name: NCLOUD_ACCESS_KEY_ID
  secret_key:
    description:
      - The secret key that belongs to O(access_key).
      - In the environment, E(NCLOUD_SECRET_ACCESS_KEY) is preferred.
    type: str
    env:
      - name: NCLOUD_SECRET_KEY
      - name: NCLOUD_SECRET_ACCESS_KEY
  api_key:
    description:
      - The key of the API gateway's subscription to the NSML API.
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
      - The result must be a boolean. A node for which one cannot be evaluated is left out with a warning, or is an error if
        O(strict) is on.
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
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import cache_loader

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._config_file import is_meant_for
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError, NsmlError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import Expressions, compiled_once
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.naming import Host, lay_out
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import InventoryPlan
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.populate import existing, populate
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.trust import untrusted, without_origin
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import node as _node
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import RunRows

NAME = "navercloud.nsml.nodes"

# The cache plugin that is used where none is set.
_MEMORY = ("memory", "ansible.builtin.memory")

# How cache plugins name the connection that they lack.
_CONNECTION = ("_uri", "fact_caching_connection", "cache_connection")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin. Constructable is what ``ansible-doc`` and Ansible itself know such plugins by."""

    NAME = NAME

    def verify_file(self, path: str) -> bool:
        """Return whether the file is meant for this plugin."""
        if not is_meant_for(path, NAME):
            self.display.vvv(f"{NAME}: Skipping {path}: not a YAML file with 'plugin: {NAME}'")
            return False
        return bool(super().verify_file(path))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fill the inventory with the nodes of the runs that the file names.

        :raises AnsibleParserError: the file or an option is wrong, the service could not be read, or a name is not free;
            the inventory is then as it was
        """
        super().parse(inventory, loader, path, cache)
        try:
            options = self._read_options(path)
            runs = self._read_runs(options, refresh=not cache)
            extra_variables = self._vars if self._vars and self.get_option("use_extra_vars") else {}
            expressions = Expressions(self.templar, options.expressions, extra_variables)
            with compiled_once(self.templar):
                hosts = self._hosts(runs, options, expressions)
                before = existing(inventory)
                layout = lay_out(hosts, options.group_by, before.names, strict=options.strict)
                plan = InventoryPlan(layout)
                expressions.construct(plan, before.of_source, before.variables)
            plan.check(before.variables.keys(), before.parents)
        except NsmlError as error:
            raise AnsibleParserError(str(error)) from None
        for warning in layout.warnings:
            self.display.warning(warning)
        expressions.report(warning=self.display.warning, verbose=lambda text: self.display.v(f"{NAME}: {text}"))
        populate(inventory, plan)

    def _read_options(self, path: str) -> _options.Options:
        try:
            self._read_config_data(path)  # which sets the options
        except AttributeError:  # this is how Ansible stumbles over a list
            raise AnsibleParserError(f"{path} contains no options. Start the file with this line: plugin: {NAME}") from None
        except AnsibleError as error:
            # Without the lines around its place in the file, which may hold a key: up to 2.18, str() adds them.
            raise AnsibleParserError(getattr(error.__context__, "_message", "") or str(error)) from None
        values = {name: self.get_option(name) for name in self.option_definitions}
        return _options.check_file(values, self._config, self.option_definitions)

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Set the options as Ansible does, once those of the file are checked and their templates are evaluated.

        Ansible reads the file and sets the options in one step; its own checks quote keys, cut fractions and split expressions.
        """
        if direct is not None:
            # What the environment gives is never a template.
            own = without_origin(direct)
            self._config = _options.evaluate_file(own, self.option_definitions, self.templar, self._vars or {})
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct and self._config)
        self._is_cached = bool(self.get_option("cache"))
        self.set_option("cache", False)  # Ansible would open the cache in the same step, and fail if it cannot

    def _warn_of_empty_project(self) -> None:
        """Warn of an empty environment variable that would have chosen a project: without it, all of them are read."""
        (variable,) = (variable["name"] for variable in self.option_definitions["project"]["env"])
        if os.environ.get(variable) == "" and "project" not in self._config:
            self.display.warning(
                f"The environment variable {variable} is empty, so the plugin reads every project that the keys can see. Unset"
                " the variable, or set a project."
            )

    def _read_runs(self, options: _options.Options, *, refresh: bool) -> list[RunRows]:
        """Return the runs with the rows of their nodes, from the cache where the user wants one."""
        reporter = _source.Reporter(
            notify=lambda text: self.display.display(f"{NAME}: {text}", stderr=True),  # standard output stays what it is
            verbose=lambda text: self.display.v(f"{NAME}: {text}"),
            warning=self.display.warning,
            trace=lambda text: self.display.vvv(f"{NAME}: {text}"),
        )
        self._warn_of_empty_project()
        if self._is_cached and self._open_cache():
            name = self.get_option("cache_plugin")
            return _source.read_cached(options, reporter, self._cache, name=name, refresh=refresh, damage=AnsibleError)
        return _source.read(options, reporter)

    def _open_cache(self) -> bool:
        """Return whether Ansible's cache can be used; one that cannot costs no hosts.

        :raises ConfigurationError: there is no such cache plugin, or it lacks its connection
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
        """Write the cache, which Ansible asks for after :meth:`parse`; one that cannot be written costs no hosts."""
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

    def _hosts(self, runs: list[RunRows], options: _options.Options, expressions: Expressions) -> list[Host]:
        """Return the nodes that stay, each with its variables and the name that it should have."""
        nodes = _node.nodes_of_runs(runs)
        chosen = [node for node in nodes if not options.states or node.state in options.states]
        if nodes:
            self._warn_of_states(nodes, options)
        hosts: list[Host] = []
        for node in chosen:
            variables = untrusted(_node.variables(node, options.hostvars_prefix))
            if expressions.keep(node.name, variables):
                hosts.append(Host(node, expressions.host_name(node.name, variables) or node.host_name, variables))
        return hosts

    def _warn_of_states(self, nodes: list[_node.Node], options: _options.Options) -> None:
        """Warn where ``states`` keeps no node or is misspelt: the set of states is open, so that is not an error."""
        seen = {node.state or "none" for node in nodes}
        if options.states and not options.states & seen:
            wanted, available = (", ".join(sorted(names)) for names in (options.states, seen))
            self.display.warning(readable(f"No node matches 'states': {wanted}. States of the nodes: {available}."))
        for name in sorted(options.states - seen):
            if nearest := _options.nearest_state(name, seen):
                self.display.warning(readable(f"No node is in the state {name!r} ('states'). Did you mean {nearest!r}?"))
