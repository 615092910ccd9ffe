# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding runs, waiting for them and remembering them, through the real commands."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace
from ansible_collections.navercloud.nsml.tests.processes import started
from ansible_collections.navercloud.nsml.tests.simulator import (
    NODE_PENDING,
    NODE_RUNNING,
    RUN_COMPLETED,
    Node,
    Project,
    Run,
    Simulator,
)

CACHED = "cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {directory}/cache\n"

Place = Callable[..., Workplace]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a workplace for a simulator, whose inventory file has these options."""

    def make(simulator: Simulator, text: str = "project: bert\nrun: 2\n", **environment: str) -> Workplace:
        workplace = Workplace(tmp_path, {**simulator.environment, **environment})
        rewrite(workplace, text)
        return workplace

    return make


def rewrite(workplace: Workplace, text: str) -> None:
    options = text.replace("{directory}", str(workplace.directory))
    (workplace.directory / "test.nsml.yml").write_text(f"plugin: navercloud.nsml.nodes\n{options}")


def nodes(first_port: int, states: list[str]) -> list[Node]:
    return [Node(rank=rank, state=state, port=first_port + rank) for rank, state in enumerate(states)]


def world() -> list[Project]:
    """Return two projects with runs that are completed and in progress; the highest number is 10, not 9."""
    running = [NODE_RUNNING]
    bert = [
        Run("2", nodes=nodes(15000, running * 2), status=RUN_COMPLETED),
        Run("9", nodes=nodes(15100, running)),
        Run("10", nodes=nodes(15200, running * 3)),
    ]
    gpt = [Run("1", nodes=nodes(16000, running), status=RUN_COMPLETED)]
    return [Project(name="bert", id=PROJECT_ID, runs=bert), Project(name="gpt", id="zzz999ygz0iujnxyz", runs=gpt)]


# Discovery costs two pages each, since a list without ranks has to show where it begins.
PROJECTS, RUNS, NODES = 2, 2, 1


def asked_for(simulator: Simulator, size: int) -> int:
    """Return how many requests were for pages of this size, by which a source can be printed_lines from others."""
    return sum(record.path.endswith(f"&pageSize={size}") for record in simulator.requests)


def test_the_runs_that_are_meant_are_found(place: Place) -> None:
    found: list[tuple[str, set[str], int]] = [
        (f"project: {PROJECT_ID}\nrun: 9\n", {"bert-9"}, NODES),
        (f"project: {PROJECT_ID}\nrun: [10, '9']\n", {"bert-9", "bert-10"}, 2 * NODES),
        ("project: bert\nrun: 9\n", {"bert-9"}, PROJECTS + NODES),
        (f"project: {PROJECT_ID}\nrun: latest\n", {"bert-10"}, RUNS + NODES),
        (f"project: {PROJECT_ID}\n", {"bert-9", "bert-10"}, RUNS + 2 * NODES),
        ("project: bert\nrun: latest\n", {"bert-10"}, PROJECTS + RUNS + NODES),
        ("project: bert\nrun: [2, latest]\n", {"bert-2", "bert-10"}, PROJECTS + RUNS + 2 * NODES),
        ("run: active\n", {"bert-9", "bert-10"}, RUNS + 2 * NODES),
        ("run: latest\n", {"bert-10", "gpt-1"}, RUNS + 2 * NODES),
        ("run: all\n", {"bert-2", "bert-9", "bert-10", "gpt-1"}, RUNS + 4 * NODES),
    ]
    with Simulator(world()) as simulator:
        workplace = place(simulator)
        for size, (options, _runs, _requests) in enumerate(found, 100):
            settings = f"page_size: {size}\ngroups: {{source_{size}: true}}\n"
            workplace.write(f"sources/{size}.nsml.yml", f"plugin: navercloud.nsml.nodes\n{options}{settings}")
        listed = workplace.listed("sources")
    for size, (options, runs, requests) in enumerate(found, 100):
        assert {host.rpartition("-")[0] for host in listed[f"source_{size}"]["hosts"]} == runs, options
        assert asked_for(simulator, size) == requests, options


def test_settings_come_from_the_environment_too(place: Place) -> None:
    with Simulator(world()) as simulator:
        workplace = place(simulator, "", NCLOUD_NSML_PROJECT="bert", NCLOUD_NSML_RUN="2, latest")
        assert [name for name in workplace.listed() if name.startswith("nsml_run_")] == ["nsml_run_bert_10", "nsml_run_bert_2"]


def test_no_run_in_progress_is_an_empty_inventory_and_one_line(place: Place) -> None:
    with Simulator(world()) as simulator:
        workplace = place(simulator, "project: gpt\n")
        done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list")
    assert json.loads(done.stdout)["_meta"]["hostvars"] == {}
    assert done.stderr.strip() == (
        "navercloud.nsml.nodes: No run matches 'run': active. This inventory file adds no hosts."
        " Available runs: 1 of gpt (RUN_STATE_COMPLETED)."
    )


def test_what_does_not_exist_is_an_error_that_helps(place: Place) -> None:
    printed = {
        "project: brt\nrun: 2\n": f"Project 'brt' was not found. Did you mean 'bert'? Available projects: bert ({PROJECT_ID})",
        "project: bert\nrun: [latest, 3]\n": "Run '3' was not found in project bert. Available runs: ",
        f"project: {PROJECT_ID}\nrun: 11\n": "Run '11' was not found in project bert."
        " Available runs: 10 (RUN_STATE_IN_PROGRESS), ",
    }
    with Simulator(world()) as simulator:
        workplace = place(simulator)
        for number, options in enumerate(printed):
            workplace.write(f"sources/{number}.nsml.yml", f"plugin: navercloud.nsml.nodes\n{options}")
        text = workplace.refused("sources")
    for words in printed.values():
        assert words in text


def test_two_projects_of_one_name_are_an_error_with_both_ids(place: Place) -> None:
    twins = [Project(name="bert", id=f"{letter}12345678901234567", runs=[]) for letter in "ab"]
    with Simulator(twins) as simulator:
        text = place(simulator).refused()
    assert "a12345678901234567, b12345678901234567" in text


@contextmanager
def starting(request: int | None = None) -> Iterator[Simulator]:
    """Serve a run 2 with a node that runs from the request of that number on, or never: no clock decides."""
    later = Node(rank=1, state=NODE_PENDING, port=15001)
    world = [Project(name="bert", id=PROJECT_ID, runs=[Run("2", nodes=[Node(rank=0, port=15000), later])])]

    def before_answer(number: int) -> None:
        if number == request:
            later.state = NODE_RUNNING

    with Simulator(world) as simulator:
        simulator.before_answer = before_answer
        yield simulator


WAITING = f"project: {PROJECT_ID}\nrun: 2\nwait_timeout: 30\nwait_interval: 0.1\n"


def test_waiting_ends_when_all_nodes_are_ready_and_standard_output_stays_clean(place: Place) -> None:
    with starting(4) as simulator:
        done = place(simulator, WAITING).run("ansible-inventory", "-i", "test.nsml.yml", "--list")
    assert json.loads(done.stdout)["nsml_ready"]["hosts"] == ["bert-2-0", "bert-2-1"]
    printed_lines = "navercloud.nsml.nodes: Run 2 of project bert: 1 of 2 nodes ready, waiting for rank 1 (NODE_STATE_PENDING)"
    assert done.stderr.strip() == printed_lines


def test_waiting_that_ends_without_all_nodes_is_an_error_that_names_the_others(place: Place) -> None:
    with starting() as simulator:
        text = place(simulator, WAITING.replace("30", "1")).refused()
    assert "Timed out after 1 s ('wait_timeout')" in text
    assert "Run 2 of project bert: 1 of 2 nodes ready, waiting for rank 1 (NODE_STATE_PENDING)" in text


def test_waiting_for_a_completed_run_is_an_error_at_once(place: Place) -> None:
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=[Run("2", status=RUN_COMPLETED)])]) as simulator:
        text = place(simulator, WAITING).refused()
    assert f"Run 2 of project {PROJECT_ID} cannot become ready: the run has ended (RUN_STATE_COMPLETED)." in text


def test_a_run_that_completes_later_than_one_reading_may_take_is_noticed(place: Place) -> None:
    run = Run("2", nodes=[Node(rank=0, state=NODE_PENDING)])
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=[run])]) as simulator:

        def complete_at_the_end(number: int) -> None:
            if number > 12:  # readings of one request, half a second apart
                run.status = RUN_COMPLETED
                run.nodes.clear()

        simulator.before_answer = complete_at_the_end
        options = f"project: {PROJECT_ID}\nrun: 2\nwait_timeout: 120\nwait_interval: 0.5\ndeadline: 2\n"
        assert "the run has ended (RUN_STATE_COMPLETED)" in place(simulator, options).refused()


def test_ctrl_c_ends_the_waiting_with_no_traceback(place: Place) -> None:
    with starting() as simulator:
        workplace = place(simulator, WAITING)
        command = ["ansible-inventory", "-i", "test.nsml.yml", "--list"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = {**environ, **workplace.environment}
        with started(command, environment, cwd=workplace.directory, **pipes) as process:
            assert process.stderr
            assert "waiting for rank 1" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _output, errors = process.communicate(timeout=60)
    assert process.returncode == 99  # Ansible's own
    assert "Traceback" not in errors


def listed_with(place: Place, simulator: Simulator, options: str, **environment: str) -> tuple[dict[str, Any], int]:
    """Return what is listed, and how many requests that took."""
    before = len(simulator.requests)
    listed = place(simulator, options + CACHED, **environment).listed()
    return listed, len(simulator.requests) - before


def test_a_hit_makes_no_request_and_needs_no_secret(place: Place) -> None:
    with Simulator(world()) as simulator:
        first, requests = listed_with(place, simulator, "project: bert\nrun: latest\n")
        assert requests == PROJECTS + RUNS + NODES
        nothing = {"NCLOUD_SECRET_ACCESS_KEY": "", "NCLOUD_NSML_API_KEY": ""}
        again, requests = listed_with(place, simulator, "project: bert\nrun: latest\n", **nothing)
    assert requests == 0
    assert again == first


def test_only_what_decides_what_is_read_is_a_miss(place: Place) -> None:
    same = "project: bert\nrun: 2\n"
    missed = {
        same: True,
        f"{same}states: [running]\nfilters: [nsml_rank == 0]\nhostnames: [nsml_node_id]\n": False,
        f"{same}group_by: [rank]\nhostvars_prefix: x_\n": False,
        "project: bert\nrun: 9\n": True,
        "project: gpt\nrun: 1\n": True,
        f"project: {PROJECT_ID}\nrun: 2\n": True,
        f"{same}access_key: another-access-key\n": True,
        f"{same}# as it was\n": False,
    }
    with Simulator(world()) as simulator:
        workplace = place(simulator)
        cached = CACHED.format(directory=workplace.directory)
        for size, options in enumerate(missed, 100):
            text = f"plugin: navercloud.nsml.nodes\npage_size: {size}\n{cached}{options}"
            workplace.write(f"sources/{size}.nsml.yml", text)
        workplace.run("ansible-inventory", "-i", "sources", "--list")
    assert [asked_for(simulator, size) > 0 for size, _options in enumerate(missed, 100)] == list(missed.values())


def test_another_url_is_a_miss(place: Place) -> None:
    with Simulator(world()) as one, Simulator(world()) as other:
        for simulator in (one, other):
            _listed, requests = listed_with(place, simulator, "project: bert\nrun: 2\n")
            assert requests == PROJECTS + NODES


def test_the_cache_holds_no_secret(place: Place, tmp_path: Path) -> None:
    with Simulator(world()) as simulator:
        listed_with(place, simulator, "project: bert\nrun: 2\n")
        (stored,) = (tmp_path / "cache").iterdir()
        text = stored.name + stored.read_text()
        for name in ("NCLOUD_ACCESS_KEY_ID", "NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_NSML_API_KEY"):
            assert simulator.environment[name] not in text


def test_a_damaged_cache_is_a_miss_and_is_stored_anew(place: Place, tmp_path: Path) -> None:
    damages = ("", "{", '{"version": 1}')
    with Simulator(world()) as simulator:
        workplace = place(simulator)
        cached = CACHED.format(directory=workplace.directory)
        for run in ("2", "9", "10"):
            text = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: {run}\n{cached}"
            workplace.write(f"sources/{run}.nsml.yml", text)

        def asked() -> list[str]:
            """Have all read, and return what was asked for."""
            before = len(simulator.requests)
            done = workplace.run("ansible-inventory", "-i", "sources", "--list")
            assert len(json.loads(done.stdout)["_meta"]["hostvars"]) == 2 + 1 + 3
            return sorted(record.path for record in simulator.requests[before:])

        first = asked()
        assert len(first) == len(damages)
        for stored, damage in zip((tmp_path / "cache").iterdir(), damages, strict=True):
            stored.write_text(damage)
        assert asked() == first
        assert asked() == []


def test_a_forced_refresh_reads_again_and_stores(place: Place) -> None:
    options = "project: bert\nrun: 2\n"
    play = """\
        - hosts: localhost
          gather_facts: false
          tasks:
            - ansible.builtin.assert:
                that: groups['nsml'] | length == before | int
            - ansible.builtin.meta: refresh_inventory
            - ansible.builtin.assert:
                that: groups['nsml'] | length == after | int
        """
    with Simulator(world()) as simulator:
        listed_with(place, simulator, options)
        workplace = place(simulator, options + CACHED)
        workplace.write("play.yml", play)
        run = simulator.projects[0].runs[0]
        run.nodes.append(Node(rank=2, port=15002))
        workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml", "-e", "before=2 after=3")
        listed, requests = listed_with(place, simulator, options)
        assert (len(listed["nsml"]["hosts"]), requests) == (3, 0)
        run.nodes.append(Node(rank=3, port=15003))
        workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml", "-e", "before=4 after=4", "--flush-cache")
        listed, requests = listed_with(place, simulator, options)
    assert (len(listed["nsml"]["hosts"]), requests) == (4, 0)


def test_no_run_in_progress_is_reported_from_the_cache_too(place: Place) -> None:
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=[Run("2", status=RUN_COMPLETED)])]) as simulator:
        workplace = place(simulator, f"project: {PROJECT_ID}\n" + CACHED)
        for _time in range(2):
            done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list")
            assert "No run matches 'run': active. This inventory file adds no hosts" in done.stderr
        assert len(simulator.requests) == RUNS


def test_a_failed_reading_is_never_stored(place: Place, tmp_path: Path) -> None:
    with Simulator(world()) as simulator:
        place(simulator, "project: bert\nrun: [2, 77]\n" + CACHED).refused()
    assert not (tmp_path / "cache").exists() or list((tmp_path / "cache").iterdir()) == []


def test_a_cached_answer_that_is_not_ready_does_not_count_while_waiting(place: Place) -> None:
    with starting(4) as simulator:
        listed, _requests = listed_with(place, simulator, f"project: {PROJECT_ID}\nrun: 2\n")
        assert listed["nsml_ready"]["hosts"] == ["bert-2-0"]
        workplace = place(simulator, WAITING + CACHED)
        done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list")
        assert json.loads(done.stdout)["nsml_ready"]["hosts"] == ["bert-2-0", "bert-2-1"]
        before = len(simulator.requests)
        workplace.listed()
        assert len(simulator.requests) == before


def test_one_line_at_v_shows_where_the_hosts_came_from(place: Place) -> None:
    with Simulator(world()) as simulator:
        workplace = place(simulator, "project: bert\nrun: 2\n" + CACHED)
        outputs = [workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--graph", "-v") for _time in range(2)]
    read, remembered = (" ".join((done.stdout + done.stderr).split()) for done in outputs)
    assert f"Nodes: 2, runs: 1, from the service, requests: {PROJECTS + NODES}, seconds: " in read
    assert "Nodes: 2, runs: 1, from the cache, " in remembered


@pytest.mark.parametrize(
    "text",
    [
        "{{ lookup('ansible.builtin.pipe', 'touch executed') }}",
        "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ lookup('ansible.builtin.pipe', 'touch executed') ]]",
    ],
)
def test_no_text_from_the_cache_is_ever_a_template(place: Place, tmp_path: Path, text: str) -> None:
    hostile = Node(rank=0, port=15000, command=text, extra={"labels": {"__ansible_unsafe": text, text: [text]}})
    play = """\
        - hosts: nsml
          gather_facts: false
          connection: local
          tasks:
            - ansible.builtin.debug:
                msg: "{{ nsml_command }} {{ nsml_labels }} {{ composed }} {{ group_names }} {{ inventory_hostname }}"
        """
    options = f"project: {PROJECT_ID}\nrun: 2\ncompose: {{composed: nsml_command ~ nsml_labels}}\n"
    options += "keyed_groups: [{key: nsml_command}]\nhostnames: [nsml_command]\n" + CACHED
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=[Run("2", nodes=[hostile])])]) as simulator:
        workplace = place(simulator, options)
        workplace.write("play.yml", play)
        for _time in range(2):
            done = workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml")
            assert "touch executed" in done.stdout
        assert len(simulator.requests) == NODES
    assert not list(tmp_path.glob("**/executed"))


def test_asking_for_the_status_of_runs_takes_no_longer_than_the_waiting(place: Place) -> None:
    runs = [Run(str(number), nodes=[Node(rank=0, state=NODE_PENDING)]) for number in range(1, 16)]
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=runs)]) as simulator:

        def answer_only_the_first_reading(number: int) -> None:
            simulator.behaviour.latency = 0.0 if number <= len(runs) else 60.0

        simulator.before_answer = answer_only_the_first_reading
        names = ", ".join(run.name for run in runs)
        options = f"project: {PROJECT_ID}\nrun: [{names}]\nwait_timeout: 1\ndeadline: 3\n"
        # Fifteen look-ups of three seconds each would take longer than this allows.
        done = place(simulator, options).run("ansible-inventory", "-i", "test.nsml.yml", "--list", timeout=40)
    assert "Failed to parse" in done.stderr
