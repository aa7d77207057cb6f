"""Recordings of training and evaluation: three runs, a warm start, three evaluations."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from commands import LIGHTS, together
from masks import without_times

RUN = {
    "train.num_updates": "2",
    "train.save_every": "2",
    "train.max_seconds": "0",
    "rollout.num_groups": "3",
    "rollout.group_size": "4",
    "eval.every": "2",
    "eval.episodes": "4",
    "server.spawn": "false",
    "log.console": "false",
    "log.trajectories": "all",
}
SMALL = {
    "policy.checkpoint": "",
    "policy.hidden_size": "32",
    "policy.num_layers": "2",
    "policy.num_heads": "2",
    "policy.num_kv_heads": "2",
    "policy.intermediate_size": "64",
    "policy.vocab_size": "300",
    "warmstart.episodes": "20",
    "warmstart.max_steps": "20",
    "warmstart.batch_size": "4",
}
ON_LIGHTS = {
    "env.id": LIGHTS,
    "env.train_kwargs": "{}",
    "env.eval_kwargs": "{}",
    "warmstart.teacher": "expert",
    "rollout.max_turns": "6",
}
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "household_gigpo": ("demo", {**RUN, "rollout.max_turns": "12"}),
    "hae_with_critics": (
        "household_hae",
        {**RUN, **SMALL, **ON_LIGHTS, "critic.width": "16", "optim.num_epochs": "2"},
    ),
    "tree_and_samplers": (
        "household_gigpo",
        {
            **RUN,
            **SMALL,
            **ON_LIGHTS,
            "train.num_updates": "3",
            "train.save_every": "3",
            "rollout.num_groups": "8",
            "env.kwargs": "{pushes = 2}",
            "env.num_tasks": "4",
            "warmstart.slip": "0.3",
            "plan.name": "tree",
            "plan.roots": "2",
            "plan.width": "2",
            "plan.turns": "[1]",
            "sampling.steps": '[{name = "replay", max_std = 2.0, max_mean = 1.2}, '
            '{name = "dynamic", max_rounds = 2}]',
            "optim.num_epochs": "2",
        },
    ),
}
WARMSTART = {**SMALL, "warmstart.copy_steps": "6", "warmstart.episodes": "12"}
EVALUATIONS = {
    "expert": ("expert", "8"),
    "random": ("random", "8"),
    "checkpoint": ("ckpt:household_gigpo/checkpoints/update-000002/policy", "4"),
}


def record(folder: Path) -> dict[str, Any]:
    """Run everything; what is equal on every machine stands apart from what is so on one like this."""
    commands = [_command("train", recipe, changes, name) for name, (recipe, changes) in CASES.items()]
    commands.append(["warmstart", "--recipe", "demo", *_sets(WARMSTART), "--out", "warm"])
    for agent, episodes in EVALUATIONS.values():
        commands.append(_evaluation(agent, episodes))
    printed, machine = together(commands, folder)
    results = dict(zip(EVALUATIONS, map(json.loads, printed[-len(EVALUATIONS) :]), strict=True))
    evaluated = {
        name: without_times({key: value for key, value in result.items() if key != "versions"})
        for name, result in results.items()
    }
    here: dict[str, Any] = {name: _run(folder / name) for name in CASES}
    here["warmstart"] = _weights(folder / "warm" / "model.safetensors")
    here["evaluation"] = {"checkpoint": evaluated.pop("checkpoint")}
    return {"machine": machine, "everywhere": {"evaluation": evaluated}, "here": here}


def _command(verb: str, recipe: str, changes: dict[str, str], out: str) -> list[str]:
    return [verb, recipe, *_sets(changes), "--seed", "1", "--out", out]


def _sets(changes: dict[str, str]) -> list[str]:
    return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]


def _evaluation(agent: str, episodes: str) -> list[str]:
    tasks = ["--env", "household/demo-v0", "--split", "unseen", "--episodes", episodes, "--max-turns", "12"]
    return ["eval", *tasks, "--agent", agent, "--json"]


def _run(run: Path) -> dict[str, Any]:
    last = max((run / "checkpoints").glob("update-*"))
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    files = sorted(run.glob("trajectories/*.gz"))
    trajectories = {file.name.split(".")[0]: _played(file) for file in files}
    return {
        "weights": _weights(last / "policy" / "model.safetensors"),
        "log": [without_times(entry) for entry in log],
        "trajectories": trajectories,
    }


def _played(file: Path) -> dict[str, Any]:
    """Return the digest of a file of trajectories, and what was done in each, to see a difference."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        documents = [without_times(json.loads(line)) for line in lines]
    text = "\n".join(json.dumps(document, sort_keys=True) for document in documents)
    done = [
        f"{each['task_seed']} {each['group']}: {' | '.join(turn['action'] for turn in each['turns'])}"
        for each in documents[1:]
    ]
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "done": done}


def _weights(file: Path) -> str:
    """Return the SHA-256 of a safetensors file's tensors in the order of their names."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    digest = hashlib.sha256()
    for name in sorted(name for name in header if name != "__metadata__"):
        tensor = header[name]
        begin, end = tensor["data_offsets"]
        digest.update(f"{name} {tensor['dtype']} {tensor['shape']}\n".encode())
        digest.update(data[begin:end])
    return digest.hexdigest()
