"""RiskPO with quantiles that follow the scores from batch to batch.

Shapes: _P papers (one trajectory of each task of a bundle).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...table.columns import FloatArray
from ...table.table import TurnTable
from .risk_po import Levels, Papers, credit_of


@register(
    "risk_po_tracked",
    state={"levels": [], "quantiles": []},
    source=Source(
        "RiskPO: risk-based policy optimization via verifiable reward",
        "arXiv 2510.00911",
        how="the steps of the quantiles, and the advantages with them",
        note="in the release the tracked quantiles are computed and do not reach the next batch's "
        "advantages, which take those of each bundle; here they do. Two levels are followed, the release's "
        "19 are independent of each other. Equal scores in a bundle give exactly 0",
    ),
)
def risk_po_tracked(
    table: TurnTable,
    state: dict[str, Any],
    *,
    lower: float = 0.2,
    upper: float = 0.9,
    mix: float = 1.5,
    bundle: int = 1,
    assign: Literal["std", "uniform", "score"] = "std",
    scale: bool = True,
    rate: float = 0.1,
    among: Literal["track", "mix"] = "track",
    epsilon: float = 1e-6,
) -> tuple[Credit, dict[str, Any]]:
    """Give credit as `risk_po` does, by quantiles of all batches so far instead of each bundle's own.

    RiskPO, arXiv 2510.00911. The first batch takes each bundle's own quantiles, and leaves those of
    all its papers; from then on a quantile of level a moves by rate x (a - the share of papers
    below it) after each batch.

    Args:
        table: the batch; needs no column beyond the required.
        state: the quantiles so far, at the two levels.
        lower: the lower level.
        upper: the upper level.
        mix: the weight of the tail below the lower quantile; 0 leaves it out.
        bundle: how many prompt groups make a bundle, in the order of the batch.
        assign: what a trajectory has of its paper's, as in `risk_po`.
        scale: whether papers are divided by the deviation of their bundle.
        rate: of the quantiles' steps.
        among: the quantiles so far alone ("track"), or their mean with the bundle's own ("mix").
        epsilon: added to divisors.

    Returns:
        as `risk_po`; figures lower and upper besides, the quantiles from here on. And the state.

    Raises:
        UsageError: as `risk_po`, and unless rate is above 0.
    """
    check_choice("among", among, ("track", "mix"))
    if rate <= 0.0:
        raise UsageError(f"risk_po_tracked: rate={rate!r}; expected a number above 0")
    levels = Levels("risk_po_tracked", lower, upper, mix, bundle, assign, scale, epsilon)
    papers = Papers.of(table, bundle)
    known = state["quantiles"] if state["levels"] == [lower, upper] else []
    pairs = [papers.quantile(level)[papers.bundle_P] for level in (lower, upper)]
    for place, quantile in enumerate(known):
        given_P = np.full(len(papers.score_P), quantile)
        pairs[place] = given_P if among == "track" else (given_P + pairs[place]) / 2.0
    credit = credit_of(table, papers, pairs[0], pairs[1], levels)
    quantiles = _moved(papers.score_P, known, (lower, upper), rate)
    figures = {**credit.figures, **dict(zip(("lower", "upper"), quantiles, strict=False))}
    return replace(credit, figures=figures), {"levels": [lower, upper], "quantiles": quantiles}


def _moved(score_P: FloatArray, known: list[float], levels: tuple[float, float], rate: float) -> list[float]:
    """Return the quantiles after a batch."""
    if not score_P.size:
        return known
    if not known:
        return [float(np.quantile(score_P, level)) for level in levels]
    pairs = zip(known, levels, strict=True)
    return [quantile + rate * (level - float(np.mean(score_P < quantile))) for quantile, level in pairs]
