# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source against a simulated service; the real ansible-rulebook runs it in tests/events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.navercloud.nsml.extensions.eda.plugins.event_source import nodes as plugin
from ansible_collections.navercloud.nsml.plugins.inventory import nodes as inventory_plugin
from ansible_collections.navercloud.nsml.plugins.plugin_utils import _event_source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    NsmlError,
    SelectionError,
    ServerError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._event_source import Faults, read_arguments
from ansible_collections.navercloud.nsml.tests.simulator import NODE_PENDING, NODE_RUNNING, Answer, Node, Project, Run, Simulator

OWN: dict[str, dict[str, Any]] = yaml.safe_load(plugin.DOCUMENTATION)["options"]

REFUSED = Answer(401, {"error": {"errorCode": "200", "message": "Authentication Failed"}})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Project bert has run 2 with two nodes, of which the second is pending."""
    nodes = [Node(port=15001), Node(rank=1, port=15002, state=NODE_PENDING)]
    with Simulator([Project("bert", "abc123ygz0iujnxyz", [Run("2", nodes=nodes)])]) as simulator:
        yield simulator


class Source:
    """The event source under way; events are taken off its queue, which holds one as ansible-rulebook's does."""

    def __init__(self, simulator: Simulator, **arguments: Any) -> None:
        keys = simulator.credentials
        self._simulator = simulator
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
        self.arguments: dict[str, Any] = {
            "project": "bert",
            "access_key": keys.access_key,
            "secret_key": keys.secret_key,
            "api_key": keys.api_key,
            "api_url": simulator.url,
            "interval": 0.01,
            "retries": 0,
            **arguments,
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Source]:
        """Run it, and cancel it at the end."""
        self.task = asyncio.create_task(plugin.main(self._queue, self.arguments))
        try:
            yield self
        finally:
            if self.task.cancel():
                with contextlib.suppress(asyncio.CancelledError):
                    await self.task
            self.left = [] if self._queue.empty() else [in_short(self._queue.get_nowait())]

    async def events(self, count: int) -> list[str]:
        """Take so many events, in short."""
        return [in_short(await self._or_error(self._queue.get())) for _number in range(count)]

    async def readings(self, count: int) -> None:
        """Wait until so many further readings were begun, whose events would not fit into the queue."""
        wanted = len(self._simulator.requests) + count * 5
        while len(self._simulator.requests) < wanted and not self.task.done():
            await asyncio.sleep(0.01)

    async def error(self) -> NsmlError:
        """Wait for it to end with an error."""
        with pytest.raises(NsmlError) as raised:
            await asyncio.wait_for(self.task, 60)
        return raised.value

    @property
    def is_silent(self) -> bool:
        """Whether there is no event that nobody took."""
        return self._queue.empty()

    async def _or_error(self, event: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        getting = asyncio.ensure_future(event)
        await asyncio.wait([getting, self.task], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done() and not getting.done():
            getting.cancel()
            self.task.result()
        return await asyncio.wait_for(getting, 0)


def in_short(event: Mapping[str, Any]) -> str:
    return f"{event['nsml']['change']} {event['nsml'].get('host', '')}".strip()


Play = Callable[[Source], Awaitable[None]]


def played(source: Source, play: Play) -> None:
    """Run the source while something happens to the service."""

    async def run() -> None:
        async with source.running():
            await play(source)

    asyncio.run(run())


def let_run(simulator: Simulator, *ranks: int) -> None:
    for node in simulator.projects[0].runs[0].nodes:
        if node.rank in ranks:
            node.state = NODE_RUNNING


def test_events_come_as_nodes_become_ready(simulator: Simulator) -> None:
    async def play(source: Source) -> None:
        assert await source.events(1) == ["ready bert-2-0"]
        await source.readings(2)
        assert source.is_silent
        let_run(simulator, 1)
        assert await source.events(2) == ["ready bert-2-1", "run_ready"]
        await source.readings(2)
        assert source.is_silent

    played(Source(simulator), play)


def answer_first_page_of_runs(simulator: Simulator, fault: Answer) -> None:
    """Give the next request for the first page of the runs this answer: another page might do without one."""

    def answer(number: int) -> None:
        if simulator.requests[number - 1].path.partition("/projects/runs?")[2].startswith("page=1"):
            simulator.answer_next(fault)
            simulator.before_answer = None

    simulator.before_answer = answer


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503), Answer(429), Answer(200, "no JSON"), Answer(200, {"runList": "none"}), REFUSED]
)
def test_a_fault_of_the_service_is_logged_and_no_event_is_lost_to_it(
    simulator: Simulator, fault: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(source: Source) -> None:
        await source.events(1)
        answer_first_page_of_runs(simulator, fault)
        let_run(simulator, 1)
        assert await source.events(2) == ["ready bert-2-1", "run_ready"]

    played(Source(simulator), play)
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name == "navercloud.nsml.nodes"
    assert re.search(r"Reading again in \d+ s\.$", record.getMessage())


def test_keys_that_are_refused_by_the_first_reading_end_it(simulator: Simulator) -> None:
    async def play(source: Source) -> None:
        assert "HTTP 401" in str(await source.error())

    simulator.answer_next(REFUSED)
    played(Source(simulator), play)


def test_keys_that_are_refused_by_three_readings_in_a_row_end_it(simulator: Simulator) -> None:
    async def play(source: Source) -> None:
        await source.events(1)
        simulator.answer_next(REFUSED, 100)
        assert "HTTP 401" in str(await source.error())

    played(Source(simulator), play)


LASTING = [
    AuthenticationError("the runs", "GET /", "HTTP 401.", "", status=401),
    SelectionError("There is no run."),
    ConfigurationError("The file was changed."),
]
PASSING = [ServerError("the runs", "GET /", "HTTP 503.", "", status=503), ConnectionFailed("the runs", "GET /", "It broke.", "")]


@pytest.mark.parametrize("error", LASTING)
def test_a_fault_that_does_not_pass_ends_the_source_at_the_third_reading_in_a_row(error: NsmlError) -> None:
    faults = Faults()
    with pytest.raises(type(error)):
        faults.pause_after(error, 10)
    faults.forget()
    for _time in range(2):
        assert [faults.pause_after(error, 10) for _number in range(2)] == [20, 40]
        faults.forget()
    for _number in range(2):
        faults.pause_after(error, 10)
    with pytest.raises(type(error)):
        faults.pause_after(error, 10)


@pytest.mark.parametrize("error", PASSING)
def test_the_pauses_after_faults_that_pass_grow_up_to_five_minutes(error: NsmlError) -> None:
    faults = Faults()
    assert [faults.pause_after(error, 10) for _number in range(7)] == [20, 40, 80, 160, 300, 300, 300]
    assert [faults.pause_after(error, 3600) for _number in range(3000)][-1] == 3600
    faults.forget()
    assert faults.pause_after(error, 10) == 20


def test_nothing_is_put_faster_than_it_is_taken(simulator: Simulator) -> None:
    simulator.projects[0].runs[0].nodes = [Node(rank=rank, port=15001 + rank) for rank in range(50)]

    async def play(source: Source) -> None:
        assert await source.events(1) == ["ready bert-2-0"]
        requests = len(simulator.requests)
        for rank in range(1, 48):  # the last but one is put when this is taken
            await asyncio.sleep(0)
            assert len(simulator.requests) == requests
            assert await source.events(1) == [f"ready bert-2-{rank}"]

    played(Source(simulator), play)


def test_a_restart_with_a_state_file_puts_each_event_once(simulator: Simulator, tmp_path: Path) -> None:
    """However many events were taken before each end."""
    simulator.projects[0].runs[0].nodes = [Node(rank=rank, port=15001 + rank) for rank in range(12)]
    expected = [f"ready bert-2-{rank}" for rank in range(12)] + ["run_ready"]
    seen: list[str] = []
    for count in (1, 3, 4):
        source = Source(simulator, state_file=str(tmp_path / "state"))

        async def play(source: Source, count: int = count) -> None:
            seen.extend(await source.events(count))

        played(source, play)
        seen.extend(source.left)

    async def play_on(source: Source) -> None:
        seen.extend(await source.events(len(expected) - len(seen)))
        await source.readings(2)
        assert source.is_silent

    played(Source(simulator, state_file=str(tmp_path / "state")), play_on)
    assert seen == expected


def test_without_a_state_file_each_start_puts_what_is_ready(simulator: Simulator) -> None:
    async def play(source: Source) -> None:
        assert await source.events(1) == ["ready bert-2-0"]

    for _start in range(2):
        played(Source(simulator), play)


def test_without_initial_only_what_becomes_ready_is_put(simulator: Simulator) -> None:
    async def play(source: Source) -> None:
        await source.readings(2)
        assert source.is_silent
        let_run(simulator, 1)
        assert await source.events(2) == ["ready bert-2-1", "run_ready"]

    played(Source(simulator, initial=False), play)


def test_a_state_file_that_cannot_be_used_is_named_and_begun_anew(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.write_text("{")

    async def play(source: Source) -> None:
        assert await source.events(1) == ["ready bert-2-0"]
        await source.readings(2)

    played(Source(simulator, state_file=str(state)), play)
    assert f"Cannot use 'state_file' '{state}': the file is damaged. Starting with a new state file." in caplog.text
    assert json.loads(state.read_text())["version"] == 1


def test_a_state_file_that_can_no_longer_be_written_ends_nothing(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(source: Source) -> None:
        await source.events(1)
        await source.readings(2)
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            let_run(simulator, 1)
            assert await source.events(2) == ["ready bert-2-1", "run_ready"]
            await source.readings(2)
        assert source.is_silent
        await source.readings(2)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    state = tmp_path / "state"
    played(Source(simulator, state_file=str(state)), play)
    assert f"Cannot write 'state_file' '{state}': No space left on device." in caplog.text
    assert [node["row"]["state"] for node in json.loads(state.read_text())["runs"][0]["nodes"]] == [NODE_RUNNING] * 2


def test_no_key_is_in_the_state_file_or_the_log(simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = Source(simulator, state_file=str(tmp_path / "state"))

    async def play(source: Source) -> None:
        await source.events(1)
        fault = Answer(500, f"your keys: {source.arguments['secret_key']} {source.arguments['api_key']}")
        answer_first_page_of_runs(simulator, fault)
        let_run(simulator, 1)
        await source.events(2)

    played(source, play)
    written = caplog.text + (tmp_path / "state").read_text()
    assert "your keys: *** ***" in written
    for name in ("access_key", "secret_key", "api_key"):
        assert source.arguments[name] not in written


BAD: list[tuple[dict[str, Any], str]] = [
    ({"intervals": 5}, "Did you mean 'interval'?"),
    ({"hostnames": ["x"]}, "hostnames"),
    ({"feedback": True}, "feedback"),
    ({"interval": 0}, "interval"),
    ({"interval": -1}, "interval"),
    ({"interval": "often"}, "interval"),
    ({"page_size": "many"}, "page_size"),
    ({"page_size": 1.5}, "page_size"),
    ({"validate_certs": "perhaps"}, "validate_certs"),
    ({"initial": "perhaps"}, "initial"),
    ({"wait_nodes": 0}, "wait_nodes"),
    ({"run": []}, "run"),
    ({"secret_key": ["x"]}, "secret_key"),
    ({"ca_path": "/nowhere"}, "/nowhere"),
    ({"api_url": "http://198.51.100.7/nsml/v1"}, "api_url"),
    ({"state_file": "/nowhere/state"}, "Cannot write 'state_file' '/nowhere/state': No such file or directory."),
    ({"profile": "research", "access_key": None, "secret_key": None}, "research"),
]


@pytest.mark.parametrize(("change", "words"), BAD, ids=[str(change) for change, _words in BAD])
def test_a_bad_argument_ends_it_before_the_first_request(simulator: Simulator, change: dict[str, Any], words: str) -> None:
    async def play(source: Source) -> None:
        assert words in str(await source.error())

    source = Source(simulator, **change)
    source.arguments = {name: value for name, value in source.arguments.items() if value is not None}
    played(source, play)
    assert simulator.requests == []


def test_options_have_the_defaults_of_the_inventory_plugin() -> None:
    documented = yaml.safe_load(inventory_plugin.DOCUMENTATION)["options"]
    arguments = read_arguments({}, OWN)
    for name in ("api_url", "page_size", "concurrency", "timeout", "retries", "deadline"):
        assert getattr(arguments.options, name) == documented[name]["default"]
    assert (arguments.interval, arguments.state_file, arguments.initial) == (10, None, True)


def test_each_option_that_is_documented_is_taken() -> None:
    named = set(re.findall(r"C\((\w+)\)", plugin.DOCUMENTATION))
    assert set(_event_source.SHARED) <= named
    assert set(OWN) == {"interval", "state_file", "initial"}


def test_arguments_come_from_the_environment_variables_of_the_inventory_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "NCLOUD_NSML_PROJECT": "bert",
        "NCLOUD_NSML_RUN": "2",
        "NCLOUD_ACCESS_KEY": "second",
        "NCLOUD_ACCESS_KEY_ID": "",
        "NCLOUD_SECRET_ACCESS_KEY": "secret",
        "NCLOUD_NSML_API_URL": "https://elsewhere/nsml/v1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    arguments = read_arguments({}, OWN)
    assert (arguments.options.selection.projects, arguments.options.selection.runs) == (("bert",), ("2",))
    assert (arguments.options.credentials.access_key, arguments.options.credentials.secret_key) == ("second", "secret")
    assert arguments.options.api_url == "https://elsewhere/nsml/v1"
    assert read_arguments({"run": "3"}, OWN).options.selection.runs == ("3",)
    of_profile = read_arguments({"profile": "research"}, OWN).options.credentials
    assert (of_profile.access_key, of_profile.secret_key, of_profile.profile) == (None, None, "research")


def test_empty_variable_that_chooses_every_project_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NCLOUD_NSML_PROJECT", "")
    assert read_arguments({"project": "bert"}, OWN).options.selection.projects == ("bert",)
    assert caplog.text == ""
    assert read_arguments({}, OWN).options.selection.projects == ()
    assert "NCLOUD_NSML_PROJECT is empty, so the plugin reads every project that the keys can see." in caplog.text


def test_where_each_key_comes_from_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCLOUD_SECRET_KEY", "secret")
    origins = read_arguments({"api_key": "written"}, OWN).options.credentials.origins
    assert (origins["api_key"], origins["secret_key"]) == ("the rulebook", "the environment variable NCLOUD_SECRET_KEY")


def test_what_hangs_is_left_alone_when_the_source_is_cancelled(simulator: Simulator) -> None:
    asked, hanging = threading.Event(), threading.Event()

    def hang(_number: int) -> None:
        asked.set()
        hanging.wait(60)

    simulator.before_answer = hang

    async def play(source: Source) -> None:
        while not asked.is_set():
            await asyncio.sleep(0.01)
        source.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(source.task, 60)
        assert not hanging.is_set()

    try:
        played(Source(simulator), play)
    finally:
        hanging.set()
