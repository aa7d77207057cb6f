"""Plant three bad runs, to see whether their pages say why they failed.

    python benchmarks/view/planted.py [--out runs/planted]
    turnwise view runs/planted

Each trains a tiny policy for a dozen updates on a lamp whose colour names the button to push. In `silent`
the reward is never given: the world compares what was done with a text that nobody can say. In `leaping`
a policy that was cloned from an expert learns at a rate far too large, and collapses. In `unread` one is
asked for tags that it has never seen, and the parser rejects what it says. Runs that are there are kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from turnwise.trainers.recipe import from_tables
from turnwise.trainers.runs.folder import is_run
from turnwise.trainers.train import train

WORLDS = Path(__file__).resolve().with_name("lamps.py")
BASE: dict[str, dict[str, Any]] = {
    "policy": {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 2,
        "num_kv_heads": 2,
        "intermediate_size": 64,
        "context_tokens": 256,
    },
    "warmstart": {"teacher": "none"},
    "rollout": {
        "num_groups": 8,
        "group_size": 8,
        "max_turns": 4,
        "max_tokens": 12,
        "max_episode_tokens": 256,
        "constraint": "admissible",
    },
    "credit": {"name": "gigpo"},
    "optim": {"learning_rate": 3e-3, "num_minibatches": 2},
    "train": {"num_updates": 12, "save_every": 12},
    "eval": {"every": 0, "episodes": 32},
    "log": {"trajectories": "sampled", "sampled": 16, "console": False},
}
PLANTED: dict[str, dict[str, dict[str, Any]]] = {
    "silent": {"env": {"id": f"{WORLDS}:Deaf"}},
    "leaping": {
        "env": {"id": f"{WORLDS}:Lamp"},
        "warmstart": {"teacher": "expert", "episodes": 40, "max_steps": 60},
        "optim": {"learning_rate": 1.0, "max_grad_norm": 1e3, "spike_limit": 1e9, "mismatch_limit": 1e9},
    },
    "unread": {
        "env": {"id": f"{WORLDS}:Lamp"},
        "prompt": {"style": "tags"},
        "rollout": {"constraint": "none"},
    },
}


def plant(folder: Path) -> None:
    """Make the runs that are not there."""
    for name, changes in PLANTED.items():
        where = folder / name
        if is_run(where):
            continue
        tables = {section: dict(values) for section, values in BASE.items()}
        for section, values in changes.items():
            tables[section] = {**tables.get(section, {}), **values}
        train(from_tables(tables), where)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/planted"))
    plant(parser.parse_args().out)


if __name__ == "__main__":
    main()
