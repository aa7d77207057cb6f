"""The probability of the gold answer: by hand, with the tiny policy, and when it cannot be had."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.tiny.tokenizer import TinyTokenizer
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import PolicyError, TableError, UnknownName, UsageError
from turnwise.servers.client import connect
from turnwise.trainers.credit import TurnTable, get
from turnwise.trainers.rollouts import annotators
from turnwise.trainers.rollouts.annotators import Annotated


class Scorer(RandomPolicy):
    """Logprobs of letters: -n / 10 for the n-th letter, all divided by the length of the prompt."""

    name = "scorer"

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    async def score(self, prompt: Sequence[int], answer: Sequence[int]) -> tuple[float, ...]:
        self.asked.append((tuple(prompt), tuple(answer)))
        if len(prompt) > 90:
            raise PolicyError("the prompt is too long")
        return tuple(-(place + 1) / 10 / len(prompt) for place in range(len(answer)))


def episode(*prompts: tuple[int, ...], answer: Any = ("ab", "c"), **more: Any) -> Trajectory:
    info = {"private": {"answer": list(answer)}} if answer else {}
    turns = tuple(
        Turn(i, "o", "s", "a", 0.0, "n", generation=Generation("", p, (7,), (-1.0,)), info=info)
        for i, p in enumerate(prompts)
    )
    return Trajectory("e", "t", 0, "g", turns, **{"end": "terminated", **more})


def annotate(policy: Any, *episodes: Trajectory, **params: Any) -> tuple[list[Trajectory], dict[str, float]]:
    return asyncio.run(annotators.get("gold_prob")(episodes, policy, **params))


def test_by_hand() -> None:
    policy = Scorer()
    (first, second), figures = annotate(
        policy, episode((1,), (1, 7, 2)), episode((1,), (1, 7, 3)), before=">>"
    )
    # the answer "ab" after a prompt and two more tokens: exp(-(0.1 + 0.2) / 2 / length)
    at_3, at_5 = math.exp(-0.15 / 3), math.exp(-0.15 / 5)
    assert [turn.notes for turn in first.turns] == [{"gold_prob": pytest.approx(p)} for p in (at_3, at_5)]
    assert second.turns[0].notes == first.turns[0].notes
    assert policy.asked[0] == ((1, 62, 62), (97, 98))
    assert len(policy.asked) == 3
    # four turns, the first prompt of both is the same
    assert figures["annotate/gold_prob/calls"] == 3.0
    assert figures["annotate/gold_prob/cached"] == 1.0
    assert figures["annotate/gold_prob/failed"] == 0.0


def test_the_table_has_a_column_and_igpo_reads_it() -> None:
    noted, _ = annotate(Scorer(), episode((1,), (1, 7, 2)), before=">>")
    table = TurnTable.from_trajectories(noted)
    p = table.numbers("gold_prob")
    credit = get("igpo")(table)
    assert credit.parts["turn_reward"].tolist() == pytest.approx([p[1] - p[0], 0.0])
    plain = TurnTable.from_trajectories([*noted, replace(episode((1,)), group="h")])
    with pytest.raises(TableError, match=r"gold_prob of trajectory 1, turn 0 .* is nan"):
        get("igpo")(plain)


def test_what_cannot_be_scored_costs_its_trajectory_alone() -> None:
    failed = replace(episode((1,)), end="error", error="before")
    noted, figures = annotate(
        Scorer(), failed, episode((1,)), episode((1,), answer=None), episode((1,) * 89, (1,)), before=">>"
    )
    assert noted[0] is failed
    assert noted[1].counts
    assert [each.end for each in noted[2:]] == ["error", "error"]
    assert noted[2].error is not None and "no info['private']['answer']" in noted[2].error
    assert noted[3].error == "annotator gold_prob: the prompt is too long"
    assert figures["annotate/gold_prob/failed"] == 2.0


def test_a_policy_that_cannot_score_is_refused() -> None:
    class Mute(RandomPolicy):
        name = "mute"

    with pytest.raises(UsageError, match="'mute' has no `encode`"):
        annotate(Mute(), episode((1,)))
    with pytest.raises(UsageError, match="`before` has no tokens"):
        annotate(Scorer(), episode((1,)), before="")
    with pytest.raises(UnknownName, match="did you mean 'before'"):
        annotate(Scorer(), episode((1,)), befor="")


def test_the_tiny_policy_on_generated_questions() -> None:
    """What the annotator notes is what the model says of the answer in the place of the message."""
    tokenizer = TinyTokenizer.train(["Question: who wrote it? <answer>search</answer>"] * 3, 300)
    sizes = TinyConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=16,
        num_layers=1,
        num_heads=1,
        num_kv_heads=1,
        intermediate_size=16,
        max_positions=2048,
    )
    config = RolloutConfig(max_turns=2, max_tokens=24, deterministic=True, constraint="admissible")
    tasks = [TaskItem("search/generated-v1", {"choices": True}, seed=5, options={"answer": True})] * 2

    async def inside() -> tuple[list[Trajectory], list[float], list[float]]:
        client, policy = connect("local:"), TinyPolicy(TinyLM(sizes, seed=0), tokenizer)
        try:
            played = await rollout(client, policy, tasks, config)
            noted, _ = await annotators.get("gold_prob")(played.trajectories, policy, before="<answer>")
            turn = noted[0].turns[-1]
            prompt = turn.generation.prompt_ids + policy.encode("<answer>")
            answer = policy.encode(turn.info["private"]["answer"][0])
            scored = await policy.score(prompt, answer)
            return noted, list(scored), [each.turns[0].notes["gold_prob"] for each in noted]
        finally:
            await policy.aclose()
            await client.aclose()

    noted, scored, firsts = asyncio.run(inside())
    expected = math.exp(sum(scored) / len(scored))
    assert noted[0].turns[-1].notes["gold_prob"] == pytest.approx(expected, rel=1e-5)
    assert firsts[0] == firsts[1] > 0.0
    assert all(each.counts for each in noted)


def test_an_annotator_of_ones_own_gives_one_number_a_turn() -> None:
    @annotators.register("test_constant")
    async def constant(trajectories: Sequence[Trajectory], policy: Any, *, num: int = 1) -> Annotated:
        return Annotated({"one": [[1.0] * num for _ in trajectories]})

    noted, figures = asyncio.run(annotators.get("test_constant")([episode((1,))], Scorer()))  # type: ignore[arg-type]
    assert noted[0].turns[0].notes == {"one": 1.0}
    assert figures == {"annotate/test_constant/failed": 0.0}
    with pytest.raises(UsageError, match="2 values of 'one' for g#0, which has 1 turns"):
        asyncio.run(annotators.get("test_constant")([episode((1,))], Scorer(), num=2))  # type: ignore[arg-type]
    assert annotators.get("gold_prob").options == {"answer": True}
