"""A training whose episodes play while the learner works, beside the same one in turn, in one process.

The model that samples is a copy of the learner's, and both are on one device: whether that gains anything is
the question. The first update, in which kernels are loaded and the pipe fills, is in no mean of times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from record import Finding
from trained import asked, chat_model, deterministic
from updates import ages, tokens_a_second, told
from work import Scale, emptied

from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

Mode = Literal["sync", "async"]
_NAMES: dict[Mode, str] = {"sync": "in turn", "async": "played ahead"}
_AHEAD = 1  # updates


def ahead(scale: Scale) -> Iterator[Finding]:
    """Train in turn and ahead by the same recipe; tell times, shares, ages of tokens and throughput."""
    speeds = []
    with TemporaryDirectory() as folder, deterministic():
        size = scale.training
        checkpoint = chat_model(Path(folder) / "model", width=size.width, layers=size.layers)
        for mode in _NAMES:
            with emptied(scale.device):
                train(_recipe(scale, checkpoint, mode), Path(folder) / mode)
            updates = [entry for entry in read_log(Path(folder) / mode) if entry["kind"] == "update"]
            yield from told(_NAMES[mode], updates, size.updates)
            speeds.append(tokens_a_second(updates[1:]))
    yield from ages(updates, _AHEAD)
    yield Finding("ahead", "throughput by that in turn", speeds[1] / speeds[0], "times")


def _recipe(scale: Scale, checkpoint: Path, mode: Mode) -> Recipe:
    size = scale.training
    return asked(
        checkpoint,
        {
            "policy": {"dtype": "bfloat16"},
            "rollout": {
                "num_groups": size.groups,
                "group_size": size.members,
                "max_turns": size.turns,
                "max_tokens": size.said,
                "max_episode_tokens": 1024,
                "slots": (1 + _AHEAD) * size.groups * size.members,
                "deterministic": False,
            },
            "loss": {"off_policy": "truncate", "entropy_coef": 0.001},
            "optim": {"old_logprobs": "recompute", "learning_rate": 1e-6, "skip_idle": False},
            "train": {
                "mode": mode,
                "max_staleness": _AHEAD,
                "num_updates": size.updates,
                "save_every": size.updates,
            },
            "log": {"trajectories": "none"},
        },
    )
