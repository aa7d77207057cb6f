"""What a rollout promises.

1. One trajectory a task, in the order of the tasks; members of a group differ, the task does not.
2. Random numbers depend on (run, task, episode, member, turn) alone, not on slots.
3. Lock-step repeats itself bit for bit, and its batches hold all who wait.
4. A TokenPolicy's prompts grow by exactly what was said and answered.
5. Sessions are made in groups, reused, stepped in batches, and always closed.
6. Horizon, tokens and deadline end an episode under their own names.
7. Failures are data: played again a bounded number of times, then recorded with their cause.
8. Malformed and inadmissible messages are counted apart and answered.
9. Only a policy that may see private parts gets them.
10. What concerns every episode (a wrong environment, a policy that stops) is raised.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from turnwise.agents.policies import PolicyStopped, PromptTooLong
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.rollout.config import number_members
from turnwise.agents.types import Generation, Span
from turnwise.errors import PolicyError, RequestRefused, ServerUnreachable, UsageError
from turnwise.servers.client import connect
from turnwise.servers.protocol.types import Problem, Reply

PLAIN = PromptConfig(show_admissible=True)


def timeless(result):
    return [replace(trajectory, seconds=0.0) for trajectory in result.trajectories]


def group(env_id, seed, size, **more):
    return [TaskItem(env_id, seed=seed, group=f"g{seed}", **more) for _ in range(size)]


def test_an_expert_walks_to_the_door(play, room):
    result, _ = play(ExpertPolicy(), [TaskItem(room("Corridor"), seed=s) for s in (1, 0, 2)])
    assert [len(t.turns) for t in result.trajectories] == [3, 2, 4]
    first = result.trajectories[0]
    assert (first.task, first.task_seed, first.group, first.end) == ("corridor-3", 1, "1", "terminated")
    assert (first.success, first.score, first.episode_return) == (True, 1.0, 1.0)
    assert first.instruction == "go to the door"
    assert first.final_observation == "You are at 3."
    assert first.fingerprint
    assert [turn.state_key for turn in first.turns] == ["at 0", "at 1", "at 2"]
    assert [turn.next_state_key for turn in first.turns] == ["at 1", "at 2", "at 3"]
    assert [turn.reward for turn in first.turns] == [0.0, 0.0, 1.0]
    assert [turn.rewards for turn in first.turns] == [{"progress": p} for p in (1.0, 2.0, 3.0)]
    assert first.turns[0].info == {
        "won": False,
        "score": 0.0,
        "private": {"door": 3, "expert": "right"},
    }
    assert result.stats.episodes == 3
    assert result.stats.turns == 9


def test_members_of_a_group_share_the_task_and_nothing_else(play, room):
    result, client = play(RandomPolicy(), [*group(room("Corridor"), 2, 6), *group(room("Corridor"), 1, 2)])
    assert {t.turns[0].observation for t in result.trajectories[:6]} == {"You are at 0. The door is at 4."}
    assert len({tuple(turn.action for turn in t.turns) for t in result.trajectories[:6]}) > 1
    assert [(item.seed, item.count, item.group) for item in client.created[0]] == [(2, 6, True), (1, 2, True)]


def test_slots_do_not_change_what_is_drawn(play, room):
    tasks = [TaskItem(room("Corridor"), seed=s // 2) for s in range(12)]
    results = [
        timeless(play(RandomPolicy(), tasks, RolloutConfig(slots=slots, deterministic=step))[0])
        for slots, step in ((1, False), (5, False), (12, True), (3, True))
    ]
    assert results[0] == results[1] == results[2] == results[3]
    other = timeless(play(RandomPolicy(), tasks, seed=1)[0])
    assert other != results[0]
    later = timeless(play(RandomPolicy(), [replace(task, episode=1) for task in tasks])[0])
    assert later != results[0]


def test_a_part_of_the_tasks_gives_a_part_of_the_trajectories(play, room):
    tasks = number_members([TaskItem(room("Corridor"), seed=s // 3) for s in range(9)])
    whole = timeless(play(RandomPolicy(), tasks)[0])
    rest = timeless(play(RandomPolicy(), tasks[4:])[0])
    assert rest == whole[4:]


def test_lock_step_repeats_its_batches(play, room, letters):
    def run():
        policy = letters()
        config = RolloutConfig(slots=4, deterministic=True, max_turns=6)
        tasks = [TaskItem(room("Corridor"), seed=s) for s in range(9)]
        result, _ = play(policy, tasks, config, prompt=PLAIN)
        return timeless(result), [request.key for request in policy.requests], policy.most_under_way

    first, second = run(), run()
    assert first == second
    assert first[2] == 4


def test_without_lock_step_all_who_wait_go_to_the_policy_together(play, room, letters):
    policy = letters()
    config = RolloutConfig(slots=8, deterministic=False)
    play(policy, [TaskItem(room("Corridor"), seed=0) for _ in range(8)], config, prompt=PLAIN)
    assert policy.most_under_way == 8


@pytest.mark.parametrize("deterministic", [False, True])
def test_prompts_grow_by_what_was_said_and_answered(play, room, letters, deterministic):
    policy = letters(tags=True)
    config = RolloutConfig(deterministic=deterministic, max_turns=5, max_tokens=64)
    tasks = [TaskItem(room("Corridor"), seed=s) for s in range(5)]
    result, _ = play(policy, tasks, config, prompt=replace(PLAIN, style="tags", system="S"))
    for trajectory in result.trajectories:
        assert trajectory.policy_version == 7
        opened = "".join(map(chr, trajectory.turns[0].generation.prompt_ids))
        assert opened == (
            "[system]S[user]Your task: go to the door\n" + trajectory.turns[0].observation
            + "\nAdmissible actions: left, right\x01"
        )  # fmt: skip
        for turn, following in zip(trajectory.turns, trajectory.turns[1:], strict=False):
            said = turn.generation
            grown = following.generation.prompt_ids
            kept = said.prompt_ids + said.token_ids
            assert grown[: len(kept)] == kept
            added = "".join(map(chr, grown[len(kept) :]))
            assert added == f"[user]{following.observation}\nAdmissible actions: left, right\x01"
            assert turn.spans == (Span("action", 8, len(said.token_ids) - 10),)
    assert sorted(policy.forgotten) == sorted({request.conversation for request in policy.requests})


def test_a_window_makes_each_prompt_again(play, room, letters):
    policy = letters()
    window = replace(PLAIN, mode="window", history=1)
    config = RolloutConfig(max_turns=3)
    result, _ = play(policy, [TaskItem(room("Corridor"), seed=2)], config, prompt=window)
    turns = result.trajectories[0].turns
    assert "".join(map(chr, turns[2].generation.prompt_ids)) == (
        "[user]Your task: go to the door\nTurns taken so far: 2.\n"
        f"Observation 2: {turns[1].observation}\nAction 2: {turns[1].action}\nObservation 3:\n"
        f"{turns[2].observation}\nAdmissible actions: left, right\x01"
    )
    assert policy.requests[0].conversation is None
    assert policy.forgotten == []


def test_messages_grow_for_a_policy_without_tokens(play, room):
    class Noting(ScriptedPolicy):
        async def generate(self, request):
            noted.append(request)
            return await super().generate(request)

    noted = []
    play(
        Noting(["left", "right"], cycle=True),
        [TaskItem(room("Corridor"), seed=0)],
        RolloutConfig(max_turns=2),
    )
    assert noted[1].messages[:-2] == noted[0].messages
    assert [(m.role, m.content.split("\n")[0]) for m in noted[1].messages[-2:]] == [
        ("assistant", "left"),
        ("user", "You are at 0."),
    ]


def test_sessions_are_made_in_groups_reused_and_stepped_together(play, room):
    tasks = [task for seed in range(4) for task in group(room("Corridor"), seed, 4)]
    _, client = play(ExpertPolicy(), tasks, RolloutConfig(slots=8, deterministic=True))
    assert [[item.count for item in call] for call in client.created] == [[4, 4]]
    assert sum(len(call) for call in client.resets) == 8
    assert [len(call) for call in client.steps][:2] == [8, 8]


def test_another_environment_needs_another_session(play, room):
    tasks = [TaskItem(room(name), seed=0) for name in ("Corridor", "Mute", "Corridor")]
    _, client = play(ScriptedPolicy(["right"], cycle=True), tasks, RolloutConfig(slots=1))
    assert [len(call) for call in client.created] == [1, 1, 1]
    assert client.resets == []


def test_the_horizon(play, room):
    left = ScriptedPolicy(["left"], cycle=True)
    result, _ = play(left, [TaskItem(room("Corridor"))], RolloutConfig(max_turns=4))
    assert (result.trajectories[0].end, len(result.trajectories[0].turns)) == ("horizon", 4)
    assert result.trajectories[0].success is False
    shorter, _ = play(left, [TaskItem(room("Corridor"), {"limit": 3})], RolloutConfig(max_turns=4))
    assert (shorter.trajectories[0].end, len(shorter.trajectories[0].turns)) == ("horizon", 3)
    assert shorter.stats.truncated == 1


def test_tokens(play, room, letters):
    config = RolloutConfig(max_tokens=6, max_episode_tokens=200)
    policy = letters(words=("left ",))
    result, _ = play(policy, [TaskItem(room("Corridor"), seed=2)], config, prompt=PLAIN, seed=3)
    (trajectory,) = result.trajectories
    last = trajectory.turns[-1].generation
    assert trajectory.end == "tokens"
    assert trajectory.counts
    assert len(last.prompt_ids) + 6 <= 200 < len(last.prompt_ids) + 6 + len(last.token_ids) + 60


def test_a_first_prompt_that_does_not_fit_is_an_error(play, room, letters):
    config = RolloutConfig(max_episode_tokens=70)
    result, _ = play(letters(), [TaskItem(room("Corridor"))], config, prompt=PLAIN)
    assert result.trajectories[0].end == "error"
    assert "exceed the limit of 70 before the first turn" in result.trajectories[0].error


def test_a_policy_may_say_that_its_context_is_full(play, room):
    class Short(ScriptedPolicy):
        def act(self, request):
            if request.turn == 2:
                raise PromptTooLong("full")
            return "left"

    result, _ = play(Short(["left"]), [TaskItem(room("Corridor"))])
    assert (result.trajectories[0].end, len(result.trajectories[0].turns)) == ("tokens", 2)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_deadline_ends_its_own_episode_only(play, room, deterministic):
    class Stalling(ScriptedPolicy):
        async def generate(self, request):
            if request.key[1] == 1 and request.turn == 1:
                await asyncio.sleep(60)
            return Generation(text="right")

    config = RolloutConfig(deadline_s=0.3, deterministic=deterministic)
    result, _ = play(Stalling(["right"]), [TaskItem(room("Corridor"), seed=s) for s in range(3)], config)
    assert [t.end for t in result.trajectories] == ["terminated", "deadline", "terminated"]
    late = result.trajectories[1]
    assert (len(late.turns), late.success, late.counts) == (1, None, False)
    assert late.error == "over 0.3 s"
    assert result.stats.deadlines == 1


def test_a_step_that_waits_holds_nobody_else_where_calls_are_single(play, room):
    script = ScriptedPolicy(["right", "left"], cycle=True)
    tasks = [TaskItem(room("Waiting")), *(TaskItem(room("Corridor"), seed=s) for s in range(3))]
    result, _ = play(
        script, tasks, RolloutConfig(deadline_s=0.5, max_turns=4, max_batch=1, deterministic=False)
    )
    assert [t.end for t in result.trajectories] == ["deadline", "horizon", "horizon", "horizon"]


def test_a_failing_environment_is_data(play, room):
    tasks = [TaskItem(room("Faulty"), seed=s) for s in range(4)]
    result, _ = play(ExpertPolicy(), tasks, RolloutConfig(retries=2))
    assert [t.end for t in result.trajectories] == ["terminated", "error", "terminated", "error"]
    failed = result.trajectories[1]
    assert "the floor gave way" in failed.error
    assert "turn 1" in failed.error
    assert (len(failed.turns), failed.success, failed.counts) == (1, None, False)
    assert (result.stats.errors, result.stats.retries) == (2, 4)
    assert sum(result.stats.causes.values()) == 2


def test_a_reset_that_fails_is_played_again(play, room):
    tasks = [TaskItem(room("Flaky"), seed=s) for s in (100, 101)]
    result, _ = play(ExpertPolicy(), tasks, RolloutConfig(retries=1, slots=1))
    assert [t.end for t in result.trajectories] == ["terminated", "terminated"]
    assert result.stats.retries == 2


def test_a_reward_that_is_no_number_is_an_error(play, room):
    result, _ = play(RandomPolicy(), [TaskItem(room("NotFinite"))])
    assert result.trajectories[0].end == "error"
    assert "nan" in result.trajectories[0].error


def test_a_policy_that_fails_costs_its_episode(play, room):
    result, _ = play(ScriptedPolicy(["left"]), [TaskItem(room("Corridor"))])
    (trajectory,) = result.trajectories
    assert trajectory.end == "error"
    assert trajectory.error.startswith("PolicyError: the script has 1 actions")
    assert len(trajectory.turns) == 1


def test_messages_without_an_action_and_actions_that_are_not_offered(play, room):
    class Chatty(ScriptedPolicy):
        names_actions = False

    script = ["I go right", "<action>fly</action>", "<action>right</action>", " right "]
    result, client = play(
        Chatty(script, cycle=True), [TaskItem(room("Corridor"))], RolloutConfig(max_turns=4)
    )
    turns = result.trajectories[0].turns
    assert [turn.malformed for turn in turns] == [True, False, False, True]
    assert [turn.inadmissible for turn in turns] == [False, True, False, False]
    assert [turn.action for turn in turns] == ["I go right", "fly", "right", "right"]
    assert [call[0].action for call in client.steps] == ["I go right", "fly", "right", "right"]
    assert (result.stats.malformed_rate, result.stats.inadmissible_rate) == (0.5, 0.25)


def test_an_environment_that_says_little(play, room):
    result, _ = play(ScriptedPolicy(["right"], cycle=True), [TaskItem(room("Mute"), seed=1)])
    (trajectory,) = result.trajectories
    assert (trajectory.success, trajectory.score, trajectory.episode_return) == (None, None, 1.0)
    assert trajectory.task == f"{room('Mute')}#1"
    assert trajectory.turns[1].state_key == "You are at 1."
    assert not trajectory.turns[0].inadmissible


def test_only_the_expert_sees_what_is_private(play, room):
    class Peeking(ScriptedPolicy):
        def act(self, request):
            assert request.private == {}
            return "right"

    result, client = play(Peeking(["right"]), [TaskItem(room("Corridor"))])
    assert result.trajectories[0].success
    assert client.created[0][0].options is None


def test_unknown_environments_and_arguments_are_raised(play, room):
    with pytest.raises(UsageError, match="unknown environment 'nowhere/none-v0'"):
        play(RandomPolicy(), [TaskItem("nowhere/none-v0")])
    with pytest.raises(UsageError, match=r"argument of .* 'width'|takes no arguments, and was given 'width'"):
        play(RandomPolicy(), [TaskItem(room("Corridor"), {"width": 2})])


def test_a_policy_that_stops_stops_the_rollout(play, room):
    class Stopping(ScriptedPolicy):
        def act(self, request):
            if request.turn == 1:
                raise PolicyStopped("the money is spent")
            return "left"

    finished = []
    with pytest.raises(PolicyStopped, match="the money is spent"):
        play(
            Stopping(["left"]),
            [TaskItem(room("Corridor"), seed=s) for s in range(9)],
            on_trajectory=lambda place, trajectory: finished.append(place),
        )
    assert finished == []


def test_a_cancelled_rollout_leaves_no_session(counting, room):
    class Endless(ScriptedPolicy):
        async def generate(self, request):
            await asyncio.sleep(60)
            raise PolicyError("never")

    async def inside():
        client = counting(connect("local:"))
        task = asyncio.create_task(
            rollout(client, Endless(["x"]), [TaskItem(room("Corridor"), seed=s) for s in range(5)])
        )
        while not client.open:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.open == set()
        assert not client.client.transport.service.sessions
        await client.aclose()

    asyncio.run(inside())


class Scripted:
    """A client whose calls fail as prescribed."""

    def __init__(self, create=None, step=None, delay_s=0.0):
        self.answers = {"create": create, "step": step}
        self.delay_s = delay_s
        self.closed: list[str] = []
        self.made = self.closings = 0

    async def create(self, items, *, request_id):
        await asyncio.sleep(self.delay_s)
        if isinstance(self.answers["create"], Exception):
            raise self.answers["create"]
        if self.answers["create"]:
            return [self.answers["create"]] * sum(item.count for item in items)
        rows = []
        for item in items:
            for _ in range(item.count):
                self.made += 1
                rows.append(Reply(f"s{self.made}", "i", 0, 0, "begin", info={"admissible": ["x"]}))
        return rows

    async def step(self, items):
        if isinstance(self.answers["step"], Exception):
            raise self.answers["step"]
        return [self.answers["step"]] * len(items)

    async def step_each(self, items):
        for pair in enumerate(await self.step(items)):
            yield pair

    async def close(self, ids):
        self.closings += 1
        self.closed += ids


def run_scripted(client, num_tasks=3, **config):
    tasks = [TaskItem("e", seed=s) for s in range(num_tasks)]
    return asyncio.run(rollout(client, RandomPolicy(), tasks, RolloutConfig(**config)))


def test_a_server_that_cannot_be_reached_is_raised():
    with pytest.raises(ServerUnreachable, match="gone"):
        run_scripted(Scripted(create=ServerUnreachable("gone")))


def test_a_server_lost_under_way_fails_its_episodes():
    client = Scripted(step=ServerUnreachable("gone"))
    result = run_scripted(client, retries=1)
    assert [t.error for t in result.trajectories] == ["ServerUnreachable: gone"] * 3
    assert sorted(client.closed) == [f"s{number}" for number in range(1, 7)]
    assert client.closings == 6  # each as its episode failed, not all at the end


def test_a_problem_in_a_step_fails_its_episode():
    client = Scripted(step=Problem(404, "unknown_session", "there is no session"))
    result = run_scripted(client, retries=0)
    assert {t.error for t in result.trajectories} == {
        "EnvironmentFault: e: unknown_session: there is no session"
    }


def test_a_full_server_is_raised_and_a_broken_one_is_data():
    with pytest.raises(RequestRefused, match="429 capacity: full"):
        run_scripted(Scripted(create=Problem(429, "capacity", "full")))
    result = run_scripted(Scripted(create=Problem(503, "journal_unavailable", "disk full")), retries=1)
    assert [(t.end, len(t.turns)) for t in result.trajectories] == [("error", 0)] * 3


def test_sessions_that_are_being_made_when_it_ends_are_closed():
    client = Scripted(delay_s=0.2)

    async def inside():
        task = asyncio.create_task(rollout(client, RandomPolicy(), [TaskItem("e"), TaskItem("e", seed=1)]))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(inside())
    assert sorted(client.closed) == ["s1", "s2"]


def test_no_task_is_no_trajectory(play):
    result, _ = play(RandomPolicy(), [])
    assert result.trajectories == ()


def test_wrong_settings_are_refused():
    for wrong in ({"max_turns": 0}, {"max_tokens": 0}, {"deadline_s": 0}, {"slots": 0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            RolloutConfig(**wrong)
    with pytest.raises(UsageError, match="did you mean 'admissible'"):
        RolloutConfig(constraint="admissable")
    with pytest.raises(UsageError, match="seed must not be negative, got -1"):
        asyncio.run(rollout(Scripted(), RandomPolicy(), [], seed=-1))
    with pytest.raises(UsageError, match="seed -1"):
        TaskItem("e", seed=-1)


def test_an_environment_may_share_its_info_and_pay_in_odd_numbers(play, room):
    tasks = [TaskItem(room(name), seed=s) for s in (1, 2) for name in ("Sharing", "Corridor")]
    shared, plain, shared_2, plain_2 = (t.turns for t in play(ExpertPolicy(), tasks)[0].trajectories)
    for odd, even in ((shared, plain), (shared_2, plain_2)):
        assert [replace(turn, info={}) for turn in odd] == [replace(turn, info={}) for turn in even]
        assert [turn.info["score"] for turn in odd] == [turn.info["score"] for turn in even]
        assert {type(turn.reward) for turn in odd} == {float}
    assert [turn.rewards["progress"] for turn in shared] == [1.0, 2.0, 3.0]
