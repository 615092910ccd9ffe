# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What parse() leaves behind in the process whose workers a play forks: no thread, no socket."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.unit.inventory import KEYS, PROJECT_ID, load
from ansible_collections.navercloud.nsml.tests.unit.servers import Answer, Server, message, repeats, sends

PLUGIN = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n{KEYS}"
BY_THE_BYTE = repeats(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", pause=0.01)


def sockets_of_clients(server: Server) -> int:
    """Return how many sockets this process has open, without those of the server."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(target).startswith("socket:") for target in links) - server.open_sockets


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files where Linux does")
@pytest.mark.parametrize(
    ("answer", "printed"),
    [(BY_THE_BYTE, "Tried 3 times"), (sends(message('{"nodes": [], "totalCount": 0}')), "")],
    ids=["attempts that are given up", "a list that is read"],
)
def test_parse_leaves_no_thread_and_no_socket_behind(tmp_path: Path, answer: Answer, printed: str) -> None:
    with Server(answer) as server:
        threads, sockets = set(threading.enumerate()), sockets_of_clients(server)
        loaded = load(tmp_path, f"{PLUGIN}api_url: {server.url}\ntimeout: 0.1\nretries: 2\n")
        assert printed in loaded.printed
        assert [thread.name for thread in threading.enumerate() if thread not in threads and "nsml" in thread.name] == []
        # The server closes its own sockets meanwhile, so one count may be off.
        assert any(sockets_of_clients(server) == sockets for _time in range(1000))
