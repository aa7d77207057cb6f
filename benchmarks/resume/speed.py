"""What a journal costs a rollout, and how fast 500 episodes stand where they stopped.

    python benchmarks/resume/speed.py [--episodes 500] [--out FILE]

Cost: processor time of the same rollout with and without a journal, taking turns in one process, in the
process of its environments; with a policy that answers at once, and with a tiny one. Speed: a rollout over
HTTP is ended by its policy in the middle, its sessions stay, and another one plays on; then the
same with the sessions closed. Seconds are those until the last episode stands where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from turnwise.agents.policies import Policy
from turnwise.agents.policy import PolicyStopped, TokenPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import Journal, RolloutConfig, TaskItem, rollout
from turnwise.agents.rollout.journal_file import JournalFile, read
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.tiny.tokenizer import TinyTokenizer
from turnwise.agents.types import FinishReason, Generation, GenerationRequest, Message
from turnwise.servers.client import ServerProcess, connect

ROOM = f"{Path(__file__).with_name('room.py')}:Long"
PROMPT = PromptConfig(show_admissible=False)


class Instant(TokenPolicy):
    """A policy that answers at once, with sixteen tokens; it stops after so many messages."""

    name = "instant"

    def __init__(self, most: int = 1 << 60) -> None:
        self.left = most

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return tuple(b"".join(message.content.encode() for message in messages))

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.encode_prompt(messages)

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(text.encode())

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        self.left -= 1
        if self.left < 0:
            raise PolicyStopped("as far as asked")
        numbers = tuple((request.key[-1] * 16 + place) / 977 for place in range(16))
        return Generation("wait", request.prompt_ids or (), tuple(range(16)), numbers, entropy=numbers)


def new(path: Path) -> Journal:
    return Journal(JournalFile(path, {"format": "benchmark"}, 1 << 33))


def kept(path: Path) -> Journal:
    found = read(path)
    assert found is not None
    return Journal(JournalFile(path, found.header, 1 << 33, found.num_bytes), found.records)


async def play(policy: Policy, num: int, turns: int, journal: Journal | None, url: str = "local:") -> Any:
    tasks = [TaskItem(ROOM, seed=seed) for seed in range(num)]
    config = RolloutConfig(max_turns=turns, max_episode_tokens=1 << 20, slots=512, constraint="admissible")
    client = connect(url)
    try:
        return await rollout(client, policy, tasks, config, prompt=PROMPT, journal=journal)
    finally:
        await client.aclose()
        if journal:
            journal.close()


def seconds_of(policy: Policy, num: int, turns: int, journal: Journal | None) -> float:
    """Return the processor time of a rollout in this process."""
    began = time.process_time()
    asyncio.run(play(policy, num, turns, journal))
    return time.process_time() - began


def cost(make: Any, num: int, turns: int, rounds: int, folder: Path) -> dict[str, float]:
    """Return the ratio of processor time with and without a journal, and the bytes of a turn."""
    ratios, size = [], 0
    for number in range(rounds):
        path = folder / f"cost-{number}.turns"
        with_it, without = 0.0, 0.0
        for kind in ("with", "without") if number % 2 else ("without", "with"):
            if kind == "with":
                with_it = seconds_of(make(), num, turns, new(path))
            else:
                without = seconds_of(make(), num, turns, None)
        ratios.append(with_it / without)
        size = path.stat().st_size
        path.unlink()
    return {
        "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
        "bytes_a_turn": size / (num * turns), "seconds_without": without,
    }  # fmt: skip


def tiny() -> TinyPolicy:
    words = ["wait left right", "the room asks for it 0 1 2 3 4 5 6 7 8 9", "user assistant system"]
    tokenizer = TinyTokenizer.train(words, 300)
    return TinyPolicy(TinyLM(TinyConfig(vocab_size=tokenizer.vocab_size)), tokenizer, num_slots=64)


def went_on(num: int, turns: int, held: bool, folder: Path, server: ServerProcess) -> dict[str, float]:
    """Return what became of so many episodes that were cut short at so many turns."""
    path = folder / f"{num}-{held}.turns"
    with contextlib.suppress(PolicyStopped):
        asyncio.run(play(Instant(num * turns), num, turns + 2, new(path), server.url))
    if not held:
        asyncio.run(closed(server))
    journal = kept(path)
    began = time.process_time()
    asyncio.run(play(Instant(), num, turns + 2, journal, server.url))
    spent = time.process_time() - began
    return {**journal.resumed.figures(), "processor_seconds": spent, "turns": float(turns)}


async def closed(server: ServerProcess) -> None:
    client = connect(server.url)
    await client.close([row["id"] for row in await client.sessions()])
    await client.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ServerProcess(["--env", ROOM]) as server:
        folder = Path(place)
        found: dict[str, Any] = {"date": date.today().isoformat()}
        parts = {
            "attached": lambda: went_on(asked.episodes, asked.turns, True, folder, server),
            "rebuilt": lambda: went_on(asked.episodes, asked.turns, False, folder, server),
            "cost_instant": lambda: cost(Instant, 64, 40, asked.rounds, folder),
            "cost_tiny": lambda: cost(tiny, 32, 20, asked.rounds, folder),
        }
        for name, measure in parts.items():
            found[name] = {**measure(), "load_average": os.getloadavg()[0]}
            print(json.dumps({name: found[name]}), flush=True)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
