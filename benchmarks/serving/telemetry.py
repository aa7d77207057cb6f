"""Measure what traces cost a server: off, on, and on with one request in ten kept.

    python benchmarks/serving/telemetry.py
    python benchmarks/serving/telemetry.py --before ../other-checkout/src

Reported is processor time a step of the server, all its threads included, the
median of several rounds in which the servers take turns, and the median of each
round's ratios to bare ASGI. The collector is a process of its own that takes
every batch and throws it away. `--before` adds the server of another checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from drivers import ENV, HERE, Peer, bare, ours, start_peer

from turnwise.servers.client.server_process import ServerProcess

BARE, BATCH = "bare ASGI", "bare ASGI, batch of 64"


class Sink(BaseHTTPRequestHandler):
    """A collector that takes what is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def collect() -> None:
    """Be the collector."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables while a server is started."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def run(options: argparse.Namespace, stack: ExitStack) -> list[dict[str, Any]]:
    """Measure every server."""
    pid, url = start_peer(stack, [sys.executable, str(HERE / "peers.py")])
    singles, batches = await bare(url)
    peers = [Peer(BARE, pid, singles, BARE), Peer(BATCH, pid, batches, BATCH)]
    _, collector = start_peer(stack, [sys.executable, __file__, "--collector"])
    kinds: list[tuple[str, list[str], dict[str, str]]] = [
        ("off", [], {}),
        ("on", ["--telemetry", collector], {}),
        (
            "one in ten",
            ["--telemetry", collector],
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        ),
    ]
    if options.before:
        kinds.insert(0, ("before", [], {"PYTHONPATH": str(options.before.resolve())}))
    for name, more, variables in kinds:
        with environment(**variables):
            server = stack.enter_context(ServerProcess(["--env", ENV, *more]))
        singles, batches, _ = await ours(server.url)
        peers.append(Peer(name, server.pid, singles, BARE))
        peers.append(Peer(f"{name}, batch of 64", server.pid, batches, BATCH))
    for peer in peers:
        await peer.run(20)  # warm
    for _ in range(options.rounds):
        for peer in peers:
            await peer.measure(options.turns)
    cost = {peer.name: peer.server_us for peer in peers}
    rows = []
    for peer in peers:
        ratios = [mine / base for mine, base in zip(peer.server_us, cost[peer.base], strict=True)]
        row = {"server": peer.name, "server_us": round(statistics.median(peer.server_us), 1)}
        rows.append({**row, "ratio_to_bare": round(statistics.median(ratios), 2)})
    return rows


def main() -> int:
    """Measure, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=60, help="steps of each session in a round")
    parser.add_argument("--before", type=Path, help="folder src of another checkout")
    parser.add_argument("--collector", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.collector:
        collect()
        return 0
    with ExitStack() as stack:
        for row in asyncio.run(run(options, stack)):
            print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
