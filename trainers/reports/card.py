"""The card of a model that was trained: base and licence, results with intervals, the recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import CheckpointError
from ...files import read_json
from ...shown import interval, percent, visible
from ..recipe import Recipe, dump
from ..rollouts.mixture import names_of
from ..sections import ServerSection
from .report import summarise

_MOST_STEPS = 8  # from a warm start to what it began with
_CARD_BYTES = 65_536


def model_card(run: Path, checkpoint: Path, recipe: Recipe, remark: str = "") -> str:
    """Return README.md of an exported model.

    Args:
        run: the folder of the run.
        checkpoint: the folder of weights that is exported.
        recipe: what the run was asked for; its server is left out.
        remark: what else a user of it has to know.
    """
    base = base_of(recipe)
    front = front_matter(Path(base))
    named, licence = front.get("base_model") or base, front.get("license")
    facts = {"base_model": named, "license": licence or "other", "library_name": "transformers"}
    if Path(named).exists():  # of this machine, which says nothing elsewhere
        del facts["base_model"]
        named = Path(named).resolve().name
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in facts.items())]
    lines += [
        "tags:",
        "- turnwise",
        "- reinforcement-learning",
        "---",
        f"# {visible(run.resolve().name)}",
        "",
    ]
    world, known = (
        visible(str(names_of(recipe.env))),
        visible(licence or "not known here; see the base's page"),
    )
    lines += [
        f"An agent for {world}, trained by turnwise {__version__} from {visible(named)}.",
        "",
        f"Licence of the base: {known}.",
        f"Weights: {checkpoint.parent.name}, {recipe.policy.dtype}. How it was asked stands in `agent.json`.",
        *([f"{remark}."] if remark else []),
        "",
        *_results(summarise(run)),
        "## Recipe",
        "",
        "```toml",
        visible(dump(replace(recipe, server=ServerSection()))).rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def base_of(recipe: Recipe) -> str:
    """Return the model that a run goes back to, past the warm starts before it that are still there."""
    named = recipe.policy.checkpoint or recipe.warmstart.base
    for _ in range(_MOST_STEPS):
        file = Path(named) / "warmstart.json"
        try:
            before = read_json(file).get("base") if file.is_file() else None
        except CheckpointError:
            break
        if not isinstance(before, str) or not before:
            break
        named = before
    return named


def front_matter(folder: Path) -> dict[str, str]:
    """Return the plain values at the top of the README.md beside a model; {} where there is none."""
    file = folder / "README.md"
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8", errors="replace") as opened:
        parts = opened.read(_CARD_BYTES).split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    pairs = (line.partition(":") for line in parts[1].splitlines() if not line.startswith((" ", "-")))
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs if value.strip()}


def _results(figures: dict[str, Any]) -> list[str]:
    lines = ["## Results", ""]
    points = [
        (name, figures[key])
        for name, key in (
            ("before training", "before"),
            ("of these weights, which were chosen by it", "chosen"),
            ("at the end of training", "last"),
        )
        if key in figures
    ]
    if not points:
        return [*lines, "Nothing was evaluated.", ""]
    lines += ["| on tasks held out | success | 95 % interval | return |", "|---|---|---|---|"]
    for name, point in points:
        between, reward = interval(point["ci_low"], point["ci_high"]), point["reward"]
        shown = "-" if reward is None else f"{reward:.4g}"
        lines.append(f"| {name} | {percent(point['success_rate'])} | {between} | {shown} |")
    lines += [
        "",
        f"{figures['num_updates']} updates, {figures.get('num_tokens') or 0} tokens said in training.",
    ]
    if best := figures.get("best"):
        chosen = f"The best checkpoint, after update {best['update']}, was chosen on these tasks"
        lines += ["", f"{chosen} ({percent(best['success_rate'])}); measure it on others."]
    return [*lines, ""]
