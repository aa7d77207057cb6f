"""What a hosted step costs beside a plain one with the same journal: one server, one client, in turns.

python benchmarks/hosted/step_cost.py --folder /tmp/step_cost

Both play household/mix-v0 by one rule over one kept connection each; they take turns step by step, so that
what else the machine does falls on both. Printed are medians and first tenths of steps, which a busy machine
disturbs less, and their ratios; the goal is 1.05.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

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


def serve(folder: Path, num: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server of both."""
    Operator.new(folder / "operator")
    (folder / "bench.toml").write_text(
        f'name = "cost"\nversion = 1\n[budget]\nturns = {TURNS}\nseconds = 3600.0\nattempts_per_week = 9\n'
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    process, port = serve(given.folder, given.sessions)
    try:
        plain, hosted = Line(port, SECRETS["plain"]), Line(port, SECRETS["hosted"])
        run = hosted.ask("/v1/benchmarks/cost/runs", {"agent": "cost"})[0]["run"]
        took: dict[str, list[float]] = {"plain": [], "hosted": []}
        lines = {"plain": plain, "hosted": hosted}
        for number in range(given.sessions):
            dealt = hosted.ask(f"/v1/runs/{run}/next", {"task": number})[0]["session"]
            (made,) = plain.ask("/v1/sessions", {"env_id": ENV, "seed": number})[0]["sessions"]
            replies = {"plain": made, "hosted": dealt}
            while any(reply["end"] is None for reply in replies.values()):
                order = ["plain", "hosted"] if len(took["plain"]) % 2 else ["hosted", "plain"]
                for name in order:
                    if replies[name]["end"] is None:
                        replies[name], seconds = step(lines[name], replies[name])
                        took[name].append(seconds)
            plain.ask("/v1/close", {"ids": [made["id"]]})
        found = {}
        for name, values in took.items():
            found[name] = {"steps": len(values), "median_us": round(1e6 * median(values), 1)}
            found[name]["tenth_us"] = round(1e6 * quantiles(values, n=10)[0], 1)
        ratios = {
            what: round(found["hosted"][what] / found["plain"][what], 3) for what in ("median_us", "tenth_us")
        }
        print(json.dumps({**found, "ratio": ratios}))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
