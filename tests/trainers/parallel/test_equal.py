"""Several ranks learn what one process learns.

1. Loss, gradient norm, every other figure of the log, and the weights are those of one process: with padding,
   uneven batches of which a rank may get nothing, several mini-batches, clipped gradients, adapters,
   references, heads in pieces, and losses that see whole groups.
2. So are logprobs, and what value heads say and learn.
3. What one number of ranks has saved, another goes on from.
4. Weights of 16 bits move by copies in float32 as in one process.
5. A step that would spoil the weights is refused by all, and they go on.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cases import CASES, LOOSE, SIZES, alone, at_length, batches, flat, load, policy_in, recipe_of, together
from small_models import qwen2

from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import TrainingError
from turnwise.trainers.credit import Credit, Head
from turnwise.trainers.learner.config import CriticConfig
from turnwise.trainers.learner.critic import Critic
from turnwise.trainers.parallel.group import Ranks
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.runs import checkpoint

NUM_UPDATES = int(os.environ.get("TURNWISE_LEARNER_UPDATES", "3"))


@pytest.mark.parametrize("name", CASES)
def test_ranks_learn_what_one_process_learns(name: str, group: Ranks, tmp_path: Path) -> None:
    recipe, policy = recipe_of(name), policy_in(tmp_path / "policy", name)
    model, face = load(recipe, policy), load(recipe, policy)
    before = flat(model)
    one, several = alone(recipe, policy, model), together(group, recipe, policy, face)
    one.total_updates = several.total_updates = 20  # as where a run is limited while it goes on
    worst = 0.0
    for batch, advantage_N in batches(model, NUM_UPDATES):
        expected = one.update(batch, advantage_N)
        found = several.update(batch, advantage_N)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
        apart = np.abs(flat(face) - flat(model)).max()
        worst = max(worst, float(apart))
        np.testing.assert_allclose(several.logprobs(batch), one.logprobs(batch), atol=2e-6)
    assert worst < 1e-6
    assert np.abs(flat(model) - before).max() > 1e-4, "nothing was learned"
    _write(f"| {group.world} | {name} | {NUM_UPDATES} | {worst:.1e} |")


def episodes(num: int) -> list[Trajectory]:
    """Return conversations of two turns and several lengths, which were cut off."""
    rng, made = np.random.default_rng(num), []
    for _ in range(num):
        prompt, turns = tuple(rng.integers(5, 200, size=rng.integers(3, 20)).tolist()), []
        for index in range(2):
            tokens = tuple(rng.integers(5, 200, size=4).tolist())
            generation = Generation("", prompt, tokens, (0.0,) * 4)
            turns.append(Turn(index, "", "", "", 0.0, "", generation=generation))
            prompt = (*prompt, *tokens, 9)
        made.append(Trajectory("e", "t", 0, "g", tuple(turns), "horizon", final_prompt_ids=prompt))
    return made


def test_value_heads_learn_what_those_of_one_process_learn(group: Ranks, tmp_path: Path) -> None:
    recipe, policy = recipe_of("tiny"), policy_in(tmp_path / "policy", "tiny")
    model, face = load(recipe, policy), load(recipe, policy)
    heads = [Head("value", "prompt", "value", beyond=True), Head("words", "tokens", "words")]
    one = alone(recipe, policy, model, Critic(SIZES.hidden_size, heads, CriticConfig(), max_tokens=20))
    critic = Critic(SIZES.hidden_size, heads, CriticConfig(), max_tokens=20)
    several = together(group, recipe, policy, face, critic=critic)
    for number, (batch, advantage_N) in enumerate(batches(model, NUM_UPDATES)):
        played = episodes(1 + 3 * (number % 2))
        drawn = np.random.default_rng(number).normal(size=8 * len(played))
        credit = Credit(
            np.zeros(2 * len(played)), targets={"value": drawn[: 2 * len(played)], "words": drawn}
        )
        figures = []
        for learner in (one, several):
            states = learner.read(played)
            assert states is not None
            assert learner.critic is not None
            columns = learner.critic.columns(states)
            flat_values = [np.concatenate(list(map(np.atleast_1d, column))) for column in columns.values()]
            figures.append((columns.keys(), np.concatenate(flat_values), learner.critic.fit(states, credit)))
            learner.update(batch, advantage_N)
        (names, values, expected), (names_again, values_again, found) = figures
        assert names == names_again == {"value", "next_value", "words"}
        np.testing.assert_allclose(values_again, values, atol=1e-5)
        assert found == pytest.approx(expected, abs=1e-5)
    assert several.state_dict()["critic"].keys() == one.state_dict()["critic"].keys()


def _save(root: Path, learner: Any, face: Any) -> checkpoint.Saved:
    """Write a checkpoint as a run does."""
    folder = checkpoint.save(
        root,
        learner.num_updates,
        state={},
        learner={"learner": learner.state_dict()},
        save_policy=face.save,
        keep=9,
    )
    return checkpoint.load(folder)


@pytest.mark.parametrize("name", ["clipped", pytest.param("adapter", marks=at_length)])
def test_any_number_of_ranks_goes_on_from_any_other(name: str, group: Ranks, tmp_path: Path) -> None:
    recipe, policy = recipe_of(name), policy_in(tmp_path / "policy", name)
    model, face = load(recipe, policy), load(recipe, policy)
    (first, second) = batches(model, 2)
    straight = alone(recipe, policy, model)
    straight.update(*first)
    from_one = _save(tmp_path / "one", straight, model)
    several = together(group, recipe, policy, face)
    several.update(*first)
    from_several = _save(tmp_path / "several", several, face)
    straight.update(*second)
    for saved in (from_one, from_several):
        model_again = load(recipe, str(saved.policy))
        again = alone(recipe, policy, model_again)
        again.load_state_dict(saved.learner["learner"])
        again.update(*second)
        np.testing.assert_allclose(flat(model_again), flat(model), atol=1e-6, rtol=0)
        face_again = load(recipe, str(saved.policy))
        several = together(group, recipe, policy, face_again, saved)
        several.update(*second)
        np.testing.assert_allclose(flat(face_again), flat(model), atol=1e-6, rtol=0)
        moments = several.state_dict()["optimizer"]["state"]
        expected = straight.state_dict()["optimizer"]["state"]
        for number, values in expected.items():
            for key in ("step", "exp_avg", "exp_avg_sq"):
                torch.testing.assert_close(moments[number][key], values[key], atol=1e-8, rtol=1e-6)


def test_weights_of_16_bits_move_by_copies(group: Ranks, tmp_path: Path) -> None:
    qwen2(torch.bfloat16).save(tmp_path / "policy")
    policy = str(tmp_path / "policy")
    recipe = from_tables(
        {
            "policy": {"kind": "transformers", "dtype": "bfloat16"},
            "optim": {**LOOSE, "learning_rate": 1e-5, "adam_epsilon": 1e-4},
        }
    )
    model, face = load(recipe, policy), load(recipe, policy)
    one, several = alone(recipe, policy, model), together(group, recipe, policy, face)
    before = several.state_dict()["copies"]
    for batch, advantage_N in batches(model, 2):
        one.update(batch, advantage_N)
        several.update(batch, advantage_N)
    expected, found = one.state_dict()["copies"], several.state_dict()["copies"]
    moved = torch.cat([(a - b).flatten() for a, b in zip(found, before, strict=True)])
    wanted = torch.cat([(a - b).flatten() for a, b in zip(expected, before, strict=True)])
    assert moved.dtype == torch.float32
    assert torch.count_nonzero(moved) > 0.99 * moved.numel()
    assert float((moved - wanted).norm() / wanted.norm()) < 0.05  # passes are cut otherwise, and round so
    for weight, copy in zip(face.parameters(), found, strict=True):
        assert torch.equal(weight, copy.to(torch.bfloat16))


def test_what_would_spoil_the_weights_is_refused_by_all(group: Ranks, tmp_path: Path) -> None:
    recipe, policy = recipe_of("tiny"), policy_in(tmp_path / "policy", "tiny")
    face = load(recipe, policy)
    learner = together(group, recipe, policy, face)
    ((batch, advantage_N),) = batches(face, 1)
    before = flat(face)
    spoiled_N = np.where(np.arange(batch.num_targets) == batch.num_targets - 1, np.nan, advantage_N)
    with pytest.raises(TrainingError, match="loss nan"):
        learner.update(batch, spoiled_N)
    np.testing.assert_array_equal(flat(face), before)
    learner.optim = replace(learner.optim)
    assert np.isfinite(learner.update(batch, advantage_N)["loss"])
    assert np.abs(flat(face) - before).max() > 0


def _write(line: str) -> None:
    """Add a line to the table of a run at length."""
    if place := os.environ.get("TURNWISE_LEARNERS_TABLE"):
        with Path(place).open("a") as file:
            file.write(f"{line}\n")
