"""HGPO, GraphGPO, G2PO, HAE and bi-level GAE against the authors' functions, recomputed in float64.

How the parameters of the golden files map to ours:

| golden                                  | ours                                                    |
|-----------------------------------------|---------------------------------------------------------|
| mode "mean_norm" / "mean_std_norm"      | mode "mean" / "mean_std"                                |
| gamma, epsilon                          | gamma, epsilon                                          |
| step_advantage_w, episode_advantage_w   | step_weight, episode_weight                             |
| invalid_action_penalty_coef             | invalid_penalty                                         |
| hgpo: history_length                    | history                                                 |
| hgpo: length_weight_alpha               | alpha (weights "released")                              |
| hgpo: base_group                        | base_group                                              |
| graphgpo: normalize_distance            | normalize_distance                                      |
| graphgpo: final_obs                     | next_state_key of the last turn; a return above 0 means |
|                                         | solved, so the turn ends in the goal                    |
| g2po: gamma_fixed, success_reward       | gamma, success_reward                                   |
| hae: norm_adv                           | normalize                                               |
| hae: done_last true / false             | end "terminated" / "horizon"                            |
| hae: the other parameters               | the same names                                          |
| bilevel_gae: reward, value, mask, gamma,| the arguments of that name; turn_end None (the release  |
|   lam, high_level_gamma                 | takes a reward of 0 for no turn)                        |

All must match to 1e-8; HGPO's shipped float32 values to 1e-4.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
MODES = {"mean_norm": "mean", "mean_std_norm": "mean_std"}
TOLERANCE = {"rtol": 1e-8, "atol": 1e-8}


def cases(name: str) -> Any:
    return pytest.mark.parametrize(
        "case", json.loads((GOLDEN / f"{name}.json").read_text())["cases"], ids=lambda case: case["name"]
    )


@cases("hgpo")
def test_hgpo_equals_the_authors(case: dict[str, Any], golden: Any) -> None:
    params = case["params"]
    result = credit.get("hgpo")(
        golden.table(case),
        mode=MODES[params["mode"]],
        gamma=params["gamma"],
        epsilon=params["epsilon"],
        history=params["history_length"],
        alpha=params["length_weight_alpha"],
        base_group=params["base_group"],
        invalid_penalty=params["invalid_action_penalty_coef"],
    )
    for name, expected in case["expected"].items():
        ours = result.advantage if name == "advantage" else result.parts[name]
        np.testing.assert_allclose(ours, golden.flat(expected), err_msg=name, **TOLERANCE)


@cases("graphgpo")
def test_graphgpo_equals_the_authors(case: dict[str, Any], golden: Any) -> None:
    params = case["params"]
    result = credit.get("graphgpo")(
        golden.table(case),
        mode=MODES[params["mode"]],
        gamma=params["gamma"],
        epsilon=params["epsilon"],
        normalize_distance=params["normalize_distance"],
        step_weight=params["step_advantage_w"],
        episode_weight=params["episode_advantage_w"],
    )
    np.testing.assert_allclose(result.advantage, golden.flat(case["expected"]["advantage"]), **TOLERANCE)
    np.testing.assert_allclose(
        result.parts["step_return"], golden.flat(case["expected"]["step_return"]), **TOLERANCE
    )


@cases("g2po")
def test_g2po_equals_the_authors(case: dict[str, Any], golden: Any) -> None:
    params = case["params"]
    result = credit.get("g2po")(
        golden.table(case),
        mode=MODES[params["mode"]],
        epsilon=params["epsilon"],
        step_weight=params["step_advantage_w"],
        invalid_penalty=params["invalid_action_penalty_coef"],
        gamma=params["gamma_fixed"],
        success_reward=params["success_reward"],
    )
    for name, expected in case["expected"].items():
        ours = result.advantage if name == "advantage" else result.parts[name]
        np.testing.assert_allclose(ours, golden.flat(expected), err_msg=name, **TOLERANCE)


def hae_table(case: dict[str, Any]) -> credit.TurnTable:
    paths = case["trajectories"]

    def flat(name: str) -> list[Any]:
        return [value for path in paths for value in path[name]]

    turns = [len(path["rewards"]) for path in paths]
    return credit.TurnTable.from_columns(
        group=["g"] * sum(turns),
        trajectory=[path["traj"] for path, num in zip(paths, turns, strict=True) for _ in range(num)],
        reward=flat("rewards"),
        end=[
            "terminated" if path["done_last"] else "horizon"
            for path, num in zip(paths, turns, strict=True)
            for _ in range(num)
        ],
        **{name: flat(name) for name in ("valid", "switch", "v_low", "v_high", "v_term")},
    )


@cases("hae")
def test_hae_equals_the_authors(case: dict[str, Any], golden: Any) -> None:
    params = dict(case["params"])
    params["normalize"] = params.pop("norm_adv")
    params["invalid_penalty"] = params.pop("invalid_action_penalty_coef")
    result = credit.get("hae")(hae_table(case), **params)
    assert result.spans is not None
    assert result.targets is not None
    ours = {
        "adv_action": result.spans["action"],
        "adv_subgoal": result.spans["subgoal"],
        "adv_switch": result.spans["switch"],
        "ret_low": result.targets["low"],
        "ret_high": result.targets["high"],
        "ret_term": result.targets["term"],
    }
    for name, expected in case["expected"].items():
        np.testing.assert_allclose(ours[name], golden.flat(expected), err_msg=name, **TOLERANCE)
    np.testing.assert_array_equal(result.advantage, result.spans["action"])


@cases("bilevel_gae")
def test_bilevel_gae_equals_the_authors(case: dict[str, Any]) -> None:
    data = case["data"]
    advantage, returns = credit.bilevel_gae(
        data["reward"], data["value"], data["mask"], data["gamma"], data["lam"], data["high_level_gamma"]
    )
    np.testing.assert_allclose(advantage, case["expected"]["advantage_unwhitened"], **TOLERANCE)
    np.testing.assert_allclose(returns, case["expected"]["returns"], **TOLERANCE)
