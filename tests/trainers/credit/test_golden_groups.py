"""Groups and trees against the authors' own functions, in float64.

How the parameters of the golden files map to ours stands in the files: `params` are ours; how they were
made says tests/golden/README.md. A group of one keeps its score in several releases and gives 0 here:
the batches have none.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.trainers import losses
from turnwise.trainers.rewards import unlikely

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
NEAR: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-8}


def cases(*names: str) -> list[Any]:
    """Return the cases of files, each with its file's name."""
    return [
        pytest.param(name, case, id=f"{name} {case['name']}")
        for name in names
        for case in json.loads((GOLDEN / f"{name}.json").read_text())["cases"]
        if case["params"].get("method") != "loss"
    ]


def table(case: dict[str, Any]) -> TurnTable:
    """Build the table: the rows of the file, each a trajectory."""
    columns = {key: case[key] for key in ("num_tokens", "entropy", "logprob", "second") if key in case}
    names = range(len(case["group"]))
    return TurnTable.from_columns(group=case["group"], trajectory=names, reward=case["returns"], **columns)


@pytest.mark.parametrize(("name", "case"), cases("opmd", "canon", "bnpo", "risk_po", "gdpo"))
def test_a_method_equals_its_authors(name: str, case: dict[str, Any]) -> None:
    params = dict(case["params"])
    more = {"rewards": ["reward", "second"]} if name == "gdpo" else {}
    result = credit.get(params.pop("method", name))(table(case), **params, **more)
    np.testing.assert_allclose(result.advantage, case["expected"], **NEAR)


@pytest.mark.parametrize(("name", "case"), cases("unlikely"))
def test_unlikely_rewards_normalise_to_the_authors_advantages(name: str, case: dict[str, Any]) -> None:
    changed = unlikely(table(case), **case["params"])
    np.testing.assert_allclose(credit.grpo(changed, epsilon=1e-6).advantage, case["expected"], **NEAR)


@pytest.mark.parametrize(("name", "case"), cases("spo_tree"))
def test_segments_of_a_tree_equal_the_authors_edges(name: str, case: dict[str, Any]) -> None:
    """Every segment of the file is played as two turns; the first path through a segment sampled it."""
    sampler: dict[str, int] = {}
    rows = [
        {
            "trajectory": path,
            "sampled_by": sampler.setdefault(segment, path),
            "segment": segment,
        }
        for path, played in enumerate(case["paths"])
        for segment in played["segments"]
        for _ in range(2)
    ]
    outcome = [played["return"] for played in case["paths"]]
    ends = [here["trajectory"] != after["trajectory"] for here, after in pairwise(rows)]
    made = TurnTable.from_columns(
        group=["g"] * len(rows),
        trajectory=[row["trajectory"] for row in rows],
        reward=[end * outcome[row["trajectory"]] for row, end in zip(rows, [*ends, True], strict=True)],
        sampled_by=[row["sampled_by"] for row in rows],
    )
    result = credit.get("spo_tree")(made, **case["params"])
    expected = np.array([case["expected"][row["segment"]] for row in rows])
    np.testing.assert_allclose(result.advantage, expected[:, 0], **NEAR)
    np.testing.assert_allclose(result.parts["value"], expected[:, 1], **NEAR)


def test_the_loss_of_opmd_and_its_gradient_equal_the_authors() -> None:
    for case in json.loads((GOLDEN / "opmd.json").read_text())["cases"]:
        if case["params"]["method"] == "loss":
            logp = torch.tensor(case["logp"], dtype=torch.float64, requires_grad=True)
            advantage = torch.tensor(case["advantage"], dtype=torch.float64)
            terms = losses.get("opmd")(torch.ones_like(logp), advantage, logp, tau=case["params"]["tau"])
            terms.loss_N.mean().backward()
            np.testing.assert_allclose(terms.loss_N.mean().item(), case["expected"][0], **NEAR)
            assert logp.grad is not None
            np.testing.assert_allclose(logp.grad.numpy(), case["gradient"], **NEAR)
