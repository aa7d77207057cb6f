"""How much faster episodes that play ahead make a run, on simulated time: two engines and one learner.

    python benchmarks/staleness/simulate.py [--updates 100] [--seeds 5] [--out FILE]

What is real: the collector, its stream of groups, the rollout with its slots and groups. What is simulated:
the time. A message takes an engine a random time (lognormal, so that some episodes last), of which each
engine says two at once; a step takes none; the learner takes as long as the synchronous run generates on
average, which is the case in which playing ahead gains most: 2.0 is the ideal.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np
from jumping import simulated

from turnwise.agents.policy import Policy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.types import Generation, GenerationRequest, VersionSpan
from turnwise.servers.protocol.types import CreateItem, Reply, ResetItem, StepItem
from turnwise.trainers.rollouts.bound import RolloutParts
from turnwise.trainers.rollouts.collect import Collector
from turnwise.trainers.sections import EnvSection, RolloutSection, TrainSection

ENGINES, AT_ONCE = 2, 2
TURNS, GROUPS, MEMBERS = 6, 4, 4
SPREAD = 0.5  # of the logarithm of a message's seconds


class Rooms:
    """Sessions whose steps take no time, and whose episodes last for some turns."""

    def __init__(self) -> None:
        self._opened = 0

    async def create(self, items: Sequence[CreateItem], request_id: str) -> list[Reply]:
        """Open sessions."""
        first, num = self._opened, sum(item.count for item in items)
        self._opened += num
        return [Reply(f"s{first + i}", "i", 0, 0, "a room", env_id="room") for i in range(num)]

    async def reset(self, items: Sequence[ResetItem]) -> list[Reply]:
        """Begin other episodes in them."""
        return [Reply(item.id, "i", item.episode, 0, "a room", env_id="room") for item in items]

    async def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Reply], None]:
        """Take steps."""
        for place, item in enumerate(items):
            turn = item.turn + 1
            yield place, Reply(item.id, "i", item.episode, turn, "a room", 1.0, turn == TURNS, env_id="room")

    async def close(self, ids: Sequence[str]) -> None:
        """Close sessions."""


class Engines(Policy):
    """Engines that take their time, two messages at once each."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._engines = [asyncio.Semaphore(AT_ONCE) for _ in range(ENGINES)]
        self._asked = 0

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer after a while, under the version of the weights that there is then."""
        self._asked += 1
        key = np.random.default_rng([self._seed, *request.key])
        async with self._engines[self._asked % ENGINES]:
            await asyncio.sleep(float(key.lognormal(0.0, SPREAD)))
        return Generation("go", (1,), (2,), (-1.0,), versions=(VersionSpan(self.version, 0, 1),))


async def run(staleness: int, learn_s: float, updates: int, seed: int) -> tuple[float, float, float]:
    """Return the seconds of an update, the learner's share of them at work, and the mean staleness."""
    policy = Engines(seed)
    rollout = RolloutSection(
        num_groups=GROUPS, group_size=MEMBERS, max_turns=TURNS, deterministic=False, slots=GROUPS * MEMBERS
    )
    train = TrainSection(seed=seed, mode="async", max_staleness=staleness)
    parts = RolloutParts(None, None, (), ())
    collector = Collector(Rooms(), policy, parts, EnvSection("room"), rollout, PromptConfig(), train)
    clock = asyncio.get_running_loop().time
    behind, began = [], clock()
    for update in range(updates):
        policy.version = update
        collected = await collector.collect(update)
        spans = [
            span for each in collected.chosen for turn in each.turns for span in turn.generation.versions
        ]
        behind.append(float(np.mean([update - span.version for span in spans])))
        await asyncio.sleep(learn_s)
        collector.tasks = collected.tasks
    seconds = (clock() - began) / updates
    await collector.aclose()
    return seconds, learn_s / seconds, float(np.mean(behind))


def measured(stalenesses: Sequence[int], updates: int, seed: int) -> list[tuple[float, float, float]]:
    """Return of each staleness how many times as fast as in turn a run is, and the rest of `run`."""
    generate_s, _, _ = simulated(run(0, 0.0, updates, seed))
    in_turn, _, _ = simulated(run(0, generate_s, updates, seed))
    found = [simulated(run(staleness, generate_s, updates, seed)) for staleness in stalenesses]
    return [(in_turn / seconds, share, behind) for seconds, share, behind in found]


def table(updates: int, seeds: int) -> str:
    """Return the result as Markdown."""
    stalenesses = (0, 1, 2, 4)
    lines = ["| max_staleness | times the synchronous throughput | learner at work | versions behind |"]
    lines.append("|---|---|---|---|")
    found_SK3 = np.array([measured(stalenesses, updates, seed) for seed in range(seeds)])
    for place, staleness in enumerate(stalenesses):
        times_S, share_S, behind_S = found_SK3[:, place].T
        said = f"{times_S.mean():.3f} ({times_S.min():.3f} to {times_S.max():.3f})"
        lines.append(f"| {staleness} | {said} | {share_S.mean():.1%} | {behind_S.mean():.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
    found = table(asked.updates, asked.seeds)
    print(found)
    if asked.out:
        command = f"python benchmarks/staleness/simulate.py --updates {asked.updates} --seeds {asked.seeds}"
        about = (__doc__ or "").strip().split("\n\n")
        parts = (f"# {about[0]}", f"{datetime.date.today()}; `{command}`.", about[-1], found)
        asked.out.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
