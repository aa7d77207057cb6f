"""An operator takes a session over: by the owner's key alone, and the policy learns of it.

1. Steps without the word are refused, those with it are taken; also those that would be answered from store.
2. Given back, a session goes on for whoever knows where it stands; a policy does not take turns for its own.
3. Nobody else's session, none of a hosted run, and not by a wrong word.
4. A rollout leaves such an episode out, apart from what failed, and its session to the operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from turnwise import TextEnv
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.errors import RequestRefused
from turnwise.servers.client import SessionClient, connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import CreateItem, ForkItem, Problem, ResetItem, StepItem
from turnwise.servers.sessions.service import Service
from turnwise.trainers.runs.statistics import failed_share

MINE, OTHERS = "k" * 20, "o" * 20
ENV = f"{__file__}:Counting"


class Counting(TextEnv):
    """Five steps, each of which says what was done; it is won by the word `on` alone."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.done: list[str] = []
        return "go", {"won": False}

    def step(self, action: str):
        self.done.append(action)
        over = len(self.done) == 5
        return " ".join(self.done), 0.0, over, False, {"won": over and set(self.done) == {"on"}}


def with_clients(doing: Callable[..., Any]) -> Any:
    """Run something with a client of each of two keys of one server."""
    keys = Keys({MINE: Caller("mine"), OTHERS: Caller("others")})
    network = httpx.ASGITransport(app=Application(Service(Catalogue(trusted=True)), keys))

    async def inside() -> Any:
        mine, others = (connect("http://server", key, network=network) for key in (MINE, OTHERS))
        try:
            return await doing(mine, others)
        finally:
            await mine.aclose()
            await others.aclose()

    return asyncio.run(inside())


async def begun(client: SessionClient) -> str:
    (reply,) = await client.create([CreateItem(ENV)], request_id="one")
    return reply.id


async def step(client: SessionClient, id: str, turn: int, action: str = "on") -> Any:
    (row,) = await client.step([StepItem(id, 0, turn, action)])
    return row


def test_the_policy_is_refused_and_the_operator_plays() -> None:
    async def doing(mine: SessionClient, _: SessionClient) -> None:
        id = await begun(mine)
        assert (await step(mine, id, 0)).turn == 1
        hand = await mine.take(id, "looks stuck")
        for turn in (0, 1):  # the first would be answered from store
            refused = await step(mine, id, turn)
            assert (refused.status, refused.code) == (409, "taken_over") and "looks stuck" in refused.detail
        assert (await mine.describe(id))["taken"] == "looks stuck"
        assert (await mine.sessions())[0]["taken"] == "looks stuck"
        (reset,) = await mine.reset([ResetItem(id, 1)])
        (fork,) = await mine.fork([ForkItem(id)], request_id="fork")
        assert [row.code for row in (reset, fork)] == ["taken_over"] * 2
        await mine.close([id])  # as a policy does that gives up
        with pytest.raises(RequestRefused, match="taken_over"):
            await mine._requests.call("delete", id=id)
        assert (await mine.play(StepItem(id, 0, 1, "by hand"), hand)).observation == "on by hand"
        assert (await mine.play(StepItem(id, 0, 1, "by hand"), hand)).turn == 2  # asked twice, taken once
        await mine.give(id, hand)
        # it would be answered from store, and the policy would never know
        assert (await step(mine, id, 1, "by hand")).code == "taken_over"
        assert (await step(mine, id, 2)).observation == "on by hand on"
        (fork,) = await mine.fork([ForkItem(id)], request_id="fork again")
        assert fork.code == "taken_over"
        (reset,) = await mine.reset([ResetItem(id, 1)])
        assert (reset.episode, reset.turn) == (1, 0)
        (fork,) = await mine.fork([ForkItem(id)], request_id="fork of the next")
        assert not isinstance(fork, Problem)

    with_clients(doing)


def test_given_back_untouched_the_policy_goes_on_as_if_nothing_had_been() -> None:
    async def doing(mine: SessionClient, _: SessionClient) -> None:
        id = await begun(mine)
        await step(mine, id, 0)
        await mine.give(id, await mine.take(id))
        assert (await step(mine, id, 0)).turn == 1
        assert (await step(mine, id, 1)).turn == 2

    with_clients(doing)


def test_only_the_owner_takes_and_only_the_last_word_counts() -> None:
    async def doing(mine: SessionClient, others: SessionClient) -> None:
        id = await begun(mine)
        with pytest.raises(RequestRefused, match="unknown_session"):
            await others.take(id)
        hand = await mine.take(id)
        with pytest.raises(RequestRefused, match="unknown_session"):
            await others.play(StepItem(id, 0, 0, "on"), hand)
        with pytest.raises(RequestRefused, match="unknown_session"):
            await others.give(id, hand)
        again = await mine.take(id, "from another page")
        for wrong in (hand, "guess", "\N{SNOWMAN}"):
            with pytest.raises(RequestRefused, match="not_in_hand"):
                await mine.play(StepItem(id, 0, 0, "on"), wrong)
            with pytest.raises(RequestRefused, match="not_in_hand"):
                await mine.give(id, wrong)
        await mine.give(id, again)
        with pytest.raises(RequestRefused, match="not_in_hand"):
            await mine.play(StepItem(id, 0, 0, "on"), again)
        with pytest.raises(RequestRefused, match=r"at most 200"):
            await mine.take(id, "x" * 201)
        assert (await step(mine, id, 0)).turn == 1

    with_clients(doing)


class Interrupted(ScriptedPolicy):
    """A policy in whose third message somebody takes its session over."""

    client: SessionClient
    taken: tuple[str, str] | None = None

    async def generate(self, request):
        if request.turn == 2 and self.taken is None:
            rows = await self.client.sessions()
            id = next(row["id"] for row in rows if row["turn"] == 2)
            self.taken = (id, await self.client.take(id, "watch this"))
        return await super().generate(request)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_rollout_leaves_the_episode_out_and_the_session_to_the_operator(deterministic: bool) -> None:
    async def doing(mine: SessionClient, _: SessionClient) -> None:
        policy = Interrupted(["on"] * 5)
        policy.client = mine
        config = RolloutConfig(deterministic=deterministic, slots=2)
        tasks = [TaskItem(ENV, seed=0, group="g") for _ in range(3)]
        result = await rollout(mine, policy, tasks, config)
        ends = sorted(trajectory.end for trajectory in result.trajectories)
        assert ends == ["operator", "terminated", "terminated"]
        (left,) = [one for one in result.trajectories if one.end == "operator"]
        assert (left.success, left.counts, len(left.turns)) == (None, False, 2) and "watch this" in left.error
        stats = result.stats
        assert (stats.operated, stats.errors, stats.deadlines, stats.retries, stats.causes) == (
            1,
            0,
            0,
            0,
            {},
        )
        assert failed_share(result.trajectories) == 0.0
        assert policy.taken is not None
        id, hand = policy.taken
        assert [row["id"] for row in await mine.sessions()] == [id]  # the others are closed
        assert (await mine.play(StepItem(id, 0, 2, "by hand"), hand)).turn == 3

    with_clients(doing)


def test_an_evaluation_counts_it_apart(tmp_path) -> None:
    async def doing(mine: SessionClient, _: SessionClient) -> None:
        policy = Interrupted(["on"] * 5)
        policy.client = mine
        more = {"episodes": 4, "out": tmp_path, "config": RolloutConfig(slots=1, retries=3)}
        found = await evaluate(mine, policy, ENV, **more)
        assert (found.operated, found.errors, found.episodes, found.success_rate) == (1, 0, 3, 1.0)
        assert (
            found.coverage == 0.75 and found.ends == {"operator": 1, "terminated": 3} and found.causes == {}
        )
        again = await evaluate(mine, policy, ENV, **more)  # what nobody has a result of is played once more
        assert (again.operated, again.episodes, again.coverage) == (0, 4, 1.0)
        assert "operated" not in again.document()

    with_clients(doing)
