"""A thought never reaches an environment, whoever opened it and wherever it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from turnwise.agents.prompts.config import EXPLAINED
from turnwise.agents.rollout import RolloutConfig, TaskItem

THOUGHT = "I could <action>right</action> or <search>x</search>, but"


@pytest.mark.parametrize("style", ["tags", "plain"])
def test_a_thought_that_the_template_opened_is_not_executed(play, room, letters, style):
    config = RolloutConfig(max_turns=1)
    answer = "<action>right</action>" if style == "tags" else "right"
    for said, action in ((THOUGHT, ""), (f"{THOUGHT}</think>\n{answer}", "right")):
        policy = letters([said])
        policy.opens_thought = True
        prompt = replace(EXPLAINED, style=style)
        result, client = play(policy, [TaskItem(room("Corridor"))], config, prompt=prompt)
        assert [item.action for item in client.steps[0]] == [action]
        turn = result.trajectories[0].turns[0]
        assert (turn.action, turn.malformed) == (action, not action)
        assert turn.next_state_key == ("at 1" if action else "at 0")
        if action:
            assert [span.role for span in turn.spans] == ["think", "action"]
            assert (turn.spans[0].start, turn.spans[0].end) == (0, len(THOUGHT))
