"""Critics: where values are read, what they learn, and training with each of them, end to end.

1. States are those of a plain forward pass, at the places that the heads name.
2. A cut-off trajectory goes on in the state that its next message would have answered.
3. Heads learn their targets; unknown ones do not count; slow copies follow by tau.
4. The methods with critics train, and a resumed run equals the uninterrupted one.
5. hae's switches, subgoals and actions are the tokens that its advantages reach.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.trajectories import read_trajectories
from turnwise.agents.types import Generation, Span, Trajectory, Turn
from turnwise.ends import End
from turnwise.errors import TableError, UnknownName, UsageError
from turnwise.trainers import credit as credits
from turnwise.trainers import weights
from turnwise.trainers.credit import Credit, Head, TurnTable
from turnwise.trainers.credit.methods.critics.hae import hae
from turnwise.trainers.learner.config import CriticConfig
from turnwise.trainers.learner.critic import Critic
from turnwise.trainers.learner.heads import find_heads
from turnwise.trainers.learner.states import read_states
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

Lights = Callable[..., Recipe]
HEADS_OF = {name: credits.get(name).heads for name in credits.names() if credits.get(name).heads}
SIZES = TinyConfig(
    vocab_size=24,
    hidden_size=16,
    num_layers=2,
    num_heads=2,
    num_kv_heads=1,
    intermediate_size=24,
    max_positions=64,
)
PLAN = (Span("switch", 0, 1), Span("subgoal", 1, 3), Span("action", 3, 5))


def turn(index: int, prompt: list[int], tokens: list[int], spans: tuple[Span, ...] = ()) -> Turn:
    generation = Generation("", tuple(prompt), tuple(tokens), (0.0,) * len(tokens))
    return Turn(index, "", "", "", 0.0, "", generation=generation, spans=spans, switch=len(spans) == 3)


def batch(end: End = "horizon", final: tuple[int, ...] = ()) -> list[Trajectory]:
    """Return a conversation of two turns, and a window of one.

    Tokens of the first: 1 5 6 | 7 8 9 10 11 | 12 | 13 14
    """
    first = turn(0, [1, 5, 6], [7, 8, 9, 10, 11], PLAN)
    second = turn(1, [1, 5, 6, 7, 8, 9, 10, 11, 12], [13, 14], (Span("switch", 0, 1), Span("action", 1, 2)))
    growing = Trajectory("e", "t", 0, "g", (first, second), end, final_prompt_ids=final)
    return [growing, Trajectory("e", "t", 0, "g", (turn(0, [2, 3], [4]),), "terminated")]


@pytest.fixture
def model() -> TinyLM:
    return TinyLM(SIZES, seed=3)


def states(model: TinyLM, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model.hidden(torch.tensor([ids]), torch.tensor([len(ids)]))[0]


def test_states_are_read_where_the_heads_say(model: TinyLM) -> None:
    found = read_states(model, batch(), ["prompt", "subgoal", "action", "end", "tokens"], 4096)
    whole, window = states(model, [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]), states(model, [2, 3, 4])

    def check(place: str, growing: list[int], other: list[int]) -> None:
        expected = torch.cat([whole[growing], window[other]])
        torch.testing.assert_close(found.state_PD[found.index[place]], expected)  # type: ignore[index]

    check("prompt", [2, 8], [1])
    check("subgoal", [2 + 1, 8], [1])  # after the switch; the second turn has none, the third no spans
    check("action", [2 + 3, 8 + 1], [1])
    check("end", [7, 10], [2])
    check("tokens", [2, 3, 4, 5, 6, 8, 9], [1])
    assert found.length_R.tolist() == [5, 2, 1]
    torch.testing.assert_close(found.state_PD[found.after_R[1]], whole[10])  # no room for the next prompt
    assert found.after_R[[0, 2]].tolist() == [-1, -1]


def test_a_cut_off_trajectory_goes_on_in_its_next_prompt(model: TinyLM) -> None:
    ids = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    grown = read_states(model, batch("horizon", (*ids, 15, 16)), ["prompt"], 4096)
    torch.testing.assert_close(grown.state_PD[grown.after_R[1]], states(model, [*ids, 15, 16])[12])
    fresh = read_states(model, batch("tokens", (3, 15)), ["prompt"], 8)
    torch.testing.assert_close(fresh.state_PD[fresh.after_R[1]], states(model, [3, 15])[1])
    over = read_states(model, batch("terminated", (3, 15)), ["prompt"], 4096)
    assert over.after_R.tolist() == [-1, -1, -1]


def test_columns_have_the_names_that_the_estimators_read(model: TinyLM) -> None:
    for estimator, heads in HEADS_OF.items():
        critic = Critic(16, heads, CriticConfig())
        for network in critic._networks.values():
            torch.nn.init.normal_(network[-1].weight)
        states_read = critic.read(model, batch())
        columns = critic.columns(states_read)
        if credits.get(estimator).against_reference:  # which the learner reads, not the critic
            tokens_R = [np.ones(length) for length in (5, 2, 1)]
            columns |= {"sampled": tokens_R, "log_ratio": tokens_R}
        table = TurnTable.from_trajectories(batch(), **columns)
        if estimator == "turn_ppo":
            assert columns["next_value"][[0, 2]].tolist() == [0.0, 0.0]
            assert columns["next_value"][1] != 0.0
        credit = credits.get(estimator)(table)
        assert set(critic.fit(states_read, credit)) >= {"value_loss", f"value_loss/{heads[0].name}"}


def test_heads_learn_their_targets(model: TinyLM) -> None:
    critic = Critic(16, [Head("low", "action", "low")], CriticConfig(learning_rate=2e-2, num_epochs=300))
    states_read = critic.read(model, batch())
    assert critic.columns(states_read)["low"].tolist() == [0.0, 0.0, 0.0]
    targets = {"low": np.array([1.0, 3.0, np.nan])}  # the last is unknown: it does not count
    first = critic.fit(states_read, Credit(np.zeros(3), targets=targets))
    assert first["value_loss"] == pytest.approx(0.5 * (1 + 9) / 2)
    assert first["explained_variance/low"] == 0.0  # a constant explains nothing
    second = critic.fit(states_read, Credit(np.zeros(3), targets=targets))
    assert second["value_loss"] < 1e-3
    assert second["explained_variance/low"] > 0.99
    np.testing.assert_allclose(critic.columns(states_read)["low"][:2], [1, 3], atol=0.05)


def test_only_known_targets_of_hae_are_learned() -> None:
    """A turn that keeps its subgoal has no high-level target: its 0 is no target."""
    table = TurnTable.from_columns(
        group=[0] * 3,
        trajectory=[0] * 3,
        reward=[0.0, 0.0, 1.0],
        end=["terminated"] * 3,
        switch=[1, 0, 1],
        v_low=[0.0] * 3,
        v_high=[0.0] * 3,
        v_term=[0.0] * 3,
    )
    credit = hae(table, gamma=0.5)
    by_name = {head.name: head.targets(credit) for head in HEADS_OF["hae"]}
    # the first segment ends in the second's value 0; with lambda 0.95 it sees 0.5^2 * 0.95 * 1 beyond
    np.testing.assert_allclose(by_name["v_high"], [0.25 * 0.95, np.nan, 1.0])
    np.testing.assert_allclose(by_name["v_term"], [0.0, 0.0, 1.0])
    with pytest.raises(TableError, match="gives no target 'value', it gives high, low, term"):
        HEADS_OF["turn_ppo"][0].targets(credit)


def test_slow_copies_follow_by_tau(model: TinyLM) -> None:
    heads = (Head("q", "end", "q", slow=True),)
    critic = Critic(16, heads, CriticConfig(learning_rate=0.1, num_epochs=20, tau=0.25))
    states_read = critic.read(model, batch())
    critic.fit(states_read, Credit(np.zeros(3), targets={"q": np.array([1.0, 2.0, 3.0])}))
    for slow, fast in zip(
        critic._slow["q"][-1].parameters(), critic._networks["q"][-1].parameters(), strict=True
    ):
        torch.testing.assert_close(slow, 0.25 * fast)  # the last layer began at 0
    columns = critic.columns(states_read)
    assert not np.allclose(columns["q"], columns["target_q"])


def test_a_state_continues_bit_for_bit(model: TinyLM) -> None:
    config = CriticConfig(num_epochs=2, batch_size=2)
    targets = {name: np.array([1.0, -1.0, 2.0]) for name in ("q1", "q2", "v1", "v2")}
    straight, resumed = (Critic(16, HEADS_OF["archer"], config, seed=5) for _ in range(2))
    states_read = straight.read(model, batch())
    straight.fit(states_read, Credit(np.zeros(3), targets=targets))
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    credit = Credit(np.zeros(3), targets=targets)
    assert straight.fit(states_read, credit) == resumed.fit(states_read, credit)
    for name, values in straight.columns(states_read).items():
        np.testing.assert_array_equal(values, resumed.columns(states_read)[name])


def test_heads_are_found_or_refused() -> None:
    assert {head.name: (head.place, head.target) for head in find_heads(HEADS_OF["hae"])} == {
        "v_low": ("action", "low"),  # knows the subgoal
        "v_high": ("subgoal", "high"),  # knows that there will be a new one
        "v_term": ("prompt", "term"),  # knows neither
    }
    places = {head.name: head.place for head in find_heads(HEADS_OF["archer"])}
    assert places == {"q1": "end", "q2": "end", "v1": "prompt", "v2": "prompt"}
    assert find_heads(credits.get("gigpo").heads) == ()
    assert find_heads((), ["value", "mine@end"]) == (
        Head("value", "prompt", "value", beyond=True),
        Head("mine", "end", "mine"),
    )
    with pytest.raises(UnknownName, match="did you mean 'action'"):
        find_heads((), ["value@acton"])
    with pytest.raises(UsageError, match="different names"):
        find_heads((), ["value", "value@end"])
    with pytest.raises(UsageError, match=r"critic\.tau is 0"):
        CriticConfig(tau=0)
    with pytest.raises(UsageError, match=r"critic\.num_epochs is 0"):
        CriticConfig(num_epochs=0)


def test_the_advantages_of_hae_reach_their_own_tokens() -> None:
    spans = {"switch": np.array([1.0, 4.0, 7.0]), "subgoal": np.array([2.0, 0.0, 0.0])}
    credit = Credit(np.array([3.0, 6.0, 9.0]), spans={**spans, "action": np.array([3.0, 6.0, 9.0])})
    turns = [said for trajectory in batch() for said in trajectory.turns]
    found = weights.get("spans")(credit, turns)
    assert [values.tolist() for values in found] == [[1, 2, 2, 3, 3], [4, 6], [9]]


METHODS = {
    "turn_ppo": {},
    "archer": {},
    "hae": {"prompt": {"style": "plan"}, "weights": {"name": "spans"}},
    "poad": {"weights": {"name": "tokens"}},
    "bilevel_gae": {"weights": {"name": "tokens"}},
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_with_critics_train_and_resume(lights: Lights, tmp_path: Path, method: str) -> None:
    changes = {
        "credit": {"name": method},
        "rollout": {"num_groups": 4, "group_size": 4, "max_turns": 2},  # every episode is cut off
        "eval": {"episodes": 0},
        **METHODS[method],
    }
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(lights(**changes), straight)
    train(lights(**changes, train={"num_updates": 2}), parted)
    train(lights(**changes), parted, resume=True)

    def weights_of(run: Path) -> dict[str, torch.Tensor]:
        return dict(load_model(checkpoint.load(checkpoint.latest(run / "checkpoints")).policy).state_dict())

    one, two = weights_of(straight), weights_of(parted)
    assert all(torch.equal(one[name], two[name]) for name in one)
    log = read_log(straight)
    assert log[0]["mismatch_max"] <= 1e-5
    for head in HEADS_OF[method]:
        assert log[-1][f"value_loss/{head.name}"] != log[0][f"value_loss/{head.name}"]
        assert log[-1][f"explained_variance/{head.name}"] <= 1.0
    stored = read_trajectories(straight / "trajectories" / "update-000001.jsonl.gz")
    for trajectory in stored:
        assert trajectory.final_prompt_ids[: len(trajectory.turns[-1].generation.prompt_ids)]


def test_turn_ppo_learns(lights: Lights, tmp_path: Path) -> None:
    recipe = lights(
        credit={"name": "turn_ppo"},
        train={"num_updates": 24},
        eval={"every": 0, "episodes": 64},
    )
    train(recipe, tmp_path / "run")
    log = read_log(tmp_path / "run")
    before, after = (entry["eval/success_rate"] for entry in log if entry["kind"] == "eval")
    assert after > before + 0.3


def test_a_planning_agent_learns_by_hae(lights: Lights, tmp_path: Path) -> None:
    """From nothing: it has to find out what to say about its plans as well as what to do."""
    recipe = lights(
        credit={"name": "hae"},
        prompt={"style": "plan"},
        weights={"name": "spans"},
        rollout={"max_tokens": 16},
        train={"num_updates": 30, "seed": 2},  # some seeds take longer than 30 updates to begin
        eval={"episodes": 0},
    )
    train(recipe, tmp_path / "run")
    rewards = [entry["reward"] for entry in read_log(tmp_path / "run")]
    assert len(rewards) == 30
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.15
