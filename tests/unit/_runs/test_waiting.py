# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting, on a clock that only sleep moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import waiting as _waiting
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import WaitOptions

Step = "list[RunRows] | _errors.NsmlError"

IN_PROGRESS, COMPLETED = "RUN_STATE_IN_PROGRESS", "RUN_STATE_COMPLETED"
PENDING, RUNNING, FAILED = "NODE_STATE_PENDING", "NODE_STATE_RUNNING", "NODE_STATE_FAILED"
SERVER_FAULT = _errors.ServerError("the nodes", "GET /nodes", "HTTP 503.", "Try again.", status=503)


def run(*states: str, name: str = "2", status: str | None = IN_PROGRESS, **fields: Any) -> RunRows:
    """Return a run whose nodes are in these states."""
    rows: list[Mapping[str, Any]] = []
    for rank, state in enumerate(states):
        place = {"host": "10.0.0.1", "sshPort": 15001 + rank} if state == RUNNING else {}
        exit_code = 1 if state == FAILED else -1
        rows.append({"nodeId": f"node{rank}", "rank": rank, "state": state, "exitCode": exit_code, **place, **fields})
    return RunRows(Run("p1", name, "bert", status), rows)


@dataclass
class Service:
    """Gives one reading after another, the last one for ever, and has the clock that waiting looks at."""

    steps: Sequence[Any]
    status: str | None = None
    chosen: tuple[str, ...] = ("active",)
    now: float = 1000.0
    readings: int = 0
    printed: list[str] = field(default_factory=list)
    asked: list[Run] = field(default_factory=list)

    def read(self) -> list[RunRows]:
        step = self.steps[min(self.readings, len(self.steps) - 1)]
        self.readings += 1
        if isinstance(step, _errors.NsmlError):
            raise step
        return list(step)

    def status_of(self, asked: Run) -> str | None:
        self.asked.append(asked)
        return self.status

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, timeout: int = 60, nodes: int | None = None, interval: float = 5.0, available: str = "") -> list[RunRows]:
        return _waiting.wait(
            self.read,
            self.status_of,
            WaitOptions(timeout, interval, nodes),
            Selection(("bert",), self.chosen),
            notify=self.printed.append,
            available=lambda: available,
            clock=lambda: self.now,
            sleep=self.sleep,
        )


def test_what_is_ready_is_not_waited_for() -> None:
    service = Service([[run(RUNNING, RUNNING)]])
    assert service.wait() == [run(RUNNING, RUNNING)]
    assert (service.readings, service.printed, service.now) == (1, [], 1000.0)


def test_progress_is_printed_only_when_something_changes() -> None:
    service = Service([[run(RUNNING, PENDING)], [run(RUNNING, PENDING)], [run(PENDING, PENDING)], [run(RUNNING, RUNNING)]])
    service.wait()
    assert service.printed == [
        "Run 2 of project bert: 1 of 2 nodes ready, waiting for rank 1 (NODE_STATE_PENDING)",
        "Run 2 of project bert: 0 of 2 nodes ready, waiting for rank 0 (NODE_STATE_PENDING), rank 1 (NODE_STATE_PENDING)",
    ]
    assert service.now == 1015.0


@pytest.mark.parametrize(
    ("steps", "nodes"),
    [
        ([[run()], [run(RUNNING)]], None),
        ([[run(RUNNING)], [run(RUNNING, RUNNING)]], 2),
        ([[run(RUNNING, PENDING, PENDING)], [run(RUNNING, RUNNING, PENDING)]], 2),
        ([[], [run(RUNNING)]], None),
        ([[run(RUNNING), run(PENDING, name="3")], [run(RUNNING), run(RUNNING, name="3")]], None),
        ([[run(RUNNING, host=None)], [run(RUNNING)]], None),
    ],
    ids=["no node yet", "too few nodes", "as many as wanted", "no run yet", "each run", "running without an address"],
)
def test_the_second_reading_is_enough(steps: list[list[RunRows]], nodes: int | None) -> None:
    service = Service(steps)
    assert service.wait(nodes=nodes) == steps[1]
    assert service.readings == 2


def test_each_run_that_is_not_ready_is_printed() -> None:
    service = Service([[run(), run(RUNNING, name="3"), run(name="4")], [run(RUNNING)]], status=IN_PROGRESS)
    with pytest.raises(_errors.WaitError):
        service.wait(timeout=1, nodes=2)
    assert (
        service.printed[0]
        == "Run 2 of project bert: no nodes yet. Run 3 of project bert: 1 of 2 nodes ready. Run 4 of project bert: no nodes yet"
    )


def test_nodes_are_named_in_the_order_of_their_ranks_and_without_one_by_their_ids() -> None:
    rows: list[Mapping[str, Any]] = [{"nodeId": "c"}, {"nodeId": "b", "rank": 0, "state": PENDING}, {"nodeId": "a", "rank": 1}]
    service = Service([[RunRows(Run("p1", "2", "bert", IN_PROGRESS), rows)], [run(RUNNING)]])
    service.wait()
    assert service.printed == [
        "Run 2 of project bert: 0 of 3 nodes ready, waiting for rank 0 (NODE_STATE_PENDING), rank 1 (no state), node c (no state)"
    ]


def test_after_a_reading_that_outlasts_the_waiting_comes_one_more_at_once() -> None:
    service = Service([[run(PENDING)], [run(RUNNING)]])
    slept = list[float]()

    def read() -> list[RunRows]:
        service.now += 7.0
        return service.read()

    _waiting.wait(
        read,
        service.status_of,
        WaitOptions(6, 5.0, None),
        Selection(("bert",), ("2",)),
        notify=print,
        clock=lambda: service.now,
        sleep=slept.append,
    )
    assert slept == [0.0]


@pytest.mark.parametrize(
    ("runs", "nodes", "ready"),
    [
        ([], None, False),
        ([run()], None, False),
        ([run(RUNNING)], None, True),
        ([run(RUNNING, PENDING)], None, False),
        ([run(RUNNING, PENDING)], 1, True),
        ([run(RUNNING), run(PENDING, name="3")], None, False),
        ([run(RUNNING), run(name="3", status="RUN_STATE_FOO")], None, True),
        ([run(name="3", status="RUN_STATE_FOO")], None, False),
    ],
)
def test_what_is_ready_leaves_nothing_to_wait_for(runs: list[RunRows], nodes: int | None, ready: bool) -> None:
    assert _waiting.are_ready(runs, WaitOptions(60, 5.0, nodes), Selection(("bert",), ("active",))) is ready


def test_time_over_names_who_is_missing_and_in_what_state() -> None:
    service = Service([[run(RUNNING, PENDING)]])
    with pytest.raises(_errors.WaitError) as caught:
        service.wait(timeout=12)
    assert str(caught.value).startswith("Timed out after 12 s ('wait_timeout') waiting for nodes. ")
    assert "Run 2 of project bert: 1 of 2 nodes ready, waiting for rank 1 (NODE_STATE_PENDING)" in str(caught.value)
    assert service.readings == 4  # at 0, 5, 10 and 12 seconds
    assert service.now == 1012.0


def test_an_interval_longer_than_the_waiting_does_not_cut_it_short() -> None:
    service = Service([[run(PENDING)], [run(RUNNING)]])
    assert service.wait(timeout=4) == [run(RUNNING)]
    assert service.now == 1004.0


def test_many_missing_nodes_are_named_only_in_part() -> None:
    with pytest.raises(_errors.WaitError, match=r"rank 9 .* and 90 more"):
        Service([[run(*[PENDING] * 100)]]).wait(timeout=1)
    with pytest.raises(_errors.WaitError, match=r"rank 9 \(NODE_STATE_PENDING\)\."):
        Service([[run(*[PENDING] * 10)]]).wait(timeout=1)


@pytest.mark.parametrize("interval", [1.0, 5.0, 7.0, 100.0])
def test_after_30_seconds_without_a_line_one_shows_how_long_the_waiting_may_still_take(interval: float) -> None:
    service = Service([[run(PENDING)]])
    with pytest.raises(_errors.WaitError):
        service.wait(timeout=100, interval=interval)
    assert service.printed[1:] == ["Still waiting, 70 s left", "Still waiting, 40 s left", "Still waiting, 10 s left"]
    assert service.now == 1100.0


def test_a_line_on_what_changed_puts_off_the_one_on_the_time_that_is_left() -> None:
    service = Service([*[[run(PENDING)]] * 4, [run(PENDING, PENDING)]])
    with pytest.raises(_errors.WaitError):
        service.wait(timeout=60)  # the change is seen after 20 seconds
    assert [line for line in service.printed if line.startswith("Still")] == ["Still waiting, 10 s left"]


def test_nothing_chosen_until_the_end_is_an_error_that_lists_the_available_runs() -> None:
    service = Service([[]])
    with pytest.raises(_errors.WaitError) as caught:
        service.wait(timeout=1, available="Available runs: 2 of bert (FAILED).")
    assert (
        "('wait_timeout') waiting for nodes. No run matches 'run' yet: active. Available runs: 2 of bert (FAILED). Check"
        in str(caught.value)
    )
    assert service.printed == ["No run matches 'run' yet: active. Available runs: 2 of bert (FAILED)"]
    with pytest.raises(_errors.WaitError, match=r"No run matches 'run' yet: .*\. Check"):
        Service([[]]).wait(timeout=1)


def ranks(*listed: tuple[int, str], status: str | None = IN_PROGRESS, **fields: Any) -> RunRows:
    """Return a run with nodes of these ranks and states, each created after the one before it."""
    rows: list[Mapping[str, Any]] = [
        {**run(state, **fields).rows[0], "nodeId": f"node{number}", "rank": rank, "createTime": f"2024-09-03T01:00:0{number}"}
        for number, (rank, state) in enumerate(listed)
    ]
    return RunRows(Run("p1", "2", "bert", status), rows)


def test_a_rank_whose_nodes_have_exited_in_readings_15_seconds_apart_is_an_error_with_the_exit_code_of_the_newest() -> None:
    service = Service([[ranks((0, RUNNING), (1, FAILED), (1, FAILED))]])
    service.steps[0][0].rows[2]["exitCode"] = 137
    with pytest.raises(_errors.WaitError) as caught:
        service.wait()
    assert str(caught.value) == (
        "Run 2 of project bert cannot become ready: rank 1 exited with code 137. Check its log in the NSML console."
    )
    assert service.now == 1015.0


def test_a_successor_that_is_listed_a_little_later_is_waited_for() -> None:
    exited, again = ranks((0, FAILED)), ranks((0, FAILED), (0, PENDING))
    ready = ranks((0, FAILED), (0, RUNNING))
    service = Service([[exited], [exited], [exited], [again], [exited], [exited], [exited], [again], [ready]])
    assert service.wait() == [ready]


def test_a_predecessor_that_has_exited_ends_no_waiting() -> None:
    listed = ranks((0, FAILED), (0, RUNNING), (1, RUNNING))
    service = Service([[listed]])
    assert service.wait() == [listed]
    assert service.now == 1000.0


def test_as_many_ranks_as_wanted_must_be_ready_and_predecessors_do_not_count() -> None:
    listed = ranks((0, RUNNING), (0, RUNNING), (1, PENDING))
    service = Service([[listed], [run(RUNNING, RUNNING)]])
    assert service.wait(nodes=2) == [run(RUNNING, RUNNING)]
    assert service.printed == ["Run 2 of project bert: 1 of 2 nodes ready, waiting for rank 1 (NODE_STATE_PENDING)"]


@pytest.mark.parametrize("status", [COMPLETED, "FAILED", "run-state-stopped"])
def test_a_rank_that_has_exited_is_an_error_at_once_when_its_run_has_ended(status: str) -> None:
    service = Service([[ranks((0, FAILED), (1, RUNNING), status=status)]])
    with pytest.raises(_errors.WaitError, match="rank 0 exited with code 1"):
        service.wait()
    assert service.now == 1000.0


def test_a_failed_node_without_an_exit_code_is_not_waited_for_to_the_end() -> None:
    with pytest.raises(_errors.WaitError, match=r"rank 0 has ended \(NODE_STATE_FAILED\)"):
        Service([[run(FAILED, exitCode=-1)]]).wait()


def test_a_pending_node_with_exit_code_0_is_waited_for() -> None:
    service = Service([*[[run(PENDING, exitCode=0)]] * 5, [run(RUNNING)]])
    assert service.wait() == [run(RUNNING)]


def test_a_run_of_unknown_status_without_nodes_is_waited_for_only_where_it_was_chosen_by_name() -> None:
    idle = run(name="3", status="RUN_STATE_FOO")
    for chosen, readings in (("active",), 1), (("3",), 2), (("active", "3"), 2):
        service = Service([[run(RUNNING), idle], [run(RUNNING), run(RUNNING, name="3")]], chosen=chosen)
        service.wait()
        assert service.readings == readings


def test_a_run_that_loses_its_nodes_while_it_is_waited_for_is_not_idle() -> None:
    lost = run(status="RUN_STATE_FOO")
    service = Service([[run(PENDING), run(RUNNING, name="3")], [lost, run(RUNNING, name="3")], [run(RUNNING)]])
    assert service.wait() == [run(RUNNING)]
    assert service.printed[1] == "Run 2 of project bert: no nodes yet"


def test_a_node_that_has_exited_is_no_matter_when_enough_others_may_become_ready() -> None:
    # For longer than a rank is given for a successor.
    service = Service([*[[run(FAILED, RUNNING, PENDING)]] * 6, [run(FAILED, RUNNING, RUNNING)]])
    assert service.wait(nodes=2) == [run(FAILED, RUNNING, RUNNING)]


def test_a_node_that_ended_well_too_is_an_error_with_its_exit_code() -> None:
    with pytest.raises(_errors.WaitError, match=r"rank 0 exited with code 0\. "):
        Service([[run("NODE_STATE_DONE", PENDING, exitCode=0)]]).wait()


def test_a_rank_whose_nodes_take_turns_in_exiting_has_exited_all_the_time() -> None:
    first, second = ({"nodeId": node, "rank": 0, "state": FAILED, "exitCode": 1} for node in ("a", "b"))
    service = Service([*([RunRows(Run("p1", "2", "bert", IN_PROGRESS), [row])] for row in (first, second, first, second))])
    with pytest.raises(_errors.WaitError, match="rank 0 exited with code 1"):
        service.wait()
    assert service.now == 1015.0


def test_each_node_without_a_rank_is_given_time_for_a_successor() -> None:
    first, second = ({"nodeId": node, "state": FAILED, "exitCode": 1} for node in ("a", "b"))
    later: dict[str, Any] = {"nodeId": "b", "state": PENDING}
    service = Service([*([RunRows(Run("p1", "2", "bert", IN_PROGRESS), rows)] for rows in [[first, later]] * 3 + [[second]] * 9)])
    with pytest.raises(_errors.WaitError, match="node b exited with code 1"):
        service.wait()
    assert service.now == 1030.0


def test_the_status_of_each_named_run_is_asked_for() -> None:
    listed = [run(PENDING, name=name, status=None) for name in ("2", "3")]
    service = Service([listed, listed, [run(RUNNING, name=name) for name in ("2", "3")]], status=IN_PROGRESS, chosen=("2", "3"))
    service.wait()
    assert [asked.name for asked in service.asked] == ["2", "3"]


def test_a_completed_run_is_an_error_at_once() -> None:
    with pytest.raises(
        _errors.WaitError, match=r"Run 2 of project bert cannot become ready: the run has ended .RUN_STATE_COMPLETED."
    ):
        Service([[run(PENDING, status=COMPLETED)]]).wait()


def test_the_status_of_a_run_that_was_not_looked_up_is_asked_for() -> None:
    service = Service([[run(PENDING, status=None)]], status=COMPLETED)
    with pytest.raises(_errors.WaitError, match="COMPLETED"):
        service.wait()
    assert [asked.name for asked in service.asked] == ["2"]


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ([run(PENDING, PENDING, status=None)], [1]),
        ([run(status=None)], [1, 2, 3]),
        ([run(PENDING, PENDING, status=None), run(PENDING, status=None)], [1, 2]),
        ([run(PENDING, status=None), run(PENDING, PENDING, status=None)], [1]),
        ([run(PENDING, PENDING, status=None), run(PENDING, FAILED, status=None)], [1, 2, 3]),
        ([run(PENDING), run(PENDING, status=None)], []),
        ([run(PENDING), run(status=None)], [2, 3]),
    ],
    ids=["pending", "no nodes", "one is gone", "one has come", "one has exited", "known once", "known once, all are gone"],
)
def test_the_status_of_a_named_run_is_asked_for_once_and_where_its_nodes_give_reason_to(
    steps: list[RunRows], asked: list[int]
) -> None:
    readings = [*steps, *[steps[-1]] * (3 - len(steps))]
    service = Service([*([step] for step in readings), [run(RUNNING)]], status=IN_PROGRESS, chosen=("2",))
    asked_at: list[int] = []

    def status_of(_run: Run) -> str | None:
        asked_at.append(service.readings)
        return service.status

    _waiting.wait(
        service.read,
        status_of,
        WaitOptions(60, 5.0, None),
        Selection(("bert",), ("2",)),
        notify=str,
        clock=lambda: service.now,
        sleep=service.sleep,
    )
    assert asked_at == asked


def test_a_run_that_ends_and_keeps_its_pending_nodes_is_noticed_after_30_seconds() -> None:
    service = Service([[run(PENDING, status=None)]], chosen=("2",))
    statuses = iter([IN_PROGRESS, COMPLETED])
    with pytest.raises(_errors.WaitError, match=r"the run has ended \(RUN_STATE_COMPLETED\)"):
        _waiting.wait(
            service.read,
            lambda _run: next(statuses),
            WaitOptions(600, 5.0, None),
            Selection(("bert",), ("2",)),
            notify=str,
            clock=lambda: service.now,
            sleep=service.sleep,
        )
    assert service.now == 1030.0


def test_a_status_that_could_not_be_asked_is_asked_for_again() -> None:
    service = Service([[run(PENDING, status=None)], [run(PENDING, status=None)], [run(RUNNING)]], status=None, chosen=("2",))
    service.wait()
    assert len(service.asked) == 2


def test_a_fault_that_may_pass_does_not_end_the_waiting() -> None:
    service = Service([SERVER_FAULT, SERVER_FAULT, [run(RUNNING)]])
    assert service.wait() == [run(RUNNING)]
    assert len(service.printed) == 1
    assert "HTTP 503" in service.printed[0]


def test_a_fault_that_is_still_there_at_the_end_is_the_error() -> None:
    with pytest.raises(_errors.ServerError):
        Service([SERVER_FAULT]).wait(timeout=9)


@pytest.mark.parametrize(
    "kind",
    [
        _errors.AuthenticationError,
        _errors.CertificateError,
        _errors.PermissionDenied,
        _errors.NotFoundError,
        _errors.QuotaError,
    ],
)
def test_a_fault_that_lasts_ends_the_waiting(kind: type[_errors.RequestError]) -> None:
    more = {"status": 401} if issubclass(kind, _errors.StatusError) else {}
    service = Service([kind("the nodes", "GET /nodes", "refused.", "Fix it.", **more)])
    with pytest.raises(kind):
        service.wait()
    assert service.readings == 1


def test_a_selection_that_does_not_exist_ends_the_waiting() -> None:
    with pytest.raises(_errors.SelectionError):
        Service([_errors.SelectionError("There is no run '9'.")]).wait()


def test_words_of_the_service_are_shown_without_control_characters() -> None:
    hostile = RunRows(Run("p1", "2\x1b[31m", "be\x1b[31mrt", IN_PROGRESS), [])
    service = Service([[run("NODE\x1b[31m_STATE"), hostile], [run(RUNNING)]], status=IN_PROGRESS)
    with pytest.raises(_errors.WaitError, match="no longer among the chosen runs") as caught:
        service.wait()
    assert len(service.printed) == 3
    assert "\x1b" not in "".join([*service.printed, str(caught.value)])


@pytest.mark.parametrize("others", [[], [run(RUNNING, name="1")]], ids=["alone", "with another"])
def test_an_active_run_that_completes_while_it_is_waited_for_is_an_error_at_once(others: list[RunRows]) -> None:
    service = Service([[*others, run(PENDING)], others], status=COMPLETED)
    with pytest.raises(_errors.WaitError, match=r"Run 2 .*COMPLETED"):
        service.wait()
    assert service.readings == 2
    assert [asked.name for asked in service.asked] == ["2"]


def test_a_newer_run_that_was_waited_for_too_takes_no_place() -> None:
    steps = [[run(PENDING), run(PENDING, name="3")], [run(RUNNING, name="3")]]
    service = Service(steps, status=COMPLETED, chosen=("latest",))
    with pytest.raises(_errors.WaitError, match=r"Run 2 .*COMPLETED"):
        service.wait()


@pytest.mark.parametrize(("name", "other"), [("2", "1"), ("x", "y")])
def test_only_a_newer_run_takes_the_place_of_another(name: str, other: str) -> None:
    service = Service([[run(PENDING, name=name)], [run(RUNNING, name=other)]], status=COMPLETED, chosen=("latest",))
    with pytest.raises(_errors.WaitError, match=rf"Run {name} .*COMPLETED"):
        service.wait()


def test_a_newer_run_that_comes_back_into_sight_has_not_just_begun() -> None:
    steps = [[run(PENDING), run(RUNNING, name="3")], [run(PENDING)], [run(RUNNING, name="3")]]
    service = Service(steps, status=COMPLETED, chosen=("latest",))
    with pytest.raises(_errors.WaitError, match=r"Run 2 .*COMPLETED"):
        service.wait()


def test_a_run_that_ends_in_a_way_that_nobody_knows_is_an_error_with_its_status() -> None:
    service = Service([[run(PENDING), run(RUNNING, name="1")], [run(RUNNING, name="1")]], status="RUN_STATE_FAILED")
    with pytest.raises(
        _errors.WaitError, match=r"Run 2 of project bert cannot become ready: the run has ended \(RUN_STATE_FAILED\)"
    ):
        service.wait()


def test_a_run_whose_status_cannot_be_asked_is_not_forgotten() -> None:
    service = Service([[run(PENDING), run(RUNNING, name="1")], [run(RUNNING, name="1")]], status=None)
    with pytest.raises(
        _errors.WaitError,
        match=r"\('wait_timeout'\) waiting for nodes\. Run 2 of project bert: no longer among the chosen runs\.",
    ):
        service.wait(timeout=20)
    assert len(service.asked) > 2


def test_a_run_that_was_ready_may_end_while_others_are_waited_for() -> None:
    pending, ready = run(PENDING, name="1"), run(RUNNING, name="1")
    service = Service([[run(RUNNING), pending], [pending], [ready]], status=COMPLETED)
    assert service.wait() == [run(RUNNING, name="1")]


def test_a_run_that_is_out_of_sight_for_a_moment_is_waited_for() -> None:
    service = Service([[run(PENDING)], [], [run(RUNNING)]], status=IN_PROGRESS)
    assert service.wait() == [run(RUNNING)]


def test_a_newer_run_that_appears_is_followed_for_latest() -> None:
    steps = [[run(RUNNING, PENDING)], [run(PENDING, name="3")], [run(RUNNING, name="3")]]
    service = Service(steps, status=COMPLETED, chosen=("latest",))
    assert service.wait()[0].run.name == "3"
    assert [text.partition(":")[0] for text in service.printed] == ["Run 2 of project bert", "Run 3 of project bert"]


@pytest.mark.parametrize("chosen", [("active",), ("all",), ("2",), ("latest", "active"), ("latest", "2")])
def test_a_chosen_run_that_ends_is_an_error_though_a_newer_one_began(chosen: tuple[str, ...]) -> None:
    service = Service([[run(PENDING)], [run(RUNNING, name="4")]], status="RUN_STATE_FAILED", chosen=chosen)
    with pytest.raises(_errors.WaitError, match=r"Run 2 .*\(RUN_STATE_FAILED\)"):
        service.wait()
