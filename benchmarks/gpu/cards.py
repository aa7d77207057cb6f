"""Compute which recipe fits which card, as `turnwise fit` does, and print it as a table.

    python benchmarks/gpu/cards.py

Recipes that need the same are one row; docs/gpu.md says what the columns are.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnwise.trainers.fit.needs import GIB, Estimate, estimate, model_of
from turnwise.trainers.fit.passes import Model
from turnwise.trainers.recipe import load, shipped
from turnwise.trainers.sections import PolicySection

CARDS = (16, 24, 32, 40, 48, 80, 141)
LEAN = ("rollout.slots=32", "optim.micro_tokens=8192")
ADAPTER = "policy.lora_rank=16"
WAYS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "lean": LEAN,
    "lean, offload": (*LEAN, "optim.adam=offload"),
    "lean, LoRA": (*LEAN, ADAPTER),
}
"""Settings on top of a recipe, by the name of their column."""


def computed() -> str:
    """Return the table."""
    rows: dict[tuple[str, ...], list[str]] = {}
    models: dict[PolicySection, Model] = {}
    for name in shipped():
        if (cells := _cells(name, models)) is not None:
            rows.setdefault(cells, []).append(f"`{name}`")
    return "".join(f"{line}\n" for line in _lines(rows))


def _lines(rows: dict[tuple[str, ...], list[str]]) -> Iterator[str]:
    yield f"| recipe | model | {' | '.join(WAYS)} |"
    yield f"|---|---|{'---|' * len(WAYS)}"
    for (model, *cells), names in rows.items():
        yield f"| {', '.join(names)} | {model} | {' | '.join(cells)} |"


def _cells(name: str, models: dict[PolicySection, Model]) -> tuple[str, ...] | None:
    """Return the row of a recipe; None where its model is not one that is published."""
    first = load(name)
    if first.policy.kind != "transformers" or not first.policy.checkpoint.startswith("Qwen/"):
        return None
    found = []
    for changes in WAYS.values():
        recipe = load(name, list(changes))
        if recipe.policy not in models:
            models[recipe.policy] = model_of(recipe)
        found.append(_shown(estimate(recipe, models[recipe.policy])))
    return first.policy.checkpoint.removeprefix("Qwen/").removesuffix("-Instruct"), *found


def _shown(found: Estimate) -> str:
    card = next((str(size) for size in CARDS if found.most <= size * GIB), "none")
    return f"{found.update / GIB:.0f} and {found.rollout / GIB:.0f}: **{card}**"


if __name__ == "__main__":
    print(computed(), end="")
