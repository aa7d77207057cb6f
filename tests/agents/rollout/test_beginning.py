"""What an episode may be given: turns that it did not choose, and words in its prompts.

1. Given actions are taken first, stand in the prompts as if they had been said, and are nobody's tokens.
2. A hint stands in every prompt of its own episode, and in no other's.
3. An episode that is led elsewhere, or over its end, fails with the cause and is not played again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import Beginning, RolloutConfig, TaskItem
from turnwise.agents.rollout.beginning import digest_of
from turnwise.agents.trajectories import read_trajectories, write_trajectories
from turnwise.errors import UsageError

CONFIG = RolloutConfig(max_turns=6, max_tokens=64, deterministic=True, slots=8)
PLAIN, TAGS = PromptConfig(), PromptConfig(style="tags")
WINDOW = PromptConfig(mode="window", history=1)
TWICE = Beginning(("right", "right"))


def task(env_id: str, **more: object) -> TaskItem:
    return TaskItem(env_id, seed=2, **more)  # the door is at 4


def words(prompt_ids: tuple[int, ...]) -> str:
    return "".join(map(chr, prompt_ids))


@pytest.mark.parametrize("prompt", [PLAIN, TAGS], ids=["plain", "tags"])
def test_given_turns_come_first_and_are_nobodys(play, room, letters, tmp_path, prompt):
    policy = letters(tags=prompt is TAGS)
    tasks = [task(room("Corridor")), task(room("Corridor"), beginning=TWICE)]
    result, _ = play(policy, tasks, CONFIG, prompt=prompt)
    alone, led = result.trajectories
    assert (alone.given, alone.aided, led.given, led.aided) == (0, False, 2, True)
    assert [turn.action for turn in led.turns[:2]] == ["right", "right"]
    assert [turn.state_key for turn in led.turns[:3]] == ["at 0", "at 1", "at 2"]
    assert [turn.index for turn in led.turns] == list(range(len(led.turns)))
    first, second, own = (turn.generation for turn in led.turns[:3])
    said = "<action>right</action>" if prompt is TAGS else "right"
    assert (first.text, first.token_ids, first.logprobs) == (said, tuple(map(ord, said)), ())
    # the next prompt goes on from what was given, its end included
    assert second.prompt_ids[: len(first.prompt_ids + first.token_ids) + 1] == (
        *first.prompt_ids, *first.token_ids, 0,
    )  # fmt: skip
    assert own.prompt_ids[: len(second.prompt_ids)] == second.prompt_ids
    assert own.logprobs
    assert [request.turn for request in policy.requests if len(request.prompt_ids) == len(own.prompt_ids)][
        :1
    ] == [2]
    assert led.own_turns == led.turns[2:]
    assert result.stats.turns == len(alone.turns) + len(led.turns) - 2
    assert not any(turn.malformed or turn.inadmissible for turn in led.turns)
    write_trajectories(tmp_path / "t.gz", result.trajectories)
    assert tuple(read_trajectories(tmp_path / "t.gz")) == result.trajectories


@pytest.mark.parametrize("prompt", [PLAIN, WINDOW], ids=["conversation", "window"])
def test_a_hint_stands_in_its_own_prompts_alone(play, room, letters, prompt):
    hinted = Beginning(hint="Hint: go right.")
    tasks = [task(room("Corridor")), task(room("Corridor"), beginning=hinted, member=0, episode=0)]
    result, _ = play(letters(), tasks, CONFIG, prompt=prompt)
    alone, helped = result.trajectories
    assert (alone.hint, helped.hint, helped.given, helped.aided) == ("", "Hint: go right.", 0, True)
    assert all("Hint" not in words(turn.generation.prompt_ids) for turn in alone.turns)
    texts = [words(turn.generation.prompt_ids) for turn in helped.turns]
    assert all(text.count("Your task: go to the door\nHint: go right.\n") == 1 for text in texts)
    # without it the prompts, and so what is said, are those of the other
    assert texts[0].replace("Hint: go right.\n", "") == words(alone.turns[0].generation.prompt_ids)
    long, short = replace(hinted, hint="x" * 99), replace(prompt, max_observation_chars=40)
    (cut,) = play(letters(), [task(room("Corridor"), beginning=long)], CONFIG, prompt=short)[0].trajectories
    assert "x" * 40 + " [cut]" in words(cut.turns[0].generation.prompt_ids)
    assert "x" * 41 not in words(cut.turns[0].generation.prompt_ids)


def test_whoever_is_led_elsewhere_fails_with_the_cause(play, room, letters):
    env_id = room("Corridor")
    beginnings = [
        replace(TWICE, state=digest_of("at 2")),
        replace(TWICE, state=digest_of("at 3")),
        Beginning(("right",) * 4),
    ]
    result, _ = play(letters(), [task(env_id, beginning=each) for each in beginnings], CONFIG, prompt=PLAIN)
    right, astray, over = result.trajectories
    assert right.end != "error"
    assert (astray.end, over.end, result.stats.retries) == ("error", "error", 0)
    assert "led to another state than before, 'at 2'" in astray.error
    assert "the 4 actions that it was given ended it" in over.error
    assert not over.counts


def test_prompts_that_actions_cannot_be_written_in_are_refused(play, room, letters):
    with pytest.raises(UsageError, match=r"turns cannot be given .*style 'plan'"):
        play(letters(), [task(room("Corridor"), beginning=TWICE)], CONFIG, prompt=PromptConfig(style="plan"))
