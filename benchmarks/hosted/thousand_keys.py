"""A thousand keys at once: each opens a run and plays it, beside one key that plays as much alone.

python benchmarks/hosted/thousand_keys.py --folder /tmp/thousand

One server, one worker, with a journal. First one key plays alone; then every key opens its run by four
requests at the same moment, of which one may succeed, plays its tasks over a connection of its own, tries
the run and the session of its neighbour, reads its record, and asks for a second run, which its week does
not give. Printed are the server's memory for each key and each run, its processor time a step beside that of
the one key (Linux: /proc/PID/schedstat), steps a second, and what went wrong, of which nothing is expected.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnwise.servers.benchmarks.signing import Operator
from turnwise.servers.client.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
VAULT = f"{ROOT / 'tests/servers/benchmarks/vaults.py'}:Vault"
TURNS = 20
FILE = """
name = "{name}"
version = 1
budget = {{turns = {turns}, seconds = 7200.0, attempts_per_week = 1}}
environments = [{{id = "{env}", tasks = {tasks}, secret = ["world_seed"]}}]
"""
AT_ONCE = 4  # openings of each key


class Line:
    """One kept connection of a key."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: Bearer {self._key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        headers = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(headers.split(b"content-length: ")[1].split(b"\r\n")[0])
        return dict(json.loads(await self._reader.readexactly(length)))

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@dataclass
class Seen:
    """What a key saw."""

    run: str
    observations: list[str]
    steps: int


def used(pid: int) -> float:
    """Return the seconds that the server's thread had a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def memory(pid: int) -> int:
    """Return the bytes that a process holds for itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024


def write(folder: Path, num_keys: int, tasks: int, solo: int) -> list[str]:
    """Write what the server is given; return its arguments."""
    folder.mkdir(parents=True)
    Operator.new(folder / "operator")
    for name, number in (("many", tasks), ("solo", solo)):
        (folder / f"{name}.toml").write_text(FILE.format(name=name, turns=TURNS, env=VAULT, tasks=number))
    lines = [f"key-{number} {secret(number)} benchmark=many" for number in range(num_keys)]
    (folder / "keys").write_text("\n".join([*lines, f"solo {secret('solo')} benchmark=solo"]) + "\n")
    (folder / "keys").chmod(0o600)
    names = {"--operator": "operator", "--journal": "runs.db", "--key-file": "keys"}
    given = [word for flag, name in names.items() for word in (flag, str(folder / name))]
    hosted = [word for name in ("many", "solo") for word in ("--benchmark", str(folder / f"{name}.toml"))]
    return ["--env", VAULT, *hosted, *given]


def secret(number: object) -> str:
    """Return the secret of a key."""
    return f"secret-of-key-{number}-0123456789"


async def played(line: Line, run: str) -> Seen:
    """Play a run to its end."""
    seen = Seen(run, [], 0)
    while "session" in (answer := await line.ask(f"/v1/runs/{run}/next", {"task": len(seen.observations)})):
        reply = answer["session"]
        seen.observations.append(reply["observation"])
        while reply["end"] is None:
            body = {"episode": 0, "turn": reply["turn"], "action": "wait"}
            reply = await line.ask(f"/v1/sessions/{reply['id']}/step", body)
            seen.steps += 1
    return seen


class Crowd:
    """Many keys at once.

    Args:
        port: of the server.
        num: how many keys.
    """

    def __init__(self, port: int, num: int) -> None:
        self._port, self._num = port, num
        self.wrong: Counter[str] = Counter()
        self._opened: dict[int, str] = {}
        self._dealt: dict[int, str] = {}
        self._all = asyncio.Barrier(num)

    async def play(self) -> list[Seen]:
        """Let every key play; return what each saw."""
        return await asyncio.gather(*[self._one(number) for number in range(self._num)])

    async def _one(self, number: int) -> Seen:
        lines = [Line(self._port, secret(number)) for _ in range(AT_ONCE)]
        await asyncio.gather(*[line.connect() for line in lines])
        await self._all.wait()
        bodies = [{"agent": f"agent {number}", "request_id": f"{place}"} for place in range(AT_ONCE)]
        path = "/v1/benchmarks/many/runs"
        answers = await asyncio.gather(
            *[line.ask(path, body) for line, body in zip(lines, bodies, strict=True)]
        )
        codes = sorted(str(answer.get("code")) for answer in answers)
        self._check("one opening of several", codes == sorted(["None"] + ["run_open"] * (AT_ONCE - 1)))
        (self._opened[number],) = [answer["run"] for answer in answers if "code" not in answer]
        line, run = lines[0], self._opened[number]
        self._dealt[number] = (await line.ask(f"/v1/runs/{run}/next", {"task": 0}))["session"]["id"]
        await self._all.wait()
        await self._try_neighbour(line, (number + 1) % self._num)
        seen = await played(line, run)
        record = (await line.ask(f"/v1/runs/{run}/record"))["record"]
        self._check("a record of its own", (record["key"], record["attempt"]) == (f"key-{number}", 1))
        again = await line.ask(path, {"agent": "again"})
        self._check("no second run", again.get("code") == "attempts_used")
        await asyncio.gather(*[each.close() for each in lines])
        return seen

    async def _try_neighbour(self, line: Line, number: int) -> None:
        run, session = self._opened[number], self._dealt[number]
        step = {"episode": 0, "turn": 0, "action": "open 0"}
        said = [
            await line.ask(f"/v1/runs/{run}"),
            await line.ask(f"/v1/runs/{run}/next", {"task": 0}),
            await line.ask(f"/v1/sessions/{session}/step", step),
        ]
        codes = [answer.get("code") for answer in said]
        self._check("nobody sees another's", codes == ["unknown_run", "unknown_run", "unknown_session"])

    def _check(self, what: str, holds: bool) -> None:
        self.wrong[what] += not holds


async def measured(server: ServerProcess, num_keys: int) -> dict[str, Any]:
    """Play alone, then all at once."""
    port, pid = int(server.url.rpartition(":")[2]), server.pid
    solo = Line(port, secret("solo"))
    await solo.connect()
    run = (await solo.ask("/v1/benchmarks/solo/runs", {"agent": "solo"}))["run"]
    before, started = used(pid), time.perf_counter()
    alone = await played(solo, run)
    await solo.close()
    alone_s, alone_wall_s = used(pid) - before, time.perf_counter() - started
    held, crowd = memory(pid), Crowd(port, num_keys)
    before, started = used(pid), time.perf_counter()
    seen = await crowd.play()
    many_s, wall_s = used(pid) - before, time.perf_counter() - started
    steps = sum(each.steps for each in seen)
    shown = [text for each in seen for text in each.observations]
    crowd.wrong["tasks that two keys saw"] += len(shown) - len(set(shown))
    return {
        "keys": num_keys,
        "steps": steps,
        "wrong": dict(crowd.wrong),
        "one_key_us_a_step": round(1e6 * alone_s / alone.steps, 1),
        "all_keys_us_a_step": round(1e6 * many_s / steps, 1),
        "ratio": round(many_s / steps / (alone_s / alone.steps), 3),
        "one_key_steps_a_second": round(alone.steps / alone_wall_s),
        "all_keys_steps_a_second": round(steps / wall_s),
        "steps_a_processor_second": round(steps / many_s),
        "kilobytes_a_run": round((memory(pid) - held) / num_keys / 1024, 2),
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=5, help="of each key")
    parser.add_argument("--solo", type=int, default=500, help="tasks of the one key")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    arguments = write(given.folder, given.keys, given.tasks, given.solo)
    few = [*arguments[:-1], str(given.folder / "few")]
    (given.folder / "few").write_text(
        f"solo {secret('solo')} benchmark=solo\nkey-0 {secret(0)} benchmark=many\n"
    )
    with ServerProcess(few) as server:
        with_two = memory(server.pid)
    with ServerProcess(arguments) as server:
        with_all = memory(server.pid)
        figures = asyncio.run(measured(server, given.keys))
    figures["kilobytes_a_key"] = round((with_all - with_two) / given.keys / 1024, 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
