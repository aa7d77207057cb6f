"""What a hosted step costs beside a plain one with the same journal: one server, one client, in turns.

python benchmarks/hosted/step_cost.py --folder /tmp/step_cost

Both play the same tasks of household/mix-v0 by one rule over one kept connection each. In a round they take
turns step by step, so that what else the machine does falls on both; then each plays alone, while the time is
read that the server's thread had a processor (Linux: /proc/PID/schedstat). Printed are the medians over the
rounds of the ratio of medians and of the ratio of processor times; the goal is 1.05.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from turnwise.servers.benchmarks.draws import public_secret, tasks_of
from turnwise.servers.benchmarks.file import load
from turnwise.servers.benchmarks.signing import Operator

ENV = "household/mix-v0"
SECRETS = {"plain": "plain-secret-0123456789", "hosted": "hosted-secret-0123456789"}
TURNS = 50


class Line:
    """One kept connection."""

    def __init__(self, port: int, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"host: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"

    def ask(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}content-length: {len(content)}\r\n\r\n"
        started = time.perf_counter()
        self._socket.sendall(head.encode() + content)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(1 << 16)
        headers, _, rest = data.partition(b"\r\n\r\n")
        length = int(headers.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._socket.recv(1 << 16)
        seconds = time.perf_counter() - started
        return json.loads(rest), seconds


def step(line: Line, reply: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Take a step; return the reply and what it took."""
    options = reply["info"]["admissible"]
    action = options[reply["turn"] * 7 % len(options)]
    body = {"episode": reply["episode"], "turn": reply["turn"], "action": action}
    return line.ask(f"/v1/sessions/{reply['id']}/step", body)


def serve(folder: Path, num: int, rounds: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server of both."""
    Operator.new(folder / "operator")
    (folder / "bench.toml").write_text(
        f'name = "cost"\nversion = 1\nsplit = "public"\n'
        f"[budget]\nturns = {TURNS}\nseconds = 3600.0\nattempts_per_week = {rounds}\n"
        f'[[environments]]\nid = "{ENV}"\ntasks = {num}\n'
    )
    (folder / "keys").write_text(f"plain {SECRETS['plain']}\nhosted {SECRETS['hosted']} benchmark=cost\n")
    port_file = folder / "port"
    command = [
        sys.executable, "-m", "turnwise", "serve", "--port", "0", "--port-file", str(port_file), "--env", ENV,
        "--benchmark", str(folder / "bench.toml"), "--operator", str(folder / "operator"),
        "--journal", str(folder / "runs.db"), "--key-file", str(folder / "keys"),
    ]  # fmt: skip
    process = subprocess.Popen(command)
    while not port_file.exists():
        if process.poll() is not None:
            raise RuntimeError("the server did not start")
        time.sleep(0.1)
    return process, int(port_file.read_text())


class Table:
    """Plain sessions and hosted tasks of one server, begun in pairs."""

    def __init__(self, port: int, file: Path) -> None:
        self._lines = {name: Line(port, key) for name, key in SECRETS.items()}
        self._benchmark, self._round = load(file), 0

    def open_run(self) -> None:
        """Open the next hosted run."""
        self._round += 1
        body = {"agent": "cost", "request_id": str(self._round)}
        self._run = self._lines["hosted"].ask("/v1/benchmarks/cost/runs", body)[0]["run"]
        secret = public_secret(self._benchmark.name, self._benchmark.version)
        seeds = [task.seed for task in tasks_of(self._benchmark, secret, self._run)]
        self._seeds, self._task = iter(seeds), 0

    def end_run(self) -> None:
        """End it."""
        self._lines["hosted"].ask(f"/v1/runs/{self._run}/next", {"task": self._task})

    def begin(self, name: str) -> dict[str, Any]:
        """Begin an episode; return its first reply."""
        if name == "hosted":
            number, self._task = self._task, self._task + 1
            dealt = self._lines[name].ask(f"/v1/runs/{self._run}/next", {"task": number})[0]
            return dict(dealt["session"])
        made = self._lines[name].ask("/v1/sessions", {"env_id": ENV, "seed": next(self._seeds)})[0]
        return dict(made["sessions"][0])

    def step(self, name: str, reply: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Take a step; return its reply and what it took."""
        return step(self._lines[name], reply)

    def end(self, name: str, reply: dict[str, Any]) -> None:
        """Close a plain session, as the server does with a task that has ended."""
        if name == "plain":
            self._lines[name].ask("/v1/close", {"ids": [reply["id"]]})

    def in_turns(self, num: int) -> float:
        """Return the ratio of the medians of steps taken in turns."""
        took: dict[str, list[float]] = {name: [] for name in SECRETS}
        for _ in range(num):
            replies = {name: self.begin(name) for name in SECRETS}
            while any(reply["end"] is None for reply in replies.values()):
                for name in sorted(SECRETS, reverse=len(took["plain"]) % 2 == 0):
                    if replies[name]["end"] is None:
                        replies[name], seconds = self.step(name, replies[name])
                        took[name].append(seconds)
            for name, reply in replies.items():
                self.end(name, reply)
        return median(took["hosted"]) / median(took["plain"])

    def alone(self, name: str, num: int, server: int) -> float:
        """Return the processor microseconds of the server a step, of episodes that one plays alone."""
        steps, before = 0, _used(server)
        spent = 0.0
        for _ in range(num):
            reply, before = self.begin(name), _used(server)
            while reply["end"] is None:
                reply, _ = self.step(name, reply)
                steps += 1
            spent += _used(server) - before
            self.end(name, reply)
        return 1e6 * spent / steps


def _used(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sessions", type=int, default=20, help="of each kind in a part of a round")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    process, port = serve(given.folder, 2 * given.sessions, given.rounds)
    try:
        table, server, rows = Table(port, given.folder / "bench.toml"), process.pid, []
        for number in range(given.rounds):
            table.open_run()
            row = {"wall": table.in_turns(given.sessions)}
            order = ("plain", "hosted") if number % 2 else ("hosted", "plain")
            row |= {name: table.alone(name, given.sessions, server) for name in order}
            table.end_run()
            rows.append(row)
        figures = {
            "rounds": given.rounds,
            "wall": round(median(row["wall"] for row in rows), 3),
            "processor": round(median(row["hosted"] / row["plain"] for row in rows), 3),
            "plain_us": round(median(row["plain"] for row in rows), 1),
            "hosted_us": round(median(row["hosted"] for row in rows), 1),
            "load": os.getloadavg()[0],
        }
        print(json.dumps({**figures, "each": [{k: round(v, 3) for k, v in row.items()} for row in rows]}))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
