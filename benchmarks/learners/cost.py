"""What an update costs each rank of 1, 2 and 4 learners: processor time and peak memory, as ratios.

    OMP_NUM_THREADS=1 python benchmarks/learners/cost.py [--updates 3] [--worlds 1,2,4]

One batch, a Qwen2 of 20 million random weights in float32 whose layers are divided, on the CPU over gloo.
Time is that of the process (user and system) in an update, the median after a first one. Memory is the
highest resident size in an update beyond that of the process before it loaded the model. Ranks share the
machine's cores: waiting for each other is not in the time, and nothing is said of seconds. Rank 0 holds the
model whole besides, for the engine and for checkpoints.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = {
    "vocab_size": 8192,
    "hidden_size": 384,
    "intermediate_size": 1152,
    "num_hidden_layers": 9,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}
RECIPE = {
    "policy": {"kind": "transformers"},
    "optim": {"micro_tokens": 512, "mismatch_limit": 1e9, "spike_limit": 1e9, "checkpointing": True},
}


def memory(name: str) -> float:
    """Return VmRSS or VmHWM of this process, in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def batch_of(model: Any) -> tuple[Any, Any]:
    """Return conversations of several lengths, with an advantage for each turn."""
    import numpy as np

    from turnwise.agents.types import Generation, Trajectory, Turn
    from turnwise.trainers.learner.sequences import pack

    rng, made = np.random.default_rng(0), []
    for number in range(16):
        prompt = tuple(rng.integers(5, 8000, size=int(rng.integers(40, 160))).tolist())
        said = tuple(rng.integers(5, 8000, size=24).tolist())
        generation = Generation("", prompt, said, (-9.0,) * 24, (None,) * 24, temperature=1.0)
        turn = Turn(0, "", "", "", 0.0, "", generation=generation)
        made.append(Trajectory("e", "t", 0, str(number // 4), (turn,), "terminated"))
    batch = pack(made)
    return batch, rng.normal(size=batch.num_rows)[batch.row_N]


def measured(learner: Any, figures: list[dict[str, float]]) -> None:
    """Have a learner note what each of its updates costs this process."""
    update: Callable[..., Any] = learner.update

    def noted(*args: Any, **kwargs: Any) -> Any:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        begun = time.process_time()
        found = update(*args, **kwargs)
        figures.append({"seconds": time.process_time() - begun, "peak": memory("VmHWM")})
        return found

    learner.update = noted


def rank(world: int, folder: Path, updates: int) -> None:
    """Be one of the ranks, and write what it cost."""
    import torch

    from turnwise.trainers.launch.config import LaunchSection
    from turnwise.trainers.learner.update import Learner
    from turnwise.trainers.parallel import begin, follow, launch
    from turnwise.trainers.parallel.lead import lead
    from turnwise.trainers.parallel.place import placed
    from turnwise.trainers.policies import get
    from turnwise.trainers.recipe import dump, from_tables

    importlib.import_module("transformers.models.qwen2.modeling_qwen2")  # before what is measured
    torch.set_num_threads(1)
    recipe, policy, before = from_tables(RECIPE), str(folder / "policy"), memory("VmRSS")
    figures: list[dict[str, float]] = []
    place = placed()
    if place.follows:
        begun = begin.begin

        def noting(*args: Any, **kwargs: Any) -> Any:
            learner = begun(*args, **kwargs)
            measured(learner, figures)
            return learner

        follow.begin = noting  # type: ignore[attr-defined]
        follow.follow(place)
    else:
        weights = get("transformers").weights
        assert weights is not None
        face = weights(policy, recipe.policy)
        batch, advantage_N = batch_of(face)

        def run(learner: Any) -> None:
            measured(learner, figures)
            for _ in range(updates):
                learner.update(batch, advantage_N)

        if world == 1:
            run(Learner(face, recipe.optim, recipe.loss))
        else:
            with launch.ranks(LaunchSection()) as group:
                run(lead(group, begin.Begin(dump(recipe), policy, policy, "", False, None), face))
    document = {
        "rank": place.rank,
        "seconds": statistics.median(each["seconds"] for each in figures[1:]),
        "peak_mb": max(each["peak"] for each in figures) - before,
    }
    (folder / f"{world}-{place.rank}.json").write_text(json.dumps(document))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--worlds", default="1,2,4")
    parser.add_argument("--rank-of", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rank_of:
        rank(asked.rank_of, asked.folder, asked.updates)
        return
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(0)
        model = Qwen2ForCausalLM(Qwen2Config(**SIZES))
        model.save_pretrained(folder / "policy")
        num = sum(weight.numel() for weight in model.parameters()) / 1e6
        print(f"{num:.1f} million weights, {4 * num:.0f} MB in float32, torch {torch.__version__}\n")
        del model
        print("| ranks | rank | processor seconds an update | of one process | peak MB | of one process |")
        print("|---|---|---|---|---|---|")
        first: dict[str, float] = {}
        for world in map(int, asked.worlds.split(",")):
            start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
            asks = ["--rank-of", str(world), "--folder", name, "--updates", str(asked.updates)]
            command = [sys.executable, *(start if world > 1 else []), __file__, *asks]
            subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
            for number in range(world):
                found = json.loads((folder / f"{world}-{number}.json").read_text())
                first = first or found
                seconds, peak = found["seconds"], found["peak_mb"]
                print(f"| {world} | {number} | {seconds:.2f} | {seconds / first['seconds']:.2f} | "
                      f"{peak:.0f} | {peak / first['peak_mb']:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
