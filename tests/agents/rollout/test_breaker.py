"""A policy that can make none of its first messages is asked no more; one that can, may fail."""

from __future__ import annotations

import pytest

from turnwise.agents.policies import Policy, PolicyStopped, PromptTooLong
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.types import Generation
from turnwise.errors import PolicyError


class Failing(Policy):
    """A policy that makes a message where its plan says None, and raises elsewhere."""

    def __init__(self, plan):
        self.plan, self.num_asked = plan, 0

    async def generate(self, request):
        self.num_asked += 1
        error = self.plan[min(self.num_asked, len(self.plan)) - 1]
        if error is not None:
            raise error
        return Generation("<action>right</action>")


def played(play, room, plan, num=30, **config):
    policy = Failing(plan)
    tasks = [TaskItem(room("Corridor"), seed=seed) for seed in range(num)]
    result, _ = play(policy, tasks, RolloutConfig(slots=1, retries=0, **config))
    return policy, result.trajectories


def test_what_every_episode_would_meet_stops_once(play, room):
    policy = Failing([PolicyError("no system role")])
    with pytest.raises(PolicyStopped, match="no system role; none of the first 4 messages could be made"):
        play(policy, [TaskItem(room("Corridor"), seed=seed) for seed in range(30)], RolloutConfig(slots=1))
    assert policy.num_asked == 4


def test_one_that_has_made_a_message_may_fail(play, room):
    policy, trajectories = played(play, room, [None, *[PolicyError("down")] * 29])
    assert (policy.num_asked, len(trajectories)) == (31, 30)
    assert {trajectory.end for trajectory in trajectories} == {"error"}


def test_fewer_failures_at_the_start_cost_their_episodes_only(play, room):
    _, trajectories = played(play, room, [*[PolicyError("starting")] * 3, None], num=6)
    assert [trajectory.end for trajectory in trajectories] == ["error"] * 3 + ["terminated"] * 3


def test_prompts_that_are_too_long_are_no_failures_of_the_policy(play, room):
    _, trajectories = played(play, room, [PromptTooLong("too long")])
    assert len(trajectories) == 30
