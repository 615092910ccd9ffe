# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each fault, what the user sees of it, and that no secret is in it. The page on troubleshooting is made from what is seen here.

To write that page anew: UPDATE_DOCS=1 make test TESTS=tests/integration/test_faults.py
"""

from __future__ import annotations

import ast
import base64
import os
import re
import ssl
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.integration.messages import PUT_IN, printable_strings
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, REPOSITORY, blocks
from ansible_collections.navercloud.nsml.tests.ports import reserved_port
from ansible_collections.navercloud.nsml.tests.simulator import (
    ABSENT,
    NODE_PENDING,
    RUN_COMPLETED,
    Answer,
    Node,
    Project,
    Run,
    Simulator,
)
from ansible_collections.navercloud.nsml.tests.simulator._simulator import CREDENTIALS
from ansible_collections.navercloud.nsml.tests.unit.inventory import load_sources

PAGE = PAGES / "troubleshooting.rst"
MARK = ".. All that follows is written by tests/integration/test_faults.py.\n"
KEYS = ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_NSML_API_KEY")
SECRETS = KEYS[1:]
FROM_FILE = dict.fromkeys(KEYS[:2], "")
KEYS_IN_FILE = f"ncloud_access_key_id={CREDENTIALS.access_key}\nncloud_secret_access_key={CREDENTIALS.secret_key}\n".encode()
QUICK = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\nretries: 0\n"
ANY_PROJECT = QUICK.replace(f"project: {PROJECT_ID}\nrun: 2\n", "")
WAITING = f"{QUICK}wait_timeout: 1\nwait_interval: 0.2\n"


def gateway(code: str, message: str, details: str = "") -> dict[str, dict[str, str]]:
    return {"error": {"errorCode": code, "message": message, "details": details}}


def always(answer: Answer) -> Callable[[Simulator], None]:
    """Have every request answered so."""
    return lambda simulator: simulator.answer_next(answer, times=99)


def behave(**changes: object) -> Callable[[Simulator], None]:
    """Have the simulator behave so."""

    def change(simulator: Simulator) -> None:
        for name, value in changes.items():
            setattr(simulator.behaviour, name, value)

    return change


def hold(*projects: Project) -> Callable[[Simulator], None]:
    """Have the service hold these projects."""

    def change(simulator: Simulator) -> None:
        simulator.projects = list(projects)

    return change


def configure(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    """Have the home hold a configuration file of the vendor's tools, which only its owner can read if the mode says no other."""

    def write(home: Path) -> None:
        file = home / ".ncloud" / "configure"
        file.parent.mkdir()
        file.write_bytes(content)
        file.chmod(mode)

    return write


def echo(simulator: Simulator) -> None:
    """Have the server tell all that it knows of the keys."""
    known = " ".join(form for name in SECRETS for form in forms(simulator.environment[name]))
    headers = {"x-ncp-trace-id": known, "x-ncp-apigw-request-id": known}
    simulator.answer_next(Answer(status=403, body=gateway("230", f"Forbidden {known}", known), headers=headers), times=9)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    :param name: what the page calls it
    :param seen: words that the user must see
    :param advice: what the page adds to the message, if anything
    :param happens: makes it happen
    :param home: prepares the user's home
    :param options: the inventory file
    :param environment: settings of the user that are wrong
    :param file: the name of the inventory file
    :param before: another source, in INI form, that is read first
    :param tls: whether the service speaks https, with a certificate that nobody trusts
    :param warns: whether it is no more than a warning, and the hosts are there
    :param listed: whether the page lists it, which has a message of the same form once
    """

    name: str
    seen: tuple[str, ...]
    advice: str
    happens: Callable[[Simulator], None] = lambda simulator: None
    options: str = QUICK
    environment: dict[str, str] = field(default_factory=dict)
    home: Callable[[Path], object] = lambda home: None
    nodes: tuple[Node, ...] = ()
    file: str = "bert.nsml.yml"
    before: str = ""
    tls: bool = False
    warns: bool = False
    listed: bool = True


KEY_FAULTS = [
    Fault(
        "No key",
        ("secret_key", "~/.ncloud/configure"),
        "If the inventory file or the environment sets one key of the pair, the plugin takes the other key from"
        " ``~/.ncloud/configure`` only if the first key there is the same.",
        environment={"NCLOUD_SECRET_ACCESS_KEY": ""},
    ),
    Fault(
        "A key with an invalid character",
        ("'api_key'", "space"),
        "Such a character is often copied together with the key, for example a line break.",
        environment={"NCLOUD_NSML_API_KEY": "half of it"},
    ),
    Fault(
        "A key template that cannot be evaluated",
        ("Cannot evaluate the template in 'api_key'", "'nowhere' is undefined"),
        "",
        options=f"{QUICK}api_key: '{{{{ nowhere }}}}'\n",
        listed=False,
    ),
    Fault(
        "A key that is not a string",
        ("'secret_key'", "must be a string"),
        "",
        options=f"{QUICK}secret_key: [mine]\n",
        listed=False,
    ),
    Fault(
        "A profile without a configuration file",
        ("Profile 'research' was not found", "does not exist"),
        "The file belongs to the command-line tools of NAVER Cloud. A profile is a section of it.",
        options=f"{QUICK}profile: research\n",
    ),
    Fault(
        "Unknown profile",
        ("Profile 'research' was not found", "DEFAULT, teaching"),
        "A profile is a section of the file. Its name is in square brackets.",
        options=f"{QUICK}profile: research\n",
        home=configure(b"[teaching]\nncloud_access_key_id = x\n"),
    ),
    Fault(
        "An invalid line in the configuration file",
        ("line 2", "key=value"),
        "The message does not show the line, because the line may contain a key.",
        home=configure(b"[DEFAULT]\nncloud_access_key_id x\n"),
        environment=FROM_FILE,
    ),
    Fault(
        "A configuration file that cannot be read",
        ("Cannot read", "Check the owner and the permissions"),
        "The reason comes from the operating system.",
        home=lambda home: (home / ".ncloud").touch(),
        environment=FROM_FILE,
    ),
    Fault(
        "A configuration file that is not a regular file",
        ("not a regular file",),
        "",
        home=lambda home: (home / ".ncloud" / "configure").mkdir(parents=True),
        environment=FROM_FILE,
    ),
    Fault(
        "A configuration file in another encoding",
        ("not UTF-8",),
        "",
        home=configure("[DEFAULT]\n# 열쇠\n".encode("euc-kr")),
        environment=FROM_FILE,
    ),
    Fault(
        "Wrong secret key",
        ("401", "Authentication Failed"),
        "",
        environment={"NCLOUD_SECRET_ACCESS_KEY": "wrongSecretKey"},
        listed=False,
    ),
    Fault(
        "Wrong API key",
        ("210", "subscription"),
        "The API key is a third key. It comes from the API gateway, not from the account.",
        environment={"NCLOUD_NSML_API_KEY": "wrongApiKey"},
    ),
    Fault(
        "The clock of this machine is wrong",
        ("11 minutes behind",),
        "Synchronize the clock with NTP. On a virtual machine, also check the clock of its host.",
        behave(clock_offset=660.0),
    ),
    Fault(
        "The keys lack permission",
        ("403", "Forbidden"),
        "The keys are right, but their user has too few permissions.",
        always(Answer(status=403, body=gateway("230", "Forbidden"))),
    ),
    Fault(
        "Three asterisks in a message",
        ("403", "***"),
        "The service returned one of your keys in its message or its IDs. The plugin replaces a key with asterisks.",
        echo,
    ),
]

CHOICE_FAULTS = [
    Fault(
        "A file that does not name the plugin",
        ("no root 'plugin' key found",),
        "This message comes from Ansible. Start the file with ``plugin: navercloud.nsml.nodes``, without a dash before it.",
        options="- plugin: navercloud.nsml.nodes\n",
    ),
    Fault(
        "An option that does not exist",
        ("'projects'", "'project'"),
        "Ansible itself would ignore the option.",
        options=QUICK.replace("project", "projects"),
    ),
    Fault(
        "A boolean that is neither true nor false",
        ("'validate_certs'", "must be true or false"),
        "Ansible itself would read an unknown string as false.",
        options=f"{QUICK}validate_certs: maybe\n",
    ),
    Fault(
        "A template that cannot be evaluated",
        ("Cannot evaluate the template in 'project'", "'my_project' is undefined"),
        "When Ansible reads an inventory, only extra variables (``-e``) exist.",
        options=QUICK.replace(PROJECT_ID, "'{{ my_project }}'"),
    ),
    Fault(
        "A value of the wrong type",
        ("'wait_timeout': '10m'", "an integer", "wait_timeout: 600"),
        "Write a time as a number of seconds, without a unit.",
        options=f"{QUICK}wait_timeout: 10m\n",
    ),
    Fault(
        "A number that is too large",
        ("'concurrency' is too large", "The maximum is 1,000"),
        "",
        options=f"{QUICK}concurrency: 5000\n",
    ),
    Fault("An empty state", ("Invalid item in 'states': ''",), "", options=f"{QUICK}states: ['']\n"),
    Fault("A number that is too small", ("'page_size': 0", "The minimum is 1"), "", options=f"{QUICK}page_size: 0\n"),
    Fault("A time that is zero or negative", ("'timeout': 0.0", "greater than 0"), "", options=f"{QUICK}timeout: 0\n"),
    Fault(
        "A list item that is not a string",
        ("Item 1 of 'states'", "must be a string"),
        "",
        options=f"{QUICK}states: [{{a: b}}]\n",
    ),
    Fault(
        "An invalid prefix for host variables",
        ("Invalid value for 'hostvars_prefix': 'my-'",),
        "",
        options=f"{QUICK}hostvars_prefix: my-\n",
    ),
    Fault(
        "A missing file of CA certificates",
        ("'ca_path': '/etc/company.pem'", "does not exist"),
        "A relative path starts in the directory from which you run Ansible.",
        options=f"{QUICK}ca_path: /etc/company.pem\n",
    ),
    Fault(
        "A run that is not a name",
        ("Invalid value for 'run': {'number': 2}",),
        "",
        options=QUICK.replace("run: 2", "run: {number: 2}"),
    ),
    Fault(
        "An empty list of runs",
        ("'run' is empty",),
        "To choose every run, write ``run: all``.",
        options=QUICK.replace("run: 2", "run: []"),
    ),
    Fault(
        "An empty item in a list of runs or projects",
        ("'run' has an empty item",),
        "Look for two commas in a row.",
        options=QUICK.replace("run: 2", "run: '1,,2'"),
    ),
    Fault(
        "A cache plugin that does not exist",
        ("The cache plugin 'jsonfil' was not found",),
        "To list the installed cache plugins, run ``ansible-doc -t cache --list``.",
        options=f"{QUICK}cache: true\ncache_plugin: jsonfil\n",
    ),
    Fault(
        "A cache plugin without a connection",
        ("needs 'cache_connection'",),
        "For the meaning of this option, see the documentation of the cache plugin: ``ansible-doc -t cache"
        " ansible.builtin.jsonfile``.",
        options=f"{QUICK}cache: true\ncache_plugin: ansible.builtin.jsonfile\n",
    ),
    Fault(
        "An invalid name",
        ("'..' is not a valid name",),
        "The name becomes a part of a URL, and this name would change the path.",
        options=QUICK.replace("run: 2", "run: .."),
    ),
    Fault(
        "Unknown run",
        ("Run '7' was not found", "404"),
        "",
        options=QUICK.replace("run: 2", "run: 7"),
    ),
    Fault(
        "Unknown project",
        ("Project 'brt' was not found",),
        "The message lists the projects that these keys can see. Other keys may see other projects.",
        options=QUICK.replace(PROJECT_ID, "brt"),
    ),
    Fault(
        "Several projects with the same name",
        ("Several projects have the name 'bert'",),
        "",
        hold(*(Project(name="bert", id=f"{letter}12345678901234567") for letter in "ab")),
        QUICK.replace(PROJECT_ID, "bert"),
    ),
    Fault(
        "An invalid API URL",
        ("Invalid URL in 'api_url'",),
        "The plugin also refuses a URL with a user name, a query or a fragment.",
        environment={"NCLOUD_NSML_API_URL": "nsml.apigw.ntruss.com/nsml/v1"},
    ),
    Fault(
        "Plain HTTP to another machine",
        ("over plain HTTP", "https://"),
        "Anyone who can read the network traffic could read the API key.",
        environment={"NCLOUD_NSML_API_URL": "http://nsml.example/nsml/v1"},
    ),
    Fault(
        "A URL that is not the NSML API",
        ("404", "'api_url' ends in /nsml/v1"),
        "The gateway responds, but has nothing at this path.",
        environment={"NCLOUD_NSML_API_URL": "{url}/v2"},
    ),
]

NAME_FAULTS = [
    Fault(
        "Two hosts with the same name (error)",
        ("not unique or not allowed", "'worker'"),
        "This is an error only with ``strict``. Otherwise, it is a warning.",
        options=f"{QUICK}strict: true\nhostnames: [\"'worker'\"]\n",
    ),
    Fault(
        "Two groups with the same name (error)",
        ("Different values lead to the same group name", "nsml_project_bert_en"),
        "This is an error only with ``strict``. Otherwise, it is a warning.",
        hold(*(Project(name=name, runs=[Run("1", nodes=[Node()])]) for name in ("bert-en", "bert_en"))),
        f"{ANY_PROJECT}strict: true\n",
    ),
    Fault(
        "A host and a group with the same name",
        ("A host and a group have the same name: first",),
        "Ansible distinguishes hosts and groups only by their names.",
        options=f"{QUICK}hostnames: [\"'first' if nsml_rank == 0 else nsml_name\"]\ngroups: {{first: nsml_rank > 0}}\n",
    ),
    Fault(
        "Groups that contain each other",
        ("cannot contain each other: nsml, nsml_ready",),
        "Another source put one of the groups below a group that it contains.",
        before="[nsml]\n[nsml_ready:children]\nnsml\n",
    ),
    Fault(
        "An expression with a syntax error",
        ("Syntax error in 'filters'",),
        "``filters``, ``hostnames``, ``compose``, ``groups`` and the ``key`` of ``keyed_groups`` are expressions.",
        options=f"{QUICK}filters: ['{{{{ nsml_ready }}}}']\n",
    ),
    Fault(
        "An invalid variable name",
        ("Invalid variable name in 'compose'",),
        "A later version of Ansible will refuse such names itself.",
        options=f"{QUICK}compose: {{gpu-count: nsml_rank}}\n",
    ),
    Fault(
        "A group that is not an expression",
        ("Invalid value for 'first' in 'groups'",),
        "",
        options=f"{QUICK}groups: {{first: [0]}}\n",
    ),
    Fault(
        "A keyed group that is not a dictionary",
        ("Invalid item in 'keyed_groups'",),
        "",
        options=f"{QUICK}keyed_groups: [nsml_state]\n",
    ),
    Fault(
        "A keyed group without a key",
        ("Invalid 'key' in an item of 'keyed_groups'",),
        "",
        options=f"{QUICK}keyed_groups: [{{prefix: state}}]\n",
    ),
    Fault(
        "A keyed group with an unknown key",
        ("Unknown key 'prefx'", "Did you mean"),
        "",
        options=f"{QUICK}keyed_groups: [{{key: nsml_state, prefx: state}}]\n",
    ),
    Fault(
        "A keyed group with two rules for empty values",
        ("both 'default_value' and 'trailing_separator'",),
        "",
        options=f"{QUICK}keyed_groups: [{{key: nsml_state, default_value: none, trailing_separator: false}}]\n",
    ),
    Fault(
        "A filter that cannot be evaluated",
        ("expression in 'filters' for bert-2-0",),
        "This is an error only with ``strict``. Otherwise, it is a warning. The words of Ansible at the end of the"
        " message differ between versions. To see which variables a host has, run ``ansible-inventory --host``.",
        options=f"{QUICK}strict: true\nfilters: [nsml_gpus > 2]\n",
    ),
    Fault(
        "A host name that cannot be evaluated",
        ("expression in 'hostnames' for bert-2-0",),
        "This is an error only with ``strict``. Otherwise, the plugin tries the next name in the list.",
        options=f"{QUICK}strict: true\nhostnames: [nsml_gpus ~ 'x']\n",
    ),
    Fault(
        "A variable that cannot be composed",
        ("expression in 'compose' for bert-2-0",),
        "This is an error only with ``strict``. Otherwise, the host does not get the variable.",
        options=f"{QUICK}strict: true\ncompose: {{gpus: nsml_gpus * 2}}\n",
    ),
]

EXITED = [Node(rank=0, port=15001), Node(rank=1, state="NODE_STATE_EXITED", exit_code=137)]

WAIT_FAULTS = [
    Fault(
        "The nodes were not ready in time",
        ("Timed out after 1 s ('wait_timeout')", "rank 1 (NODE_STATE_PENDING)"),
        "",
        options=WAITING,
        nodes=(Node(rank=0, port=15001), Node(rank=1, state=NODE_PENDING)),
    ),
    Fault(
        "A rank has ended",
        ("rank 1 exited with code 137",),
        "All nodes of this rank exited at least 15 seconds ago, or the run has ended, so the plugin does not expect another"
        " node. Exit code 137 means that the process was killed, often because the node ran out of memory.",
        hold(Project(name="bert", id=PROJECT_ID, runs=[Run("2", nodes=EXITED, status="RUN_STATE_FAILED")])),
        WAITING,
    ),
    Fault(
        "The run has ended",
        ("the run has ended (RUN_STATE_COMPLETED)",),
        "``run: latest`` chooses a run that has ended if the next run has not started yet.",
        hold(Project(name="bert", id=PROJECT_ID, runs=[Run("2", status=RUN_COMPLETED)])),
        WAITING,
    ),
]

SERVICE_FAULTS = [
    Fault(
        "Too many requests",
        ("429", "Rate Limited"),
        "The plugin has already retried with growing pauses. Requests of other programs with the same account count too.",
        always(Answer(status=429, body=gateway("420", "Rate Limited"))),
    ),
    Fault(
        "The quota is used up",
        ("quota",),
        "The plugin does not retry. To send fewer requests, use a cache.",
        always(Answer(status=429, body=gateway("400", "Quota Exceeded"))),
    ),
    Fault(
        "The service asks for a long wait",
        ("600 s", "deadline"),
        "The service asks for more time than ``deadline`` leaves, so the plugin does not wait.",
        always(Answer(status=503, body=gateway("500", "Endpoint Error"), headers={"Retry-After": "600"})),
        QUICK.replace("retries: 0", "retries: 3"),
    ),
    Fault(
        "The service fails",
        ("500", "Unexpected Error"),
        "Send the whole message, because support needs the trace ID and the request ID. If the message quotes the words of a"
        " web page, a server between you and the service responded.",
        always(Answer(status=500, body=gateway("900", "Unexpected Error"))),
    ),
    Fault(
        "The service fails with an HTML page",
        ("502", "Bad Gateway"),
        "",
        always(Answer(status=502, body="<html><body><h1>Bad Gateway</h1></body></html>")),
        listed=False,
    ),
    Fault(
        "The service refuses the request",
        ("400", "Bad Request"),
        "The API reference does not say when this happens.",
        always(Answer(status=400, body=gateway("100", "Bad Request Exception"))),
    ),
    Fault(
        "A redirect",
        ("https://elsewhere.example/", "does not follow redirects"),
        "The API does not redirect. A proxy that requires a login may.",
        always(Answer(status=302, headers={"Location": "https://elsewhere.example/"})),
    ),
    Fault(
        "A login page instead of the API",
        ("not usable JSON", "Please log in"),
        "The status of the response means success, but the response does not come from the API.",
        always(Answer(body="<html>Please log in</html>")),
    ),
    Fault(
        "An unexpected response",
        ("no list 'nodes'",),
        "The plugin accepts rows under another key if each row has an ID.",
        always(Answer(body={"items": [{"id": 1}]})),
    ),
    Fault(
        "A response that is too large",
        ("larger than 64 MiB",),
        "The plugin stops reading, so that no server can fill the memory of this machine.",
        always(Answer(body=b" " * (64 * 1024**2 + 1))),
    ),
    Fault(
        "A response with too many values",
        ("more than 2,000,000 values",),
        "Parsing the response would take longer than any deadline allows.",
        always(Answer(body=b"[" + b"0," * 2_000_001 + b"0]")),
    ),
    Fault(
        "A row without a node ID",
        ("page 1, row 1", "nodeId"),
        "A node that cannot be distinguished from others cannot be a host. Row 0 is the first row.",
        nodes=(Node(rank=0), Node(rank=1, extra={"nodeId": ABSENT})),
    ),
    Fault(
        "Two rows with the same node ID",
        ("page 1, row 1", "the same nodeId as row 0"),
        "Only one of the rows can be right, and the plugin does not choose.",
        nodes=(Node(rank=0, id="node0"), Node(rank=1, id="node0")),
    ),
    Fault(
        "Fewer nodes than counted",
        ("5", "3 rows"),
        "The plugin never uses an incomplete list. The list may have changed while the plugin read it.",
        behave(count=5),
    ),
]

NETWORK_FAULTS = [
    Fault(
        "No connection to the server",
        ("Connection refused",),
        "The reason comes from the operating system.",
        environment={"NCLOUD_NSML_API_URL": "{closed}"},
    ),
    Fault(
        "The connection breaks",
        ("connection", "failed"),
        "The connection broke at each try.",
        behave(cut_body_after=20, cut_bodies=99),
    ),
    Fault(
        "An untrusted certificate",
        ("TLS", "certificate verify failed"),
        "A company proxy that inspects TLS has its own CA. Save the certificate of that CA, and set ``ca_path`` to the file.",
        tls=True,
    ),
    Fault(
        "No response in time",
        ("within 0.2 s",),
        "``timeout`` limits each try of each request, up to the last byte of the response.",
        behave(latency=5.0),
        f"{QUICK}timeout: 0.2\n",
    ),
    Fault(
        "The deadline is over",
        ("deadline of 0.2 s",),
        "``deadline`` limits all requests of one reading together.",
        behave(latency=5.0),
        f"{QUICK}deadline: 0.2\n",
    ),
]

WARNINGS = [
    Fault(
        "Others can read the secret key",
        ("Other users can read", "chmod 600"),
        "",
        home=configure(KEYS_IN_FILE, mode=0o644),
        environment=FROM_FILE,
        warns=True,
    ),
    Fault(
        "Certificates are not verified",
        ("'validate_certs' is false",),
        "",
        options=f"{QUICK}validate_certs: false\n",
        tls=True,
        warns=True,
    ),
    Fault(
        "Several hosts with the same name",
        ("not unique or not allowed", "added the node ID"),
        "Use ``hostnames`` that differ from node to node and from run to run.",
        options=f"{QUICK}hostnames: [\"'worker'\"]\n",
        warns=True,
    ),
    Fault(
        "Several groups with the same name",
        ("Different values lead to the same group name", "added a hash of the value"),
        "The plugin replaces unsafe characters in a group name with ``_``, so two names can become the same.",
        hold(*(Project(name=name, runs=[Run("1", nodes=[Node()])]) for name in ("bert-en", "bert_en"))),
        ANY_PROJECT,
        warns=True,
    ),
    Fault(
        "A filter failed for some nodes",
        ("Skipped 3 nodes because a filter",),
        "",
        options=f"{QUICK}filters: [nsml_gpus > 2]\n",
        warns=True,
    ),
]

SECTIONS = {
    "Keys and clock": KEY_FAULTS,
    "The file, the project and the run": CHOICE_FAULTS,
    "Names, groups and filters": NAME_FAULTS,
    "Waiting": WAIT_FAULTS,
    "The service": SERVICE_FAULTS,
    "The network": NETWORK_FAULTS,
    "Warnings": WARNINGS,
}
FAULTS = [fault for faults in SECTIONS.values() for fault in faults]


def forms(secret: str) -> list[str]:
    return [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()]


def untrusted() -> ssl.SSLContext:
    """Return the server's side of TLS, with a certificate of a CA that nobody knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def seen(fault: Fault, monkeypatch: pytest.MonkeyPatch, directory: Path) -> str:
    """Make the fault happen and return all that Ansible printed at -vvvvv."""
    nodes = list(fault.nodes) or ranks(3)
    with Simulator(bert(nodes), ssl_context=untrusted() if fault.tls else None) as simulator, reserved_port() as port:
        fault.happens(simulator)
        fault.home(directory)
        places = {"url": simulator.url, "closed": f"http://127.0.0.1:{port}/nsml/v1"}
        wrong = {name: value.format(**places) for name, value in fault.environment.items()}
        for name, value in {**simulator.environment, **wrong}.items():
            monkeypatch.setenv(name, value)
        workplace = Workplace(directory)
        sources = [workplace.write("before.ini", fault.before)] if fault.before else []
        sources.append(workplace.write(fault.file, fault.options))
        loaded = load_sources([str(source) for source in sources], verbosity=5)
        assert loaded.names == [] or fault.warns, loaded.printed
        for name in SECRETS:
            for secret in {simulator.environment[name], os.environ[name]} - {""}:
                assert not [form for form in forms(secret) if form in loaded.printed]
    return loaded.printed.replace(str(directory), "/home/you")


def message(printed: str, *, warns: bool) -> str:
    """Return the plugin's own words, without what changes from one time to the next."""
    before = r"\[WARNING\]: " if warns else r"Failed to parse (?:inventory|\S+) with '?auto'? plugin: "
    found = re.search(
        rf"{before}(.*?)(?= Failed to parse| <<<| File \"| \[WARNING\]| Parsed /| navercloud.nsml.nodes: |$)", printed
    )
    assert found, printed
    text = re.sub(r"127\.0\.0\.1:\d+", "nsml.apigw.ntruss.com", found[1])
    # The words of Ansible, which differ.
    text = re.sub(r"(['\"]nsml_gpus .*?['\"]): .*", r"\1: ...", text)
    text = re.sub(r"(Syntax error in 'filters': .*?'): .*?\. (Remove)", r"\1: ... \2", text)
    return re.sub(r"_ssl\.c:\d+", "_ssl.c:1000", text)


def sample(words: str) -> str:
    """Return a message as the catalogue shows it: without the parts that all messages about a request or a key have."""
    words = re.sub(r"^Cannot read the nodes of run 2 of project \w+: GET \S+: ", "...: ", words)
    words = re.sub(r"trace ID trace-\d+, request ID request-\d+\.?", "...", words)
    return re.sub(r"(?<= Keys: ).*", "...", words)


def wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def entry(fault: Fault, words: str) -> str:
    """Return what the page holds of a fault; the message is wrapped, since not every viewer of such pages does that."""
    block = textwrap.indent(wrapped(sample(words), 80), "   ")
    advice = f"{wrapped(fault.advice, 120)}\n\n" if fault.advice else ""
    return f"{fault.name}\n{'~' * len(fault.name)}\n\n.. code-block:: text\n\n{block}\n\n{advice}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_message_has_the_remedy_and_no_secret(fault: Fault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = message(seen(fault, monkeypatch, tmp_path), warns=fault.warns)
    for part in fault.seen:
        assert part in words
    if fault.listed and os.environ.get("UPDATE_DOCS"):
        write(fault, entry(fault, words))
    assert not fault.listed or f"\n\n{entry(fault, words).rstrip()}\n" in PAGE.read_text()


def write(fault: Fault, text: str) -> None:
    """Put the entry at the end of the page, whose made part begins anew with the first."""
    page = PAGE.read_text()
    if fault is FAULTS[0]:
        page = f"{page.partition(MARK)[0]}{MARK}"
    titles = [f"{title}\n{'-' * len(title)}\n\n" for title, faults in SECTIONS.items() if fault is faults[0]]
    PAGE.write_text(f"{page.rstrip()}\n\n{''.join(titles)}{text}".rstrip() + "\n")


def hand_written(language: str, holding: str = "") -> str:
    """Return the one code block in a language that holds a string, of the part of the page that is written by hand."""
    by_hand = [block for block in blocks("troubleshooting") if block.language == language and block.section not in made()]
    (found,) = [block.text for block in by_hand if holding in block.text]
    return found


def made() -> list[str]:
    return [*SECTIONS, *(fault.name for fault in FAULTS)]


def run_without_keys(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    workplace = Workplace(directory, environment)
    workplace.write("bert.nsml.yml", QUICK)
    return workplace.run("ansible-inventory", "-i", "bert.nsml.yml", "--list", check=False)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed for people, on one line."""
    return " ".join((done.stderr + done.stdout).split())


def shown(printed: str, block: str) -> bool:
    """Return whether a block's words are in what was printed, on whichever lines; three dots stand for anything."""
    parts = (re.escape(part.strip()) for part in " ".join(block.split()).split("..."))
    return bool(re.search(".*".join(parts), printed))


def test_ansible_tries_further_plugins_warns_and_goes_on(tmp_path: Path) -> None:
    done = run_without_keys(tmp_path)
    assert done.returncode == 0
    # Up to 2.18 Ansible words it a little otherwise.
    printed = re.sub(r"\* Failed to parse .*? with (\w+) plugin", r"Failed to parse inventory with '\1' plugin", one_line(done))
    assert shown(printed, hand_written("text", "'yaml' plugin"))


def test_recent_ansible_prints_an_error_twice_as_the_page_shows(tmp_path: Path) -> None:
    printed = one_line(run_without_keys(tmp_path))
    assert shown(printed, hand_written("text", "<<< caused by >>>")) is ("<<< caused by >>>" in printed)


def test_both_ways_to_have_it_stop_do_so_with_one_message(tmp_path: Path) -> None:
    console = hand_written("console")
    settings = dict(line.removeprefix("$ export ").split("=") for line in console.splitlines())
    assert len(settings) == 2
    (tmp_path / "ansible.cfg").write_text(hand_written("ini"))
    for environment in (settings, {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}):
        done = run_without_keys(tmp_path, **environment)
        assert done.returncode != 0
        assert "'access_key' is not set" in one_line(done)
        assert "Invalid host pattern" not in one_line(done)


def test_whole_message_about_a_request_is_as_the_page_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (fault,) = [fault for fault in KEY_FAULTS if fault.name == "Wrong secret key"]
    words = message(seen(fault, monkeypatch, tmp_path), warns=False)
    assert words == " ".join(hand_written("text", "HTTP 401").split())


def test_a_collection_that_is_not_installed_is_an_unknown_plugin(tmp_path: Path) -> None:
    done = run_without_keys(tmp_path, ANSIBLE_COLLECTIONS_PATH=str(tmp_path))
    assert shown(one_line(done), hand_written("text", "unknown plugin"))


@pytest.mark.parametrize(
    ("environment", "ready", "line"),
    [
        ({"NCLOUD_NSML_API_KEY": ""}, False, "Could not match supplied host pattern, ignoring: nsml_ready"),
        ({}, False, "No hosts matched, nothing to do"),
        ({"ANSIBLE_PRIVATE_KEY_FILE": "/dev/null"}, True, "UNREACHABLE! ... Permission denied (publickey)"),
        ({"ANSIBLE_SSH_ARGS": "-o UserKnownHostsFile=/dev/null"}, True, "UNREACHABLE! ... Host key verification failed"),
    ],
)
def test_what_ansible_prints_later_is_as_the_page_quotes_it(
    tmp_path: Path, environment: dict[str, str], ready: bool, line: str
) -> None:
    assert f"\n``{line}``\n" in PAGE.read_text()
    with Simulator(bert([Node() if ready else Node(state=NODE_PENDING)]), ssh=True) as simulator:
        workplace = Workplace(tmp_path, {**simulator.environment, **environment})
        workplace.write("bert.nsml.yml", QUICK)
        ping = ("ansible", "-i", "bert.nsml.yml", "nsml_ready", "-m", "ansible.builtin.ping")
        assert shown(one_line(workplace.run(*ping, check=False)), line)


def test_file_without_its_plugin_line_is_what_the_page_quotes(tmp_path: Path) -> None:
    (line,) = re.findall(r"^``(Skipping .*)``$", PAGE.read_text(), re.MULTILINE)
    workplace = Workplace(tmp_path)
    workplace.write("bert.nsml.yml", QUICK.partition("\n")[2])
    assert line in one_line(workplace.run("ansible-inventory", "-i", "bert.nsml.yml", "--list"))


def test_each_part_of_a_message_that_the_page_explains_is_in_a_message() -> None:
    section = PAGE.read_text().partition("Progress lines and parts of messages\n")[2].partition(MARK)[0]
    terms = re.findall(r"^``(.+)``$", section, re.MULTILINE)
    assert terms
    messages = "\n".join(printable_strings())
    assert [term for term in terms if re.sub(r"[0-9][0-9,]*", PUT_IN, term) not in messages] == []


def test_the_page_has_no_entry_but_these() -> None:
    titles = re.findall(r"^(.+)\n([-~])\2+$", PAGE.read_text().partition(MARK)[2], re.MULTILINE)
    assert titles == [
        pair
        for title, faults in SECTIONS.items()
        for pair in [(title, "-"), *((fault.name, "~") for fault in faults if fault.listed)]
    ]


# Only a user who names this plugin in ANSIBLE_INVENTORY_ENABLED sees it: to all others, Ansible speaks first.
SELDOM = "contains no options. Start the file with this line: plugin:"


def raised_messages() -> Iterator[str]:
    """Yield for each error that reaches the user, where it is raised with a message, the longest fixed part of that message."""
    # What an ExpressionError says follows the words of its option, where Ansible's own words do.
    kinds = {*vars(_errors), "AnsibleParserError"} - {"ExpressionError"}
    for file in sorted((REPOSITORY / "plugins").rglob("*.py")):
        for statement in ast.walk(ast.parse(file.read_text())):
            match statement:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=kind), args=[text, *_])) if kind in kinds:
                    parts = [
                        part.value for part in ast.walk(text) if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ]
                    longest = max(parts, key=len, default="").strip()
                    if len(longest) > 12:
                        yield longest


def test_each_error_message_is_on_the_page_or_that_of_events() -> None:
    page = " ".join((PAGE.read_text() + (PAGES / "events.rst").read_text()).split())
    raised = list(raised_messages())
    assert len(raised) > 30
    assert [text for text in raised if " ".join(text.split()) not in page] == [SELDOM]
