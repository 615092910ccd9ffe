# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In place of PyTorch's torchrun: the ranks meet at the address that each was given, and then each runs the script."""

from __future__ import annotations

import argparse
import runpy
import socket
import sys
import time

SECONDS = 60


def main() -> None:
    """Say who has met where, and run the script."""
    parser = argparse.ArgumentParser()
    for name in ("--nnodes", "--node-rank", "--master-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--master-addr", required=True)
    parser.add_argument("--nproc-per-node", choices=["gpu"], required=True)
    parser.add_argument("script")
    options = parser.parse_args()
    place = (options.master_addr, options.master_port)
    met = receive(place, options.nnodes) if options.node_rank == 0 else report(place, options.node_rank)
    print(f"rank {options.node_rank} of {options.nnodes} met {met} at {place[0]}:{place[1]}", flush=True)
    sys.argv = [options.script, str(options.node_rank)]
    runpy.run_path(options.script)


def receive(place: tuple[str, int], count: int) -> str:
    """Wait for all other ranks, and tell them who is there."""
    with socket.create_server(place) as listener:
        listener.settimeout(SECONDS)
        others = [listener.accept()[0] for _other in range(count - 1)]
        met = ",".join(sorted(["0", *(other.recv(64).decode() for other in others)]))
        for other in others:
            other.sendall(met.encode())
            other.close()
    return met


def report(place: tuple[str, int], rank: int) -> str:
    """Tell rank 0 that this one is there, and return who is."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            with socket.create_connection(place, timeout=SECONDS) as leader:
                leader.sendall(str(rank).encode())
                return leader.recv(64).decode()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
