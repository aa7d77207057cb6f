"""Write what was measured: the table, the raw numbers, the picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from cell import Result
from contestants import CONTESTANTS, LEFT_OUT
from lengths import WORTH, Price, prices
from numpy.typing import NDArray

from turnwise.trainers.reports.truth.measures import MEASURES, bounds

__all__ = ["as_json", "as_markdown", "picture", "summary"]

Floats = NDArray[np.float64]
TITLES = {
    "bias": "bias",
    "variance": "variance",
    "sign": "sign right, all turns",
    "sign_clear": "sign right, clear turns",
    "rank": "rank correlation",
    "cosine": "cosine of gradients",
}
BASE = "grpo"
UNBIASED = "unbiased when the policy chooses the length"
FACTS = (
    ("success", "success"),
    ("groups_without_difference", "groups without a difference"),
    ("turns", "turns"),
    ("states", "states"),
    ("rollouts", "rollouts"),
    ("true_rms", "true advantage, rms"),
    ("mean_advantage", "mean measured advantage"),
    ("clear", "clear turns"),
    ("rank_ceiling", "rank ceiling"),
)


def summary(results: Sequence[Result]) -> Floats:
    """Return the mean over cells of every measure, replicate by replicate [1 + resamples, measure, E].

    Cells have the same tasks, and replicate b of each has drawn the same ones.
    """
    mean: Floats = np.mean([result.measures for result in results], axis=0)
    return mean


def as_markdown(results: Sequence[Result], heading: Sequence[str]) -> str:
    """Return the result page: means over cells, each cell, what each estimator was given."""
    labels, mean = results[0].labels, summary(results)
    lines = [*heading, "", "## Means over the cells", ""]
    price = prices()
    lines += _table(
        ["estimator", *TITLES.values(), f"cosine less that of {BASE}", UNBIASED],
        [
            [label, *_shown(mean[:, :, e]), _less_base(mean, labels, e), _verdict(price.get(label))]
            for e, label in enumerate(labels)
        ],
    )
    lines += ["", "Left out: " + "; ".join(f"{name} ({why})" for name, why in LEFT_OUT.items()) + "."]
    lines += ["", *_lengths(price)]
    lines += ["", "## What each was given", ""]
    lines += _table(
        ["estimator", "settings", "beyond the turns"],
        [
            [entry.label, ", ".join(f"{k}={v}" for k, v in entry.params.items()) or "defaults", entry.given]
            for entry in CONTESTANTS
            if entry.label in labels
        ],
    )
    lines += ["", "## The cells", ""]
    names = [_name(result) for result in results]
    lines += _table(
        ["", *names],
        [[title, *(_fact(result.facts[key]) for result in results)] for key, title in FACTS],
    )
    for place, title in enumerate(TITLES.values()):
        rows = [
            [label, *(_interval(result.measures[:, place, e]) for result in results)]
            for e, label in enumerate(labels)
        ]
        lines += ["", f"## {title[0].upper()}{title[1:]}", "", *_table(["estimator", *names], rows)]
    return "\n".join(lines) + "\n"


def _verdict(price: Price | None) -> str:
    return "" if price is None else price.verdict


def _lengths(price: Mapping[str, Price]) -> list[str]:
    """Return the section about one more turn, which is worth WORTH."""
    rows = [[label, f"{one.chosen:.3f}", f"{one.fixed:.3f}", one.verdict] for label, one in price.items()]
    return [
        "## When the policy chooses the length",
        "",
        f"Each turn pays {WORTH:g} for sure; at its first turn an episode stops with probability one half or"
        f" goes on for one more. A(go on) - A(stop) is truly {WORTH:.3f}. Beside it the same where two turns"
        f" are played in any case and one action earns {WORTH:g} more. No: what the second difference"
        " shows, the first does not, so that a turn costs what no reward names.",
        "",
        *_table(["estimator", "length chosen", "length fixed", UNBIASED], rows),
    ]


def _name(result: Result) -> str:
    return f"{result.cell.difficulty}, strength {result.cell.strength:g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _shown(measure_BM: Floats) -> list[str]:
    return [_interval(measure_BM[:, place]) for place in range(measure_BM.shape[1])]


def _interval(values_B: Floats) -> str:
    if np.isnan(values_B[0]):
        return ""
    low, high = bounds(values_B)
    return f"{values_B[0]:.2f} ({low:.2f} to {high:.2f})"


def _less_base(mean: Floats, labels: Sequence[str], estimator: int) -> str:
    cosine_BE = mean[:, MEASURES.index("cosine")]
    if labels[estimator] == BASE:
        return ""
    return _interval(cosine_BE[:, estimator] - cosine_BE[:, labels.index(BASE)])


def _fact(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def as_json(results: Sequence[Result], head: dict[str, Any]) -> str:
    """Return the raw numbers: for each cell and estimator value, low and high of every measure."""
    cells = [
        {
            "cell": asdict(result.cell),
            "facts": {name: round(value, 5) for name, value in result.facts.items()},
            "estimators": {
                label: {
                    name: None
                    if np.isnan(values[0])
                    else [round(float(x), 4) for x in (values[0], *bounds(values))]
                    for name, values in zip(MEASURES, result.measures[:, :, e].T, strict=True)
                }
                for e, label in enumerate(result.labels)
            },
        }
        for result in results
    ]
    return json.dumps({**head, "cells": cells}, indent=1) + "\n"


def picture(results: Sequence[Result], out: Path) -> None:
    """Draw four measures: means over cells with two standard errors, and each cell as a small dot."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    labels, mean = results[0].labels, summary(results)
    order = np.argsort(mean[0, MEASURES.index("cosine")])
    figure, panels = pyplot.subplots(1, 4, figsize=(15, 6.5), sharey=True, constrained_layout=True)
    drawn = ("cosine", "rank", "sign_clear", "bias")
    for panel, name in zip(panels, drawn, strict=True):
        place = MEASURES.index(name)
        for height, estimator in enumerate(order.tolist()):
            values_B = mean[:, place, estimator]
            panel.plot(bounds(values_B), [height, height], color="tab:blue", linewidth=2)
            panel.plot([values_B[0]], [height], "o", color="tab:blue")
            dots = [result.measures[0, place, estimator] for result in results]
            panel.plot(dots, [height] * len(dots), ".", color="0.6", markersize=5, zorder=0)
        panel.set_title(TITLES[name])
        panel.grid(axis="x", alpha=0.3)
    panels[drawn.index("sign_clear")].axvline(0.5, color="0.4", linestyle=":")
    panels[0].set_yticks(range(len(labels)), [labels[estimator] for estimator in order.tolist()])
    figure.suptitle("Credit against the truth: means over cells (dots), two bootstrap standard errors")
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
