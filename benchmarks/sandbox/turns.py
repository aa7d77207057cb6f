"""What a turn of swe/tasks-v0 costs beside the bare operation, and sixteen agents beside their commands.

Medians of milliseconds; each pair is measured in turn, one after the other, in the same process.

    python benchmarks/sandbox/turns.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import turnwise
from turnwise.envs.sandbox import backend_by_name
from turnwise.envs.sandbox.loop import call

WORK = "python3 -c 'print(sum(i * i for i in range(600_000)))'"


def ms(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def bare(command: str) -> None:
    subprocess.run(["/bin/bash", "-c", command], stdout=subprocess.DEVNULL, check=False)


def of_a_turn(env: Any, times: int) -> dict[str, float]:
    """Measure single operations in turn."""
    backend = call(backend_by_name("auto"))
    task = env.text_env.tasks.tasks[0]
    box = call(backend.start(task.spec))
    env.reset(seed=0)
    env.step("run_tests")
    rows: dict[str, list[float]] = {}
    for number in range(times):
        measured = {
            "bash -c true, bare": ms(lambda: bare("true")),
            "box.run true": ms(lambda: call(box.run("true"))),
            "turn: bash true": ms(lambda: env.step("bash true")),
            "turn: view": ms(lambda: env.step("view README.md")),
            "turn: a change": ms(lambda n=number: env.step(f"create note{n}.txt\n{n}")),
            "turn: undo": ms(lambda: env.step("undo")),
            "turn: run_tests": ms(lambda: env.step("run_tests")),
            "fork, closed": ms(lambda: env.clone().close()),
        }
        for name, value in measured.items():
            rows.setdefault(name, []).append(value)
    call(box.aclose())
    for seed in range(times // 2):
        rows.setdefault("reset", []).append(ms(lambda s=seed: env.reset(seed=s)))
        rows.setdefault("submit, empty", []).append(ms(lambda: env.step("submit")))
    return {name: round(statistics.median(values), 2) for name, values in rows.items()}


async def side_by_side(agents: int, turns: int) -> dict[str, float]:
    """Play agents side by side, and run the same commands bare, as many at once."""

    async def alone() -> None:
        for _ in range(turns):
            process = await asyncio.create_subprocess_exec(
                "/bin/bash", "-c", WORK, stdout=asyncio.subprocess.DEVNULL
            )
            await process.wait()

    async def agent(env: Any) -> None:
        for _ in range(turns):
            await env.text_env.step_async(f"bash {WORK}")

    envs = [turnwise.make("swe/tasks-v0", max_turns=1_000) for _ in range(agents)]
    try:
        for env in envs:
            await asyncio.to_thread(env.reset, seed=0)
        seconds: dict[str, list[float]] = {"bare": [], "agents": []}
        for _ in range(3):
            started = time.perf_counter()
            await asyncio.gather(*(alone() for _ in range(agents)))
            seconds["bare"].append(time.perf_counter() - started)
            started = time.perf_counter()
            await asyncio.gather(*(agent(env) for env in envs))
            seconds["agents"].append(time.perf_counter() - started)
    finally:
        for env in envs:
            env.close()
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {**medians, "ratio": medians["agents"] / medians["bare"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=12)
    given = parser.parse_args()
    with turnwise.make("swe/tasks-v0", max_turns=10_000) as env:
        print(json.dumps(of_a_turn(env, given.times), indent=2))
    print(json.dumps(asyncio.run(side_by_side(16, 4)), indent=2))


if __name__ == "__main__":
    main()
