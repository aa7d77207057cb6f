"""What the Docker backend adds to the engine: start, command, snapshot, fork and rollback, beside it.

    python benchmarks/sandbox/containers.py [--image NAME] [--rounds N]

Both are asked in turn, so that a busy machine disturbs both; medians in milliseconds and their ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from turnwise.envs.sandbox import Limits, Spec
from turnwise.envs.sandbox.docker import DockerBackend

_PAUSE_S = 3.0

_took: defaultdict[str, list[float]] = defaultdict(list)


async def timed(name: str, act: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    started = time.perf_counter()
    result = await act(*given)
    _took[name].append(1000 * (time.perf_counter() - started))
    return result


async def docker(*words: str) -> str:
    process = await asyncio.create_subprocess_exec("docker", *words, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, words
    return output.decode().strip()


def bare_exec(api: Any, container: str) -> None:
    """Do what `docker exec` does, without the start of that program."""
    made = api.exec_create(container, ["true"])["Id"]
    api.exec_start(made)
    assert api.exec_inspect(made)["ExitCode"] == 0


async def play(image: str, rounds: int) -> int:
    backend, spec = DockerBackend(), Spec(image=f"image:{image}")
    async with await backend.start(spec) as first:
        await first.run("true")
    for _ in range(rounds):
        run = ("run", "-d", "--network", "none", image, "sleep", "99")
        bare = await timed("docker run -d", docker, *run)
        box = await timed("start", backend.start, spec)
        await timed("docker exec", docker, "exec", bare, "true")
        await timed("bare exec", asyncio.to_thread, bare_exec, backend.engine.api, bare)
        await timed("command", box.run, "true")
        name = await timed("docker commit", docker, "commit", bare)
        taken = await timed("snapshot", box.snapshot)
        await timed("rollback", box.rollback, taken)
        children = await timed("fork of 4", box.fork, 4)
        await asyncio.gather(*(child.aclose() for child in children), box.aclose())
        await docker("rm", "-f", bare)
        await docker("rmi", name)
    await from_the_pool(backend, image, rounds)
    limits = Limits(disk_bytes=200 << 20)
    async with await backend.start(Spec(image=f"image:{image}", limits=limits)) as box:
        await box.run("for n in $(seq 40); do head -c 100M /dev/zero > f$n; done", 60)
        used = int((await box.run("du -sm . | cut -f1")).output)
    await backend.aclose()
    return used - 200


async def from_the_pool(backend: DockerBackend, image: str, rounds: int) -> None:
    """Start boxes that wait; the next one is made before it is asked for."""
    spec = Spec(image=f"image:{image}", limits=Limits(num_processes=99))
    await backend.warm(spec, 2)
    for _ in range(rounds):
        box = await timed("start from the pool", backend.start, spec)
        await box.aclose()
        await asyncio.sleep(_PAUSE_S)
    await backend.warm(spec, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="turnwise-test-base")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    over = asyncio.run(play(asked.image, asked.rounds))
    medians = {name: statistics.median(values) for name, values in _took.items()}
    peers = {"start": "docker run -d", "command": "bare exec", "snapshot": "docker commit"}
    print("| what | ms | peer | ms | ratio |\n|---|---|---|---|---|")
    for name, value in medians.items():
        if name not in (*peers.values(), "docker exec"):
            peer = peers.get(name, "")
            other = f"{medians[peer]:.0f} | {value / medians[peer]:.2f}" if peer else " | "
            print(f"| {name} | {value:.0f} | {peer} | {other} |")
    print(f"\nThe program `docker exec`: {medians['docker exec']:.0f} ms.")
    print(f"\nDisk limit 200 MB, written without pause: {over} MB more when it was stopped.")


if __name__ == "__main__":
    main()
