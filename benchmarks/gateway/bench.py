"""Measure what a call costs the gateway, and that nothing of it is lost, with a policy that answers at once.

    python benchmarks/gateway/bench.py --out benchmarks/results
    python benchmarks/gateway/bench.py --quick
    python benchmarks/gateway/bench.py --agent hf:.smollm2/model   # and its share of a real policy's call

Each server runs as its own process; reported is its processor time a call, beside a bare server in the same
run, which reads and decodes the same bodies and sends the same answer. Rounds of both take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from instant import WORDS

HERE = Path(__file__).parent
OBSERVATION = "You are in room {}. There is a lamp, a desk and a drawer; the door on the left is open."
HEAD = {"content-type": "application/json"}


class Harness:
    """One connection that plays episodes with chat completions.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=120)
        self.path = ""
        self.talk: list[dict[str, Any]] = []

    def call(self, path: str, body: Any, **head: str) -> dict[str, Any]:
        self._http.request("POST", path, json.dumps(body), {**HEAD, **head})
        answer = self._http.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return dict(json.loads(content))

    def cpu_s(self) -> float:
        return float(self.counts()["cpu_s"])

    def counts(self) -> dict[str, Any]:
        self._http.request("GET", "/counts")
        return dict(json.loads(self._http.getresponse().read()))

    def open(self) -> None:
        """Begin an episode."""
        url = self.call("/episodes", {})["url"]
        self.path = "/" + url.split("/", 3)[3]
        self.talk = [{"role": "system", "content": "You tidy a house."}, self._seen(0)]

    def ask(self, talk: list[dict[str, Any]] | None = None, **head: str) -> dict[str, Any]:
        """Call the model with the conversation, or another one."""
        body = {"messages": self.talk if talk is None else talk, "model": "m"}
        return self.call(f"{self.path}/v1/chat/completions", body, **head)["choices"][0]["message"]

    def turn(self, number: int) -> None:
        """Take a turn, and go on."""
        said = self.ask()
        self.talk += [{"role": "assistant", "content": said["content"]}, self._seen(number + 1)]

    def end(self) -> None:
        """Post the reward."""
        self.call(f"{self.path}/reward", {"final": True, "reward": 1.0})

    def _seen(self, number: int) -> dict[str, Any]:
        return {"role": "user", "content": OBSERVATION.format(number)}


@contextmanager
def server(kind: str) -> Iterator[int]:
    """Run a server of a kind and give its port."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "instant.py"), kind], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def cost_by_turn(ports: dict[str, int], episodes: int, blocks: list[range]) -> dict[str, list[list[float]]]:
    """Return microseconds of processor time a call: for each server and round, those of each block of turns.

    Args:
        ports: of the servers, which take turns.
        episodes: of a round, which go on side by side, so that a block is long enough to be measured.
        blocks: of turns.
    """
    found: dict[str, list[list[float]]] = {kind: [] for kind in ports}
    for _ in range(ROUNDS):
        for kind, port in ports.items():
            harnesses = [Harness(port) for _ in range(episodes)]
            for each in harnesses:
                each.open()
            row, done = [], 0
            for block in blocks:
                for number in range(done, block.start):
                    for each in harnesses:
                        each.turn(number)
                before = harnesses[0].cpu_s()
                for number in block:
                    for each in harnesses:
                        each.turn(number)
                row.append((harnesses[0].cpu_s() - before) / (len(block) * episodes) * 1e6)
                done = block.stop
            if kind == "gateway":
                for each in harnesses:
                    each.end()
            found[kind].append(row)
    return found


def at_once(port: int, num: int, turns: int) -> dict[str, Any]:
    """Let harnesses play at once, each with titles, retries and joined calls among its turns; count."""
    before = Harness(port).counts()
    failures: list[Exception] = []

    def play() -> None:
        try:
            harness = Harness(port)
            harness.open()
            for number in range(turns):
                if number % 4 == 0:
                    harness.ask([{"role": "system", "content": "Give this a title."}, harness.talk[1]])
                harness.turn(number)
                if number % 5 == 0:  # the same call again, said to be a retry
                    harness.ask(harness.talk[:-2], **{"x-stainless-retry-count": "1"})
            harness.ask()
            harness.end()
        except (AssertionError, OSError, KeyError) as error:
            failures.append(error)

    threads = [threading.Thread(target=play) for _ in range(num)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    after = Harness(port).counts()
    found = {name: after[name] - before.get(name, 0) for name in ("episodes", "turns", "side calls", "asked")}
    found["expected turns"] = num * (turns + 1)
    found["orphan turns"] = found["turns"] - found["expected turns"]
    return found


def compacted(port: int, calls: int, every: int, length: int) -> dict[str, Any]:
    """Make many calls whose histories are compacted now and then; count tokens that were made again.

    A compacted history keeps the first messages and the last two answers of the policy. The tokens of the
    policy's own messages in all prompts are counted there, and what they have to be here.
    """
    harness, done, expected, grows = Harness(port), 0, 0, 0
    before = harness.counts()
    said = len(WORDS.split(" ")) + 2  # its number and its end
    while done < calls:
        harness.open()
        for number in range(length):
            own = sum(message["role"] == "assistant" for message in harness.talk)
            expected += own * said
            grows += bool(number and number % every)
            harness.turn(number)
            done += 1
            if (number + 1) % every == 0 and number + 1 < length:
                told = {"role": "user", "content": f"So far {number} rooms were looked at."}
                harness.talk = [*harness.talk[:2], told, *harness.talk[-4:]]
        harness.talk = harness.talk[:-2]
        harness.end()
    after = harness.counts()
    names = ("turns", "asked", "own tokens in prompts", "prompts that grow")
    found = {name: after.get(name, 0) - before.get(name, 0) for name in names}
    found["own tokens expected"] = expected
    found["tokens made again"] = expected - found["own tokens in prompts"]
    found["prompts that should grow"] = grows
    return found


def real_call_ms(agent: str, turns: int, last: int) -> float:
    """Return how long a call of a real policy behind the gateway takes at the end of a long episode.

    Args:
        agent: as of `turnwise gateway --agent`.
        turns: of the episode; each answer has as many tokens at most as the instant policy's has words.
        last: of these turns, whose median it is, in milliseconds of wall clock.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder) / "port"
        words = ["--agent", agent, "--port", "0", "--port-file", str(told)]
        words += ["--max-tokens", str(len(WORDS.split(" ")))]
        process = subprocess.Popen([sys.executable, "-m", "turnwise", "gateway", *words])
        try:
            while not told.exists():
                assert process.poll() is None, f"turnwise gateway --agent {agent} has ended"
                time.sleep(0.1)
            harness, took = Harness(int(told.read_text())), []
            harness.open()
            for number in range(turns):
                began = time.perf_counter()
                harness.turn(number)
                took.append((time.perf_counter() - began) * 1e3)
        finally:
            process.terminate()
            process.wait()
    return statistics.median(took[-last:])


def _own(costs: dict[str, list[list[float]]]) -> list[float]:
    """Return what the gateway takes beyond the bare server, at each block: medians over the rounds."""
    pairs = zip(costs["gateway"], costs["bare"], strict=True)
    rows = [[ours - bare for ours, bare in zip(*pair, strict=True)] for pair in pairs]
    return [round(statistics.median(column), 1) for column in zip(*rows, strict=True)]


ROUNDS = 5


def main() -> None:
    """Measure, print, and write a dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--agent", default="", help="a policy of which a call's share is told too")
    given = parser.parse_args()
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
    global ROUNDS
    ROUNDS = 2 if given.quick else 5
    episodes, calls = (4, 500) if given.quick else (16, 10_000)
    blocks = [range(4), range(30, 34), range(62, 66), range(124, 128)]
    with ExitStack() as stack:
        ports = {kind: stack.enter_context(server(kind)) for kind in ("bare", "gateway")}
        costs = cost_by_turn(ports, episodes, blocks)
        found: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "load": os.getloadavg()[0],
            "us_a_call": {
                kind: {str(block.stop): round(statistics.median(row[at] for row in rows), 1)
                       for at, block in enumerate(blocks)}
                for kind, rows in costs.items()
            },
            "growth": {
                kind: round(statistics.median(row[-1] / row[0] for row in rows), 3)
                for kind, rows in costs.items()
            },
            "own_us": _own(costs),
            "at_once": at_once(ports["gateway"], 64, 4 if given.quick else 16),
            "compacted": compacted(ports["gateway"], calls, 10, 50),
        }  # fmt: skip
    if given.agent:
        turns = blocks[-1].stop
        ms = real_call_ms(given.agent, turns, len(blocks[-1]))
        share = found["us_a_call"]["gateway"][str(turns)] / (ms * 1e3)
        found["real"] = {"agent": given.agent, "ms_a_call": round(ms, 1), "share": round(share, 5)}
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        (given.out / f"{found['date']}-gateway.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
