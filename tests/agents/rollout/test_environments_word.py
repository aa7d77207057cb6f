"""Whether a message could be read: the environment's own word counts, whatever the style.

The environment of these tests reads `<ask>text</ask>`, as search reads its tags.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from turnwise import TextEnv
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.envs.tools import command
from turnwise.trainers import credit, rewards
from turnwise.trainers.credit import TurnTable

ASK = re.compile("<ask>(.*?)</ask>")


class Oracle(TextEnv):
    """What answers a question in its tags; a silent one does not say whether there was one."""

    def __init__(self, silent: bool = False) -> None:
        self.silent = silent

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        return "Ask.", {"won": False, "tools": [command("ask", "<ask>{what}</ask>", "ask it")]}

    def step(self, action: str):
        asked = len(ASK.findall(action)) == 1
        word = {} if self.silent else {"malformed": not asked}
        return "So it is." if asked else "What?", float(asked), False, False, {"won": asked, **word}


SAID = {
    "<ask>why</ask>": False,
    "<think>hm</think> <ask>why</ask>": False,
    "<action><ask>why</ask></action>": False,
    "why": True,
    "<ask>a</ask><ask>b</ask>": True,
    "<think><ask>why</ask>": True,
}


def played(play: Any, prompt: PromptConfig, **kwargs: Any) -> Any:
    tasks = [TaskItem(f"{__file__}:Oracle", kwargs, seed=0, member=member) for member in range(2)]
    config = RolloutConfig(max_turns=len(SAID), slots=1)
    return play(ScriptedPolicy(list(SAID), cycle=True), tasks, config, prompt=prompt)[0].trajectories


@pytest.mark.parametrize("style", ["plain", "tags"])
def test_the_environments_word_counts(play: Any, style: Any) -> None:
    for trajectory in played(play, PromptConfig(style=style)):
        assert [turn.malformed for turn in trajectory.turns] == list(SAID.values())
        assert all("malformed" not in turn.info and "tools" not in turn.info for turn in trajectory.turns)


def test_without_its_word_the_style_decides(play: Any) -> None:
    (first, _) = played(play, EXPLAINED, silent=True)
    assert [turn.malformed for turn in first.turns] == [False] * 5 + [True]  # only the thought left open


def test_the_penalty_of_a_recipe_reaches_what_could_not_be_read(play: Any) -> None:
    table = TurnTable.from_trajectories(played(play, PromptConfig(style="tags")))
    unread = np.array(list(SAID.values()) * 2)
    np.testing.assert_array_equal(table.valid, ~unread)
    fined = rewards.get("format")(table, cost=2.0)
    np.testing.assert_array_equal(fined.reward, np.where(unread, -2.0, 1.0))
    scored = credit.get("gigpo")(table, invalid_penalty=0.5, penalised="malformed")
    free = credit.get("gigpo")(table)
    assert (np.asarray(scored.parts["step_score"]) < np.asarray(free.parts["step_score"]))[unread].all()
