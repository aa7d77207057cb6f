"""The messages of a plan-execute agent, from their letters to their turns.

1. A line for the plan, a line for the action; what cannot be read is malformed.
2. The tokens of a message belong to the switch, the subgoal or the action.
3. The subgoal stays in force until the next one, in turns, files and prompts.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.policies import Policy
from turnwise.agents.prompts.config import PromptConfig, View
from turnwise.agents.prompts.conversation import Context
from turnwise.agents.prompts.parse import parse_action, token_spans
from turnwise.agents.prompts.plan import message_parts, one_line, read_plan
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.trajectories import read_trajectories, write_trajectories
from turnwise.agents.types import Generation, Span


@pytest.mark.parametrize(
    ("text", "switch", "subgoal", "action"),
    [
        ("keep\ngo to shelf 1", False, "", "go to shelf 1"),
        ("new: find mug\ngo to shelf 1", True, "find mug", "go to shelf 1"),
        ("new:find mug\n\n go to shelf 1 \n", True, "find mug", "go to shelf 1"),
        ("\n keep \ngo", False, "", "go"),
        ("<think>a mug?\nyes</think>\nnew: find mug\ngo", True, "find mug", "go"),
        ("new: keep\nkeep", True, "keep", "keep"),
    ],
)
def test_a_plan_and_an_action_are_read(text: str, switch: bool, subgoal: str, action: str) -> None:
    parsed = parse_action(text, "plan")
    assert (parsed.fault, parsed.switch, parsed.subgoal, parsed.action) == ("", switch, subgoal, action)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("go to shelf 1", "no_plan"),
        ("new find mug\ngo", "no_plan"),
        ("new: \ngo", "no_plan"),
        ("keep going\ngo", "no_plan"),
        ("", "no_plan"),
        ("keep", "empty_action"),
        ("keep\n ", "empty_action"),
        ("new: find mug", "empty_action"),
        ("<think>keep\ngo", "open_think"),
        ("keep\n" + 40_000 * "a", "too_long"),
    ],
)
def test_what_cannot_be_read_is_malformed_and_plans_nothing(text: str, fault: str) -> None:
    parsed = parse_action(text, "plan")
    assert (parsed.fault, parsed.switch, parsed.subgoal) == (fault, None, "")
    assert parsed.switch_chars is parsed.subgoal_chars is None


@given(st.booleans(), st.from_regex(r"[a-z][a-z ]{0,20}[a-z]", fullmatch=True), st.text(min_size=1))
def test_what_is_written_is_read(switch: bool, subgoal: str, action: str) -> None:
    text = "".join(message_parts(switch, subgoal, action))
    plan = read_plan(text)
    assert plan is not None
    assert (plan.switch, plan.subgoal) == (switch, subgoal if switch else "")
    assert text[plan.end :] == action


@given(st.text())
def test_any_text_fits_a_line(text: str) -> None:
    line = one_line(text)
    assert line == " ".join(line.split())
    assert len(line) <= 160


def letters(text: str) -> Generation:
    """Say a text with a token a letter, and the end of the message."""
    ends = (*range(1, len(text) + 1), len(text))
    return Generation(text, token_ids=(*map(ord, text), 0), char_ends=ends)


def test_every_token_belongs_to_a_decision() -> None:
    said = letters("new: mug\ngo")
    # n e w | : _ m u g \n | g o end
    assert token_spans(parse_action(said.text, "plan"), said) == (
        Span("switch", 0, 3),
        Span("subgoal", 3, 9),
        Span("action", 9, 12),
    )
    kept = letters("keep\ngo")
    assert token_spans(parse_action(kept.text, "plan"), kept) == (Span("switch", 0, 5), Span("action", 5, 8))
    assert token_spans(parse_action("gibberish", "plan"), letters("gibberish")) == ()


class Planner(Policy):
    """Prepared messages, one a turn, again from the beginning in each episode."""

    name = "planner"

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        self.prompts: list[str] = []

    async def generate(self, request):  # type: ignore[no-untyped-def]
        self.prompts.append(request.messages[-1].content)
        assert request.style == "plan"
        return letters(self.messages[request.turn])


def test_a_subgoal_stays_in_force(play, room, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = Planner("new: reach the door\nright", "keep\nleft", "nonsense", "new: turn back\nright")
    prompt = PromptConfig(mode="window", style="plan", show_admissible=True)
    result, _ = play(policy, [TaskItem(room("Corridor"), seed=1)], RolloutConfig(max_turns=4), prompt=prompt)
    (trajectory,) = result.trajectories
    assert [turn.switch for turn in trajectory.turns] == [True, False, False, True]
    assert [turn.subgoal for turn in trajectory.turns] == [*["reach the door"] * 3, "turn back"]
    assert [turn.action for turn in trajectory.turns] == ["right", "left", "nonsense", "right"]
    assert [turn.malformed for turn in trajectory.turns] == [False, False, True, False]
    assert "Subgoal" not in policy.prompts[0]
    assert "\nSubgoal: reach the door\nObservation 2:" in policy.prompts[1]
    write_trajectories(tmp_path / "t.jsonl.gz", [trajectory])
    assert read_trajectories(tmp_path / "t.jsonl.gz") == [trajectory]


def test_other_agents_have_no_plan(play, room, letters) -> None:  # type: ignore[no-untyped-def]
    result, _ = play(letters(), [TaskItem(room("Corridor"))], RolloutConfig(max_turns=2))
    assert {(turn.switch, turn.subgoal) for turn in result.trajectories[0].turns} == {(None, "")}


def test_a_conversation_shows_the_plan_as_it_was_said() -> None:
    context = Context(PromptConfig(style="plan", system=""), None)
    context.observe(View("A door.", "leave"))
    context.record("A door.", "go", letters("new: leave\ngo"), "leave")
    context.observe(View("A garden."))
    assert [message.content for message in context.messages][1:] == ["new: leave\ngo", "A garden."]
    assert context.subgoal == "leave"
