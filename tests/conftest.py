# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make this checkout importable as ansible_collections.navercloud.nsml, wherever it lies, before Ansible is imported."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# One session of nox installs each of these; everywhere else its tests are none that were skipped.
SESSIONS = {"ansible_rulebook": "events", "sphinx_copybutton": "docsite"}
collect_ignore = [directory for module, directory in SESSIONS.items() if not find_spec(module)]

# ansible-test units has laid out the collection and set Ansible's environment itself.
UNDER_ANSIBLE_TEST = "ansible_pytest_collections" in sys.modules

_scratch = tempfile.TemporaryDirectory(prefix="nsml-tests-")


def _prepare() -> None:
    scratch = Path(_scratch.name)
    package = scratch / "ansible_collections" / "navercloud" / "nsml"
    package.parent.mkdir(parents=True)
    package.symlink_to(ROOT)
    # Nothing of the user's own set-up decides how the tests end.
    for name in [name for name in os.environ if name.startswith(("ANSIBLE_", "NCLOUD_", "NCP_", "NSML_"))]:
        del os.environ[name]
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ.update(
        ANSIBLE_COLLECTIONS_PATH=str(scratch),
        ANSIBLE_HOME=str(scratch / "ansible-home"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_LOCALHOST_WARNING="0",
        ANSIBLE_SSH_CONTROL_PATH_DIR=str(scratch / "cp"),
        HOME=str(scratch),
        LC_ALL="C.UTF-8",
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        PYTHONWARNINGS="ignore",
    )
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(scratch)])


# What a shell runs in the background is deaf to Ctrl-C, and so are its children: some tests send them that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if not UNDER_ANSIBLE_TEST:
    _prepare()

# The same examples each time, however long a busy machine takes for one.
hypothesis.settings.register_profile(
    "steady", derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
# For a place where other tests than these find what differs; --hypothesis-profile chooses it.
hypothesis.settings.register_profile("few", hypothesis.settings.get_profile("steady"), max_examples=20)
hypothesis.settings.load_profile("steady")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where all that the tests need is installed, a test that was skipped is one that should have run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Stop Python's collector in a test that observes when objects are freed, presses Ctrl-C, or exhausts the recursion limit.

    It would free what the test observes. It also runs callbacks, which lose a Ctrl-C, and fail close to the recursion limit.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test a home of its own, so that no ~/.ncloud/configure is read but its own."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session", autouse=True)
def _cleaned_up() -> object:
    yield
    _scratch.cleanup()
