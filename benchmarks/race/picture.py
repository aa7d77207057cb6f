"""The race as one picture: what each method came to, and how it got there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

ROW, HEAD, WIDTH = 0.2, 1.6, 13.0  # inches


def draw(laps: list[dict[str, Any]], seconds: float, file: Path) -> None:
    """Draw a row for each method: held-out success with its interval, and the curve of training.

    Args:
        laps: the best first, what failed last.
        seconds: of processor time that each had.
        file: the picture.
    """
    curved = [lap for lap in laps if lap["curve"]]
    panels = 2 if 2 * len(curved) > len(laps) else 1  # curves of a few tell nothing of the others
    figure, axes = pyplot.subplots(
        1, panels, figsize=(WIDTH, HEAD + ROW * len(laps)), layout="constrained", squeeze=False,
        width_ratios=[2, 1][:panels],
    )  # fmt: skip
    left = axes[0, 0]
    for row, lap in enumerate(laps):
        if lap["error"]:
            left.text(
                1, row, f"failed: {lap['error'].partition(';')[0]}", va="center", fontsize=6, color="tab:red"
            )
            continue
        held_out = lap["held_out"]
        left.plot([100 * held_out["low"], 100 * held_out["high"]], [row, row], color="silver", lw=3)
        left.plot(100 * held_out["success"], row, "o", color="tab:blue", ms=4)
    left.set(xlim=(0, 100), ylim=(len(laps) - 0.5, -0.5), xlabel="held-out tasks solved, %")
    left.set_yticks(range(len(laps)), [lap["recipe"] for lap in laps], fontsize=7)
    left.grid(axis="x", alpha=0.3)
    if panels == 2:
        _curves(axes[0, 1], curved, seconds)
    figure.suptitle(
        f"Exploratory: {seconds:g} processor seconds each on the household demo, one seed, one learning rate"
    )
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _curves(axes: Any, laps: list[dict[str, Any]], seconds: float) -> None:
    """Draw the success of each update's episodes, the mean of three at a time."""
    colours = matplotlib.colormaps["turbo"]
    for place, lap in enumerate(laps):
        times, rates = zip(*lap["curve"], strict=True)
        means = [sum(rates[max(0, end - 3) : end]) / min(3, end) for end in range(1, len(rates) + 1)]
        colour = colours(place / max(1, len(laps) - 1))
        axes.plot(times, [100 * mean for mean in means], color=colour, lw=1, alpha=0.7)
    axes.set(xlim=(0, seconds), ylim=(0, 100), xlabel="processor seconds", ylabel="training tasks solved, %")
    axes.set_title("by update; colours from the first row (blue) to the last (red)", fontsize=8)
    axes.grid(alpha=0.3)
