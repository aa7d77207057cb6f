"""What rollouts that branch promise.

1. A branch has its parent's past, token for token, and says its own next message.
2. Random numbers depend on (run, task, episode, member, turn) alone: the root of a tree
   plays what it would have played alone; equal arguments give equal trees.
3. It is the same in this process and over HTTP, and however many groups play at once.
4. Members that find no branch play from the start, or not at all.
5. A branch that cannot be forked is data with its cause; a failed root is played again.
6. Shared turns are counted once, and no session stays open.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import BranchingPlan, RolloutConfig, TaskItem, rollout
from turnwise.agents.trajectories import read_trajectories, write_trajectories
from turnwise.errors import UsageError
from turnwise.servers.client import connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import Problem
from turnwise.servers.sessions.service import Service

CONFIG = RolloutConfig(max_turns=5, max_tokens=64, deterministic=True, slots=8)
PLAIN = PromptConfig(show_admissible=True)


def binary(turns=(1, 2), **more):
    return BranchingPlan(1, lambda point: len(point.turns) in turns, **more)


def members(env_id, seed, size):
    return [TaskItem(env_id, seed=seed, group=f"g{seed}") for _ in range(size)]


def timeless(result):
    return [replace(trajectory, seconds=0.0) for trajectory in result.trajectories]


def test_a_tree_by_hand(play, room, letters):
    """Members 1 (from 0 at turn 1), then 2 and 3 (from 0 and 1 at turn 2), in a corridor of 4."""
    result, client = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=binary(), prompt=PLAIN)
    leaves = result.trajectories
    assert [leaf.member for leaf in leaves] == [0, 1, 2, 3]
    assert [(leaf.parent, leaf.branch_turn) for leaf in leaves] == [
        (None, None),
        ("g2#0", 1),
        ("g2#0", 2),
        ("g2#1", 2),
    ]
    assert [leaf.sampled_by for leaf in leaves] == [
        (),
        (0, *[1] * (len(leaves[1].turns) - 1)),
        (0, 0, *[2] * (len(leaves[2].turns) - 2)),
        (0, 1, *[3] * (len(leaves[3].turns) - 2)),
    ]
    for child, parent in ((1, 0), (2, 0), (3, 1)):
        turn = leaves[child].branch_turn
        assert leaves[child].turns[:turn] == leaves[parent].turns[:turn]
        # the same state, and a message of its own
        mine, other = leaves[child].turns[turn], leaves[parent].turns[turn]
        assert (mine.observation, mine.generation.prompt_ids) == (
            other.observation,
            other.generation.prompt_ids,
        )
    assert len({tuple(turn.action for turn in leaf.turns) for leaf in leaves}) == 4
    assert {leaf.name for leaf in leaves} == {f"g2#{member}" for member in range(4)}
    assert result.stats.turns == sum(len(leaf.own_turns) for leaf in leaves)
    assert result.stats.tokens == sum(t.generation.num_tokens for leaf in leaves for t in leaf.own_turns)
    assert [len(call) for call in client.created] == [1]


def test_each_leaf_says_what_the_room_answers(play, room, letters):
    """Replaying a leaf's actions from the start gives its observations: no branch disturbs another."""
    result, _ = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=binary(), prompt=PLAIN)
    for leaf in result.trajectories:
        place = 0
        for turn in leaf.turns:
            assert turn.state_key == f"at {place}"
            place = max(0, place + {"right": 1, "left": -1}[turn.action])
            assert turn.next_state_key == f"at {place}"


def test_the_root_plays_what_it_would_alone(play, room, letters):
    alone, _ = play(letters(), members(room("Corridor"), 2, 1), CONFIG, prompt=PLAIN)
    tree, _ = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=binary(), prompt=PLAIN)
    assert [t.action for t in tree.trajectories[0].turns] == [t.action for t in alone.trajectories[0].turns]


def test_a_window_shows_each_leaf_its_own_past(play, room, letters):
    window = replace(PLAIN, mode="window", history=2)
    result, _ = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=binary(), prompt=window)
    for leaf in result.trajectories:
        for number, turn in enumerate(leaf.turns[1:], start=1):
            prompt = "".join(map(chr, turn.generation.prompt_ids))
            assert f"Turns taken so far: {number}." in prompt
            assert f"Action {number}: {leaf.turns[number - 1].action}\n" in prompt


def over_http(policy, env_id, tasks, config, plan):
    async def inside():
        service = Service(Catalogue([env_id]))
        client = connect("http://test", network=httpx.ASGITransport(app=Application(service)))
        try:
            result = await rollout(client, policy, tasks, config, plan=plan, prompt=PLAIN)
            assert not service.sessions
            return result
        finally:
            await client.aclose()

    return asyncio.run(inside())


def test_the_same_over_http_and_however_many_play_at_once(play, room, letters):
    env_id = room("Corridor")
    tasks = [task for seed in range(3) for task in members(env_id, seed, 4)]
    first = timeless(play(letters(), tasks, CONFIG, plan=binary(), prompt=PLAIN)[0])
    assert first == timeless(play(letters(), tasks, CONFIG, plan=binary(), prompt=PLAIN)[0])
    assert first == timeless(play(letters(), tasks, replace(CONFIG, slots=1), plan=binary(), prompt=PLAIN)[0])
    assert first == timeless(
        play(letters(), tasks, replace(CONFIG, deterministic=False), plan=binary(), prompt=PLAIN)[0]
    )
    assert first == timeless(over_http(letters(), env_id, tasks, CONFIG, binary()))
    assert len(first) == 12


def test_members_without_a_branch_play_from_the_start_or_not_at_all(play, room, letters):
    never = BranchingPlan(2, lambda point: 0)
    filled, client = play(letters(), members(room("Corridor"), 1, 5), CONFIG, plan=never, prompt=PLAIN)
    plain, _ = play(letters(), members(room("Corridor"), 1, 5), CONFIG, prompt=PLAIN)
    assert timeless(filled) == timeless(plain)
    assert sum(len(call) for call in client.resets) == 2  # sessions that have ended are used again
    few, _ = play(
        letters(), members(room("Corridor"), 1, 5), CONFIG, plan=replace(never, fill=False), prompt=PLAIN
    )
    assert [leaf.member for leaf in few.trajectories] == [0, 1]


@pytest.mark.parametrize("one_by_one", [False, True])
def test_members_that_come_one_by_one_may_be_branched_from(play, room, letters, one_by_one):
    """The root has no branch; the second member, which plays from the start, has the third for one."""
    plan = BranchingPlan(1, lambda point: len(point.turns) == 1 and point.free < 3, one_by_one=one_by_one)
    result, _ = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=plan, prompt=PLAIN)
    parents = [leaf.parent for leaf in result.trajectories]
    assert parents == ([None, None, "g2#1", None] if one_by_one else [None] * 4)
    assert [leaf.error for leaf in result.trajectories] == [None] * 4


def test_more_branches_than_members_are_cut(play, room, letters):
    greedy = BranchingPlan(1, lambda point: 10)
    seen = []
    plan = replace(greedy, num_branches=lambda point: seen.append(point) or 10)
    result, _ = play(letters(), members(room("Corridor"), 0, 3), CONFIG, plan=plan, prompt=PLAIN)
    assert [leaf.branch_turn for leaf in result.trajectories] == [None, 0, 0]
    (point,) = seen  # with nobody left to branch the plan is not asked
    assert (point.turns, point.free, point.vocab_size, point.key) == ((), 2, 0, (0, 0, 0, 0, 0))
    assert point.generation == result.trajectories[0].turns[0].generation


def test_a_failed_root_is_played_again_and_a_failed_branch_is_data(play, room, letters):
    room_of = room("Faulty")  # every second step of an odd task fails
    result, _ = play(letters(), members(room_of, 1, 3), CONFIG, plan=binary(turns=(1,)), prompt=PLAIN)
    ends = [(leaf.end, leaf.member, leaf.branch_turn) for leaf in result.trajectories]
    assert ends == [("error", 0, None), ("error", 1, 1), ("error", 2, None)]
    # 0 had branched, and 1 is a branch, so neither is played again; 2, which found no branch, is
    assert result.stats.retries == 1
    assert all("the floor gave way" in str(leaf.error) for leaf in result.trajectories)


def test_a_fork_that_is_refused_is_data(play, room, letters, counting):
    class Unforkable(counting):
        async def fork(self, items, *, request_id):
            return [Problem(409, "busy", "not now") for _ in items]

    async def inside():

        client = Unforkable(connect("local:"))
        try:
            return await rollout(
                client,
                letters(),
                members(room("Corridor"), 2, 2),
                CONFIG,
                plan=binary(turns=(1,)),
                prompt=PLAIN,
            )
        finally:
            assert client.open == set()
            await client.aclose()

    root, branch = asyncio.run(inside()).trajectories
    assert root.end in ("terminated", "horizon")
    assert (branch.end, branch.parent, len(branch.turns)) == ("error", "g2#0", 1)
    assert branch.error is not None and "cannot branch at turn 1" in branch.error


def test_trees_are_stored_and_read_back(play, room, letters, tmp_path):
    result, _ = play(letters(), members(room("Corridor"), 2, 4), CONFIG, plan=binary(), prompt=PLAIN)
    write_trajectories(tmp_path / "tree.jsonl.gz", result.trajectories)
    assert read_trajectories(tmp_path / "tree.jsonl.gz") == list(result.trajectories)


def test_a_plan_without_roots_is_refused():
    with pytest.raises(UsageError, match="at least 1 root"):
        BranchingPlan(0, lambda point: 0)
