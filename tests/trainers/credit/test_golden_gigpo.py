"""GiGPO and the episode estimators against the authors' own functions, recomputed in float64.

How the parameters of the golden files map to ours:

| golden                                    | ours                                          |
|-------------------------------------------|-----------------------------------------------|
| mode "mean_norm" / "mean_std_norm"        | mode "mean" / "mean_std"                      |
| gamma, epsilon                            | gamma, epsilon                                |
| step_advantage_w                          | step_weight                                   |
| enable_similarity false                   | similarity None                               |
| enable_similarity true, similarity_thresh | similarity = the threshold                    |
| compute_mean_std_cross_steps true / false | statistics "turns" / "trajectories"           |
| invalid_action_penalty_coef               | invalid_penalty                               |
| valid (column)                            | valid                                         |
| estimators: estimator                     | the name of the estimator, statistics "turns" |

`expected` is float64 and must match to 1e-8; `expected_f32` is the shipped float32
code and must match to 1e-4 wherever it is not marked as noise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
GIGPO = json.loads((GOLDEN / "gigpo.json").read_text())["cases"]
ESTIMATORS = json.loads((GOLDEN / "estimators.json").read_text())["cases"]
MODES = {"mean_norm": "mean", "mean_std_norm": "mean_std"}


def settings(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "mode": MODES[params["mode"]],
        "gamma": params["gamma"],
        "epsilon": params["epsilon"],
        "step_weight": params["step_advantage_w"],
        "similarity": params["similarity_thresh"] if params["enable_similarity"] else None,
        "statistics": "turns" if params["compute_mean_std_cross_steps"] else "trajectories",
        "invalid_penalty": params["invalid_action_penalty_coef"],
    }


@pytest.mark.parametrize("case", GIGPO, ids=lambda case: case["name"])
def test_gigpo_equals_the_authors(case: dict[str, Any], golden: Any) -> None:
    result = credit.get("gigpo")(golden.table(case), **settings(case["params"]))
    for name, expected in case["expected"].items():
        ours = result.advantage if name == "advantage" else result.parts[name]
        np.testing.assert_allclose(ours, golden.flat(expected), rtol=1e-8, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(
    "case", [case for case in GIGPO if not case["float32_sensitive"]], ids=lambda case: case["name"]
)
def test_gigpo_is_near_the_shipped_float32(case: dict[str, Any], golden: Any) -> None:
    result = credit.gigpo(golden.table(case), **settings(case["params"]))
    np.testing.assert_allclose(result.advantage, golden.flat(case["expected_f32"]["advantage"]), atol=1e-4)


def test_one_case_is_noise_in_float32_and_zero_here(golden: Any) -> None:
    (case,) = [case for case in GIGPO if case["float32_sensitive"]]
    result = credit.gigpo(golden.table(case), **settings(case["params"]))
    noise = golden.flat(case["expected_f32"]["advantage"]) - result.advantage
    assert np.abs(noise).max() > 0.6
    dead = np.abs(golden.flat(case["expected"]["advantage"])) < 1e-8
    assert dead.any()
    assert np.all(result.advantage[dead] == 0.0)


@pytest.mark.parametrize("case", ESTIMATORS, ids=lambda case: case["name"])
def test_episode_estimators_equal_the_authors(case: dict[str, Any], golden: Any) -> None:
    params = case["params"]
    assert params["compute_mean_std_cross_steps"]
    table = golden.table(case)
    # RLOO and Dr. GRPO divide by nothing; REINFORCE++ whitens over 2 tokens a turn, with its own epsilon
    own = {"epsilon": params["epsilon"]} if params["estimator"] == "grpo" else {}
    if params["estimator"] == "reinforce_pp_baseline":
        table = table.with_columns(num_tokens=np.full(len(table), 2))
    result = credit.get(params["estimator"])(table, statistics="turns", **own)
    np.testing.assert_allclose(
        result.advantage, golden.flat(case["expected"]["advantage"]), rtol=1e-8, atol=1e-8
    )
